/*
 * test_probe_home.c - several canaries, controls that are deferred, mailboxes in trouble, the
 * ledger, the rate, and what comes after the verdict
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drive/ledger/ledger_memory.h"
#include "probe/report/progress.h"
#include "tests/unit/probe_lab.h"

static const struct world_row relays = {"relays",
                                        .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_RELAY)}};
static const struct world_row discards = {"discards", .rules = {ACCEPT_RCPT,
                                                                AT_DOT("250 2.0.0 Ok", FATE_NONE)}};
static const struct world_row denies = {"denies", .options = 0};

/* The lab of a row, with its config for the caller to change before it is run. */
static struct lab *open_lab(const struct world_row *row, struct probe_config *config)
{
    struct lab *lab = lab_new();
    struct world *w = sim_world(lab->sim);
    *config = config_of(row, lab);
    lab->mx.rules = row->rules;
    lab->mx.probe = lab->canary.probe = lab->probe;
    lab->canary.canary = true;
    fake_listen(&lab->mx, w, "192.0.2.1:25");
    fake_listen(&lab->canary, w, "192.0.2.9:25");
    return lab;
}

static void run_lab(struct lab *lab, const struct probe_config *config)
{
    struct probe_observer observer = {.finished = on_finished, .self = lab};
    probe_start(lab->probe, sim_world(lab->sim), config, &observer);
    sim_run(lab->sim, CLOCK_NEVER);
    assert_true(lab->finished);
}

static void expect(const struct lab *lab, enum verdict verdict, const char *code)
{
    const struct verdict_result *v = probe_verdict(lab->probe);
    if (v->verdict != verdict || strcmp(v->reason_code, code) != 0) {
        fail_msg("%s (%s), not %s (%s)", verdict_name(v->verdict), v->reason_code,
                 verdict_name(verdict), code);
    }
}

static int64_t seconds_taken(const struct lab *lab)
{
    return (lab->probe->finished_ns - lab->probe->started_ns) / CLOCK_SECOND;
}

static void add_canary(struct probe_config *config)
{
    config->further[config->further_count] = (struct canary){SPAN("y"), SPAN("other.test")};
    config->further_route[config->further_count++] = config->control_route;
}

/* -- canaries */

static void every_canary_is_asked_for(void **state)
{
    struct probe_config config;
    struct lab *lab = open_lab(&relays, &config);
    (void)state;
    add_canary(&config);
    run_lab(lab, &config);
    expect(lab, VERDICT_OPEN, "delivered");
    assert_int_equal(lab->probe->result_count, 2);
    assert_string_equal(form_id(&lab->probe->results[1].form).text, "S1-R1.2");
    assert_true(lab->probe->results[0].delivered && lab->probe->results[1].delivered);
    assert_non_null(strstr(lab->mx.lines, "@other.test>"));
    assert_true(lab->probe->controls[2].arrived);
    assert_int_equal(seconds_taken(lab), 0);
    lab_free(lab);
}

static void a_honeypot_delivers_the_first_alone(void **state)
{
    static const struct world_row row = {
        "the first alone",
        .rules = {ACCEPT_RCPT,
                  RULE(AT_END_OF_DATA, NULL, 1, 1, "250 2.0.0 Ok", THEN_GO_ON, .fate = FATE_RELAY),
                  AT_DOT("250 2.0.0 Ok", FATE_NONE)}};
    struct probe_config config;
    struct lab *lab = open_lab(&row, &config);
    (void)state;
    add_canary(&config);
    run_lab(lab, &config);
    expect(lab, VERDICT_OPEN, "delivered");
    assert_true(lab->probe->results[0].delivered);
    assert_false(lab->probe->results[1].delivered);
    assert_int_equal(seconds_taken(lab), 120); /* the second one was waited for */
    assert_int_equal(lab->probe->proof->form, 0);
    lab_free(lab);
}

static void a_token_can_be_the_local_part(void **state)
{
    struct probe_config config;
    struct lab *lab = open_lab(&relays, &config);
    (void)state;
    config.token_place = TOKEN_CATCH_ALL;
    run_lab(lab, &config);
    expect(lab, VERDICT_OPEN, "delivered");
    assert_null(strstr(lab->mx.lines, "+"));
    lab_free(lab);
}

/* -- controls */

static void a_deferred_control_is_asked_again(void **state)
{
    static const struct fake_rule greylist[] = {
        RULE(AT_RCPT, NULL, 1, 1, "450 4.2.0 Greylisted", THEN_GO_ON, .fate = FATE_NONE), {0}};
    struct probe_config config;
    struct lab *lab = open_lab(&discards, &config);
    (void)state;
    lab->canary.rules = greylist;
    run_lab(lab, &config);
    expect(lab, VERDICT_DISCARDS, "discarded");
    assert_int_equal(lab->probe->controls[0].attempts, 2);
    assert_true(lab->probe->target.first_connect_ns >= 30 * CLOCK_SECOND);
    lab_free(lab);
}

