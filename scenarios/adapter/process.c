/*
 * process.c - a case's facts as text, then drive/spawn
 *
 * The environment is the contract and four names that programs need to run at all. A first word
 * with a slash is relative to the manifest, since the detector starts in its own folder.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "scenarios/adapter/process.h"

#include "scenarios/adapter/placeholders.h"
#include "scenarios/case/case_names.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION_LIMIT_S = 20, VERSION_OUTPUT = 16384, OPTIONS_MAX = 128, SETTINGS = 5 };

struct text { /* made of pieces in the arena */
    struct arena *arena;
    struct strbuf b;
    char memory[1024];
};

static struct strbuf *begin(struct text *t, struct arena *arena)
{
    t->arena = arena;
    strbuf_init(&t->b, t->memory, sizeof t->memory);
    return &t->b;
}

static const char *end(struct text *t)
{
    return arena_text(t->arena, strbuf_span(&t->b));
}

static const char *number(struct arena *arena, uint64_t value)
{
    struct text t;

    strbuf_addu(begin(&t, arena), value);
    return end(&t);
}

static const char *address(struct arena *arena, const struct endpoint *e)
{
    struct text t;

    endpoint_print_address(begin(&t, arena), e);
    return end(&t);
}

static const char *address_port(struct arena *arena, const char *scheme, const struct endpoint *e)
{
    struct text t;

    strbuf_adds(begin(&t, arena), scheme);
    endpoint_print(&t.b, e);
    return end(&t);
}

static const char *local_part(struct arena *arena, struct span local, const struct token *token)
{
    struct text t;

    strbuf_add(begin(&t, arena), local);
    if (token != NULL)
        strbuf_addf(&t.b, "+%s", token->text);
    return end(&t);
}

static const char *mailbox(struct arena *arena, const char *local, const char *domain)
{
    struct text t;

    strbuf_addf(begin(&t, arena), "%s@%s", local, domain);
    return end(&t);
}

static void set_identities(const struct process_task *t, struct arena *arena, struct places *p)
{
    const struct form_identity *who = &t->id->who;
    const char *canary = arena_text(arena, who->canary_local);

    p->value[PLACE_HELO] = t->id->helo;
    p->value[PLACE_RCPT_LOCAL] = local_part(arena, who->canary_local, &t->tokens->recipient);
    p->value[PLACE_RCPT_DOMAIN] = arena_text(arena, who->canary_domain);
    p->value[PLACE_FROM_LOCAL] = local_part(arena, who->sender_local, &t->tokens->sender);
    p->value[PLACE_FROM_DOMAIN] = arena_text(arena, who->sender_domain);
    p->value[PLACE_RCPT] = mailbox(arena, p->value[PLACE_RCPT_LOCAL], p->value[PLACE_RCPT_DOMAIN]);
    p->value[PLACE_FROM] = mailbox(arena, p->value[PLACE_FROM_LOCAL], p->value[PLACE_FROM_DOMAIN]);
    p->value[PLACE_CANARY] = mailbox(arena, canary, p->value[PLACE_RCPT_DOMAIN]);
    p->value[PLACE_TOKEN] = t->tokens->recipient.text;
    if (who->local_domain.len > 0)
        p->value[PLACE_DOMAIN] = arena_text(arena, who->local_domain);
    if (t->id->source.family != 0)
        p->value[PLACE_SOURCE] = address(arena, &t->id->source);
}

static const char *maildir_url(const struct folder *f, struct arena *arena)
{
    struct text t;

    strbuf_addf(begin(&t, arena), "maildir:%s", f->maildir);
    return end(&t);
}

bool process_has_sink(const struct adapter *a, const struct case_file *c)
{
    return a->mailbox == ADAPTER_SINK && c->mailboxes[0].kind != CASE_MEMORY;
}

static void set_mailbox(const struct process_task *t, const struct folder *f, struct arena *arena,
                        struct places *p)
{
    if (t->c->probe.no_mailbox || t->adapter->mailbox == ADAPTER_NO_MAILBOX)
        return;
    p->value[PLACE_MX] = address_port(arena, "", t->mx_at);
    if (process_has_sink(t->adapter, t->c)) {
        p->value[PLACE_MAILBOX] = address_port(arena, "sink://", t->mailbox_at);
        return;
    }
    p->value[PLACE_MAILBOX] = maildir_url(f, arena);
}

