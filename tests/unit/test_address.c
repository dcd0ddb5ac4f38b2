/*
 * test_address.c - paths as servers and probes write them
 *
 * In the rows T is the target's name, X the canary's domain, x its local part; ids are those of the
 * form table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/smtp/address.h"

#include <string.h>

struct row {
    const char *label, *text;
    enum address_shape shape;
    const char *route, *local, *domain;
    const char *unwrapped; /* NULL: has no such meaning */
    const char *params;    /* NULL: none */
};

/* clang-format off */
static const struct row RECIPIENTS[] = {
    {"R1", "<x@X>", SHAPE_PLAIN, "", "x", "X", NULL, NULL},
    {"R2", "x@X", SHAPE_PLAIN, "", "x", "X", NULL, NULL},
    {"R2 with a parameter", "x@X NOTIFY=NEVER", SHAPE_PLAIN, "", "x", "X", NULL, "NOTIFY=NEVER"},
    {"R3", "<\"x@X\">", SHAPE_QUOTED_AT, "", "\"x@X\"", "", "x@X", NULL},
    {"R4", "<\"x%X\">", SHAPE_QUOTED_PERCENT, "", "\"x%X\"", "", "x@X", NULL},
    {"R5", "<x%X>", SHAPE_PERCENT, "", "x%X", "", "x@X", NULL},
    {"R6", "<x%X@T>", SHAPE_PERCENT, "", "x%X", "T", "x@X", NULL},
    {"R7", "<x%X@[192.0.2.1]>", SHAPE_PERCENT, "", "x%X", "[192.0.2.1]", "x@X", NULL},
    {"R8", "<x%X@localhost>", SHAPE_PERCENT, "", "x%X", "localhost", "x@X", NULL},
    {"R9", "<x@X@T>", SHAPE_DOUBLE_AT, "", "x@X", "T", "x@X", NULL},
    {"R10", "<x@X@[192.0.2.1]>", SHAPE_DOUBLE_AT, "", "x@X", "[192.0.2.1]", "x@X", NULL},
    {"R11", "<\"x@X\"@T>", SHAPE_QUOTED_AT, "", "\"x@X\"", "T", "x@X", NULL},
    {"R12", "<\"x@X\"@[192.0.2.1]>", SHAPE_QUOTED_AT, "", "\"x@X\"", "[192.0.2.1]", "x@X", NULL},
    {"R13", "<\"x%X\"@T>", SHAPE_QUOTED_PERCENT, "", "\"x%X\"", "T", "x@X", NULL},
    {"R14", "<@T:x@X>", SHAPE_SOURCE_ROUTE, "@T:", "x", "X", "x@X", NULL},
    {"R15", "<@[192.0.2.1]:x@X>", SHAPE_SOURCE_ROUTE, "@[192.0.2.1]:", "x", "X", "x@X", NULL},
    {"R15 by IPv6", "<@[IPv6:2001:db8::1]:x@X>", SHAPE_SOURCE_ROUTE, "@[IPv6:2001:db8::1]:", "x",
     "X", "x@X", NULL},
    {"R16", "<@X:user@D>", SHAPE_SOURCE_ROUTE, "@X:", "user", "D", "user@D", NULL},
    {"R17", "<@T,@X:x@X>", SHAPE_SOURCE_ROUTE, "@T,@X:", "x", "X", "x@X", NULL},
    {"R18", "<T:x@X>", SHAPE_PLAIN, "", "T:x", "X", NULL, NULL},
    {"R19", "<X!x>", SHAPE_BANG, "", "X!x", "", "x@X", NULL},
    {"R20", "<X!x@T>", SHAPE_BANG, "", "X!x", "T", "x@X", NULL},
    {"R20 by IP", "<X!x@[192.0.2.1]>", SHAPE_BANG, "", "X!x", "[192.0.2.1]", "x@X", NULL},
    {"R21", "<T!X!x>", SHAPE_BANG, "", "T!X!x", "", "X!x@T", NULL},
    {"R22 bang, percent", "<X!x%T>", SHAPE_PERCENT, "", "X!x%T", "", "X!x@T", NULL},
    {"R22 target first", "<T!x%X>", SHAPE_PERCENT, "", "T!x%X", "", "T!x@X", NULL},
    {"R22 at a domain", "<X!x%T@D>", SHAPE_PERCENT, "", "X!x%T", "D", "X!x@T", NULL},
    {"R23", "<x%X%T@T>", SHAPE_PERCENT, "", "x%X%T", "T", "x%X@T", NULL},
    {"R24", "<x@X@>", SHAPE_DOUBLE_AT, "", "x@X", "", "x@X", NULL},
    {"R24 percent", "<x%X@>", SHAPE_PERCENT, "", "x%X", "", "x@X", NULL},
    {"R25 percent", "<x%[X]@>", SHAPE_PERCENT, "", "x%[X]", "", "x@[X]", NULL},
    {"R25", "<x@[X]@>", SHAPE_DOUBLE_AT, "", "x@[X]", "", "x@[X]", NULL},
    {"R26", "<IMCEASMTP-x+40X@D>", SHAPE_PLAIN, "", "IMCEASMTP-x+40X", "D", NULL, NULL},
    {"R27", "<IMCEA \"x@X\"@D>", SHAPE_QUOTED_AT, "", "IMCEA \"x@X\"", "D", "IMCEA x@X", NULL},
    {"R28", "<x@[192.0.2.9]>", SHAPE_PLAIN, "", "x", "[192.0.2.9]", NULL, NULL},
    {"R29", "<x@[IPv6:2001:db8::9]>", SHAPE_PLAIN, "", "x", "[IPv6:2001:db8::9]", NULL, NULL},
    {"R30", "<\xc3\xa4@\xc3\xb6.test> SMTPUTF8", SHAPE_PLAIN, "", "\xc3\xa4", "\xc3\xb6.test",
     NULL, "SMTPUTF8"},
    {"R31", "<x@X> NOTIFY=FAILURE ORCPT=rfc822;x@X", SHAPE_PLAIN, "", "x", "X", NULL,
     "NOTIFY=FAILURE ORCPT=rfc822;x@X"},
    {"R32", "<SRS0=hhhh=tt=X=x@D>", SHAPE_PLAIN, "", "SRS0=hhhh=tt=X=x", "D", NULL, NULL},
    {"R33 SRS1", "<SRS1=hhhh=T==hhhh=tt=X=x@D>", SHAPE_PLAIN, "", "SRS1=hhhh=T==hhhh=tt=X=x", "D",
     NULL, NULL},
    {"R33 BATV", "<prvs=1234567890=x@D>", SHAPE_PLAIN, "", "prvs=1234567890=x", "D", NULL, NULL},
    {"R33 VERP", "<list-x=X@D>", SHAPE_PLAIN, "", "list-x=X", "D", NULL, NULL},
    {"R34", "<postmaster@X>", SHAPE_PLAIN, "", "postmaster", "X", NULL, NULL},
    {"R35 trailing dot", "<x@X.>", SHAPE_PLAIN, "", "x", "X.", NULL, NULL},
    {"R35 comment", "<x@X (c)>", SHAPE_PLAIN, "", "x", "X", NULL, NULL},
    {"R35 comment with an @", "<x@X (c@d)>", SHAPE_PLAIN, "", "x", "X", NULL, NULL},
    {"R36", "<x\\@X@T>", SHAPE_QUOTED_AT, "", "x\\@X", "T", "x@X", NULL},
    {"R38 local", "<user@D>", SHAPE_PLAIN, "", "user", "D", NULL, NULL},
    {"R39 subdomain", "<x@sub.victim.test>", SHAPE_PLAIN, "", "x", "sub.victim.test", NULL, NULL},
    {"R39 sibling", "<x@victim.test.X>", SHAPE_PLAIN, "", "x", "victim.test.X", NULL, NULL},
    {"R40", "<x@backup.canary.test>", SHAPE_PLAIN, "", "x", "backup.canary.test", NULL, NULL},
    {"R41", "<abcdefghijklmn27@D>", SHAPE_PLAIN, "", "abcdefghijklmn27", "D", NULL, NULL},
    {"R42", "<x@probe.invalid>", SHAPE_PLAIN, "", "x", "probe.invalid", NULL, NULL},
    {"R43 alone", "<postmaster>", SHAPE_NO_DOMAIN, "", "postmaster", "", NULL, NULL},
    {"R43", "<postmaster@D>", SHAPE_PLAIN, "", "postmaster", "D", NULL, NULL},
};

