/*
 * test_case.c - loading cases: what is read, combinations, and each error with its place
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenarios/case/case.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY = 4194304 };

static const struct persona_path nowhere = {.count = 0};

/* The smallest case, with room for more keys before and after the servers. */
#define HEAD "case: small\ntitle: t\nwhy: w\n"
#define SERVERS "servers:\n  mx:\n    local_domains: [victim.test]\n"
#define TAIL "expect: {verdict: closed}\n"
#define SMALL HEAD "truth: closed\n" SERVERS TAIL

struct bench {
    void *block;
    struct arena arena;
    struct conf conf;
    struct case_file c;
};

static void begin(struct bench *b, const char *text)
{
    b->block = malloc(MEMORY);
    assert_non_null(b->block);
    arena_init(&b->arena, b->block, MEMORY);
    conf_init(&b->conf, &b->arena, "case.yaml", span_of(text));
}

static void load(struct bench *b, const char *text, size_t combination)
{
    begin(b, text);
    if (!case_load(&b->conf, &nowhere, combination, &b->c))
        fail_msg("%s", b->conf.error);
}

static void defaults(void **state)
{
    struct bench b;

    (void)state;
    load(&b, SMALL, 0);
    assert_string_equal(b.c.name, "small");
    assert_int_equal(b.c.time, TIME_ANY);
    assert_int_equal(b.c.truth, TRUTH_CLOSED);
    assert_int_equal(b.c.server_count, 1);
    assert_ptr_equal(b.c.target, &b.c.servers[0]);
    assert_string_equal(b.c.servers[0].name, "mx");
    assert_string_equal(b.c.servers[0].config.local_domains.item[0], "victim.test");
    assert_int_equal(b.c.mailbox_count, 1);
    assert_string_equal(b.c.mailboxes[0].domains.item[0], "canary.test");
    assert_int_equal(b.c.expect_count, 1);
    assert_int_equal(b.c.expect[0].verdict, VERDICT_CLOSED);
    assert_false(b.c.probe.no_mailbox);
    assert_false(b.c.probe.unnamed);
    free(b.block);
}

static const char stored[] = HEAD
    "truth: open\ntime: virtual\n"
    "probe: {canaries: [p@b.test], collect_after: 25h}\n" SERVERS "mailboxes:\n"
    "  a: {domains: a.test, kind: memory, deliver_after: 3s, duplicate: 2, loses: 4, bare: true,\n"
    "      alter: base64, poll: 5s, tidy: true, slow: 1s, down: {from: 1s, to: 2s},\n"
    "      refuses: true, drops: 3, noise: 7, stale: 8, plants: {at: 9s, token: altered}}\n"
    "  b: {domains: b.test}\n"
    "expect: {verdict: discards, later: open}\n";

static void a_mailbox_that_stores_mail(void **state)
{
    struct bench b;

    (void)state;
    load(&b, stored, 0);
    const struct case_mailbox *m = &b.c.mailboxes[0];
    assert_int_equal(m->kind, CASE_MEMORY);
    assert_int_equal(m->deliver_after_ns, 3 * CLOCK_SECOND);
    assert_int_equal(m->duplicate, 2);
    assert_int_equal(m->loses, 4);
    assert_true(m->bare && m->tidy && m->refuses && m->memory_only);
    assert_int_equal(m->alter, ALTER_BASE64);
    assert_int_equal(m->poll_ns, 5 * CLOCK_SECOND);
    assert_int_equal(m->slow_ns, CLOCK_SECOND);
    assert_int_equal(m->down.from_ns, CLOCK_SECOND);
    assert_int_equal(m->down.to_ns, 2 * CLOCK_SECOND);
    assert_int_equal(m->drops, 3);
    assert_int_equal(m->noise, 7);
    assert_int_equal(m->stale, 8);
    assert_int_equal(m->plant_count, 1);
    assert_int_equal(m->plants[0].at_ns, 9 * CLOCK_SECOND);
    assert_int_equal(m->plants[0].token, PLANT_ALTERED);
    assert_int_equal(b.c.mailboxes[1].kind, CASE_SINK);
    assert_false(b.c.mailboxes[1].memory_only);
    assert_string_equal(b.c.probe.canaries.item[0], "p@b.test");
    assert_int_equal(b.c.probe.collect_after_ns, 25 * CLOCK_HOUR);
    assert_int_equal(b.c.expect[0].verdict, VERDICT_DISCARDS);
    assert_int_equal(b.c.expect[0].later, VERDICT_OPEN);
    free(b.block);
}

