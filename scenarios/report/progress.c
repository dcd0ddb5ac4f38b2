/*
 * progress.c - drawn over itself; erased before anything else is written to the same terminal
 */
#include "scenarios/report/progress.h"

#include "drive/host/wall.h"

enum { COLUMNS = 78 };

#define QUIET_NS CLOCK_SECOND
#define EVERY_NS (100 * CLOCK_MS)

void progress_erase(struct events *e)
{
    if (e->drawn)
        events_write(e->progress, SPAN("\r\033[K"));
    e->drawn = false;
}

void progress_print(const struct events *e, int64_t elapsed_ns, struct strbuf *out)
{
    if (e->job_count > 0)
        strbuf_addf(out, "%zu of %zu", e->done, e->job_count);
    else
        strbuf_addf(out, "round %zu, %zu done", e->done / e->per_round + 1, e->done);
    if (e->totals.failed > 0)
        strbuf_addf(out, ", %zu failed", e->totals.failed);
    strbuf_adds(out, ", ");
    clock_print_human(out, elapsed_ns - elapsed_ns % CLOCK_SECOND);
    if (e->job_count == 0 || e->next < e->job_count)
        strbuf_addf(out, ", waiting for %s", e->name[e->next % e->per_round]);
}

void progress_draw(struct events *e)
{
    char memory[512];
    struct strbuf out;

    if (e->progress == NULL)
        return;
    int64_t now = wall_now();
    if (now - e->began_ns < QUIET_NS || (e->drawn && now - e->drawn_ns < EVERY_NS))
        return;
    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "\r\033[K");
    size_t start = out.len;
    progress_print(e, now - e->began_ns, &out);
    events_write(e->progress, span_to(strbuf_span(&out), start + COLUMNS));
    e->drawn_ns = now;
    e->drawn = true;
}
