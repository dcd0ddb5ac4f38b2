/*
 * alter.c - one pass over the header section, then the body
 *
 * The encodings are those of RFC 2045 6.7 and 6.8. Lines of quoted-printable are cut far shorter
 * than they may be, so that what a reader looks for in the text lies across a soft line break.
 */
#include "mockmta/queue/alter.h"

#include "lib/smtp/mail.h"

enum { QP_LINE = 24, BASE64_GROUPS = 19, BODY_KEPT_LINES = 2 };

/* A header field and its folded continuation, cut off *rest, line ends included. */
static struct span cut_field(struct span *rest)
{
    size_t len = 0;
    do {
        size_t lf = span_chr(span_from(*rest, len), '\n');
        len = lf == SIZE_MAX ? rest->len : len + lf + 1;
    } while (len < rest->len && (rest->ptr[len] == ' ' || rest->ptr[len] == '\t'));
    struct span field = span_to(*rest, len);
    *rest = span_from(*rest, len);
    return field;
}

static bool is_dropped(struct span field, enum fate_alter how)
{
    switch (how) {
    case ALTER_STRIP_HEADERS:
        return span_istarts(field, SPAN("X-")) || span_istarts(field, SPAN("Message-ID:"));
    case ALTER_QUOTED_PRINTABLE:
    case ALTER_BASE64:
        return span_istarts(field, SPAN("Content-Transfer-Encoding:"));
    case ALTER_NONE:
    case ALTER_AUTOREPLY:
    case ALTER_TRUNCATE:
    case ALTER_ATTACH:
        return false;
    }
    return false;
}

static bool add_headers(struct grow *out, struct span headers, enum fate_alter how)
{
    while (headers.len > 0) {
        struct span field = cut_field(&headers);
        if (!is_dropped(field, how) && !grow_add(out, field)) {
            return false;
        }
    }
    return true;
}

static bool add_first_lines(struct grow *out, struct span body)
{
    struct span line;
    for (unsigned i = 0; i < BODY_KEPT_LINES && body.len > 0; i++) {
        (void)span_cut(&body, '\n', &line);
        if (!grow_add(out, line) || !grow_add(out, SPAN("\n"))) {
            return false;
        }
    }
    return true;
}

static bool add_qp_octet(struct grow *out, char c, bool plain)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char octet = (unsigned char)c;
    char text[3] = {'=', digits[octet >> 4], digits[octet & 15]};
    return plain ? grow_add(out, (struct span){&c, 1}) : grow_add(out, (struct span){text, 3});
}

static bool add_quoted_printable(struct grow *out, struct span body)
{
    size_t column = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < body.len; i++) {
        char c = body.ptr[i];
        if (c == '\r' && i + 1 < body.len && body.ptr[i + 1] == '\n') {
            ok = grow_add(out, SPAN("\r\n"));
            column = 0;
            i++;
            continue;
        }
        bool plain = c > ' ' && c <= '~' && c != '=';
        size_t width = plain ? 1 : 3;
        if (column + width > QP_LINE - 1) {
            ok = grow_add(out, SPAN("=\r\n"));
            column = 0;
        }
        ok = ok && add_qp_octet(out, c, plain);
        column += width;
    }
    return ok;
}

static bool add_base64(struct grow *out, struct span body)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bool ok = true;
    for (size_t i = 0, groups = 1; ok && i < body.len; i += 3, groups++) {
        size_t left = body.len - i;
        unsigned b0 = (unsigned char)body.ptr[i];
        unsigned b1 = left > 1 ? (unsigned char)body.ptr[i + 1] : 0;
        unsigned b2 = left > 2 ? (unsigned char)body.ptr[i + 2] : 0;
        char text[6] = {letters[b0 >> 2], letters[(b0 & 3) << 4 | b1 >> 4], '=', '=', '\r', '\n'};
        if (left > 1) {
            text[2] = letters[(b1 & 15) << 2 | b2 >> 6];
        }
        if (left > 2) {
            text[3] = letters[b2 & 63];
        }
        ok = grow_add(out, (struct span){text, groups % BASE64_GROUPS == 0 ? 6 : 4});
    }
    return ok && grow_add(out, SPAN("\r\n"));
}

/* The whole message becomes a part of a new one, as filters and lists do with what they suspect. */
static bool add_attached(struct grow *out, struct span content)
{
    static const char head[] =
        "From: filter <filter@example.test>\r\n"
        "Subject: a message is attached\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=\"attached\"\r\n"
        "\r\n"
        "--attached\r\n"
        "Content-Type: text/plain\r\n"
        "\r\n"
        "The original message is attached.\r\n"
        "--attached\r\n"
        "Content-Type: message/rfc822\r\n"
        "\r\n";
    return grow_add(out, SPAN(head)) && grow_add(out, content) &&
           grow_add(out, SPAN("\r\n--attached--\r\n"));
}

bool alter_message(struct grow *out, struct span content, enum fate_alter how)
{
    struct span headers, body;
    const struct span empty = SPAN("\r\n");
    mail_split(content, &headers, &body);
    switch (how) {
    case ALTER_NONE:
    case ALTER_AUTOREPLY:
        return grow_add(out, content);
    case ALTER_STRIP_HEADERS:
        return add_headers(out, headers, how) && grow_add(out, span_from(content, headers.len));
    case ALTER_TRUNCATE:
        return grow_add(out, headers) && grow_add(out, empty) && add_first_lines(out, body);
    case ALTER_ATTACH:
        return add_attached(out, content);
    case ALTER_QUOTED_PRINTABLE:
        return add_headers(out, headers, how) &&
               grow_add(out, SPAN("Content-Transfer-Encoding: quoted-printable\r\n\r\n")) &&
               add_quoted_printable(out, body);
    case ALTER_BASE64:
        return add_headers(out, headers, how) &&
               grow_add(out, SPAN("Content-Transfer-Encoding: base64\r\n\r\n")) &&
               add_base64(out, body);
    }
    return false;
}