static const char whole[] = HEAD
    "tags: [a, b]\ncaveat: A7\ntime: virtual\ntruth: open\n"
    "probe: {wait: 10s, forms: S1-R1, mailbox: false, named: false, timeout: {rcpt: 3s}, "
    "interrupt: 1min}\n"
    "servers:\n  mx: {network: {latency: 20ms, segment: 1}, routes: none}\n"
    "  next: {routes: [canary], network: {connect: refuse}}\n"
    "mailboxes:\n  canary: {domains: [canary.test, other.test]}\n"
    "dialogue:\n  - {server: next, connection: 2, lines: \"C: QUIT\"}\n"
    "expect:\n  delivered: {canary: 1..}\n  commands: {DATA: 0, QUIT: 1..}\n"
    "  log: {relay attempt: 2}\n  forms: {S1-R1: accepted}\n  relayed_by: S1-R1\n"
    "  elapsed: 3..4\n  connections: ..5\n";

static void everything(void **state)
{
    struct bench b;
    const struct case_expect *e;

    (void)state;
    load(&b, whole, 0);
    e = &b.c.expect[0];
    assert_int_equal(b.c.probe.wait_ns, 10 * CLOCK_SECOND);
    assert_true(b.c.probe.no_mailbox);
    assert_true(b.c.probe.unnamed);
    assert_true(b.c.probe.timeout.set[STEP_RCPT]);
    assert_int_equal(b.c.probe.timeout.ns[STEP_RCPT], 3 * CLOCK_SECOND);
    assert_true(b.c.probe.interrupt_set);
    assert_int_equal(b.c.servers[0].network.latency_ns, 20 * CLOCK_MS);
    assert_int_equal(b.c.servers[0].network.segment_max, 1);
    assert_true(b.c.servers[0].no_routes);
    assert_int_equal(b.c.servers[1].route_names.count, 1);
    assert_int_equal(b.c.servers[1].network.connect, SIM_CONNECT_REFUSE);
    assert_int_equal(b.c.mailboxes[0].domains.count, 2);
    assert_int_equal(b.c.dialogue[0].connection, 2);
    assert_int_equal(e->verdict, -1);
    assert_int_equal(e->delivered[0].range.min, 1);
    assert_int_equal(e->command_count, 2);
    assert_string_equal(e->commands[1].name, "QUIT");
    assert_string_equal(e->log[0].name, "relay attempt");
    assert_string_equal(e->forms[0].answer, "accepted");
    assert_int_equal(e->elapsed_s.max, 4);
    assert_int_equal(e->connections.max, 5);
    free(b.block);
}

static const char matrix[] = HEAD
    "matrix: {delay: [1s, 2s], code: [450, 550, 554]}\n"
    "vantages:\n  inside: {source: 127.0.0.2, truth: open}\n"
    "  outside: {source: 127.0.0.3, truth: closed}\n"
    "servers:\n  mx:\n    rules:\n"
    "      - {at: RCPT, delay: \"${delay}\", reply: \"${code} no\"}\n"
    "expect:\n  - {if: {vantage: inside}, verdict: open}\n  - {if: {delay: 2s}, verdict: closed}\n";

