/*
 * received.c - a walk over words and comments
 *
 * Outside of comments the words "from", "by" and "with" name the word behind them. Inside the
 * clause of "from", comments and brackets are looked through for something that is an address; the
 * first one is taken, since servers put what they saw before what they were told.
 */
#include "lib/smtp/received.h"

#include <string.h>

#include "lib/base/endpoint.h"
#include "lib/smtp/mail.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool ends_piece(char c)
{
    return is_blank(c) || c == '(' || c == ')' || c == '[' || c == ']' || c == ';' || c == ',' ||
           c == '=';
}

/* The next piece of text; brackets, parentheses and semicolons are pieces of their own. */
static bool next_piece(struct span *rest, struct span *piece)
{
    size_t n = 0;
    while (rest->len > 0 && is_blank(rest->ptr[0])) {
        *rest = span_from(*rest, 1);
    }
    if (rest->len == 0) {
        return false;
    }
    while (n < rest->len && !ends_piece(rest->ptr[n])) {
        n++;
    }
    *piece = span_to(*rest, n > 0 ? n : 1);
    *rest = span_from(*rest, piece->len);
    return true;
}

static bool read_address(struct span piece, struct span *address)
{
    struct endpoint parsed;
    if (span_istarts(piece, SPAN("IPv6:"))) {
        piece = span_from(piece, 5);
    }
    if (!endpoint_parse_address(piece, &parsed)) {
        return false;
    }
    *address = piece;
    return true;
}

/* The field may be folded right after the semicolon. */
static struct span trim_folds(struct span s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.ptr[0]) != NULL)
        s = span_from(s, 1);
    return span_trim(s);
}

void received_read(struct span value, struct received *out)
{
    struct span rest = value, piece;
    struct span nobody = {NULL, 0}, unused;
    struct span *names = NULL; /* what the next word is */
    bool in_from = false;
    unsigned depth = 0;
    *out = (struct received){.from = nobody};
    size_t semicolon = span_rchr(value, ';');
    if (semicolon != SIZE_MAX) {
        out->date = trim_folds(span_from(value, semicolon + 1));
        rest = span_to(value, semicolon);
    }
    while (next_piece(&rest, &piece)) {
        bool opens = span_equal(piece, SPAN("("));
        bool closes = span_equal(piece, SPAN(")"));
        depth += opens;
        depth -= closes && depth > 0;
        if (in_from && out->address.len == 0) {
            (void)read_address(piece, &out->address);
        }
        if (opens || closes || depth > 0 || span_equal(piece, SPAN("["))) {
            continue;
        }
        if (names != NULL) {
            *names = names->len == 0 ? piece : *names;
            names = NULL;
        } else if (span_iequal(piece, SPAN("from"))) {
            names = &out->from;
            in_from = true;
        } else if (span_iequal(piece, SPAN("by"))) {
            names = &out->by;
            in_from = false;
        } else if (span_iequal(piece, SPAN("with"))) {
            names = &out->with;
            in_from = false;
        }
    }
    (void)read_address(out->from, out->address.len == 0 ? &out->address : &unused);
}

bool received_next(struct span headers, size_t *at, struct received *out)
{
    struct span value;
    if (!mail_header(headers, SPAN("Received"), *at, &value, at)) {
        return false;
    }
    received_read(value, out);
    return true;
}
