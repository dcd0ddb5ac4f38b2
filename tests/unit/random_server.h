/*
 * random_server.h - a whole server from a seed: faults, what it offers, whom it trusts
 *
 * A trusting rule stands before the base: strangers' mail is taken when the session, the envelope
 * or the count of something is as the rule wants it. Such a server is open or closed as it is
 * asked, so its truth is what came through. What it offers decides which forms apply, and whether
 * they are asked in groups.
 */
#ifndef RELAYLAB_TESTS_UNIT_RANDOM_SERVER_H
#define RELAYLAB_TESTS_UNIT_RANDOM_SERVER_H

#include "tests/unit/random_lab.h"

static const char *const random_offers[RANDOM_OFFERS_MAX] = {
    "PIPELINING",         "CHUNKING",      "AUTH PLAIN LOGIN", "XCLIENT NAME ADDR",
    "XFORWARD NAME ADDR", "SIZE 10485760", "SMTPUTF8",         "DSN"};

/* One is offered by most; PIPELINING by three in four, so that groups are met. */
static inline void draw_offers(struct prng *p, struct random_server *s)
{
    struct conf_texts *out = &s->config.extensions;
    out->item = s->offer;
    for (size_t i = 0; i < RANDOM_OFFERS_MAX; i++) {
        if (i == 0 ? prng_chance(p, 3, 4) : prng_chance(p, 1, 2)) {
            s->offer[out->count++] = random_offers[i];
        }
    }
    s->config.old_verbs = prng_chance(p, 1, 4);
    s->config.proxy = prng_chance(p, 1, 8) ? MOCK_PROXY_OPTIONAL : MOCK_PROXY_UNSET;
    s->config.tls = prng_chance(p, 1, 16) ? MOCK_TLS_STARTTLS : MOCK_TLS_UNSET;
    s->config.asks = prng_chance(p, 1, 2) ? TLS_ASKS_ANY : TLS_ASKS_NONE;
    s->config.early = (enum tls_early)draw_below(p, 3);
    s->config.lax_ends = prng_chance(p, 1, 3) ? (unsigned)draw_below(p, 512) : 0;
}

/* What a server that has the extension says to its command. */
static inline void draw_steps(struct prng *p, struct random_server *s)
{
    static const struct step {
        enum smtp_event at;
        const char *arg;
        int code;
        const char *text;
    } steps[] = {{AT_AUTH, "PLAIN ?*", 535, "authentication failed"},
                 {AT_AUTH, "PLAIN", 334, ""},
                 {AT_AUTH, NULL, 501, "aborted"},
                 {AT_UNKNOWN, "ADDR=*", 250, "Ok"}};
    if (!prng_chance(p, 1, 2)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct rule *r = next_rule(s);
        r->at = RULE_AT(steps[i].at);
        r->when.arg_glob = steps[i].arg;
        r->reply = (struct rule_reply){
            .set = true, .code = steps[i].code, .lines = {steps[i].text}, .line_count = 1};
    }
}

static inline void want_text(struct random_server *s, struct conf_texts *out, const char *glob)
{
    s->word[0] = glob;
    *out = (struct conf_texts){.item = s->word, .count = 1};
}

static inline void want_earlier(struct rule *r, enum smtp_event at, unsigned times)
{
    r->when.after_set = true;
    r->when.after_event = at;
    r->when.after_times = times;
}

static inline void draw_name_trust(struct prng *p, struct random_server *s, struct rule *r)
{
    static const char *const names[] = {"localhost", "localhost*", "victim.test", "mx.victim.test",
                                        "[127.*"};
    static const char *const forms[] = {"S1-R1@E5h", "S1-R1@E5l", "S1-R1@E5d", "S1-R1@E5t",
                                        "S1-R1@E5i"};
    size_t i = draw_below(p, COUNT_OF(names));
    want_text(s, &r->when.helo, names[i]);
    s->shown_by = forms[i];
}

static inline void draw_verb_trust(struct prng *p, struct random_server *s, struct rule *r)
{
    static const char *const verbs[] = {"SEND", "SOML", "SAML"};
    static const char *const forms[] = {"S1-R1@E17s", "S1-R1@E17o", "S1-R1@E17a"};
    size_t i = draw_below(p, COUNT_OF(verbs));
    want_text(s, &r->when.verb, verbs[i]);
    s->shown_by = s->config.old_verbs ? forms[i] : NULL;
}

