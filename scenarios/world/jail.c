/*
 * jail.c - an outcome and a story, through a pipe
 */
#include "scenarios/world/jail.h"

#include <stdlib.h>
#include <string.h>

#include "scenarios/engine/world.h"

struct jail {
    void (*work)(void *self, struct outcome *out, struct strbuf *story);
    void *self;
    struct outcome *out;
    struct strbuf *story;
};

/* What is not there: a skip, or a failure where it is required. */
static bool missing(struct outcome *out, struct strbuf *story, const char *name, bool required,
                    const char *remedy)
{
    struct strbuf reason;

    strbuf_init(&reason, out->reason, sizeof out->reason);
    strbuf_addf(&reason, "%s is missing: %s", name, remedy);
    out->status = required ? OUTCOME_FAILED : OUTCOME_SKIPPED;
    if (required)
        strbuf_addf(story, "  %s (RELAYLAB_REQUIRE names it)\n", out->reason);
    return false;
}

bool jail_ready(const struct case_file *c, struct outcome *out, struct strbuf *story)
{
    for (size_t i = 0; i < c->server_count; i++) {
        const struct engine *e = c->servers[i].engine;
        const char *package = e != NULL ? engine_missing(e) : NULL;
        char remedy[128];
        struct strbuf text;

        if (package == NULL)
            continue;
        strbuf_init(&text, remedy, sizeof remedy);
        strbuf_addf(&text, "ci/deps %s", e->name);
        return missing(out, story, package, engine_required(e->name), remedy);
    }
    return true;
}

static void inside(void *self, int to)
{
    struct jail *j = self;

    j->work(j->self, j->out, j->story);
    namespace_answer(to, j->out, sizeof *j->out);
    namespace_answer(to, j->story->ptr, j->story->len);
}

static void furnish(struct engine_world *w, const struct case_file *c)
{
    engine_world_init(w);
    w->has_dns = c->name_count > 0;
    for (unsigned i = 0; i < c->server_count; i++) {
        if (c->servers[i].engine == NULL)
            continue;
        engine_world_engine(w, c->servers[i].engine);
        engine_world_server(w, i, c->servers[i].config.hostname);
    }
    engine_world_host(w, ENGINE_OUTSIDE, "probe.canary.test");
    engine_world_host(w, ENGINE_INSIDE, "neighbour.victim.test");
}

static void fail(struct outcome *out, struct strbuf *story, const char *what)
{
    out->status = OUTCOME_FAILED;
    out->verdict = -1;
    (void)bytes_copy(out->reason, sizeof out->reason, span_of(what));
    strbuf_addf(story, "  %s\n", what);
}

void jail_perform(const struct case_file *c,
                  void (*work)(void *self, struct outcome *out, struct strbuf *story), void *self,
                  struct outcome *out, struct strbuf *story)
{
    struct jail j = {work, self, out, story};
    const size_t cap = sizeof *out + STORY_MAX;
    struct engine_world *w = malloc(sizeof *w);
    char *answer = malloc(cap), why[1024];
    struct strbuf error;
    size_t len = 0;

    strbuf_init(&error, why, sizeof why);
    if (w == NULL || answer == NULL) {
        fail(out, story, "out of memory");
    } else {
        furnish(w, c);
        enum namespace_end end = namespace_call(engine_world_config(w), inside, &j, answer, cap,
                                                &len, &error);
        if (end == NAMESPACE_DONE && len >= sizeof *out) {
            memcpy(out, answer, sizeof *out);
            strbuf_add(story, (struct span){answer + sizeof *out, len - sizeof *out});
        } else if (end == NAMESPACE_REFUSED) {
            (void)missing(out, story, "netns", engine_required("netns"), why);
        } else {
            fail(out, story, why);
        }
    }
    free(answer);
    free(w);
}
