/*
 * test_evidence.c - what was said comes out as it went in, is kept once, and never takes more than
 * it may
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "probe/evidence.h"

struct lab {
    struct memory memory;
    struct evidence evidence;
    struct token_key key;
    struct form_identity who;
    struct form forms[FORMS_MAX];
    struct form_result results[FORMS_MAX];
    size_t count;
};

static void lab_begin(struct lab *lab, size_t limit)
{
    static const uint8_t secret[TOKEN_SECRET_LEN] = {3};
    char memory[160];
    struct strbuf error;
    memset(lab, 0, sizeof(*lab));
    lab->memory.limit = limit;
    lab->who = (struct form_identity){.canary_local = SPAN("probe"),
                                      .canary_domain = SPAN("canary.test"),
                                      .sender_local = SPAN("probe"),
                                      .sender_domain = SPAN("canary.test"),
                                      .target_name = SPAN("mx.victim.test"),
                                      .local_domain = SPAN("victim.test")};
    strbuf_init(&error, memory, sizeof(memory));
    assert_true(token_key_init(&lab->key, secret));
    assert_true(forms_select(SPAN("full"), lab->forms, FORMS_MAX, &lab->count, &error));
    forms_bind(lab->forms, lab->count, &lab->who, &lab->key, SPAN("a target"));
    for (size_t i = 0; i < lab->count; i++) {
        lab->results[i].form = lab->forms[i];
        lab->results[i].sender_used = lab->forms[i].sender;
    }
    evidence_init(&lab->evidence, &lab->who, &lab->memory);
}

static void lab_end(struct lab *lab)
{
    evidence_clear(&lab->evidence);
    assert_int_equal(lab->memory.bytes, 0);
    token_key_clear(&lab->key);
}

static void printed(struct lab *lab, const struct form_result *r, struct strbuf *out, char *room,
                    size_t cap)
{
    strbuf_init(out, room, cap);
    evidence_print_dialogue(&lab->evidence, r, out);
    assert_false(out->truncated);
}

/* What is said, into the evidence and beside it. */
static void say(struct lab *lab, struct form_result *r, struct strbuf *beside, char direction,
                struct span text)
{
    evidence_line(&lab->evidence, r, direction, text);
    strbuf_addc(beside, direction);
    strbuf_adds(beside, ": ");
    strbuf_add_visible(beside, text);
    strbuf_addc(beside, '\n');
}

/* A refusal, in words that quote the recipient: whole, without its parameters, or not at all. */
static void refuse(struct lab *lab, struct form_result *r, bool bare, int quote,
                   struct strbuf *beside)
{
    char memory[4][700];
    struct strbuf mail, rcpt, path, reply;
    strbuf_init(&mail, memory[0], sizeof(memory[0]));
    strbuf_init(&rcpt, memory[1], sizeof(memory[1]));
    strbuf_init(&path, memory[2], sizeof(memory[2]));
    strbuf_init(&reply, memory[3], sizeof(memory[3]));
    strbuf_adds(&mail, "MAIL FROM:");
    form_sender(&r->form, r->sender_used, &lab->who, bare, &mail);
    form_recipient(&r->form, &lab->who, false, &path);
    strbuf_adds(&rcpt, "RCPT TO:");
    form_recipient(&r->form, &lab->who, bare, &rcpt);
    strbuf_adds(&reply, "554 5.7.1 ");
    strbuf_add(&reply, quote == 0   ? strbuf_span(&path)
                       : quote == 1 ? span_of(form_tokens(&r->form).recipient.text)
                                    : SPAN("you <at> there"));
    strbuf_adds(&reply, ": Relay access denied");
    say(lab, r, beside, 'C', strbuf_span(&mail));
    say(lab, r, beside, 'S', SPAN("250 2.1.0 Ok"));
    say(lab, r, beside, 'C', strbuf_span(&rcpt));
    say(lab, r, beside, 'S', strbuf_span(&reply));
    say(lab, r, beside, 'C', SPAN("RSET"));
    say(lab, r, beside, 'S', SPAN("250 2.0.0 Ok"));
}

