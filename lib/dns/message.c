/*
 * message.c - every length is looked at before it is used
 *
 * Names: a pointer may only lead to an earlier place than the one where the name (or the jump
 * before) began, so following them ends by itself without counting. What is behind a record's data
 * length is never read, whatever the data say.
 */
#include "lib/dns/message.h"

#include <string.h>

enum { CLASS_IN = 1, LABEL_MAX = 63, POINTER = 0xC0 };

enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100, FLAG_RA = 0x0080 };

static uint8_t octet(struct span s, size_t at)
{
    return (uint8_t)s.ptr[at];
}

static bool read_u16(struct dns_reader *r, uint16_t *out)
{
    if (r->message.len - r->at < 2)
        return false;
    *out = (uint16_t)(octet(r->message, r->at) << 8 | octet(r->message, r->at + 1));
    r->at += 2;
    return true;
}

static bool read_u32(struct dns_reader *r, uint32_t *out)
{
    uint16_t high, low;

    if (!read_u16(r, &high) || !read_u16(r, &low))
        return false;
    *out = (uint32_t)high << 16 | low;
    return true;
}

bool dns_read_header(struct dns_reader *r, struct span message, struct dns_header *out)
{
    uint16_t flags;

    *r = (struct dns_reader){.message = message};
    *out = (struct dns_header){.id = 0};
    if (!read_u16(r, &out->id) || !read_u16(r, &flags) || !read_u16(r, &out->questions) ||
        !read_u16(r, &out->answers) || !read_u16(r, &out->authorities) ||
        !read_u16(r, &out->additionals))
        return false;
    out->response = (flags & FLAG_QR) != 0;
    out->opcode = (uint8_t)(flags >> 11 & 15);
    out->authoritative = (flags & FLAG_AA) != 0;
    out->truncated = (flags & FLAG_TC) != 0;
    out->recursion_desired = (flags & FLAG_RD) != 0;
    out->recursion_available = (flags & FLAG_RA) != 0;
    out->rcode = (uint8_t)(flags & 15);
    return true;
}

static bool is_name_octet(char c)
{
    return c > ' ' && c < 127 && c != '.' && c != '\\';
}

/* Puts one label behind the name; false when it is none that is read, or the name gets too long. */
static bool add_label(char *name, size_t *len, struct span label)
{
    if (*len + label.len + (*len > 0) >= DNS_NAME_MAX)
        return false;
    if (*len > 0)
        name[(*len)++] = '.';
    for (size_t i = 0; i < label.len; i++) {
        if (!is_name_octet(label.ptr[i]))
            return false;
        name[(*len)++] = label.ptr[i];
    }
    name[*len] = '\0';
    return true;
}

static bool read_name(struct dns_reader *r, char *name)
{
    struct span m = r->message;
    size_t at = r->at, from = r->at, len = 0;
    bool jumped = false;

    name[0] = '\0';
    while (at < m.len && octet(m, at) != 0) {
        uint8_t head = octet(m, at);

        if (head >= POINTER) {
            if (at + 1 >= m.len)
                return false;
            size_t to = (size_t)(head & ~POINTER) << 8 | octet(m, at + 1);
            if (to >= from)
                return false;
            if (!jumped)
                r->at = at + 2;
            jumped = true;
            at = from = to;
            continue;
        }
        if (head > LABEL_MAX || m.len - at - 1 < head ||
            !add_label(name, &len, (struct span){m.ptr + at + 1, head}))
            return false;
        at += 1u + head;
    }
    if (at >= m.len)
        return false;
    if (!jumped)
        r->at = at + 1;
    return true;
}

bool dns_read_question(struct dns_reader *r, struct dns_record *out)
{
    uint16_t class;

    *out = (struct dns_record){.type = 0};
    return read_name(r, out->owner) && read_u16(r, &out->type) && read_u16(r, &class) &&
           class == CLASS_IN;
}

static bool read_address(struct dns_reader *r, uint8_t family, size_t octets, struct endpoint *out)
{
    *out = (struct endpoint){.family = family};
    if (r->message.len - r->at != octets)
        return false;
    memcpy(out->bytes, r->message.ptr + r->at, octets);
    r->at += octets;
    return true;
}

/* The reader's message ends where the record's data do. */
static bool read_data(struct dns_reader *r, struct dns_record *out)
{
    switch (out->type) {
    case DNS_A:
        return read_address(r, 4, 4, &out->address);
    case DNS_AAAA:
        return read_address(r, 6, 16, &out->address);
    case DNS_CNAME:
        return read_name(r, out->target) && r->at == r->message.len;
    case DNS_MX:
        return read_u16(r, &out->preference) && read_name(r, out->target) &&
               r->at == r->message.len;
    default:
        return true;
    }
}

