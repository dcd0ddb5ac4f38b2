/*
 * test_plan_tls.c - which forms are asked in clear and which inside TLS
 *
 * Each row is a server: what it offers and does; the plan is asked form by form as a session would,
 * and what was asked where is written as text: "S1-R1" in clear, "[S1-R1@E3]" inside TLS.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "probe/ask/plan.h"

enum { COUNT = 3 };

struct server {
    const char *label;
    bool able, forced, offered;
    bool wants_tls;   /* answers nothing in clear */
    bool refuses;     /* STARTTLS */
    unsigned failing; /* handshakes */
    const char *asked;
    enum form_state plain, context;
};

/* clang-format off */
static const struct server servers[] = {
    {"no TLS of ours", false, false, true, false, false, 0, "S1-R1 S1-R2 ", FORM_DENIED,
     FORM_NOT_APPLICABLE},
    {"not offered", true, false, false, false, false, 0, "S1-R1 S1-R2 ", FORM_DENIED,
     FORM_NOT_APPLICABLE},
    {"offered", true, false, true, false, false, 0, "S1-R1 S1-R2 [S1-R1@E3] ", FORM_DENIED,
     FORM_DENIED},
    {"offered and refused", true, false, true, false, true, 0, "S1-R1 S1-R2 ", FORM_DENIED,
     FORM_NOT_APPLICABLE},
    {"a handshake fails once", true, false, true, false, false, 1, "S1-R1 S1-R2 [S1-R1@E3] ",
     FORM_DENIED, FORM_DENIED},
    {"handshakes fail", true, false, true, false, false, 9, "S1-R1 S1-R2 ", FORM_DENIED,
     FORM_UNDECIDED},
    {"wanted first", true, false, true, true, false, 0, "S1-R1 [S1-R1] [S1-R2] ", FORM_DENIED,
     FORM_NOT_APPLICABLE},
    {"wanted first and not listed", true, false, false, true, false, 0, "S1-R1 [S1-R1] [S1-R2] ",
     FORM_DENIED, FORM_NOT_APPLICABLE},
    {"wanted first and refused", true, false, true, true, true, 0, "S1-R1 S1-R2 ",
     FORM_UNDECIDED, FORM_NOT_APPLICABLE},
    {"wanted first, handshakes fail", true, false, true, true, false, 9, "S1-R1 ",
     FORM_UNDECIDED, FORM_NOT_APPLICABLE},
    {"by the user's will", true, true, true, false, false, 0, "[S1-R1] [S1-R2] [S1-R1@E3] ",
     FORM_DENIED, FORM_DENIED},
    {"by the user's will, and refused", true, true, true, false, true, 0, "", FORM_NOT_ASKED,
     FORM_NOT_APPLICABLE},
};
/* clang-format on */

static void add(struct form_result *r, size_t recipient, enum form_context context)
{
    *r = (struct form_result){
        .form = {.sender = &form_senders[0],
                 .recipient = &form_recipients[recipient],
                 .kind = FORM_EXTERNAL,
                 .context = (uint8_t)context,
                 .applicable = true}};
}

static void ask(struct plan *p, const struct plan_session *at, const struct server *s,
                struct strbuf *out)
{
    struct form_result *r;
    while ((r = plan_next(p, at, 0)) != NULL) {
        strbuf_addf(out, at->encrypted ? "[%s] " : "%s ", form_id(&r->form).text);
        r->answer = s->wants_tls && !at->encrypted ? ANSWER_TLS_REQUIRED : ANSWER_DENIED;
        plan_answered(p, at, r, 0, 0);
    }
}

static void run(const struct server *s)
{
    struct form_result results[COUNT];
    struct plan plan;
    struct plan_session at = {.number = 1};
    char memory[256];
    struct strbuf out;
    struct plan_form forms[COUNT] = {0};
    unsigned sessions = 0, failing = s->failing;
    strbuf_init(&out, memory, sizeof memory);
    add(&results[0], 0, CONTEXT_PLAIN);
    add(&results[1], 1, CONTEXT_PLAIN);
    add(&results[2], 0, CONTEXT_STARTTLS);
    plan_init(&plan, results, forms, COUNT, CLOCK_SECOND, CLOCK_HOUR);
    plan_tls_init(&plan, s->able, false, s->forced);
    do {
        at.encrypted = false;
        if (s->able) {
            plan_tls_offered(&plan, s->offered);
        }
        ask(&plan, &at, s, &out);
        if (!plan_wants_tls(&plan, &at, 0)) {
            break;
        }
        if (s->refuses) {
            plan_tls_refused(&plan);
        } else if (failing > 0) {
            failing--;
            plan_tls_lost(&plan, &at, OUTCOME_TLS, STEP_TLS);
        } else {
            at.encrypted = true;
        }
        ask(&plan, &at, s, &out);
    } while (plan_due(&plan) <= 0 && ++sessions < 10);
    assert_true(sessions < 10);
    assert_string_equal(memory, s->asked);
    assert_int_equal(results[0].state, s->plain);
    assert_int_equal(results[2].state, s->context);
    assert_int_equal(plan_due(&plan), CLOCK_NEVER);
}