static void every_dialogue_is_printed_as_it_was_said(void **state)
{
    static struct lab lab;
    static char said[FORMS_MAX][2048];
    (void)state;
    for (int way = 0; way < 6; way++) {
        lab_begin(&lab, 0);
        for (size_t i = 0; i < lab.count; i++) {
            struct strbuf beside;
            strbuf_init(&beside, said[i], sizeof(said[i]));
            refuse(&lab, &lab.results[i], way >= 3, way % 3, &beside);
        }
        for (size_t i = 0; i < lab.count; i++) {
            char room[4096];
            struct strbuf out;
            printed(&lab, &lab.results[i], &out, room, sizeof(room));
            assert_string_equal(room, said[i]);
        }
        lab_end(&lab);
    }
}

static void what_is_alike_is_kept_once(void **state)
{
    static struct lab lab;
    char room[2048];
    struct strbuf beside;
    (void)state;
    lab_begin(&lab, 0);
    strbuf_init(&beside, room, sizeof(room));
    refuse(&lab, &lab.results[0], false, 0, &beside);
    uint32_t used = lab.evidence.used;
    for (size_t i = 1; i < lab.count; i++) {
        strbuf_reset(&beside);
        refuse(&lab, &lab.results[i], false, 0, &beside);
    }
    assert_int_equal(lab.evidence.used, used);
    lab_end(&lab);
}

static void a_dialogue_begins_with_each_mail(void **state)
{
    static struct lab lab;
    char room[4096], memory[2048];
    struct strbuf out, beside;
    (void)state;
    lab_begin(&lab, 0);
    strbuf_init(&beside, memory, sizeof(memory));
    refuse(&lab, &lab.results[0], false, 0, &beside);
    strbuf_reset(&beside);
    lab.results[0].sender_used = &form_senders[2];
    refuse(&lab, &lab.results[0], false, 0, &beside);
    printed(&lab, &lab.results[0], &out, room, sizeof(room));
    assert_string_equal(room, memory);
    lab_end(&lab);
}

static void hostile_lines_keep_within_the_limit(void **state)
{
    static struct lab lab;
    char line[1400], room[8192];
    struct strbuf out;
    (void)state;
    lab_begin(&lab, 0);
    for (size_t i = 0; i < lab.count; i++) {
        evidence_line(&lab.evidence, &lab.results[i], 'C', SPAN("MAIL FROM:<>"));
        for (size_t n = 0; n < 400; n++) { /* all different, with octets that marks are made of */
            memset(line, 'a' + (int)(n % 26), sizeof(line));
            memcpy(line, "250-<\1\2\3\4\5\6@", 12);
            line[13] = (char)i;
            evidence_line(&lab.evidence, &lab.results[i], 'S',
                          (struct span){line, n % 7 == 0 ? sizeof(line) : 14 + n % 100});
        }
        strbuf_init(&out, room, sizeof(room));
        evidence_print_dialogue(&lab.evidence, &lab.results[i], &out);
        assert_true(out.len <= EVIDENCE_DIALOGUE_MAX);
        assert_null(memchr(room, '\1', out.len));
    }
    assert_true(lab.memory.bytes <= EVIDENCE_MAX + 1024);
    assert_false(lab.memory.failed);
    lab_end(&lab);
}

static void without_memory_lines_are_left_out(void **state)
{
    static struct lab lab;
    (void)state;
    for (size_t limit = 1; limit < 4096; limit += 61) {
        char room[4096], memory[2048];
        struct strbuf out, beside;
        lab_begin(&lab, limit);
        strbuf_init(&beside, memory, sizeof(memory));
        refuse(&lab, &lab.results[0], false, 2, &beside);
        printed(&lab, &lab.results[0], &out, room, sizeof(room));
        assert_true(out.len <= beside.len);
        assert_int_equal(lab.memory.failed, out.len < beside.len);
        assert_true(lab.memory.bytes <= limit);
        lab_end(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialogue_is_printed_as_it_was_said),
        cmocka_unit_test(what_is_alike_is_kept_once),
        cmocka_unit_test(a_dialogue_begins_with_each_mail),
        cmocka_unit_test(hostile_lines_keep_within_the_limit),
        cmocka_unit_test(without_memory_lines_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
