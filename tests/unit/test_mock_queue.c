/*
 * Rows of fates and what then becomes of a message: deeds of both servers, in the order of virtual
 * time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/mock_lab.h"

#define HELLO "EHLO c.example.test"
#define FROM "MAIL FROM:<a@canary.test>"
#define NOBODY "MAIL FROM:<>"
#define FOREIGN "RCPT TO:<probe@canary.test>"
#define MESSAGE "=Subject: x\r\nX-Relaylab-Token: t\r\n\r\nhello\r\n"
#define OPEN "rules:\n- {at: RCPT, reply: 250 2.1.5 Ok, "
#define TAKEN "mx rule r\nmx accepted <a@canary.test> to probe@canary.test\n"
#define ARRIVED                                           \
    "hop accepted <a@canary.test> to probe@canary.test\n" \
    "hop kept <a@canary.test> to probe@canary.test\n"
#define RETURNED                                                       \
    "hop accepted <> to a@canary.test\nhop kept <> to a@canary.test\n" \
    "mx relayed a@canary.test\n"
#define CATCHER "hostname: mx.canary.test\nlocal_domains: [canary.test]\n"

#define CALLOUT "rules:\n- {at: RCPT, callout: sender, reply: 550 5.1.7 unknown, log: c}\n"

struct row {
    const char *label;
    const char *mx, *hop;
    const char *say[LAB_SAY_MAX];
    int64_t run_ns;
    const char *deeds;
    const char *content; /* somewhere in what the hop kept last; NULL: not asked */
};

