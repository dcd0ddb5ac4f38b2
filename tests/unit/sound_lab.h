/*
 * sound_lab.h - one run of the probe against what a seed draws, and our own record of what came
 *
 * Raw messages are searched for tokens byte by byte, and what the mocks made themselves (bounces,
 * automatic replies) is known by its own text. Include after cmocka.h.
 */
#ifndef RELAYLAB_TESTS_SOUND_LAB_H
#define RELAYLAB_TESTS_SOUND_LAB_H

#include <stdio.h>
#include <stdlib.h>

#include "mockmta/mock.h"
#include "probe/probe_state.h"
#include "probe/home/sink.h"
#include "tests/unit/random_server.h"

#include "tests/unit/random_box.h"

enum { SEEDS_DEFAULT = 2000, EPOCH_S = 1795502520, TOLD_MAX = 65536 };

/* Connections that stand when the verdict is due are closed first. */
static const int64_t slack_ns = 60 * CLOCK_SECOND;
/* A last look into a mailbox is awaited. */
static const int64_t look_ns = 126 * CLOCK_SECOND;

struct form_record {
    unsigned accepted;  /* end-of-data answered with 2yz by the target */
    bool taken;         /* its recipient was, and nothing that was said of its message since */
    bool ever;          /* its recipient was taken once */
    unsigned copies;    /* messages at the sink that name the form and that no mock made */
    unsigned certain;   /* of these, with a reverse-path and to the form's own address */
    unsigned reports;   /* made by a mock */
    int64_t visible_ns; /* when the first of them could be read in the box; 0: none was put there */
};

struct lab {
    struct sim *sim;
    struct world *world;
    struct probe *probe;
    struct sink *sink;
    struct mock *target, *hop;
    struct random_server target_config, hop_config;
    struct token_key key;
    struct endpoint target_at, hop_at, sink_at;
    struct world_timer interrupt;
    struct random_box box;
    bool stored, ready; /* mail is stored in the box and read from there */
    struct {            /* of the box, before the probe began */
        bool now, lasting;
    } trouble_at_first;
    enum mood mood;
    bool interrupted, finished, verbose;
    unsigned connections;
    int64_t finished_ns, started_ns, interrupt_ns;
    enum sim_end end;
    uint64_t hash;
    struct form_record forms[FORMS_MAX];
    struct {
        int form; /* of the transaction; -1: none */
        bool companion;
    } asked[PROBE_SESSIONS_MAX + 1]; /* by each connection's last RCPT */
    struct tls *tls;                 /* of the probe, where the target offers it */
    char trouble[512];
};

/* -- the record */

/* ASCII letters are equal in either case, as are some others that no word holds. */
static inline uint8_t folded(char c)
{
    return (uint8_t)c | 0x20;
}

/* By Horspool: the octet under the word's end says how far the word may move. Each message is
   searched for each token of each form, so this is most of what a seed costs. */
static inline bool holds(struct span text, const char *word, size_t len)
{
    uint8_t moves[256];
    memset(moves, (int)len, sizeof moves);
    for (size_t i = 0; i + 1 < len; i++) {
        moves[folded(word[i])] = (uint8_t)(len - 1 - i);
    }
    for (size_t i = 0; i + len <= text.len; i += moves[folded(text.ptr[i + len - 1])]) {
        size_t k = 0;
        while (k < len && folded(text.ptr[i + k]) == folded(word[k])) {
            k++;
        }
        if (k == len) {
            return true;
        }
    }
    return false;
}

static inline bool holds_word(struct span text, const char *word)
{
    return holds(text, word, strlen(word));
}

static inline bool holds_token(struct span text, const struct token *t)
{
    return holds(text, t->text, TOKEN_LEN);
}

static inline bool envelope_holds(const struct mail_view *mail, const struct token *t)
{
    for (size_t i = 0; i < mail->recipient_count; i++) {
        if (holds_token(mail->recipients[i], t)) {
            return true;
        }
    }
    return false;
}

