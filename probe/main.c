/*
 * main.c - relayprobe: reads the command line, and does what it says
 *
 * Nothing goes on the wire before everything that can be checked was checked: options, names,
 * scopes; then the sink and the files, in run.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/host/local_address.h"
#include "drive/host/random.h"
#include "drive/host/standard_files.h"
#include "drive/host/wall.h"
#include "drive/host/whole_file.h"
#include "probe/program/collect_run.h"
#include "probe/program/dry_run.h"
#include "probe/ask/forms_own.h"
#include "probe/program/ledger_command.h"
#include "probe/program/ledger_place.h"
#include "probe/program/look_up.h"
#include "probe/report/report.h"
#include "probe/program/run.h"

enum { MESSAGE_MAX = CONF_ERROR_MAX + 256, RUN_ID_OCTETS = 8, OWN_FORMS_ROOM = 262144 };

/* An address that is not this host's would look like a target without a route. */
static int check_source(const struct endpoint *source, struct strbuf *error)
{
    switch (local_address_try(source)) {
    case LOCAL_ADDRESS_OURS:
        return RUN_FINE;
    case LOCAL_ADDRESS_NOT_OURS:
        strbuf_adds(error, "--source: ");
        endpoint_print_address(error, source);
        strbuf_adds(error, " is no address that this host can ask from");
        return RUN_USAGE;
    case LOCAL_ADDRESS_TROUBLE:
        break;
    }
    strbuf_addf(error, "--source: %s", strerror(errno));
    return RUN_SYSTEM;
}

static int check_sources(const struct options *o, struct strbuf *error)
{
    int status = RUN_FINE;

    for (size_t i = 0; i < o->source_count && o->mode == MODE_ASK && status == RUN_FINE; i++)
        status = check_source(&o->source[i], error);
    return status;
}

