/*
 * mock_lab.h - a mock server, its next hop and a client in the simulator; what was said and done as
 * text
 *
 * The server under test is `mx`, written as YAML; mail for canary.test goes to `hop`, another mock.
 * A client says a list of lines, one after each reply; "=TEXT" sends TEXT as a message, "+TEXT"
 * by BDAT, "@DURATION" waits. The transcript has "C: " and "S: " lines, the deeds of both servers
 * are lines like "mx relayed probe@canary.test".
 */
#ifndef RELAYLAB_TESTS_UNIT_MOCK_LAB_H
#define RELAYLAB_TESTS_UNIT_MOCK_LAB_H

#include <stdlib.h>
#include <string.h>

#include "drive/sim/sim.h"
#include "lib/smtp/client.h"
#include "mockmta/config/load.h"
#include "mockmta/mock.h"

enum { LAB_ARENA = 1048576, LAB_TEXT = 65536, LAB_SAY_MAX = 40 };

struct lab;

struct lab_server {
    const char *name;
    struct lab *lab;
    struct server_config config;
    struct mock *mock;
    struct endpoint at;
    char last_content[8192]; /* of the last message kept */
};

struct lab_client {
    struct lab *lab;
    const char *const *say; /* NULL-terminated */
    struct smtp_client client;
    struct link *link;
    bool over;
    enum smtp_outcome outcome;
};

struct lab {
    struct sim *sim;
    struct world *world;
    struct arena arena;
    char *block;
    char text_memory[LAB_TEXT];
    char deeds_memory[LAB_TEXT];
    struct strbuf text;
    struct strbuf deeds;
    struct lab_server mx, hop;
    struct mock_limits limits; /* of mx and hop; all zero: the defaults */
    struct lab_client client;
};

static inline bool lab_is_deed(enum mock_event_kind kind)
{
    return kind == MOCK_ACCEPTED || kind == MOCK_KEPT || kind == MOCK_RELAYED ||
           kind == MOCK_DISCARDED || kind == MOCK_BOUNCED || kind == MOCK_DEFERRED ||
           kind == MOCK_FAILED || kind == MOCK_CALLOUT || kind == MOCK_RULE;
}

static inline void lab_see(void *self, struct mock *m, const struct mock_event *e)
{
    struct lab_server *s = self;
    struct strbuf *out = &s->lab->deeds;
    (void)m;
    if (!lab_is_deed(e->kind)) {
        return;
    }
    strbuf_adds(out, s->name);
    strbuf_addc(out, ' ');
    strbuf_adds(out, mock_event_name(e->kind));
    strbuf_addc(out, ' ');
    if (e->mail != NULL) {
        strbuf_addf(out, "<%.*s> to", (int)e->mail->sender.len, e->mail->sender.ptr);
        for (size_t i = 0; i < e->mail->recipient_count; i++) {
            strbuf_addf(out, " %.*s", (int)e->mail->recipients[i].len, e->mail->recipients[i].ptr);
        }
        bytes_copy(s->last_content, sizeof s->last_content, e->mail->content);
    } else {
        strbuf_add_visible(out, e->text);
    }
    strbuf_addc(out, '\n');
}

static inline void lab_say(struct lab_client *c)
{
    const char *line = *c->say;
    if (line == NULL) {
        smtp_client_close(&c->client);
        return;
    }
    c->say++;
    if (line[0] == '=') {
        smtp_client_body(&c->client, span_of(line + 1));
        return;
    }
    if (line[0] == '+') {
        smtp_client_chunk(&c->client, span_of(line + 1));
        return;
    }
    if (line[0] == '@') {
        int64_t wait = 0;
        assert_true(clock_parse(span_of(line + 1), &wait));
        smtp_client_wait(&c->client, clock_after(c->client.now_ns, wait));
        return;
    }
    strbuf_addf(&c->lab->text, "C: %s\n", line);
    smtp_client_command(&c->client, STEP_OTHER, span_of(line));
}

