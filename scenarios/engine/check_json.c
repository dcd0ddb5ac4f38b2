/*
 * check_json.c - what a check finds, as JSON Lines: an object an event, as `relaylab run` has them
 */
#include "lib/base/json.h"
#include "probe/report/report.h"
#include "scenarios/engine/check_private.h"

enum { CHECK_SCHEMA_VERSION = 1 };

static void begin(struct json *j, struct check *c, const char *event)
{
    json_init(j, &c->out);
    json_open(j, NULL, '{');
    json_int(j, "schema_version", CHECK_SCHEMA_VERSION);
    json_string(j, "event", event);
}

static void end(struct json *j, struct check *c)
{
    json_close(j);
    strbuf_addc(&c->out, '\n');
}

static void write_ports(struct json *j, const struct check *c)
{
    json_open(j, "ports", '[');
    for (size_t i = 0; i < c->port_count; i++) {
        json_open(j, NULL, '{');
        json_int(j, "port", c->ports[i].number);
        json_bool(j, "tls", c->ports[i].wrapped);
        json_close(j);
    }
    json_close(j);
}

static void write_server(struct check *c)
{
    const struct conf_texts *domains = &c->server.config.local_domains;
    struct json j;

    begin(&j, c, "server");
    json_string(&j, "engine", c->engine->name);
    json_string(&j, "config", c->request->config);
    json_string(&j, "hostname", c->server.config.hostname);
    json_open(&j, "domains", '[');
    for (size_t i = 0; i < domains->count; i++)
        json_string(&j, NULL, domains->item[i]);
    json_close(&j);
    write_ports(&j, c);
    json_string(&j, "note", c->note[0] != '\0' ? c->note : NULL);
    end(&j, c);
}

static void write_relayed(struct json *j, const struct trial_result *r)
{
    json_open(j, "relayed", '[');
    for (size_t i = 0; i < r->form_count; i++) {
        const struct form *f = &r->forms[i].form;

        if (!r->forms[i].delivered)
            continue;
        json_open(j, NULL, '{');
        json_string(j, "id", form_id(f).text);
        json_string(j, "sender", f->sender->name);
        json_string(j, "recipient", f->recipient->name);
        json_close(j);
    }
    json_close(j);
}

static void write_answer(struct check *c, const struct trial_result *r)
{
    const struct verdict_result *v = r->verdict;
    struct json j;

    begin(&j, c, "result");
    json_int(&j, "port", (int64_t)c->server.port);
    json_string(&j, "vantage", c->vantage.name);
    json_string(&j, "source", c->vantage.source);
    json_string(&j, "verdict", verdict_name(v->verdict));
    json_string(&j, "reason_code", v->reason_code);
    json_string(&j, "reason", v->reason);
    json_string(&j, "plain_accepted", plain_accepted_name(v->plain_accepted));
    json_open(&j, "forms", '{');
    report_counts_json(&j, v);
    json_close(&j);
    write_relayed(&j, r);
    json_int(&j, "elapsed_ms", r->elapsed_ns / CLOCK_MS);
    if (v->verdict == VERDICT_UNREACHABLE || v->verdict == VERDICT_INCONCLUSIVE)
        json_text(&j, "log", r->log);
    end(&j, c);
}

static void write_finding(struct check *c, const struct check_finding *f)
{
    struct json j;

    begin(&j, c, "line");
    json_bool(&j, "decides", f->decides);
    json_string(&j, "file", f->line->file);
    json_int(&j, "line", f->line->first);
    json_int(&j, "last_line", f->line->last);
    json_string(&j, "text", f->line->text);
    json_string(&j, "instead", f->line->hint->instead);
    json_string(&j, "verdict_without", f->decides ? verdict_name(f->without) : NULL);
    json_string(&j, "hint", f->line->hint->says);
    end(&j, c);
}

static void write_trouble(struct check *c, struct span why)
{
    struct json j;

    begin(&j, c, "trouble");
    json_text(&j, "reason", why);
    end(&j, c);
}

static void write_end(struct check *c, int signal)
{
    struct json j;

    begin(&j, c, "summary");
    json_int(&j, "status", c->status);
    if (signal != 0)
        json_int(&j, "signal", signal);
    end(&j, c);
}

const struct check_writer check_json = {.server = write_server,
                                        .answer = write_answer,
                                        .finding = write_finding,
                                        .trouble = write_trouble,
                                        .end = write_end};