static const struct row SENDERS[] = {
    {"S1", "<p@S>", SHAPE_PLAIN, "", "p", "S", NULL, NULL},
    {"S2", "<x@X>", SHAPE_PLAIN, "", "x", "X", NULL, NULL},
    {"S3", "<>", SHAPE_NULL, "", "", "", NULL, NULL},
    {"S3 with SIZE", "<> SIZE=100", SHAPE_NULL, "", "", "", NULL, "SIZE=100"},
    {"S4", "<user>", SHAPE_NO_DOMAIN, "", "user", "", NULL, NULL},
    {"S5", "<user@localhost>", SHAPE_PLAIN, "", "user", "localhost", NULL, NULL},
    {"S6", "<user@T>", SHAPE_PLAIN, "", "user", "T", NULL, NULL},
    {"S7", "<user@[192.0.2.1]>", SHAPE_PLAIN, "", "user", "[192.0.2.1]", NULL, NULL},
    {"S8", "<user@[127.0.0.1]>", SHAPE_PLAIN, "", "user", "[127.0.0.1]", NULL, NULL},
    {"S9", "<postmaster@D>", SHAPE_PLAIN, "", "postmaster", "D", NULL, NULL},
    {"S10", "<user@D>", SHAPE_PLAIN, "", "user", "D", NULL, NULL},
    {"S11", "<u@rand.X>", SHAPE_PLAIN, "", "u", "rand.X", NULL, NULL},
    {"S12", "<user@>", SHAPE_NO_DOMAIN, "", "user", "", NULL, NULL},
    {"S13", "<S!user>", SHAPE_BANG, "", "S!user", "", "user@S", NULL},
    {"S14", "<u@[IPv6:2001:db8::1]>", SHAPE_PLAIN, "", "u", "[IPv6:2001:db8::1]", NULL, NULL},
    {"S15", "<SRS0=h=tt=dom=u@D>", SHAPE_PLAIN, "", "SRS0=h=tt=dom=u", "D", NULL, NULL},
    {"S16", "<p@S> AUTH=user@D", SHAPE_PLAIN, "", "p", "S", NULL, "AUTH=user@D"},
    {"S16 null", "<p@S> AUTH=<>", SHAPE_PLAIN, "", "p", "S", NULL, "AUTH=<>"},
    {"S17", "<p@S> SMTPUTF8 BODY=8BITMIME SIZE=1 RET=HDRS ENVID=a", SHAPE_PLAIN, "", "p", "S", NULL,
     "SMTPUTF8 BODY=8BITMIME SIZE=1 RET=HDRS ENVID=a"},
    {"S18", "<user@mx-is-target.test>", SHAPE_PLAIN, "", "user", "mx-is-target.test", NULL, NULL},
};

