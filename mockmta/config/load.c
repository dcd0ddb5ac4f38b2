/*
 * load.c - files, personas of personas, and the merge
 *
 * The chain of sources (a case's server, its persona, that one's persona) is read outermost first
 * into a small array and then merged: each single value comes from the outermost source that has
 * it, rules are laid one behind the other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mockmta/config/load.h"

enum { READ_START = 8192 };

/* Grows by doubling: the old pieces stay in the arena until it goes, less than the file once more.
 */
static bool read_stream(struct conf *c, FILE *f, const char *path)
{
    size_t cap = READ_START, len = 0, got;
    char *block = arena_get(c->arena, cap, 1);

    while (block != NULL && (got = fread(block + len, 1, cap - len, f)) > 0) {
        len += got;
        if (len == cap && cap <= CONF_SIZE_MAX) {
            char *larger = arena_get(c->arena, cap * 2, 1);
            if (larger != NULL) {
                memcpy(larger, block, len);
            }
            block = larger;
            cap *= 2;
        }
    }
    if (ferror(f) != 0) {
        return conf_fail(c, NULL, NULL, "cannot be read: %s", strerror(errno));
    }
    if (block == NULL || len > CONF_SIZE_MAX) {
        return conf_fail(c, NULL, NULL, "the file is too large");
    }
    c->text = (struct span){block, len};
    c->file = path;
    return true;
}

bool conf_read_file(struct conf *conf, const char *path)
{
    const char *name = arena_text(conf->arena, span_of(path));
    FILE *f;
    bool ok;

    conf->file = name;
    conf->text = (struct span){"", 0};
    if (name == NULL) {
        return conf_fail(conf, NULL, NULL, "no memory left for \"%.200s\"", path);
    }
    f = fopen(path, "rb");
    if (f == NULL) {
        return conf_fail(conf, NULL, NULL, "cannot be opened: %s", strerror(errno));
    }
    ok = read_stream(conf, f, name);
    (void)fclose(f);
    return ok;
}

/* "dir/postfix-554.yaml" is named postfix-554. */
static const char *base_name(struct conf *c, const char *path)
{
    struct span s = span_of(path);
    size_t slash = span_rchr(s, '/');

    s = span_from(s, slash == SIZE_MAX ? 0 : slash + 1);
    if (span_iends(s, SPAN(".yaml"))) {
        s.len -= 5;
    }
    return arena_text(c->arena, s);
}

static bool load_source(struct conf *c, const char *path, struct server_source *out)
{
    return conf_read_file(c, path) && conf_load(c, &server_table, out) &&
           ((out->own.name = base_name(c, path)) != NULL ||
            conf_fail(c, NULL, NULL, "the file is too large"));
}

static bool can_open(const char *path)
{
    FILE *f = fopen(path, "rb");

    if (f != NULL) {
        (void)fclose(f);
    }
    return f != NULL;
}

static bool find_persona(const struct persona_path *p, const char *name, char *path, size_t cap)
{
    struct strbuf out;

    for (size_t i = 0; i < p->count; i++) {
        strbuf_init(&out, path, cap);
        strbuf_addf(&out, "%s/%s.yaml", p->directory[i], name);
        if (!out.truncated && can_open(path)) {
            return true;
        }
    }
    return false;
}

static bool fail_no_persona(struct conf *c, const struct persona_path *p, const char *name,
                            struct conf_position at)
{
    const char *names[PERSONAS_MAX];
    size_t count = persona_names(p, c->arena, names, PERSONAS_MAX);
    const char *nearest = conf_nearest(name, names, count);
    char memory[128], name_memory[4 * 64 + 1];
    struct strbuf hint, shown;

    strbuf_init(&hint, memory, sizeof memory);
    if (nearest != NULL) {
        strbuf_addf(&hint, "did you mean \"%s\"?", nearest);
    } else if (count > 0) {
        strbuf_adds(&hint, "mockmta --list-personas lists them");
    } else {
        strbuf_adds(&hint, "no directory of personas was found; set RELAYLAB_PERSONAS");
    }
    strbuf_init(&shown, name_memory, sizeof name_memory);
    strbuf_add_visible(&shown, span_to(span_of(name), 64));
    return conf_fail_at(c, at, strlen(name), memory, "no persona named \"%s\"", name_memory);
}

/* An inner file's error becomes the outer one's, whole: it names the file that has to be mended. */
static bool load_persona(struct conf *c, const struct persona_path *p, const char *name,
                         struct conf_position at, struct conf *inner, struct server_source *out)
{
    char path[PERSONA_PATH_MAX + 80];

