/*
 * config_rule.c - the table of a rule, its counters, fate and wire shape
 *
 * Where a struct of the rule language does not have the form of its keys (a bit set, a negated
 * flag, one key that sets three members) the keys are read into a private struct first and moved
 * over.
 */
#include <string.h>

#include "mockmta/queue/alter.h"
#include "mockmta/config/config_tables.h"

const struct conf_name event_names[] = {
    {"any", -1, "every event"},
    {"connect", AT_CONNECT, "the connection came, nothing was said"},
    {"banner", AT_BANNER, "the greeting"},
    {"EHLO", AT_EHLO, "EHLO"},
    {"HELO", AT_HELO, "HELO"},
    {"MAIL", AT_MAIL, "MAIL FROM"},
    {"RCPT", AT_RCPT, "RCPT TO"},
    {"DATA", AT_DATA, "DATA"},
    {"BDAT", AT_BDAT, "BDAT; the last one is an end-of-data, too"},
    {"end-of-data", AT_END_OF_DATA, "the final dot, or the last BDAT"},
    {"RSET", AT_RSET, "RSET"},
    {"NOOP", AT_NOOP, "NOOP"},
    {"VRFY", AT_VRFY, "VRFY"},
    {"AUTH", AT_AUTH, "AUTH"},
    {"STARTTLS", AT_STARTTLS, "STARTTLS"},
    {"QUIT", AT_QUIT, "QUIT"},
    {"unknown", AT_UNKNOWN, "any other command"},
    {NULL, 0, NULL}};

static const struct conf_name segment_names[] = {
    {"as-is", WIRE_AS_IS, "in one write"},
    {"per-line", WIRE_PER_LINE, "a segment for each line"},
    {"per-byte", WIRE_PER_BYTE, "a segment for each byte"},
    {"split-crlf", WIRE_SPLIT_CRLF, "cut between CR and LF"},
    {"bytes", WIRE_BYTES, "segments of `bytes` bytes"},
    {NULL, 0, NULL}};

static const struct conf_name eol_names[] = {
    {"crlf", EOL_CRLF, "as it should be"},
    {"lf", EOL_LF, "LF alone"},
    {"cr", EOL_CR, "CR alone"},
    {"none", EOL_NONE, "the reply's last line end is left off"},
    {NULL, 0, NULL}};

enum then_word { THEN_WORD_421 = THEN_DEAF + 1, THEN_WORD_IGNORE };

static const struct conf_name then_names[] = {
    {"close", THEN_CLOSE, "close the connection (FIN)"},
    {"reset", THEN_RESET, "break it off (RST)"},
    {"421", THEN_WORD_421, "say 421 and close"},
    {"half-close", THEN_HALF_CLOSE, "FIN, then read on without answering"},
    {"stall", THEN_STALL, "never say anything again, keep reading"},
    {"deaf", THEN_DEAF, "never say anything again, and stop reading"},
    {"ignore", THEN_WORD_IGNORE, "no reply to this one"},
    {NULL, 0, NULL}};

static const struct conf_name fate_names[] = {
    {"relay", FATE_RELAY, "by SMTP to the recipient domain's route"},
    {"keep", FATE_KEEP, "in the local mailbox"},
    {"discard", FATE_DISCARD, "silently"},
    {"bounce", FATE_BOUNCE, "a DSN to the reverse-path"},
    {"hold", FATE_HOLD, "until `after`, then relay"},
    {NULL, 0, NULL}};

static const struct conf_name only_names[] = {
    {"all", ONLY_ALL, "every message"},
    {"first", ONLY_FIRST, "the server's first message; later ones are discarded"},
    {NULL, 0, NULL}};

const struct conf_name alter_names[] = {
    {"none", ALTER_NONE, "as it is"},
    {"strip-headers", ALTER_STRIP_HEADERS, "without X- headers and Message-ID"},
    {"autoreply", ALTER_AUTOREPLY, "answered to the reverse-path, quoting it, and not relayed"},
    {"truncate-body", ALTER_TRUNCATE, "the first two lines of the body only"},
    {"attach", ALTER_ATTACH, "as an attachment of another message"},
    {"quoted-printable", ALTER_QUOTED_PRINTABLE, "the body in quoted-printable, in short lines"},
    {"base64", ALTER_BASE64, "the body in base64"},
    {NULL, 0, NULL}};

static const struct conf_name action_names[] = {{"failed", 0, "the message was given up"},
                                                {"delayed", 1, "a warning: the message waits on"},
                                                {NULL, 0, NULL}};

