/*
 * target.c - an address first, and a name only when it can be no address
 */
#include "probe/target.h"

#include <string.h>

#include "lib/smtp/address.h"

void target_say(struct strbuf *error, const char *what, struct span value)
{
    strbuf_adds(error, what);
    strbuf_adds(error, ": '");
    strbuf_add_visible(error, span_to(value, 120));
    strbuf_adds(error, "': ");
}

static bool read_port(struct span text, uint16_t *port)
{
    uint64_t value = 0;

    if (!span_uint(text, 65535, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* An address with or without port. A lone IPv6 address has no port, so its colons are not mistaken
 * for one. */
static bool read_address(struct target *t, struct span text)
{
    struct endpoint *e = &t->address[0];

    if (endpoint_parse(text, false, e)) {
        t->name = span_to(text, span_rchr(text, ':'));
    } else if (endpoint_parse_address(text, e)) {
        e->port = 25;
        t->name = text;
    } else {
        return false;
    }
    if (t->name.len > 0 && t->name.ptr[0] == '[')
        t->name = (struct span){t->name.ptr + 1, t->name.len - 2};
    t->port = e->port;
    t->address_count = 1;
    return true;
}

/* "10.0.0.256" and the like are wrong addresses, no names (RFC 3696 2: a top-level domain is not
 * all digits). */
static bool ends_in_number(struct span name)
{
    size_t dot = span_rchr(name, '.');
    struct span last = dot == SIZE_MAX ? name : span_from(name, dot + 1);
    uint64_t value;

    return span_uint(last, UINT64_MAX, &value);
}

static bool read_name(struct target *t, struct span text, struct strbuf *error)
{
    size_t colon = span_rchr(text, ':');
    const char *why = "";
    size_t column = 0;

    t->name = span_to(text, colon);
    t->is_name = true;
    t->port = 25;
    if (colon != SIZE_MAX && !read_port(span_from(text, colon + 1), &t->port)) {
        target_say(error, "target", text);
        strbuf_adds(error,
                    "write ADDR:PORT, [ADDR6]:PORT, ADDR or NAME, with a port from 1 to 65535");
        return false;
    }
    if (t->name.len == 0 || t->name.len >= TARGET_NAME_MAX || ends_in_number(t->name) ||
        t->name.ptr[0] == '[' || !address_check_domain(t->name, &why, &column)) {
        target_say(error, "target", text);
        strbuf_adds(
            error,
            "neither an address nor a host name; write ADDR:PORT, [ADDR6]:PORT, ADDR or NAME");
        return false;
    }
    return true;
}

bool target_read(struct target *t, struct span text, struct strbuf *error)
{
    memset(t, 0, sizeof(*t));
    t->text = text;
    return read_address(t, text) || read_name(t, text, error);
}