static void combinations(void **state)
{
    static const struct {
        size_t index;
        const char *bindings;
        int64_t delay_s;
        int code, truth;
        bool first, second; /* which expectations apply */
    } rows[] = {
        {0, "[delay=1s,code=450,vantage=inside]", 1, 450, TRUTH_OPEN, true, false},
        {1, "[delay=1s,code=450,vantage=outside]", 1, 450, TRUTH_CLOSED, false, false},
        {4, "[delay=1s,code=554,vantage=inside]", 1, 554, TRUTH_OPEN, true, false},
        {6, "[delay=2s,code=450,vantage=inside]", 2, 450, TRUTH_OPEN, true, true},
        {11, "[delay=2s,code=554,vantage=outside]", 2, 554, TRUTH_CLOSED, false, true},
    };
    struct bench b;

    (void)state;
    begin(&b, matrix);
    assert_int_equal(case_combinations(&b.conf), 12);
    free(b.block);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[128];
        struct strbuf text;

        load(&b, matrix, rows[i].index);
        strbuf_init(&text, memory, sizeof memory);
        case_print_bindings(&b.c, &text);
        assert_string_equal(memory, rows[i].bindings);
        assert_int_equal(b.c.servers[0].config.rules[0].delay_ns, rows[i].delay_s * CLOCK_SECOND);
        assert_int_equal(b.c.servers[0].config.rules[0].reply.code, rows[i].code);
        assert_int_equal(b.c.truth, rows[i].truth);
        assert_int_equal(case_applies(&b.c, &b.c.expect[0]), rows[i].first);
        assert_int_equal(case_applies(&b.c, &b.c.expect[1]), rows[i].second);
        free(b.block);
    }
}

static const char row_matrix[] = HEAD
    "matrix:\n  form: [{id: R6, to: \"a@b\"}, {id: R7, to: \"c@d\"}]\n"
    "  twin: [{truth: open, code: 250}, {truth: closed, code: 550}]\n"
    "truth: \"${truth}\"\n"
    "servers:\n  mx:\n    rules:\n"
    "      - {at: RCPT, when: {to: \"${to}\"}, reply: \"${code} x\"}\n"
    "expect:\n  - {if: {truth: open}, verdict: open}\n  - {if: {form: R7}, verdict: closed}\n";

