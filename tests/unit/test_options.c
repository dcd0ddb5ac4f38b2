/*
 * test_options.c - the command line: what is taken, and the one line that is said of what is not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "probe/program/options.h"

enum { WORDS_MAX = 12 };

#define CANARY "--canary", "probe@canary.test"

struct row {
    const char *label;
    const char *words[WORDS_MAX];
    const char *error; /* some of it; NULL: taken */
};

static const struct row rows[] = {
    {"the least that is needed", {CANARY, "127.0.0.1:25"}, NULL},
    {"values after an equals sign",
     {"--canary=probe@canary.test", "--wait=30s", "[::1]:2525"},
     NULL},
    {"targets behind --", {CANARY, "--", "127.0.0.1"}, NULL},
    {"--version asks for nothing else", {"--version"}, NULL},
    {"--help after half a line", {"--json", "--help", "--nonsense"}, NULL},
    {"--list-forms asks for nothing else", {"--list-forms"}, NULL},
    {"everything at once",
     {CANARY, "--sink", "127.0.0.1:2525", "--sender", "a@example.test", "--helo", "h.example.test",
      "--forms", "S1-R1,S3-R1", "10.0.0.1"},
     NULL},
    {"a mailbox that is a sink", {CANARY, "--mailbox", "sink://[::1]:2525", "127.0.0.1"}, NULL},
    {"timeouts may come again",
     {CANARY, "--timeout", "rcpt=10s", "--timeout", "data=1min", "127.0.0.1"},
     NULL},
    {"a certificate of our own", {CANARY, "--client-cert", "c.pem", "127.0.0.1"}, NULL},
    {"a key without its certificate",
     {CANARY, "--client-key", "k.pem", "127.0.0.1"},
     "--client-key needs a --client-cert"},
    {"a certificate that is never shown",
     {CANARY, "--client-cert", "c.pem", "--tls", "none", "127.0.0.1"},
     "--client-cert and --tls none exclude each other"},
    {"nothing", {NULL}, "--canary ADDRESS is required"},
    {"no target", {CANARY}, "no TARGET"},
    {"unknown option", {CANARY, "--nonsense", "127.0.0.1"}, "--nonsense: no such option; --help"},
    {"abbreviated option",
     {CANARY, "--wai", "1s", "127.0.0.1"},
     "--wai: no such option (did you mean --wait?); --help"},
    {"value missing", {"127.0.0.1", "--canary"}, "--canary: a value is missing"},
    {"value for a switch",
     {CANARY, "--json=yes", "127.0.0.1"},
     "--json: 'yes': this option takes no value"},
    {"given twice",
     {CANARY, "--helo", "a.test", "--helo", "b.test", "127.0.0.1"},
     "--helo: 'b.test': given twice"},
    {"two canaries of one domain",
     {CANARY, "--canary", "other@Canary.test", "127.0.0.1"},
     "--canary: 'other@Canary.test': of the same domain as the first"},
    {"canaries of two domains", {CANARY, "--canary", "x@example.test", "127.0.0.1"}, NULL},
    {"five canaries",
     {CANARY, "--canary=a@b.test", "--canary=a@c.test", "--canary=a@d.test", "--canary=a@e.test",
      "127.0.0.1"},
     "--canary: 'a@e.test': at most 4"},
    {"a mailbox twice",
     {CANARY, "--sink", "127.0.0.1:1", "--mailbox", "sink://127.0.0.1:1", "127.0.0.1"},
     "given twice"},
    {"a token elsewhere", {CANARY, "--token", "header", "127.0.0.1"}, "--token: 'header': write"},
    {"a token for a catch-all domain", {CANARY, "--token", "catch-all", "127.0.0.1"}, NULL},
    {"no rate", {CANARY, "--rate", "0", "127.0.0.1"}, "--rate: '0': write a number"},
    {"more ways in than canaries",
     {CANARY, "--control-route=127.0.0.1:1", "--control-route=127.0.0.1:2", "127.0.0.1"},
     "more of them than canaries"},
    {"a ledger and none", {CANARY, "--ledger", "x", "--no-ledger", "127.0.0.1"}, "exclude each"},
    {"a password for a sink",
     {CANARY, "--sink", "127.0.0.1:1", "--password-file", "x", "127.0.0.1"},
     "--password-file and"},
    {"proof without a mailbox", {CANARY, "--save-proof", "x", "127.0.0.1"}, "--save-proof needs"},
    {"--collect without a mailbox", {"--collect"}, "--collect needs a --mailbox"},
    {"--collect with a target", {"--collect", "127.0.0.1"}, "a TARGET is given"},
    {"--list-runs asks for nothing else", {"--list-runs"}, NULL},
    {"--show-run", {"--show-run", "abc"}, NULL},
    {"--export-run without a name", {"--export-run="}, "write the name of a run"},
    {"a password in the URL",
     {CANARY, "--mailbox", "imap://u:geheim@h.test", "127.0.0.1"},
     "--mailbox: "},
    {"canary without @", {"--canary", "canary.test", "127.0.0.1"}, "--canary: 'canary.test':"},
    {"line end in the canary",
     {"--canary", "a\r\nRCPT TO:<x>@canary.test", "127.0.0.1"},
     "--canary: 'a\\r\\nRCPT"},
    {"line end in the sender",
     {CANARY, "--sender", "a@b.test\n", "127.0.0.1"},
     "--sender: 'a@b.test\\n':"},
    {"line end in HELO", {CANARY, "--helo", "x\r\nQUIT", "127.0.0.1"}, "--helo: 'x\\r\\nQUIT':"},
    {"line end in the contact", {CANARY, "--contact", "a\nb", "127.0.0.1"}, "--contact: 'a\\nb':"},
    {"line end in the target", {CANARY, "127.0.0.1\r\nx"}, "target: '127.0.0.1\\r\\nx':"},
    {"8-bit contact", {CANARY, "--contact", "\303\244", "127.0.0.1"}, "only printable ASCII"},
    {"canary too long for a token",
     {"--canary", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv@canary.test", "127.0.0.1"},
     "at most 47 characters"},
    {"port 0", {CANARY, "127.0.0.1:0"}, "target: '127.0.0.1:0':"},
    {"port past the end", {CANARY, "127.0.0.1:65536"}, "target: '127.0.0.1:65536':"},
    {"port of letters", {CANARY, "localhost:smtp"}, "with a port from 1 to 65535"},
    {"no port behind the colon", {CANARY, "localhost:"}, "with a port from 1 to 65535"},
    {"no address", {CANARY, "10.0.0.256"}, "neither an address nor a host name"},
    {"an address cut short", {CANARY, "10.0.0"}, "neither an address nor a host name"},
    {"half a bracket", {CANARY, "[::1"}, "target: '[::1':"},
    {"an empty target", {CANARY, ""}, "target: '':"},
    {"sink without port",
     {CANARY, "--sink", "127.0.0.1", "127.0.0.1"},
     "--sink: '127.0.0.1': write ADDR:PORT"},
    {"sink by name",
     {CANARY, "--sink", "localhost:25", "127.0.0.1"},
     "--sink: 'localhost:25': write ADDR:PORT"},
    {"two sinks",
     {CANARY, "--sink", "127.0.0.1:1", "--mailbox", "sink://127.0.0.1:2", "127.0.0.1"},
     NULL},
    {"the second sink itself",
     {CANARY, "--sink", "127.0.0.1:1", "--sink", "127.0.0.1:2", "127.0.0.1:2"},
     "that is the sink itself"},
    {"a mailbox of another kind", {CANARY, "--mailbox", "ftp://x", "127.0.0.1"}, "--mailbox: "},
    {"a mailbox of every kind",
     {CANARY, "--mailbox=imaps://u@h.test", "--mailbox=pop3://u@h.test", "--mailbox=maildir:/m",
      "--mailbox=mbox:/m", "--sink=127.0.0.1:1", "--password-file=x", "--ca-file=y", "127.0.0.1"},
     NULL},
    {"source with a port", {CANARY, "--source", "127.0.0.1:25", "127.0.0.1"}, "--source:"},
    {"unknown form", {CANARY, "--forms", "S1-R1,R999", "127.0.0.1"}, "--forms: 'S1-R1,R999':"},
    {"no duration",
     {CANARY, "--wait", "5 minutes", "127.0.0.1"},
     "--wait: '5 minutes': not a duration"},
    {"duration without a unit",
     {CANARY, "--wait", "30", "127.0.0.1"},
     "--wait: '30': not a duration"},
    {"duration below zero",
     {CANARY, "--max-time", "-1s", "127.0.0.1"},
     "--max-time: '-1s': not a duration"},
    {"too short a time",
     {CANARY, "--max-time", "10ms", "127.0.0.1"},
     "--max-time: '10ms': too short"},
    {"unknown step",
     {CANARY, "--timeout", "lunch=1h", "127.0.0.1"},
     "a step is one of connect, greeting"},
    {"step without duration", {CANARY, "--timeout", "rcpt", "127.0.0.1"}, "write STEP=DURATION"},
    {"unknown verdict", {CANARY, "--expect", "shut", "127.0.0.1"}, "--expect: 'shut': write open"},
    {"inside and outside", {CANARY, "--inside", "--outside", "127.0.0.1"}, "exclude each other"},
    {"dry run as JSON", {CANARY, "--dry-run", "--json", "127.0.0.1"}, "exclude each other"},
    {"dry run with an expectation",
     {CANARY, "--dry-run", "--expect", "closed", "127.0.0.1"},
     "nothing is asked"},
    {"quiet and verbose", {CANARY, "--quiet", "--verbose", "127.0.0.1"}, "exclude each other"},
    {"public control route",
     {CANARY, "--control-route", "192.0.2.1:25", "127.0.0.1"},
     "--control-route: a public"},
    {"the sink itself",
     {CANARY, "--sink", "127.0.0.1:2525", "127.0.0.1:2525"},
     "that is the sink itself"},
    {"the canary's own server",
     {CANARY, "--control-route", "127.0.0.1:2525", "127.0.0.1:2525"},
     "that is the canary's own server"},
    {"the canary's own domain by MX",
     {CANARY, "mx:canary.test"},
     "that is the canary's own domain"},
    {"a domain", {CANARY, "--resolver", "127.0.0.1:53", "mx:victim.test"}, NULL},
    {"a domain with a port", {CANARY, "--all-mx", "MX:victim.test:2525"}, NULL},
    {"mx without a domain", {CANARY, "mx:"}, "mx:DOMAIN"},
    {"mx of an address", {CANARY, "mx:127.0.0.1"}, "mx:DOMAIN"},
    {"mx with a wrong port", {CANARY, "mx:victim.test:0"}, "port from 1 to 65535"},
    {"a resolver without a port", {CANARY, "--resolver", "127.0.0.1", "a.test"}, "ADDR:PORT"},
    {"a resolver's patience", {CANARY, "--resolver-timeout", "500ms", "mx:victim.test"}, NULL},
    {"no patience", {CANARY, "--resolver-timeout", "5ms", "mx:victim.test"}, "too short"},
    {"patience without a unit", {CANARY, "--resolver-timeout", "5", "a.test"}, "not a duration"},
    {"the canary's own domain", {CANARY, "Canary.test:25"}, "that is the canary's own domain"},
    {"a public target", {CANARY, "192.0.2.1"}, "a public address"},
    {"a public target of version 6", {CANARY, "[2001:db8::1]:25"}, "a public address"},
    {"a public target that is meant", {CANARY, "--allow-public", "192.0.2.1"}, NULL},
    {"source of the other family",
     {CANARY, "--source", "::1", "127.0.0.1"},
     "no --source is of its address family"},
    {"one of two sources fits",
     {CANARY, "--source", "::1", "--source", "127.0.0.2", "127.0.0.1"},
     NULL},
    {"a source given twice",
     {CANARY, "--source", "::1", "--source", "[::1]", "::1"},
     "given twice"},
    {"a family without an address",
     {CANARY, "--family", "6", "127.0.0.1"},
     "it has no address of the family"},
    {"no family", {CANARY, "--family", "5", "127.0.0.1"}, "write 4 or 6"},
    {"messages", {CANARY, "--max-messages", "1", "127.0.0.1"}, NULL},
    {"no message", {CANARY, "--max-messages", "0", "127.0.0.1"}, "from 1 to 192"},
    {"ports", {CANARY, "--ports", "25, 587,465", "127.0.0.1"}, NULL},
    {"no port", {CANARY, "--ports", "25,,587", "127.0.0.1"}, "ports from 1 to 65535"},
    {"a port twice", {CANARY, "--ports", "25,587,25", "127.0.0.1"}, "twice"},
    {"too many ports", {CANARY, "--ports", "1,2,3,4,5,6,7,8,9", "127.0.0.1"}, "at most 8 ports"},
    {"the sink by its port",
     {CANARY, "--sink", "127.0.0.1:2525", "--ports", "25,2525", "127.0.0.1"},
     "that is the sink itself"},
    {"ports are not of a target with one",
     {CANARY, "--sink", "127.0.0.1:2525", "--ports", "25,2525", "127.0.0.1:26"},
     NULL},
};

static bool take(const char *const *words, struct options *o, struct strbuf *error)
{
    char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t) "relayprobe"};
    int argc = 1;

    while (argc <= WORDS_MAX && words[argc - 1] != NULL) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
        argc++;
    }
    if (!options_parse(o, argc, argv, error))
        return false;
    for (size_t i = 0; i < o->target_count; i++)
        if (!options_check_target(o, &o->target[i], error))
            return false;
    return true;
}

