/*
 * Replies are written straight into the driver's buffer, behind what is not sent yet, and then
 * shaped in place: changing line ends only ever makes them shorter. Segments are cut when they go
 * out, so that a shape costs nothing while idle.
 */
#include "lib/smtp/server_wire.h"

#include <string.h>

void smtp_server_reply(struct smtp_action *action, int code, const char *enhanced, struct span text)
{
    struct strbuf *out = action->reply;
    struct span rest = text, line;
    char digits[3] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                      (char)('0' + code % 10)};
    action->code = code;
    if (!span_cut(&rest, '\n', &line)) {
        line = (struct span){"", 0};
    }
    for (;;) {
        struct span next;
        bool more = span_cut(&rest, '\n', &next);
        strbuf_add(out, (struct span){digits, 3});
        strbuf_addc(out, more ? '-' : ' ');
        if (enhanced) {
            strbuf_adds(out, enhanced);
            strbuf_addc(out, ' ');
        }
        size_t start = out->len;
        strbuf_add(out, line);
        for (size_t i = start; i < out->len; i++) {
            out->ptr[i] = (unsigned char)out->ptr[i] < ' ' || out->ptr[i] == 127
                              ? '?'
                              : out->ptr[i];
        }
        strbuf_add(out, SPAN("\r\n"));
        if (!more) {
            return;
        }
        line = next;
    }
}

size_t wire_line_ends(char *bytes, size_t len, enum wire_eol eol)
{
    size_t kept = 0;
    if (eol == EOL_NONE) {
        while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
            len--;
        }
        return len;
    }
    for (size_t i = 0; i < len; i++) {
        bool cr = bytes[i] == '\r' && i + 1 < len && bytes[i + 1] == '\n';
        bool lf = bytes[i] == '\n' && i > 0 && bytes[i - 1] == '\r';
        if ((eol == EOL_LF && cr) || (eol == EOL_CR && lf)) {
            continue;
        }
        bytes[kept++] = bytes[i];
    }
    return kept;
}

bool wire_is_shaped(const struct wire_shape *w)
{
    return w && (w->segment != WIRE_AS_IS || w->gap_ns > 0);
}

size_t wire_next_segment(const struct wire_shape *w, const char *held, size_t len)
{
    const char *end = NULL;
    switch (w ? w->segment : WIRE_AS_IS) {
    case WIRE_AS_IS:
        return len;
    case WIRE_PER_BYTE:
        return 1;
    case WIRE_BYTES:
        return w->bytes > 0 && w->bytes < len ? w->bytes : len;
    case WIRE_PER_LINE:
        end = memchr(held, '\n', len);
        break;
    case WIRE_SPLIT_CRLF:
        end = memchr(held, '\r', len);
        break;
    }
    return end ? (size_t)(end - held) + 1 : len;
}