static const struct conf_name nth_names[] = {
    {"command", NTH_COMMAND, "commands of this kind in the session"},
    {"transaction", NTH_TRANSACTION, "transactions of the session"},
    {"connection", NTH_CONNECTION, "connections of the server"},
    {"server", NTH_SERVER, "commands of this kind on the server"},
    {"message", NTH_MESSAGE, "accepted messages of the server"},
    {NULL, 0, NULL}};

static const struct conf_name rewrite_names[] = {
    {"unwrap", REWRITE_UNWRAP, "honour the routing trick: x%X@T becomes x@X"},
    {"decode", REWRITE_DECODE, "undo every trick and encapsulation until a foreign domain stands"},
    {NULL, 0, NULL}};

static const struct conf_name callout_names[] = {
    {"sender", 1, "only if a callout to the reverse-path is refused"}, {NULL, 0, NULL}};

bool parse_at(struct conf *c, const struct conf_node *n, void *target)
{
    unsigned *bits = target;
    size_t count = conf_is_list(n) ? conf_length(n) : 1;

    *bits = 0;
    for (size_t i = 0; i < count; i++) {
        struct conf_node_value memory;
        int value = 0;
        if (!conf_read_enum(c, conf_is_list(n) ? conf_item(n, i, &memory) : n, event_names,
                            &value)) {
            return false;
        }
        *bits |= value < 0 ? RULE_AT_ANY : RULE_AT(value);
    }
    return *bits != 0 || conf_fail(c, n, "for instance [MAIL, RCPT]", "no event is named");
}

/* wire */

static bool check_wire(struct conf *c, const struct conf_node *n, void *target)
{
    struct server_wire *w = target;
    struct wire_shape *s = &w->shape;

    s->bytes = (uint32_t)w->bytes;
    s->stop_after = (uint32_t)w->stop_after;
    if (s->bytes > 0 && s->segment == WIRE_AS_IS) {
        s->segment = WIRE_BYTES;
    }
    if (s->segment == WIRE_BYTES && s->bytes == 0) {
        return conf_fail(c, n, "add bytes: 7", "segment: bytes needs \"bytes\"");
    }
    if (s->bytes > 0 && s->segment != WIRE_BYTES) {
        return conf_fail(c, n, "write segment: bytes", "\"bytes\" goes with segment: bytes only");
    }
    if (s->gap_ns > 0 && s->segment == WIRE_AS_IS) {
        return conf_fail(c, n, "add segment: per-line", "a gap needs segments to stand between");
    }
    return true;
}

#define AT(member) offsetof(struct server_wire, member)
/* clang-format off */
#define SHAPE_FIELDS \
    {.name = "segment", .type = CONF_ENUM, .offset = AT(shape.segment), .names = segment_names, \
     .doc = "how the reply is cut into segments"}, \
    {.name = "gap", .type = CONF_DURATION, .offset = AT(shape.gap_ns), .doc = "between segments", \
     .example = "5ms"}, \
    {.name = "eol", .type = CONF_ENUM, .offset = AT(shape.eol), .names = eol_names, \
     .doc = "how lines end"}, \
    {.name = "bytes", .type = CONF_UINT, .offset = AT(bytes), .min = 1, .max = 8192, \
     .doc = "bytes in each segment"}, \
    {.name = "stop_after", .type = CONF_UINT, \
     .offset = AT(stop_after), .min = 1, .max = UINT32_MAX, \
     .doc = "bytes of the reply after which nothing more is ever sent"}

static const struct conf_field shape_fields[] = {SHAPE_FIELDS};

const struct conf_table shape_table = {
    .name = "wire shape", .doc = "how a reply's bytes go out", .fields = shape_fields,
    .field_count = sizeof shape_fields / sizeof shape_fields[0], .size = sizeof(struct server_wire),
    .check = check_wire,
};
/* clang-format on */

static void wire_defaults(void *target)
{
    ((struct server_wire *)target)->at = RULE_AT_ANY;
}

/* clang-format off */
static const struct conf_field wire_fields[] = {
    {.name = "at", .type = CONF_CUSTOM, .parse = parse_at, .offset = AT(at), .names = event_names,
     .doc = "replies to what: one event or a list; any when not given"},
    SHAPE_FIELDS,
};

const struct conf_table wire_table = {
    .name = "wire entry", .doc = "how the bytes of some replies go out", .fields = wire_fields,
    .field_count = sizeof wire_fields / sizeof wire_fields[0], .size = sizeof(struct server_wire),
    .defaults = wire_defaults, .check = check_wire, .position_offset = AT(position),
};
/* clang-format on */
#undef AT