static void test_rows(void **state)
{
    struct options *o = malloc(sizeof(*o));
    char memory[1024];
    struct strbuf error;

    (void)state;
    assert_non_null(o);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool taken;

        strbuf_init(&error, memory, sizeof(memory));
        taken = take(rows[i].words, o, &error);
        if (taken != (rows[i].error == NULL))
            fail_msg("%s: %s '%s'", rows[i].label, taken ? "taken" : "refused", memory);
        if (rows[i].error != NULL && strstr(memory, rows[i].error) == NULL)
            fail_msg("%s: '%s' without '%s'", rows[i].label, memory, rows[i].error);
        if (strchr(memory, '\n') != NULL || strchr(memory, '\r') != NULL)
            fail_msg("%s: more than one line", rows[i].label);
        if (strstr(memory, "geheim") != NULL)
            fail_msg("%s: a password is shown", rows[i].label);
    }
    free(o);
}

/* The help names all options; those without a value are known to their handler, too. */
static void test_options_without_value(void **state)
{
    struct options *o = malloc(sizeof(*o));
    char help[16384], memory[1024];
    struct strbuf out, error;
    struct span rest, line;
    unsigned tried = 0;

    (void)state;
    assert_non_null(o);
    strbuf_init(&out, help, sizeof(help));
    options_print_help(&out);
    assert_false(out.truncated);
    rest = strbuf_span(&out);
    while (span_cut(&rest, '\n', &line)) {
        char option[64];
        bool is_option = span_starts(line, SPAN("  --"));
        struct span word = is_option ? span_from(line, 2) : line;
        size_t end = span_chr(word, ' ');

        if (!is_option || end + 1 >= word.len || word.ptr[end + 1] != ' ')
            continue; /* a value follows after one blank */
        assert_true(bytes_copy(option, sizeof(option), span_to(word, end)));
        const char *words[] = {CANARY, option, "127.0.0.1", NULL};
        strbuf_init(&error, memory, sizeof(memory));
        (void)take(words, o, &error);
        tried++;
    }
    assert_true(tried >= 16);
    free(o);
}

