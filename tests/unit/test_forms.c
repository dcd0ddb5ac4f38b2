/*
 * test_forms.c - batteries, the text of every form, what is external, what cannot be asked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/smtp/address.h"
#include "probe/ask/contexts.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const uint8_t secret[TOKEN_SECRET_LEN] = {1, 2, 3};

static struct form_identity somebody(void)
{
    return (struct form_identity){
        .canary_local = SPAN("x"),
        .canary_domain = SPAN("canary.test"),
        .sender_local = SPAN("p"),
        .sender_domain = SPAN("example.test"),
        .target_name = SPAN("mx.victim.test"),
        .target = {4, {192, 0, 2, 1}, 25},
        .local_domain = SPAN("victim.test"),
        .extras = {.canary_ip4 = {4, {192, 0, 2, 25}, 0},
                   .canary_ip6 = {6, {0x20, 1, 0xd, 0xb8, [15] = 25}, 0},
                   .zone = SPAN("zone.example.test"),
                   .backup_domain = SPAN("backup.example.test"),
                   .mx_domain = SPAN("hosted.test")},
    };
}

static size_t pick(const char *words, struct form forms[FORMS_MAX])
{
    char room[160];
    struct strbuf error;
    size_t count = 0;
    strbuf_init(&error, room, sizeof(room));
    if (!forms_select(span_of(words), forms, FORMS_MAX, &count, &error)) {
        fail_msg("%s: %s", words, room);
    }
    return count;
}

static void bind(struct form *forms, size_t count, const struct form_identity *who)
{
    struct token_key key;
    assert_true(token_key_init(&key, secret));
    forms_bind(forms, count, who, &key, SPAN("run|192.0.2.1:25"));
    token_key_clear(&key);
}

static void batteries(void **state)
{
    static const struct {
        const char *words, *ids;
    } rows[] = {
        {"quick", "S1-R1 S1-R6 S1-R9 S1-R14 S3-R1 S10-R1 S1-R41 S1-R42 S1-R43 S1-R43d"},
        {"first", "S1-R1 S1-R2 S1-R3 S1-R4 S1-R5 S1-R6 S1-R7 S1-R9 S1-R10 S1-R11 S1-R12 "
                  "S1-R14 S1-R15 S1-R19 S1-R20 S1-R20i "
                  "S3-R1 S4-R1 S6-R1 S7-R1 S10-R1 S1-R41 S1-R42 S1-R43 S1-R43d"},
        {"S1-R1", "S1-R1"},
        {"s3,r6", "S3-R1 S1-R6"},
        {" S1-R1 , S1-R1,R1", "S1-R1"},
        {"R41,S1-R1", "S1-R1 S1-R41"},
        {"R42,R6,R41,S3", "S1-R6 S3-R1 S1-R42 S1-R41"},
        {"S3-R6,quick", "S3-R6 S1-R1 S1-R6 S1-R9 S1-R14 S3-R1 S10-R1 S1-R41 S1-R42 S1-R43 S1-R43d"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct form forms[FORMS_MAX];
        char ids[1024];
        struct strbuf out;
        size_t count = pick(rows[i].words, forms);
        strbuf_init(&out, ids, sizeof(ids));
        for (size_t f = 0; f < count; f++) {
            strbuf_adds(&out, f > 0 ? " " : "");
            strbuf_adds(&out, form_id(&forms[f]).text);
        }
        assert_string_equal(ids, rows[i].ids);
    }
}

static void wrong_words_are_named(void **state)
{
    static const char *const words[] = {"",      ",",   "S1-R1,",    "S99",
                                        "S1-",   "-R1", "S1-R1-R2",  "everything",
                                        "S1 R1", "R99", "S1-R1,\x01"};
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        struct form forms[FORMS_MAX];
        char room[160];
        struct strbuf error;
        size_t count;
        strbuf_init(&error, room, sizeof(room));
        assert_false(forms_select(span_of(words[i]), forms, FORMS_MAX, &count, &error));
        assert_true(strlen(room) > 0);
    }
    struct form few[3];
    char room[160];
    struct strbuf error;
    size_t count;
    strbuf_init(&error, room, sizeof(room));
    assert_false(forms_select(SPAN("quick"), few, COUNT(few), &count, &error));
    assert_non_null(strstr(room, "at most 3"));
}

struct text_row {
    const char *id, *sender, *recipient;
    enum form_kind kind;
};

/* {t} stands for the token of the role. */
static const struct text_row texts[] = {
    {"S1-R1", "<p+{t}@example.test>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S2-R1", "<x+{t}@canary.test>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S3-R1", "<>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S4-R1", "<p+{t}>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S6-R1", "<p+{t}@mx.victim.test>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S7-R1", "<p+{t}@[192.0.2.1]>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S10-R1", "<p+{t}@victim.test>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S1-R2", "<p+{t}@example.test>", "x+{t}@canary.test", FORM_EXTERNAL},
    {"S1-R3", "<p+{t}@example.test>", "<\"x+{t}@canary.test\">", FORM_AMBIGUOUS},
    {"S1-R4", "<p+{t}@example.test>", "<\"x+{t}%canary.test\">", FORM_AMBIGUOUS},
    {"S1-R5", "<p+{t}@example.test>", "<x+{t}%canary.test>", FORM_AMBIGUOUS},
    {"S1-R6", "<p+{t}@example.test>", "<x+{t}%canary.test@mx.victim.test>", FORM_AMBIGUOUS},
    {"S1-R7", "<p+{t}@example.test>", "<x+{t}%canary.test@[192.0.2.1]>", FORM_AMBIGUOUS},
    {"S1-R9", "<p+{t}@example.test>", "<x+{t}@canary.test@mx.victim.test>", FORM_AMBIGUOUS},
    {"S1-R10", "<p+{t}@example.test>", "<x+{t}@canary.test@[192.0.2.1]>", FORM_AMBIGUOUS},
    {"S1-R11", "<p+{t}@example.test>", "<\"x+{t}@canary.test\"@mx.victim.test>", FORM_AMBIGUOUS},
    {"S1-R12", "<p+{t}@example.test>", "<\"x+{t}@canary.test\"@[192.0.2.1]>", FORM_AMBIGUOUS},
    {"S1-R14", "<p+{t}@example.test>", "<@mx.victim.test:x+{t}@canary.test>", FORM_EXTERNAL},
    {"S1-R15", "<p+{t}@example.test>", "<@[192.0.2.1]:x+{t}@canary.test>", FORM_EXTERNAL},
    {"S1-R19", "<p+{t}@example.test>", "<canary.test!x+{t}>", FORM_AMBIGUOUS},
    {"S1-R20", "<p+{t}@example.test>", "<canary.test!x+{t}@mx.victim.test>", FORM_AMBIGUOUS},
    {"S1-R20i", "<p+{t}@example.test>", "<canary.test!x+{t}@[192.0.2.1]>", FORM_AMBIGUOUS},
    {"S5-R1", "<p+{t}@localhost>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S8-R1", "<p+{t}@[127.0.0.1]>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S12-R1", "<p+{t}@>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S13-R1", "<example.test!p+{t}>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S14-R1", "<p+{t}@[IPv6:::1]>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S15-R1", "<SRS0=aaaa=bb=example.test=p+{t}@victim.test>", "<x+{t}@canary.test>",
     FORM_EXTERNAL},
    {"S16a-R1", "<p+{t}@example.test> AUTH=postmaster@victim.test", "<x+{t}@canary.test>",
     FORM_EXTERNAL},
    {"S18-R1", "<p+{t}@hosted.test>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S1-R13", "<p+{t}@example.test>", "<\"x+{t}%canary.test\"@mx.victim.test>", FORM_AMBIGUOUS},
    {"S1-R16", "<p+{t}@example.test>", "<@canary.test:x+{t}@victim.test>", FORM_AMBIGUOUS},
    {"S1-R24", "<p+{t}@example.test>", "<x+{t}@canary.test@>", FORM_AMBIGUOUS},
    {"S1-R25a", "<p+{t}@example.test>", "<x+{t}@[canary.test]@>", FORM_AMBIGUOUS},
    {"S1-R26", "<p+{t}@example.test>", "<IMCEASMTP-x+2B{t}+40canary+2Etest@victim.test>",
     FORM_AMBIGUOUS},
    {"S1-R27", "<p+{t}@example.test>", "<\"IMCEA x+{t}@canary.test\"@victim.test>", FORM_AMBIGUOUS},
    {"S1-R28", "<p+{t}@example.test>", "<x+{t}@[192.0.2.25]>", FORM_EXTERNAL},
    {"S1-R29", "<p+{t}@example.test>", "<x+{t}@[IPv6:2001:db8::19]>", FORM_EXTERNAL},
    {"S1-R30d", "<p+{t}@example.test> SMTPUTF8",
     "<x+{t}@\xef\xbd\x83"
     "anary.test>",
     FORM_EXTERNAL},
    {"S1-R31", "<p+{t}@example.test>",
     "<x+{t}@canary.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2B{t}@canary.test", FORM_EXTERNAL},
    {"S1-R32", "<p+{t}@example.test>", "<SRS0=aaaa=bb=canary.test=x+{t}@victim.test>",
     FORM_AMBIGUOUS},
    {"S1-R33", "<p+{t}@example.test>",
     "<SRS1=aaaa=canary.test==bbbb=cc=canary.test={t}@victim.test>", FORM_AMBIGUOUS},
    {"S1-R35", "<p+{t}@example.test>", "<x+{t}@canary.test.>", FORM_EXTERNAL},
    {"S1-R35w", "<p+{t}@example.test>", " <x+{t}@canary.test>", FORM_EXTERNAL},
    {"S1-R35c", "<p+{t}@example.test>", "<x+{t}@canary.test (c)>", FORM_EXTERNAL},
    {"S1-R35u", "<p+{t}@example.test>", "<x+{t}@CANARY.TEST>", FORM_EXTERNAL},
    {"S1-R36", "<p+{t}@example.test>", "<x+{t}\\@canary.test@mx.victim.test>", FORM_AMBIGUOUS},
    {"S1-R38", "<p+{t}@example.test>", "<x+{t}@canary.test>", FORM_EXTERNAL},
    {"S1-R39", "<p+{t}@example.test>", "<x+{t}@victim.test.zone.example.test>", FORM_EXTERNAL},
    {"S1-R40", "<p+{t}@example.test>", "<x+{t}@backup.example.test>", FORM_EXTERNAL},
    {"S1-R42", "<p+{t}@example.test>", "<{r}@probe.invalid>", FORM_CONTROL},
    {"S1-R43", "<p+{t}@example.test>", "<postmaster>", FORM_CONTROL},
    {"S1-R43d", "<p+{t}@example.test>", "<postmaster@victim.test>", FORM_CONTROL},
};