/* A key's values are rows: each of its names is bound, and the key to the first. */
static void rows_of_a_matrix(void **state)
{
    static const struct {
        const char *bindings, *to;
        int code, truth;
        bool first, second;
    } rows[] = {
        {"[form=R6,twin=open]", "a@b", 250, TRUTH_OPEN, true, false},
        {"[form=R6,twin=closed]", "a@b", 550, TRUTH_CLOSED, false, false},
        {"[form=R7,twin=open]", "c@d", 250, TRUTH_OPEN, true, true},
        {"[form=R7,twin=closed]", "c@d", 550, TRUTH_CLOSED, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        char memory[128];
        struct strbuf text;

        load(&b, row_matrix, i);
        strbuf_init(&text, memory, sizeof memory);
        case_print_bindings(&b.c, &text);
        assert_string_equal(memory, rows[i].bindings);
        assert_string_equal(b.c.servers[0].config.rules[0].when.to.item[0], rows[i].to);
        assert_int_equal(b.c.servers[0].config.rules[0].reply.code, rows[i].code);
        assert_int_equal(b.c.truth, rows[i].truth);
        assert_int_equal(case_applies(&b.c, &b.c.expect[0]), rows[i].first);
        assert_int_equal(case_applies(&b.c, &b.c.expect[1]), rows[i].second);
        free(b.block);
    }
}

/* A case, and a part of the error and of its hint. */
static const struct {
    const char *label, *text, *error, *hint;
} refused_case[] = {
    {"an unknown key", SMALL "expekt: x\n", "case.yaml:9:1: error: ", "expect"},
    {"a key twice", SMALL "title: again\n", "case.yaml:9:1: error: ", "title"},
    {"no truth", HEAD SERVERS TAIL, "declares no truth", "open, closed or undecidable"},
    {"no servers", HEAD "truth: closed\n" TAIL, "servers", ""},
    {"no expectation", HEAD "truth: closed\n" SERVERS, "expect", ""},
    {"a truth that is none", HEAD "truth: maybe\n" SERVERS TAIL, "case.yaml:4:8: error: ", ""},
    {"a rule's key", HEAD "truth: closed\nservers:\n  mx:\n    rules:\n      - {att: RCPT}\n" TAIL,
     "case.yaml:8:10: error: ", "at"},
    {"a duration without unit", SMALL "probe: {wait: 10}\n", "case.yaml:9:15: error: ", "unit"},
    {"no such step", SMALL "probe: {timeout: {rcpd: 10s}}\n", "no such step: rcpd", ""},
    {"no such target", SMALL "probe: {target: my}\n", "no such target: my", ""},
    {"no such forms", SMALL "probe: {forms: S1-R77}\n", "no such forms: S1-R77", ""},
    {"no such mailbox", HEAD "truth: closed\n" SERVERS "expect: {delivered: {canari: 1}}\n",
     "no such mailbox: canari", ""},
    {"no such answer", HEAD "truth: closed\n" SERVERS "expect: {forms: {S1-R1: dinied}}\n",
     "no such answer: dinied", "denied"},
    {"no such plain_accepted", HEAD "truth: closed\n" SERVERS "expect: {plain_accepted: yes}\n",
     "no such value of plain_accepted: yes", "end-of-data"},
    {"no such matrix key", HEAD "truth: closed\n" SERVERS "expect: {if: {dalay: 1s}}\n",
     "no such key: dalay", ""},
    {"no such route", HEAD "truth: closed\nservers:\n  mx: {routes: [canari]}\n" TAIL,
     "no such route: canari", ""},
    {"no such server in a dialogue", SMALL "dialogue: {server: my, lines: \"C: QUIT\"}\n",
     "no such server in dialogue: my", ""},
    {"elapsed outside virtual time", HEAD "truth: closed\n" SERVERS "expect: {elapsed: ..3}\n",
     "elapsed may be asserted in virtual time only", "time: virtual"},
    {"a network that sockets cannot have",
     HEAD "truth: closed\nservers:\n  mx: {network: {latency: 1s}}\n" TAIL,
     "this network exists in virtual time only", "time: virtual"},
    {"a source that is not loopback", SMALL "probe: {source: 192.0.2.1}\n",
     "a source must be a loopback address: 192.0.2.1", "127.0.0.0/8"},
    {"a canary that is none", SMALL "probe: {canary: probe}\n", "the canary is no mailbox", ""},
    {"rows of other keys", SMALL "matrix: {a: [{x: 1}, {y: 1}]}\n", "another key: y", "first row"},
    {"rows of other lengths", SMALL "matrix: {a: [{x: 1}, {x: 1, y: 1}]}\n", "1 to 6 keys", ""},
    {"a row and a text", SMALL "matrix: {a: [{x: 1}, b]}\n", "1 to 6 keys", ""},
    {"an empty matrix list", SMALL "matrix: {a: []}\n", "1 to 64 combinations", ""},
    {"a matrix of too many", SMALL "matrix: {a: [1,2,3,4,5,6,7,8,9], b: [1,2,3,4,5,6,7,8]}\n",
     "1 to 64 combinations", ""},
    {"no such persona", HEAD "truth: closed\nservers:\n  mx: {persona: nobody}\n" TAIL,
     "case.yaml:6:17: error: ", "nobody"},
    {"a name with a slash", "case: a/b\ntitle: t\nwhy: w\ntruth: closed\n" SERVERS TAIL,
     "not a name", "letters, digits"},
    {"a key of stored mail at a sink", SMALL "mailboxes: {a: {domains: a.test, noise: 3}}\n",
     "only a mailbox that stores mail does that", "say kind: memory"},
    {"a mailbox that answers",
     SMALL "mailboxes: {a: {domains: a.test, kind: memory, alter: autoreply}}\n",
     "a mailbox does not answer", "fate"},
    {"well before it was down",
     SMALL "mailboxes: {a: {domains: a.test, kind: memory, down: {from: 2s, to: 1s}}}\n",
     "the end comes before the beginning", ""},
    {"a canary without a mailbox", SMALL "probe: {canaries: [x@other.test]}\n",
     "no mailbox for that canary: x@other.test", ""},
    {"a further canary that is none", SMALL "probe: {canaries: [other.test]}\n",
     "that is no mailbox: other.test", ""},
    {"too many canaries",
     SMALL "probe: {canaries: [a@canary.test, b@canary.test, c@canary.test, d@canary.test]}\n",
     "too many canaries", ""},
    {"an MX record without preference", SMALL "dns: {a.test: {mx: mx.a.test}}\n",
     "not an MX record: mx.a.test", "10 mx.victim.test"},
    {"a preference that is too large", SMALL "dns: {a.test: {mx: 65536 mx.a.test}}\n",
     "not an MX record: 65536 mx.a.test", ""},
    {"an MX of two names", SMALL "dns: {a.test: {mx: 10 mx a}}\n", "not an MX record", ""},
    {"an address elsewhere", SMALL "dns: {a.test: {address: 192.0.2.1}}\n",
     "not an address of this case: 192.0.2.1", "server NAME"},
    {"an address of no server", SMALL "dns: {a.test: {address: server my}}\n", "no such server: my",
     ""},
    {"no such fault", SMALL "dns: {a.test: {fault: servfial}}\n",
     "case.yaml:9:23: error: ", "servfail"},
    {"an alias with more", SMALL "dns: {a.test: {cname: b.test, address: server mx}}\n",
     "a name with cname and more: a.test", "RFC 1034"},
    {"an alias of nothing", SMALL "dns: {a.test: {cname: a..test}}\n",
     "not a name to be an alias of: a..test", ""},
    {"a name that is none", SMALL "dns: {a..test: {address: server mx}}\n", "not a name: a..test",
     ""},
    {"a target that is no name",
     SMALL "dns: {a.test: {address: server mx}}\nprobe: {target: 127.0.0.1}\n",
     "no such target: 127.0.0.1", "mx:victim.test"},
    {"a name without dns", SMALL "probe: {target: mx:a.test}\n", "no such target: mx:a.test", ""},
    {"a server that a name leads to",
     SMALL "dns: {a.test: {address: server mx}}\nprobe: {target: a.test, server: my}\n",
     "no such target: my", ""},
    {"a server without a name", SMALL "probe: {server: mx}\n",
     "only a target given by name leads to a server: mx", "target: NAME"},
    {"a server elsewhere", HEAD "truth: closed\nservers:\n  mx: {address: 192.0.2.1}\n" TAIL,
     "a server listens on loopback: 192.0.2.1", "::1"},
    {"later without collecting", HEAD "truth: closed\n" SERVERS "expect: {later: open}\n",
     "nothing is collected later", "collect_after"},
    {"no such plant", SMALL "mailboxes: {a: {domains: a.test, plants: [{token: forgd}]}}\n",
     "forgd", "made-up"},
    {"an anchor", SMALL "tags: &a [x]\n", "case.yaml:9:", ""},
};

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_case / sizeof refused_case[0]; i++) {
        struct bench b;

        begin(&b, refused_case[i].text);
        if (case_combinations(&b.conf) > 0 && case_load(&b.conf, &nowhere, 0, &b.c))
            fail_msg("%s: loaded", refused_case[i].label);
        if (strstr(b.conf.error, refused_case[i].error) == NULL ||
            strstr(b.conf.error, refused_case[i].hint) == NULL)
            fail_msg("%s: %s", refused_case[i].label, b.conf.error);
        free(b.block);
    }
}

/* Nothing that is cut off anywhere may crash or load as the whole. */
static void every_prefix(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof matrix - 1; len++) {
        struct bench b;

        begin(&b, "");
        b.conf.text = (struct span){matrix, len};
        if (case_combinations(&b.conf) > 0)
            (void)case_load(&b.conf, &nowhere, 0, &b.c);
        free(b.block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),         cmocka_unit_test(a_mailbox_that_stores_mail),
        cmocka_unit_test(everything),       cmocka_unit_test(combinations),
        cmocka_unit_test(rows_of_a_matrix), cmocka_unit_test(errors),
        cmocka_unit_test(every_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