static inline void draw_session_trust(struct prng *p, struct random_server *s, struct rule *r)
{
    static const enum smtp_event earlier[] = {AT_AUTH, AT_UNKNOWN, AT_RSET, AT_STARTTLS,
                                              AT_END_OF_DATA};
    static const char *const forms[] = {"S1-R1@E9", "S1-R1@E14", "S1-R1@E7", NULL, NULL};
    size_t i = draw_below(p, COUNT_OF(earlier));
    bool mail = prng_chance(p, 1, 2);
    switch (draw_below(p, 7)) {
    case 0:
        draw_name_trust(p, s, r);
        break;
    case 1:
        r->when.esmtp = TRI_NO;
        s->shown_by = "S1-R1@E6";
        break;
    case 2:
        draw_verb_trust(p, s, r);
        break;
    case 3:
        want_earlier(r, earlier[i], 1);
        s->shown_by = forms[i];
        break;
    case 4:
        want_earlier(r, mail ? AT_MAIL : AT_EHLO, (unsigned)prng_range(p, 2, 4));
        s->shown_by = r->when.after_times > 2 ? NULL : mail ? "S1-R1@E7" : "S1-R1@E10";
        break;
    case 5:
        r->when.tls = TRI_YES;
        s->shown_by = s->config.tls == MOCK_TLS_STARTTLS ? "S1-R1@E3" : NULL;
        break;
    default:
        network_parse(SPAN("127.0.0.1"), &s->network);
        r->when.from = &s->network;
        r->when.from_count = 1;
        s->shown_by = s->config.proxy == MOCK_PROXY_OPTIONAL ? "S1-R1@E15a" : NULL;
        break;
    }
}

static inline void draw_trust(struct prng *p, struct random_server *s)
{
    struct rule *r = next_rule(s);
    r->at = RULE_AT(AT_RCPT);
    r->when.proper = TRI_YES;
    r->when.to_domain = DOMAIN_NOT_LOCAL;
    r->reply = (struct rule_reply){.set = true, .code = 250, .lines = {"Ok"}, .line_count = 1};
    r->fate.kind = FATE_RELAY;
    s->trusts = true;
    bool local = prng_chance(p, 1, 2);
    switch (draw_below(p, 8)) {
    case 0:
        r->when.sender_domain = local ? DOMAIN_LOCAL : DOMAIN_NONE;
        s->shown_by = local ? "S10-R1" : "S3-R1";
        break;
    case 1:
        r->when.taken_set = true;
        r->when.taken = (struct conf_range){1, UINT64_MAX};
        break;
    case 2:
        r->when.to_shapes = (unsigned)prng_range(p, 1, 255);
        break;
    case 3:
        r->when.errors_min = prng_range(p, 1, 9);
        break;
    case 4:
        r->when.seen_after_ns = draw_ns(p, 1, 600) * CLOCK_SECOND;
        r->when.seen = TRI_YES;
        break;
    case 5:
        draw_nth(p, &r->nth);
        break;
    default:
        draw_session_trust(p, s, r);
        break;
    }
}

/* Who says DATA is refused, who says BDAT is not. */
static inline void draw_data_trust(struct random_server *s)
{
    struct rule *r = next_rule(s);
    r->at = RULE_AT(AT_DATA);
    r->reply = (struct rule_reply){
        .set = true, .code = 554, .lines = {"Relay access denied"}, .line_count = 1};
    s->open = s->trusts = true;
    s->shown_by = "S1-R1@E12";
}

static inline void say(struct rule *r, int code, const char *text)
{
    r->reply = (struct rule_reply){.set = true, .code = code, .lines = {text}, .line_count = 1};
}

/* Without brackets; but the null reverse-path has no other spelling. */
static inline void want_bare(struct prng *p, struct random_server *s, struct rule *r)
{
    bool sender = prng_chance(p, 1, 2);
    r->at = RULE_AT(sender ? AT_MAIL : AT_RCPT);
    r->when.brackets = TRI_YES;
    s->word[1] = "?*";
    r->when.sender = (struct conf_texts){.item = &s->word[1], .count = sender ? 1 : 0};
    say(r, prng_chance(p, 1, 2) ? 501 : 553, "syntax error");
}