static void a_control_that_is_deferred_for_ever_ends_with_the_window(void **state)
{
    static const struct fake_rule later[] = {SAY(AT_RCPT, "450 4.2.0 Greylisted"), {0}};
    struct probe_config config;
    struct lab *lab = open_lab(&discards, &config);
    (void)state;
    lab->canary.rules = later;
    run_lab(lab, &config);
    expect(lab, VERDICT_ACCEPTS, "control-failed");
    assert_in_range(lab->probe->controls[0].attempts, 2, 5);
    assert_in_range(lab->probe->controls[1].attempts, 2, 5);
    assert_in_range(seconds_taken(lab), 120, 300);
    lab_free(lab);
}

static void a_deferral_that_asks_for_more_time_than_there_is_ends_it(void **state)
{
    static const struct fake_rule later[] = {
        SAY(AT_RCPT, "450 4.2.0 Greylisted, try again in 600 seconds"), {0}};
    struct probe_config config;
    struct lab *lab = open_lab(&denies, &config);
    (void)state;
    lab->canary.rules = later;
    run_lab(lab, &config);
    expect(lab, VERDICT_CLOSED, "relay-denied");
    assert_int_equal(lab->probe->controls[0].attempts, 1);
    assert_int_equal(seconds_taken(lab), 0);
    lab_free(lab);
}

static void without_a_way_in_there_is_no_control(void **state)
{
    struct probe_config config;
    struct lab *lab = open_lab(&discards, &config);
    (void)state;
    config.control_route.family = 0;
    run_lab(lab, &config);
    expect(lab, VERDICT_ACCEPTS, "no-control-route");
    lab_free(lab);
}

/* -- mailboxes */

struct trouble {
    struct world_timer timer;
    struct probe *probe;
    bool well, lasting;
};

static void make_trouble(void *self)
{
    struct trouble *t = self;
    if (t->well) {
        probe_mailbox_well(t->probe, SPAN("box"));
    } else {
        probe_mailbox_trouble(t->probe, SPAN("box"), SPAN("refused\n"), t->lasting);
    }
}

static void set_trouble(struct lab *lab, struct trouble *t, int64_t at_ns)
{
    t->probe = lab->probe;
    world_timer_init(&t->timer, make_trouble, t);
    world_timer_set(sim_world(lab->sim), &t->timer, at_ns);
}

static void a_mailbox_in_trouble_proves_nothing(void **state)
{
    static const struct {
        const char *label;
        bool heals, lasting;
        enum verdict verdict;
        const char *code;
        int64_t seconds;
    } rows[] = {
        {"it may heal", false, false, VERDICT_ACCEPTS, "mailbox-dead", 120},
        {"it healed", true, false, VERDICT_DISCARDS, "discarded", 120},
        {"it will not heal", false, true, VERDICT_ACCEPTS, "mailbox-dead", 10},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct probe_config config;
        struct lab *lab = open_lab(&discards, &config);
        struct trouble ill = {.lasting = rows[i].lasting}, well = {.well = true};
        config.mailboxes[0] = SPAN("box");
        config.mailbox_count = 1;
        set_trouble(lab, &ill, 10 * CLOCK_SECOND);
        if (rows[i].heals) {
            set_trouble(lab, &well, 60 * CLOCK_SECOND);
        }
        run_lab(lab, &config);
        expect(lab, rows[i].verdict, rows[i].code);
        assert_int_equal(seconds_taken(lab), rows[i].seconds);
        const struct probe *p = lab->probe;
        assert_true(
            span_equal(evidence_plain(&p->evidence, p->mailboxes[0].why), SPAN("refused\\n")));
        probe_mailbox_trouble(lab->probe, SPAN("nobody's"), SPAN("x"), true);
        lab_free(lab);
    }
}

/* -- the ledger */

struct watcher { /* a ledger that looks at the server when it is called */
    struct lab *lab;
    unsigned runs, forms, messages, arrivals, verdicts;
    bool broken;
};

static bool take_run(void *self, const struct ledger_run *r)
{
    struct watcher *w = self;
    w->runs++;
    assert_true(span_equal(r->run, SPAN("a test")));
    assert_true(span_equal(r->target, SPAN("192.0.2.1:25")));
    return true;
}

static bool take_form(void *self, const struct ledger_form *f)
{
    struct watcher *w = self;
    w->forms++;
    assert_true(f->form.len > 0 && f->state.len > 0);
    return true;
}

