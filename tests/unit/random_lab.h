/*
 * random_lab.h - servers and networks drawn from a seed, from the rule language's own structs
 *
 * A draw is of one of five moods. PLAIN: a server that is plainly open or closed, on a slow but
 * honest network; nothing lies, nothing is lost. HEALING: the same, after one fault that passes, of
 * the kinds that a client must outlive. LYING: a server
 * that answers some commands twice, the second time perhaps late. FAULTY: the same, and then some
 * rules and path faults that lie, hang, break off, answer twice or do something else with the
 * message. WILD: hardly anything but such rules.
 *
 * Ownership: a server's config points into its random_server; texts are static.
 */
#ifndef RELAYLAB_TESTS_UNIT_RANDOM_LAB_H
#define RELAYLAB_TESTS_UNIT_RANDOM_LAB_H

#include <stdio.h>
#include <string.h>

#include "drive/sim/sim.h"
#include "lib/base/prng.h"
#include "mockmta/config/config.h"

enum { RANDOM_RULES_MAX = 20, RANDOM_OFFERS_MAX = 8 };

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

enum mood { MOOD_PLAIN, MOOD_HEALING, MOOD_LYING, MOOD_FAULTY, MOOD_WILD, MOOD_COUNT };

struct random_server {
    struct server_config config;
    struct rule rules[RANDOM_RULES_MAX];
    const char *domain[1];
    const char *listener[1];
    const char *offer[RANDOM_OFFERS_MAX], *word[2];
    struct network network;
    bool open;            /* relays for everybody, when nothing else interferes */
    enum smtp_event late; /* it says no there only; AT_CONNECT: at RCPT */
    bool nameless;        /* its no does not say why */
    bool trusts;          /* whoever does one thing is treated otherwise: random_server.h */
    const char *shown_by; /* the form that does it, when nothing else interferes; or NULL */
};

/* In the order of the list, the first code a good one. */
static const int random_codes[] = {250, 251, 252, 200, 220, 235, 354, 421, 421, 450,
                                   451, 452, 454, 500, 501, 502, 503, 504, 521, 530,
                                   550, 550, 551, 552, 553, 554, 554, 571};

static const char *const random_enhanced[] = {"2.1.5", "4.2.0", "4.7.1", "5.1.1",
                                              "5.1.8", "5.7.0", "5.7.1", "5.5.1"};

static const char *const random_texts[] = {
    "Ok",
    "Relay access denied",
    "relaying denied",
    "we do not relay",
    "authentication required",
    "Greylisted, please try again in 300 seconds",
    "Recipient address rejected: Greylisted",
    "try again later",
    "user unknown",
    "Sender address rejected: Domain not found",
    "Client host blocked using a list",
    "message content rejected",
    "Must issue a STARTTLS command first",
    "Syntax error",
    "too many connections",
    "Helo command rejected: need fully-qualified hostname",
    "no such domain here",
    "undeliverable address: host canary.test said: 550 no",
    "spam",
    "",
};

static const char *const random_raws[] = {
    "250 Ok\r\n250 Ok\r\n",
    "250 Ok\r\n354 go on\r\n",
    "250 Ok\r\n554 5.7.1 Relay access denied\r\n",
    "554 5.7.1 Relay access denied\r\n250 Ok\r\n",
    "554 5.7.1 Relay access denied\r\n554 5.7.1 Relay access denied\r\n",
    "354 go on\r\n250 Ok\r\n",
    "250 Ok\r\n421 closing\r\n",
    "250-Ok\r\n",
    "250-Ok\r\n554 Relay access denied\r\n",
    "250 Ok\n",
    "550\r\n",
    "55",
    "\r\n",
    "Relay access denied\r\n",
    "2500 Ok\r\n",
    "\x80\x81\x82 \x1b[2J\r\n",
    "554 5.7.1 Relay access denied",
    "554-5.7.1 Relay\r\n554 access denied\r\n",
};

static const char *const random_denials[] = {"Relay access denied", "relaying denied",
                                             "Relaying not permitted", "relay not permitted"};

static inline size_t draw_below(struct prng *p, size_t count)
{
    return (size_t)prng_range(p, 0, count - 1);
}

static inline int64_t draw_ns(struct prng *p, int64_t low, int64_t high)
{
    return (int64_t)prng_range(p, (uint64_t)low, (uint64_t)high);
}

