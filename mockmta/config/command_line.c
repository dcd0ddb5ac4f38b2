/*
 * A table of options, one row each (lib/conf/words.h). Options that may stand once only are errors
 * the second time.
 */
#include "mockmta/config/command_line.h"

#include <string.h>

#include "lib/conf/words.h"
#include "lib/smtp/address.h"

struct reader {
    struct command_line *c;
    struct strbuf *error;
    const char *option;
    char *value;
};

struct option_row {
    const char *name;
    const char *argument; /* NULL: takes none */
    bool (*read)(struct reader *r);
    bool repeats;
    const char *help;
};

static bool wrong(struct reader *r, const char *allowed)
{
    return words_wrong(r->option, span_of(r->value), allowed, r->error);
}

static bool read_path(struct reader *r, const char **to)
{
    if (r->value[0] == '\0') {
        return wrong(r, "a path is wanted");
    }
    *to = r->value;
    return true;
}

static bool read_persona(struct reader *r)
{
    return r->value[0] == '\0' ? wrong(r, "a persona's name is wanted; --list-personas lists them")
                               : read_path(r, &r->c->persona);
}

static bool read_config(struct reader *r)
{
    return read_path(r, &r->c->config);
}

static bool read_log(struct reader *r)
{
    return read_path(r, &r->c->log);
}

static bool read_save(struct reader *r)
{
    return read_path(r, &r->c->save);
}

/* Splits NAME=REST in place; the name is NULL when there is no "=". */
static char *split(char *value, const char **name)
{
    char *equals = strchr(value, '=');
    *name = NULL;
    if (equals == NULL) {
        return value;
    }
    *equals = '\0';
    *name = value;
    return equals + 1;
}

static bool read_listen(struct reader *r)
{
    struct command_line *c = r->c;
    if (c->listen_count == COMMAND_LISTEN_MAX) {
        return wrong(r, "no more than 64 listeners");
    }
    struct command_listen *l = &c->listen[c->listen_count];
    struct endpoint at;
    struct span address = span_of(r->value);
    size_t equals = span_chr(address, '=');
    if (!endpoint_parse(span_from(address, equals == SIZE_MAX ? 0 : equals + 1), true, &at)) {
        return wrong(
            r, "[NAME=]ADDR:PORT is wanted, as 127.0.0.1:2525 or [::1]:0 (port 0: any free one)");
    }
    (void)split(r->value, &l->name);
    l->at = at;
    c->listen_count++;
    return true;
}

static bool domain_is_fine(struct span domain)
{
    const char *why;
    size_t column;
    if (span_starts(domain, SPAN("*."))) {
        domain = span_from(domain, 2);
    } else if (span_equal(domain, SPAN("*"))) {
        return true;
    }
    return address_check_domain(domain, &why, &column);
}

static bool read_route(struct reader *r)
{
    static const char wanted[] =
        "DOMAIN=ADDR:PORT is wanted, as canary.test=127.0.0.1:2525 (or *.test=..., *=...)";
    struct command_line *c = r->c;
    struct span text = span_of(r->value);
    size_t equals = span_chr(text, '=');
    struct endpoint to;
    if (c->route_count == COMMAND_ROUTES_MAX) {
        return wrong(r, "no more than 256 routes");
    }
    if (equals == SIZE_MAX || !domain_is_fine(span_to(text, equals)) ||
        !endpoint_parse(span_from(text, equals + 1), false, &to)) {
        return wrong(r, wanted);
    }
    struct mock_route *route = &c->route[c->route_count++];
    (void)split(r->value, &route->domain);
    route->to = to;
    return true;
}

static bool read_exit_after(struct reader *r)
{
    return (span_uint(span_of(r->value), 1000000000, &r->c->exit_after) && r->c->exit_after > 0) ||
           wrong(r, "a number of messages is wanted, 1 to 1000000000");
}

static bool read_allow_public(struct reader *r)
{
    r->c->allow_public = true;
    return true;
}

static bool read_list(struct reader *r)
{
    r->c->mode = COMMAND_LIST;
    return true;
}

static bool read_explain(struct reader *r)
{
    r->c->mode = COMMAND_EXPLAIN;
    return read_persona(r);
}

static bool read_version(struct reader *r)
{
    r->c->mode = COMMAND_VERSION;
    return true;
}

static bool read_help(struct reader *r)
{
    r->c->mode = COMMAND_HELP;
    return true;
}