static const struct row ODD[] = {
    {"quoted blank", "<\"a b\"@X>", SHAPE_PLAIN, "", "\"a b\"", "X", NULL, NULL},
    {"quoted bracket", "<\"a>b\"@X> SIZE=1", SHAPE_PLAIN, "", "\"a>b\"", "X", NULL, "SIZE=1"},
    {"quoted quote", "<\"a\\\"@b\"@X>", SHAPE_QUOTED_AT, "", "\"a\\\"@b\"", "X", "a\"@b", NULL},
    {"quoted, without brackets", "\"a b\"@X SIZE=1", SHAPE_PLAIN, "", "\"a b\"", "X", NULL,
     "SIZE=1"},
    {"quoted and double @", "<\"a@b\"@c@X>", SHAPE_QUOTED_AT, "", "\"a@b\"@c", "X", "a@b@c", NULL},
    {"blanks within", "< x@X >", SHAPE_PLAIN, "", "x", "X", NULL, NULL},
    {"blank null", "< >", SHAPE_NULL, "", "", "", NULL, NULL},
    {"parameter without a blank", "<x@X>SIZE=1", SHAPE_PLAIN, "", "x", "X", NULL, "SIZE=1"},
    {"tab before the parameters", "<x@X>\tSIZE=1 ", SHAPE_PLAIN, "", "x", "X", NULL, "SIZE=1"},
    {"a route without a mailbox", "<@T:>", SHAPE_SOURCE_ROUTE, "@T:", "", "", NULL, NULL},
    {"a route to a local user", "<@T:user>", SHAPE_SOURCE_ROUTE, "@T:", "user", "", NULL, NULL},
    {"a route without its colon", "<@T>", SHAPE_PLAIN, "", "", "T", NULL, NULL},
    {"a route and a percent", "<@T:x%X@T>", SHAPE_SOURCE_ROUTE, "@T:", "x%X", "T", "x%X@T", NULL},
    {"an @ alone", "<@>", SHAPE_NO_DOMAIN, "", "", "", NULL, NULL},
    {"three @", "<@@@X>", SHAPE_DOUBLE_AT, "", "@@", "X", NULL, NULL},
    {"percent alone", "<%@X>", SHAPE_PERCENT, "", "%", "X", NULL, NULL},
    {"percent without a name", "<%X@T>", SHAPE_PERCENT, "", "%X", "T", NULL, NULL},
    {"bang without a name", "<X!@T>", SHAPE_BANG, "", "X!", "T", NULL, NULL},
    {"quotes around an @ alone", "<\"@\"@T>", SHAPE_QUOTED_AT, "", "\"@\"", "T", NULL, NULL},
    {"no name before a quoted @", "<\"x@\"@T>", SHAPE_QUOTED_AT, "", "\"x@\"", "T", NULL, NULL},
    {"percent in the domain", "<x@X%T>", SHAPE_PLAIN, "", "x", "X%T", NULL, NULL},
    {"an unclosed comment", "<x@X (c>", SHAPE_PLAIN, "", "x", "X (c", NULL, NULL},
    {"control characters", "<x\x01@X>", SHAPE_PLAIN, "", "x\x01", "X", NULL, NULL},
};
/* clang-format on */