static void fill(const char *pattern, const char *token, const char *random, struct strbuf *out)
{
    for (const char *hole; (hole = strchr(pattern, '{')) != NULL; pattern = hole + 3) {
        strbuf_add(out, (struct span){pattern, (size_t)(hole - pattern)});
        strbuf_adds(out, hole[1] == 't' ? token : random);
    }
    strbuf_adds(out, pattern);
}

static void check_text(const struct form *f, const struct text_row *row,
                       const struct form_identity *who)
{
    char sent[MAIL_PATH_MAX], wanted[MAIL_PATH_MAX];
    struct strbuf a, b;
    strbuf_init(&a, sent, sizeof(sent));
    strbuf_init(&b, wanted, sizeof(wanted));
    bool in_own_name = strcmp(f->sender->id, "S2") == 0;
    form_sender(f, f->sender, who, false, &a);
    fill(row->sender, in_own_name ? form_tokens(f).recipient.text : form_tokens(f).sender.text, "",
         &b);
    assert_string_equal(sent, wanted);
    strbuf_reset(&a);
    strbuf_reset(&b);
    form_recipient(f, who, false, &a);
    fill(row->recipient, form_tokens(f).recipient.text, form_tokens(f).sender.text, &b);
    assert_string_equal(sent, wanted);
    assert_int_equal(f->kind, row->kind);
    assert_true(f->applicable);
}

