#include "tests/unit/talk_lab.h"

#define EXAMINE(tag) "r" tag " EXAMINE \"IN\\\"BOX\"\r\n"
#define OPENED(tag) "* 3 EXISTS\r\n* OK [UIDVALIDITY 77] fine\r\nr" tag " OK [READ-ONLY] done\r\n"
#define FETCH(tag) "r" tag " UID FETCH 42 (UID BODY.PEEK[]<0.65>)\r\n"

static const struct lab_row rows[] = {
    {"an empty folder",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), OPENED("1")}, {"r2 UID SEARCH ALL\r\n", "* SEARCH\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = ""}}},
    {"three messages",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), OPENED("1")},
        {"r2 UID SEARCH ALL\r\n", "* SEARCH 1 42 4294967295\r\n* 4 EXISTS\r\nr2 OK done\r\n"}},
       .status = MAILBOX_OK,
       .shown = "77.1,77.42,77.4294967295,"}}},
    {"a search in several lines, in odd letters, with words that are no numbers",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), OPENED("1")},
        {"r2 UID SEARCH ALL\r\n", "* search 1  2 x 0 -3 99999999999 \n* SEARCH 5\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "77.1,77.2,77.5,"}}},
    {"a search that was not asked for yet does not count",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), "* SEARCH 9\r\n" OPENED("1")},
        {"r2 UID SEARCH ALL\r\n", "* SEARCH 5\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "77.5,"}}},
    {"no such folder",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), "r1 NO [NONEXISTENT] no\r\n"}},
       .status = MAILBOX_REFUSED,
       .shown = "",
       .why = "no"}}},
    {"a folder that is not there for the moment",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), "r1 NO [UNAVAILABLE] x\r\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "x"}}},
    {"not let in",
     {{TALK_LIST, "", {{EXAMINE("1"), "r1 BAD who?\r\n"}}, .status = MAILBOX_REFUSED}}},
    {"another command's answer is no answer",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), "A001 OK\r\nr9 OK\r\nrx OK\r\nr1\r\nr1 NO\r\n"}},
       .status = MAILBOX_REFUSED}}},
    {"the server goes",
     {{TALK_LIST,
       "",
       {{EXAMINE("1"), "* BYE going down\r\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "BYE going down",
       .truncated = false,
       .broken = true}}},
    {"a message in a literal, the uid behind it, then another from the open folder",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"), "* 3 FETCH (BODY[]<0> {9}\r\na{3}\r\nr2 OK UID 42)\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = NULL},
      {TALK_FETCH,
       "77.42",
       {{FETCH("3"), "* 3 FETCH (UID 42 BODY[]<0> {5}\r\nx\r\ny\r)\r\nr3 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "x\r\ny\r"}}},
    {"octets of a message are no answers",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"), "* 3 FETCH (UID 42 BODY[]<0> {16}\r\n* BYE\r\nr2 OK\r\n\r\n)\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "* BYE\r\nr2 OK\r\n\r\n"}}},
    {"an empty literal, and flags of other messages",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"),
         "* 1 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (UID 42 BODY[] {0}\r\n)\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = ""}}},
    {"a quoted string",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"), "* 3 FETCH (UID 42 BODY[]<0> \"a\\\"b\")\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "a\"b"}}},
    {"NIL",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")}, {FETCH("2"), "* 3 FETCH (UID 42 BODY[]<0> NIL)\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = ""}}},
    {"another literal of the same message is not the message",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"), "* 3 FETCH (X {3+}\r\nabc BODY[] {2}\r\nok Y {1}\r\nz)\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "ok"}}},
    {"a message that is gone",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")}, {FETCH("2"), "r2 OK nothing\r\n"}},
       .status = MAILBOX_GONE}}},
    {"a folder that was made anew",
     {{TALK_FETCH, "76.42", {{EXAMINE("1"), OPENED("1")}}, .status = MAILBOX_GONE}}},
    {"uids that are none of ours",
     {{TALK_FETCH, "42", {{NULL, NULL}}, .status = MAILBOX_GONE},
      {TALK_REMOVE, "77.0", {{NULL, NULL}}, .status = MAILBOX_GONE}}},
    {"a message longer than what is kept",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"), "* 3 FETCH (BODY[]<0> {65}\r\n"
                     "01234567890123456789012345678901234567890123456789012345678901234"
                     ")\r\nr2 OK\r\n"}},
       .status = MAILBOX_OK,
       .shown = "0123456789012345678901234567890123456789012345678901234567890123",
       .why = NULL,
       .truncated = true}}},
    {"a server that sends more than was asked for",
     {{TALK_FETCH,
       "77.42",
       {{EXAMINE("1"), OPENED("1")},
        {FETCH("2"), "* 3 FETCH (Z {99999999999999999999}\r\nx\r\n* BYE\n"}},
       .status = MAILBOX_TROUBLE,
       .shown = "",
       .why = "BYE",
       .truncated = false,
       .broken = true}}},
    {"a removal: only that uid is expunged, and the folder is read-only again for what follows",
     {{TALK_REMOVE,
       "77.42",
       {{"r1 SELECT \"IN\\\"BOX\"\r\n", OPENED("1")},
        {"r2 UID STORE 42 +FLAGS.SILENT (\\Deleted)\r\n", "r2 OK\r\n"},
        {"r3 UID EXPUNGE 42\r\n", "* 3 EXPUNGE\r\nr3 OK\r\n"}},
       .status = MAILBOX_OK},
      {TALK_FETCH,
       "77.42",
       {{EXAMINE("4"), OPENED("4")}, {FETCH("5"), "r5 OK nothing\r\n"}},
       .status = MAILBOX_GONE}}},
    {"a removal without UIDPLUS never becomes a plain EXPUNGE",
     {{TALK_REMOVE,
       "77.42",
       {{"r1 SELECT \"IN\\\"BOX\"\r\n", OPENED("1")},
        {"r2 UID STORE 42 +FLAGS.SILENT (\\Deleted)\r\n", "r2 OK\r\n"},
        {"r3 UID EXPUNGE 42\r\n", "r3 BAD what?\r\n"}},
       .status = MAILBOX_REFUSED,
       .shown = "",
       .why = "marked as deleted"}}},
};