static void test_values(void **state)
{
    const char *words[] = {CANARY,     "--timeout",    "rcpt=10s", "--retry", "2min",
                           "--inside", "mx.test:2525", "::1",      NULL};
    struct options *o = malloc(sizeof(*o));
    char memory[1024];
    struct strbuf error;

    (void)state;
    assert_non_null(o);
    strbuf_init(&error, memory, sizeof(memory));
    assert_true(take(words, o, &error));
    assert_int_equal(o->timeouts.ns[STEP_RCPT], 10 * CLOCK_SECOND);
    assert_int_equal(o->timeouts.ns[STEP_DATA], smtp_timeouts_rfc5321.ns[STEP_DATA]);
    assert_int_equal(o->retry_ns, 2 * CLOCK_MINUTE);
    assert_true(span_equal(o->sender, SPAN("probe@canary.test"))); /* the canary's, when not given
                                                                    */
    assert_int_equal(o->target_count, 2);
    assert_true(o->target[0].is_name);
    assert_true(span_equal(o->target[0].name, SPAN("mx.test")));
    assert_int_equal(o->target[0].port, 2525);
    assert_int_equal(o->target[0].address_count, 0);
    assert_false(o->target[1].is_name);
    assert_int_equal(o->target[1].address[0].family, 6);
    assert_int_equal(o->target[1].address[0].port, 25);
    assert_int_equal(options_vantage(o, &o->source[0], &o->target[1].address[0]), VANTAGE_INSIDE);
    assert_int_equal(options_control_route(o, 0).family, 0);
    free(o);
}

