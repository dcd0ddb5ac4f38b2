/*
 * test_tls.c - the TLS layer between both machines and the simulated network
 *
 * A client with a layer speaks to a mock server with one: STARTTLS, TLS from the first byte,
 * versions, certificates, faults, bytes in clear at the wrong time, and streams cut into every
 * size. What was said must be the same however it was cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drive/tls/tls.h"
#include "tests/unit/mock_lab.h"

static const int64_t epoch_s = 1795500000; /* as in mock_lab.h */

struct row {
    const char *label;
    const char *mx;
    const char *say[12];
    const char *heard; /* what the client heard, one line a reply; NULL: not compared */
    enum smtp_outcome outcome;
    enum smtp_step step;
    bool implicit;
    const char *version;
    const char *why; /* a part of the facts' reason */
    size_t early;
};

struct talk {
    struct lab *lab;
    struct tls *tls;
    struct tls_layer *layer;
    struct tls_facts facts; /* copied when the session is over */
    enum smtp_step step;
};

static void talk_next(void *self, struct smtp_client *client, const struct reply *reply)
{
    struct talk *t = self;
    struct lab_client *c = &t->lab->client;
    (void)client;
    strbuf_adds(&t->lab->text, "S: ");
    reply_print(&t->lab->text, reply);
    strbuf_addc(&t->lab->text, '\n');
    if (*c->say != NULL && (*c->say)[0] == '!') {
        c->say++;
        smtp_client_start_tls(&c->client);
        return;
    }
    lab_say(c);
}

static void talk_secured(void *self, struct smtp_client *client)
{
    struct talk *t = self;
    (void)client;
    strbuf_adds(&t->lab->text, "TLS\n");
    lab_say(&t->lab->client);
}

static void talk_done(void *self, struct smtp_client *client, enum smtp_outcome outcome,
                      enum smtp_step step)
{
    struct talk *t = self;
    t->step = step;
    t->facts = *tls_layer_facts(t->layer);
    lab_done(&t->lab->client, client, outcome, step);
}

static const struct smtp_script talk_script = {
    .next = talk_next, .done = talk_done, .secured = talk_secured};

static void talk(struct talk *t, const char *const *say, bool implicit)
{
    struct lab *lab = t->lab;
    struct lab_client *c = &lab->client;
    char memory[160];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    t->tls = tls_client_new(&(struct tls_client_config){.now_s = epoch_s}, &error);
    assert_non_null(t->tls);
    *c = (struct lab_client){.lab = lab, .say = say};
    smtp_client_init(&c->client, &talk_script, t, &smtp_timeouts_rfc5321, world_now(lab->world),
                     CLOCK_NEVER);
    t->layer = tls_layer_new(t->tls, smtp_client_machine(&c->client), implicit, "mx.victim.test");
    assert_non_null(t->layer);
    c->link = world_connect(lab->world, NULL, &lab->mx.at, tls_layer_machine(t->layer));
    assert_non_null(c->link);
    (void)sim_run(lab->sim, CLOCK_NEVER);
    assert_true(c->over);
    tls_free(t->tls);
}

#define STARTTLS_YES "S: 220 2.0.0 Ready to start TLS\n"
#define SERVER "extensions: [SIZE]\n"