static void every_form_is_written_as_it_should(void **state)
{
    struct form_identity who = somebody();
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct form forms[FORMS_MAX];
        assert_int_equal(pick(texts[i].id, forms), 1);
        bind(forms, 1, &who);
        check_text(&forms[0], &texts[i], &who);
    }
}

static void bare_paths_lose_their_brackets_only(void **state)
{
    struct form_identity who = somebody();
    struct form forms[FORMS_MAX];
    char sent[MAIL_PATH_MAX], wanted[MAIL_PATH_MAX];
    struct strbuf a, b;
    (void)state;
    assert_int_equal(pick("S1-R2,S3-R1", forms), 2);
    bind(forms, 2, &who);
    strbuf_init(&a, sent, sizeof(sent));
    strbuf_init(&b, wanted, sizeof(wanted));
    form_recipient(&forms[0], &who, true, &a); /* R2 has none */
    fill("x+{t}@canary.test", form_tokens(&forms[0]).recipient.text, "", &b);
    assert_string_equal(sent, wanted);
    strbuf_reset(&a);
    form_sender(&forms[1], forms[1].sender, &who, true, &a); /* the null path needs them */
    assert_string_equal(sent, "<>");
    strbuf_reset(&a);
    strbuf_reset(&b);
    form_recipient(&forms[1], &who, true, &a);
    fill("x+{t}@canary.test", form_tokens(&forms[1]).recipient.text, "", &b);
    assert_string_equal(sent, wanted);
}