bool dns_read_record(struct dns_reader *r, struct dns_record *out)
{
    struct dns_reader data;
    uint16_t class, length;

    *out = (struct dns_record){.type = 0};
    if (!read_name(r, out->owner) || !read_u16(r, &out->type) || !read_u16(r, &class) ||
        !read_u32(r, &out->ttl) || !read_u16(r, &length) || r->message.len - r->at < length)
        return false;
    data = (struct dns_reader){.message = span_to(r->message, r->at + length), .at = r->at};
    r->at += length;
    if (class != CLASS_IN)
        out->type = 0;
    return read_data(&data, out);
}

bool dns_name_is_valid(struct span name)
{
    size_t label = 0;

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len >= DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.ptr[i] != '.') {
            if (!is_name_octet(name.ptr[i]) || ++label > LABEL_MAX)
                return false;
        } else if (label == 0) {
            return false;
        } else {
            label = 0;
        }
    }
    return true;
}

static void write_u16(struct strbuf *out, unsigned value)
{
    strbuf_addc(out, (char)(uint8_t)(value >> 8));
    strbuf_addc(out, (char)(uint8_t)value);
}

void dns_write_header(struct strbuf *out, const struct dns_header *h)
{
    unsigned flags = (h->response ? FLAG_QR : 0u) | (unsigned)(h->opcode & 15) << 11 |
                     (h->authoritative ? FLAG_AA : 0u) | (h->truncated ? FLAG_TC : 0u) |
                     (h->recursion_desired ? FLAG_RD : 0u) |
                     (h->recursion_available ? FLAG_RA : 0u) | (unsigned)(h->rcode & 15);

    write_u16(out, h->id);
    write_u16(out, flags);
    for (int i = 0; i < 4; i++)
        write_u16(out, 0);
}

/* The root, "", is written too. */
static bool write_name(struct strbuf *out, struct span name)
{
    struct span label;

    if (name.len > 0 && !dns_name_is_valid(name))
        return false;
    while (span_cut(&name, '.', &label) && label.len > 0) {
        strbuf_addc(out, (char)label.len);
        strbuf_add(out, label);
    }
    strbuf_addc(out, '\0');
    return true;
}

bool dns_write_question(struct strbuf *out, enum dns_type type, struct span name)
{
    if (!write_name(out, name))
        return false;
    write_u16(out, type);
    write_u16(out, CLASS_IN);
    return true;
}

static bool write_owner(struct strbuf *out, struct span owner)
{
    struct dns_reader r = {.message = strbuf_span(out), .at = DNS_HEADER_LEN};
    char first[DNS_NAME_MAX];

    if (r.message.len > DNS_HEADER_LEN && read_name(&r, first) &&
        span_iequal(span_of(first), owner)) {
        write_u16(out, POINTER << 8 | DNS_HEADER_LEN);
        return true;
    }
    return write_name(out, owner);
}

static bool write_data(struct strbuf *out, const struct dns_record *record)
{
    bool v4 = record->type == DNS_A;

    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        strbuf_add(out, (struct span){(const char *)record->address.bytes, v4 ? 4 : 16});
        return record->address.family == (v4 ? 4 : 6);
    case DNS_MX:
        write_u16(out, record->preference);
        return write_name(out, span_of(record->target));
    case DNS_CNAME:
        return write_name(out, span_of(record->target));
    default:
        return false;
    }
}

bool dns_write_record(struct strbuf *out, const struct dns_record *record)
{
    size_t start = out->len, length_at;

    if (!write_owner(out, span_of(record->owner)))
        return false;
    write_u16(out, record->type);
    write_u16(out, CLASS_IN);
    write_u16(out, record->ttl >> 16);
    write_u16(out, record->ttl & 0xFFFF);
    length_at = out->len;
    write_u16(out, 0);
    if (write_data(out, record) && !out->truncated) {
        size_t length = out->len - length_at - 2;

        out->ptr[length_at] = (char)(uint8_t)(length >> 8);
        out->ptr[length_at + 1] = (char)(uint8_t)length;
        return true;
    }
    out->len = start;
    return false;
}

void dns_write_counts(struct strbuf *out, uint16_t questions, uint16_t answers)
{
    if (out->len < DNS_HEADER_LEN)
        return;
    out->ptr[4] = (char)(uint8_t)(questions >> 8);
    out->ptr[5] = (char)(uint8_t)questions;
    out->ptr[6] = (char)(uint8_t)(answers >> 8);
    out->ptr[7] = (char)(uint8_t)answers;
}

bool dns_write_query(struct strbuf *out, uint16_t id, enum dns_type type, struct span name)
{
    dns_write_header(out, &(struct dns_header){.id = id, .recursion_desired = true});
    if (name.len == 0 || !dns_write_question(out, type, name))
        return false;
    dns_write_counts(out, 1, 0);
    return !out->truncated;
}
