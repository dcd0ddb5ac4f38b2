/*
 * reproduce.c - words for the shell, in single quotes unless nothing in them could mean anything to
 * it
 *
 * A question that ended at RCPT is repeated up to RCPT; one that went on is repeated whole, since
 * what matters came later. With nc all lines go at once: what a server makes of that is its own
 * affair, but there is no other tool that everybody has.
 */
#include "probe/report/reproduce.h"

#include <string.h>

#include "lib/smtp/proxy.h"
#include "probe/ask/contexts.h"

static bool is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("@%+:,./_-", c) != NULL);
}

void reproduce_quote(struct strbuf *out, struct span word)
{
    bool safe = word.len > 0;

    for (size_t i = 0; i < word.len && safe; i++)
        safe = is_safe(word.ptr[i]);
    if (safe) {
        strbuf_add(out, word);
        return;
    }
    strbuf_addc(out, '\'');
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '\'')
            strbuf_adds(out, "'\\''");
        else
            strbuf_addc(out, word.ptr[i]);
    }
    strbuf_addc(out, '\'');
}

void reproduce_sender(struct strbuf *out, const struct probe *p, const struct form_result *r)
{
    form_sender(&r->form, r->sender_used != NULL ? r->sender_used : r->form.sender, &p->who,
                p->target.bare_mail, out);
}

void reproduce_recipient(struct strbuf *out, const struct probe *p, const struct form_result *r)
{
    form_recipient(&r->form, &p->who, p->target.bare_rcpt, out);
}

static bool in_brackets(struct span path)
{
    return path.len >= 2 && path.ptr[0] == '<' && path.ptr[path.len - 1] == '>';
}

/* swaks writes MAIL FROM:<WORD>; its word for the null reverse-path is '<>'. A comma would separate
 * recipients. */
static bool swaks_can(struct span sender, struct span recipient)
{
    return in_brackets(sender) && in_brackets(recipient) && span_chr(recipient, ',') == SIZE_MAX;
}

static struct span inside(struct span path)
{
    return path.len == 2 ? path : (struct span){path.ptr + 1, path.len - 2};
}

static bool is_implicit(const struct probe *p)
{
    return p->config.tls != NULL && p->config.tls_mode == SESSION_TLS_IMPLICIT;
}

static bool in_tls(const struct probe *p, const struct form_result *r)
{
    return is_implicit(p) || plan_form_in_tls(&p->plan, r);
}

static void write_name(struct strbuf *out, const struct probe *p, const struct form *f)
{
    char memory[MAIL_PATH_MAX];
    struct strbuf name;

    strbuf_init(&name, memory, sizeof(memory));
    context_name(f, &p->who, span_of(p->helo), &name);
    reproduce_quote(out, strbuf_span(&name));
}

/* One of our own making was never in a file. */
static void write_certificate(struct strbuf *out, const struct probe *p,
                              const struct form_result *r, const char *option,
                              const char *key_option)
{
    const char *file = p->config.client_cert != NULL ? p->config.client_cert : "CERTIFICATE.pem";
    const char *own = p->config.client_cert != NULL ? file : "KEY.pem";
    const char *key = p->config.client_key != NULL ? p->config.client_key : own;

    if (!context_of(&r->form)->certificate)
        return;
    strbuf_addf(out, " %s ", option);
    reproduce_quote(out, span_of(file));
    strbuf_addf(out, " %s ", key_option);
    reproduce_quote(out, span_of(key));
}

/* The header that the session begins with, in swaks' words. */
static void write_proxy(struct strbuf *out, const struct probe *p, const struct form *f)
{
    bool six = p->config.target.family == 6;
    bool two = context_of(f)->proxy == 2;

    if (context_of(f)->proxy == 0)
        return;
    strbuf_addf(out, " --proxy-version %u --proxy-family %s%s", two ? 2 : 1,
                two ? "AF_INET" : "TCP", two ? (six ? "6" : "") : (six ? "6" : "4"));
    strbuf_addf(out, " --proxy-source %s --proxy-source-port 40000 --proxy-dest ",
                six ? "::1" : "127.0.0.1");
    endpoint_print_address(out, &p->config.target);
    strbuf_adds(out, " --proxy-dest-port 25");
}

