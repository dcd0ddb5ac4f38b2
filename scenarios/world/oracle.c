/*
 * oracle.c - a patient client of few words
 *
 * It shares with the probe how a form is written, and nothing of how replies are understood: what
 * counts here is whether the message arrived. So an outcome needs only the class of the last reply.
 * A message of which the body went out is waited for whatever the server said about it, since
 * servers say no and deliver.
 */
#include "probe/ask/carrier.h"
#include "scenarios/world/oracle_private.h"

#include <stdlib.h>

static void on_mail(void *self, unsigned mailbox, const struct mail_view *mail)
{
    struct oracle *o = self;

    (void)mailbox;
    (void)mail;
    world_stop(o->world);
}

static void write_message(struct oracle *o, unsigned attempt)
{
    char to[MAIL_PATH_MAX], from[MAIL_PATH_MAX];
    struct strbuf text, t, f;

    strbuf_init(&t, to, sizeof to);
    strbuf_init(&f, from, sizeof from);
    strbuf_add(&t, o->id.who.canary_local);
    strbuf_addc(&t, '@');
    strbuf_add(&t, o->id.who.canary_domain);
    strbuf_add(&f, o->id.who.sender_local);
    strbuf_addc(&f, '@');
    strbuf_add(&f, o->id.who.sender_domain);
    strbuf_init(&text, o->message, sizeof o->message);
    struct token_pair tokens = form_tokens(&o->form.form);
    struct form_name id = form_id(&o->form.form);
    const struct mail_probe probe = {
        .from = strbuf_span(&f),
        .to = strbuf_span(&t),
        .form_id = span_of(id.text),
        .target = o->id.who.target_name,
        .helo = span_of(o->id.helo),
        .contact = SPAN("relaylab"),
        .token = &tokens.recipient,
        .attempt = attempt,
        .epoch_s = world_epoch(o->world)};
    if (context_of(&o->form.form)->false_end != NULL)
        carrier_write(&text, &o->form.form, &o->id.who, o->form.form.sender, &probe);
    else
        mail_write_probe(&text, &probe);
    o->message_len = text.len;
}

static bool arrived(struct oracle *o)
{
    record_match(&o->record, &o->form, 1);
    return record_form_delivered(&o->record, 0);
}

static void on_pause(void *self)
{
    struct oracle *o = self;

    if (o->loop != NULL)
        world_stop(o->world);
}

/* Lets the world go on. False when the instant has come, or nothing is left to happen. */
static bool go_on_until(struct oracle *o, int64_t end)
{
    struct world_timer timer;

    if (o->loop == NULL)
        return sim_run(o->sim, end) == SIM_STOPPED;
    world_timer_init(&timer, on_pause, o);
    if (end != CLOCK_NEVER)
        world_timer_set(o->world, &timer, end);
    loop_run(o->loop);
    world_timer_stop(o->world, &timer);
    return world_now(o->world) < end;
}

/* Nothing, in most sessions. */
static struct machine say_header(struct oracle *o, struct machine inner)
{
    char memory[PROXY_WRITE_MAX];
    struct strbuf header;

    strbuf_init(&header, memory, sizeof memory);
    context_header(context_of(&o->form.form), &o->id.who.target, &header);
    proxy_front_init(&o->front, inner, strbuf_span(&header));
    return proxy_front_machine(&o->front);
}