static bool same(struct span s, const char *text)
{
    return span_equal(s, span_of(text));
}

static void check_row(const struct row *row, const char *text, bool space_before)
{
    char memory[64];
    struct strbuf out;
    struct address a = address_parse(span_of(text));
    strbuf_init(&out, memory, sizeof memory);
    if (!a.valid || a.shape != row->shape)
        fail_msg("%s: valid %d, %s", row->label, a.valid, address_shape_name(a.shape));
    if (!same(a.route, row->route) || !same(a.local, row->local) || !same(a.domain, row->domain))
        fail_msg("%s: %.*s | %.*s | %.*s", row->label, (int)a.route.len, a.route.ptr,
                 (int)a.local.len, a.local.ptr, (int)a.domain.len, a.domain.ptr);
    if (!span_equal(a.params, span_of(row->params)))
        fail_msg("%s: params", row->label);
    if (a.space_before != space_before || a.brackets != (row->text[0] == '<'))
        fail_msg("%s: space or brackets", row->label);
    bool unwrapped = address_unwrap(&a, &out);
    if (unwrapped != (row->unwrapped != NULL) ||
        strcmp(memory, unwrapped ? row->unwrapped : "") != 0)
        fail_msg("%s: unwrapped %d %s", row->label, unwrapped, memory);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char memory[128];
        struct strbuf spaced;
        check_row(&rows[i], rows[i].text, false);
        strbuf_init(&spaced, memory, sizeof memory);
        strbuf_adds(&spaced, " \t");
        strbuf_adds(&spaced, rows[i].text);
        check_row(&rows[i], memory, true);
    }
}

static void test_recipient_forms(void **state)
{
    (void)state;
    check_rows(RECIPIENTS, sizeof RECIPIENTS / sizeof RECIPIENTS[0]);
}

static void test_sender_forms(void **state)
{
    (void)state;
    check_rows(SENDERS, sizeof SENDERS / sizeof SENDERS[0]);
}

static void test_odd_forms(void **state)
{
    (void)state;
    check_rows(ODD, sizeof ODD / sizeof ODD[0]);
}

/* R37: a long local part, and one with a NUL. */
static void test_hostile_local_parts(void **state)
{
    static char text[70000];
    struct strbuf b;
    (void)state;
    strbuf_init(&b, text, sizeof text);
    strbuf_addc(&b, '<');
    for (unsigned i = 0; i < 65536; i++)
        strbuf_addc(&b, '@');
    strbuf_adds(&b, "@X>");
    struct address a = address_parse(strbuf_span(&b));
    assert_true(a.valid);
    assert_int_equal(a.local.len, 65536);
    assert_true(same(a.domain, "X"));
    a = address_parse((struct span){"<x\0y@X>", 7});
    assert_true(a.valid);
    assert_int_equal(a.local.len, 3);
}

static void test_no_path(void **state)
{
    static const struct {
        const char *label, *text;
    } rows[] = {
        {"nothing", ""},
        {"blanks", "  "},
        {"unclosed", "<x@X"},
        {"unopened", "x@X>"},
        {"nested", "<<x@X>>"},
        {"a name before", "Name<x@X>"},
        {"unclosed quotes", "<\"x@X>"},
        {"unclosed quotes, no brackets", "\"x@X"},
        {"the bracket is escaped", "<x@X\\>"},
        {"a backslash at the end", "x@X\\"},
        {"a bracket alone", "<"},
        {"the other", ">"},
    };
    char memory[64];
    struct strbuf out;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a = address_parse(span_of(rows[i].text));
        strbuf_init(&out, memory, sizeof memory);
        if (a.valid || address_unwrap(&a, &out))
            fail_msg("%s", rows[i].label);
    }
    assert_false(address_parse(span_of(NULL)).valid);
}