/* clang-format off */
static const struct row rows[] = {
    {"STARTTLS, and the session is as new",
     SERVER "tls: starttls",
     {"EHLO a", "MAIL FROM:<>", "STARTTLS", "!", "MAIL FROM:<>", "EHLO a", "STARTTLS", "QUIT"},
     "S: 220 mx.victim.test ESMTP\nC: EHLO a\nS: 250-mx.victim.test / 250-SIZE / 250 STARTTLS\n"
     "C: MAIL FROM:<>\n"
     "S: 250 2.1.0 Ok\nC: STARTTLS\n" STARTTLS_YES "TLS\nC: MAIL FROM:<>\nS: 250 2.1.0 Ok\n"
     "C: EHLO a\n"
     "S: 250-mx.victim.test / 250 SIZE\nC: STARTTLS\nS: 503 5.5.1 Error: TLS already active\n"
     "C: QUIT\n"
     "S: 221 2.0.0 Bye\n", OUTCOME_CLOSED_BY_US, STEP_OTHER, .version = "TLSv1.3"},
    {"TLS from the first byte",
     SERVER "tls: implicit", {"EHLO a", "QUIT"},
     "S: 220 mx.victim.test ESMTP\nC: EHLO a\nS: 250-mx.victim.test / 250 SIZE\nC: QUIT\n"
     "S: 221 2.0.0 Bye\n",
     OUTCOME_CLOSED_BY_US, STEP_OTHER, .implicit = true, .version = "TLSv1.3"},
    {"rules know it",
     SERVER "tls: starttls\nrules: [{at: MAIL, when: {tls: false}, reply: 530 5.7.0 TLS first}, "
     "{at: MAIL, when: {tls: true}, reply: 250 in TLS}]",
     {"EHLO a", "MAIL FROM:<>", "STARTTLS", "!", "EHLO a", "MAIL FROM:<>", "QUIT"},
     "S: 220 mx.victim.test ESMTP\nC: EHLO a\nS: 250-mx.victim.test / 250-SIZE / 250 STARTTLS\n"
     "C: MAIL FROM:<>\n"
     "S: 530 5.7.0 TLS first\nC: STARTTLS\n" STARTTLS_YES "TLS\nC: EHLO a\n"
     "S: 250-mx.victim.test / 250 SIZE\nC: MAIL FROM:<>\nS: 250 in TLS\nC: QUIT\n"
     "S: 221 2.0.0 Bye\n",
     OUTCOME_CLOSED_BY_US, STEP_OTHER, .version = "TLSv1.3"},
    {"TLS 1.2", "tls: starttls\ntls_max: \"1.2\"", {"EHLO a", "STARTTLS", "!", "EHLO a", "QUIT"},
     NULL, OUTCOME_CLOSED_BY_US, STEP_OTHER, .version = "TLSv1.2"},
    {"TLS 1.1", "tls: starttls\ntls_max: \"1.1\"", {"EHLO a", "STARTTLS", "!", "EHLO a", "QUIT"},
     NULL, OUTCOME_CLOSED_BY_US, STEP_OTHER, .version = "TLSv1.1"},
    {"TLS 1.0", "tls: implicit\ntls_max: \"1.0\"", {"EHLO a", "QUIT"},
     NULL, OUTCOME_CLOSED_BY_US, STEP_OTHER, .implicit = true, .version = "TLSv1"},
    {"the 220 is late, and dribbles",
     "tls: starttls\nrules: [{at: STARTTLS, delay: 5s, wire: {segment: per-byte, gap: 1s}}]",
     {"EHLO a", "STARTTLS", "!", "EHLO a", "QUIT"},
     NULL, OUTCOME_CLOSED_BY_US, STEP_OTHER, .version = "TLSv1.3"},
    {"a reply behind the 220 is dropped",
     "tls: starttls\nrules: [{at: STARTTLS, reply: {raw: '220 go\\r\\n250 injected\\r\\n'}}]",
     {"EHLO a", "STARTTLS", "!", "MAIL FROM:<>", "QUIT"},
     "S: 220 mx.victim.test ESMTP\nC: EHLO a\n"
     "S: 250-mx.victim.test / 250-PIPELINING / 250-SIZE 10485760 / 250-8BITMIME / "
     "250-ENHANCEDSTATUSCODES / 250 STARTTLS\n"
     "C: STARTTLS\nS: 220 go\nTLS\nC: MAIL FROM:<>\nS: 250 2.1.0 Ok\n"
     "C: QUIT\nS: 221 2.0.0 Bye\n", OUTCOME_CLOSED_BY_US, STEP_OTHER, .version = "TLSv1.3",
     .early = 14},
    {"the hello is never answered", "tls: starttls\nhandshake: stall", {"EHLO a", "STARTTLS", "!"},
     NULL, OUTCOME_TIMEOUT, STEP_TLS, .implicit = false},
    {"the hello is answered in clear", "tls: starttls\nhandshake: garbage",
     {"EHLO a", "STARTTLS", "!"}, NULL, OUTCOME_TLS, STEP_TLS, .why = "wrong version number"},
    {"the same, from the first byte", "tls: implicit\nhandshake: garbage",
     {"EHLO a"}, NULL, OUTCOME_TLS, STEP_TLS, .implicit = true, .why = "wrong version number"},
    {"closed at the hello", "tls: starttls\nhandshake: close", {"EHLO a", "STARTTLS", "!"},
     NULL, OUTCOME_CLOSED, STEP_TLS, .implicit = false},
    {"broken off at the hello", "tls: implicit\nhandshake: reset", {"EHLO a"},
     NULL, OUTCOME_RESET, STEP_TLS, .implicit = true},
    {"a server in clear where TLS was wanted", "tls: none", {"EHLO a"},
     NULL, OUTCOME_TLS, STEP_TLS, .implicit = true, .why = "wrong version number"},
    {"TLS where a server in clear was wanted", "tls: implicit\nidle: 1min", {"EHLO a"},
     NULL, OUTCOME_CLOSED, STEP_GREETING, .implicit = false},
    {"220, and then silence", "tls: starttls\nrules: [{at: STARTTLS, reply: 220 go, then: stall}]",
     {"EHLO a", "STARTTLS", "!"}, NULL, OUTCOME_TIMEOUT, STEP_TLS, .implicit = false},
    {"220, and then nobody", "tls: starttls\nrules: [{at: STARTTLS, reply: 220 go, then: close}]",
     {"EHLO a", "STARTTLS", "!"}, NULL, OUTCOME_CLOSED, STEP_TLS, .implicit = false},
    {"offered and refused", "extensions: [STARTTLS]", {"EHLO a", "STARTTLS", "QUIT"},
     "S: 220 mx.victim.test ESMTP\nC: EHLO a\nS: 250-mx.victim.test / 250 STARTTLS\nC: STARTTLS\n"
     "S: 454 4.7.0 TLS not available\nC: QUIT\n"
     "S: 221 2.0.0 Bye\n", OUTCOME_CLOSED_BY_US, STEP_OTHER, .implicit = false},
    {"closed inside TLS", "tls: starttls\nrules: [{at: NOOP, reply: 250 bye, then: close}]",
     {"EHLO a", "STARTTLS", "!", "NOOP", "NOOP"}, NULL, OUTCOME_CLOSED, STEP_OTHER,
     .version = "TLSv1.3"},
    {"reset inside TLS", "tls: implicit\nrules: [{at: NOOP, then: reset}]", {"EHLO a", "NOOP"},
     NULL, OUTCOME_RESET, STEP_OTHER, .implicit = true, .version = "TLSv1.3"},
};
/* clang-format on */