/* One session, to its end. */
static void attempt(struct oracle *o, unsigned number)
{
    const struct endpoint *source = o->id.source.family != 0 ? &o->id.source : NULL;

    o->code = 0;
    o->step = 0;
    o->greeted = o->ended = o->syntax = o->in_tls = false;
    o->wants_tls = o->tls_mode != CASE_TLS_IMPLICIT &&
                   (o->told_tls || context_in_tls(o->form.form.context) ||
                    o->tls_mode == CASE_TLS_STARTTLS);
    o->other_said = o->own_said = false;
    write_message(o, number);
    smtp_client_init(&o->client, &oracle_script, o, &o->timeouts, world_now(o->world), CLOCK_NEVER);
    struct tls_layer *layer = tls_layer_new(o->tls, smtp_client_machine(&o->client),
                                            o->tls_mode == CASE_TLS_IMPLICIT, NULL);
    if (layer == NULL)
        return;
    if (context_of(&o->form.form)->certificate)
        tls_layer_present(layer);
    struct machine machine = say_header(o, tls_layer_machine(layer));
    if (world_connect(o->world, source, &o->id.who.target, machine) == NULL) {
        tls_layer_drop(layer);
        return;
    }
    while (!o->ended && go_on_until(o, CLOCK_NEVER))
        continue;
}

static enum oracle_outcome outcome_of(const struct oracle *o)
{
    if (o->code >= 500)
        return ORACLE_REFUSED;
    if (o->code >= 400)
        return ORACLE_DEFERRED;
    if (o->body_sent && o->code >= 200)
        return ORACLE_LOST;
    return o->greeted ? ORACLE_CUT : ORACLE_SILENT;
}

/* Waits as long as anything can still happen, or the window is over. */
static bool wait_for_it(struct oracle *o)
{
    const int64_t end = clock_after(world_now(o->world), o->patience.window_ns);

    while (!arrived(o) && world_now(o->world) < end)
        if (!go_on_until(o, end))
            break;
    return arrived(o);
}

/* The simulator's clock moves with events only, so the end of the pause is one. */
static void pause_for(struct oracle *o, int64_t pause_ns)
{
    const int64_t end = clock_after(world_now(o->world), pause_ns);
    struct world_timer timer;

    world_timer_init(&timer, on_pause, o);
    world_timer_set(o->world, &timer, end);
    while (world_now(o->world) < end && go_on_until(o, end))
        continue;
    world_timer_stop(o->world, &timer);
}

/* One form, with the patience of a mail server. */
static enum oracle_outcome ask_form(struct oracle *o, struct oracle_result *out)
{
    int64_t pause = o->patience.pause_ns;
    enum oracle_outcome outcome = ORACLE_SILENT;

    o->bare = false;
    o->body_sent = o->told_tls = false;
    for (unsigned tries = 0; tries < o->patience.retries; tries++, pause *= 2) {
        attempt(o, ++out->attempts);
        if (o->told_tls && !o->wants_tls)
            attempt(o, ++out->attempts);
        if (o->syntax && !o->bare) {
            o->bare = true;
            attempt(o, ++out->attempts);
        }
        outcome = outcome_of(o);
        if (outcome != ORACLE_DEFERRED || o->body_sent)
            break;
        if (tries + 1 < o->patience.retries)
            pause_for(o, pause);
    }
    if (o->body_sent && wait_for_it(o))
        outcome = ORACLE_REACHED;
    return outcome;
}

/* The plain form first, then what the case names. */
static size_t list_forms(const struct case_file *c, struct form *forms)
{
    char memory[256];
    struct strbuf error;
    size_t count = 0, more;

    strbuf_init(&error, memory, sizeof memory);
    if (!forms_select(SPAN("S1-R1"), forms, FORMS_MAX, &count, &error) ||
        !forms_add_canaries(forms, FORMS_MAX, &count, c->probe.canaries.count))
        return 0;
    for (size_t i = 0; i < c->expect_count; i++)
        for (size_t k = 0; k < c->expect[i].relayed_by.count && count < FORMS_MAX; k++)
            if (case_applies(c, &c->expect[i]) &&
                forms_select(span_of(c->expect[i].relayed_by.item[k]), forms + count,
                             FORMS_MAX - count, &more, &error))
                count += more;
    return count;
}

