/*
 * config_reply.c - `reply:` in its three shapes
 *
 * A text "550 5.7.1 no" (a block of several lines too), a list of texts, or a mapping. In the first
 * two each line may repeat the code, as replies look on the wire, or leave it out. An enhanced code
 * that all lines share is kept apart, so that rules and logs can see it; where the lines differ it
 * simply stays in the texts, which gives the same bytes.
 */
#include <string.h>

#include "mockmta/config/config_tables.h"

static const char *const template_names[] = {
    "rcpt", "sender", "helo", "hostname", "client", "queue_id", "arg", "domain", "banner_date",
};

enum { TEMPLATE_COUNT = sizeof template_names / sizeof template_names[0], REPLY_TEXT_TOTAL = 6000 };

struct reply_keys {
    uint64_t code;
    const char *enhanced, *text, *raw;
    struct conf_texts lines;
    uint64_t repeat;
};

#define AT(member) offsetof(struct reply_keys, member)

/* clang-format off */
static const struct conf_field reply_fields[] = {
    {.name = "code", .type = CONF_UINT, .offset = AT(code), .min = 200, .max = 599,
     .doc = "reply code; with raw, what the session's state follows"},
    {.name = "enhanced", .type = CONF_TEXT, .offset = AT(enhanced),
     .doc = "enhanced code, RFC 3463",
     .example = "5.7.1"},
    {.name = "text", .type = CONF_TEXT, .offset = AT(text), .doc = "text, one line or a block"},
    {.name = "lines", .type = CONF_TEXTS, .offset = AT(lines), .doc = "texts, one for each line"},
    {.name = "raw", .type = CONF_TEXT, .offset = AT(raw),
     .doc = "exact bytes, with \\r \\n \\t \\0 \\\\ \\xHH; no templates"},
    {.name = "repeat", .type = CONF_UINT, .offset = AT(repeat), .min = 1, .max = 1000000,
     .doc = "the first line (or raw) is sent so many times"},
};

const struct conf_table reply_table = {
    .name = "reply", .doc = "what is answered", .fields = reply_fields,
    .field_count = sizeof reply_fields / sizeof reply_fields[0], .size = sizeof(struct reply_keys),
};
/* clang-format on */

static bool fail_template(struct conf *c, const struct conf_node *n, const char *word)
{
    const char *nearest = conf_nearest(word, template_names, TEMPLATE_COUNT);
    char memory[160];
    struct strbuf hint;

    strbuf_init(&hint, memory, sizeof memory);
    if (nearest != NULL) {
        strbuf_addf(&hint, "did you mean ${%s}?", nearest);
    }
    for (size_t i = 0; nearest == NULL && i < TEMPLATE_COUNT; i++) {
        strbuf_addf(&hint, "%s%s", i > 0 ? ", " : "one of: ", template_names[i]);
    }
    return conf_fail(c, n, memory, "unknown name ${%s}", word);
}

bool check_templates(struct conf *c, const struct conf_node *n, const char *text)
{
    struct span rest = span_of(text);
    size_t start;

    while ((start = span_find(rest, SPAN("${"))) != SIZE_MAX) {
        struct span name = span_from(rest, start + 2);
        size_t close = span_chr(name, '}');
        char word[32];
        bool known = false;
        if (close == SIZE_MAX) {
            return conf_fail(c, n, "close it: ${rcpt}", "\"${\" without \"}\"");
        }
        rest = span_from(name, close + 1);
        (void)bytes_copy(word, sizeof word, span_to(name, close));
        for (size_t i = 0; i < TEMPLATE_COUNT; i++) {
            known = known || strcmp(word, template_names[i]) == 0;
        }
        if (!known) {
            return fail_template(c, n, word);
        }
    }
    return true;
}

static bool digits_between(struct span s, size_t least, size_t most)
{
    uint64_t value;

    return s.len >= least && s.len <= most && span_uint(s, 999, &value);
}

bool enhanced_valid(struct span s)
{
    struct span rest = s, class_, subject, detail;

    return span_cut(&rest, '.', &class_) && span_cut(&rest, '.', &subject) &&
           span_cut(&rest, '.', &detail) && rest.ptr == NULL && class_.len == 1 &&
           strchr("245", class_.ptr[0]) != NULL && digits_between(subject, 1, 3) &&
           digits_between(detail, 1, 3);
}