/* Mostly short; now and then about as long as a patience. */
static inline int64_t draw_delay(struct prng *p)
{
    static const int64_t highest[] = {10 * CLOCK_MS,     CLOCK_SECOND, CLOCK_SECOND,
                                      10 * CLOCK_SECOND, CLOCK_MINUTE, 6 * CLOCK_MINUTE,
                                      12 * CLOCK_MINUTE};
    return draw_ns(p, 0, highest[draw_below(p, COUNT_OF(highest))]);
}

static inline void draw_reply(struct prng *p, struct rule_reply *r)
{
    r->set = true;
    if (prng_chance(p, 1, 4)) {
        r->raw = random_raws[draw_below(p, COUNT_OF(random_raws))];
        r->raw_len = strlen(r->raw);
        return;
    }
    r->code = random_codes[draw_below(p, COUNT_OF(random_codes))];
    r->enhanced = prng_chance(p, 1, 2) ? random_enhanced[draw_below(p, COUNT_OF(random_enhanced))]
                                       : NULL;
    r->line_count = 1 + (prng_chance(p, 1, 6) ? draw_below(p, 3) : 0);
    for (size_t i = 0; i < r->line_count; i++) {
        r->lines[i] = random_texts[draw_below(p, COUNT_OF(random_texts))];
    }
    r->repeat = prng_chance(p, 1, 12) ? (uint32_t)prng_range(p, 2, 200) : 0;
}

static inline struct rule_fate draw_fate(struct prng *p)
{
    static const enum fate_kind kinds[] = {FATE_RELAY,   FATE_RELAY,  FATE_KEEP,
                                           FATE_DISCARD, FATE_BOUNCE, FATE_HOLD};
    struct rule_fate f = {.kind = kinds[draw_below(p, COUNT_OF(kinds))]};
    f.after_ns = prng_chance(p, 1, 2) ? draw_delay(p) : 0;
    f.copies = prng_chance(p, 1, 5) ? (unsigned)prng_range(p, 1, 4) : 0;
    f.only = prng_chance(p, 1, 8) ? ONLY_FIRST : ONLY_ALL;
    f.alter = prng_chance(p, 1, 3) ? (enum fate_alter)prng_range(p, 0, ALTER_BASE64) : ALTER_NONE;
    f.quote_token = prng_chance(p, 1, 4);
    return f;
}

static inline void draw_nth(struct prng *p, struct rule_nth *n)
{
    static const enum nth_of of[] = {NTH_COMMAND, NTH_TRANSACTION, NTH_CONNECTION, NTH_SERVER,
                                     NTH_MESSAGE};
    n->set = true;
    n->of = of[draw_below(p, COUNT_OF(of))];
    n->min = prng_range(p, 1, 6);
    n->max = prng_chance(p, 1, 2) ? n->min : UINT64_MAX;
}

static inline struct wire_shape draw_wire(struct prng *p, bool honest)
{
    struct wire_shape w = {.segment = (enum wire_segment)draw_below(p, WIRE_BYTES + 1)};
    w.bytes = w.segment == WIRE_BYTES ? (uint32_t)prng_range(p, 1, 20) : 0;
    w.gap_ns = draw_ns(p, 0, 5 * CLOCK_MS);
    if (!honest) {
        w.gap_ns = prng_chance(p, 1, 4) ? draw_ns(p, 0, 20 * CLOCK_SECOND) : w.gap_ns;
        w.eol = prng_chance(p, 1, 3) ? (enum wire_eol)draw_below(p, EOL_NONE + 1) : EOL_CRLF;
        w.stop_after = prng_chance(p, 1, 6) ? (uint32_t)prng_range(p, 1, 40) : 0;
    }
    return w;
}

static inline void draw_when(struct prng *p, struct rule *r)
{
    r->when.proper = prng_chance(p, 1, 2) ? TRI_YES : TRI_ANY;
    if (r->at == RULE_AT(AT_RCPT)) {
        r->when.to_domain = prng_chance(p, 1, 2) ? DOMAIN_NOT_LOCAL : DOMAIN_ANY;
        r->when.seen = prng_chance(p, 1, 4) ? TRI_NO : TRI_ANY;
        r->when.to_shapes = prng_chance(p, 1, 6) ? (unsigned)prng_range(p, 1, 255) : 0;
    }
    if (prng_chance(p, 1, 2)) {
        draw_nth(p, &r->nth);
    }
    r->times = prng_chance(p, 1, 3) ? prng_range(p, 1, 5) : 0;
}

