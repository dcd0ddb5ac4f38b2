/*
 * progress.c - the phase in words, what is awaited by name, and the time that is left
 */
#include "probe/report/progress.h"

enum { NAMED_MAX = 3 };

static unsigned settled(const struct probe *p)
{
    unsigned done = 0;

    for (size_t i = 0; i < p->result_count; i++)
        done += p->plan.forms[i].phase == PLAN_SETTLED;
    return done;
}

/* "S1-R1, S1-R6, S3-R1 and 4 more" */
static void awaited_forms(struct strbuf *out, const struct probe *p)
{
    unsigned count = 0;

    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];

        if (!r->body_sent || r->delivered || r->bounced)
            continue;
        if (count < NAMED_MAX)
            strbuf_addf(out, "%s%s", count > 0 ? ", " : "", form_id(&r->form).text);
        count++;
    }
    if (count > NAMED_MAX)
        strbuf_addf(out, " and %u more", count - NAMED_MAX);
    if (count == 0)
        strbuf_adds(out, "what else may come");
}

static void awaited_controls(struct strbuf *out, const struct probe *p, bool after, bool first)
{
    for (size_t i = after; i < 2 * p->canary_count; i += 2) {
        if (p->controls[i].arrived)
            continue;
        strbuf_addf(out, "%s%s", first ? "" : ", ", p->controls[i].id);
        first = false;
    }
}

static void time_left(struct strbuf *out, const struct probe *p, int64_t until_ns)
{
    int64_t left = until_ns - world_now(p->world);

    left = left > 0 ? (left + CLOCK_SECOND - 1) / CLOCK_SECOND : 0;
    strbuf_addf(out, "; %d:%02d left", (int)(left / 60), (int)(left % 60));
}

void progress_line(struct strbuf *out, const struct probe *p)
{
    switch (p->phase) {
    case PROBE_CONTROL_BEFORE:
        strbuf_adds(out, "waiting for ");
        awaited_controls(out, p, false, true);
        time_left(out, p, clock_after(p->started_ns, p->config.wait_ns));
        break;
    case PROBE_ASKING:
        strbuf_addf(out, "asking: %u of %u forms settled", settled(p), (unsigned)p->result_count);
        break;
    case PROBE_RETRY_WAIT:
        strbuf_addf(out, "asking again later: %u of %u forms settled", settled(p),
                    (unsigned)p->result_count);
        time_left(out, p, p->plan.deadline_ns);
        break;
    case PROBE_WINDOW:
        strbuf_adds(out, "waiting for ");
        awaited_forms(out, p);
        awaited_controls(out, p, true, false);
        time_left(out, p, p->window_end_ns);
        strbuf_adds(out, " (Ctrl-C: no longer)");
        break;
    case PROBE_FINISHED:
        strbuf_adds(out, "finished");
        break;
    }
}