/* "250 text", "250-text" or "250": the code and what follows it. */
static bool split_code(struct span line, int *code, struct span *rest)
{
    uint64_t value;

    if (!span_uint(span_to(line, 3), 999, &value) || line.len < 3 ||
        (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')) {
        return false;
    }
    *code = (int)value;
    *rest = span_from(line, 4);
    return true;
}

static bool fail_code(struct conf *c, const struct conf_node *n)
{
    return conf_fail(c, n, "write a code from 200 to 599 and a text: 550 5.7.1 no",
                     "a reply begins with its code");
}

static bool add_line(struct conf *c, const struct conf_node *n, struct rule_reply *r,
                     struct span line)
{
    char *text;

    if (r->line_count == RULE_REPLY_LINES_MAX) {
        return conf_fail(c, n, "a long reply is made with {text: ..., repeat: 1000}",
                         "more than %d lines", RULE_REPLY_LINES_MAX);
    }
    text = arena_text(c->arena, line);
    if (text == NULL) {
        return conf_fail(c, n, NULL, "the file is too large");
    }
    r->lines[r->line_count++] = text;
    return check_templates(c, n, text);
}

/* One piece of the scalar and list shapes: code taken off. */
static bool add_coded_line(struct conf *c, const struct conf_node *n, struct rule_reply *r,
                           struct span line)
{
    int code = 0;
    struct span text = line;
    bool coded = split_code(line, &code, &text);

    if (r->line_count == 0) {
        if (!coded || code < 200 || code > 599) {
            return fail_code(c, n);
        }
        r->code = code;
    } else if (coded && code != r->code) {
        return conf_fail(c, n, "where that is meant, write {raw: '250-a\\r\\n550 b\\r\\n'}",
                         "lines with different codes: %d and %d", r->code, code);
    }
    return add_line(c, n, r, text);
}

static bool add_text(struct conf *c, const struct conf_node *n, struct rule_reply *r,
                     struct span text, bool coded)
{
    struct span rest = text, line;

    if (rest.len > 0 && rest.ptr[rest.len - 1] == '\n') {
        rest.len--;
    }
    while (span_cut(&rest, '\n', &line)) {
        if (!(coded ? add_coded_line(c, n, r, line) : add_line(c, n, r, line))) {
            return false;
        }
    }
    return r->line_count > 0 || fail_code(c, n);
}

static struct span leading_enhanced(const char *text)
{
    struct span s = span_of(text);
    struct span word = span_to(s, span_chr(s, ' '));

    return enhanced_valid(word) ? word : (struct span){NULL, 0};
}

static bool fail_class(struct conf *c, const struct conf_node *n, struct span enhanced, int code)
{
    return conf_fail(c, n, "where that is meant, write {raw: '550 2.1.5 Ok\\r\\n'}",
                     "enhanced code %.*s does not go with %d", (int)enhanced.len, enhanced.ptr,
                     code);
}

/* Takes an enhanced code off all lines when they share it. */
static bool lift_enhanced(struct conf *c, const struct conf_node *n, struct rule_reply *r)
{
    struct span first = leading_enhanced(r->lines[0]);

    if (first.len == 0) {
        return true;
    }
    for (size_t i = 0; i < r->line_count; i++) {
        struct span e = leading_enhanced(r->lines[i]);
        if (e.len > 0 && e.ptr[0] - '0' != r->code / 100) {
            return fail_class(c, n, e, r->code);
        }
        if (!span_equal(e, first)) {
            return true;
        }
    }
    r->enhanced = arena_text(c->arena, first);
    for (size_t i = 0; i < r->line_count; i++) {
        r->lines[i] += first.len;
        r->lines[i] += r->lines[i][0] == ' ';
    }
    return r->enhanced != NULL || conf_fail(c, n, NULL, "the file is too large");
}

static bool parse_coded(struct conf *c, const struct conf_node *n, struct rule_reply *r)
{
    size_t count = conf_is_list(n) ? conf_length(n) : 1;

    if (count == 0) {
        return fail_code(c, n);
    }
    for (size_t i = 0; i < count; i++) {
        struct conf_node_value memory;
        const struct conf_node *item = conf_is_list(n) ? conf_item(n, i, &memory) : n;
        const char *text = conf_scalar(c, item);
        if (text == NULL || !add_text(c, item, r, span_of(text), true)) {
            return false;
        }
    }
    return lift_enhanced(c, n, r);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *found;

    c = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* Undoes one escape at text[0] == '\\'; returns its length, 0 when it is none. */
static size_t unescape(const char *text, char *out)
{
    static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
    const char *simple = text[1] != '\0' ? strchr(from, text[1]) : NULL;

    if (simple != NULL) {
        *out = to[simple - from];
        return 2;
    }
    if (text[1] == 'x' && hex_digit(text[2]) >= 0 && hex_digit(text[3]) >= 0) {
        *out = (char)(unsigned char)(hex_digit(text[2]) * 16 + hex_digit(text[3]));
        return 4;
    }
    return 0;
}

static bool set_raw(struct conf *c, const struct conf_node *n, struct rule_reply *r,
                    const char *text)
{
    char *out = arena_get(c->arena, strlen(text) + 1, 1);
    int code = 0;
    struct span rest;

    if (out == NULL) {
        return conf_fail(c, n, NULL, "the file is too large");
    }
    for (size_t i = 0; text[i] != '\0';) {
        size_t len = text[i] == '\\' ? unescape(text + i, &out[r->raw_len]) : 1;
        if (len == 0) {
            return conf_fail(c, n, "known: \\r \\n \\t \\0 \\\\ \\xHH",
                             "unknown escape \"%.2s\" in raw bytes", text + i);
        }
        if (text[i] != '\\') {
            out[r->raw_len] = text[i];
        }
        r->raw_len++;
        i += len;
    }
    r->raw = out;
    if (r->code == 0 &&
        split_code((struct span){out, r->raw_len < 4 ? r->raw_len : 4}, &code, &rest)) {
        r->code = code;
    }
    return true;
}

static bool check_mapping(struct conf *c, const struct conf_node *n, const struct reply_keys *k)
{
    bool texts = k->text != NULL || k->lines.count > 0;

    if (k->raw != NULL && (texts || k->enhanced != NULL)) {
        return conf_fail(c, n, "raw is the whole reply", "raw and text exclude each other");
    }
    if (k->text != NULL && k->lines.count > 0) {
        return conf_fail(c, n, NULL, "text and lines exclude each other");
    }
    if (k->raw == NULL && k->code == 0) {
        return conf_fail(c, n, "add code: 550", "a reply needs \"code\" or \"raw\"");
    }
    if (k->enhanced != NULL && !enhanced_valid(span_of(k->enhanced))) {
        return conf_fail(c, n, "three numbers, the first 2, 4 or 5: 5.7.1",
                         "\"%.32s\" is no enhanced code", k->enhanced);
    }
    if (k->enhanced != NULL && (unsigned)(k->enhanced[0] - '0') != k->code / 100) {
        return fail_class(c, n, span_of(k->enhanced), (int)k->code);
    }
    return true;
}

static bool parse_mapping(struct conf *c, const struct conf_node *n, struct rule_reply *r)
{
    struct reply_keys k;

    if (!conf_read_struct(c, n, &reply_table, &k) || !check_mapping(c, n, &k)) {
        return false;
    }
    r->code = (int)k.code;
    r->enhanced = k.enhanced;
    r->repeat = (uint32_t)k.repeat;
    if (k.raw != NULL) {
        return set_raw(c, n, r, k.raw);
    }
    for (size_t i = 0; i < k.lines.count; i++) {
        if (!add_line(c, n, r, span_of(k.lines.item[i]))) {
            return false;
        }
    }
    return k.lines.count > 0 || add_text(c, n, r, span_of(k.text != NULL ? k.text : ""), false);
}

bool parse_reply(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule_reply *r = &((struct rule *)target)->reply;
    size_t total = 0;

    r->set = true;
    if (!(conf_is_map(n) ? parse_mapping(c, n, r) : parse_coded(c, n, r))) {
        return false;
    }
    for (size_t i = 0; i < r->line_count; i++) {
        total += strlen(r->lines[i]) + 16;
    }
    return total <= REPLY_TEXT_TOTAL || conf_fail(c, n, "a long reply is made with repeat",
                                                  "more than %d bytes", REPLY_TEXT_TOTAL);
}
