/*
 * score_explain.c - relaylab score --explain: behind the tables, each mistake and what was said
 *
 * Written piece by piece and not with the tables, since transcripts of a thousand cases fit no
 * buffer. In Markdown a story is indented, which is code whatever its bytes are.
 */
#include "scenarios/adapter/score.h"
#include "scenarios/report/events.h"

#include <stdlib.h>
#include <string.h>

void score_keep_story(struct score_detector *d, size_t index, struct span story)
{
    char *copy;

    if (d->stories == NULL || d->cells[index].status != OUTCOME_FAILED)
        return;
    copy = malloc(story.len + 1);
    if (copy == NULL)
        return;
    memcpy(copy, story.ptr, story.len);
    copy[story.len] = '\0';
    d->stories[index] = copy;
}

static void write_head(const struct score_detector *d, size_t index, bool markdown, FILE *to)
{
    const struct outcome *o = &d->cells[index];
    const struct known_failure *known = known_find(&d->known, o->id);
    char memory[2048];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, markdown ? "\n### %s, %s: %s\n\n" : "\n%s, %s: %s\n",
                d->manifest.adapter.name, score_cell(d, index), o->id);
    if (known != NULL)
        strbuf_addf(&out, "%sknown: %s\n", markdown ? "    " : "  ", known->why);
    events_write(to, strbuf_span(&out));
}

static void write_story(struct span story, bool markdown, FILE *to)
{
    struct span line;

    while (story.len > 0 && span_cut(&story, '\n', &line)) {
        if (markdown)
            events_write(to, SPAN("  "));
        events_write(to, line);
        events_write(to, SPAN("\n"));
    }
}

void score_explain(const struct score *s, bool markdown, FILE *to)
{
    for (size_t i = 0; i < s->task.job_count; i++)
        for (size_t k = 0; k < s->detector_count; k++) {
            const struct score_detector *d = &s->detectors[k];

            if (d->stories == NULL || d->stories[i] == NULL)
                continue;
            write_head(d, i, markdown, to);
            write_story(span_of(d->stories[i]), markdown, to);
        }
}

void score_forget_stories(struct score_detector *d, size_t count)
{
    for (size_t i = 0; d->stories != NULL && i < count; i++)
        free(d->stories[i]);
    free(d->stories);
    d->stories = NULL;
}