static bool parse_wire(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule *r = target;
    struct server_wire w;

    if (!conf_read_struct(c, n, &shape_table, &w)) {
        return false;
    }
    r->wire = w.shape;
    r->wire_set = true;
    return true;
}

/* nth */

struct nth_keys {
    int of;
    struct conf_range is;
};

/* clang-format off */
static const struct conf_field nth_fields[] = {
    {.name = "of", .type = CONF_ENUM, .flags = CONF_REQUIRED, .names = nth_names,
     .offset = offsetof(struct nth_keys, of), .doc = "what is counted", .example = "command"},
    {.name = "is", .type = CONF_RANGE, .flags = CONF_REQUIRED,
     .offset = offsetof(struct nth_keys, is),
     .doc = "which of them, from 1", .example = "1"},
};

const struct conf_table nth_table = {
    .name = "counter", .doc = "which of several", .fields = nth_fields, .field_count = 2,
    .size = sizeof(struct nth_keys),
};
/* clang-format on */

static bool parse_nth(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule *r = target;
    struct nth_keys k;

    if (!conf_read_struct(c, n, &nth_table, &k)) {
        return false;
    }
    if (k.is.max == 0) {
        return conf_fail(c, n, "the first is 1", "counting begins with 1");
    }
    r->nth = (struct rule_nth){true, (enum nth_of)k.of, k.is.min, k.is.max};
    return true;
}

/* fate */

struct fate_keys {
    int kind, only, alter, action;
    int64_t after_ns;
    uint64_t copies;
    bool dsn, dsn_set;
    const char *status, *diagnostic;
};

#define AT(member) offsetof(struct fate_keys, member)

/* clang-format off */
static const struct conf_field fate_fields[] = {
    {.name = "do", .type = CONF_ENUM, .flags = CONF_REQUIRED,
     .offset = AT(kind), .names = fate_names,
     .doc = "what becomes of the message", .example = "relay"},
    {.name = "after", .type = CONF_DURATION, .offset = AT(after_ns),
     .doc = "so long after it was accepted"},
    {.name = "copies", .type = CONF_UINT, .offset = AT(copies), .min = 1, .max = 100,
     .doc = "relayed so many times"},
    {.name = "only", .type = CONF_ENUM, .offset = AT(only), .names = only_names,
     .doc = "which messages"},
    {.name = "alter", .type = CONF_ENUM, .offset = AT(alter), .names = alter_names,
     .doc = "what is changed on the way"},
    {.name = "dsn", .type = CONF_BOOL, .offset = AT(dsn), .set_offset = AT(dsn_set),
     .doc = "false: a bounce in free text that quotes the message, instead of a DSN"},
    {.name = "action", .type = CONF_ENUM, .offset = AT(action), .names = action_names,
     .doc = "of the DSN"},
    {.name = "status", .type = CONF_TEXT, .offset = AT(status),
     .doc = "of the bounce", .example = "5.1.1"},
    {.name = "diagnostic", .type = CONF_TEXT, .offset = AT(diagnostic),
     .doc = "text of the bounce"},
};
/* clang-format on */
#undef AT

/* clang-format off */
const struct conf_table fate_table = {
    .name = "fate", .doc = "what becomes of an accepted message", .fields = fate_fields,
    .field_count = sizeof fate_fields / sizeof fate_fields[0], .size = sizeof(struct fate_keys),
};
/* clang-format on */

static bool check_fate(struct conf *c, const struct conf_node *n, const struct fate_keys *k)
{
    bool bounces = k->kind == FATE_BOUNCE, relays = k->kind == FATE_RELAY || k->kind == FATE_HOLD;

    if (k->kind == FATE_HOLD && k->after_ns == 0) {
        return conf_fail(c, n, "write {do: hold, after: 1h}", "hold needs \"after\"");
    }
    if (!bounces && (k->dsn_set || k->action != 0 || k->status != NULL || k->diagnostic != NULL)) {
        return conf_fail(c, n, "write do: bounce",
                         "dsn, action, status and diagnostic belong to a bounce");
    }
    if (k->action != 0 && k->dsn_set && !k->dsn) {
        return conf_fail(c, n, "leave out dsn: false", "free text has no action");
    }
    if (k->status != NULL && (!enhanced_valid(span_of(k->status)) || k->status[0] == '2')) {
        return conf_fail(c, n, "three numbers, the first 4 or 5: 5.1.1",
                         "\"%.32s\" is no status of a failure", k->status);
    }
    if (!relays && (k->copies > 1 || k->only != ONLY_ALL || k->alter != ALTER_NONE)) {
        return conf_fail(c, n, "write do: relay", "copies, only and alter belong to relaying");
    }
    return k->diagnostic == NULL || strstr(k->diagnostic, "${") == NULL ||
           conf_fail(c, n, "write the text itself", "a diagnostic has no ${...}");
}