static void write_swaks(struct strbuf *out, const struct probe *p, const struct form_result *r,
                        struct span sender, struct span recipient, bool whole)
{
    strbuf_adds(out, "swaks --server ");
    endpoint_print_address(out, &p->config.target);
    strbuf_adds(out, " --port ");
    strbuf_addu(out, p->config.target.port);
    strbuf_adds(out, is_implicit(p) ? " --tls-on-connect" : in_tls(p, r) ? " --tls" : "");
    write_certificate(out, p, r, "--tls-cert", "--tls-key");
    write_proxy(out, p, &r->form);
    if (p->config.source.family != 0) {
        strbuf_adds(out, " --local-interface ");
        endpoint_print_address(out, &p->config.source);
    }
    strbuf_adds(out, " --helo ");
    write_name(out, p, &r->form);
    strbuf_adds(out, " --from ");
    reproduce_quote(out, inside(sender));
    strbuf_adds(out, " --to ");
    reproduce_quote(out, inside(recipient));
    if (!whole)
        strbuf_adds(out, " --quit-after RCPT");
}

static void write_said(struct strbuf *out, const char *verb, struct span rest)
{
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf line;

    strbuf_init(&line, memory, sizeof(memory));
    strbuf_adds(&line, verb);
    strbuf_add(&line, rest);
    strbuf_addc(out, ' ');
    reproduce_quote(out, strbuf_span(&line));
}

/* Both recipients where the form has two. */
static void write_recipients(struct strbuf *out, const struct probe *p, const struct form *f,
                             struct span recipient)
{
    char memory[MAIL_PATH_MAX];
    struct strbuf other;
    const char *companion = f->recipient->companion;

    strbuf_init(&other, memory, sizeof(memory));
    if (companion != NULL)
        form_companion(f, &p->who, &other);
    if (companion != NULL && !f->recipient->companion_after)
        write_said(out, "RCPT TO:", strbuf_span(&other));
    write_said(out, "RCPT TO:", recipient);
    if (companion != NULL && f->recipient->companion_after)
        write_said(out, "RCPT TO:", strbuf_span(&other));
}

/* The greeting of the form's session, and what is said before the form. */
static void write_hello(struct strbuf *out, const struct probe *p, const struct form_result *r)
{
    const struct context_row *row = context_of(&r->form);
    const struct sender_row *from = r->sender_used != NULL ? r->sender_used : r->form.sender;
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf line;

    strbuf_init(&line, memory, sizeof(memory));
    if (row->hello != HELLO_NONE) {
        context_name(&r->form, &p->who, span_of(p->helo), &line);
        write_said(out, row->hello == HELLO_HELO ? "HELO " : "EHLO ", strbuf_span(&line));
    }
    for (unsigned i = 0; i < row->step_count; i++) {
        strbuf_reset(&line);
        context_command(&r->form, i, from, &p->who, span_of(p->helo), &line);
        write_said(out, "", strbuf_span(&line));
    }
}

/* For printf, octets that are not plain text in octal. */
static void write_header(struct strbuf *out, const struct probe *p, const struct form *f)
{
    char memory[PROXY_WRITE_MAX];
    struct strbuf header;

    strbuf_init(&header, memory, sizeof(memory));
    context_header(context_of(f), &p->config.target, &header);
    if (header.len == 0)
        return;
    strbuf_adds(out, "{ printf '");
    for (size_t i = 0; i < header.len; i++) {
        if (is_safe(memory[i]) && memory[i] != '%')
            strbuf_addc(out, memory[i]);
        else
            strbuf_addf(out, "\\%03o", (unsigned char)memory[i]);
    }
    strbuf_adds(out, "'; ");
}

/* The message that carries the form, up to what is no end of it; in front of that a brace opens. */
static void write_carrier(struct strbuf *out, const char *false_end)
{
    strbuf_adds(out, " 'Subject: relay test' '' 'relay test'; printf '");
    for (const char *c = false_end; *c != '\0'; c++)
        strbuf_adds(out, *c == '\r' ? "\\r" : *c == '\n' ? "\\n" : ".");
    strbuf_adds(out, "'; printf '%s\\r\\n'");
}

