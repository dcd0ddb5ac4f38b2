/*
 * xml.c - one character after the other
 *
 * DEL and U+0080 to U+009F are allowed and left alone but for DEL, which no terminal shows.
 */
#include "lib/base/xml.h"

#include "lib/base/utf8.h"

static const char *entity(char c, bool quoted)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\r':
        return "&#13;";
    case '\n':
        return quoted ? "&#10;" : "\n";
    case '\t':
        return quoted ? "&#9;" : "\t";
    default:
        return NULL;
    }
}

static void add_ascii(struct strbuf *out, char c, bool quoted)
{
    const char *written = entity(c, quoted);

    if (written != NULL)
        strbuf_adds(out, written);
    else if ((unsigned char)c < 0x20 || c == 0x7f)
        strbuf_addf(out, "\\x%02x", (unsigned)(unsigned char)c);
    else
        strbuf_addc(out, c);
}

static void add(struct strbuf *out, struct span s, bool quoted)
{
    while (s.len > 0) {
        size_t len = utf8_len(s);
        struct span c = span_to(s, len);

        if (len == 1)
            add_ascii(out, s.ptr[0], quoted);
        else if (len == 0 || span_equal(c, SPAN("\xef\xbf\xbe")) ||
                 span_equal(c, SPAN("\xef\xbf\xbf")))
            strbuf_adds(out, "\xef\xbf\xbd");
        else
            strbuf_add(out, c);
        s = span_from(s, len > 0 ? len : 1);
    }
}

void xml_add_text(struct strbuf *out, struct span s)
{
    add(out, s, false);
}

void xml_add_quoted(struct strbuf *out, struct span s)
{
    strbuf_addc(out, '"');
    add(out, s, true);
    strbuf_addc(out, '"');
}

void xml_add_attribute(struct strbuf *out, const char *name, struct span value)
{
    strbuf_addf(out, " %s=", name);
    xml_add_quoted(out, value);
}