/* The ledger's secret, so that a later run knows the tokens; without a ledger one of this run. */
static bool draw_secret(struct token_key *key, const struct ledger_sqlite *ledger,
                        char run_id[2 * RUN_ID_OCTETS + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t secret[TOKEN_SECRET_LEN], id[RUN_ID_OCTETS];

    if (!random_fill(secret, sizeof(secret)) || !random_fill(id, sizeof(id)))
        return false;
    if (ledger != NULL)
        memcpy(secret, ledger_sqlite_secret(ledger), sizeof(secret));
    for (size_t i = 0; i < sizeof(id); i++) {
        run_id[2 * i] = digits[id[i] >> 4];
        run_id[2 * i + 1] = digits[id[i] & 15];
    }
    return token_key_init(key, secret);
}

/* Each question about it. */
static bool dry_run_target(const struct run_config *config, const struct target *t,
                           struct strbuf *error)
{
    const struct options *o = config->options;
    struct strbuf out;
    struct question q;
    bool fine = true;

    strbuf_init(&out, config->page, REPORT_MAX);
    if (t->address_count == 0) {
        strbuf_addf(&out, "# %.*s: no address: %s\n", (int)t->text.len, t->text.ptr,
                    config->list != NULL ? "names of a list are looked up when they are asked"
                                         : t->trouble);
        return run_print(strbuf_span(&out), error);
    }
    for (bool more = question_first(&q, o, t); more && fine; more = question_next(&q, o, t)) {
        struct probe_config probe = run_probe_config(config, t, &q, config->run_id);

        strbuf_reset(&out);
        dry_run_print(&out, &probe);
        fine = run_print(strbuf_span(&out), error);
    }
    return fine;
}

static int dry_run(const struct run_config *config, struct strbuf *error)
{
    const struct target_list *list = config->list;
    struct target listed;

    for (size_t i = 0; i < (list != NULL ? list->count : config->options->target_count); i++) {
        const struct target *t = list != NULL ? &listed : &config->options->target[i];

        if (list != NULL && !target_read(&listed, target_list_text(list, i), error))
            return RUN_USAGE;
        if (!dry_run_target(config, t, error))
            return RUN_SYSTEM;
    }
    return RUN_FINE;
}

static int print_and_leave(const struct run_config *config, struct strbuf *error)
{
    struct strbuf out;

    strbuf_init(&out, config->page, REPORT_MAX);
    if (config->options->mode == MODE_HELP)
        options_print_help(&out);
    else if (config->options->mode == MODE_LIST_FORMS)
        forms_print(&out, config->options->json       ? FORMS_JSON
                          : config->options->markdown ? FORMS_MARKDOWN
                                                      : FORMS_TEXT);
    else
        strbuf_adds(&out, "relayprobe " RELAYLAB_VERSION "\n");
    return run_print(strbuf_span(&out), error) ? RUN_FINE : RUN_SYSTEM;
}

/* False: the ledger that the user named cannot be had. The default one is missed with a warning. */
static bool open_ledger(struct run_config *config, struct ledger_sqlite **ledger,
                        struct strbuf *error)
{
    const struct options *o = config->options;
    char memory[MESSAGE_MAX];
    struct strbuf trouble;

    if (o->no_ledger || o->mode == MODE_DRY_RUN)
        return true;
    strbuf_init(&trouble, memory, sizeof(memory));
    *ledger = ledger_place_open(o->ledger, &trouble);
    if (*ledger != NULL) {
        config->ledger = ledger_sqlite_ledger(*ledger);
        config->earlier = ledger_sqlite_reader(*ledger);
        return true;
    }
    if (o->ledger != NULL || o->resume.len > 0) {
        strbuf_add(error, strbuf_span(&trouble));
        return false;
    }
    fprintf(stderr, "relayprobe: warning: nothing is written down: %s\n", memory);
    return true;
}

/* With what every session speaks TLS, should it come to that. */
static int ask_in_tls(struct run_config *config, struct strbuf *error)
{
    int status = RUN_SYSTEM;

    const struct options *o = config->options;
    const struct tls_client_config client = {
        .certificate_file = o->client_cert, .key_file = o->client_key, .now_s = wall_epoch_s()};

    config->tls = tls_client_new(&client, error);
    if (config->tls != NULL)
        status = run_targets(config, error);
    tls_free(config->tls);
    return status;
}

static int ask(const struct run_config *given, struct strbuf *error)
{
    struct run_config config = *given;
    struct token_key key;
    struct ledger_sqlite *ledger = NULL;
    char run_id[2 * RUN_ID_OCTETS + 1] = "";
    const char *no_colour = getenv("NO_COLOR"); /* the convention of no-color.org */
    int status;

    if (!open_ledger(&config, &ledger, error))
        return RUN_SYSTEM;
    if (!draw_secret(&key, ledger, run_id)) {
        strbuf_addf(error, "no secret could be made: %s", strerror(errno));
        ledger_sqlite_close(ledger);
        return RUN_SYSTEM;
    }
    config.key = &key;
    config.run_id = span_of(run_id);
    config.terminal = isatty(STDERR_FILENO) == 1;
    config.colour = isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
    if (config.options->mode == MODE_DRY_RUN)
        status = dry_run(&config, error);
    else
        status = ask_in_tls(&config, error);
    token_key_clear(&key);
    ledger_sqlite_close(ledger);
    return status;
}

/* An address is checked now; of a name that can only be done when it is known. */
static bool check_listed(void *self, const struct target *t, struct strbuf *error)
{
    return options_check_target(self, t, error);
}

static int ask_list(const struct run_config *given, struct strbuf *error)
{
    struct run_config config = *given;
    const struct options *o = config.options;
    struct target_check check = {check_listed, (void *)(uintptr_t)o};
    bool standard = strcmp(o->targets, "-") == 0;
    struct target_list list;
    struct span text;
    int status = RUN_USAGE;

    if (!whole_file_read(o->targets, &text, error))
        return RUN_SYSTEM;
    if (target_list_read(&list, standard ? "standard input" : o->targets, text, o->shard, check,
                         error)) {
        config.list = &list;
        status = ask(&config, error);
        target_list_clear(&list);
    }
    whole_file_free(text);
    return status;
}

/* The user's own forms; errors stand as those of a case file do. */
static bool read_own_forms(struct run_config *config, void **room, struct strbuf *error)
{
    const struct options *o = config->options;
    struct arena arena;
    struct conf conf;

    if (o->forms_file[0] == '\0')
        return true;
    *room = malloc(OWN_FORMS_ROOM);
    if (*room == NULL) {
        strbuf_adds(error, "no memory for the forms");
        return false;
    }
    arena_init(&arena, *room, OWN_FORMS_ROOM);
    conf_init(&conf, &arena, o->forms_file, SPAN(""));
    if (forms_own_read(&conf, o->forms_file, &config->own, &config->own_count))
        return true;
    strbuf_adds(error, "--forms: ");
    strbuf_adds(error, conf.error);
    if (error->len > 0 && error->ptr[error->len - 1] == '\n')
        error->ptr[--error->len] = '\0';
    return false;
}

static int start(struct options *o, struct run_config *config, int argc, char **argv, void **room,
                 struct strbuf *error)
{
    if (!options_parse(o, argc, argv, error))
        return RUN_USAGE;
    switch (o->mode) {
    case MODE_COLLECT:
        return collect_run(config, error);
    case MODE_LIST_RUNS:
    case MODE_SHOW_RUN:
    case MODE_EXPORT_RUN:
        return ledger_command(config, error);
    case MODE_LIST_FORMS:
    case MODE_VERSION:
    case MODE_HELP:
        return print_and_leave(config, error);
    case MODE_ASK:
    case MODE_DRY_RUN:
        break;
    }
    if (!read_own_forms(config, room, error) ||
        !options_check_forms(o, config->own, config->own_count, error))
        return RUN_USAGE;
    int status = check_sources(o, error);
    if (status != RUN_FINE)
        return status;
    if (!look_up_targets(o, &status, error))
        return status;
    if (o->targets != NULL)
        return ask_list(config, error);
    return ask(config, error);
}

static void explain_canary(const struct run_config *config)
{
    struct strbuf out;

    strbuf_init(&out, config->page, REPORT_MAX);
    options_print_canary_help(&out);
    fputs(config->page, stderr);
}

int main(int argc, char **argv)
{
    struct options *options = calloc(1, sizeof(*options));
    struct run_config config = {.options = options, .page = malloc(REPORT_MAX)};
    void *room = NULL; /* of the user's own forms */
    char memory[MESSAGE_MAX];
    struct strbuf error;
    int status = RUN_SYSTEM;

    standard_files_keep();
    strbuf_init(&error, memory, sizeof(memory));
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write, with a message */
    if (options == NULL || config.page == NULL)
        strbuf_adds(&error, "no memory");
    else
        status = start(options, &config, argc, argv, &room, &error);
    if (error.len > 0)
        fprintf(stderr, "relayprobe: %s\n", memory);
    if (options != NULL && config.page != NULL && options->canary_missing)
        explain_canary(&config);
    free(room);
    free(config.page);
    free(options);
    return status;
}
