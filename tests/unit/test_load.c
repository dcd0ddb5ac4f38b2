/*
 * test_load.c - the rule language: what is read, what is refused and in which words, how personas
 * merge
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/smtp/address.h"
#include "lib/smtp/server.h"
#include "mockmta/config/load.h"

enum { BLOCK = 1 << 20 };

static char block[BLOCK];

struct bench {
    struct arena arena;
    struct conf conf;
    struct persona_path personas;
    struct server_source source;
    struct server_config config;
};

static void bench_init(struct bench *b, const char *text)
{
    memset(b, 0, sizeof *b);
    arena_init(&b->arena, block, sizeof block);
    conf_init(&b->conf, &b->arena, "t.yaml", span_of(text));
    b->personas.directory[0] = "mockmta/personas";
    b->personas.count = 1;
}

static bool load(struct bench *b, const char *text)
{
    bench_init(b, text);
    return conf_load(&b->conf, &server_table, &b->source) &&
           server_resolve(&b->conf, &b->personas, &b->source, &b->config);
}

static const struct rule *only_rule(struct bench *b, const char *rule)
{
    static char text[4096];

    (void)snprintf(text, sizeof text, "rules:\n  - %s\n", rule);
    if (!load(b, text)) {
        fail_msg("%s", b->conf.error);
    }
    assert_int_equal(b->config.rule_count, 1);
    return &b->config.rules[0];
}

static void defaults(void **state)
{
    struct bench b;

    (void)state;
    assert_true(load(&b, "title: nothing said\n"));
    assert_string_equal(b.config.name, "mx");
    assert_string_equal(b.config.hostname, "mx.victim.test");
    assert_int_equal(b.config.local_domains.count, 1);
    assert_string_equal(b.config.local_domains.item[0], "victim.test");
    assert_string_equal(b.config.listen.item[0], "smtp");
    assert_int_equal(b.config.users.count, 0);
    assert_int_equal(b.config.extensions.count, 4);
    assert_true(b.config.message_max == 10485760 && b.config.errors_max == 0);
    assert_true(b.config.idle_ns == 5 * CLOCK_MINUTE && b.config.rule_count == 0);
}

static void replies(void **state)
{
    static const struct {
        const char *label, *yaml;
        int code;
        const char *enhanced, *lines;
    } rows[] = {
        {"plain", "550 5.7.1 Relay access denied", 550, "5.7.1", "Relay access denied"},
        {"without enhanced code", "250 ok", 250, NULL, "ok"},
        {"code alone", "250", 250, NULL, ""},
        {"enhanced code alone", "250 2.1.5", 250, "2.1.5", ""},
        {"list", "[250-first, 250 last]", 250, NULL, "first|last"},
        {"list, code once", "[250 2.1.0 first, last]", 250, NULL, "2.1.0 first|last"},
        {"shared enhanced code", "[250-2.1.0 first, 250 2.1.0 last]", 250, "2.1.0", "first|last"},
        {"block", "\"250-a\\n250-b\\n250 c\\n\"", 250, NULL, "a|b|c"},
        {"text like a code", "\"554 250 2.1.5 Ok\"", 554, NULL, "250 2.1.5 Ok"},
        {"template", "\"550 <${rcpt}> no\"", 550, NULL, "<${rcpt}> no"},
        {"mapping", "{code: 450, enhanced: 4.2.0, text: later}", 450, "4.2.0", "later"},
        {"mapping, lines", "{code: 250, lines: [250 a, b]}", 250, NULL, "250 a|b"},
        {"mapping, code alone", "{code: 421}", 421, NULL, ""},
        {"version number is no code", "220 4.96 ready", 220, NULL, "4.96 ready"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        char rule[512], lines[512] = "";
        (void)snprintf(rule, sizeof rule, "{at: RCPT, reply: %s}", rows[i].yaml);
        const struct rule *r = only_rule(&b, rule);
        for (size_t k = 0; k < r->reply.line_count; k++) {
            (void)strcat(strcat(lines, k > 0 ? "|" : ""), r->reply.lines[k]);
        }
        if (r->reply.code != rows[i].code || strcmp(lines, rows[i].lines) != 0 ||
            (rows[i].enhanced == NULL) != (r->reply.enhanced == NULL) ||
            (r->reply.enhanced != NULL && strcmp(r->reply.enhanced, rows[i].enhanced) != 0)) {
            fail_msg("%s: %d %s %s", rows[i].label, r->reply.code,
                     r->reply.enhanced != NULL ? r->reply.enhanced : "-", lines);
        }
        assert_true(r->reply.set && r->reply.raw == NULL);
    }
}

static void raw_replies(void **state)
{
    struct bench b;
    const struct rule *r = only_rule(&b,
                                     "{at: RCPT, reply: {raw: '250 a\\r\\n\\0\\x41\\\\\\t\\xfF'}}");

    (void)state;
    assert_int_equal(r->reply.raw_len, 12);
    assert_memory_equal(r->reply.raw, "250 a\r\n\0A\\\t\377", 12);
    assert_int_equal(r->reply.code, 250);
    r = only_rule(&b, "{at: RCPT, reply: {raw: 'SSH\\n', code: 554, repeat: 10000}}");
    assert_int_equal(r->reply.code, 554);
    assert_int_equal(r->reply.repeat, 10000);
    r = only_rule(&b, "{at: banner, reply: {raw: 'SSH-2.0'}}");
    assert_int_equal(r->reply.code, 0);
}

static void conditions(void **state)
{
    struct bench b;
    const struct rule *r = only_rule(
        &b, "{at: [MAIL, RCPT], when: {from: [10.0.0.0/8, \"::1\"], sender: \"\", shape: [bang, "
            "percent], brackets: false, errors: 3, tls: true, after: {at: RCPT, replied: 5}}}");

    (void)state;
    assert_int_equal(r->at, RULE_AT(AT_MAIL) | RULE_AT(AT_RCPT));
    assert_int_equal(r->when.from_count, 2);
    assert_int_equal(r->when.from[0].prefix_bits, 8);
    assert_string_equal(r->when.sender.item[0], "");
    assert_int_equal(r->when.to_shapes, 1U << SHAPE_BANG | 1U << SHAPE_PERCENT);
    assert_int_equal(r->when.brackets, TRI_NO);
    assert_int_equal(r->when.tls, TRI_YES);
    assert_int_equal(r->when.auth, TRI_ANY);
    assert_int_equal(r->when.errors_min, 3);
    assert_true(r->when.after_set && r->when.after_event == AT_RCPT && r->when.after_code == 5);
    r = only_rule(&b, "{at: RCPT, when: {to_domain: not-local, sender_domain: [\"*.example.test\", "
                      "canary.test], unwrapped: local, seen_after: 5min, from: not-trusted}}");
    assert_int_equal(r->when.to_domain, DOMAIN_NOT_LOCAL);
    assert_int_equal(r->when.sender_domain, DOMAIN_GLOB);
    assert_int_equal(r->when.sender_domain_glob.count, 2);
    assert_int_equal(r->when.unwrapped_local, TRI_YES);
    assert_int_equal(r->when.seen, TRI_YES);
    assert_int_equal(r->when.seen_after_ns, 5 * CLOCK_MINUTE);
    assert_int_equal(r->when.trusted, TRI_NO);
}

static void actions(void **state)
{
    struct bench b;
    const struct rule *r = only_rule(&b,
                                     "{at: any, delay: 5s, continue: true, times: 2, log: slow}");

    (void)state;
    assert_true(r->at == RULE_AT_ANY && r->delay_ns == 5 * CLOCK_SECOND && r->go_on &&
                r->times == 2);
    assert_string_equal(r->log, "slow");
    assert_int_equal(r->line, 2);
    assert_string_equal(r->file, "t.yaml");
    r = only_rule(&b, "{at: RCPT, nth: {of: transaction, is: 2..}, then: ignore}");
    assert_true(r->nth.set && r->nth.of == NTH_TRANSACTION && r->nth.min == 2);
    assert_true(r->nth.max == UINT64_MAX && r->ignore && r->then == THEN_GO_ON);
    r = only_rule(&b, "{at: DATA, then: 421}");
    assert_true(r->then_421 && r->then == THEN_CLOSE);
    r = only_rule(&b, "{at: DATA, then: half-close, wire: {bytes: 7, gap: 1ms, eol: lf}}");
    assert_true(r->then == THEN_HALF_CLOSE && r->wire_set && r->wire.segment == WIRE_BYTES);
    assert_true(r->wire.bytes == 7 && r->wire.gap_ns == CLOCK_MS && r->wire.eol == EOL_LF);
    r = only_rule(&b, "{at: RCPT, fate: relay, rewrite: unwrap, callout: sender}");
    assert_true(r->fate.kind == FATE_RELAY && r->fate.copies == 1);
    assert_true(r->rewrite == REWRITE_UNWRAP && r->callout);
    r = only_rule(&b, "{at: RCPT, fate: {do: hold, after: 1h, copies: 2, only: first}}");
    assert_true(r->fate.kind == FATE_HOLD && r->fate.after_ns == CLOCK_HOUR);
    assert_true(r->fate.copies == 2 && r->fate.only == ONLY_FIRST);
    r = only_rule(&b, "{at: RCPT, fate: {do: bounce, dsn: false, status: 5.1.2, diagnostic: no}}");
    assert_true(r->fate.kind == FATE_BOUNCE && r->fate.quote_token);
    assert_string_equal(r->fate.status, "5.1.2");
    r = only_rule(&b, "{at: RCPT, fate: {do: bounce, action: delayed, status: 4.4.1}}");
    assert_true(r->fate.kind == FATE_BOUNCE && r->fate.delayed && !r->fate.quote_token);
}

/* A rule, and the first line of the error and its hint. */
static const struct {
    const char *rule, *error, *hint;
} refused_rule[] = {
    {"{reply: 250 ok}", "2:5: error: a rule needs \"at\"", "add at: RCPT"},
    {"{at: RCTP}", "2:10: error: unknown value \"RCTP\"", "did you mean \"RCPT\"?"},
    {"{at: []}", "2:10: error: no event is named", "for instance [MAIL, RCPT]"},
    {"{at: RCPT, delya: 5s}", "2:16: error: unknown key \"delya\" in a rule",
     "did you mean \"delay\"?"},
    {"{at: RCPT, reply: no}", "2:23: error: a reply begins with its code", "550 5.7.1 no"},
    {"{at: RCPT, reply: 199 no}", "2:23: error: a reply begins with its code", "from 200 to 599"},
    {"{at: RCPT, reply: 600 no}", "2:23: error: a reply begins with its code", "from 200 to 599"},
    {"{at: RCPT, reply: 55 no}", "2:23: error: a reply begins with its code", "from 200 to 599"},
    {"{at: RCPT, reply: []}", "2:23: error: a reply begins with its code", "from 200 to 599"},
    {"{at: RCPT, reply: 550 2.1.5 Ok}", "enhanced code 2.1.5 does not go with 550", "raw: "},
    {"{at: RCPT, reply: [250-a, 550 b]}", "2:31: error: lines with different codes: 250 and 550",
     "raw: "},
    {"{at: RCPT, reply: {code: 250, enhanced: 2.1}}", "\"2.1\" is no enhanced code", "5.7.1"},
    {"{at: RCPT, reply: {code: 250, enhanced: 5.1.1}}", "does not go with 250", "raw: "},
    {"{at: RCPT, reply: {code: 700}}", "not a whole number that fits here", "at most 599"},
    {"{at: RCPT, reply: {text: a}}", "a reply needs \"code\" or \"raw\"", "add code: 550"},
    {"{at: RCPT, reply: {raw: a, text: b}}", "raw and text exclude each other", "whole reply"},
    {"{at: RCPT, reply: {code: 250, text: a, lines: [b]}}", "text and lines exclude each other",
     ""},
    {"{at: RCPT, reply: {raw: 'a\\q'}}", "unknown escape \"\\q\" in raw bytes", "known: "},
    {"{at: RCPT, reply: {raw: 'a\\x4'}}", "unknown escape \"\\x\" in raw bytes", "known: "},
    {"{at: RCPT, reply: {raw: 'a\\'}}", "unknown escape \"\\\" in raw bytes", "known: "},
    {"{at: RCPT, reply: \"250 ${rcp}\"}", "unknown name ${rcp}", "did you mean ${rcpt}?"},
    {"{at: RCPT, reply: \"250 ${zzzzzzz}\"}", "unknown name ${zzzzzzz}", "one of: rcpt, sender"},
    {"{at: RCPT, reply: \"250 ${rcpt\"}", "\"${\" without \"}\"", "close it"},
    {"{at: connect, reply: 220 hi}", "2:26: error: \"reply\" means nothing at this event",
     "at: banner"},
    {"{at: MAIL, fate: relay}", "2:22: error: \"fate\" means nothing at some",
     "at: RCPT or end-of-data"},
    {"{at: any, fate: relay, when: {tls: a}}", "2:40: error: unknown value \"a\"",
     "one of: true, false"},
    {"{at: RCPT, fate: relya}", "unknown value \"relya\"", "did you mean \"relay\"?"},
    {"{at: RCPT, fate: {do: hold}}", "hold needs \"after\"", "after: 1h"},
    {"{at: RCPT, fate: {do: relay, dsn: false}}", "belong to a bounce", "do: bounce"},
    {"{at: RCPT, fate: {do: relay, action: delayed}}", "belong to a bounce", "do: bounce"},
    {"{at: RCPT, fate: {do: bounce, dsn: false, action: delayed}}", "free text has no action",
     "dsn: false"},
    {"{at: RCPT, fate: {do: keep, copies: 2}}", "belong to relaying", "do: relay"},
    {"{at: RCPT, fate: {do: bounce, status: 2.1.1}}", "is no status of a failure", "5.1.1"},
    {"{at: RCPT, fate: {do: bounce, diagnostic: \"${rcpt}\"}}", "a diagnostic has no ${...}",
     "itself"},
    {"{at: DATA, rewrite: unwrap}", "2:25: error: \"rewrite\" means nothing at this event",
     "at: RCPT"},
    {"{at: EHLO, callout: sender}", "\"callout\" means nothing at this event", "needs at: MAIL"},
    {"{at: RCPT, reply: 250 ok, then: ignore}", "contradict each other", "leave out the reply"},
    {"{at: RCPT, reply: 250 ok, continue: true}", "leaves the reply to later ones",
     "leave out continue"},
    {"{at: RCPT, then: close, continue: true}", "leaves \"then\" to later ones",
     "leave out continue"},
    {"{at: RCPT, then: ignore, wire: {eol: lf}}", "there is no reply", "leave out the wire shape"},
    {"{at: RCPT, then: 521}", "unknown value \"521\"", "did you mean \"421\"?"},
    {"{at: RCPT, wire: {gap: 1s}}", "a gap needs segments", "segment: per-line"},
    {"{at: RCPT, wire: {segment: bytes}}", "segment: bytes needs \"bytes\"", "add bytes: 7"},
    {"{at: RCPT, wire: {segment: per-line, bytes: 3}}", "goes with segment: bytes only",
     "segment: bytes"},
    {"{at: RCPT, nth: {of: command}}", "a counter needs \"is\"", "add is: 1"},
    {"{at: RCPT, nth: {of: command, is: 0}}", "counting begins with 1", "the first is 1"},
    {"{at: RCPT, nth: 3}", "2:21: error: expected a counter here", "key: value"},
    {"{at: RCPT, times: 0}", "not a whole number that fits here", "at least 1"},
    {"{at: MAIL, when: {to_domain: local}}", "2:34: error: \"to_domain\" means nothing",
     "needs at: RCPT"},
    {"{at: EHLO, when: {sender: a}}", "\"sender\" means nothing at this event", "needs at: MAIL"},
    {"{at: DATA, when: {shape: bang}}", "\"shape\" means nothing at this event", "MAIL or RCPT"},
    {"{at: DATA, when: {content: \"*\"}}", "\"content\" means nothing at this event",
     "end-of-data"},
    {"{at: banner, when: {helo: a}}", "\"helo\" means nothing at this event", "needs at: EHLO"},
    {"{at: end-of-data, when: {arg: a}}", "\"arg\" means nothing at this event", "an argument"},
    {"{at: RCPT, when: {to_domain: [local, canary.test]}}", "\"local\" cannot be one of several",
     "alone"},
    {"{at: RCPT, when: {to_domain: locl}}", "\"locl\" is a domain without a dot", "not-local"},
    {"{at: RCPT, when: {to_domain: a@b.test}}", "not a domain", "not-local or none"},
    {"{at: RCPT, when: {from: 10.0.0.0/33}}", "2:29: error: not a network", "192.0.2.0/24"},
    {"{at: RCPT, when: {seen: false, seen_after: 1s}}", "contradict each other", "leave out seen"},
    {"{at: RCPT, when: {after: {at: any}}}", "\"any\" is not one command", "name one"},
    {"{at: RCPT, when: {after: {at: MAIL, replied: 77}}}", "no such reply code", "from 200 to 599"},
    {"{at: RCPT, when: {listener: submission}}", "asks for listener \"submission\"",
     "add it to listen"},
};