static const char *const tls_words[] = {
    [CASE_TLS_NONE] = "none", [CASE_TLS_STARTTLS] = "starttls", [CASE_TLS_IMPLICIT] = "implicit"};

/* "mx:victim.test:2525": MX records name no port, and the case's servers share one. */
static const char *name_port(struct arena *arena, const char *name, uint16_t port)
{
    struct text t;

    strbuf_addf(begin(&t, arena), "%s:%u", name, (unsigned)port);
    return end(&t);
}

static bool is_looked_up(const struct process_task *t)
{
    return case_target_is_name(t->c) && t->adapter->names;
}

/* Where to ask: an address, or what is to be found in DNS first. */
static void set_place(const struct process_task *t, struct arena *arena, struct places *p)
{
    const struct endpoint *target = &t->id->who.target;
    const char *name = t->c->probe.target;

    p->value[PLACE_PORT] = number(arena, target->port);
    if (is_looked_up(t)) {
        p->value[PLACE_TARGET] = name_port(arena, name, target->port);
        p->value[PLACE_NAME] = span_istarts(span_of(name), SPAN("mx:")) ? name + 3 : name;
        return;
    }
    p->value[PLACE_HOST] = address(arena, target);
    p->value[PLACE_TARGET] = address_port(arena, "", target);
    p->value[PLACE_NAME] = arena_text(arena, t->id->who.target_name);
}

static bool is_implicit(const struct case_file *c)
{
    const struct server_config *s = &c->target->config;
    const char *asked = s->listen.count > 0 ? s->listen.item[0] : NULL;

    asked = c->probe.listener != NULL ? c->probe.listener : asked;
    for (size_t i = 0; asked != NULL && i < s->implicit_tls.count; i++)
        if (strcmp(s->implicit_tls.item[i], asked) == 0)
            return true;
    return s->tls == MOCK_TLS_IMPLICIT;
}

/* How the target is to be asked. Our own probe finds out; others are told what there is. */
static const char *tls_word(const struct case_file *c)
{
    if (c->probe.tls != CASE_TLS_AUTO)
        return tls_words[c->probe.tls];
    if (is_implicit(c))
        return tls_words[CASE_TLS_IMPLICIT];
    return tls_words[c->target->config.tls == MOCK_TLS_STARTTLS ? CASE_TLS_STARTTLS
                                                                : CASE_TLS_NONE];
}

static void set_target(const struct process_task *t, const struct folder *f, struct arena *arena,
                       struct places *p)
{
    uint64_t ms = (uint64_t)(t->adapter->limits.time_ns / CLOCK_MS);

    set_place(t, arena, p);
    p->value[PLACE_VERSION] = "1";
    p->value[PLACE_DEADLINE_MS] = number(arena, ms);
    p->value[PLACE_DEADLINE_S] = number(arena, ms / 1000);
    if (t->dns_at.family != 0)
        p->value[PLACE_DNS] = address_port(arena, "", &t->dns_at);
    p->value[PLACE_TLS] = tls_word(t->c);
    p->value[PLACE_OUT] = f->out;
}

struct options_writer {
    struct arena *arena;
    const char **word;
    size_t count;
    bool full;
};

static void option(struct options_writer *w, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (w->count + 2 > OPTIONS_MAX) {
        w->full = true;
        return;
    }
    w->word[w->count++] = name;
    if (value[0] != '\0')
        w->word[w->count++] = value;
}

static void option_count(struct options_writer *w, const char *name, uint64_t count)
{
    struct text t;

    if (count == 0)
        return;
    strbuf_addu(begin(&t, w->arena), count);
    option(w, name, end(&t));
}

static void option_duration(struct options_writer *w, const char *name, int64_t ns)
{
    struct text t;

    if (ns == 0)
        return;
    clock_print(begin(&t, w->arena), ns);
    option(w, name, end(&t));
}

/* relayprobe's command line takes no less; 0 stands for its default. */
static int64_t at_least_a_second(int64_t ns)
{
    return ns > 0 && ns < CLOCK_SECOND ? CLOCK_SECOND : ns;
}

