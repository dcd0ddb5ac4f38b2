/*
 * Rules are sorted by event once, so that a command looks only at rules that could take it.
 * Conditions are checked cheapest first; those of a recipient at DATA and later hold when they hold
 * for any recipient of the envelope.
 *
 * Triplets are kept as 64-bit hashes in sets of four: when a set is full its oldest entry goes, so
 * a peer that sends millions of triplets costs a fixed table and at worst makes the server forget.
 * "Seen before" means by an earlier transaction: asking twice in one does not count.
 */
#include "mockmta/match.h"

#include "mockmta/encrypt.h"
#include "mockmta/queue/callout.h"

#include <stdlib.h>

enum { SEEN_SETS = 2048, SEEN_WAYS = 4 };

/* BDAT ... LAST is a command and the end of the data at once: rules for either take it. */
enum { AT_LAST_CHUNK = AT_COUNT };

struct seen_entry {
    uint64_t hash; /* 0: free */
    uint64_t transaction;
    int64_t first_ns;
};

struct seen_table {
    struct seen_entry entry[SEEN_SETS][SEEN_WAYS];
};

/* What conditions are held against; recipient is NULL at events without one. */
struct subject {
    struct session *s;
    const struct smtp_command *cmd;
    const struct address *recipient;
    struct address sender;
};

static bool tri_holds(enum tri wanted, bool fact)
{
    return wanted == TRI_ANY || (wanted == TRI_YES) == fact;
}

static bool any_glob(const struct conf_texts *globs, struct span text)
{
    for (size_t i = 0; i < globs->count; i++) {
        if (span_glob(text, span_of(globs->item[i]))) {
            return true;
        }
    }
    return false;
}

static bool any_network(const struct network *list, size_t count, const struct endpoint *peer)
{
    for (size_t i = 0; i < count; i++) {
        if (network_contains(&list[i], peer)) {
            return true;
        }
    }
    return false;
}

static bool domain_holds(enum match_domain wanted, const struct conf_texts *globs,
                         struct span domain, bool local)
{
    switch (wanted) {
    case DOMAIN_ANY:
        return true;
    case DOMAIN_LOCAL:
        return local;
    case DOMAIN_NOT_LOCAL:
        return !local;
    case DOMAIN_GLOB:
        return any_glob(globs, domain);
    case DOMAIN_NONE:
        return domain.len == 0;
    }
    return false;
}

static bool client_holds(const struct rule_when *w, const struct session *s)
{
    const struct server_config *config = s->mock->config;
    if (w->from_count > 0 && !any_network(w->from, w->from_count, &s->peer)) {
        return false;
    }
    if (w->trusted != TRI_ANY &&
        !tri_holds(w->trusted, any_network(config->networks, config->network_count, &s->peer))) {
        return false;
    }
    if (w->listener.count > 0 &&
        (s->listener >= config->listen.count ||
         !any_glob(&w->listener, span_of(config->listen.item[s->listener])))) {
        return false;
    }
    return tri_holds(w->esmtp, s->smtp.esmtp) && tri_holds(w->tls, s->smtp.tls) &&
           (w->certificate == TRI_ANY || tri_holds(w->certificate, encrypt_certificate(s))) &&
           tri_holds(w->auth, s->authenticated) && s->errors >= w->errors_min &&
           (w->helo.count == 0 || any_glob(&w->helo, span_of(s->smtp.helo)));
}

static bool code_is(int code, int wanted)
{
    if (wanted == 0) {
        return true;
    }
    return wanted < 10 ? code / 100 == wanted : code == wanted;
}

static bool after_holds(const struct rule_when *w, const struct session *s)
{
    if (!w->after_set) {
        return true;
    }
    if (s->count[w->after_event] < w->after_times) {
        return false;
    }
    for (size_t i = 0; i < s->past_count; i++) {
        if (s->past[i].at == w->after_event && code_is(s->past[i].code, w->after_code)) {
            return true;
        }
    }
    return false;
}

