/*
 * diff.c - two ordered lists side by side, id by id; then a list of what is to be told of each kind
 */
#include "scenarios/report/diff.h"

#include "lib/base/json.h"
#include "scenarios/commands.h"
#include "scenarios/report/diff_run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum diff_kind {
    KIND_NEW_FAILURE,
    KIND_HEALED,
    KIND_FLAKY,
    KIND_APPEARED,
    KIND_VANISHED,
    KIND_SKIPPED,
    KIND_STILL_FAILS,
    KIND_SAME,
    KINDS
};

struct pair {
    const struct diff_case *old, *new; /* NULL: it is not there */
    enum diff_kind kind;
    bool moved; /* the verdict */
    bool regression;
};

struct diff {
    struct diff_run old, new;
    struct pair *pair;
    size_t count;
    size_t of_kind[KINDS], moved;
    bool regression;
};

/* The kind of a case that is in both runs: old state down, new state across. */
static enum diff_kind kind_of(enum diff_state old, enum diff_state new)
{
    static const enum diff_kind kinds[4][4] = {
        /*               passes,      fails,            flaky,      skipped */
        [DIFF_PASSES] = {KIND_SAME, KIND_NEW_FAILURE, KIND_FLAKY, KIND_SKIPPED},
        [DIFF_FAILS] = {KIND_HEALED, KIND_STILL_FAILS, KIND_FLAKY, KIND_SKIPPED},
        [DIFF_FLAKY] = {KIND_HEALED, KIND_NEW_FAILURE, KIND_FLAKY, KIND_SKIPPED},
        [DIFF_SKIPPED] = {KIND_SAME, KIND_NEW_FAILURE, KIND_FLAKY, KIND_SAME},
    };

    return kinds[old][new];
}

static void add(struct diff *d, const struct diff_case *old, const struct diff_case *new)
{
    struct pair *p = &d->pair[d->count++];

    *p = (struct pair){.old = old, .new = new};
    if (old == NULL || new == NULL) {
        p->kind = old == NULL ? KIND_APPEARED : KIND_VANISHED;
        p->regression = new != NULL &&new->tally.failed > 0;
    } else {
        p->kind = kind_of(diff_case_state(old), diff_case_state(new));
        p->regression = p->kind == KIND_NEW_FAILURE ||
                        (p->kind == KIND_FLAKY && old->tally.failed == 0);
        p->moved = old->tally.verdicts != new->tally.verdicts && old->tally.verdicts != 0 &&
                   new->tally.verdicts != 0;
    }
    d->of_kind[p->kind]++;
    d->moved += p->moved;
    d->regression |= p->regression;
}

/* The end of the cases that have the id of the one at `from`. */
static size_t group_end(const struct diff_run *r, size_t from, const char *id)
{
    while (from < r->count && strcmp(r->item[from].id, id) == 0)
        from++;
    return from;
}

/* All cases of one id, ordered by path on both sides. Where one is left on each side, its file was
   moved. */
static void join(struct diff *d, size_t old, size_t old_end, size_t new, size_t new_end)
{
    const struct diff_case *a = d->old.item, *b = d->new.item;

    if (old_end - old == 1 && new_end - new == 1) {
        add(d, &a[old], &b[new]);
        return;
    }
    while (old < old_end || new < new_end) {
        int order = old == old_end ? 1 : new == new_end ? -1 : strcmp(a[old].path, b[new].path);

        add(d, order <= 0 ? &a[old] : NULL, order >= 0 ? &b[new] : NULL);
        old += order <= 0;
        new += order >= 0;
    }
}

/* The smaller of the next two. */
static const char *first_id(const struct diff *d, size_t old, size_t new)
{
    if (old == d->old.count)
        return d->new.item[new].id;
    if (new == d->new.count || strcmp(d->old.item[old].id, d->new.item[new].id) <= 0)
        return d->old.item[old].id;
    return d->new.item[new].id;
}

static bool compare(struct diff *d)
{
    size_t old = 0, new = 0;

    d->pair = calloc(d->old.count + d->new.count + 1, sizeof *d->pair);
    if (d->pair == NULL)
        return false;
    while (old < d->old.count || new < d->new.count) {
        const char *id = first_id(d, old, new);
        size_t old_end = group_end(&d->old, old, id), new_end = group_end(&d->new, new, id);

        join(d, old, old_end, new, new_end);
        old = old_end;
        new = new_end;
    }
    d->regression |= !d->new.whole;
    return true;
}

static void add_change(struct strbuf *out, const struct pair *p)
{
    if (p->old != NULL)
        diff_case_verdicts(p->old, out);
    if (p->moved) {
        strbuf_adds(out, " -> ");
        diff_case_verdicts(p->new, out);
    } else if (p->old == NULL) {
        diff_case_verdicts(p->new, out);
    }
}

/* The newer one that there is; one there is always. */
static const struct diff_case *shown(const struct pair *p)
{
    assert(p->new != NULL || p->old != NULL);
    return p->new != NULL ? p->new : p->old;
}

static void print_pair(const char *kind, const struct pair *p)
{
    const struct diff_case *c = shown(p);
    char memory[2048];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, "%-11s  %-44s  ", kind, c->id);
    add_change(&out, p);
    if (p->kind == KIND_FLAKY)
        strbuf_addf(&out, "  passed %u, failed %u", c->tally.passed, c->tally.failed);
    else if (p->kind == KIND_APPEARED)
        strbuf_addf(&out, "  %s", diff_state_name(diff_case_state(c)));
    if (c->what[0] != '\0' && p->kind != KIND_VANISHED) {
        strbuf_adds(&out, "  ");
        strbuf_add_visible(&out, span_of(c->what));
    }
    strbuf_addc(&out, '\n');
    events_write(stdout, strbuf_span(&out));
}