static void test_shape_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= SHAPE_PLAIN; i++) {
        enum address_shape shape = SHAPE_PLAIN;
        assert_true(
            address_shape_parse(span_of(address_shape_name((enum address_shape)i)), &shape));
        assert_int_equal(shape, i);
    }
    enum address_shape shape;
    assert_false(address_shape_parse(SPAN("round"), &shape));
    assert_string_equal(address_shape_name(SHAPE_QUOTED_AT), "quoted-at");
}

static void test_literals(void **state)
{
    static const struct {
        const char *text;
        int family;
    } rows[] = {
        {"[192.0.2.1]", 4},
        {"[IPv6:2001:db8::1]", 6},
        {"[ipv6:::1]", 6},
        {"[2001:db8::1]", 0},
        {"[IPv6:192.0.2.1]", 0},
        {"[192.0.2.256]", 0},
        {"192.0.2.1", 0},
        {"[]", 0},
        {"[", 0},
        {"", 0},
        {"[X]", 0},
        {"[IPv6:]", 0},
        {"[IPv6:[::1]]", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct endpoint e = {0};
        bool ok = address_literal(span_of(rows[i].text), &e);
        if (ok != (rows[i].family != 0) || e.family != rows[i].family)
            fail_msg("%s", rows[i].text);
    }
}

#define A60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_mailboxes(void **state)
{
    static const struct {
        const char *label, *text;
        bool ok;
        size_t column;
    } rows[] = {
        {"plain", "probe@canary.test", true, 0},
        {"all that an atom may have", "a.b+c-d_e=f!g#%&'*/?^`{|}~@canary.test", true, 0},
        {"the longest", A60 "aaaa@canary.test", true, 0},
        {"too long", A60 "aaaaa@canary.test", false, 64},
        {"no @", "probe", false, 5},
        {"empty", "", false, 0},
        {"no local part", "@canary.test", false, 0},
        {"no domain", "probe@", false, 6},
        {"one label", "probe@localhost", false, 6},
        {"two @", "a@b@canary.test", false, 1},
        {"dot first", ".a@canary.test", false, 0},
        {"dot last", "a.@canary.test", false, 1},
        {"two dots", "a..b@canary.test", false, 2},
        {"quoted", "\"a\"@canary.test", false, 0},
        {"a blank", "a b@canary.test", false, 1},
        {"brackets", "<a@canary.test>", false, 0},
        {"a line end", "a@canary.test\r\n", false, 13},
        {"a line end within", "a\n@canary.test", false, 1},
        {"8-bit", "\xc3\xa4@canary.test", false, 0},
        {"a literal", "a@[192.0.2.1]", false, 2},
        {"trailing dot", "a@canary.test.", false, 14},
        {"empty label", "a@canary..test", false, 9},
        {"hyphen first", "a@-canary.test", false, 2},
        {"hyphen last", "a@canary-.test", false, 8},
        {"underscore", "a@can_ary.test", false, 5},
        {"label too long", "a@" A60 "aaaa.test", false, 2},
        {"domain too long", "a@" A60 "." A60 "." A60 "." A60 ".aaaaaaaaaaaaa", false, 257},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span local, domain;
        const char *why = NULL;
        size_t column = 0;
        bool ok = address_check_mailbox(span_of(rows[i].text), &local, &domain, &why, &column);
        if (ok != rows[i].ok || column != rows[i].column || (why == NULL) != ok)
            fail_msg("%s: %d at %zu, %s", rows[i].label, ok, column, why ? why : "");
        if (ok)
            assert_int_equal(local.len + 1 + domain.len, strlen(rows[i].text));
    }
}

static void test_domains(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"victim.test", true},
        {"localhost", true},
        {"1.example.test", true},
        {"[192.0.2.1]", true},
        {"[IPv6:::1]", true},
        {"[::1]", false},
        {"", false},
        {".", false},
        {"a b", false},
        {"victim.test.", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = NULL;
        size_t column;
        if (address_check_domain(span_of(rows[i].text), &why, &column) != rows[i].ok)
            fail_msg("%s", rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipient_forms), cmocka_unit_test(test_sender_forms),
        cmocka_unit_test(test_odd_forms),       cmocka_unit_test(test_hostile_local_parts),
        cmocka_unit_test(test_no_path),         cmocka_unit_test(test_shape_names),
        cmocka_unit_test(test_literals),        cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
