#include "tests/unit/talk_lab.h"

#define LIST_OF(lines)                         \
    {                                          \
        "UIDL\r\n", "+OK go\r\n" lines ".\r\n" \
    }
#define SIXTY "0123456789012345678901234567890123456789012345678901234567"

static const struct lab_row rows[] = {
    {"an empty mailbox", {{TALK_LIST, "", {LIST_OF("")}, .status = MAILBOX_OK, .shown = ""}}},
    {"three messages, each with a uid",
     {{TALK_LIST,
       "",
       {LIST_OF("1 aa\r\n2 bb\r\n7 cc\r\n")},
       .status = MAILBOX_OK,
       .shown = "aa,bb,cc,"}}},
    {"line ends without CR",
     {{TALK_LIST, "", {{"UIDL\r\n", "+OK\n1 aa\n.\n"}}, .status = MAILBOX_OK, .shown = "aa,"}}},
    {"lines that are no list are passed over",
     {{TALK_LIST,
       "",
       {LIST_OF("x\r\n0 a\r\n1\r\n2 \x80\r\n-1 b\r\n3 cc\r\n")},
       .status = MAILBOX_OK,
       .shown = "cc,"}}},
    {"no UIDL",
     {{TALK_LIST,
       "",
       {{"UIDL\r\n", "-ERR what?\r\n"}},
       .status = MAILBOX_REFUSED,
       .shown = "",
       .why = "what?"}}},
    {"locked by another session",
     {{TALK_LIST,
       "",
       {{"UIDL\r\n", "-ERR [IN-USE] wait\r\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "wait"}}},
    {"what the server says is made visible",
     {{TALK_LIST,
       "",
       {{"UIDL\r\n", "-ERR \x1b[2J\r\n"}},
       .status = MAILBOX_REFUSED,
       .shown = "",
       .why = "\\x1b[2J"}}},
    {"a list, then a message by its number, checked before",
     {{TALK_LIST, "", {LIST_OF("1 aa\r\n2 bb\r\n")}, .status = MAILBOX_OK, .shown = "aa,bb,"},
      {TALK_FETCH,
       "bb",
       {{"UIDL 2\r\n", "+OK 2 bb\r\n"},
        {"TOP 2 20000\r\n", "+OK\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\n"}},
       .status = MAILBOX_OK,
       .shown = "Subject: x\r\n\r\n.dot\r\nend\r\n"}}},
    {"a number that is another message now is never read",
     {{TALK_LIST, "", {LIST_OF("1 aa\r\n2 bb\r\n")}, .status = MAILBOX_OK, .shown = "aa,bb,"},
      {TALK_FETCH,
       "bb",
       {{"UIDL 2\r\n", "+OK 2 cc\r\n"},
        {"UIDL\r\n", "+OK\r\n1 bb\r\n2 cc\r\n.\r\n"},
        {"TOP 1 20000\r\n", "+OK\r\nb\r\n.\r\n"}},
       .status = MAILBOX_OK,
       .shown = "b\r\n"}}},
    {"a message that is gone",
     {{TALK_FETCH,
       "bb",
       {LIST_OF("1 aa\r\n")},
       .status = MAILBOX_GONE,
       .shown = "",
       .why = "any more"}}},
    {"no TOP: RETR",
     {{TALK_FETCH,
       "aa",
       {LIST_OF("1 aa\r\n"),
        {"TOP 1 20000\r\n", "-ERR unknown\r\n"},
        {"RETR 1\r\n", "+OK\r\n\r\n.\r\n"}},
       .status = MAILBOX_OK,
       .shown = "\r\n"}}},
    {"neither",
     {{TALK_FETCH,
       "aa",
       {LIST_OF("1 aa\r\n"), {"TOP 1 20000\r\n", "-ERR\r\n"}, {"RETR 1\r\n", "-ERR disk\r\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "disk"}}},
    {"a message longer than what is kept",
     {{TALK_FETCH,
       "aa",
       {LIST_OF("1 aa\r\n"), {"TOP 1 20000\r\n", "+OK\r\n" SIXTY "\r\nmore and more\r\n.\r\n"}},
       .status = MAILBOX_OK,
       .shown = SIXTY "\r\nmore",
       .why = NULL,
       .truncated = true}}},
    {"a removal ends with the session",
     {{TALK_REMOVE,
       "aa",
       {LIST_OF("1 aa\r\n"), {"DELE 1\r\n", "+OK\r\n"}, {"QUIT\r\n", "+OK bye\r\n"}},
       .status = MAILBOX_OK,
       .shown = "",
       .why = NULL,
       .truncated = false,
       .broken = true}}},
    {"a removal that is refused",
     {{TALK_REMOVE,
       "aa",
       {LIST_OF("1 aa\r\n"), {"DELE 1\r\n", "-ERR read-only\r\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "read-only"}}},
    {"a removal that fails in the end",
     {{TALK_REMOVE,
       "aa",
       {LIST_OF("1 aa\r\n"), {"DELE 1\r\n", "+OK\r\n"}, {"QUIT\r\n", "-ERR not removed\r\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "not removed",
       .truncated = false,
       .broken = true}}},
};

static void test_dialogues(void **state)
{
    (void)state;
    lab_run(rows, sizeof(rows) / sizeof(rows[0]), TALK_POP3);
}

static void test_a_long_line_of_a_message(void **state)
{
    static char content[4096], line[3000];
    struct talk t;
    struct talk_config config = {.protocol = TALK_POP3, .content = content, .content_cap = 4096};
    (void)state;
    for (size_t size = 1000; size < sizeof(line); size++) {
        memset(line, 'x', sizeof(line));
        line[0] = '.'; /* stuffed */
        line[size] = '\0';
        talk_init(&t, &config);
        talk_begin(&t, TALK_FETCH, SPAN("aa"));
        talk_feed(&t, SPAN("+OK\r\n1 aa\r\n.\r\n+OK\r\n"));
        talk_feed(&t, span_of(line));
        talk_feed(&t, SPAN("\r\n.\r\n"));
        assert_true(t.done);
        assert_int_equal(t.content_len, size - 1 + 2);
        assert_memory_equal(content + size - 1, "\r\n", 2);
        assert_int_equal(content[0], 'x');
    }
}

static void test_a_message_without_end(void **state)
{
    static char content[64], block[65536];
    struct talk t;
    struct talk_config config = {.protocol = TALK_POP3, .content = content, .content_cap = 64};
    (void)state;
    memset(block, 'x', sizeof(block));
    talk_init(&t, &config);
    talk_begin(&t, TALK_FETCH, SPAN("aa"));
    talk_feed(&t, SPAN("+OK\r\n1 aa\r\n.\r\n+OK\r\n"));
    for (int i = 0; i < 200 && !t.done; i++)
        talk_feed(&t, (struct span){block, sizeof(block)});
    assert_true(t.done && t.broken && t.truncated);
    assert_int_equal(t.status, MAILBOX_OK);
    assert_int_equal(t.content_len, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogues),
        cmocka_unit_test(test_a_long_line_of_a_message),
        cmocka_unit_test(test_a_message_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
