/*
 * test_spawn.c - commands that end well, crash, hang, refuse to end, and leave others behind
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drive/host/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const env[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};

static struct spawn *start(const char *script, int64_t limit_ns, size_t output_max)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct spawn_config config = {
        .argv = argv,
        .env = env,
        .directory = "/",
        .limit_ns = limit_ns,
        .grace_ns = CLOCK_SECOND,
        .output_max = output_max};
    char memory[128];
    struct strbuf error;

    strbuf_init(&error, memory, sizeof memory);
    struct spawn *s = spawn_start(&config, &error);
    assert_non_null(s);
    return s;
}

static const struct row {
    const char *label, *script;
    int64_t limit_ns;
    enum spawn_end end;
    int status;
    const char *output; /* NULL: not looked at */
} rows[] = {
    {"says hello", "echo $GREETING", 10 * CLOCK_SECOND, SPAWN_EXITED, 0, "hello\n"},
    {"both streams, in order", "echo a; echo b >&2; echo c", 10 * CLOCK_SECOND, SPAWN_EXITED, 0,
     "a\nb\nc\n"},
    {"a status", "exit 89", 10 * CLOCK_SECOND, SPAWN_EXITED, 89, ""},
    {"a signal", "kill -SEGV $$", 10 * CLOCK_SECOND, SPAWN_SIGNALED, SIGSEGV, ""},
    {"standard input is empty", "cat; echo end", 10 * CLOCK_SECOND, SPAWN_EXITED, 0, "end\n"},
    {"no descriptor but three",
     "for i in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && echo $i; done; echo end",
     10 * CLOCK_SECOND, SPAWN_EXITED, 0, "end\n"},
    {"nothing of our environment", "echo ${HOME-none}", 10 * CLOCK_SECOND, SPAWN_EXITED, 0,
     "none\n"},
    {"in time limit", "exec sleep 100", 100 * CLOCK_MS, SPAWN_TIMED_OUT, 0, ""},
    /* A second, since a busy machine may not have come to the trap before. */
    {"deaf to SIGTERM", "trap '' TERM; while :; do sleep 100; done", CLOCK_SECOND, SPAWN_TIMED_OUT,
     SIGKILL, ""},
    {"last words at SIGTERM", "trap 'echo bye; exit 3' TERM; sleep 100 & wait", CLOCK_SECOND,
     SPAWN_TIMED_OUT, 0, "bye\n"},
};

static void ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spawn *s = start(rows[i].script, rows[i].limit_ns, 4096);

        spawn_wait(s);
        const struct spawn_result *r = spawn_result(s);
        if (r->end != rows[i].end || r->status != rows[i].status)
            print_error("%s: end %d status %d\n", rows[i].label, (int)r->end, r->status);
        assert_int_equal(r->end, rows[i].end);
        assert_int_equal(r->status, rows[i].status);
        if (rows[i].output != NULL && !span_equal(r->output, span_of(rows[i].output)))
            fail_msg("%s: '%.*s'", rows[i].label, (int)r->output.len, r->output.ptr);
        spawn_free(s);
    }
}

static void not_started(void **state)
{
    const char *const argv[] = {"there-is-no-such-program", NULL};
    const struct spawn_config config = {
        .argv = argv, .env = env, .limit_ns = CLOCK_SECOND, .output_max = 16};
    char memory[128];
    struct strbuf error;

    (void)state;
    strbuf_init(&error, memory, sizeof memory);
    struct spawn *s = spawn_start(&config, &error);
    assert_non_null(s);
    spawn_wait(s);
    assert_int_equal(spawn_result(s)->end, SPAWN_NOT_STARTED);
    assert_int_equal(spawn_result(s)->status, ENOENT);
    spawn_free(s);
}

static void output_is_capped(void **state)
{
    struct spawn *s = start("head -c 1000000 /dev/zero", 20 * CLOCK_SECOND, 1000);

    (void)state;
    spawn_wait(s);
    assert_int_equal(spawn_result(s)->end, SPAWN_EXITED);
    assert_int_equal(spawn_result(s)->output.len, 1000);
    assert_int_equal(spawn_result(s)->output_total, 1000000);
    spawn_free(s);
}

/* The pid that the command printed first. */
static pid_t printed(const struct spawn *s)
{
    struct span text = spawn_result(s)->output;
    uint64_t pid = 0;

    assert_true(span_uint(span_to(text, span_chr(text, '\n')), INT32_MAX, &pid));
    return (pid_t)pid;
}

static void assert_gone(pid_t pid)
{
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void nothing_is_left(void **state)
{
    static const char *const scripts[] = {
        "sleep 1000 & echo $!",                                               /* of its group */
        "setsid sleep 1000 & echo $!; while :; do kill -0 $! && break; done", /* of its own */
        "(setsid sh -c 'echo $$; sleep 1000 & sleep 1000' &); sleep 0.2",     /* an orphan's */
    };

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct spawn *s = start(scripts[i], 10 * CLOCK_SECOND, 4096);

        spawn_wait(s);
        assert_int_equal(spawn_result(s)->end, SPAWN_EXITED);
        assert_true(spawn_result(s)->stragglers <= 3);
        assert_gone(printed(s));
        spawn_free(s);
    }
}

static void freed_early(void **state)
{
    char path[] = "/tmp/relaylab-spawn-XXXXXX", script[128];
    int fd = mkstemp(path);
    struct strbuf b;
    char text[32] = "";
    uint64_t pid = 0;

    (void)state;
    assert_true(fd >= 0);
    strbuf_init(&b, script, sizeof script);
    strbuf_addf(&b, "echo $$ > %s; echo x; exec sleep 1000", path);
    struct spawn *s = start(script, 1000 * CLOCK_SECOND, 16);
    while (read(fd, text, sizeof text - 1) <= 0)
        continue;
    spawn_free(s);
    assert_true(span_uint(span_to(span_of(text), span_chr(span_of(text), '\n')), INT32_MAX, &pid));
    assert_gone((pid_t)pid);
    (void)close(fd);
    (void)unlink(path);
}

static void told(void *self)
{
    ++*(unsigned *)self;
}

static void beside_a_loop(void **state)
{
    char memory[128];
    struct strbuf error;
    unsigned count = 0;

    (void)state;
    strbuf_init(&error, memory, sizeof memory);
    struct loop *l = loop_new(&(struct loop_config){.links_max = 4}, &error);
    assert_non_null(l);
    struct spawn *s = start("echo one; exit 7", 10 * CLOCK_SECOND, 64);
    spawn_watch(s, l, told, &count);
    loop_run(l);
    assert_int_equal(count, 1);
    assert_int_equal(spawn_result(s)->status, 7);
    assert_true(span_equal(spawn_result(s)->output, SPAN("one\n")));
    spawn_free(s);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),
        cmocka_unit_test(not_started),
        cmocka_unit_test(output_is_capped),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(freed_early),
        cmocka_unit_test(beside_a_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