static void option_timeouts(struct options_writer *w, const struct case_probe *p)
{
    for (int i = 0; i < STEP_COUNT; i++) {
        struct text t;

        if (!p->timeout.set[i])
            continue;
        strbuf_addf(begin(&t, w->arena), "%s=", smtp_step_name((enum smtp_step)i));
        clock_print(&t.b, at_least_a_second(p->timeout.ns[i]));
        option(w, "--timeout", end(&t));
    }
}

/* What some forms need, and where names are asked of. */
static void option_domains(struct options_writer *w, const struct process_task *t,
                           const struct places *p)
{
    const struct case_probe *probe = &t->c->probe;

    option(w, "--zone", probe->zone);
    option(w, "--backup-domain", probe->backup_domain);
    option(w, "--mx-domain", probe->mx_domain);
    option(w, "--local-recipient", probe->local_recipient);
    for (size_t i = 0; i < probe->canary_ip.count; i++)
        option(w, "--canary-ip", probe->canary_ip.item[i]);
    if (is_looked_up(t))
        option(w, "--resolver", p->value[PLACE_DNS]);
    option_duration(w, "--resolver-timeout", probe->resolver_timeout_ns);
}

/* The case's `probe` section as relayprobe's command line. */
static bool set_options(const struct process_task *t, const struct folder *f, struct arena *arena,
                        struct places *p)
{
    const struct case_probe *probe = &t->c->probe;
    const struct case_vantage *v = t->c->vantage;
    struct options_writer w = {arena, arena_get(arena, OPTIONS_MAX, sizeof *w.word), 0, false};

    if (w.word == NULL)
        return false;
    option(&w, "--sender", probe->sender);
    option(&w, "--helo", t->id->helo);
    option(&w, "--source", p->value[PLACE_SOURCE]);
    if (!probe->unnamed || probe->domain != NULL)
        option(&w, "--domain", p->value[PLACE_DOMAIN]);
    option_domains(&w, t, p);
    option(&w, "--forms", probe->forms != NULL ? probe->forms : "first"); /* as in identity.c */
    option(&w, "--mailbox", p->value[PLACE_MAILBOX]);
    for (size_t i = 0; i < probe->canaries.count; i++)
        option(&w, "--canary", probe->canaries.item[i]);
    if (p->value[PLACE_MAILBOX] != NULL && process_has_sink(t->adapter, t->c) &&
        (t->c->mailbox_count > 1 || t->c->mailboxes[0].has_front))
        option(&w, "--mailbox", maildir_url(f, arena)); /* what others take is to be seen there */
    option(&w, "--control-route", p->value[PLACE_MX]);
    option_duration(&w, "--wait", probe->wait_ns);
    option_duration(&w, "--max-time", probe->max_time_ns);
    option_count(&w, "--max-messages", probe->max_messages);
    option(&w, "--tls", probe->tls != CASE_TLS_AUTO ? tls_words[probe->tls] : NULL);
    option_duration(&w, "--retry", at_least_a_second(probe->retry_ns));
    option_timeouts(&w, probe);
    option_count(&w, "--sessions", probe->sessions);
    option(&w, "--one-by-one", probe->pipelining ? NULL : "");
    option(&w, "--exhaustive", probe->exhaustive ? "" : NULL);
    option(&w, v != NULL && strcmp(v->name, "inside") == 0 ? "--inside" : "--outside", "");
    p->options = (struct conf_texts){w.word, w.count};
    return !w.full;
}

static void set_programs(const struct adapter *a, const struct adapter_path *where,
                         struct arena *arena, struct places *p)
{
    char *real = realpath(a->directory, NULL);

    p->value[PLACE_DIRECTORY] = arena_text(arena, span_of(real != NULL ? real : a->directory));
    p->value[PLACE_PROGRAMS] = where->programs != NULL ? where->programs : ".";
    free(real);
}

/* "./x.sh" is beside the manifest. */
static bool place_program(const char **argv, const char *directory, struct arena *arena)
{
    struct text t;

    if (argv[0] == NULL)
        return false;
    if (argv[0][0] == '/' || strchr(argv[0], '/') == NULL)
        return true;
    strbuf_addf(begin(&t, arena), "%s/%s", directory, argv[0]);
    argv[0] = end(&t);
    return argv[0] != NULL && !t.b.truncated;
}

