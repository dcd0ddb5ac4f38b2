/*
 * run_seats.c - the probes at work, those that are kept, and what the ledger knows already
 *
 * Runs of a list are named by the target's text, the port and the source, so that the same question
 * finds its run again, and its tokens with it.
 */
#include <stdlib.h>

#include "probe/program/run_private.h"

/* -- seats */

static struct token_pair token_pair_of(const struct probe *p, size_t i)
{
    return i < p->result_count ? form_tokens(&p->results[i].form)
                               : p->controls[i - p->result_count].tokens;
}

void run_seat_register(struct seat *s)
{
    struct token_index *x = &s->app->tokens;
    struct probe *p = &s->probe;

    for (size_t i = 0; i < p->result_count + 2 * p->canary_count; i++) {
        const struct token_pair pair = token_pair_of(p, i);

        if (!token_index_add(x, &pair.sender, s->number) ||
            !token_index_add(x, &pair.recipient, s->number))
            run_out_of_memory(s->app, "no memory for tokens");
    }
}

static void forget_tokens(struct seat *s)
{
    struct token_index *x = &s->app->tokens;
    struct probe *p = &s->probe;

    for (size_t i = 0; i < p->result_count + 2 * p->canary_count; i++) {
        const struct token_pair pair = token_pair_of(p, i);

        token_index_remove(x, &pair.sender, s->number);
        token_index_remove(x, &pair.recipient, s->number);
    }
}

void run_seat_free(struct seat *s)
{
    forget_tokens(s);
    s->app->seats[s->number] = NULL;
    probe_clear(&s->probe);
    free(s);
}

struct seat *run_seat_new(struct app *a, struct job *j)
{
    struct seat *s = calloc(1, sizeof(*s));
    uint32_t number = 0;

    if (s == NULL)
        return NULL;
    while (a->seats[number] != NULL)
        number++;
    a->seats[number] = s;
    s->app = a;
    s->job = j;
    s->number = number;
    s->name = j->text;
    s->strays_ago = a->strays;
    return s;
}

void run_seat_keep(struct app *a, struct seat *s)
{
    s->job = NULL;
    s->next = NULL;
    *a->kept_end = s;
    a->kept_end = &s->next;
    if (++a->kept_count <= KEPT_MAX)
        return;
    struct seat *oldest = a->kept;
    a->kept = oldest->next;
    if (a->kept == NULL)
        a->kept_end = &a->kept;
    a->kept_count--;
    run_seat_free(oldest);
}

/* -- names of runs */

static bool names_by_target(const struct app *a)
{
    return a->config->list != NULL || a->options->resume.len > 0;
}

/* SET-HASH and SET-HASH-2 where a question is found again by its target's name and what else
 * identifies it (question_key); else ID, ID-2, ... in the order of asking. */
void run_name(struct job *j, char *room)
{
    const struct app *a = j->app;
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    bool by_target = names_by_target(a);
    unsigned number = by_target ? (unsigned)j->question.at + 1 : a->addresses;
    char memory[TARGET_NAME_MAX + 3 * ENDPOINT_TEXT_MAX];
    struct strbuf id, key;

    strbuf_init(&key, memory, sizeof(memory));
    strbuf_add(&key, j->text);
    question_key(&j->question, a->options, run_job_target(j), &key);
    uint64_t hash = target_hash(strbuf_span(&key));
    strbuf_init(&id, room, LEDGER_RUN_MAX + 1);
    strbuf_add(&id, by_target ? run_set(a->config) : a->config->run_id);
    strbuf_adds(&id, by_target ? "-" : "");
    for (int i = 0; by_target && i < 12; i++, hash >>= 5)
        strbuf_addc(&id, digits[hash & 31]);
    if (number > 1)
        strbuf_addf(&id, "-%u", number);
}

/* -- what the ledger knows already */

struct last_verdict {
    bool settled;
    enum verdict verdict;
};

static void see_verdict(void *self, const struct ledger_verdict *v)
{
    struct last_verdict *last = self;

    last->settled = verdict_parse(v->verdict, &last->verdict) &&
                    (last->verdict == VERDICT_OPEN || !span_equal(v->cause, SPAN("interrupted")));
}

bool run_is_known(struct job *j, enum verdict *verdict)
{
    const struct app *a = j->app;
    struct ledger_reader reader = a->config->earlier;
    struct last_verdict last = {false, VERDICT_UNREACHABLE};
    struct ledger_visitor v = {.verdict = see_verdict, .self = &last};
    char run[LEDGER_RUN_MAX + 1];

    if (a->options->resume.len == 0 || reader.ops == NULL)
        return false;
    run_name(j, run);
    bool found = reader.ops->show(reader.self, span_of(run), &v) == LEDGER_FOUND;
    *verdict = last.verdict;
    return found && last.settled;
}