/* No byte of the message has been heard by then. */
static bool take_message(void *self, const struct ledger_message *m)
{
    struct watcher *w = self;
    bool control = span_starts(m->form, SPAN("control"));
    const struct fake_mx *mx = control ? &w->lab->canary : &w->lab->mx;
    assert_int_equal(mx->count[AT_END_OF_DATA], control ? (unsigned)(w->messages > 0) : 0);
    assert_int_equal(mx->links[0].content_len, 0);
    assert_true(span_starts(m->message_id, SPAN("<")));
    assert_true(token_find(m->recipient, 0) != SIZE_MAX);
    w->messages++;
    return !w->broken;
}

static bool take_arrival(void *self, const struct ledger_arrival *a)
{
    struct watcher *w = self;
    w->arrivals += a->kind == LEDGER_DELIVERY;
    assert_true(a->head.len > 0);
    return true;
}

static bool take_verdict(void *self, const struct ledger_verdict *v)
{
    struct watcher *w = self;
    w->verdicts++;
    assert_true(v->verdict.len > 0 && v->reason_code.len > 0);
    return true;
}

static const struct ledger_ops watching = {take_run, take_form, take_message, take_arrival,
                                           take_verdict};

static void all_is_written_before_it_matters(void **state)
{
    struct probe_config config;
    struct lab *lab = open_lab(&relays, &config);
    struct watcher w = {.lab = lab};
    (void)state;
    config.ledger = (struct ledger){&watching, &w};
    run_lab(lab, &config);
    expect(lab, VERDICT_OPEN, "delivered");
    assert_int_equal(w.runs, 2); /* and again when it greeted */
    assert_int_equal(w.forms, 1);
    assert_int_equal(w.messages, 3);
    assert_int_equal(w.arrivals, 1);
    assert_int_equal(w.verdicts, 1);
    lab_free(lab);
}

static void what_cannot_be_written_is_sent_or_not(void **state)
{
    (void)state;
    for (int required = 0; required <= 1; required++) {
        struct probe_config config;
        struct lab *lab = open_lab(&relays, &config);
        struct ledger_memory *memory = ledger_memory_new();
        assert_non_null(memory);
        ledger_memory_break(memory, true);
        config.ledger = ledger_memory_ledger(memory);
        config.ledger_required = required;
        run_lab(lab, &config);
        assert_true(lab->probe->ledger_failed);
        assert_int_equal(lab->mx.count[AT_END_OF_DATA], required ? 0 : 1);
        assert_int_equal(lab->canary.count[AT_END_OF_DATA], required ? 0 : 2);
        assert_true((probe_verdict(lab->probe)->verdict == VERDICT_OPEN) == !required);
        assert_true(probe_verdict(lab->probe)->verdict != VERDICT_CLOSED);
        ledger_memory_free(memory);
        lab_free(lab);
    }
}

/* -- the rest */

static void the_rate_holds(void **state)
{
    static const struct world_row row = {"hangs up", .rules = {CLOSE_AT(AT_RCPT, NULL)}};
    struct probe_config config;
    struct lab *lab = open_lab(&row, &config);
    (void)state;
    config.rate = 1;
    config.forms = SPAN("quick");
    run_lab(lab, &config);
    const int64_t *at = lab->probe->connected_ns;
    assert_true(lab->probe->target.sessions > 1);
    for (unsigned i = 1; i < lab->probe->target.sessions; i++) {
        assert_true(at[i] - at[i - 1] >= CLOCK_MINUTE);
    }
    lab_free(lab);
}

static void what_comes_after_the_verdict_still_changes_it(void **state)
{
    struct probe_config config;
    struct lab *lab = open_lab(&discards, &config);
    struct watcher w = {.lab = lab};
    char to[64];
    struct strbuf text;
    struct span recipient;
    (void)state;
    run_lab(lab, &config);
    expect(lab, VERDICT_DISCARDS, "discarded");
    lab->probe->config.ledger = (struct ledger){&watching, &w};
    strbuf_init(&text, to, sizeof(to));
    strbuf_addf(&text, "x+%s@canary.test",
                form_tokens(&lab->probe->results[0].form).recipient.text);
    recipient = span_of("x@canary.test");
    struct mail_view foreign = {SPAN("a@b.test"), &recipient, 1, SPAN("Subject: a\r\n\r\nb")};
    assert_false(probe_arrival(lab->probe, &foreign));
    recipient = span_of(to);
    struct mail_view mail = {SPAN("a@b.test"), &recipient, 1, SPAN("Subject: a\r\n\r\nb")};
    assert_true(probe_arrival(lab->probe, &mail));
    assert_true(probe_arrival(lab->probe, &mail));
    expect(lab, VERDICT_OPEN, "delivered");
    assert_int_equal(w.arrivals, 2);
    assert_int_equal(w.verdicts, 1);
    lab_free(lab);
}