    if (!find_persona(p, name, path, sizeof path)) {
        (void)fail_no_persona(c, p, name, at);
        return false;
    }
    conf_init(inner, c->arena, path, (struct span){"", 0});
    inner->bindings = c->bindings;
    inner->binding_count = c->binding_count;
    if (load_source(inner, path, out)) {
        return true;
    }
    if (!c->failed) {
        c->failed = true;
        (void)bytes_copy(c->error, sizeof c->error, span_of(inner->error));
    }
    return false;
}

static void merge_text(const char **out, const char *inner)
{
    *out = *out != NULL ? *out : inner;
}

static void merge_texts(struct conf_texts *out, struct conf_texts inner)
{
    if (out->item == NULL) {
        *out = inner;
    }
}

/* Single values of `inner` where `out` has none. */
static void merge_values(struct server_source *out, const struct server_source *inner)
{
    struct server_config *o = &out->own;
    const struct server_config *i = &inner->own;

    merge_text(&o->title, i->title);
    merge_text(&o->why, i->why);
    merge_text(&o->source, i->source);
    merge_text(&o->hostname, i->hostname);
    merge_texts(&o->local_domains, i->local_domains);
    merge_texts(&o->users, i->users);
    merge_texts(&o->extensions, i->extensions);
    merge_texts(&o->listen, i->listen);
    merge_texts(&o->implicit_tls, i->implicit_tls);
    o->tls = o->tls != MOCK_TLS_UNSET ? o->tls : i->tls;
    o->certificate = o->certificate != CERTIFICATE_UNSET ? o->certificate : i->certificate;
    o->tls_max = o->tls_max != TLS_ANY ? o->tls_max : i->tls_max;
    o->handshake = o->handshake != TLS_FAULT_NONE ? o->handshake : i->handshake;
    o->asks = o->asks != TLS_ASKS_NONE ? o->asks : i->asks;
    o->early = o->early != TLS_EARLY_DROPPED ? o->early : i->early;
    o->old_verbs = o->old_verbs || i->old_verbs;
    o->lax_ends = o->lax_ends != 0 ? o->lax_ends : i->lax_ends;
    o->proxy = o->proxy != MOCK_PROXY_UNSET ? o->proxy : i->proxy;
    o->proxy_version = o->proxy_version != 0 ? o->proxy_version : i->proxy_version;
    if (o->networks == NULL) {
        o->networks = i->networks;
        o->network_count = i->network_count;
    }
    if (!out->message_max_set && inner->message_max_set) {
        o->message_max = i->message_max;
        out->message_max_set = true;
    }
    if (!out->errors_max_set && inner->errors_max_set) {
        o->errors_max = i->errors_max;
        out->errors_max_set = true;
    }
    if (!out->idle_set && inner->idle_set) {
        o->idle_ns = i->idle_ns;
        out->idle_set = true;
    }
}

static bool set_texts(struct conf *c, struct conf_texts *out, const char *const *items,
                      size_t count)
{
    if (out->item != NULL) {
        return true;
    }
    out->item = arena_get(c->arena, count, sizeof *out->item);
    out->count = count;
    if (out->item == NULL) {
        return conf_fail(c, NULL, NULL, "the file is too large");
    }
    memcpy(out->item, items, count * sizeof *items);
    return true;
}

static bool apply_defaults(struct conf *c, struct server_source *s)
{
    static const char *const domains[] = {"victim.test"};
    static const char *const listeners[] = {"smtp"};
    static const char *const extensions[] = {"PIPELINING", "SIZE 10485760", "8BITMIME",
                                             "ENHANCEDSTATUSCODES"};

    merge_text(&s->own.name, "mx");
    merge_text(&s->own.hostname, "mx.victim.test");
    if (!s->message_max_set) {
        s->own.message_max = 10485760;
    }
    if (!s->idle_set) {
        s->own.idle_ns = 5 * CLOCK_MINUTE;
    }
    return set_texts(c, &s->own.local_domains, domains, 1) &&
           set_texts(c, &s->own.listen, listeners, 1) &&
           set_texts(c, &s->own.extensions, extensions, sizeof extensions / sizeof extensions[0]);
}

static void add_wires(struct server_config *out, const struct server_source *s, const char *file)
{
    for (size_t i = 0; i < s->wire_count; i++) {
        struct rule *r = &out->rules[out->rule_count++];
        memset(r, 0, sizeof *r);
        r->at = s->wires[i].at;
        r->wire = s->wires[i].shape;
        r->wire_set = true;
        r->go_on = true;
        r->line = s->wires[i].position.line;
        r->file = file;
    }
}

