/*
 * test_last.c - what failed last time, over several runs; and in which shard a case is
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenarios/jobs.h"
#include "scenarios/case/last.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
    char folder[64], state[128], a[128], b[128];
    char memory[512];
    struct strbuf error;
};

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void open_place(struct place *p)
{
    strbuf_init(&p->error, p->memory, sizeof p->memory);
    bytes_copy(p->folder, sizeof p->folder, SPAN("/tmp/test_last.XXXXXX"));
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->state, sizeof p->state, "%s/deep/last-run", p->folder);
    (void)snprintf(p->a, sizeof p->a, "%s/a.yaml", p->folder);
    (void)snprintf(p->b, sizeof p->b, "%s/b.yaml", p->folder);
    put(p->a, "");
    put(p->b, "");
}

static void close_place(struct place *p)
{
    char deep[128];

    (void)snprintf(deep, sizeof deep, "%s/deep", p->folder);
    (void)unlink(p->state);
    (void)rmdir(deep);
    (void)unlink(p->a);
    (void)unlink(p->b);
    assert_int_equal(rmdir(p->folder), 0);
}

static void reopen(struct place *p, struct last *l)
{
    assert_true(last_save(l, &p->error));
    last_close(l);
    assert_true(last_open(l, p->state, &p->error));
    assert_true(l->existed);
}

static void over_three_runs(void **state)
{
    struct place p;
    struct last l;

    (void)state;
    open_place(&p);
    assert_true(last_open(&l, p.state, &p.error));
    assert_false(l.existed);
    assert_true(last_note(&l, "-", "a", p.a, true));
    assert_true(last_note(&l, "-", "a[x=1]", p.a, true));
    assert_true(last_note(&l, "-", "b", p.b, false));
    assert_true(last_note(&l, "nmap", "b", p.b, true));
    reopen(&p, &l);
    assert_true(last_failed(&l, "-", "a", p.a));
    assert_true(last_failed(&l, "-", "a[x=1]", p.a));
    assert_false(last_failed(&l, "-", "b", p.b));
    assert_false(last_failed(&l, "-", "a", p.b));
    assert_true(last_failed(&l, "nmap", "b", p.b));
    assert_true(last_note(&l, "-", "a", p.a, false));
    assert_true(last_note(&l, "-", "a", p.a, true));
    assert_true(last_note(&l, "-", "a[x=1]", p.a, false));
    reopen(&p, &l);
    assert_int_equal(l.count, 2);
    assert_true(last_failed(&l, "-", "a", p.a));
    assert_int_equal(unlink(p.a), 0);
    reopen(&p, &l);
    assert_true(l.entry[0].healed);
    reopen(&p, &l);
    assert_int_equal(l.count, 1);
    last_close(&l);
    close_place(&p);
}

static void something_else_in_the_file(void **state)
{
    static const char *const rows[] = {"", "ELF", "relaylab last-run 2\n",
                                       "relaylab last-run 1\nno tabs\n",
                                       "relaylab last-run 1\n-\tid\t\n"};
    struct place p;
    struct last l;
    char file[128];

    (void)state;
    open_place(&p);
    (void)snprintf(file, sizeof file, "%s/other", p.folder);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(file, rows[i]);
        strbuf_reset(&p.error);
        if (last_open(&l, file, &p.error) || strstr(p.memory, "not a list") == NULL)
            fail_msg("row %zu", i);
        last_close(&l);
    }
    (void)unlink(file);
    close_place(&p);
}

/* A case never moves from shard to shard, whatever else is there; none is in two, none in none. */
static void shards(void **state)
{
    unsigned count[7] = {0};

    (void)state;
    for (unsigned i = 0; i < 7000; i++) {
        char memory[64];
        struct strbuf id;

        strbuf_init(&id, memory, sizeof memory);
        strbuf_addf(&id, "every-cut[bytes=%u]", i);
        unsigned shard = jobs_shard(strbuf_span(&id), 7);
        assert_in_range(shard, 1, 7);
        assert_int_equal(jobs_shard(strbuf_span(&id), 1), 1);
        count[shard - 1]++;
    }
    for (size_t i = 0; i < 7; i++)
        assert_in_range(count[i], 900, 1100);
    /* Kept as they are: a cache of CI may hang on it. */
    assert_int_equal(jobs_shard(SPAN("open-relay-proven"), 4), 4);
    assert_int_equal(jobs_shard(SPAN("silent"), 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_three_runs),
        cmocka_unit_test(something_else_in_the_file),
        cmocka_unit_test(shards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
