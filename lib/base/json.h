/*
 * json.h - writes one JSON value into a strbuf (RFC 8259)
 *
 * Commas are placed by the writer. Bytes that are no valid UTF-8 are written as U+FFFD, control
 * characters escaped, so that output is valid whatever a peer sent. Truncation shows in the strbuf.
 * Depth is at most 16 (asserted).
 *
 *     struct json j;
 *     json_init(&j, &buf);
 *     json_open(&j, NULL, '{');
 *     json_text(&j, "verdict", SPAN("open"));
 *     json_close(&j);
 */
#ifndef RELAYLAB_LIB_BASE_JSON_H
#define RELAYLAB_LIB_BASE_JSON_H

#include "lib/base/bytes.h"

enum { JSON_DEPTH_MAX = 16 };

struct json {
    struct strbuf *out;
    unsigned depth;
    char closer[JSON_DEPTH_MAX];
    bool any[JSON_DEPTH_MAX + 1];
};

void json_init(struct json *j, struct strbuf *out);
/* key is NULL inside an array and at the top. */
void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j);
void json_text(struct json *j, const char *key, struct span value);
void json_string(struct json *j, const char *key, const char *value); /* NULL is written as null */
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

#endif