/* bounce.c and lib/smtp/dsn.c write these, our messages do not. */
static inline bool made_by_a_mock(const struct mail_view *mail)
{
    static const char *const marks[] = {"report-type=delivery-status",
                                        "I was not able to deliver your message",
                                        "I am away. You wrote:"};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (holds_word(mail->content, marks[i])) {
            return true;
        }
    }
    return false;
}

static inline void record_mail(struct lab *lab, const struct mail_view *mail)
{
    const struct probe *p = lab->probe;
    bool report = made_by_a_mock(mail);
    for (size_t i = 0; i < p->result_count; i++) {
        const struct token_pair t = form_tokens(&p->results[i].form);
        bool to = envelope_holds(mail, &t.recipient);
        bool named = to || envelope_holds(mail, &t.sender) ||
                     holds_token(mail->content, &t.sender) ||
                     holds_token(mail->content, &t.recipient);
        lab->forms[i].copies += named && !report;
        lab->forms[i].reports += named && report;
        lab->forms[i].certain += to && !report && mail->sender.len > 0 &&
                                 !holds_token(mail->sender, &t.recipient);
    }
}

/* What lies in the box may be read or not. */
static inline void record_put(struct lab *lab, const struct mail_view *mail)
{
    const struct probe *p = lab->probe;
    int64_t at = clock_after(world_now(lab->world), lab->box.visible_after_ns);
    for (size_t i = 0; i < p->result_count && !made_by_a_mock(mail); i++) {
        const struct token_pair t = form_tokens(&p->results[i].form);
        bool ours = envelope_holds(mail, &t.recipient) || holds_token(mail->content, &t.recipient);
        if (ours && (lab->forms[i].visible_ns == 0 || at < lab->forms[i].visible_ns)) {
            lab->forms[i].visible_ns = at;
        }
    }
}

static inline bool show_probe(struct lab *lab, const struct mail_view *mail)
{
    if (!lab->finished) {
        record_mail(lab, mail);
    }
    return probe_arrival(lab->probe, mail);
}

static inline void on_mail(void *self, const struct mail_view *mail, bool truncated)
{
    struct lab *lab = self;
    (void)truncated;
    if (lab->stored) {
        record_put(lab, mail);
        random_box_put(&lab->box, mail);
    } else {
        (void)show_probe(lab, mail);
    }
}

static inline bool on_read(void *self, struct span name, const struct mail_view *mail,
                           bool truncated)
{
    struct lab *lab = self;
    (void)name;
    (void)truncated;
    return lab->ready && show_probe(lab, mail);
}

static inline void on_trouble(void *self, struct span name, struct span why, bool lasting)
{
    struct lab *lab = self;
    lab->trouble_at_first.now = true;
    lab->trouble_at_first.lasting = lasting;
    if (lab->ready) {
        probe_mailbox_trouble(lab->probe, name, why, lasting);
    }
}

static inline void on_well(void *self, struct span name)
{
    struct lab *lab = self;
    lab->trouble_at_first.now = false;
    if (lab->ready) {
        probe_mailbox_well(lab->probe, name);
    }
}

static inline void on_ready(void *self, struct span name)
{
    struct lab *lab = self;
    (void)name;
    world_stop(lab->world);
}

static inline void on_expect(void *self)
{
    struct lab *lab = self;
    if (lab->stored) {
        watch_hurry(lab->box.watch);
    }
}

static inline void on_callout(void *self, struct span sender, struct span recipient)
{
    struct lab *lab = self;
    probe_callout(lab->probe, sender, recipient);
}

static inline void on_refused(void *self, struct span recipient, struct span reply)
{
    struct lab *lab = self;
    probe_canary_refused(lab->probe, recipient, reply);
}

/* The external form that a RCPT names, or -1. */
static inline int form_named(const struct lab *lab, struct span line)
{
    const struct probe *p = lab->probe;
    size_t at = token_find(line, 0);
    for (size_t i = 0; i < p->result_count && at != SIZE_MAX; i++) {
        const struct form *f = &p->results[i].form;
        const struct token_pair t = form_tokens(f);
        if (f->kind == FORM_EXTERNAL &&
            token_equal(&t.recipient, (struct span){line.ptr + at, TOKEN_LEN})) {
            return (int)i;
        }
    }
    return -1;
}