static void write_transaction(struct strbuf *out, const struct probe *p,
                              const struct form_result *r, struct span sender,
                              struct span recipient, bool whole)
{
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf mail;

    strbuf_init(&mail, memory, sizeof(memory));
    strbuf_addf(&mail, "%s FROM:", context_verb(&r->form));
    strbuf_add(&mail, sender);
    write_said(out, "", strbuf_span(&mail));
    write_recipients(out, p, &r->form, recipient);
    if (whole && context_of(&r->form)->chunk)
        strbuf_adds(out, " 'BDAT 34 LAST' 'Subject: relay test' '' 'relay test'");
    else if (whole)
        strbuf_adds(out, " DATA 'Subject: relay test' '' 'relay test' .");
}

static void write_nc(struct strbuf *out, const struct probe *p, const struct form_result *r,
                     struct span sender, struct span recipient, bool whole)
{
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf mail;

    const struct context_row *context = context_of(&r->form);
    bool braced = context->proxy != 0 || context->false_end != NULL;

    write_header(out, p, &r->form);
    strbuf_adds(out, context->false_end != NULL ? "{ " : "");
    strbuf_adds(out, "printf '%s\\r\\n'");
    write_hello(out, p, r);
    if (context->false_end != NULL)
        write_carrier(out, context->false_end);
    if (context->notice != NULL) {
        strbuf_init(&mail, memory, sizeof(memory));
        form_expand(&r->form, context->notice, &p->who, &mail);
        write_said(out, "", strbuf_span(&mail));
    } else {
        write_transaction(out, p, r, sender, recipient, whole || context->false_end != NULL);
    }
    strbuf_adds(out, braced ? " QUIT; }" : " QUIT");
    if (in_tls(p, r)) {
        strbuf_adds(out, " | openssl s_client -quiet -connect ");
        endpoint_print(out, &p->config.target);
        strbuf_adds(out, is_implicit(p) ? "" : " -starttls smtp");
        write_certificate(out, p, r, "-cert", "-key");
        return;
    }
    strbuf_adds(out, " | nc -w 30");
    if (p->config.source.family != 0) {
        strbuf_adds(out, " -s ");
        endpoint_print_address(out, &p->config.source);
    }
    strbuf_addc(out, ' ');
    endpoint_print_address(out, &p->config.target);
    strbuf_addc(out, ' ');
    strbuf_addu(out, p->config.target.port);
}

/* What was said in clear, answered inside TLS: (250, ...), not (221, ...). */
static void write_early(struct strbuf *out, const struct probe *p)
{
    strbuf_adds(out, "python3 -c 'import smtplib,ssl;s=smtplib.SMTP(\"");
    endpoint_print_address(out, &p->config.target);
    strbuf_addf(out, "\",%u);s.ehlo();", p->config.target.port);
    strbuf_adds(out, "s.send(\"STARTTLS\\r\\nNOOP\\r\\n\");print(s.getreply());"
                     "s.sock=ssl._create_unverified_context().wrap_socket(s.sock);s.file=None;"
                     "s.send(\"QUIT\\r\\n\");print(s.getreply())'");
}

void reproduce_line(struct strbuf *out, const struct probe *p, const struct form_result *r)
{
    char sender_memory[MAIL_PATH_MAX], recipient_memory[MAIL_PATH_MAX];
    struct strbuf sender, recipient;
    bool whole = r->rcpt_accepted && r->form.kind != FORM_CONTROL;

    strbuf_init(&sender, sender_memory, sizeof(sender_memory));
    strbuf_init(&recipient, recipient_memory, sizeof(recipient_memory));
    reproduce_sender(&sender, p, r);
    reproduce_recipient(&recipient, p, r);
    const struct context_row *context = context_of(&r->form);
    if (context->early)
        write_early(out, p);
    else if (r->form.recipient->companion == NULL && context->hello == HELLO_EHLO &&
             context->step_count == 0 && context->verb == NULL && context->notice == NULL &&
             !(whole && context->chunk) && swaks_can(strbuf_span(&sender), strbuf_span(&recipient)))
        write_swaks(out, p, r, strbuf_span(&sender), strbuf_span(&recipient), whole);
    else
        write_nc(out, p, r, strbuf_span(&sender), strbuf_span(&recipient), whole);
}
