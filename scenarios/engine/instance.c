/*
 * instance.c - files, then two scripts
 *
 * The start script runs under a shell that writes a file when the server has ended, so that a
 * server that does not come up is known at once and not only at the limit.
 */
#include "scenarios/engine/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/host/namespace.h"
#include "drive/host/ready.h"
#include "drive/host/spawn.h"
#include "drive/tls/tls.h"
#include "scenarios/engine/environment.h"

enum { READY_S = 20, PREPARE_S = 60, SAID_MAX = 4096, PATH_LEN = 256, PEM_MAX = 4096 };

/* Of a certificate that nobody looks at: 2000 to 2100. */
static const int64_t valid_from_s = 946684800, valid_until_s = 4102444800;

struct instance {
    const struct instance_config *config;
    struct spawn *server;
    char here[PATH_LEN];
};

static bool write_text(const char *directory, const char *name, const char *text, mode_t mode)
{
    char path[PATH_LEN * 2];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    f = fopen(path, "w");
    if (f == NULL)
        return false;
    bool ok = fputs(text, f) >= 0;
    ok = fclose(f) == 0 && ok;
    return ok && chmod(path, mode) == 0;
}

static bool make_directory(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static bool write_certificate(const struct instance_config *c, const char *here)
{
    char memory[PEM_MAX];
    struct strbuf pem;

    strbuf_init(&pem, memory, sizeof memory);
    return tls_pem(c->hostname, valid_from_s, valid_until_s, &pem) &&
           write_text(here, "tls.pem", pem.ptr, 0600);
}

static bool write_given(const struct instance_config *c, const char *here, struct strbuf *error)
{
    char given[PATH_LEN + 16];

    (void)snprintf(given, sizeof given, "%s/given", here);
    bool ok = make_directory(here) && make_directory(given) &&
              write_text(here, "start.sh", c->engine->start, 0755) &&
              (!(c->tls || c->check) || write_certificate(c, here));
    for (size_t i = 0; ok && i < c->given_count; i++)
        ok = write_text(given, c->given[i].name, c->given[i].text, 0755);
    if (!ok)
        strbuf_addf(error, "%s: %s", here, strerror(errno));
    return ok;
}

/* Copies somebody's configuration: a directory with all in it, or one file. */
static const char copy_given[] =
    "if [ -d \"$GIVEN\" ]; then\n"
    "    cp -RL \"$GIVEN\"/. given/\n"
    "    [ \"$FOUND\" = \"$MAIN\" ] || mv given/\"$FOUND\" given/\"$MAIN\"\n"
    "elif [ -n \"$GIVEN\" ]; then cp -L \"$GIVEN\" given/\"$MAIN\"; fi\n"
    "[ -z \"$DROP\" ] || sed -i \"${DROP#* }s/^/$COMMENT/\" \"given/${DROP% *}\"\n"
    "[ -z \"$INSTEAD\" ] || sed -i \"${DROP#*,}a\\\\$INSTEAD\" \"given/${DROP% *}\"\n";

/* Runs a script to its end; false with what it said. */
static bool run_script(const struct instance_config *c, const char *here, const char *script,
                       struct strbuf *out, struct strbuf *error)
{
    const char *const argv[] = {"sh", "-euc", script, NULL};
    struct environment env;
    bool ok = environment_make(&env, c, here, error);

    if (!ok)
        return false;
    struct spawn *s = spawn_start(&(struct spawn_config){.argv = argv,
                                                         .env = env.list,
                                                         .directory = here,
                                                         .limit_ns = PREPARE_S * CLOCK_SECOND,
                                                         .grace_ns = CLOCK_SECOND,
                                                         .output_max = SAID_MAX},
                                  error);
    if (s == NULL)
        return false;
    spawn_wait(s);
    const struct spawn_result *r = spawn_result(s);
    ok = r->end == SPAWN_EXITED && r->status == 0;
    if (!ok)
        strbuf_addf(error, "%s could not be prepared (status %d)\n", c->engine->name, r->status);
    strbuf_add(ok ? out : error, r->output);
    spawn_free(s);
    return ok;
}

static bool prepare(const struct instance_config *c, const char *here, struct strbuf *error)
{
    char memory[SAID_MAX];
    struct strbuf ignored;

    strbuf_init(&ignored, memory, sizeof memory);
    return write_given(c, here, error) &&
           (c->directory == NULL || run_script(c, here, copy_given, &ignored, error)) &&
           run_script(c, here, c->engine->prepare, &ignored, error);
}

static struct spawn *launch(const struct instance_config *c, const char *here, struct strbuf *error)
{
    static const char *const argv[] = {
        "sh", "-c", "(set -eu; . ./start.sh) >>said 2>&1; echo \"ended with status $?\" >ended",
        NULL};
    struct environment env;

    if (!environment_make(&env, c, here, error))
        return NULL;
    return spawn_start(&(struct spawn_config){.argv = argv,
                                              .env = env.list,
                                              .directory = here,
                                              .limit_ns = 24 * CLOCK_HOUR,
                                              .grace_ns = CLOCK_SECOND,
                                              .output_max = SAID_MAX},
                       error);
}

static void name_directory(const struct instance_config *c, char *here, size_t cap)
{
    (void)snprintf(here, cap, NAMESPACE_PLACE "/%.64s", c->name);
}

/* A second instance of the same name begins with an empty directory. */
static void forget(const char *here)
{
    char path[PATH_LEN + 32];

    for (unsigned i = 0; access(here, F_OK) == 0 && i < 1000; i++) {
        (void)snprintf(path, sizeof path, "%s.%u", here, i);
        (void)rename(here, path);
    }
}

static bool is_ready(const struct instance_config *c, const char *ended)
{
    return ready_wait(
        &(struct ready){.at = c->at,
                        .greets = !c->wrapped,
                        .may_wait = !c->check,
                        .limit_ns = READY_S * CLOCK_SECOND,
                        .ended = ended,
                        .pause = c->pause,
                        .self = c->self});
}

struct instance *instance_start(const struct instance_config *c, struct strbuf *error)
{
    struct instance *i = calloc(1, sizeof *i);
    char ended[PATH_LEN + 16];

    if (i == NULL) {
        strbuf_adds(error, "out of memory");
        return NULL;
    }
    i->config = c;
    name_directory(c, i->here, sizeof i->here);
    forget(i->here);
    (void)snprintf(ended, sizeof ended, "%s/ended", i->here);
    if (prepare(c, i->here, error)) {
        i->server = launch(c, i->here, error);
        if (i->server != NULL && is_ready(c, ended))
            return i;
        strbuf_addf(error, "%s did not come up\n", c->engine->name);
        instance_log(i, SAID_MAX, error);
    }
    instance_stop(i);
    return NULL;
}

void instance_stop(struct instance *i)
{
    if (i == NULL)
        return;
    spawn_free(i->server);
    free(i);
}

/* The last `max` octets of a file, from the beginning of a line. */
static void add_tail(const char *here, const char *name, size_t max, struct strbuf *out)
{
    char path[PATH_LEN * 2], line[1024];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", here, name);
    f = fopen(path, "r");
    if (f == NULL)
        return;
    if (fseek(f, -(long)max, SEEK_END) == 0)
        (void)fgets(line, sizeof line, f);
    else
        rewind(f);
    while (fgets(line, sizeof line, f) != NULL) {
        struct span text = span_of(line);

        strbuf_add_visible(out, span_to(text, strcspn(line, "\n")));
        strbuf_addc(out, '\n');
    }
    (void)fclose(f);
}

void instance_log(const struct instance *i, size_t max, struct strbuf *out)
{
    add_tail(i->here, "said", max, out);
    if (i->config->engine->log != NULL)
        add_tail(i->here, i->config->engine->log, max, out);
    add_tail(i->here, "ended", max, out);
}

bool instance_describe(const struct instance_config *c, struct strbuf *out, struct strbuf *error)
{
    char here[PATH_LEN];

    name_directory(c, here, sizeof here);
    forget(here);
    return prepare(c, here, error) && run_script(c, here, c->engine->describe, out, error);
}
