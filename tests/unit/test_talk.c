#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/mailbox/talk.h"

static const struct {
    const char *said;
    bool heals;
} rows[] = {
    {"-ERR [IN-USE] Do you have another POP session running?", true},
    {"-ERR [SYS/TEMP] later", true},
    {"-ERR [LOGIN-DELAY] not so often", true},
    {"A1 NO [UNAVAILABLE] Temporary authentication failure.", true},
    {"A1 NO [INUSE] x", true},
    {"-ERR [AUTH] Authentication failed.", false},
    {"A1 NO [AUTHENTICATIONFAILED] Authentication failed.", false},
    {"-ERR [SYS/PERM] x", false},
    {"", false},
};

static void test_what_may_heal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (talk_may_heal(span_of(rows[i].said)) != rows[i].heals)
            fail_msg("%s", rows[i].said);
}

static void test_the_farewell(void **state)
{
    struct talk t;
    struct talk_config config = {.protocol = TALK_POP3};
    (void)state;
    talk_init(&t, &config);
    talk_leave(&t);
    assert_string_equal(t.out.ptr, "QUIT\r\n");
    config.protocol = TALK_IMAP;
    talk_init(&t, &config);
    talk_leave(&t);
    assert_string_equal(t.out.ptr, "r1 LOGOUT\r\n");
    talk_feed(&t, SPAN("* BYE\r\n"));
    assert_false(t.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_heal),
        cmocka_unit_test(test_the_farewell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