static void test_dialogues(void **state)
{
    (void)state;
    lab_run(rows, sizeof(rows) / sizeof(rows[0]), TALK_IMAP);
}

static void count_entry(void *self, struct span uid, uint64_t size)
{
    (void)uid;
    (void)size;
    ++*(unsigned *)self;
}

static void test_a_search_of_any_length(void **state)
{
    unsigned count = 0;
    struct talk t;
    struct talk_config config = {
        .protocol = TALK_IMAP, .folder = SPAN("INBOX"), .entry = count_entry, .self = &count};
    (void)state;
    talk_init(&t, &config);
    talk_begin(&t, TALK_LIST, SPAN(""));
    talk_feed(&t, SPAN("r1 OK\r\n* SEARCH"));
    for (unsigned i = 0; i < 100000; i++)
        talk_feed(&t, SPAN(" 123456"));
    assert_false(t.done);
    talk_feed(&t, SPAN("\r\nr2 OK\r\n"));
    assert_true(t.done);
    assert_int_equal(count, 100000);
}

/* The head of a long line and its end are kept: a literal may be announced there. */
static void test_a_line_of_any_length(void **state)
{
    char content[8];
    struct talk t;
    struct talk_config config = {.protocol = TALK_IMAP,
                                 .folder = SPAN("INBOX"),
                                 .content = content,
                                 .content_cap = sizeof(content)};
    (void)state;
    for (unsigned size = 900; size < 3000; size++) {
        talk_init(&t, &config);
        talk_begin(&t, TALK_FETCH, SPAN("0.42"));
        talk_feed(&t, SPAN("r1 OK\r\n* 1 FETCH (ENVELOPE \""));
        for (unsigned i = 0; i < size; i++)
            talk_feed(&t, SPAN("x"));
        talk_feed(&t, SPAN("\" Z {4}\r\nr2 O)\r\n* 1 FETCH (BODY[] {2}\r\nhi)\r\nr2 OK\r\n"));
        assert_true(t.done);
        assert_int_equal(t.content_len, 2);
    }
}

static void test_a_literal_without_end(void **state)
{
    static char content[64], block[65536];
    struct talk t;
    struct talk_config config = {
        .protocol = TALK_IMAP, .folder = SPAN("INBOX"), .content = content, .content_cap = 64};
    (void)state;
    talk_init(&t, &config);
    talk_begin(&t, TALK_FETCH, SPAN("0.42"));
    talk_feed(&t, SPAN("r1 OK\r\n* 1 FETCH (BODY[] {9223372036854775807}\r\n"));
    for (int i = 0; i < 200 && !t.done; i++)
        talk_feed(&t, (struct span){block, sizeof(block)});
    assert_true(t.done && t.broken);
    assert_int_equal(t.status, MAILBOX_TROUBLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogues),
        cmocka_unit_test(test_a_search_of_any_length),
        cmocka_unit_test(test_a_line_of_any_length),
        cmocka_unit_test(test_a_literal_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