static void what_is_not_known_is_not_asked(void **state)
{
    struct form_identity who = somebody();
    struct form forms[FORMS_MAX];
    (void)state;
    who.target_name = who.local_domain = (struct span){NULL, 0};
    who.extras = (struct form_extras){.zone = {NULL, 0}};
    size_t count = pick("full", forms);
    bind(forms, count, &who);
    for (size_t i = 0; i < count; i++) {
        const struct recipient_row *r = forms[i].recipient;
        const struct sender_row *from = forms[i].sender;
        char needs[400], all[400];
        struct strbuf out, text;
        strbuf_init(&out, needs, sizeof(needs));
        strbuf_init(&text, all, sizeof(all));
        strbuf_addf(&text, "%s%s%s%s%s", from->template, from->params ? from->params : "",
                    r->template, r->params ? r->params : "", r->companion ? r->companion : "");
        const struct context_row *c = context_of(&forms[i]);
        strbuf_adds(&text, c->helo ? c->helo : "");
        for (unsigned k = 0; k < c->step_count; k++) {
            strbuf_adds(&text, c->steps[k].say ? c->steps[k].say : "");
        }
        form_needs(all, NULL, &out);
        assert_int_equal(forms[i].applicable, out.len == 0);
        assert_int_equal(forms[i].why_not != NULL, out.len > 0);
    }
}