static void test_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        print_message("  %s\n", servers[i].label);
        run(&servers[i]);
    }
}

static uint8_t early_context(void)
{
    struct span id = SPAN("@E3c");
    uint8_t context = CONTEXT_PLAIN;
    assert_true(form_context_cut(&id, &context));
    return context;
}

/* What may annoy the server is asked when all else is settled, in clear though TLS is demanded, and
 * once. */
static void test_last_of_all(void **state)
{
    static const struct {
        const char *label;
        bool demanded, failing;
        enum form_state early;
    } rows[] = {{"offered", false, false, FORM_UNDECIDED},
                {"wanted first", true, false, FORM_UNDECIDED},
                {"no handshake stands", false, true, FORM_NOT_APPLICABLE}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct form_result results[2];
        struct plan_form forms[2] = {0};
        struct plan plan;
        struct plan_session at = {.number = 1}, last;
        print_message("  %s\n", rows[i].label);
        add(&results[0], 0, CONTEXT_PLAIN);
        add(&results[1], 0, early_context());
        results[1].form.kind = FORM_CONTROL;
        plan_init(&plan, results, forms, 2, CLOCK_SECOND, CLOCK_HOUR);
        plan_tls_init(&plan, true, false, rows[i].demanded);
        plan_tls_offered(&plan, true);
        for (unsigned k = 0; k < PLAN_LOSSES_MAX && rows[i].failing; k++) {
            plan_tls_lost(&plan, &at, OUTCOME_TLS, STEP_TLS);
        }
        at.encrypted = rows[i].demanded;
        struct form_result *r = plan_next(&plan, &at, 0);
        assert_ptr_equal(r, &results[0]);
        plan_begin_session(&plan, &last, 2, 0);
        assert_int_equal(last.context, CONTEXT_PLAIN);
        plan_end_session(&plan, &last);
        r->answer = ANSWER_DEFERRED;
        plan_answered(&plan, &at, r, 0, 0);
        assert_int_equal(plan_due(&plan), CLOCK_SECOND);
        assert_ptr_equal(plan_next(&plan, &at, CLOCK_SECOND), r);
        r->answer = ANSWER_DENIED;
        plan_answered(&plan, &at, r, CLOCK_SECOND, 0);
        assert_int_equal(plan_due(&plan), rows[i].failing ? CLOCK_NEVER : INT64_MIN);
        plan_begin_session(&plan, &last, 3, CLOCK_SECOND);
        assert_false(plan_wants_tls(&plan, &last, CLOCK_SECOND));
        if (!rows[i].failing) {
            assert_ptr_equal(plan_next(&plan, &last, CLOCK_SECOND), &results[1]);
            plan_context_unclear(&plan, &last, OUTCOME_CLOSED, STEP_STARTTLS);
        }
        assert_int_equal(results[0].state, FORM_DENIED);
        assert_int_equal(results[1].state, rows[i].early);
        assert_int_equal(plan_due(&plan), CLOCK_NEVER);
    }
}

static void test_ids(void **state)
{
    struct form forms[FORMS_MAX];
    char memory[200];
    struct strbuf error;
    size_t count = 0;
    (void)state;
    strbuf_init(&error, memory, sizeof memory);
    assert_true(forms_select(SPAN("S1-R1,S1-R1@E3,R3@e3"), forms, FORMS_MAX, &count, &error));
    assert_int_equal(count, 3);
    assert_string_equal(form_id(&forms[1]).text, "S1-R1@E3");
    assert_int_equal(forms[1].context, CONTEXT_STARTTLS);
    assert_string_equal(form_id(&forms[2]).text, "S1-R3@E3");
    assert_int_equal(forms[0].context, CONTEXT_PLAIN);
    assert_false(forms_select(SPAN("S1-R1@E99"), forms, FORMS_MAX, &count, &error));
    assert_false(forms_select(SPAN("@E3"), forms, FORMS_MAX, &count, &error));
    assert_true(forms_names_battery(SPAN("S1-R1,standard")));
    assert_false(forms_names_battery(SPAN("S1-R1,R6")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_servers),
                                       cmocka_unit_test(test_last_of_all),
                                       cmocka_unit_test(test_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
