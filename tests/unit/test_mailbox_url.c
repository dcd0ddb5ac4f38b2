#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "probe/home/mailbox_url.h"

static const struct {
    const char *text;
    enum mailbox_kind kind;
    const char *user, *host;
    unsigned port;
    const char *path;
} good[] = {
    {"sink://127.0.0.1:2525", MAILBOX_SINK, "", "", 0, ""},
    {"sink://[::1]:2525", MAILBOX_SINK, "", "", 0, ""},
    {"maildir:/var/mail/50%/x y", MAILBOX_MAILDIR, "", "", 0, "/var/mail/50%/x y"},
    {"MBOX:spool", MAILBOX_MBOX, "", "", 0, "spool"},
    {"pop3://me@mail.example.test", MAILBOX_POP3, "me", "mail.example.test", 110, ""},
    {"pop3s://mail.example.test/", MAILBOX_POP3S, "", "mail.example.test", 995, ""},
    {"imap://me@canary.test@192.0.2.1", MAILBOX_IMAP, "me@canary.test", "192.0.2.1", 143, "INBOX"},
    {"imaps://me%40canary.test@[2001:db8::1]:9993", MAILBOX_IMAPS, "me@canary.test", "2001:db8::1",
     9993, "INBOX"},
    {"imaps://me@h/Lists/relay%20tests%2f%25%3a", MAILBOX_IMAPS, "me", "h", 993,
     "Lists/relay tests/%:"},
    {"imaps://a%3Ab@h:1/", MAILBOX_IMAPS, "a:b", "h", 1, "INBOX"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct mailbox_url u;
        char memory[256];
        struct strbuf error;
        strbuf_init(&error, memory, sizeof(memory));
        if (!mailbox_url_parse(&u, span_of(good[i].text), &error))
            fail_msg("%s: %s", good[i].text, memory);
        assert_int_equal(u.kind, good[i].kind);
        assert_string_equal(u.user, good[i].user);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.path, good[i].path);
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.at.port, u.kind == MAILBOX_SINK ? 2525 : 0);
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "a mailbox is"},
    {"/var/mail/me", "a mailbox is"},
    {"smtp://me@h", "a mailbox is"},
    {"sink://", "ADDR:PORT"},
    {"sink://localhost:25", "ADDR:PORT"},
    {"sink://127.0.0.1", "ADDR:PORT"},
    {"maildir:", "path"},
    {"mbox:/a\nb", "control"},
    {"imaps://me@h/a\rb", "control"},
    {"imaps://me:secret@h", "password does not belong"},
    {"imaps://me:sec/ret@h", "password does not belong"},
    {"imaps://me:sec@ret@h", "password does not belong"},
    {"pop3://:secret@h", "password does not belong"},
    {"imaps://me:@h", "password does not belong"},
    {"imaps://me:secret", "colon and a port"},
    {"imaps://me@h/x:secret@y", "password does not belong"},
    {"imaps://@h", "user"},
    {"imaps://a%0db@h", "user"},
    {"imaps://a%00b@h", "user"},
    {"imaps://a%4@h", "user"},
    {"imaps://a%@h", "user"},
    {"imaps://a%zz@h", "user"},
    {"imaps://me@", "host"},
    {"imaps://", "host"},
    {"imaps:///INBOX", "host"},
    {"imaps://me@-oProxy", "host"},
    {"imaps://me@h o", "host"},
    {"imaps://me@h:0", "port"},
    {"imaps://me@h:65536", "port"},
    {"imaps://me@h:", "port"},
    {"imaps://me@[h]", "IPv6"},
    {"imaps://me@[::1", "IPv6"},
    {"imaps://me@[::1]x", "port"},
    {"pop3://me@h/INBOX", "no folders"},
    {"imaps://me@h/x;UID=1?y", "? and #"},
    {"imaps://me@h/\xc3\xa4", "ASCII"},
    {"imaps://me@h/a%0ab", "ASCII"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mailbox_url u;
        char memory[512];
        struct strbuf error;
        strbuf_init(&error, memory, sizeof(memory));
        if (mailbox_url_parse(&u, span_of(bad[i].text), &error))
            fail_msg("%s is taken", bad[i].text);
        if (strstr(memory, bad[i].why) == NULL)
            fail_msg("%s: %s", bad[i].text, memory);
        assert_null(strstr(memory, "sec"));
        assert_false(error.truncated);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
