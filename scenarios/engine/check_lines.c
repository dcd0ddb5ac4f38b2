/*
 * check_lines.c - what a configuration says of itself, and which of its lines decide
 *
 * A line that a hint points at is left out, and the server is asked again by the form that got
 * through: if the answer is another one, the line decided it. Lines decide together as well (two
 * ways of being open); then none of them alone changes the answer, and they are shown as suspects.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/host/namespace.h"
#include "scenarios/engine/check_private.h"

enum { CONFIG_LINE_MAX = 4096 };

static void add_port(struct check *c, struct span value)
{
    struct span number;
    uint64_t port;

    (void)span_cut(&value, ' ', &number);
    if (c->port_count == CHECK_PORTS_MAX || !span_uint(number, UINT16_MAX, &port) || port == 0)
        return;
    c->ports[c->port_count++] = (struct check_port){(unsigned)port, span_equal(value, SPAN("tls"))};
}

static void add_domain(struct check *c, char *name)
{
    struct conf_texts *list = &c->server.config.local_domains;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(c->domains[i], name) == 0)
            return;
    if (list->count < CHECK_DOMAINS_MAX)
        c->domains[list->count++] = name;
    list->item = c->domains;
}

static void add_note(struct check *c, const char *text)
{
    size_t len = strlen(c->note);

    if (len + strlen(text) + 3 > sizeof c->note)
        return;
    (void)snprintf(c->note + len, sizeof c->note - len, "%s%s", len > 0 ? "; " : "", text);
}

/* Lines: "hostname NAME", "domain NAME", "port N", "port N tls", "note TEXT". */
static void read_description(struct check *c)
{
    for (char *line = strtok(c->description, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *value = strchr(line, ' ');

        if (value == NULL || value[1] == '\0')
            continue;
        *value++ = '\0';
        if (strcmp(line, "hostname") == 0)
            c->server.config.hostname = value;
        else if (strcmp(line, "domain") == 0)
            add_domain(c, value);
        else if (strcmp(line, "port") == 0)
            add_port(c, span_of(value));
        else if (strcmp(line, "note") == 0)
            add_note(c, value);
    }
    if (c->port_count == 0)
        c->ports[c->port_count++] = (struct check_port){25, false};
}

bool check_describe(struct check *c)
{
    struct instance_config config = {
        .engine = c->engine,
        .name = c->server.name,
        .hostname = c->server.config.hostname,
        .directory = c->config,
        .main = c->server.directory_main,
        .check = true,
        .has_dns = true,
        .sink = {.family = 4}};
    char memory[4096];
    struct strbuf out, error;

    engine_world_address(0, &config.at); /* at which some must really be able to listen */
    strbuf_init(&out, c->description, sizeof c->description);
    strbuf_init(&error, memory, sizeof memory);
    if (!instance_describe(&config, &out, &error)) {
        c->writer->trouble(c, strbuf_span(&error));
        check_flush(c);
        return false;
    }
    read_description(c);
    check_case_names(c);
    c->writer->server(c);
    check_flush(c);
    return true;
}

static const struct engine_hint *hint_of(const struct engine *e, struct span line)
{
    struct span text = span_trim(line);

    if (text.len == 0 || text.ptr[0] == '#')
        return NULL;
    for (size_t i = 0; i < e->hint_count; i++)
        if (span_glob(text, span_of(e->hints[i].pattern)))
            return &e->hints[i];
    return NULL;
}

static void append(struct check_line *to, struct span more)
{
    size_t len = strlen(to->text);

    if (len + 2 >= sizeof to->text)
        return;
    to->text[len] = ' ';
    (void)bytes_copy(to->text + len + 1, sizeof to->text - len - 1, span_trim(more));
}

/* Lines of one file; where the engine says so, an indented line goes on what is above it. */
static size_t read_lines(const struct check *c, const char *file, struct check_line *lines,
                         size_t count)
{
    char path[512], text[CONFIG_LINE_MAX];
    unsigned number = 0;
    bool goes_on = false;

    (void)snprintf(path, sizeof path, NAMESPACE_PLACE "/%s/given/%s", c->server.name, file);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return count;
    while (fgets(text, sizeof text, f) != NULL) {
        struct span line = span_to(span_of(text), strcspn(text, "\n"));
        bool indented = text[0] == ' ' || text[0] == '\t';

        number++;
        if (goes_on && indented && c->engine->indent_goes_on) {
            lines[count - 1].last = number;
            append(&lines[count - 1], line);
            continue;
        }
        const struct engine_hint *hint = hint_of(c->engine, line);
        if (hint != NULL && count == CHECK_LINES_MAX)
            hint = NULL;
        goes_on = hint != NULL && !indented; /* options of one service stand by themselves */
        if (hint == NULL)
            continue;
        lines[count] = (struct check_line){file, number, number, "", hint};
        (void)bytes_copy(lines[count++].text, sizeof lines->text, span_trim(line));
    }
    (void)fclose(f);
    return count;
}

size_t check_lines(const struct check *c, struct check_line *lines)
{
    size_t count = read_lines(c, c->engine->main, lines, 0);

    for (size_t i = 0; i < c->engine->also.count; i++)
        count = read_lines(c, c->engine->also.item[i], lines, count);
    return count;
}

/* True: without that line it is another answer. */
static bool decides(struct check *c, const struct check_line *line, const char *form,
                    enum verdict *without)
{
    char drop[96], forms[FORM_ID_MAX + 8];
    struct trial_result r;

    /* Nothing is closed without the plain form. */
    (void)snprintf(forms, sizeof forms, "%s%s", strcmp(form, "S1-R1") == 0 ? "" : "S1-R1,", form);

    (void)snprintf(drop, sizeof drop, "%s %u,%u", line->file, line->first, line->last);
    c->server.drop = drop;
    c->server.instead = line->hint->instead;
    bool asked = check_ask(c, forms, 2 * CLOCK_SECOND, &r);
    c->server.drop = c->server.instead = NULL;
    if (!asked)
        return false;
    *without = r.verdict->verdict;
    /* Some servers do not run without a line, or answer 4yz to all; that says nothing. */
    return *without != VERDICT_OPEN && *without != VERDICT_UNREACHABLE &&
           *without != VERDICT_INCONCLUSIVE;
}

static void tell(struct check *c, const struct check_finding *f)
{
    c->writer->finding(c, f);
    check_flush(c);
}

void check_experiment(struct check *c, const char *form)
{
    struct check_line *lines = calloc(CHECK_LINES_MAX, sizeof *lines);
    size_t count = lines != NULL ? check_lines(c, lines) : 0;
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        struct check_finding f = {.line = &lines[i], .decides = true};

        if (!decides(c, &lines[i], form, &f.without))
            continue;
        found = true;
        tell(c, &f);
    }
    for (size_t i = 0; !found && i < count; i++)
        tell(c, &(struct check_finding){.line = &lines[i]});
    free(lines);
}