/* R39 and R40 lead into domains that the user said are his, and nowhere else. */
static void own_domains_only(void **state)
{
    static const struct {
        const char *id, *zone, *local;
        bool applicable;
    } rows[] = {
        {"R39", "zone.example.test", "victim.test", true},
        {"R39", "", "victim.test", false},
        {"R39", "zone.example.test", "[192.0.2.1]", false},
        {"R39s", "zone.example.test", "victim.test", false},
        {"R39s", "victim.test", "victim.test", true},
        {"R39s", "victim.test", "mail.victim.test", true},
        {"R39s", "victim.test", "notvictim.test", false},
        {"R40", "", "victim.test", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct form_identity who = somebody();
        struct form f;
        char room[160];
        struct strbuf error;
        size_t count;
        strbuf_init(&error, room, sizeof(room));
        who.extras.zone = span_of(rows[i].zone);
        who.local_domain = span_of(rows[i].local);
        assert_true(forms_select(span_of(rows[i].id), &f, 1, &count, &error));
        bind(&f, 1, &who);
        assert_int_equal(f.applicable, rows[i].applicable);
    }
}

/* Whatever is asked leads to us or to the target: every recipient's last domain is one that is
 * known, except where there is none at all. */
static void nobody_else_is_written_to(void **state)
{
    static const char *const known[] = {
        "canary.test",
        "CANARY.TEST",
        "canary.test.",
        "mx.victim.test",
        "victim.test",
        "localhost",
        "[192.0.2.1]",
        "[127.0.0.1]",
        "[canary.test]",
        "[192.0.2.25]",
        "[IPv6:2001:db8::19]",
        "\xef\xbd\x83\x61nary.test",
        "victim.test.zone.example.test",
        "sub.victim.test",
        "backup.example.test",
        "probe.invalid",
        ""};
    struct form_identity who = somebody();
    struct form forms[FORMS_MAX];
    (void)state;
    size_t count = pick("full", forms);
    bind(forms, count, &who);
    for (size_t i = 0; i < count; i++) {
        char room[MAIL_PATH_MAX];
        struct strbuf out;
        bool found = false;
        strbuf_init(&out, room, sizeof(room));
        form_recipient(&forms[i], &who, false, &out);
        assert_false(out.truncated);
        struct address a = address_parse(strbuf_span(&out));
        for (size_t k = 0; k < COUNT(known); k++) {
            found = found || span_equal(a.domain, span_of(known[k]));
        }
        if (!found || !a.valid) {
            fail_msg("%s: %s", form_id(&forms[i]).text, room);
        }
    }
}

static void standard_is_large(void **state)
{
    struct form forms[FORMS_MAX];
    size_t asked = 0;
    (void)state;
    size_t count = pick("standard", forms);
    for (size_t i = 0; i < count; i++) {
        asked += forms[i].kind != FORM_CONTROL;
    }
    assert_true(asked >= 55);
    assert_true(form_sender_count + form_recipient_count >= 75);
    assert_true(pick("full", forms) + FORM_CANARIES_MAX <= FORMS_MAX);
}

static void templates_are_checked(void **state)
{
    static const struct {
        const char *template, *why;
    } rows[] = {
        {"<{x}@{X}>", NULL},       {"", NULL},
        {"plain", NULL},           {"<{x}@{Q}>", "{Q}"},
        {"<{x@{X}>", "{x@{X}"},    {"<{x", "without its }"},
        {"<x}>", "without its {"}, {"{}", "{}"},
        {"{x}}", "without its {"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[120];
        struct strbuf why;
        strbuf_init(&why, room, sizeof(room));
        assert_int_equal(form_template_check(rows[i].template, &why), rows[i].why == NULL);
        if (rows[i].why != NULL) {
            assert_non_null(strstr(room, rows[i].why));
        }
    }
    for (size_t i = 0; i < form_recipient_count; i++) {
        char room[120];
        struct strbuf why;
        strbuf_init(&why, room, sizeof(room));
        assert_true(form_template_check(form_recipients[i].template, &why));
    }
}

/* RFC 5321 4.5.3.1.1: 64 octets. x+token is 18, the rest of R6's local part is % and the canary's
 * domain. */
static void long_local_parts_are_not_asked(void **state)
{
    static const char domain[] = "a23456789.b23456789.c23456789.d23456789.test."; /* 45 */
    struct form_identity who = somebody();
    struct form forms[FORMS_MAX];
    (void)state;
    for (size_t len = 44; len <= 45; len++) {
        who.canary_domain = (struct span){domain, len};
        assert_int_equal(pick("S1-R1,S1-R6,S1-R3", forms), 3);
        bind(forms, 3, &who);
        assert_true(forms[0].applicable);
        forms[1].applicable ? (void)0 : assert_non_null(forms[1].why_not);
    }
    who.canary_domain = (struct span){domain, 45};
    assert_int_equal(pick("S1-R6", forms), 1);
    bind(forms, 1, &who);
    assert_true(forms[0].applicable); /* 18 + 1 + 45 = 64 */
    who.canary_local = SPAN("xx");
    assert_int_equal(pick("S1-R6", forms), 1);
    bind(forms, 1, &who);
    assert_false(forms[0].applicable); /* 65 */
}

static void ipv6_targets_have_tagged_literals(void **state)
{
    struct form_identity who = somebody();
    struct form forms[FORMS_MAX];
    char sent[MAIL_PATH_MAX];
    struct strbuf out;
    (void)state;
    assert_true(endpoint_parse(SPAN("[2001:db8::1]:25"), false, &who.target));
    assert_int_equal(pick("S7-R15", forms), 1);
    bind(forms, 1, &who);
    strbuf_init(&out, sent, sizeof(sent));
    form_recipient(&forms[0], &who, false, &out);
    assert_non_null(strstr(sent, "<@[IPv6:2001:db8::1]:x+"));
    assert_int_equal(forms[0].kind, FORM_EXTERNAL);
}

static void tokens_differ_and_stay(void **state)
{
    struct form_identity who = somebody();
    struct form forms[FORMS_MAX], again[FORMS_MAX];
    (void)state;
    size_t count = pick("full", forms);
    assert_int_equal(pick("full", again), count);
    bind(forms, count, &who);
    bind(again, count, &who);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(form_tokens(&forms[i]).sender.text, form_tokens(&again[i]).sender.text);
        assert_string_not_equal(form_tokens(&forms[i]).sender.text,
                                form_tokens(&forms[i]).recipient.text);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(form_tokens(&forms[i]).recipient.text,
                                    form_tokens(&forms[j]).recipient.text);
        }
    }
}