/* What the target said to recipients of strangers, and to their messages. */
static inline void record_answer(struct lab *lab, const struct mock_event *e)
{
    if (e->connection > PROBE_SESSIONS_MAX) {
        return;
    }
    int *form = &lab->asked[e->connection].form;
    bool *companion = &lab->asked[e->connection].companion;
    if (e->kind == MOCK_CONNECT || (e->kind == MOCK_REPLY && e->at == AT_MAIL)) {
        *form = -1;
    } else if (e->kind == MOCK_COMMAND && e->at == AT_RCPT) {
        int named = form_named(lab, e->text);
        *companion = named < 0;
        *form = named < 0 ? *form : named;
    }
    if (e->kind != MOCK_REPLY || *form < 0) {
        return;
    }
    bool to_message = e->at == AT_DATA || e->at == AT_BDAT || e->at == AT_END_OF_DATA;
    if (e->at == AT_RCPT && !*companion) {
        lab->forms[*form].taken |= e->code / 100 == 2;
        lab->forms[*form].ever |= e->code / 100 == 2;
    } else if (to_message && e->code >= 400) {
        lab->forms[*form].taken = false;
    }
}

static inline void on_target(void *self, struct mock *m, const struct mock_event *e)
{
    struct lab *lab = self;
    (void)m;
    lab->connections += e->kind == MOCK_CONNECT;
    record_answer(lab, e);
    if (e->kind == MOCK_ACCEPTED) {
        const struct probe *p = lab->probe;
        for (size_t i = 0; i < p->result_count; i++) {
            const struct token_pair t = form_tokens(&p->results[i].form);
            lab->forms[i].accepted += holds_token(e->mail->content, &t.recipient);
        }
    }
    if (lab->verbose && (e->kind != MOCK_REPLY && e->kind != MOCK_COMMAND)) {
        printf("%10.3f   %s %.*s\n", (double)e->at_ns / 1e9, mock_event_name(e->kind),
               (int)e->text.len, e->text.ptr);
    }
}

static inline void on_line(void *self, unsigned session, char direction, struct span text)
{
    struct lab *lab = self;
    if (lab->verbose) {
        printf("%10.3f %u %c: %.*s\n", (double)world_now(lab->world) / 1e9, session, direction,
               (int)span_chr(text, '\r') < (int)text.len && span_chr(text, '\r') != SIZE_MAX
                   ? (int)span_chr(text, '\r')
                   : (int)text.len,
               text.ptr);
    }
}

static inline void on_arrival(void *self, enum arrival_kind kind, const struct form_result *form,
                              const struct mail_view *mail)
{
    static const char *const names[] = {"delivery", "report", "control", "foreign",
                                        "unclear",  "forged", "replayed"};
    struct lab *lab = self;
    if (lab->verbose) {
        printf("%10.3f   * %s %s from <%.*s>\n", (double)world_now(lab->world) / 1e9, names[kind],
               form != NULL ? form_id(&form->form).text : "-", (int)mail->sender.len,
               mail->sender.ptr);
    }
}

static inline void on_finished(void *self, const struct probe *p)
{
    struct lab *lab = self;
    (void)p;
    lab->finished = true;
    lab->finished_ns = world_now(lab->world);
    world_stop(lab->world);
}

static inline void on_interrupt(void *self)
{
    struct lab *lab = self;
    probe_interrupt(lab->probe);
}

static inline bool has_looked(void *self)
{
    struct lab *lab = self;
    return !lab->stored || watch_is_current(lab->box.watch);
}

/* -- one run */