static const struct option_row rows[] = {
    {"--persona", "NAME", read_persona, false, "behave like this one; default: a closed server"},
    {"--config", "FILE", read_config, false,
     "behave as this file says (YAML, the keys of a persona)"},
    {"--listen", "[NAME=]ADDR:PORT", read_listen, true,
     "listen there; default 127.0.0.1:0, any free port"},
    {"--route", "DOMAIN=ADDR:PORT", read_route, true,
     "mail for DOMAIN goes there (also *.DOMAIN and *)"},
    {"--log", "FILE", read_log, false, "append events as JSON Lines; - is standard output"},
    {"--save", "DIR", read_save, false, "keep every accepted message there, byte for byte"},
    {"--exit-after", "N", read_exit_after, false,
     "end when N messages were accepted and their fates are done"},
    {"--allow-public", NULL, read_allow_public, false,
     "let --listen and --route name public addresses"},
    {"--list-personas", NULL, read_list, false, "print the personas and what they are"},
    {"--explain", "PERSONA", read_explain, false, "print what a persona does, rule by rule"},
    {"--version", NULL, read_version, false, "print the version"},
    {"--help", NULL, read_help, false, "print this"},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

void command_line_help(struct strbuf *out)
{
    strbuf_adds(out, "usage: mockmta [OPTION...]\n"
                     "A mail server that behaves like any server that fools a detector.\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        words_help(out, rows[i].name, rows[i].argument, 31, rows[i].help);
    }
    strbuf_adds(
        out, "\nExit status: 0 fine, 2 usage, 3 invalid file, 71 system error, 128+n signal n.\n");
}

static bool refuse(struct strbuf *error, const char *option, const char *why)
{
    strbuf_add_visible(error, span_to(span_of(option), 128));
    strbuf_adds(error, why);
    return false;
}

static bool read_option(struct command_line *c, const struct word *word, struct strbuf *error)
{
    const struct option_row *row = &rows[word->row];
    struct reader r = {.c = c, .error = error, .option = word->option, .value = word->value};
    bool once = word->value == NULL || row->repeats || words_once(word, error);
    return once && row->read(&r);
}

static bool check_public(const struct endpoint *e, const char *option, const struct command_line *c,
                         struct strbuf *error)
{
    if (c->allow_public || endpoint_scope(e) != SCOPE_PUBLIC) {
        return true;
    }
    strbuf_addf(error, "%s ", option);
    endpoint_print(error, e);
    strbuf_adds(
        error,
        ": a public address; only loopback, link-local and private ones without --allow-public");
    return false;
}

/* 0.0.0.0 and :: are all addresses of the host, the public ones too. */
static bool is_every_address(const struct endpoint *e)
{
    static const struct endpoint any4 = {.family = 4}, any6 = {.family = 6};
    return endpoint_same_address(e, &any4) || endpoint_same_address(e, &any6);
}

static bool check_together(const struct command_line *c, struct strbuf *error)
{
    if (c->persona != NULL && c->config != NULL) {
        return refuse(error, "--config", " and --persona (or --explain) exclude each other");
    }
    for (size_t i = 0; i < c->listen_count; i++) {
        if (!check_public(&c->listen[i].at, "--listen", c, error)) {
            return false;
        }
        if (!c->allow_public && is_every_address(&c->listen[i].at)) {
            strbuf_adds(error, "--listen ");
            endpoint_print(error, &c->listen[i].at);
            strbuf_adds(
                error, ": every address of this host, public ones too; not without --allow-public");
            return false;
        }
    }
    for (size_t i = 0; i < c->route_count; i++) {
        if (!check_public(&c->route[i].to, "--route", c, error)) {
            return false;
        }
    }
    return true;
}

bool command_line_read(struct command_line *c, int argc, char **argv, struct strbuf *error)
{
    struct words words;
    struct word word;
    enum word_kind kind;
    *c = (struct command_line){.mode = COMMAND_SERVE};
    words_init(&words, rows, ROW_COUNT, sizeof rows[0], argc, argv);
    while ((kind = words_next(&words, &word, error)) != WORD_END) {
        if (kind == WORD_ARGUMENT) {
            return refuse(error, word.value[0] != '\0' ? word.value : "''",
                          ": no argument is taken, only options; see mockmta --help");
        }
        if (kind == WORD_WRONG || !read_option(c, &word, error)) {
            return false;
        }
    }
    return check_together(c, error);
}