/* What config_check.c would let pass. */
static inline void draw_rule(struct prng *p, struct rule *r)
{
    static const enum smtp_event at[] = {
        AT_CONNECT, AT_BANNER,      AT_EHLO,        AT_EHLO,        AT_HELO, AT_MAIL,
        AT_MAIL,    AT_RCPT,        AT_RCPT,        AT_RCPT,        AT_RCPT, AT_DATA,
        AT_DATA,    AT_END_OF_DATA, AT_END_OF_DATA, AT_END_OF_DATA, AT_RSET, AT_QUIT};
    enum smtp_event event = at[draw_below(p, COUNT_OF(at))];
    r->at = RULE_AT(event);
    draw_when(p, r);
    r->delay_ns = prng_chance(p, 1, 3) ? draw_delay(p) : 0;
    if ((event == AT_RCPT || event == AT_END_OF_DATA) && prng_chance(p, 1, 2)) {
        r->fate = draw_fate(p);
    }
    if (event == AT_RCPT && prng_chance(p, 1, 8)) {
        r->rewrite = REWRITE_UNWRAP;
    }
    r->go_on = prng_chance(p, 1, 6);
    if (!r->go_on) {
        r->then = prng_chance(p, 1, 3) ? (enum smtp_then)draw_below(p, THEN_DEAF + 1) : THEN_GO_ON;
        r->then_421 = r->then == THEN_CLOSE && prng_chance(p, 1, 2);
        r->ignore = r->then == THEN_GO_ON && prng_chance(p, 1, 8);
        if (event != AT_CONNECT && !r->ignore && prng_chance(p, 4, 5)) {
            draw_reply(p, &r->reply);
        }
    }
    if (event != AT_CONNECT && !r->ignore && prng_chance(p, 1, 5)) {
        r->wire = draw_wire(p, false);
        r->wire_set = true;
    }
}

/* Once a hang-up, a 421 or silence; or a greylist. Silence instead of a greeting is an answer. */
static inline void draw_passing(struct prng *p, struct rule *r)
{
    static const enum smtp_event at[] = {AT_BANNER, AT_EHLO, AT_MAIL, AT_RCPT,
                                         AT_RCPT,   AT_DATA, AT_RSET};
    enum smtp_event event = at[draw_below(p, COUNT_OF(at))];
    r->at = RULE_AT(event);
    r->times = 1;
    switch (draw_below(p, 4)) {
    case 0:
        r->then = prng_chance(p, 1, 2) ? THEN_CLOSE : THEN_RESET;
        break;
    case 1:
        r->then = THEN_CLOSE;
        r->reply =
            (struct rule_reply){.set = true, .code = 421, .lines = {"closing"}, .line_count = 1};
        break;
    case 2:
        r->at = event == AT_BANNER ? RULE_AT(AT_EHLO) : r->at;
        r->then = THEN_STALL;
        break;
    default:
        r->at = RULE_AT(AT_RCPT);
        r->times = 0;
        r->when.to_domain = DOMAIN_NOT_LOCAL;
        r->when.seen = TRI_NO;
        r->reply =
            (struct rule_reply){.set = true, .code = 450, .lines = {"Greylisted"}, .line_count = 1};
        break;
    }
}

/* What the second reply says may be the answer that the next command waits for. */
static inline void draw_lie(struct prng *p, struct rule *r)
{
    static const enum smtp_event at[] = {AT_BANNER, AT_EHLO, AT_MAIL, AT_MAIL, AT_RCPT, AT_RSET};
    static const char *const twice[] = {
        "250 Ok\r\n250 Ok\r\n", "250 Ok\r\n554 5.7.1 Relay access denied\r\n",
        "250 Ok\r\n530 5.7.0 Authentication required\r\n", "250 Ok\r\n354 go on\r\n",
        "250 Ok\r\n250 Ok\r\n250 Ok\r\n554 5.7.1 Relay access denied\r\n"};
    r->at = RULE_AT(at[draw_below(p, COUNT_OF(at))]);
    r->when.to_domain = r->at == RULE_AT(AT_RCPT) ? DOMAIN_LOCAL : DOMAIN_ANY;
    r->reply.set = true;
    r->reply.raw = twice[draw_below(p, COUNT_OF(twice))];
    r->reply.raw_len = strlen(r->reply.raw);
    r->wire_set = true;
    r->wire = (struct wire_shape){.segment = WIRE_PER_LINE, .gap_ns = draw_ns(p, 0, CLOCK_SECOND)};
    if (prng_chance(p, 1, 2)) {
        draw_nth(p, &r->nth);
    }
}

