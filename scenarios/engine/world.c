/*
 * world.c - a machine with few users, few names and no resolver
 *
 * Users of the host do not exist inside: what an engine does cannot hang on who they are.
 */
#include "scenarios/engine/world.h"

#include <assert.h>
#include <string.h>

static const char base_passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                                  "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
                                  "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n"
                                  "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
static const char base_group[] = "root:x:0:\ndaemon:x:1:\nmail:x:8:\nnogroup:x:65534:\n";
static const char base_hosts[] = "127.0.0.1 localhost\n";
static const char resolver[] = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
#define SWITCHES                                                                      \
    "passwd: files\ngroup: files\nshadow: files\nnetworks: files\nprotocols: files\n" \
    "services: files\nhosts: files"
static const char switches[] = SWITCHES "\n", switches_with_dns[] = SWITCHES " dns\n";

static bool add_network(struct network *list, size_t *count, const char *cidr)
{
    if (!network_parse(span_of(cidr), &list[*count]))
        return false;
    (*count)++;
    return true;
}

void engine_world_init(struct engine_world *w)
{
    *w = (struct engine_world){.hostname = "mx.victim.test"};
    strbuf_init(&w->passwd, w->passwd_text, sizeof w->passwd_text);
    strbuf_init(&w->group, w->group_text, sizeof w->group_text);
    strbuf_init(&w->hosts, w->hosts_text, sizeof w->hosts_text);
    strbuf_adds(&w->passwd, base_passwd);
    strbuf_adds(&w->group, base_group);
    strbuf_adds(&w->hosts, base_hosts);
    (void)add_network(w->routed, &w->config.routed_count, "198.51.100.0/24");
    (void)add_network(w->routed, &w->config.routed_count, "203.0.113.0/24");
}

static void add_lines(struct strbuf *out, const struct conf_texts *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        struct span line = span_of(lines->item[i]);

        if (span_find(strbuf_span(out), line) != SIZE_MAX)
            continue;
        strbuf_add(out, line);
        strbuf_addc(out, '\n');
    }
}

static bool has_place(const struct engine_world *w, const char *place)
{
    for (size_t i = 0; i < w->config.place_count; i++)
        if (strcmp(w->places[i], place) == 0)
            return true;
    return false;
}

void engine_world_engine(struct engine_world *w, const struct engine *e)
{
    add_lines(&w->passwd, &e->users);
    add_lines(&w->group, &e->groups);
    for (size_t i = 0; i < e->places.count; i++)
        if (w->config.place_count < ENGINE_WORLD_PLACES && !has_place(w, e->places.item[i]))
            w->places[w->config.place_count++] = e->places.item[i];
    if (!e->one_user)
        w->config.many_users = true;
}

void engine_world_server(struct engine_world *w, unsigned index, const char *hostname)
{
    struct network *n = &w->addresses[w->config.address_count];
    char text[ENDPOINT_TEXT_MAX];
    struct strbuf address;

    assert(w->config.address_count < ENGINE_WORLD_SERVERS);
    engine_world_address(index, &n->base);
    n->prefix_bits = w->config.address_count == 0 ? 24 : 32; /* the first has neighbours */
    w->config.address_count++;
    strbuf_init(&address, text, sizeof text);
    endpoint_print_address(&address, &n->base);
    engine_world_host(w, text, hostname);
}

void engine_world_host(struct engine_world *w, const char *address, const char *name)
{
    if (w->hosts.len + 1 == sizeof base_hosts)
        (void)bytes_copy(w->hostname, sizeof w->hostname, span_of(name));
    strbuf_addf(&w->hosts, "%s %s\n", address, name);
}

bool engine_world_network(struct engine_world *w, const char *cidr)
{
    const size_t room = sizeof w->routed / sizeof w->routed[0];

    return w->config.routed_count < room && add_network(w->routed, &w->config.routed_count, cidr);
}

const struct namespace_config *engine_world_config(struct engine_world *w)
{
    const struct namespace_file files[ENGINE_WORLD_FILES] = {
        {"/etc/passwd", w->passwd_text},
        {"/etc/group", w->group_text},
        {"/etc/hosts", w->hosts_text},
        {"/etc/resolv.conf", resolver},
        {"/etc/nsswitch.conf", w->has_dns ? switches_with_dns : switches},
        {"/etc/mailname", w->hostname},
    };

    memcpy(w->files, files, sizeof files);
    (void)endpoint_parse_address(SPAN(ENGINE_OUTSIDE), &w->config.asker);
    w->config.hostname = w->hostname;
    w->config.files = w->files;
    w->config.file_count = ENGINE_WORLD_FILES;
    w->config.places = w->places;
    w->config.addresses = w->addresses;
    w->config.routed = w->routed;
    return &w->config;
}

void engine_world_address(unsigned index, struct endpoint *at)
{
    bool ok = endpoint_parse_address(SPAN(ENGINE_ADDRESS), at);

    assert(ok && index < 100);
    at->bytes[3] = (uint8_t)(at->bytes[3] + index);
}