static const char *setting(struct arena *arena, const char *name, const char *value)
{
    struct text t;

    strbuf_addf(begin(&t, arena), "%s=%s", name, value);
    return end(&t);
}

static bool make_config(const struct conf_texts *words, const struct places *p, const char *home,
                        struct arena *arena, struct spawn_config *config)
{
    const char *path = getenv("PATH");
    const char *const settings[SETTINGS] = {
        setting(arena, "PATH",
                path != NULL ? path
                             : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        setting(arena, "HOME", home), setting(arena, "TMPDIR", home), "LC_ALL=C.UTF-8",
        "PYTHONDONTWRITEBYTECODE=1"};
    const char **argv = (const char **)(void *)placeholders_fill(words, p, arena);

    config->argv = argv;
    config->env = placeholders_environment(p, settings, SETTINGS, arena);
    config->directory = home;
    return argv != NULL && config->env != NULL &&
           place_program(argv, p->value[PLACE_DIRECTORY], arena);
}

static bool tell_all(struct process *p, const struct process_task *task, struct places *places)
{
    set_target(task, &p->folder, &p->arena, places);
    set_identities(task, &p->arena, places);
    set_mailbox(task, &p->folder, &p->arena, places);
    set_programs(task->adapter, task->where, &p->arena, places);
    return set_options(task, &p->folder, &p->arena, places);
}

bool process_start(struct process *p, const struct process_task *task, struct strbuf *error)
{
    const struct adapter *a = task->adapter;
    struct places places = {.value = {NULL}};
    struct spawn_config config = {.limit_ns = a->limits.time_ns,
                                  .grace_ns = a->limits.grace_ns,
                                  .output_max = (size_t)a->limits.output};

    p->adapter = a;
    p->spawn = NULL;
    arena_init(&p->arena, p->memory, sizeof p->memory);
    if (!folder_make(&p->folder, error))
        return false;
    if (!tell_all(p, task, &places) ||
        !make_config(&a->argv, &places, p->folder.path, &p->arena, &config))
        strbuf_adds(error, "the detector's command is too long");
    else
        p->spawn = spawn_start(&config, error);
    if (p->spawn != NULL) {
        spawn_watch(p->spawn, task->loop, task->done, task->self);
        return true;
    }
    folder_remove(&p->folder);
    return false;
}

void process_read(struct process *p, struct said *out)
{
    char memory[SAID_FILE_MAX];

    said_read(p->adapter, spawn_result(p->spawn), folder_answer(&p->folder, memory, sizeof memory),
              out);
}

const struct spawn_result *process_end(const struct process *p)
{
    return spawn_result(p->spawn);
}

void process_clear(struct process *p)
{
    spawn_free(p->spawn);
    p->spawn = NULL;
    folder_remove(&p->folder);
}

static bool take_version(const struct adapter *a, const struct spawn_result *r, char *version,
                         size_t cap, struct strbuf *why)
{
    if (r->end == SPAWN_NOT_STARTED)
        strbuf_addf(why, "%s: %s", a->version.argv.item[0], strerror(r->status));
    else if (r->end != SPAWN_EXITED)
        strbuf_addf(why, "%s did not end by itself", a->version.argv.item[0]);
    else if (said_version(a->version.match, r->output, version, cap))
        return true;
    else
        strbuf_addf(why, "nothing in the output of %s matches version.match",
                    a->version.argv.item[0]);
    return false;
}

bool process_version(const struct adapter *a, const struct adapter_path *where, char *version,
                     size_t cap, struct strbuf *why)
{
    char memory[16384];
    struct arena arena;
    struct places places = {.value = {NULL}};
    struct spawn_config config = {.limit_ns = VERSION_LIMIT_S * CLOCK_SECOND,
                                  .grace_ns = CLOCK_SECOND,
                                  .output_max = VERSION_OUTPUT};

    arena_init(&arena, memory, sizeof memory);
    set_programs(a, where, &arena, &places);
    if (!make_config(&a->version.argv, &places, "/tmp", &arena, &config)) {
        strbuf_adds(why, "the version command is too long");
        return false;
    }
    struct spawn *s = spawn_start(&config, why);
    if (s == NULL)
        return false;
    spawn_wait(s);
    bool found = take_version(a, spawn_result(s), version, cap, why);
    spawn_free(s);
    return found;
}