static inline void lab_next(void *self, struct smtp_client *client, const struct reply *reply)
{
    struct lab_client *c = self;
    (void)client;
    strbuf_adds(&c->lab->text, "S: ");
    reply_print(&c->lab->text, reply);
    strbuf_addc(&c->lab->text, '\n');
    lab_say(c);
}

static inline void lab_done(void *self, struct smtp_client *client, enum smtp_outcome outcome,
                            enum smtp_step step)
{
    struct lab_client *c = self;
    (void)client;
    (void)step;
    c->over = true;
    c->outcome = outcome;
}

static const struct smtp_script lab_script = {.next = lab_next, .done = lab_done};

static inline void lab_server(struct lab *lab, struct lab_server *s, const char *name,
                              const char *yaml, uint8_t host, const struct mock_route *routes,
                              size_t route_count)
{
    struct conf conf;
    struct persona_path none = {.count = 0};
    struct server_source *source = arena_get(&lab->arena, 1, sizeof *source);
    char memory[256];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    conf_init(&conf, &lab->arena, name, span_of(yaml));
    if (!conf_load(&conf, &server_table, source) ||
        !server_resolve(&conf, &none, source, &s->config)) {
        fail_msg("%s", conf.error);
    }
    s->name = name;
    s->lab = lab;
    s->mock = mock_new(lab->world, &s->config, routes, route_count, &lab->limits,
                       (struct mock_observer){.see = lab_see, .self = s});
    assert_non_null(s->mock);
    s->at = (struct endpoint){.family = 4, .bytes = {127, 0, 0, host}, .port = 25};
    assert_true(mock_listen(s->mock, NULL, &s->at, NULL, &error));
}

static inline struct lab *lab_new_limited(const char *mx, const char *hop,
                                          const struct mock_limits *limits)
{
    struct lab *lab = calloc(1, sizeof *lab);
    struct sim_config config = {.seed = 7, .epoch_s = 1795500000};
    assert_non_null(lab);
    lab->sim = sim_new(&config);
    lab->block = malloc(LAB_ARENA);
    assert_non_null(lab->sim);
    lab->limits = *limits;
    assert_non_null(lab->block);
    lab->world = sim_world(lab->sim);
    arena_init(&lab->arena, lab->block, LAB_ARENA);
    strbuf_init(&lab->text, lab->text_memory, sizeof lab->text_memory);
    strbuf_init(&lab->deeds, lab->deeds_memory, sizeof lab->deeds_memory);
    struct mock_route to_hop = {"canary.test", {.family = 4, .bytes = {127, 0, 0, 3}, .port = 25}};
    struct mock_route routes[2] = {to_hop, to_hop};
    routes[1].domain = "*.canary.test";
    lab_server(lab, &lab->mx, "mx", mx, 2, routes, 2);
    if (hop != NULL) {
        lab_server(lab, &lab->hop, "hop", hop, 3, NULL, 0);
    }
    return lab;
}

static inline struct lab *lab_new(const char *mx, const char *hop)
{
    struct mock_limits none = {0};
    return lab_new_limited(mx, hop, &none);
}

/* Says the lines; false when the session ended before the last was answered. Runs the world until
 * `until_ns`. */
static inline bool lab_talk(struct lab *lab, const char *const *say, int64_t run_ns)
{
    struct lab_client *c = &lab->client;
    int64_t now = world_now(lab->world);
    *c = (struct lab_client){.lab = lab, .say = say};
    smtp_client_init(&c->client, &lab_script, c, &smtp_timeouts_rfc5321, now, CLOCK_NEVER);
    c->link = world_connect(lab->world, NULL, &lab->mx.at, smtp_client_machine(&c->client));
    assert_non_null(c->link);
    (void)sim_run(lab->sim, run_ns == CLOCK_NEVER ? CLOCK_NEVER : now + run_ns);
    return c->over && c->outcome == OUTCOME_CLOSED_BY_US;
}

static inline void lab_free(struct lab *lab)
{
    mock_free(lab->mx.mock);
    mock_free(lab->hop.mock);
    sim_free(lab->sim);
    free(lab->block);
    free(lab);
}

#endif