static inline void open_mock(struct lab *lab, struct mock **mock, const struct random_server *s,
                             const struct endpoint *at, const struct endpoint *route, bool watched)
{
    const struct mock_route routes[] = {
        {"canary.test", *route}, {"*.canary.test", *route}, {"other.test", *route}};
    char memory[160];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    *mock = mock_new(lab->world, &s->config, routes, COUNT_OF(routes), NULL,
                     (struct mock_observer){.see = watched ? on_target : NULL, .self = lab});
    assert_non_null(*mock);
    assert_true(mock_listen(*mock, NULL, at, NULL, &error));
}

static inline void open_sink(struct lab *lab)
{
    char memory[160];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    lab->sink = sink_new(lab->world, (struct sink_owner){.mail = on_mail,
                                                         .callout = on_callout,
                                                         .refused = on_refused,
                                                         .self = lab});
    assert_non_null(lab->sink);
    assert_true(sink_domain_add(lab->sink, SPAN("canary.test")));
    assert_true(sink_domain_add(lab->sink, SPAN("other.test")));
    assert_true(sink_listen(lab->sink, &lab->sink_at, NULL, &error));
}

static inline void draw_config(struct lab *lab, struct prng *p, struct probe_config *c)
{
    static const char *const forms[] = {"quick", "standard", "full", "S1-R1", "S1-R1,S2-R1,R5,R43"};
    bool plain = lab->mood < MOOD_FAULTY;
    *c = (struct probe_config){
        .canary_local = SPAN("probe"),
        .canary_domain = SPAN("canary.test"),
        .sender_local = SPAN("probe"),
        .sender_domain = SPAN("canary.test"),
        .contact = SPAN("relaylab"),
        .target = lab->target_at,
        .target_name = prng_chance(p, 2, 3) ? SPAN("mx.victim.test") : SPAN(""),
        .local_domain = prng_chance(p, 2, 3) ? SPAN("victim.test") : SPAN(""),
        .forms = span_of(forms[draw_below(p, COUNT_OF(forms))]),
        .mailbox = plain || prng_chance(p, 7, 8),
        .control_route = lab->sink_at,
        .wait_ns = draw_ns(p, 10, plain ? 60 : 300) * CLOCK_SECOND,
        .max_time_ns = draw_ns(p, 1, 30) * CLOCK_MINUTE,
        .retry_ns = draw_ns(p, 1, 400) * CLOCK_SECOND,
        .timeouts = smtp_timeouts_rfc5321,
        .pipelining = prng_chance(p, 1, 2),
        .exhaustive = prng_chance(p, 1, 4),
        .vantage = VANTAGE_OUTSIDE,
        .key = &lab->key,
        .run_id = SPAN("soundness"),
    };
    c->max_time_ns = plain ? CLOCK_HOUR : c->max_time_ns;
    lab->interrupted = !plain && prng_chance(p, 1, 8);
    c->sessions = prng_chance(p, 1, 2) ? 1 + (unsigned)draw_below(p, 4) : 0;
    c->max_messages = !plain && prng_chance(p, 1, 6) ? (unsigned)prng_range(p, 1, 6) : 0;
    c->extras.local_recipient = prng_chance(p, 1, 2) ? SPAN("info@victim.test") : SPAN("");
    c->memory_max = !plain && prng_chance(p, 1, 8) ? (size_t)prng_range(p, 20000, 200000) : 0;
}

/* Further canaries and local domains, and everything behind STARTTLS. */
static inline void draw_further(struct lab *lab, struct prng *p, struct probe_config *c)
{
    if (prng_chance(p, 1, 8)) {
        c->further[0] = (struct canary){SPAN("probe"), SPAN("other.test")};
        c->further_route[0] = lab->sink_at;
        c->further_count = 1;
    }
    if (prng_chance(p, 1, 8)) {
        c->further_local[0] = SPAN("second.test");
        c->further_local_count = 1;
    }
    c->tls = lab->target_config.config.tls == MOCK_TLS_STARTTLS ? lab->tls : NULL;
    c->tls_mode = c->tls != NULL && prng_chance(p, 1, 6) ? SESSION_TLS_STARTTLS : SESSION_TLS_AUTO;
}

