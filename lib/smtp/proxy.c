/*
 * proxy.c - both versions, read and written, after haproxy's doc/proxy-protocol.txt of 2020/03/05
 *
 * A receiver must not guess: what begins like a header and does not go on like one ends the
 * connection (section 2). Addresses of other families than TCP over IP are skipped, as section 2.2
 * wants.
 */
#include "lib/smtp/proxy.h"

#include <assert.h>
#include <string.h>

enum {
    LINE_MAX_V1 = 107, /* with CRLF */
    FIXED_V2 = 16,
    COMMAND_LOCAL = 0x20,
    COMMAND_PROXY = 0x21,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    PORTS = 4,
    PORT_MAX = 65535
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

static struct span signature_v2(void)
{
    return SPAN(signature);
}

static size_t address_len(const struct endpoint *e)
{
    return e->family == 4 ? 4 : 16;
}

/* -- writing */

static void write_v1(struct strbuf *out, const struct endpoint *client,
                     const struct endpoint *server)
{
    strbuf_adds(out, client->family == 4 ? "PROXY TCP4 " : "PROXY TCP6 ");
    endpoint_print_address(out, client);
    strbuf_addc(out, ' ');
    endpoint_print_address(out, server);
    strbuf_addf(out, " %u %u\r\n", client->port, server->port);
}

static void add_port(struct strbuf *out, uint16_t port)
{
    const char bytes[2] = {(char)(port >> 8), (char)(port & 0xff)};
    strbuf_add(out, (struct span){bytes, sizeof bytes});
}

static void write_v2(struct strbuf *out, const struct endpoint *client,
                     const struct endpoint *server)
{
    size_t len = address_len(client);
    strbuf_add(out, signature_v2());
    strbuf_addc(out, COMMAND_PROXY);
    strbuf_addc(out, client->family == 4 ? FAMILY_TCP4 : FAMILY_TCP6);
    add_port(out, (uint16_t)(2 * len + PORTS)); /* the length, also of two octets */
    strbuf_add(out, (struct span){(const char *)client->bytes, len});
    strbuf_add(out, (struct span){(const char *)server->bytes, len});
    add_port(out, client->port);
    add_port(out, server->port);
}

void proxy_write(struct strbuf *out, unsigned version, const struct endpoint *client,
                 const struct endpoint *server)
{
    assert(client->family != 0 && client->family == server->family);
    if (version == 1) {
        write_v1(out, client, server);
    } else {
        write_v2(out, client, server);
    }
}

/* -- reading */

static bool read_address(struct span text, uint8_t family, struct endpoint *out)
{
    return text.len > 0 && text.ptr[0] != '[' && endpoint_parse_address(text, out) &&
           out->family == family;
}

static bool read_port(struct span text, uint16_t *out)
{
    uint64_t value = 0;
    bool ok = text.len > 0 && (text.len == 1 || text.ptr[0] != '0') &&
              span_uint(text, PORT_MAX, &value);
    *out = (uint16_t)value;
    return ok;
}

/* "TCP4 SOURCE DESTINATION PORT PORT", with one space between them. */
static bool read_fields(struct span rest, struct endpoint *client)
{
    struct span family, source, destination, from, to;
    struct endpoint server;
    uint16_t port = 0, server_port = 0;
    bool all = span_cut(&rest, ' ', &family) && span_cut(&rest, ' ', &source) &&
               span_cut(&rest, ' ', &destination) && span_cut(&rest, ' ', &from) &&
               span_cut(&rest, ' ', &to) && rest.ptr == NULL;
    if (!all || (!span_equal(family, SPAN("TCP4")) && !span_equal(family, SPAN("TCP6")))) {
        return false;
    }
    uint8_t number = family.ptr[3] == '4' ? 4 : 6;
    bool ok = read_address(source, number, client) && read_address(destination, number, &server) &&
              read_port(from, &port) && read_port(to, &server_port);
    client->port = port;
    return ok;
}

static enum proxy_reading read_v1(struct span bytes, struct endpoint *client, size_t *used)
{
    struct span head = span_to(bytes, LINE_MAX_V1);
    size_t end = span_find(head, SPAN("\r\n"));
    if (end == SIZE_MAX) {
        return head.len < LINE_MAX_V1 ? PROXY_UNFINISHED : PROXY_WRONG;
    }
    struct span fields = span_from(span_to(head, end), sizeof "PROXY " - 1);
    *used = end + 2;
    if (span_equal(fields, SPAN("UNKNOWN")) || span_starts(fields, SPAN("UNKNOWN "))) {
        return PROXY_UNSAID;
    }
    return read_fields(fields, client) ? PROXY_SAID : PROXY_WRONG;
}

static unsigned octet(struct span bytes, size_t at)
{
    return (unsigned char)bytes.ptr[at];
}

static enum proxy_reading read_v2(struct span bytes, struct endpoint *client, size_t *used)
{
    if (bytes.len < FIXED_V2) {
        return PROXY_UNFINISHED;
    }
    unsigned command = octet(bytes, 12), family = octet(bytes, 13);
    size_t len = octet(bytes, 14) << 8 | octet(bytes, 15);
    if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) || FIXED_V2 + len > PROXY_READ_MAX) {
        return PROXY_WRONG;
    }
    if (bytes.len < FIXED_V2 + len) {
        return PROXY_UNFINISHED;
    }
    *used = FIXED_V2 + len;
    if (command == COMMAND_LOCAL || (family != FAMILY_TCP4 && family != FAMILY_TCP6)) {
        return PROXY_UNSAID;
    }
    *client = (struct endpoint){.family = family == FAMILY_TCP4 ? 4 : 6};
    size_t each = address_len(client);
    if (len < 2 * each + PORTS) {
        return PROXY_WRONG;
    }
    memcpy(client->bytes, bytes.ptr + FIXED_V2, each);
    size_t port = FIXED_V2 + 2 * each;
    client->port = (uint16_t)(octet(bytes, port) << 8 | octet(bytes, port + 1));
    return PROXY_SAID;
}