static void refused_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_rule / sizeof refused_rule[0]; i++) {
        struct bench b;
        char text[512];
        (void)snprintf(text, sizeof text, "rules:\n  - %s\n", refused_rule[i].rule);
        if (load(&b, text)) {
            fail_msg("%s: was taken", refused_rule[i].rule);
        }
        if (strstr(b.conf.error, refused_rule[i].error) == NULL ||
            strstr(b.conf.error, refused_rule[i].hint) == NULL) {
            fail_msg("%s:\n%s\nlacks \"%s\" or \"%s\"", refused_rule[i].rule, b.conf.error,
                     refused_rule[i].error, refused_rule[i].hint);
        }
    }
}

static void refused_servers(void **state)
{
    static const struct {
        const char *text, *error, *hint;
    } rows[] = {
        {"hostname: mx victim\n", "1:11: error: not a host name", "mx.victim.test"},
        {"local_domains: a.test, b.test\n", "1:16: error: not a domain", "a list: [a, b]"},
        {"local_domains: [a.test, x@b.test]\n", "1:25: error: not a domain", ""},
        {"listen: []\n", "no listener is named", "[smtp]"},
        {"networks: [10.0.0.0/8, x]\n", "1:24: error: not a network", "one address"},
        {"message_max: 0\n", "not a whole number that fits here", "at least 1"},
        {"persona: ../open\n", "1:10: error: not a name of a persona", "letters, digits"},
        {"persona: postfix-55x\n", "1:10: error: no persona named \"postfix-55x\"",
         "^^^^^^^^^^^ did you mean \"postfix-554\"?"},
        {"persona: something-else\n", "no persona named \"something-else\"", "--list-personas"},
        {"rules: {at: RCPT, fate: relay, x: 1}\n", "unknown key \"x\" in a rule", "at, when, nth"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        if (load(&b, rows[i].text)) {
            fail_msg("%s: was taken", rows[i].text);
        }
        if (strstr(b.conf.error, rows[i].error) == NULL ||
            strstr(b.conf.error, rows[i].hint) == NULL) {
            fail_msg("%s:\n%s", rows[i].text, b.conf.error);
        }
    }
}

static void persona_and_server_merge(void **state)
{
    struct bench b;

    (void)state;
    if (!load(&b, "persona: split-replies\n"
                  "hostname: other.victim.test\n"
                  "extensions: []\n"
                  "errors_max: 0\n"
                  "wire: [{at: EHLO, segment: per-byte}]\n"
                  "rules:\n"
                  "  - {at: RCPT, reply: 250 2.1.5 Ok}\n")) {
        fail_msg("%s", b.conf.error);
    }
    assert_string_equal(b.config.name, "split-replies");
    assert_string_equal(b.config.hostname, "other.victim.test");
    assert_int_equal(b.config.extensions.count, 0);
    assert_int_equal(b.config.errors_max, 0);
    assert_int_equal(b.config.users.count, 3); /* of postfix-554, two files down */
    assert_int_equal(b.config.rule_count, 6);
    for (size_t i = 0; i < b.config.rule_count; i++) {
        assert_int_equal(b.config.rules[i].index, i);
    }
    /* wire entries first, the outer file's before the persona's; then the outer file's rules. */
    assert_true(b.config.rules[0].go_on && b.config.rules[0].wire.segment == WIRE_PER_BYTE);
    assert_int_equal(b.config.rules[0].at, RULE_AT(AT_EHLO));
    assert_int_equal(b.config.rules[0].line, 5);
    assert_true(b.config.rules[1].go_on && b.config.rules[1].wire.segment == WIRE_PER_LINE);
    assert_true(b.config.rules[1].at == RULE_AT_ANY);
    assert_int_equal(b.config.rules[2].reply.code, 250);
    assert_string_equal(b.config.rules[2].file, "t.yaml");
    assert_int_equal(b.config.rules[3].at, RULE_AT(AT_BANNER));
    assert_non_null(strstr(b.config.rules[3].file, "postfix-554.yaml"));
}

static void every_persona_loads_and_says_what_it_is(void **state)
{
    static char names_block[16384];
    const char *names[PERSONAS_MAX];
    struct arena arena;
    struct bench b;

    (void)state;
    bench_init(&b, "");
    arena_init(&arena, names_block, sizeof names_block);
    size_t count = persona_names(&b.personas, &arena, names, PERSONAS_MAX);
    assert_true(count >= 43);
    for (size_t i = 0; i < count; i++) {
        bench_init(&b, "");
        if (!server_load_persona(&b.conf, &b.personas, names[i], &b.config)) {
            fail_msg("%s", b.conf.error);
        }
        assert_string_equal(b.config.name, names[i]);
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        if (b.config.title == NULL || b.config.why == NULL || b.config.source == NULL) {
            fail_msg("%s lacks title, why or source", names[i]);
        }
    }
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *directory, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    (void)remove(path);
}

static void errors_of_personas_name_their_file(void **state)
{
    char directory[] = "/tmp/test_load.XXXXXX", path[512];
    struct bench b;

    (void)state;
    assert_non_null(mkdtemp(directory));
    write_file(directory, "broken.yaml", "title: x\nrules: [{at: RCTP}]\n");
    write_file(directory, "loop.yaml", "persona: loop\n");
    bench_init(&b, "persona: broken\n");
    b.personas.directory[0] = directory;
    assert_true(conf_load(&b.conf, &server_table, &b.source));
    assert_false(server_resolve(&b.conf, &b.personas, &b.source, &b.config));
    (void)snprintf(path, sizeof path, "%s/broken.yaml:2:14: error: unknown value \"RCTP\"\n",
                   directory);
    if (strncmp(b.conf.error, path, strlen(path)) != 0) {
        fail_msg("%s", b.conf.error);
    }
    bench_init(&b, "");
    b.personas.directory[0] = directory;
    assert_false(server_load_persona(&b.conf, &b.personas, "loop", &b.config));
    assert_non_null(strstr(b.conf.error, "personas of personas, more than 4 deep"));
    bench_init(&b, "");
    (void)snprintf(path, sizeof path, "%s/nothing.yaml", directory);
    assert_false(server_load_file(&b.conf, &b.personas, path, &b.config));
    assert_non_null(strstr(b.conf.error, "nothing.yaml: error: cannot be opened: No such file"));
    bench_init(&b, "");
    assert_false(server_load_file(&b.conf, &b.personas, directory, &b.config));
    assert_non_null(strstr(b.conf.error, "cannot be read"));
    remove_file(directory, "broken.yaml");
    remove_file(directory, "loop.yaml");
    assert_int_equal(rmdir(directory), 0);
}

static void files_larger_than_the_first_piece(void **state)
{
    char directory[] = "/tmp/test_load.XXXXXX", path[512];
    static char text[40000];
    struct bench b;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(text, sizeof text, "title: x\n#%0*d\nhostname: late.victim.test\n", 30000, 0);
    write_file(directory, "large.yaml", text);
    (void)snprintf(path, sizeof path, "%s/large.yaml", directory);
    bench_init(&b, "");
    if (!server_load_file(&b.conf, &b.personas, path, &b.config)) {
        fail_msg("%s", b.conf.error);
    }
    assert_string_equal(b.config.name, "large");
    assert_string_equal(b.config.hostname, "late.victim.test");
    remove_file(directory, "large.yaml");
    assert_int_equal(rmdir(directory), 0);
}

static void names_agree_with_the_protocol(void **state)
{
    struct bench b;
    char rule[128];

    (void)state;
    for (unsigned at = 0; at < AT_COUNT; at++) {
        (void)snprintf(rule, sizeof rule, "{at: %s}", smtp_event_name((enum smtp_event)at));
        assert_int_equal(only_rule(&b, rule)->at, RULE_AT(at));
    }
    for (unsigned shape = 0; shape <= SHAPE_PLAIN; shape++) {
        (void)snprintf(rule, sizeof rule, "{at: RCPT, when: {shape: %s}}",
                       address_shape_name((enum address_shape)shape));
        assert_int_equal(only_rule(&b, rule)->when.to_shapes, 1U << shape);
    }
}

static void too_many_rules(void **state)
{
    static char text[8192] = "persona: exim\nrules:\n";
    struct bench b;

    (void)state;
    for (unsigned i = 0; i < RULES_MAX; i++) {
        (void)strcat(text, "  - {at: RCPT}\n");
    }
    assert_false(load(&b, text));
    assert_non_null(strstr(b.conf.error, "more than 64 rules, those of personas included"));
    (void)strcat(text, "  - {at: RCPT}\n");
    assert_false(load(&b, text));
    assert_non_null(strstr(b.conf.error, "more than 64 of \"rules\""));
}

static void a_small_arena_is_an_error_not_a_crash(void **state)
{
    static const char text[] =
        "persona: postfix-454\nrules:\n  - {at: RCPT, reply: [250-a, 250 b]}\n"
        "  - {at: RCPT, reply: {raw: 'x'}, when: {from: [10.0.0.0/8]}}\n";
    bool whole = false;

    (void)state;
    for (size_t cap = 0; cap < 65536 && !whole; cap += 16) {
        struct bench b;
        bench_init(&b, text);
        arena_init(&b.arena, block, cap);
        whole = conf_load(&b.conf, &server_table, &b.source) &&
                server_resolve(&b.conf, &b.personas, &b.source, &b.config);
        assert_true(whole || b.conf.error[0] != '\0');
    }
    assert_true(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(replies),
        cmocka_unit_test(raw_replies),
        cmocka_unit_test(conditions),
        cmocka_unit_test(actions),
        cmocka_unit_test(refused_rules),
        cmocka_unit_test(refused_servers),
        cmocka_unit_test(persona_and_server_merge),
        cmocka_unit_test(every_persona_loads_and_says_what_it_is),
        cmocka_unit_test(errors_of_personas_name_their_file),
        cmocka_unit_test(files_larger_than_the_first_piece),
        cmocka_unit_test(names_agree_with_the_protocol),
        cmocka_unit_test(too_many_rules),
        cmocka_unit_test(a_small_arena_is_an_error_not_a_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