static inline void draw_lab(struct lab *lab, struct prng *p, struct probe_config *config)
{
    struct sim_path path;
    lab->mood = (enum mood)draw_below(p, MOOD_COUNT);
    bool has_hop = prng_chance(p, 1, 3);
    random_server(p, &lab->target_config, lab->mood, "victim.test");
    random_server(p, &lab->hop_config, lab->mood, "hop.test");
    has_hop = has_hop && lab->mood >= MOOD_FAULTY;
    open_sink(lab);
    lab->target_config.config.tls = lab->tls != NULL ? lab->target_config.config.tls
                                                     : MOCK_TLS_UNSET;
    open_mock(lab, &lab->target, &lab->target_config, &lab->target_at,
              has_hop ? &lab->hop_at : &lab->sink_at, true);
    open_mock(lab, &lab->hop, &lab->hop_config, &lab->hop_at, &lab->sink_at, false);
    random_path(p, &path, lab->mood);
    sim_at(lab->sim, &lab->target_at, &path);
    random_path(p, &path, prng_chance(p, 3, 4) ? MOOD_PLAIN : lab->mood);
    sim_at(lab->sim, &lab->sink_at, &path);
    draw_config(lab, p, config);
    draw_further(lab, p, config);
    config->control_route = has_hop && prng_chance(p, 1, 3) ? lab->hop_at : lab->sink_at;
    lab->interrupt_ns = lab->interrupted ? draw_ns(p, 0, 1000) * CLOCK_SECOND : 0;
    lab->stored = config->mailbox && prng_chance(p, 1, 3);
    random_box_draw(p, &lab->box, lab->mood >= MOOD_FAULTY);
}

/* Until the box was read, or could not be read for a while. */
static inline void await_box(struct lab *lab, struct probe_config *config)
{
    const struct watch_owner owner = {
        .mail = on_read, .trouble = on_trouble, .well = on_well, .ready = on_ready, .self = lab};
    lab->ready = false;
    memset(&lab->trouble_at_first, 0, sizeof lab->trouble_at_first);
    if (lab->stored) {
        config->mailboxes[0] = SPAN("box");
        config->mailbox_count = 1;
        random_box_open(&lab->box, lab->world, config->wait_ns, owner);
        assert_int_equal(sim_run(lab->sim, CLOCK_NEVER), SIM_STOPPED);
    }
    lab->ready = true;
}

static inline void run_seed(struct lab *lab, uint64_t seed, struct probe_config *config)
{
    const struct probe_observer observer = {
        .line = on_line,
        .arrival = on_arrival,
        .expect = on_expect,
        .looked = has_looked,
        .finished = on_finished,
        .self = lab};
    struct prng p;
    prng_init(&p, seed);
    sim_reset(lab->sim, seed);
    memset(lab->forms, 0, sizeof lab->forms);
    lab->connections = 0;
    lab->finished = false;
    lab->trouble[0] = '\0';
    draw_lab(lab, &p, config);
    await_box(lab, config);
    lab->started_ns = world_now(lab->world);
    world_timer_init(&lab->interrupt, on_interrupt, lab);
    if (lab->interrupted) {
        world_timer_set(lab->world, &lab->interrupt, lab->started_ns + lab->interrupt_ns);
    }
    probe_start(lab->probe, lab->world, config, &observer);
    if (lab->trouble_at_first.now) {
        probe_mailbox_trouble(lab->probe, SPAN("box"), SPAN("down"), lab->trouble_at_first.lasting);
    }
    lab->end = sim_run(lab->sim, CLOCK_NEVER);
    lab->hash = sim_hash(lab->sim);
    if (lab->interrupted) {
        world_timer_stop(lab->world, &lab->interrupt);
    }
}

static inline void close_run(struct lab *lab)
{
    probe_clear(lab->probe);
    mock_free(lab->target);
    mock_free(lab->hop);
    sink_free(lab->sink);
    if (lab->stored) {
        random_box_close(&lab->box);
    }
    sim_reset(lab->sim, 0);
}

#endif