bool parse_fate(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule *r = target;
    struct fate_keys k;

    memset(&k, 0, sizeof k);
    if (conf_is_scalar(n) ? !conf_read_enum(c, n, fate_names, &k.kind)
                          : !conf_read_struct(c, n, &fate_table, &k)) {
        return false;
    }
    r->fate = (struct rule_fate){
        .kind = (enum fate_kind)k.kind,
        .after_ns = k.after_ns,
        .copies = k.copies > 0 ? (unsigned)k.copies : 1,
        .only = (enum fate_only)k.only,
        .alter = (enum fate_alter)k.alter,
        .quote_token = k.dsn_set && !k.dsn,
        .delayed = k.action == 1,
        .status = k.status,
        .diagnostic = k.diagnostic,
    };
    return check_fate(c, n, &k);
}

/* rule */

static bool parse_then(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule *r = target;
    int value = 0;

    if (!conf_read_enum(c, n, then_names, &value)) {
        return false;
    }
    r->ignore = value == THEN_WORD_IGNORE;
    r->then_421 = value == THEN_WORD_421;
    r->then = r->ignore ? THEN_GO_ON : r->then_421 ? THEN_CLOSE : (enum smtp_then)value;
    return true;
}

static bool parse_callout(struct conf *c, const struct conf_node *n, void *target)
{
    int value = 0;
    bool ok = conf_read_enum(c, n, callout_names, &value);

    ((struct rule *)target)->callout = value == 1;
    return ok;
}

static bool parse_log(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule *r = target;

    r->log = conf_scalar(c, n);
    return r->log != NULL && check_templates(c, n, r->log);
}

#define AT(member) offsetof(struct rule, member)

/* clang-format off */
static const struct conf_field rule_fields[] = {
    {.name = "at", .type = CONF_CUSTOM, .flags = CONF_REQUIRED, .parse = parse_at, .offset = AT(at),
     .names = event_names, .doc = "when the rule is asked: one event or a list", .example = "RCPT"},
    {.name = "when", .type = CONF_STRUCT, .sub = &when_table, .offset = AT(when),
     .doc = "conditions; every one given must hold"},
    {.name = "nth", .type = CONF_CUSTOM, .parse = parse_nth, .sub = &nth_table,
     .doc = "which of several: {of: command, is: 1}"},
    {.name = "times", .type = CONF_UINT, .offset = AT(times), .min = 1,
     .doc = "fires at most so often on one server"},
    {.name = "reply", .type = CONF_CUSTOM, .parse = parse_reply, .sub = &reply_table,
     .doc = "what is answered: text with code, list of texts, or a mapping",
     .example = "550 5.7.1 Relay access denied"},
    {.name = "delay", .type = CONF_DURATION, .offset = AT(delay_ns), .doc = "before the reply",
     .example = "300s"},
    {.name = "then", .type = CONF_CUSTOM, .parse = parse_then, .names = then_names,
     .doc = "after the reply"},
    {.name = "fate", .type = CONF_CUSTOM, .parse = parse_fate, .names = fate_names,
     .sub = &fate_table,
     .doc = "at RCPT: of this recipient; at end-of-data: of all without one of their own"},
    {.name = "rewrite", .type = CONF_ENUM, .offset = AT(rewrite), .names = rewrite_names,
     .doc = "where the relayed recipient goes"},
    {.name = "callout", .type = CONF_CUSTOM, .parse = parse_callout, .names = callout_names,
     .doc = "asks elsewhere first"},
    {.name = "continue", .type = CONF_BOOL, .offset = AT(go_on),
     .doc = "take delay, log, fate and wire; later rules decide the rest"},
    {.name = "log", .type = CONF_CUSTOM, .parse = parse_log,
     .doc = "text for the log when it fires"},
    {.name = "wire", .type = CONF_CUSTOM, .parse = parse_wire, .sub = &shape_table,
     .doc = "how the reply's bytes go out"},
};

const struct conf_table rule_table = {
    .name = "rule", .doc = "one rule: when it is asked, what must hold, what happens",
    .fields = rule_fields, .field_count = sizeof rule_fields / sizeof rule_fields[0],
    .size = sizeof(struct rule), .check = check_rule,
};
/* clang-format on */
