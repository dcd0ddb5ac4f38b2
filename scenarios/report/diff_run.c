/*
 * diff_run.c - jansson reads each line; lines of the same case are added up
 */
#include "scenarios/report/diff_run.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VERDICTS = VERDICT_UNREACHABLE + 1 };

static struct diff_case *add(struct diff_run *r)
{
    if (r->count == r->cap) {
        size_t cap = r->cap * 2;
        struct diff_case *moved = realloc(r->item, cap * sizeof *moved);

        if (moved == NULL)
            return NULL;
        r->item = moved;
        r->cap = cap;
    }
    r->item[r->count] = (struct diff_case){.tally.passed = 0};
    return &r->item[r->count++];
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* -1: none; -2: no such verdict. */
static int verdict_of(const json_t *line)
{
    const char *name = text_of(line, "verdict");

    if (name[0] == '\0')
        return -1;
    for (int v = 0; v < VERDICTS; v++)
        if (strcmp(verdict_name((enum verdict)v), name) == 0)
            return v;
    return -2;
}

static int status_of(const json_t *line)
{
    for (int s = OUTCOME_PASSED; s <= OUTCOME_SKIPPED; s++)
        if (strcmp(outcome_status_name((enum outcome_status)s), text_of(line, "status")) == 0)
            return s;
    return -1;
}

static void note(struct diff_case *c, const json_t *line, int status)
{
    struct span story = span_trim(span_of(text_of(line, "story"))), first;

    if (status == OUTCOME_SKIPPED || story.len == 0)
        story = span_of(text_of(line, text_of(line, "died")[0] != '\0' ? "died" : "reason"));
    if (status == OUTCOME_PASSED || !span_cut(&story, '\n', &first))
        return;
    bytes_copy(c->what, sizeof c->what, first);
}

static const char *take_result(struct diff_run *r, const json_t *line)
{
    int status = status_of(line), verdict = verdict_of(line);

    if (status < 0)
        return "no such status";
    if (verdict < -1)
        return "no such verdict";
    if (text_of(line, "id")[0] == '\0')
        return "a result without an id";
    struct diff_case *c = add(r);
    if (c == NULL)
        return "out of memory";
    bytes_copy(c->id, sizeof c->id, span_of(text_of(line, "id")));
    bytes_copy(c->path, sizeof c->path, span_of(text_of(line, "path")));
    c->tally.passed = status == OUTCOME_PASSED;
    c->tally.failed = status == OUTCOME_FAILED;
    c->tally.skipped = status == OUTCOME_SKIPPED;
    c->tally.verdicts = verdict < 0 ? 0 : 1u << verdict;
    note(c, line, status);
    r->whole = false;
    return NULL;
}

/* Files of shards, put one behind the other, have a summary each; one that was cut off has results
   behind the last of them, and one that a signal ended spoils the whole. */
static const char *take_line(struct diff_run *r, const json_t *line, bool *cut)
{
    const char *event = text_of(line, "event");

    if (json_integer_value(json_object_get(line, "schema_version")) != 1)
        return "not a line that --jsonl writes (schema_version 1)";
    if (strcmp(event, "result") == 0)
        return take_result(r, line);
    if (strcmp(event, "summary") != 0)
        return NULL;
    *cut |= json_object_get(line, "signal") != NULL;
    r->whole = true;
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct diff_case *x = a, *y = b;
    int order = strcmp(x->id, y->id);

    return order != 0 ? order : strcmp(x->path, y->path);
}

static void add_up(struct diff_run *r)
{
    size_t kept = 0;

    if (r->count > 0)
        qsort(r->item, r->count, sizeof *r->item, by_name);
    for (size_t i = 1; i < r->count; i++) {
        struct diff_case *to = &r->item[kept], *from = &r->item[i];

        if (by_name(to, from) != 0) {
            r->item[++kept] = *from;
            continue;
        }
        to->tally.passed += from->tally.passed;
        to->tally.failed += from->tally.failed;
        to->tally.skipped += from->tally.skipped;
        to->tally.verdicts |= from->tally.verdicts;
        if (from->what[0] != '\0')
            bytes_copy(to->what, sizeof to->what, span_of(from->what));
    }
    r->count = r->count > 0 ? kept + 1 : 0;
}

static bool read_lines(struct diff_run *r, FILE *f, struct strbuf *error)
{
    char *text = NULL;
    size_t cap = 0, number = 0;
    ssize_t len;
    bool ok = true, cut = false;

    while (ok && (len = getline(&text, &cap, f)) > 0) {
        json_error_t trouble;
        json_t *line = json_loadb(text, (size_t)len, JSON_ALLOW_NUL, &trouble);
        const char *wrong = line == NULL ? trouble.text : take_line(r, line, &cut);

        number++;
        ok = wrong == NULL;
        if (!ok)
            strbuf_addf(error, "%s:%zu: %s", r->file, number, wrong);
        json_decref(line);
    }
    free(text);
    r->whole &= !cut;
    if (!ok || ferror(f) == 0)
        return ok;
    r->unreadable = true;
    strbuf_addf(error, "%s: %s", r->file, strerror(errno));
    return false;
}

bool diff_run_read(struct diff_run *r, const char *file, struct strbuf *error)
{
    *r = (struct diff_run){.file = file};
    FILE *f = fopen(file, "r");
    if (f == NULL) {
        r->unreadable = true;
        strbuf_addf(error, "%s: %s", file, strerror(errno));
        return false;
    }
    r->cap = 256;
    r->item = calloc(r->cap, sizeof *r->item);
    bool ok = r->item != NULL && read_lines(r, f, error);
    if (r->item == NULL)
        strbuf_adds(error, "out of memory");
    (void)fclose(f);
    if (ok)
        add_up(r);
    return ok;
}

void diff_run_clear(struct diff_run *r)
{
    free(r->item);
    r->item = NULL;
}

enum diff_state diff_case_state(const struct diff_case *c)
{
    if (c->tally.failed > 0)
        return c->tally.passed > 0 ? DIFF_FLAKY : DIFF_FAILS;
    return c->tally.passed > 0 ? DIFF_PASSES : DIFF_SKIPPED;
}

const char *diff_state_name(enum diff_state s)
{
    static const char *const names[] = {"pass", "fail", "flaky", "skip"};

    return names[s];
}

void diff_case_verdicts(const struct diff_case *c, struct strbuf *out)
{
    bool any = false;

    for (int v = 0; v < VERDICTS; v++) {
        if ((c->tally.verdicts & 1u << v) == 0)
            continue;
        strbuf_addf(out, "%s%s", any ? " and " : "", verdict_name((enum verdict)v));
        any = true;
    }
    if (!any)
        strbuf_addc(out, '-');
}