static void test_dots_behind_names(void **state)
{
    static const struct {
        const char *text, *name; /* NULL: refused */
        unsigned port;
    } names[] = {{"mx.test.", "mx.test", 25},
                 {"mx.test.:26", "mx.test", 26},
                 {"mx:mail.test.", "mail.test", 25},
                 {"mx.test..", NULL, 0},
                 {".", NULL, 0},
                 {"127.0.0.1.", NULL, 0}};
    char memory[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct target t;
        struct strbuf error;
        strbuf_init(&error, memory, sizeof(memory));
        bool taken = target_read(&t, span_of(names[i].text), &error);
        if (taken != (names[i].name != NULL) ||
            (taken && (!span_equal(t.name, span_of(names[i].name)) || t.port != names[i].port)))
            fail_msg("%s: %s", names[i].text, memory);
    }
}

static void test_vantage(void **state)
{
    static const struct {
        const char *label, *address, *source;
        enum vantage vantage;
    } places[] = {
        {"loopback", "127.0.0.1", NULL, VANTAGE_SAME_HOST},
        {"loopback of version 6", "::1", NULL, VANTAGE_SAME_HOST},
        {"link-local", "169.254.1.1", NULL, VANTAGE_SAME_NETWORK},
        {"private", "10.1.2.3", NULL, VANTAGE_PRIVATE},
        {"from itself", "10.1.2.3", "10.1.2.3", VANTAGE_SAME_HOST},
        {"public", "192.0.2.1", NULL, VANTAGE_PUBLIC},
    };
    struct options *o = calloc(1, sizeof(*o));

    (void)state;
    assert_non_null(o);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct endpoint e, source = {.family = 0};

        assert_true(endpoint_parse_address(span_of(places[i].address), &e));
        if (places[i].source != NULL)
            assert_true(endpoint_parse_address(span_of(places[i].source), &source));
        if (options_vantage(o, &source, &e) != places[i].vantage)
            fail_msg("%s", places[i].label);
    }
    free(o);
}