static const struct row rows[] = {
    {"local mail is kept",
     "{}\n",
     NULL,
     {HELLO, FROM, "RCPT TO:<u@victim.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx accepted <a@canary.test> to u@victim.test\nmx kept <a@canary.test> to u@victim.test\n",
     NULL},
    {"foreign mail without a fate is discarded",
     "rules:\n- {at: RCPT, reply: 250 2.1.5 Ok, log: r}\n",
     NULL,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN "mx discarded probe@canary.test\n",
     NULL},
    {"relayed",
     OPEN "fate: relay, log: r}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN ARRIVED "mx relayed probe@canary.test\n",
     "Received: from c.example.test ([127.0.0."},
    {"relayed by a name below the domain",
     OPEN "fate: relay, log: r}\n",
     CATCHER "rules:\n- {at: RCPT, reply: 250 Ok, log: h}\n",
     {HELLO, FROM, "RCPT TO:<p@x.canary.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <a@canary.test> to p@x.canary.test\nhop rule h\n"
     "hop accepted <a@canary.test> to p@x.canary.test\nhop discarded p@x.canary.test\n"
     "mx relayed p@x.canary.test\n",
     NULL},
    {"the percent hack honoured",
     OPEN "fate: relay, rewrite: unwrap, log: r}\n",
     CATCHER,
     {HELLO, FROM, "RCPT TO:<probe%canary.test@victim.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"twice",
     OPEN "fate: {do: relay, copies: 2}, log: r}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN ARRIVED "mx relayed probe@canary.test\n" ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"held for an hour: not yet",
     OPEN "fate: {do: hold, after: 1h}, log: r}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     59 * CLOCK_MINUTE,
     TAKEN,
     NULL},
    {"held for an hour",
     OPEN "fate: {do: hold, after: 1h}, log: r}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     61 * CLOCK_MINUTE,
     TAKEN ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"refused after the dot and delivered",
     OPEN "log: r}\n- {at: end-of-data, reply: 550 5.7.1 no, fate: relay, log: e}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx rule e\n" ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"only the first",
     OPEN "fate: {do: relay, only: first}, log: r}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN
     "mx rule r\n"
     "mx accepted <a@canary.test> to probe@canary.test\nmx discarded probe@canary.test\n" ARRIVED
     "mx relayed probe@canary.test\n",
     NULL},
    {"bounced with a DSN",
     OPEN "fate: bounce, log: r}\n",
     CATCHER,
     {HELLO, FROM, "RCPT TO:<x@b.example.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <a@canary.test> to x@b.example.test\n"
     "mx bounced x@b.example.test\n" RETURNED,
     "message/delivery-status"},
    {"a warning of a delay",
     OPEN "fate: {do: bounce, action: delayed, status: 4.4.1}, log: r}\n",
     CATCHER,
     {HELLO, FROM, "RCPT TO:<x@b.example.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <a@canary.test> to x@b.example.test\n"
     "mx bounced x@b.example.test\n" RETURNED,
     "Action: delayed\r\nStatus: 4.4.1\r\n"},
    {"bounced in free text",
     OPEN "fate: {do: bounce, dsn: false, diagnostic: no such user here}, log: r}\n",
     CATCHER,
     {HELLO, FROM, "RCPT TO:<x@b.example.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <a@canary.test> to x@b.example.test\n"
     "mx bounced x@b.example.test\n" RETURNED,
     "no such user here\r\n\r\n--- Below"},
    {"a null reverse-path never bounces",
     OPEN "fate: bounce, log: r}\n",
     CATCHER,
     {HELLO, NOBODY, "RCPT TO:<x@b.example.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <> to x@b.example.test\n"
     "mx failed <x@b.example.test>: 550 5.1.1 User unknown\n",
     NULL},
    {"no route bounces",
     OPEN "fate: relay, log: r}\n",
     CATCHER,
     {HELLO, FROM, "RCPT TO:<x@b.example.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <a@canary.test> to x@b.example.test\n"
     "mx bounced x@b.example.test\n" RETURNED,
     "Status: 5.4.4"},
    {"the next hop refuses for good",
     OPEN "fate: relay, log: r}\n",
     CATCHER "rules:\n- {at: RCPT, when: {to: 'probe@*'}, reply: 550 5.1.1 no such user, log: h}\n",
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN "hop rule h\nmx bounced probe@canary.test\n" RETURNED,
     "no such user"},
    {"the DSN names the next hop that refused",
     OPEN "fate: relay, log: r}\n",
     CATCHER "rules:\n- {at: RCPT, when: {to: 'probe@*'}, reply: 550 5.1.1 no such user, log: h}\n",
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN "hop rule h\nmx bounced probe@canary.test\n" RETURNED,
     "Remote-MTA: dns; mx.canary.test\r\n"},
    {"the next hop defers once",
     OPEN "fate: relay, log: r}\n",
     CATCHER "rules:\n- {at: MAIL, times: 1, reply: 451 4.3.0 later, log: h}\n",
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN
     "hop rule h\n"
     "mx deferred <probe@canary.test>: 451 4.3.0 later\n" ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"EHLO refused by the next hop",
     OPEN "fate: relay, log: r}\n",
     CATCHER "rules:\n- {at: EHLO, reply: 500 5.5.1 no, log: h}\n",
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN "hop rule h\n" ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"nobody at the next hop: five tries, then no bounce gets out either",
     OPEN "fate: relay, log: r}\n",
     NULL,
     {HELLO, NOBODY, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <> to probe@canary.test\n"
     "mx deferred <probe@canary.test>: refused at connect\n"
     "mx deferred <probe@canary.test>: refused at connect\n"
     "mx deferred <probe@canary.test>: refused at connect\n"
     "mx deferred <probe@canary.test>: refused at connect\n"
     "mx deferred <probe@canary.test>: refused at connect\n"
     "mx failed <probe@canary.test>: refused at connect\n",
     NULL},
    {"headers stripped",
     OPEN "fate: {do: relay, alter: strip-headers}, log: r}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     TAKEN ARRIVED "mx relayed probe@canary.test\n",
     "Subject: x\r\n\r\nhello\r\n"},
    {"an automatic answer",
     OPEN "fate: {do: relay, alter: autoreply}, log: r}\n",
     CATCHER,
     {HELLO, FROM, "RCPT TO:<u@victim.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <a@canary.test> to u@victim.test\n"
     "mx discarded u@victim.test\n" RETURNED,
     "> X-Relaylab-Token: t"},
    {"silent after the dot, relayed all the same",
     OPEN "fate: relay, log: r}\n- {at: end-of-data, then: stall, fate: relay, log: e}\n",
     CATCHER,
     {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL},
     CLOCK_HOUR,
     "mx rule r\nmx rule e\n" ARRIVED "mx relayed probe@canary.test\n",
     NULL},
    {"a path that no command can carry",
     OPEN "fate: relay, log: r}\n",
     CATCHER,
     {HELLO, NOBODY, "RCPT TO:<a\001b@canary.test>", "DATA", MESSAGE, NULL},
     CLOCK_NEVER,
     "mx rule r\nmx accepted <> to a\001b@canary.test\n"
     "mx failed <a\\x01b@canary.test>: bad address syntax\n",
     NULL},
    {"a callout is refused",
     CALLOUT,
     CATCHER "users: [b]\n",
     {HELLO, FROM, "RCPT TO:<u@victim.test>", NULL},
     CLOCK_NEVER,
     "mx callout <a@canary.test> refused (550)\nmx rule c\n",
     NULL},
    {"a callout is taken",
     CALLOUT,
     CATCHER,
     {HELLO, FROM, "RCPT TO:<u@victim.test>", "RCPT TO:<v@victim.test>", NULL},
     CLOCK_NEVER,
     "mx callout <a@canary.test> taken (250)\n",
     NULL},
    {"a callout without an answer",
     CALLOUT,
     CATCHER "rules:\n- {at: banner, then: stall, log: s}\n",
     {HELLO, FROM, "RCPT TO:<u@victim.test>", NULL},
     CLOCK_HOUR,
     "hop rule s\nmx callout <a@canary.test> no answer\n",
     NULL},
};

static void check_row(const struct row *row)
{
    struct lab *lab = lab_new(row->mx, row->hop);
    (void)lab_talk(lab, row->say, row->run_ns);
    if (strcmp(lab->deeds_memory, row->deeds) != 0) {
        fail_msg("%s: wanted\n%s\ngot\n%s\n%s", row->label, row->deeds, lab->deeds_memory,
                 lab->text_memory);
    }
    if (row->content != NULL && strstr(lab->hop.last_content, row->content) == NULL) {
        fail_msg("%s: %s is not in\n%s", row->label, row->content, lab->hop.last_content);
    }
    lab_free(lab);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row(&rows[i]);
    }
}

/* 30 Received fields (RFC 5321 6.3): a loop ends. */
static void test_hops(void **state)
{
    char content[8192];
    struct strbuf out;
    (void)state;
    strbuf_init(&out, content, sizeof content);
    strbuf_addc(&out, '=');
    for (unsigned i = 0; i < 30; i++) {
        strbuf_adds(&out, "Received: by a\r\n\twith b\r\n");
    }
    strbuf_adds(&out, "\r\nx\r\n");
    struct row row = {"hops",
                      OPEN "fate: relay, log: r}\n",
                      CATCHER,
                      {HELLO, NOBODY, FOREIGN, "DATA", content, NULL},
                      CLOCK_NEVER,
                      "mx rule r\nmx accepted <> to probe@canary.test\n"
                      "mx failed <probe@canary.test>: too many hops\n",
                      NULL};
    check_row(&row);
    strbuf_reset(&out);
    strbuf_adds(&out, "=Received: by a\r\n\r\nx\r\n");
    row.deeds =
        "mx rule r\nmx accepted <> to probe@canary.test\nhop accepted <> to probe@canary.test\n"
        "hop kept <> to probe@canary.test\nmx relayed probe@canary.test\n";
    check_row(&row);
}

/* More recipients than deliveries at once: all arrive. */
static void test_many(void **state)
{
    static char line[MAIL_RCPT_MAX][48];
    const char *say[MAIL_RCPT_MAX + 6] = {HELLO, FROM};
    struct lab *lab = lab_new(OPEN "fate: relay}\n", CATCHER);
    size_t relayed = 0;
    (void)state;
    for (size_t i = 0; i < MAIL_RCPT_MAX; i++) {
        struct strbuf out;
        strbuf_init(&out, line[i], sizeof line[i]);
        strbuf_addf(&out, "RCPT TO:<u%zu@canary.test>", i);
        say[2 + i] = line[i];
    }
    say[MAIL_RCPT_MAX + 2] = "RCPT TO:<onemore@canary.test>";
    say[MAIL_RCPT_MAX + 3] = "DATA";
    say[MAIL_RCPT_MAX + 4] = MESSAGE;
    assert_true(lab_talk(lab, say, CLOCK_NEVER));
    assert_non_null(strstr(lab->text_memory, "452 4.5.3"));
    for (const char *p = lab->deeds_memory; (p = strstr(p, "mx relayed")) != NULL; p++) {
        relayed++;
    }
    assert_int_equal(relayed, MAIL_RCPT_MAX);
    assert_int_equal(mock_queue_length(lab->mx.mock), 0);
    lab_free(lab);
}

/* mock_free in the middle of everything gives all back (the sanitizers watch). */
static void test_free_early(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 40; at++) {
        const char *const say[] = {HELLO, FROM, FOREIGN, "DATA", MESSAGE, NULL};
        struct lab *lab = lab_new("rules:\n- {at: MAIL, callout: sender, reply: 550 5.1.7 no}\n"
                                  "- {at: RCPT, reply: 250 2.1.5 Ok, fate: relay}\n",
                                  CATCHER);
        (void)lab_talk(lab, say, at * CLOCK_MS);
        mock_free(lab->mx.mock);
        lab->mx.mock = NULL;
        (void)sim_run(lab->sim, world_now(lab->world) + (at % 2) * CLOCK_SECOND);
        lab_free(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_hops),
                                       cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_free_early)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