static void check(const struct row *r, const struct talk *t)
{
    if (r->heard != NULL) {
        assert_string_equal(t->lab->text.ptr, r->heard);
    }
    assert_string_equal(smtp_outcome_name(t->lab->client.outcome), smtp_outcome_name(r->outcome));
    if (r->outcome != OUTCOME_CLOSED_BY_US) {
        assert_string_equal(smtp_step_name(t->step), smtp_step_name(r->step));
    }
    assert_string_equal(t->facts.version, r->version != NULL ? r->version : "");
    assert_int_equal(t->facts.on, r->version != NULL);
    assert_int_equal(t->facts.early, r->early);
    if (r->why != NULL && strstr(t->facts.why, r->why) == NULL) {
        fail_msg("why: %s", t->facts.why);
    }
}

static uint64_t run(const struct row *r, uint32_t segment_max, uint32_t window)
{
    struct talk t = {.lab = lab_new(r->mx, NULL)};
    struct sim_path path = {.segment_max = segment_max, .window = window};
    sim_at(t.lab->sim, &t.lab->mx.at, &path);
    talk(&t, r->say, r->implicit);
    check(r, &t);
    uint64_t hash = sim_hash(t.lab->sim);
    lab_free(t.lab);
    return hash;
}

static bool is_compiled_in(const struct row *r)
{
    bool old = r->version != NULL &&
               (strcmp(r->version, "TLSv1") == 0 || strcmp(r->version, "TLSv1.1") == 0);
    return !old || tls_version_min() == TLS_1_0;
}

static void test_sessions(void **state)
{
    static const uint32_t cuts[] = {0, 1, 3, 100, 1400};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        print_message("  %s\n", r->label);
        for (size_t k = 0; k < sizeof cuts / sizeof cuts[0] && is_compiled_in(r); k++) {
            /* Cut into bytes, what is injected may come behind the hello: then it is no TLS. */
            if (r->early == 0 || cuts[k] == 0) {
                (void)run(r, cuts[k], 0);
                (void)run(r, cuts[k], 37);
            }
        }
    }
}

/* Ciphertext differs from run to run; the trace does not. */
static void test_trace(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run(&rows[i], 0, 0), run(&rows[i], 0, 0));
    }
    assert_int_not_equal(run(&rows[1], 0, 0), run(&rows[2], 0, 0));
}

struct certificate_row {
    const char *label;
    const char *yaml;
    int64_t not_before_s, not_after_s;
    bool names_match;
    const char *names;
};