static void add_box(struct options *o, const char *url)
{
    char memory[200];
    struct strbuf why;

    strbuf_init(&why, memory, sizeof(memory));
    if (!mailbox_url_parse(&o->mailbox[o->mailbox_count++], span_of(url), &why))
        fail_msg("%s: %s", url, memory);
}

static void test_control_route(void **state)
{
    static const struct {
        const char *label, *boxes[3], *routes[2];
        size_t further;
        const char *ways[2]; /* NULL: none */
    } places[] = {
        {"a sink on every address", {"sink://0.0.0.0:25"}, {NULL}, 0, {"127.0.0.1:25"}},
        {"of version 6", {"sink://[::]:25"}, {NULL}, 0, {"[::1]:25"}},
        {"told", {"sink://0.0.0.0:25"}, {"10.0.0.1:2500"}, 0, {"10.0.0.1:2500"}},
        {"a stored mailbox", {"maildir:/m"}, {NULL}, 0, {NULL}},
        {"a stored mailbox, told", {"maildir:/m"}, {"10.0.0.1:25"}, 0, {"10.0.0.1:25"}},
        {"one sink for both", {"sink://127.0.0.1:1"}, {NULL}, 1, {"127.0.0.1:1", "127.0.0.1:1"}},
        {"a sink each",
         {"sink://127.0.0.1:1", "sink://127.0.0.1:2"},
         {NULL},
         1,
         {"127.0.0.1:1", "127.0.0.1:2"}},
        {"a sink and a stored one", {"sink://127.0.0.1:1", "mbox:/m"}, {NULL}, 1, {"127.0.0.1:1"}},
        {"two for one canary, one stored", {"sink://127.0.0.1:1", "mbox:/m"}, {NULL}, 0, {NULL}},
        {"one told for both", {"mbox:/m"}, {"10.0.0.1:1"}, 1, {"10.0.0.1:1", "10.0.0.1:1"}},
        {"one told each",
         {"mbox:/m", "mbox:/n"},
         {"10.0.0.1:1", "10.0.0.1:2"},
         1,
         {"10.0.0.1:1", "10.0.0.1:2"}},
        {"no mailbox", {NULL}, {NULL}, 0, {NULL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct options *o = calloc(1, sizeof(*o));

        assert_non_null(o);
        o->further_count = places[i].further;
        for (size_t k = 0; k < 3 && places[i].boxes[k] != NULL; k++)
            add_box(o, places[i].boxes[k]);
        for (size_t k = 0; k < 2 && places[i].routes[k] != NULL; k++)
            assert_true(endpoint_parse(span_of(places[i].routes[k]), false,
                                       &o->control_route[o->control_route_count++]));
        for (size_t k = 0; k <= places[i].further; k++) {
            struct endpoint want = {.family = 0}, got = options_control_route(o, k);

            if (places[i].ways[k] != NULL)
                assert_true(endpoint_parse(span_of(places[i].ways[k]), false, &want));
            if (got.family != want.family || (want.family != 0 && !endpoint_equal(&got, &want)))
                fail_msg("%s: canary %zu", places[i].label, k);
        }
        free(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_options_without_value),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_dots_behind_names),
        cmocka_unit_test(test_vantage), cmocka_unit_test(test_control_route),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