static inline void want_tls(struct random_server *s, struct rule *r)
{
    r->at = RULE_AT(AT_MAIL) | RULE_AT(AT_RCPT);
    r->when.tls = TRI_NO;
    say(r, 530, "Must issue a STARTTLS command first");
    s->config.tls = MOCK_TLS_STARTTLS;
}

/* So many transactions in a session, or a few connections that come too soon. */
static inline void want_fewer(struct prng *p, struct rule *r)
{
    bool connections = prng_chance(p, 1, 2);
    r->at = RULE_AT(connections ? AT_BANNER : AT_MAIL);
    r->nth.set = true;
    r->nth.of = connections ? NTH_CONNECTION : NTH_TRANSACTION;
    r->nth.min = connections ? prng_range(p, 2, 9) : prng_range(p, 6, 12); /* of 64 sessions */
    r->nth.max = connections ? r->nth.min + prng_range(p, 0, 2) : UINT64_MAX;
    say(r, 421, "too many of them, come back later");
    r->then = THEN_CLOSE;
}

static inline void refuse_sender(struct prng *p, struct random_server *s, struct rule *r)
{
    r->at = RULE_AT(AT_MAIL);
    s->word[1] = "*@canary.test";
    r->when.sender = (struct conf_texts){.item = &s->word[1], .count = 1};
    say(r, prng_chance(p, 1, 2) ? 450 : 553, "Sender address rejected: Domain not found");
}

/* What honest servers want first, or cannot do: whoever asks must find out. */
static inline void draw_manners(struct prng *p, struct random_server *s)
{
    struct rule *r = next_rule(s);
    switch (draw_below(p, 8)) {
    case 0:
        r->at = RULE_AT(AT_EHLO);
        say(r, 502, "not implemented");
        break;
    case 1:
        want_bare(p, s, r);
        break;
    case 2:
        want_tls(s, r);
        break;
    case 3:
        want_fewer(p, r);
        break;
    case 4:
        refuse_sender(p, s, r);
        break;
    case 5:
        s->late = AT_DATA;
        break;
    case 6:
        s->late = AT_END_OF_DATA;
        break;
    default:
        s->nameless = true;
        break;
    }
    if (s->late != AT_CONNECT && !s->open) { /* whoever is refused, is refused then */
        r->at = RULE_AT(s->late) | (s->late == AT_DATA ? RULE_AT(AT_BDAT) : 0);
        say(r, 554, "Relay access denied");
    }
}

static inline void draw_trusts(struct prng *p, struct random_server *s)
{
    draw_offers(p, s);
    if (prng_chance(p, 1, 6)) {
        draw_manners(p, s);
    }
    draw_steps(p, s);
    bool late = s->late != AT_CONNECT;
    if (!late && prng_chance(p, 1, 3)) {
        draw_trust(p, s);
    }
    if (!late && prng_chance(p, 1, 24)) {
        draw_data_trust(s);
    }
}

static inline void random_server(struct prng *p, struct random_server *s, enum mood mood,
                                 const char *domain)
{
    static const char *const names[] = {"mx.victim.test", "mail.victim.test"};
    memset(s, 0, sizeof *s);
    s->open = prng_chance(p, 1, 2);
    s->domain[0] = domain;
    s->listener[0] = "smtp";
    s->config = (struct server_config){
        .name = "random",
        .hostname = names[draw_below(p, COUNT_OF(names))],
        .local_domains = {.item = s->domain, .count = 1},
        .listen = {.item = s->listener, .count = 1},
        .message_max = 10485760,
        .errors_max = prng_chance(p, 1, 3) ? prng_range(p, mood < MOOD_FAULTY ? 9 : 1, 12) : 0,
        .idle_ns = 5 * CLOCK_MINUTE,
        .rules = s->rules,
    };
    if (mood == MOOD_HEALING) {
        draw_passing(p, next_rule(s));
    }
    if (mood == MOOD_LYING) {
        draw_lie(p, next_rule(s));
    }
    size_t faults = mood < MOOD_FAULTY ? 0 : (size_t)prng_range(p, 1, mood == MOOD_WILD ? 8 : 3);
    for (size_t i = 0; i < faults; i++) {
        draw_rule(p, next_rule(s));
    }
    if (prng_chance(p, 1, 2)) {
        draw_noise(p, s);
    }
    draw_trusts(p, s);
    if (mood != MOOD_WILD || prng_chance(p, 1, 2)) {
        draw_base(p, s);
    }
}

#endif