static void ask_all(struct oracle *o, const struct case_file *c, struct oracle_result *out)
{
    struct form forms[FORMS_MAX];
    size_t count = list_forms(c, forms);

    forms_bind(forms, count, &o->id.who, &o->key, SPAN("oracle"));
    for (size_t i = 0; i < count; i++) {
        enum oracle_outcome outcome;

        if (!forms[i].applicable)
            continue;
        o->form = (struct form_result){.form = forms[i]};
        outcome = ask_form(o, out);
        if (i > 0 && outcome != ORACLE_REACHED)
            continue;
        out->outcome = outcome;
        bytes_copy(out->form, sizeof out->form, span_of(form_id(&forms[i]).text));
        bytes_copy(out->reply, sizeof out->reply, span_of(o->reply));
        if (outcome == ORACLE_REACHED)
            return;
    }
}

/* What is to arrive is waited for as long as a busy machine may take, since the wait ends with it.
   What is not, costs the whole window, and gets that of the probe. */
static int64_t window_of(const struct case_file *c)
{
    if (c->truth == TRUTH_OPEN)
        return 20 * CLOCK_SECOND;
    return c->probe.wait_ns != 0 ? c->probe.wait_ns : 4 * CLOCK_SECOND;
}

static void be_patient(struct oracle *o, const struct case_file *c)
{
    const struct case_probe *p = &c->probe;
    static const struct patience in_virtual_time = {6, CLOCK_HOUR, 5 * CLOCK_MINUTE + CLOCK_SECOND,
                                                    3 * CLOCK_DAY};
    const struct patience in_real_time = {
        2, 20 * CLOCK_SECOND, p->retry_ns != 0 ? p->retry_ns : CLOCK_SECOND, window_of(c)};

    o->patience = o->loop != NULL ? in_real_time : in_virtual_time;
    for (int i = 0; i < STEP_COUNT; i++)
        o->timeouts.ns[i] = o->patience.reply_ns;
    o->timeouts.ns[STEP_QUIT] = o->loop != NULL ? CLOCK_SECOND : CLOCK_MINUTE;
    if (o->loop != NULL && p->timeout.set[STEP_GREETING]) /* a real server that greets nobody */
        o->timeouts.ns[STEP_GREETING] = p->timeout.ns[STEP_GREETING];
}

/* The world of the case: the simulator, or sockets where a server is a real one. */
static bool enter_world(struct oracle *o, struct trial *t, const struct case_file *c, uint64_t seed,
                        struct strbuf *error)
{
    o->sim = trial_sim(t, seed);
    o->world = sim_world(o->sim);
    if (!case_has_engine(c))
        return true;
    o->loop = loop_new(&(struct loop_config){.links_max = 64}, error);
    if (o->loop != NULL)
        o->world = loop_world(o->loop);
    return o->loop != NULL;
}

bool oracle_ask(struct trial *t, const struct case_file *c, uint64_t seed,
                struct oracle_result *out)
{
    struct oracle *o = calloc(1, sizeof *o);
    struct strbuf error;
    bool built = false;

    *out = (struct oracle_result){.outcome = ORACLE_SILENT};
    strbuf_init(&error, out->reply, sizeof out->reply);
    if (o == NULL || !trial_key(seed ^ 1, &o->key)) {
        strbuf_adds(&error, "out of memory");
        free(o);
        return false;
    }
    record_init(&o->record);
    if (enter_world(o, t, c, seed, &error) &&
        stage_open(&o->stage, o->world, o->loop == NULL ? o->sim : NULL, c, &o->record,
                   &(struct stage_hooks){.mail = on_mail, .self = o, .tls = trial_tls(t)},
                   &error)) {
        be_patient(o, c);
        o->tls = trial_tls(t);
        o->tls_mode = c->probe.tls;
        built = true;
        trial_identify(c, stage_target(&o->stage), &o->id);
        ask_all(o, c, out);
        stage_close(&o->stage);
    }
    if (o->loop != NULL)
        loop_free(o->loop);
    sim_reset(o->sim, seed);
    record_clear(&o->record);
    token_key_clear(&o->key);
    free(o);
    return built;
}
