/*
 * check_text.c - what a check finds, for people
 */
#include <stdio.h>
#include <string.h>

#include "scenarios/engine/check_private.h"

static void tell_server(struct check *c)
{
    const struct conf_texts *domains = &c->server.config.local_domains;

    strbuf_addf(&c->out, "%s: %s\n", c->engine->name, c->request->config);
    strbuf_addf(&c->out, "server: %s, takes mail for ", c->server.config.hostname);
    for (size_t i = 0; i < domains->count; i++)
        strbuf_addf(&c->out, "%s%s", i > 0 ? ", " : "", domains->item[i]);
    if (domains->count == 0)
        strbuf_adds(&c->out, "no domain that was found; say --domain");
    strbuf_addc(&c->out, '\n');
    if (c->note[0] != '\0')
        strbuf_addf(&c->out, "note: %s\n", c->note);
}

static bool is_plain(const struct form_result *f)
{
    return strcmp(form_id(&f->form).text, "S1-R1") == 0;
}

/* Who lets the plain form through lets most of them through: then their names are enough. */
static void tell_forms(struct check *c, const struct trial_result *r)
{
    const struct form_result *first = NULL;

    for (size_t i = 0; i < r->form_count; i++) {
        const struct form_result *f = &r->forms[i];
        const char *label = first == NULL ? "  relayed: " : "           ";

        if (!f->delivered)
            continue;
        first = first != NULL ? first : f;
        if (f != first && is_plain(first))
            strbuf_addf(&c->out, ", %s", form_id(&f->form).text);
        else
            strbuf_addf(&c->out, "%s %s, sender: %s, recipient: %s%s", label,
                        form_id(&f->form).text, f->form.sender->name, f->form.recipient->name,
                        is_plain(f) ? "" : "\n");
    }
    if (first != NULL && is_plain(first))
        strbuf_addc(&c->out, '\n');
}

/* Its last few lines: what it complains of when it does not answer. */
static void tell_log(struct check *c, struct span log)
{
    const size_t most = 1500;
    struct span tail = span_from(log, log.len > most ? log.len - most : 0), line;

    strbuf_adds(&c->out, "  the end of its log:\n");
    if (log.len > most)
        (void)span_cut(&tail, '\n', &line);
    while (tail.len > 0 && span_cut(&tail, '\n', &line))
        strbuf_addf(&c->out, "    %.*s\n", (int)line.len, line.ptr);
}

static void tell_answer(struct check *c, const struct trial_result *r)
{
    const struct verdict_result *v = r->verdict;
    bool outside = check_is_outside(c);

    strbuf_addf(&c->out, "%s: port %u, asked from %s, %s\n  why:      %s\n",
                verdict_name(v->verdict), (unsigned)c->server.port, c->vantage.source,
                outside ? "a stranger's address" : "inside its network", v->reason);
    strbuf_addf(&c->out, "  forms:    of %u, %u refused, %u accepted, %u undecided\n", v->total,
                v->refused, v->accepted, v->undecided);
    if (v->verdict == VERDICT_UNREACHABLE || v->verdict == VERDICT_INCONCLUSIVE)
        tell_log(c, r->log);
    tell_forms(c, r);
    if (!outside && v->verdict == VERDICT_OPEN)
        strbuf_adds(&c->out, "  note:     relaying for its own network is what a server is for\n");
}

static void tell_finding(struct check *c, const struct check_finding *f)
{
    const struct engine_hint *hint = f->line->hint;

    strbuf_addf(&c->out, "  %s%s:%u: ", f->decides ? "hangs on: " : "perhaps:  ", f->line->file,
                f->line->first);
    strbuf_add_visible(&c->out, span_of(f->line->text));
    strbuf_addc(&c->out, '\n');
    if (f->decides && hint->instead != NULL)
        strbuf_addf(&c->out, "              with \"%s\": %s\n", hint->instead,
                    verdict_name(f->without));
    else if (f->decides)
        strbuf_addf(&c->out, "              without it: %s\n", verdict_name(f->without));
    strbuf_addf(&c->out, "              %s\n", hint->says);
}

static void tell_trouble(struct check *c, struct span why)
{
    strbuf_add(&c->out, why);
    if (why.len == 0 || why.ptr[why.len - 1] != '\n')
        strbuf_addc(&c->out, '\n');
}

static void tell_end(struct check *c, int signal)
{
    if (signal != 0)
        strbuf_addf(&c->out, "ended by signal %d; what stands above was found until then\n",
                    signal);
}

const struct check_writer check_text = {.server = tell_server,
                                        .answer = tell_answer,
                                        .finding = tell_finding,
                                        .trouble = tell_trouble,
                                        .end = tell_end};