static void print_text(const struct diff *d)
{
    static const char *const names[KINDS] = {"new failure", "healed",   "flaky",
                                             "appeared",    "vanished", "skipped"};
    char memory[1024];
    struct strbuf out;

    for (int kind = KIND_NEW_FAILURE; kind <= KIND_SKIPPED; kind++)
        for (size_t i = 0; i < d->count; i++)
            if ((int)d->pair[i].kind == kind)
                print_pair(names[kind], &d->pair[i]);
    for (size_t i = 0; i < d->count; i++)
        if (d->pair[i].moved &&
            (d->pair[i].kind == KIND_SAME || d->pair[i].kind == KIND_STILL_FAILS))
            print_pair("moved", &d->pair[i]);
    strbuf_init(&out, memory, sizeof memory);
    if (!d->new.whole)
        strbuf_addf(&out, "%s is not whole: its run did not end\n", d->new.file);
    strbuf_addf(&out,
                "%zu new failures, %zu healed, %zu flaky, %zu still fail, %zu verdicts moved, "
                "%zu appeared, %zu vanished, %zu skipped now\n",
                d->of_kind[KIND_NEW_FAILURE], d->of_kind[KIND_HEALED], d->of_kind[KIND_FLAKY],
                d->of_kind[KIND_STILL_FAILS], d->moved, d->of_kind[KIND_APPEARED],
                d->of_kind[KIND_VANISHED], d->of_kind[KIND_SKIPPED]);
    strbuf_adds(&out, d->regression ? "a regression\n" : "no regression\n");
    events_write(stdout, strbuf_span(&out));
}

static void add_side(struct json *j, const char *key, const struct diff_case *c)
{
    char memory[256];
    struct strbuf verdicts;

    if (c == NULL) {
        json_null(j, key);
        return;
    }
    strbuf_init(&verdicts, memory, sizeof memory);
    diff_case_verdicts(c, &verdicts);
    json_open(j, key, '{');
    json_string(j, "state", diff_state_name(diff_case_state(c)));
    json_string(j, "verdict", c->tally.verdicts != 0 ? memory : NULL);
    json_int(j, "passed", c->tally.passed);
    json_int(j, "failed", c->tally.failed);
    json_int(j, "skipped", c->tally.skipped);
    json_string(j, "what", c->what[0] != '\0' ? c->what : NULL);
    json_close(j);
}

/* One case a line, since nobody knows how many there are. */
static void print_case(const struct pair *p)
{
    static const char *const names[KINDS] = {"new-failure", "healed",  "flaky",       "appeared",
                                             "vanished",    "skipped", "still-fails", "same"};
    const struct diff_case *c = shown(p);
    char memory[16384];
    struct strbuf out;
    struct json j;

    if (p->kind == KIND_SAME && !p->moved)
        return;
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", 1);
    json_string(&j, "event", "difference");
    json_string(&j, "kind", names[p->kind]);
    json_string(&j, "id", c->id);
    json_string(&j, "path", c->path);
    json_bool(&j, "moved", p->moved);
    json_bool(&j, "regression", p->regression);
    add_side(&j, "old", p->old);
    add_side(&j, "new", p->new);
    json_close(&j);
    strbuf_addc(&out, '\n');
    events_write(stdout, strbuf_span(&out));
}

static void print_json(const struct diff *d)
{
    static const char *const names[KINDS] = {"new_failures", "healed",  "flaky",      "appeared",
                                             "vanished",     "skipped", "still_fail", "same"};
    char memory[2048];
    struct strbuf out;
    struct json j;

    for (size_t i = 0; i < d->count; i++)
        print_case(&d->pair[i]);
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", 1);
    json_string(&j, "event", "comparison");
    json_bool(&j, "regression", d->regression);
    json_bool(&j, "old_is_whole", d->old.whole);
    json_bool(&j, "new_is_whole", d->new.whole);
    for (int kind = 0; kind < KINDS; kind++)
        json_int(&j, names[kind], (int64_t)d->of_kind[kind]);
    json_int(&j, "moved", (int64_t)d->moved);
    json_close(&j);
    strbuf_addc(&out, '\n');
    events_write(stdout, strbuf_span(&out));
}

static int complain(int status, const char *why)
{
    events_write(stderr, SPAN("relaylab: "));
    events_write(stderr, span_of(why));
    events_write(stderr, SPAN("\n"));
    return status;
}

static int perform(struct diff *d, const struct diff_request *request)
{
    char memory[4608];
    struct strbuf error;

    strbuf_init(&error, memory, sizeof memory);
    if (!diff_run_read(&d->old, request->old, &error))
        return complain(d->old.unreadable ? STATUS_USAGE : STATUS_INVALID, memory);
    if (!diff_run_read(&d->new, request->new, &error))
        return complain(d->new.unreadable ? STATUS_USAGE : STATUS_INVALID, memory);
    assert(d->old.item != NULL && d->new.item != NULL);
    if (!compare(d))
        return complain(STATUS_INTERNAL, "out of memory");
    if (request->json)
        print_json(d);
    else
        print_text(d);
    return d->regression ? STATUS_FAILED : STATUS_GOOD;
}

int diff_command(const struct diff_request *request)
{
    struct diff d = {.count = 0};
    int status = perform(&d, request);

    diff_run_clear(&d.old);
    diff_run_clear(&d.new);
    free(d.pair);
    return status;
}