static bool may_become(struct span bytes, struct span whole)
{
    return bytes.len < whole.len && span_starts(whole, bytes);
}

enum proxy_reading proxy_read(struct span bytes, struct endpoint *client, size_t *used)
{
    *used = 0;
    if (span_starts(bytes, SPAN("PROXY "))) {
        return read_v1(bytes, client, used);
    }
    if (span_starts(bytes, signature_v2())) {
        return read_v2(bytes, client, used);
    }
    return may_become(bytes, SPAN("PROXY ")) || may_become(bytes, signature_v2())
               ? PROXY_UNFINISHED
               : PROXY_NONE;
}

/* -- a machine that says it first */

void proxy_front_init(struct proxy_front *f, struct machine inner, struct span header)
{
    assert(header.len <= sizeof f->header);
    f->inner = inner;
    f->len = header.len;
    memcpy(f->header, header.ptr, header.len);
}

static enum machine_wish front_step(void *self, struct machine_io *io)
{
    struct proxy_front *f = self;
    bool stands = io->peer == PEER_OPEN || io->peer == PEER_FIN;
    if (stands && f->len > 0 && io->out_cap - io->out_len >= f->len) {
        memcpy(io->out + io->out_len, f->header, f->len);
        io->out_len += f->len;
        io->out_ready = io->out_len;
        f->len = 0;
    }
    return f->inner.ops->step(f->inner.self, io);
}

static int64_t front_deadline(const void *self)
{
    const struct proxy_front *f = self;
    return f->inner.ops->deadline(f->inner.self);
}

static void front_ended(void *self)
{
    struct proxy_front *f = self;
    if (f->inner.ops->ended != NULL) {
        f->inner.ops->ended(f->inner.self);
    }
}

static const struct machine_ops front_ops = {"proxy-front", front_step, front_deadline,
                                             front_ended};

struct machine proxy_front_machine(struct proxy_front *f)
{
    return (struct machine){&front_ops, f};
}