static void test_certificates(void **state)
{
    enum { DAY = 86400, YEAR = 365 * 86400, YEAR_AND_DAY = 366 * 86400 };
    static const struct certificate_row certificates[] = {
        {"as it should be", "tls: implicit", -DAY, YEAR, true, "DNS:mx.victim.test"},
        {"expired", "tls: implicit\ncertificate: expired", -YEAR_AND_DAY, -DAY, true,
         "DNS:mx.victim.test"},
        {"not yet", "tls: implicit\ncertificate: not-yet", DAY, YEAR, true, "DNS:mx.victim.test"},
        {"another's", "tls: implicit\ncertificate: other-name", -DAY, YEAR, false,
         "DNS:elsewhere.example.test"},
    };
    static const char *const say[] = {"EHLO a", "QUIT", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof certificates / sizeof certificates[0]; i++) {
        const struct certificate_row *r = &certificates[i];
        struct talk t = {.lab = lab_new(r->yaml, NULL)};
        print_message("  %s\n", r->label);
        talk(&t, say, true);
        assert_int_equal(t.lab->client.outcome, OUTCOME_CLOSED_BY_US);
        assert_true(t.facts.certificate && t.facts.self_signed);
        assert_int_equal(t.facts.not_before_s, epoch_s + r->not_before_s);
        assert_int_equal(t.facts.not_after_s, epoch_s + r->not_after_s);
        assert_int_equal(t.facts.names_match, r->names_match);
        assert_string_equal(t.facts.names, r->names);
        assert_string_equal(t.facts.subject, t.facts.issuer);
        assert_non_null(strstr(t.facts.subject, "CN="));
        lab_free(t.lab);
    }
}

/* A message far larger than every buffer, through a window smaller than a record. */
static void test_large(void **state)
{
    enum { LINES = 20000 };
    static const char line[] = "0123456789 0123456789 0123456789\r\n";
    struct talk t = {.lab = lab_new("tls: implicit", NULL)};
    size_t len = sizeof line - 1;
    char *message = malloc(1 + LINES * len + 1);
    const char *say[] = {
        "EHLO a", "MAIL FROM:<a@example.test>", "RCPT TO:<b@victim.test>", "DATA", message, "QUIT",
        NULL};
    struct sim_path path = {.window = 5000};
    (void)state;
    assert_non_null(message);
    message[0] = '=';
    for (size_t i = 0; i < LINES; i++) {
        memcpy(message + 1 + i * len, line, len);
    }
    message[1 + LINES * len] = '\0';
    sim_at(t.lab->sim, &t.lab->mx.at, &path);
    talk(&t, say, true);
    assert_int_equal(t.lab->client.outcome, OUTCOME_CLOSED_BY_US);
    assert_int_equal(mock_messages(t.lab->mx.mock), 1);
    lab_free(t.lab);
    free(message);
}

/* The server goes in the middle of everything; nothing may be lost or freed twice. */
static void test_mock_freed(void **state)
{
    static const char *const say[] = {"EHLO a", "STARTTLS", "!", "EHLO a", "@1h", NULL};
    struct talk t = {.lab = lab_new("tls: starttls\nidle: 2h", NULL)};
    struct lab_client *c = &t.lab->client;
    char memory[160];
    struct strbuf error;
    (void)state;
    strbuf_init(&error, memory, sizeof memory);
    for (int64_t stop_ns = 0; stop_ns < 20 * CLOCK_MS; stop_ns += CLOCK_MS) {
        t.tls = tls_client_new(&(struct tls_client_config){.now_s = epoch_s}, &error);
        *c = (struct lab_client){.lab = t.lab, .say = say};
        smtp_client_init(&c->client, &talk_script, &t, &smtp_timeouts_rfc5321,
                         world_now(t.lab->world), CLOCK_NEVER);
        t.layer = tls_layer_new(t.tls, smtp_client_machine(&c->client), false, NULL);
        c->link = world_connect(t.lab->world, NULL, &t.lab->mx.at, tls_layer_machine(t.layer));
        (void)sim_run(t.lab->sim, world_now(t.lab->world) + stop_ns);
        mock_free(t.lab->mx.mock);
        t.lab->mx.mock = NULL;
        (void)sim_run(t.lab->sim, CLOCK_NEVER);
        assert_true(c->over);
        tls_free(t.tls);
        lab_free(t.lab);
        t.lab = lab_new("tls: starttls\nidle: 2h", NULL);
        c = &t.lab->client;
    }
    lab_free(t.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),     cmocka_unit_test(test_trace),
        cmocka_unit_test(test_certificates), cmocka_unit_test(test_large),
        cmocka_unit_test(test_mock_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
