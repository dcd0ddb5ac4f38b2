/*
 * report_tls.c - what the target showed in its TLS handshake, in both kinds of report
 *
 * None of it decides anything: a certificate that is expired or another host's is named, since
 * whoever runs the server wants to know.
 */
#include "probe/report/report_private.h"

#include <string.h>

enum { DATE_MAX = 32 };

static bool is_expired(const struct tls_facts *f, int64_t now_s)
{
    return f->certificate && now_s > f->not_after_s;
}

static bool is_early(const struct tls_facts *f, int64_t now_s)
{
    return f->certificate && now_s < f->not_before_s;
}

bool report_has_tls(const struct probe *p)
{
    return p->target.tls != NULL;
}

void report_tls_line(struct strbuf *out, const struct report *r)
{
    const struct probe *p = r->probe;
    const struct tls_facts *f = p->target.tls;
    bool implicit = p->config.tls_mode == SESSION_TLS_IMPLICIT;
    const char *how = implicit ? "from the first byte" : "behind STARTTLS";

    if (!f->on) {
        strbuf_addf(out, "none %s: %s", how, f->why[0] != '\0' ? f->why : "no handshake");
        return;
    }
    strbuf_addf(out, "%s %s, %s", f->version, how, f->cipher);
    if (!f->certificate) {
        strbuf_adds(out, ", no certificate");
        return;
    }
    strbuf_addf(out, ", certificate: %s", f->subject[0] != '\0' ? f->subject : "no subject");
    strbuf_adds(out, f->self_signed ? ", self-signed" : ", by ");
    strbuf_adds(out, f->self_signed ? "" : f->issuer);
    strbuf_adds(out, f->names[0] != '\0' ? ", " : "");
    strbuf_adds(out, f->names);
    strbuf_adds(out, is_expired(f, r->started_epoch_s) ? ", EXPIRED" : "");
    strbuf_adds(out, is_early(f, r->started_epoch_s) ? ", NOT YET VALID" : "");
}

static void text_or_null(struct json *j, const char *key, const char *text)
{
    json_string(j, key, text[0] != '\0' ? text : NULL);
}

static void time_or_null(struct json *j, const char *key, int64_t at_s, bool known)
{
    char memory[DATE_MAX];
    struct strbuf text;

    if (!known) {
        json_null(j, key);
        return;
    }
    strbuf_init(&text, memory, sizeof(memory));
    clock_print_rfc3339(&text, at_s);
    json_text(j, key, strbuf_span(&text));
}

/* What became of a command that was said in clear behind STARTTLS; NULL: that was not asked. */
static const char *early_commands(const struct probe *p)
{
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];

        if (!context_of(&r->form)->early || r->state == FORM_NOT_ASKED ||
            r->state == FORM_NOT_APPLICABLE)
            continue;
        return r->state == FORM_ACCEPTED ? "answered"
               : r->state == FORM_DENIED ? "not-answered"
                                         : "unclear";
    }
    return NULL;
}

void report_tls_json(struct json *j, const struct report *r)
{
    const struct probe *p = r->probe;
    const struct tls_facts *f = p != NULL ? p->target.tls : NULL;

    if (f == NULL) {
        json_null(j, "tls");
        return;
    }
    json_open(j, "tls", '{');
    json_string(j, "mode", p->config.tls_mode == SESSION_TLS_IMPLICIT ? "implicit" : "starttls");
    json_bool(j, "established", f->on);
    text_or_null(j, "version", f->version);
    text_or_null(j, "cipher", f->cipher);
    text_or_null(j, "subject", f->subject);
    text_or_null(j, "issuer", f->issuer);
    text_or_null(j, "names", f->names);
    json_bool(j, "self_signed", f->self_signed);
    json_bool(j, "names_match", f->names_match);
    time_or_null(j, "not_before", f->not_before_s, f->certificate);
    time_or_null(j, "not_after", f->not_after_s, f->certificate);
    json_bool(j, "expired", is_expired(f, r->started_epoch_s));
    json_bool(j, "injected", p->target.tls_injected);
    if (early_commands(p) != NULL)
        json_string(j, "early_commands", early_commands(p));
    else
        json_null(j, "early_commands");
    json_bool(j, "client_certificate_asked", p->target.certificate_asked);
    text_or_null(j, "failure", f->why);
    json_close(j);
}