static inline struct rule *next_rule(struct random_server *s)
{
    struct rule *r = &s->rules[s->config.rule_count];
    r->index = (uint32_t)s->config.rule_count++;
    r->line = r->index + 1;
    return r;
}

/* A gap or a delay that nobody loses patience about. */
static inline void draw_noise(struct prng *p, struct random_server *s)
{
    struct rule *r = next_rule(s);
    r->at = RULE_AT_ANY & ~RULE_AT(AT_CONNECT);
    r->go_on = true;
    r->delay_ns = draw_ns(p, 0, CLOCK_SECOND);
    r->wire_set = true;
    r->wire = draw_wire(p, true);
}

static inline void draw_base(struct prng *p, struct random_server *s)
{
    struct rule *r = next_rule(s);
    r->at = RULE_AT(AT_RCPT);
    r->when.proper = TRI_YES;
    r->when.to_domain = DOMAIN_NOT_LOCAL;
    r->reply.set = true;
    r->reply.line_count = 1;
    r->reply.code = s->open ? 250 : 554;
    r->reply.enhanced = s->open ? "2.1.5" : "5.7.1";
    r->reply.lines[0] = s->open ? "Ok" : random_denials[draw_below(p, COUNT_OF(random_denials))];
    r->fate.kind = s->open ? FATE_RELAY : FATE_NONE;
    if (s->late != AT_CONNECT && !s->open) {
        r->reply = (struct rule_reply){.set = true, .code = 250, .lines = {"Ok"}, .line_count = 1};
    } else if (s->nameless && !s->open) {
        r->reply = (struct rule_reply){.set = true, .code = 550, .lines = {"no"}, .line_count = 1};
    }
}

static inline void random_show(const struct random_server *s)
{
    printf("  target: %s, errors_max %u\n", s->open ? "open" : "closed",
           (unsigned)s->config.errors_max);
    for (size_t i = 0; i < s->config.rule_count; i++) {
        const struct rule *r = &s->rules[i];
        const char *text = r->reply.raw != NULL      ? r->reply.raw
                           : r->reply.line_count > 0 ? r->reply.lines[0]
                                                     : "";
        printf("  rule %zu: at %x, reply %d %s, ignore %d, then %d, after %.3f s, times %u\n",
               i + 1, r->at, r->reply.code, text, r->ignore, (int)r->then,
               (double)r->delay_ns / 1e9, (unsigned)r->times);
        printf("          fate %d, after %.0f s, alter %d, copies %u, stop after %u, eol %d\n",
               (int)r->fate.kind, (double)r->fate.after_ns / 1e9, (int)r->fate.alter,
               r->fate.copies, r->wire.stop_after, (int)r->wire.eol);
    }
}

static inline void random_path(struct prng *p, struct sim_path *path, enum mood mood)
{
    static const uint32_t windows[] = {0, 0, 200, 600, 4096};
    *path = (struct sim_path){
        .latency_ns = draw_ns(p, 0, 150 * CLOCK_MS),
        .jitter_ns = prng_chance(p, 1, 2) ? draw_ns(p, 0, 50 * CLOCK_MS) : 0,
        .segment_max = prng_chance(p, 1, 3) ? (uint32_t)prng_range(p, 1, 80) : 0,
        .segment_random = prng_chance(p, 1, 3),
        .window = windows[draw_below(p, COUNT_OF(windows))]};
    if (mood < MOOD_FAULTY || !prng_chance(p, 1, 3)) {
        return;
    }
    uint64_t at = prng_range(p, 1, prng_chance(p, 1, 2) ? 400 : 3000);
    switch (draw_below(p, 4)) {
    case 0:
        path->reset_after = at;
        break;
    case 1:
        path->fin_after = at;
        break;
    case 2:
        path->stall_after = at;
        break;
    default:
        path->connect = prng_chance(p, 1, 4) ? (enum sim_connect)draw_below(p, 4) : SIM_CONNECT_OK;
        path->latency_ns = draw_ns(p, 0, 40 * CLOCK_SECOND);
        break;
    }
}

#endif