static void the_dialogue_of_a_form_is_kept(void **state)
{
    static const char *const said[] = {"C: MAIL FROM:<x+", "\nS: 250", "\nC: RCPT TO:<x+",
                                       "\nC: DATA\nS: 354 ",
                                       "\nC: (the message)\nS: 250 2.0.0 Ok\n"};
    struct lab *lab = lab_run(&relays);
    char memory[2048];
    struct strbuf dialogue;
    (void)state;
    strbuf_init(&dialogue, memory, sizeof(memory));
    evidence_print_dialogue(&lab->probe->evidence, &lab->probe->results[0], &dialogue);
    struct span rest = strbuf_span(&dialogue);
    for (size_t i = 0; i < COUNT(said); i++) {
        size_t found = span_find(rest, span_of(said[i]));
        if (found == SIZE_MAX) {
            fail_msg("'%s' is not in '%s'", said[i], memory);
        }
        rest = span_from(rest, found);
    }
    lab_free(lab);
}

/* However much it is given: what it says is what it says with all memory, or that it had none. */
static void memory_that_runs_out_never_makes_a_wrong_verdict(void **state)
{
    static const struct {
        const struct world_row *row;
        enum verdict verdict, cut; /* cut: when it ran out behind an accepted message */
    } rows[] = {{&denies, VERDICT_CLOSED, VERDICT_INCONCLUSIVE},
                {&relays, VERDICT_OPEN, VERDICT_ACCEPTS},
                {&discards, VERDICT_DISCARDS, VERDICT_ACCEPTS}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool whole = false;
        unsigned cut_short = 0;
        for (size_t limit = 1; !whole; limit += 1 + limit / 64) {
            struct probe_config config;
            struct lab *lab = open_lab(rows[i].row, &config);
            config.memory_max = limit;
            config.forms = SPAN("S1-R1,S1-R2,S1-R4,R43");
            run_lab(lab, &config);
            const struct verdict_result *v = probe_verdict(lab->probe);
            whole = !lab->probe->memory.failed;
            cut_short += !whole;
            bool said = strcmp(v->reason_code, "no-memory") == 0 || v->verdict == rows[i].cut;
            if (v->verdict != rows[i].verdict && (whole || !said)) {
                fail_msg("%s with %zu octets: %s (%s)", rows[i].row->label, limit,
                         verdict_name(v->verdict), v->reason_code);
            }
            assert_true(whole || v->verdict != VERDICT_CLOSED);
            assert_true(lab->probe->memory.bytes <= limit);
            lab_free(lab);
        }
        assert_true(cut_short > 10);
    }
}

static void the_progress_line_says_what_is_awaited(void **state)
{
    static const struct {
        int64_t at_ns;
        const char *said;
    } rows[] = {
        {10 * CLOCK_SECOND, "waiting for control-before; 1:50 left"},
        {130 * CLOCK_SECOND, "waiting for S1-R1, control-after; 1:51 left (Ctrl-C: no longer)"},
        {CLOCK_NEVER, "finished"},
    };
    struct probe_config config;
    struct lab *lab = open_lab(&discards, &config);
    struct probe_observer observer = {.finished = on_finished, .self = lab};
    (void)state;
    lab->canary.lose_from = 1;
    lab->canary.lose_to = 9;
    probe_start(lab->probe, sim_world(lab->sim), &config, &observer);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[128];
        struct strbuf line;
        sim_run(lab->sim, rows[i].at_ns);
        strbuf_init(&line, room, sizeof(room));
        progress_line(&line, lab->probe);
        assert_string_equal(room, rows[i].said);
    }
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_canary_is_asked_for),
        cmocka_unit_test(a_honeypot_delivers_the_first_alone),
        cmocka_unit_test(a_token_can_be_the_local_part),
        cmocka_unit_test(a_deferred_control_is_asked_again),
        cmocka_unit_test(a_control_that_is_deferred_for_ever_ends_with_the_window),
        cmocka_unit_test(a_deferral_that_asks_for_more_time_than_there_is_ends_it),
        cmocka_unit_test(without_a_way_in_there_is_no_control),
        cmocka_unit_test(a_mailbox_in_trouble_proves_nothing),
        cmocka_unit_test(all_is_written_before_it_matters),
        cmocka_unit_test(what_cannot_be_written_is_sent_or_not),
        cmocka_unit_test(the_rate_holds),
        cmocka_unit_test(what_comes_after_the_verdict_still_changes_it),
        cmocka_unit_test(the_dialogue_of_a_form_is_kept),
        cmocka_unit_test(memory_that_runs_out_never_makes_a_wrong_verdict),
        cmocka_unit_test(the_progress_line_says_what_is_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