static bool merge_rules(struct conf *c, const struct server_source *chain, const char *const *files,
                        size_t depth, struct server_config *out)
{
    size_t total = 0;

    for (size_t i = 0; i < depth; i++) {
        total += chain[i].wire_count + chain[i].own.rule_count;
    }
    if (total > RULES_MAX) {
        return conf_fail(c, NULL, NULL, "more than %d rules, those of personas included",
                         RULES_MAX);
    }
    out->rules = arena_get(c->arena, total + 1, sizeof *out->rules);
    out->rule_count = 0;
    if (out->rules == NULL) {
        return conf_fail(c, NULL, NULL, "the file is too large");
    }
    for (size_t i = 0; i < depth; i++) {
        add_wires(out, &chain[i], files[i]);
    }
    for (size_t i = 0; i < depth; i++) {
        for (size_t k = 0; k < chain[i].own.rule_count; k++) {
            out->rules[out->rule_count++] = chain[i].own.rules[k];
        }
    }
    for (size_t i = 0; i < out->rule_count; i++) {
        out->rules[i].index = (uint32_t)i;
    }
    return true;
}

static bool is_listener(const struct server_config *s, const char *name)
{
    for (size_t i = 0; i < s->listen.count; i++) {
        if (strcmp(s->listen.item[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Rules may ask for a listener by name only if there is such a one. */
static bool check_listeners(struct conf *c, const struct server_config *s)
{
    static const char hint[] = "add it to listen: [smtp, ...]";
    for (size_t i = 0; i < s->implicit_tls.count; i++) {
        if (!is_listener(s, s->implicit_tls.item[i])) {
            return conf_fail_at(c, (struct conf_position){0, 0}, 1, hint,
                                "implicit_tls names \"%.64s\", which is no listener",
                                s->implicit_tls.item[i]);
        }
    }
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct conf_texts *asked = &s->rules[i].when.listener;
        const struct conf_position at = {s->rules[i].line, 1};
        for (size_t k = 0; k < asked->count; k++) {
            if (!is_listener(s, asked->item[k])) {
                bool ours = s->rules[i].file == c->file;
                return conf_fail_at(c, ours ? at : (struct conf_position){0, 0}, 1, hint,
                                    "a rule asks for listener \"%.64s\", which the server lacks",
                                    asked->item[k]);
            }
        }
    }
    return true;
}

/* chain[0] is given; its personas are read behind it, with the names of their files. Returns how
   many there are now, 0 after an error. */
static size_t read_chain(struct conf *c, const struct persona_path *p, struct server_source *chain,
                         const char **files)
{
    struct conf inner;
    size_t depth = 1;

    while (chain[depth - 1].persona != NULL) {
        const struct server_source *last = &chain[depth - 1];
        struct conf_position at = depth == 1 ? last->persona_at : (struct conf_position){0, 0};
        if (depth == PERSONA_DEPTH_MAX) {
            (void)conf_fail_at(c, chain[0].persona_at, 1, NULL,
                               "personas of personas, more than %d deep", PERSONA_DEPTH_MAX);
            return 0;
        }
        if (!load_persona(c, p, last->persona, at, &inner, &chain[depth])) {
            return 0;
        }
        files[depth++] = inner.file;
    }
    return depth;
}

bool server_resolve(struct conf *conf, const struct persona_path *personas,
                    const struct server_source *source, struct server_config *out)
{
    struct server_source *chain = arena_get(conf->arena, PERSONA_DEPTH_MAX, sizeof *chain);
    const char *files[PERSONA_DEPTH_MAX] = {conf->file};
    struct server_config rules;
    size_t depth;

    if (chain == NULL) {
        return conf_fail(conf, NULL, NULL, "the file is too large");
    }
    chain[0] = *source;
    depth = read_chain(conf, personas, chain, files);
    if (depth == 0 || !merge_rules(conf, chain, files, depth, &rules)) {
        return false;
    }
    for (size_t i = 1; i < depth; i++) {
        merge_text(&chain[0].own.name, chain[i].own.name);
        merge_values(&chain[0], &chain[i]);
    }
    if (!apply_defaults(conf, &chain[0])) {
        return false;
    }
    *out = chain[0].own;
    out->rules = rules.rules;
    out->rule_count = rules.rule_count;
    return check_listeners(conf, out);
}

bool server_load_file(struct conf *conf, const struct persona_path *personas, const char *path,
                      struct server_config *out)
{
    struct server_source source;

    memset(&source, 0, sizeof source);
    return load_source(conf, path, &source) && server_resolve(conf, personas, &source, out);
}

bool server_load_persona(struct conf *conf, const struct persona_path *personas, const char *name,
                         struct server_config *out)
{
    char path[PERSONA_PATH_MAX + 80];

    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name) ||
        !find_persona(personas, name, path, sizeof path)) {
        return fail_no_persona(conf, personas, name, (struct conf_position){0, 0});
    }
    return server_load_file(conf, personas, path, out);
}
