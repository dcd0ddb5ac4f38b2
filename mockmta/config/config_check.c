/*
 * config_check.c - refuses rules whose keys do not go together
 *
 * A key that can never have an effect is a mistake of whoever wrote it, and a silent one: the case
 * would test something else than it says. So each key names the events at which it means something;
 * a rule must be asked at one of them at least ("any" always is).
 */
#include <string.h>

#include "mockmta/config/config_tables.h"

#define BODY (RULE_AT(AT_DATA) | RULE_AT(AT_BDAT) | RULE_AT(AT_END_OF_DATA))
#define WITH_RCPT (RULE_AT(AT_RCPT) | RULE_AT(AT_VRFY) | BODY)
#define PATHS (RULE_AT(AT_MAIL) | RULE_AT(AT_RCPT))
#define BEFORE_HELO (RULE_AT(AT_CONNECT) | RULE_AT(AT_BANNER))
#define NO_SENDER (BEFORE_HELO | RULE_AT(AT_EHLO) | RULE_AT(AT_HELO))
#define NO_ARG (BEFORE_HELO | RULE_AT(AT_END_OF_DATA))

struct need {
    bool given;
    unsigned events; /* one of these at least */
    const char *key, *inside, *hint;
};

const struct conf_node *node_of_key(struct conf *c, const struct conf_node *map, const char *key,
                                    struct conf_node_value *memory)
{
    for (size_t i = 0; conf_is_map(map) && i < conf_length(map); i++) {
        const char *name;
        const struct conf_node *value = conf_pair(c, map, i, memory, &name);
        if (value != NULL && strcmp(name, key) == 0) {
            return value;
        }
    }
    return map;
}

static bool fail_key(struct conf *c, const struct conf_node *n, const char *inside, const char *key,
                     const char *hint, const char *message)
{
    struct conf_node_value outer_memory, memory;
    const struct conf_node *outer = inside != NULL ? node_of_key(c, n, inside, &outer_memory) : n;

    return conf_fail(c, node_of_key(c, outer, key, &memory), hint, "%s", message);
}

static bool check_needs(struct conf *c, const struct conf_node *n, unsigned at,
                        const struct need *needs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (needs[i].given && (at & needs[i].events) == 0) {
            char message[96];
            struct strbuf out;
            strbuf_init(&out, message, sizeof message);
            strbuf_addf(&out, "\"%s\" means nothing at this event", needs[i].key);
            return fail_key(c, n, needs[i].inside, needs[i].key, needs[i].hint, message);
        }
    }
    return true;
}

static bool check_when(struct conf *c, const struct conf_node *n, const struct rule *r)
{
    const struct rule_when *w = &r->when;
    const char *rcpt = "needs at: RCPT, VRFY, DATA, BDAT or end-of-data";
    const char *path = "needs at: MAIL or RCPT";
    const char *mail = "needs at: MAIL or later";
    const struct need needs[] = {
        {w->to_domain != DOMAIN_ANY, WITH_RCPT, "to_domain", "when", rcpt},
        {w->to.count > 0, WITH_RCPT, "to", "when", rcpt},
        {w->unwrapped_local != TRI_ANY, WITH_RCPT, "unwrapped", "when", rcpt},
        {w->seen_after_ns > 0, WITH_RCPT, "seen_after", "when", rcpt},
        {w->seen != TRI_ANY, WITH_RCPT, "seen", "when", rcpt},
        {w->to_shapes != 0, PATHS, "shape", "when", path},
        {w->brackets != TRI_ANY, PATHS, "brackets", "when", path},
        {w->space != TRI_ANY, PATHS, "space", "when", path},
        {w->capitals != TRI_ANY, PATHS, "capitals", "when", path},
        {w->taken_set, WITH_RCPT, "taken", "when", rcpt},
        {w->mail_params_set, ~NO_SENDER, "mail_params", "when", mail},
        {w->verb.count > 0, ~NO_SENDER, "verb", "when", mail},
        {w->sender_domain != DOMAIN_ANY, ~NO_SENDER, "sender_domain", "when", mail},
        {w->sender.count > 0, ~NO_SENDER, "sender", "when", mail},
        {w->header.count > 0, RULE_AT(AT_END_OF_DATA), "content", "when", "needs at: end-of-data"},
        {w->helo.count > 0, ~BEFORE_HELO, "helo", "when", "needs at: EHLO or later"},
        {w->esmtp != TRI_ANY, ~BEFORE_HELO, "esmtp", "when", "needs at: EHLO or later"},
        {w->auth != TRI_ANY, ~BEFORE_HELO, "auth", "when", "needs at: EHLO or later"},
        {w->arg_glob != NULL, ~NO_ARG, "arg", "when", "needs a command that has an argument"},
    };

    if (w->seen == TRI_NO && w->seen_after_ns > 0) {
        return fail_key(c, n, "when", "seen_after", "leave out seen: false",
                        "seen_after and seen: false contradict each other");
    }
    return check_needs(c, n, r->at, needs, sizeof needs / sizeof needs[0]);
}

static bool check_actions(struct conf *c, const struct conf_node *n, const struct rule *r)
{
    unsigned fates = RULE_AT(AT_RCPT) | RULE_AT(AT_END_OF_DATA);
    const struct need needs[] = {
        {r->fate.kind != FATE_NONE, fates, "fate", NULL, "needs at: RCPT or end-of-data"},
        {r->rewrite != REWRITE_NONE, RULE_AT(AT_RCPT), "rewrite", NULL, "needs at: RCPT"},
        {r->callout, PATHS | BODY, "callout", NULL, "needs at: MAIL, RCPT, DATA or end-of-data"},
        {r->reply.set, ~RULE_AT(AT_CONNECT), "reply", NULL, "the greeting is at: banner"},
        {r->wire_set, ~RULE_AT(AT_CONNECT), "wire", NULL, "the greeting is at: banner"},
    };

    if (r->fate.kind != FATE_NONE && r->at != RULE_AT_ANY && (r->at & ~fates) != 0) {
        return fail_key(c, n, NULL, "fate", "give it a rule of its own, at: RCPT or end-of-data",
                        "\"fate\" means nothing at some of these events");
    }
    return check_needs(c, n, r->at, needs, sizeof needs / sizeof needs[0]);
}

static bool check_contradictions(struct conf *c, const struct conf_node *n, const struct rule *r)
{
    if (r->ignore && r->reply.set) {
        return fail_key(c, n, NULL, "then", "leave out the reply",
                        "ignore and a reply contradict each other");
    }
    if (r->ignore && r->wire_set) {
        return fail_key(c, n, NULL, "wire", "leave out the wire shape",
                        "there is no reply whose bytes could be shaped");
    }
    if (r->go_on && r->reply.set) {
        return fail_key(c, n, NULL, "reply", "leave out continue, or the reply",
                        "a rule that continues leaves the reply to later ones");
    }
    if (r->go_on && (r->then != THEN_GO_ON || r->ignore)) {
        return fail_key(c, n, NULL, "then", "leave out continue, or then",
                        "a rule that continues leaves \"then\" to later ones");
    }
    if (r->fate.kind != FATE_NONE && r->at == RULE_AT(AT_END_OF_DATA) &&
        r->rewrite != REWRITE_NONE) {
        return fail_key(c, n, NULL, "rewrite", "needs at: RCPT", "a rewrite is of one recipient");
    }
    return true;
}

bool check_rule(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule *r = target;

    r->line = conf_position(n).line;
    r->file = c->file;
    return check_contradictions(c, n, r) && check_when(c, n, r) && check_actions(c, n, r);
}
