/*
 * engine.c - finds and reads an engine's file
 *
 * Files and packages are looked for beside the program: build/relaylab has its sources in build/..
 * and unpacked servers in build/mta; build/asan/relaylab is one step deeper. RELAYLAB_ENGINES and
 * RELAYLAB_MTA name other places.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "scenarios/engine/engine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mockmta/config/load.h"

#ifndef RELAYLAB_DATADIR
#define RELAYLAB_DATADIR "/usr/local/share/relaylab"
#endif

#define AT(member) .offset = offsetof(struct engine, member)

static const struct conf_field hint_fields[] = {
    {.name = "line",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct engine_hint, pattern),
     .doc = "a glob that a line of the configuration fits",
     .example = "mynetworks *"},
    {.name = "says",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct engine_hint, says),
     .doc = "what to look for there"},
    {.name = "instead",
     .type = CONF_TEXT,
     .offset = offsetof(struct engine_hint, instead),
     .doc = "the line that is tried in its place; default: it is left out"},
};

static const struct conf_table hint_table = {
    .name = "hint",
    .doc = "what a line of the configuration has to do with relaying",
    .fields = hint_fields,
    .field_count = sizeof hint_fields / sizeof hint_fields[0],
    .size = sizeof(struct engine_hint),
};

static const struct conf_field engine_fields[] = {
    {.name = "engine",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(name),
     .doc = "its name, as the file's"},
    {.name = "title", .type = CONF_TEXT, .flags = CONF_REQUIRED, AT(title), .doc = "one line"},
    {.name = "packages",
     .type = CONF_TEXTS,
     .flags = CONF_REQUIRED,
     AT(packages),
     .doc = "Debian packages that ci/unpack unpacks; they are never installed"},
    {.name = "users", .type = CONF_TEXTS, AT(users), .doc = "lines of passwd, inside only"},
    {.name = "groups", .type = CONF_TEXTS, AT(groups), .doc = "lines of group, inside only"},
    {.name = "places",
     .type = CONF_TEXTS,
     AT(places),
     .doc = "directories compiled into it: empty and private inside"},
    {.name = "main",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(main),
     .doc = "its main configuration file: what `config` of a case becomes"},
    {.name = "main_names",
     .type = CONF_TEXTS,
     AT(main_names),
     .doc = "relaylab check: names beside `main` that it may have in somebody's directory"},
    {.name = "also",
     .type = CONF_TEXTS,
     AT(also),
     .doc = "further files of a configuration that hints are looked for in"},
    {.name = "prepare",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(prepare),
     .doc = "sh: makes the instance's directory"},
    {.name = "start",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(start),
     .doc = "sh: becomes the server, in the foreground"},
    {.name = "describe",
     .type = CONF_TEXT,
     AT(describe),
     .doc = "sh: of a prepared configuration, lines `hostname NAME`, `domain NAME`, `port N`"},
    {.name = "log", .type = CONF_TEXT, AT(log), .doc = "its log, in the instance's directory"},
    {.name = "comment",
     .type = CONF_TEXT,
     AT(comment),
     .doc = "what begins a comment in its configuration; default #"},
    {.name = "indent_goes_on",
     .type = CONF_BOOL,
     AT(indent_goes_on),
     .doc = "an indented line of its configuration goes on the one above"},
    {.name = "one_user",
     .type = CONF_BOOL,
     AT(one_user),
     .doc = "it runs as one user, so a user namespace is enough"},
    {.name = "hints",
     .type = CONF_STRUCTS,
     AT(hints),
     .count_offset = offsetof(struct engine, hint_count),
     .max = 64,
     .sub = &hint_table,
     .doc = "lines of a configuration that relaying hangs on"},
};

const struct conf_table engine_table = {
    .name = "engine",
    .doc = "a real mail server",
    .fields = engine_fields,
    .field_count = sizeof engine_fields / sizeof engine_fields[0],
    .size = sizeof(struct engine),
};

/* Tries the places in order; the first that has `file` is written to path. */
static bool find(const char *variable, const char *const *below, size_t count, const char *file,
                 const char *otherwise, char *path, size_t cap)
{
    char program[ENGINE_PATH_MAX];
    const char *own = getenv(variable);
    struct strbuf out;
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);

    program[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < count + 2; i++) {
        strbuf_init(&out, path, cap);
        if (i == 0 && own == NULL)
            continue;
        if (i == 0)
            strbuf_addf(&out, "%s", own);
        else if (i <= count)
            strbuf_addf(&out, "%s%s", program, below[i - 1]);
        else
            strbuf_adds(&out, otherwise);
        size_t directory = out.len;
        strbuf_addf(&out, "/%s", file);
        bool there = !out.truncated && access(path, R_OK) == 0;
        path[directory] = '\0';
        if (there)
            return true;
    }
    return false;
}

bool engine_whole_path(const char *name, char *path, size_t cap)
{
    char whole[PATH_MAX];

    return realpath(name, whole) != NULL && bytes_copy(path, cap, span_of(whole));
}

bool engine_packages(char *path, size_t cap)
{
    static const char *const below[] = {"/mta", "/../mta", "/../build/mta"};
    char found[ENGINE_PATH_MAX];

    return find("RELAYLAB_MTA", below, 3, ".", "build/mta", found, sizeof found) &&
           engine_whole_path(found, path, cap); /* scripts run elsewhere */
}

static bool is_name(const char *name)
{
    return name[0] != '\0' && strlen(name) < ENGINE_NAME_MAX &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

bool engine_load(struct conf *conf, const char *name, struct engine *out)
{
    static const char *const below[] = {"/../scenarios/engines", "/../../scenarios/engines",
                                        "/../share/relaylab/engines"};
    char directory[ENGINE_PATH_MAX], file[ENGINE_NAME_MAX + 8], path[ENGINE_PATH_MAX + 64];

    (void)snprintf(file, sizeof file, "%.31s.yaml", name);
    if (!is_name(name) || !find("RELAYLAB_ENGINES", below, 3, file, RELAYLAB_DATADIR "/engines",
                                directory, sizeof directory))
        return conf_fail(conf, NULL, "postfix, exim, opensmtpd, sendmail", "no such engine: %s",
                         name);
    (void)snprintf(path, sizeof path, "%s/%s", directory, file);
    return conf_read_file(conf, path) && conf_load(conf, &engine_table, out);
}

const char *engine_missing(const struct engine *e)
{
    char directory[ENGINE_PATH_MAX], path[ENGINE_PATH_MAX + 128];

    if (!engine_packages(directory, sizeof directory))
        return e->packages.item[0];
    for (size_t i = 0; i < e->packages.count; i++) {
        (void)snprintf(path, sizeof path, "%s/%.64s/.complete", directory, e->packages.item[i]);
        if (access(path, F_OK) != 0)
            return e->packages.item[i];
    }
    return NULL;
}

bool engine_required(const char *name)
{
    struct span list = span_of(getenv("RELAYLAB_REQUIRE")), word;

    while (span_cut(&list, ',', &word))
        if (span_equal(span_trim(word), span_of(name)))
            return true;
    return false;
}