static bool sender_holds(const struct rule_when *w, const struct subject *x)
{
    const struct address *a = x->cmd->at == AT_MAIL ? &x->cmd->path : &x->sender;
    return domain_holds(w->sender_domain, &w->sender_domain_glob, a->domain,
                        mock_domain_is_local(x->s->mock, a->domain)) &&
           (w->sender.count == 0 || any_glob(&w->sender, a->path));
}

static bool unwrapped_local(const struct mock *m, const struct address *a)
{
    char memory[MAIL_PATH_MAX];
    struct strbuf out;
    strbuf_init(&out, memory, sizeof memory);
    if (!address_unwrap(a, &out) || out.truncated) {
        return mock_is_local(m, a);
    }
    struct address inner = address_parse(strbuf_span(&out));
    return mock_is_local(m, &inner);
}

static bool path_is_asked(const struct rule_when *w)
{
    return w->to_domain != DOMAIN_ANY || w->to.count > 0 || w->to_shapes != 0 ||
           w->brackets != TRI_ANY || w->space != TRI_ANY || w->capitals != TRI_ANY ||
           w->unwrapped_local != TRI_ANY;
}

static bool has_capital(struct span domain)
{
    for (size_t i = 0; i < domain.len && domain.ptr[0] != '['; i++) {
        if (domain.ptr[i] >= 'A' && domain.ptr[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

/* What the transaction has so far, and how it began. */
static bool transaction_holds(const struct rule_when *w, const struct subject *x)
{
    const struct message *message = x->s->message;
    unsigned taken = message != NULL ? message->recipient_count : 0;
    struct span params = x->cmd->at == AT_MAIL ? x->cmd->path.params : span_of(x->s->mail_params);
    struct span verb = x->cmd->at == AT_MAIL ? x->cmd->verb : span_of(x->s->verb);
    if (w->verb.count > 0 && !any_glob(&w->verb, verb)) {
        return false;
    }
    if (w->taken_set && (taken < w->taken.min || taken > w->taken.max)) {
        return false;
    }
    return !w->mail_params_set || any_glob(&w->mail_params, params);
}

static bool recipient_holds(const struct rule_when *w, const struct mock *m,
                            const struct address *a)
{
    return domain_holds(w->to_domain, &w->to_domain_glob, a->domain, mock_is_local(m, a)) &&
           (w->to.count == 0 || any_glob(&w->to, a->path)) &&
           (w->to_shapes == 0 || (w->to_shapes & 1U << a->shape) != 0) &&
           tri_holds(w->brackets, a->brackets) && tri_holds(w->space, a->space_before) &&
           tri_holds(w->capitals, has_capital(a->domain)) &&
           (w->unwrapped_local == TRI_ANY || tri_holds(w->unwrapped_local, unwrapped_local(m, a)));
}

static bool any_recipient_holds(const struct rule_when *w, const struct subject *x)
{
    const struct message *message = x->s->message;
    if (x->cmd->at == AT_RCPT || x->cmd->at == AT_MAIL) {
        return recipient_holds(w, x->s->mock, &x->cmd->path);
    }
    for (unsigned i = 0; message != NULL && i < message->recipient_count; i++) {
        struct address a = address_parse(message_recipient(message, &message->recipient[i]));
        a.brackets = true;
        if (recipient_holds(w, x->s->mock, &a)) {
            return true;
        }
    }
    return false;
}

static bool header_holds(const struct rule_when *w, const struct session *s)
{
    if (w->header.count == 0) {
        return true;
    }
    if (s->message == NULL) {
        return false;
    }
    struct span rest = grow_span(&s->message->content);
    struct span line;
    while (span_cut(&rest, '\n', &line)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        if (any_glob(&w->header, line)) {
            return true;
        }
    }
    return false;
}

static uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    }
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t triplet_hash(const struct session *s, struct span recipient)
{
    struct span sender = s->message == NULL ? SPAN("") : message_sender(s->message);
    uint64_t hash = hash_add(UINT64_C(14695981039346656037), s->peer.bytes, sizeof s->peer.bytes);
    hash = hash_add(hash, sender.ptr, sender.len);
    hash = hash_add(hash, recipient.ptr, recipient.len);
    return hash == 0 ? 1 : hash;
}

static bool triplet_recipient(const struct session *s, const struct smtp_command *cmd,
                              struct span *recipient)
{
    if (cmd->at == AT_RCPT) {
        *recipient = cmd->path.path;
        return true;
    }
    if (s->message == NULL || s->message->recipient_count == 0) {
        return false;
    }
    *recipient = message_recipient(s->message, &s->message->recipient[0]);
    return true;
}

static struct seen_entry *seen_find(struct seen_table *t, uint64_t hash)
{
    struct seen_entry *set = t->entry[hash % SEEN_SETS];
    for (size_t i = 0; i < SEEN_WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
    }
    return NULL;
}

static bool seen_holds(const struct rule_when *w, const struct subject *x)
{
    enum tri wanted = w->seen_after_ns > 0 ? TRI_YES : w->seen;
    struct span recipient;
    if (wanted == TRI_ANY) {
        return true;
    }
    if (!triplet_recipient(x->s, x->cmd, &recipient)) {
        return wanted == TRI_NO;
    }
    const struct seen_entry *e = seen_find(x->s->mock->seen, triplet_hash(x->s, recipient));
    uint64_t transaction = x->s->message == NULL ? 0 : x->s->message->transaction;
    bool seen = e != NULL && e->transaction != transaction &&
                x->s->smtp.now_ns - e->first_ns >= w->seen_after_ns;
    return tri_holds(wanted, seen);
}

void match_note_triplet(struct session *s, const struct smtp_command *cmd)
{
    if (s->mock->seen == NULL || s->message == NULL) {
        return;
    }
    uint64_t hash = triplet_hash(s, cmd->path.path);
    if (seen_find(s->mock->seen, hash) != NULL) {
        return;
    }
    struct seen_entry *set = s->mock->seen->entry[hash % SEEN_SETS];
    struct seen_entry *oldest = &set[0];
    for (size_t i = 1; i < SEEN_WAYS && oldest->hash != 0; i++) {
        if (set[i].hash == 0 || set[i].first_ns < oldest->first_ns) {
            oldest = &set[i];
        }
    }
    *oldest = (struct seen_entry){hash, s->message->transaction, s->smtp.now_ns};
}

static bool nth_holds(const struct rule_nth *n, const struct session *s,
                      const struct smtp_command *cmd)
{
    const struct mock *m = s->mock;
    uint64_t value = 0;
    if (!n->set) {
        return true;
    }
    switch (n->of) {
    case NTH_COMMAND:
        value = s->count[cmd->at];
        break;
    case NTH_TRANSACTION:
        value = s->transactions + (cmd->at == AT_MAIL && s->message == NULL ? 1U : 0U);
        break;
    case NTH_CONNECTION:
        value = s->number;
        break;
    case NTH_SERVER:
        value = m->count[cmd->at];
        break;
    case NTH_MESSAGE:
        value = m->messages + 1;
        break;
    }
    return value >= n->min && value <= n->max;
}

static bool rule_holds(const struct rule *r, const struct subject *x)
{
    const struct rule_when *w = &r->when;
    return (r->times == 0 || x->s->mock->fired[r->index] < r->times) &&
           nth_holds(&r->nth, x->s, x->cmd) && tri_holds(w->proper, x->cmd->proposal == 0) &&
           client_holds(w, x->s) && after_holds(w, x->s) && sender_holds(w, x) &&
           transaction_holds(w, x) && (!path_is_asked(w) || any_recipient_holds(w, x)) &&
           (w->arg_glob == NULL || span_glob(x->cmd->arg, span_of(w->arg_glob))) &&
           seen_holds(w, x) && header_holds(w, x->s);
}

static void take(struct decision *d, const struct rule *r)
{
    if (d->delay_ns == 0) {
        d->delay_ns = r->delay_ns;
    }
    if (d->wire == NULL && r->wire_set) {
        d->wire = &r->wire;
    }
    if (d->fate == NULL && r->fate.kind != FATE_NONE) {
        d->fate = &r->fate;
    }
    d->rewrite = d->rewrite == REWRITE_NONE ? r->rewrite : d->rewrite;
    if (d->fired_count < MATCH_FIRED_MAX) {
        d->fired[d->fired_count++] = r;
    }
}

void match_decide(struct session *s, const struct smtp_command *cmd, struct decision *d)
{
    const struct event_rules *rules = &s->mock->rules[cmd->chunk ? AT_LAST_CHUNK : cmd->at];
    struct subject x = {.s = s, .cmd = cmd};
    *d = (struct decision){0};
    if (rules->count == 0) {
        return;
    }
    if (s->message != NULL) {
        x.sender = address_parse(message_sender(s->message));
    }
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *r = rules->rule[i];
        if (!rule_holds(r, &x)) {
            continue;
        }
        if (r->callout) {
            enum callout_answer answer = callout_answer(s, cmd);
            d->callout_needed = answer == CALLOUT_UNKNOWN;
            if (d->callout_needed) {
                return;
            }
            if (answer != CALLOUT_REFUSED) {
                continue;
            }
        }
        take(d, r);
        if (!r->go_on) {
            d->rule = r;
            return;
        }
    }
}

void match_fired(struct mock *m, const struct decision *d)
{
    for (size_t i = 0; i < d->fired_count; i++) {
        m->fired[d->fired[i]->index]++;
    }
}

static bool rule_is_at(const struct rule *r, unsigned at)
{
    unsigned events = at == AT_LAST_CHUNK ? RULE_AT(AT_BDAT) | RULE_AT(AT_END_OF_DATA) : 1U << at;
    return (r->at & events) != 0;
}

/* Index by event: a rule without deeds for an event is kept all the same, since its log text may be
 * wanted. */
bool match_init(struct mock *m)
{
    const struct server_config *config = m->config;
    size_t count = config->rule_count == 0 ? 1 : config->rule_count;
    bool seen = false;
    m->fired = calloc(count, sizeof *m->fired);
    m->rule_memory = calloc(count * (AT_LAST_CHUNK + 1), sizeof(const struct rule *));
    if (m->fired == NULL || m->rule_memory == NULL) {
        return false;
    }
    for (unsigned at = 0; at <= AT_LAST_CHUNK; at++) {
        struct event_rules *rules = &m->rules[at];
        rules->rule = m->rule_memory + at * count;
        for (size_t i = 0; i < config->rule_count; i++) {
            const struct rule *r = &config->rules[i];
            if (rule_is_at(r, at)) {
                rules->rule[rules->count++] = r;
            }
        }
    }
    for (size_t i = 0; i < config->rule_count; i++) {
        const struct rule *r = &config->rules[i];
        bool late = (r->at & 1U << AT_END_OF_DATA) != 0;
        seen = seen || r->when.seen != TRI_ANY || r->when.seen_after_ns > 0;
        m->rules_read_content = m->rules_read_content || r->when.header.count > 0;
        m->late_fates_need_content = m->late_fates_need_content ||
                                     (late && r->fate.kind != FATE_NONE &&
                                      r->fate.kind != FATE_DISCARD && r->fate.kind != FATE_KEEP);
    }
    m->seen = seen ? calloc(1, sizeof *m->seen) : NULL;
    return !seen || m->seen != NULL;
}

void match_clear(struct mock *m)
{
    free(m->fired);
    free(m->rule_memory);
    free(m->seen);
}