static void the_list_names_every_row(void **state)
{
    static char room[65536];
    struct strbuf out;
    (void)state;
    for (int style = FORMS_TEXT; style <= FORMS_MARKDOWN; style++) {
        strbuf_init(&out, room, sizeof(room));
        forms_print(&out, (enum forms_style)style);
        assert_false(out.truncated);
        for (size_t i = 0; i < form_recipient_count && style != FORMS_JSON; i++) {
            assert_non_null(strstr(room, form_recipients[i].template));
        }
        for (size_t i = 0; i < form_sender_count; i++) {
            assert_non_null(strstr(room, form_senders[i].template));
        }
    }
    struct span rest = strbuf_span(&out), line;
    strbuf_reset(&out);
    forms_print(&out, FORMS_TEXT);
    for (rest = strbuf_span(&out); span_cut(&rest, '\n', &line);) {
        assert_true(line.len < 80);
    }
}

/* The sessions that differ in the name in EHLO: none asks what another has asked. */
static void a_name_is_given_once(void **state)
{
#define ALL_NAMES "S1-R1@E5t,S1-R1@E5d,S1-R1@E5h,S1-R1@E5l,S1-R1@E5i"
    static const struct {
        const char *words, *target_name, *local_domain, *left_out;
    } rows[] = {
        {ALL_NAMES, "mx.victim.test", "victim.test", ""},
        {ALL_NAMES, "mx.victim.test", "MX.victim.test", "S1-R1@E5d "},
        {ALL_NAMES, "[127.0.0.1]", "[127.0.0.1]", "S1-R1@E5d S1-R1@E5i "},
        {ALL_NAMES, "[127.0.0.1]", "victim.test", "S1-R1@E5i "},
        {ALL_NAMES, "localhost", "localhost.localdomain", "S1-R1@E5h S1-R1@E5l "},
        {"S1-R1@E5d", "mx.victim.test", "mx.victim.test", ""},
        {"S1-R1@E5t,S3-R1@E5d", "mx.victim.test", "mx.victim.test", ""},
        {"S1-R1@E5i,S1-R1@E5t", "[127.0.0.1]", "victim.test", "S1-R1@E5t "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct form forms[FORMS_MAX];
        struct form_identity who = somebody();
        char ids[160] = "";
        struct strbuf out;
        size_t count = pick(rows[i].words, forms);
        who.target_name = span_of(rows[i].target_name);
        who.local_domain = span_of(rows[i].local_domain);
        strbuf_init(&out, ids, sizeof(ids));
        bind(forms, count, &who);
        for (size_t f = 0; f < count; f++) {
            if (!forms[f].applicable) {
                strbuf_addf(&out, "%s ", form_id(&forms[f]).text);
            }
        }
        assert_string_equal(ids, rows[i].left_out);
    }
#undef ALL_NAMES
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batteries),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(every_form_is_written_as_it_should),
        cmocka_unit_test(bare_paths_lose_their_brackets_only),
        cmocka_unit_test(what_is_not_known_is_not_asked),
        cmocka_unit_test(a_name_is_given_once),
        cmocka_unit_test(own_domains_only),
        cmocka_unit_test(nobody_else_is_written_to),
        cmocka_unit_test(standard_is_large),
        cmocka_unit_test(templates_are_checked),
        cmocka_unit_test(long_local_parts_are_not_asked),
        cmocka_unit_test(ipv6_targets_have_tagged_literals),
        cmocka_unit_test(tokens_differ_and_stay),
        cmocka_unit_test(the_list_names_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
