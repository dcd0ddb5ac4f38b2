/*
 * mailbox_url.c - a table of schemes, each with the reader of what stands behind it
 *
 * Errors about remote mailboxes repeat nothing of the URL: whoever mistypes one with a password in
 * it must not find that in a terminal's history. An `@` counts as the end of the user wherever it
 * stands, the last one wins, and a colon before it is taken for a password whatever else it could
 * have been.
 */
#include "probe/home/mailbox_url.h"

#include <string.h>

struct scheme {
    const char *name; /* with its colon, and slashes where they belong to it */
    enum mailbox_kind kind;
    uint16_t port;
};

static const struct scheme schemes[] = {
    {"sink://", MAILBOX_SINK, 0},     {"maildir:", MAILBOX_MAILDIR, 0},
    {"mbox:", MAILBOX_MBOX, 0},       {"pop3://", MAILBOX_POP3, 110},
    {"pop3s://", MAILBOX_POP3S, 995}, {"imap://", MAILBOX_IMAP, 143},
    {"imaps://", MAILBOX_IMAPS, 993}};

enum { SCHEME_COUNT = sizeof(schemes) / sizeof(schemes[0]) };

static bool complain(struct strbuf *error, const char *sentence)
{
    strbuf_adds(error, sentence);
    return false;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return found == NULL ? -1 : (int)(found - digits);
}

/* Percent-decoded. False: too long, a malformed escape, or an octet that is no printable ASCII. */
static bool decode(char *to, size_t cap, struct span from)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        char c = from.ptr[i];
        if (c == '%') {
            bool whole = from.len - i > 2;
            int high = whole ? hex_value(from.ptr[i + 1]) : -1;
            int low = whole ? hex_value(from.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c > 0x7e || len + 1 >= cap)
            return false;
        to[len++] = c;
    }
    to[len] = '\0';
    return true;
}

static bool read_path(struct mailbox_url *u, struct span rest, struct strbuf *error)
{
    if (rest.len == 0)
        return complain(error, "a path is missing, as in maildir:/home/me/Maildir");
    if (!bytes_copy(u->path, sizeof(u->path), rest))
        return complain(error, "the path is too long");
    return true;
}

static bool read_sink(struct mailbox_url *u, struct span rest, struct strbuf *error)
{
    if (endpoint_parse(rest, false, &u->at))
        return true;
    return complain(error, "sink:// wants ADDR:PORT, as in sink://192.0.2.1:25");
}

static bool is_host_text(struct span host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool fits = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == '.' || c == '_';
        if (!fits)
            return false;
    }
    return host.len > 0 && host.ptr[0] != '-';
}

/* HOST, HOST:PORT, [ADDR6] or [ADDR6]:PORT. */
static bool read_host(struct mailbox_url *u, struct span text, struct strbuf *error)
{
    struct endpoint address;
    struct span host = text, after = {NULL, 0};
    uint64_t port = u->port;
    bool bracket = text.len > 0 && text.ptr[0] == '[';
    size_t end = span_chr(text, bracket ? ']' : ':');
    if (end != SIZE_MAX) {
        host = span_to(text, end);
        after = span_from(text, bracket ? end + 1 : end);
    }
    if (bracket) {
        host = span_from(host, 1);
        if (end == SIZE_MAX || !endpoint_parse_address(host, &address) || address.family != 6)
            return complain(error, "between [ and ] stands an IPv6 address");
    } else if (!is_host_text(host)) {
        return complain(error, "a host's name or address is missing or malformed");
    }
    if (after.len > 0 &&
        (after.ptr[0] != ':' || !span_uint(span_from(after, 1), 65535, &port) || port == 0))
        return complain(error, "behind the host stands a colon and a port from 1 to 65535");
    u->port = (uint16_t)port;
    if (!bytes_copy(u->host, sizeof(u->host), host))
        return complain(error, "the host's name is too long");
    return true;
}

static bool is_imap(enum mailbox_kind kind)
{
    return kind == MAILBOX_IMAP || kind == MAILBOX_IMAPS;
}

static bool read_folder(struct mailbox_url *u, struct span rest, struct strbuf *error)
{
    struct span folder = span_from(rest, 1); /* without the slash */
    if (!is_imap(u->kind) && folder.len > 0)
        return complain(error, "a POP3 mailbox has no folders");
    if (span_chr(rest, '?') != SIZE_MAX || span_chr(rest, '#') != SIZE_MAX)
        return complain(error, "? and # have no meaning in a mailbox's URL; write %3F and %23");
    if (!decode(u->path, sizeof(u->path), folder))
        return complain(error, "the folder must be printable ASCII (other letters in IMAP's "
                               "modified UTF-7), with % as %25");
    if (is_imap(u->kind) && folder.len == 0)
        (void)bytes_copy(u->path, sizeof(u->path), SPAN("INBOX"));
    return true;
}

static bool read_remote(struct mailbox_url *u, struct span rest, struct strbuf *error)
{
    size_t at = span_rchr(rest, '@');
    if (at != SIZE_MAX) {
        struct span user = span_to(rest, at);
        if (span_chr(user, ':') != SIZE_MAX)
            return complain(error, "a password does not belong into a URL, where every user of "
                                   "this host can read it; give it by --password-file, "
                                   "RELAYPROBE_PASSWORD or ~/.netrc (a colon in a user is %3A, "
                                   "an @ in a folder %40)");
        if (user.len == 0 || span_chr(user, '/') != SIZE_MAX ||
            !decode(u->user, sizeof(u->user), user))
            return complain(error, "the user is empty, too long or not printable ASCII; write "
                                   "/ as %2F, % as %25, and an @ in a folder as %40");
        rest = span_from(rest, at + 1);
    }
    size_t slash = span_chr(rest, '/');
    return read_host(u, span_to(rest, slash), error) &&
           read_folder(u, slash == SIZE_MAX ? (struct span){NULL, 0} : span_from(rest, slash),
                       error);
}

bool mailbox_url_is_remote(const struct mailbox_url *u)
{
    return u->kind != MAILBOX_SINK && u->kind != MAILBOX_MAILDIR && u->kind != MAILBOX_MBOX;
}

bool mailbox_url_parse(struct mailbox_url *u, struct span text, struct strbuf *error)
{
    *u = (struct mailbox_url){.text = text};
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return complain(error, "a control character in a mailbox's URL");
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct span name = span_of(schemes[i].name);
        if (!span_istarts(text, name))
            continue;
        u->kind = schemes[i].kind;
        u->port = schemes[i].port;
        if (u->kind == MAILBOX_SINK)
            return read_sink(u, span_from(text, name.len), error);
        return mailbox_url_is_remote(u) ? read_remote(u, span_from(text, name.len), error)
                                        : read_path(u, span_from(text, name.len), error);
    }
    return complain(error, "a mailbox is sink://ADDR:PORT, maildir:/PATH, mbox:/PATH, "
                           "pop3[s]://USER@HOST or imap[s]://USER@HOST[/FOLDER]");
}
