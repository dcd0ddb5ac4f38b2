/*
 * options.c - a table of options, one row each; a handler reads a value and says what it wanted
 * instead
 *
 * Options are read left to right (lib/conf/words.h). Rows say which may come more than once: any
 * other that does is an error.
 */
#include "probe/program/options_private.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "lib/conf/words.h"
#include "lib/smtp/address.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct option_row {
    const char *name;
    const char *argument; /* NULL: takes none */
    bool (*read)(struct reader *r);
    bool repeats;
    const char *help;
};

bool option_wrong(struct reader *r, const char *allowed)
{
    return words_wrong(r->option, r->value, allowed, r->error);
}

bool option_wrong_at(struct reader *r, const char *why, size_t column)
{
    option_wrong(r, why);
    strbuf_addf(r->error, " (at character %zu)", column + 1);
    return false;
}

bool option_name(struct reader *r, struct span *to)
{
    const char *why = "";
    size_t column = 0;

    if (!address_check_domain(r->value, &why, &column))
        return option_wrong_at(r, why, column);
    *to = r->value;
    return true;
}

static bool read_helo(struct reader *r)
{
    return option_name(r, &r->o->helo);
}

static bool read_contact(struct reader *r)
{
    if (r->value.len == 0 || r->value.len > OPTIONS_CONTACT_MAX)
        return option_wrong(r, "write 1 to 200 characters");
    for (size_t i = 0; i < r->value.len; i++)
        if (r->value.ptr[i] < 32 || r->value.ptr[i] > 126)
            return option_wrong_at(r, "only printable ASCII can stand in a header", i);
    r->o->contact = r->value;
    return true;
}

bool option_endpoint(struct reader *r, struct endpoint *to)
{
    if (!endpoint_parse(r->value, false, to))
        return option_wrong(
            r, "write ADDR:PORT or [ADDR6]:PORT with a port from 1 to 65535, like 127.0.0.1:2525");
    return true;
}

static bool read_duration(struct reader *r, int64_t least_ns, int64_t *to)
{
    if (!clock_parse(r->value, to))
        return option_wrong(r, "not a duration; write a whole number and a unit: 300s, 5min, 2h");
    if (*to < least_ns)
        return option_wrong(r, "too short; at least 1s");
    return true;
}

static bool read_wait(struct reader *r)
{
    return read_duration(r, CLOCK_SECOND, &r->o->wait_ns);
}

static bool read_max_time(struct reader *r)
{
    return read_duration(r, CLOCK_SECOND, &r->o->max_time_ns);
}

static bool read_retry(struct reader *r)
{
    return read_duration(r, CLOCK_SECOND, &r->o->retry_ns);
}

static bool read_timeout(struct reader *r)
{
    struct span whole = r->value;
    size_t equals = span_chr(whole, '=');
    enum smtp_step step;

    if (equals == SIZE_MAX || !smtp_step_parse(span_to(whole, equals), &step)) {
        option_wrong(r, "write STEP=DURATION; a step is one of");
        for (int i = 0; i < STEP_COUNT; i++)
            strbuf_addf(r->error, "%s %s", i > 0 ? "," : "", smtp_step_name((enum smtp_step)i));
        return false;
    }
    r->value = span_from(whole, equals + 1);
    return read_duration(r, CLOCK_SECOND, &r->o->timeouts.ns[step]);
}

static bool read_expect(struct reader *r)
{
    if (!verdict_parse(r->value, &r->o->expect))
        return option_wrong(
            r, "write open, bounces, discards, accepts, inconclusive, closed or unreachable");
    r->o->expect_given = true;
    return true;
}

static bool read_transcript(struct reader *r)
{
    if (r->value.len == 0)
        return option_wrong(r, "write the name of a file");
    r->o->transcript = r->value.ptr;
    return true;
}

static bool read_rate(struct reader *r)
{
    uint64_t rate = 0;

    if (!span_uint(r->value, OPTIONS_RATE_MAX, &rate) || rate == 0)
        return option_wrong(r, "write a number of connections a minute, from 1 to 6000");
    r->o->rate = (unsigned)rate;
    return true;
}

/* Options without a value, which say no more than that. */
static bool read_flag(struct reader *r)
{
    static const struct {
        const char *option;
        size_t at; /* in struct options: a bool */
    } flags[] = {
        {"--no-ledger", offsetof(struct options, no_ledger)},
        {"--tidy", offsetof(struct options, tidy)},
        {"--json", offsetof(struct options, json)},
        {"--allow-public", offsetof(struct options, allow_public)},
        {"--inside", offsetof(struct options, inside)},
        {"--outside", offsetof(struct options, outside)},
        {"--one-by-one", offsetof(struct options, one_by_one)},
        {"--exhaustive", offsetof(struct options, exhaustive)},
        {"--quiet", offsetof(struct options, quiet)},
        {"--verbose", offsetof(struct options, verbose)},
    };
    size_t i = 0;

    while (i < COUNT(flags) && strcmp(flags[i].option, r->option) != 0)
        i++;
    assert(i < COUNT(flags)); /* the table of options names it */
    *(bool *)((char *)r->o + flags[i].at) = true;
    return true;
}

static bool read_mode(struct reader *r)
{
    static const struct {
        const char *option;
        enum options_mode mode;
    } modes[] = {
        {"--collect", MODE_COLLECT}, {"--list-runs", MODE_LIST_RUNS},
        {"--dry-run", MODE_DRY_RUN}, {"--list-forms", MODE_LIST_FORMS},
        {"--version", MODE_VERSION}, {"--help", MODE_HELP},
    };
    size_t i = 0;

    while (i < COUNT(modes) && strcmp(modes[i].option, r->option) != 0)
        i++;
    assert(i < COUNT(modes));
    r->o->mode = modes[i].mode;
    return true;
}

/* clang-format off */
static const struct option_row rows[] = {
    {"--canary", "ADDRESS", option_canary, true,
     "address of ours that a relayed message would reach (required); again: of unrelated domains"},
    {"--sink", "ADDR:PORT", option_sink, true,
     "receive the canary's mail here, in an SMTP server of the probe's own"},
    {"--mailbox", "URL", option_mailbox, true,
     "read the canary's mail: sink://ADDR:PORT, maildir:/PATH, mbox:/PATH, imaps://USER@HOST, ..."},
    {"--password-file", "FILE", option_password_file, false,
     "the mailbox's password; else $RELAYPROBE_PASSWORD or ~/.netrc"},
    {"--ca-file", "FILE", option_ca_file, false, "who may sign the mailbox's certificate"},
    {"--tidy", NULL, read_flag, false, "remove our own messages from the mailbox"},
    {"--token", "PLACE", option_token, false,
     "subaddress: local+token@ (default); catch-all: token@, where every local part is ours"},
    {"--sender", "ADDRESS", option_sender, false, "reverse-path of the forms; default: the canary"},
    {"--source", "ADDR", option_source, true,
     "local address to ask from; again: from each, and the answers are compared"},
    {"--ports", "LIST", option_ports, false,
     "of targets without a port, like 25,587,465,2525; 465 in TLS unless --tls says otherwise"},
    {"--family", "4|6", option_family, false, "names over IPv4 or IPv6 only; default: over both"},
    {"--helo", "NAME", read_helo, false, "our name in EHLO; default: probe.DOMAIN of the sender"},
    {"--domain", "DOMAIN", option_domain, true,
     "a domain local to the target; default: the target's name; again: further ones"},
    {"--resolver", "ADDR:PORT", option_resolver, false,
     "DNS server that names are asked of; default: the system's"},
    {"--resolver-timeout", "DURATION", option_resolver_timeout, false,
     "patience for one answer of it; default 15s"},
    {"--all-mx", NULL, option_all_mx, false,
     "of mx:DOMAIN ask every host, not only the first that answers"},
    {"--tls", "MODE", option_tls, false,
     "auto (default), none, starttls (everything behind it), implicit (default on port 465)"},
    {"--client-cert", "FILE", option_client_cert, false,
     "our certificate (PEM) for servers that ask for one; default: one made now, self-signed"},
    {"--client-key", "FILE", option_client_key, false,
     "its key (PEM); default: in the same file"},
    {"--forms", "LIST", option_forms, false,
     "quick, first, standard (default), full, ids like S1-R1,R6, a FILE.yaml of your own"},
    {"--zone", "ZONE", option_zone, false, "of ours, all its names lead to the canary's mailbox"},
    {"--backup-domain", "DOMAIN", option_backup_domain, false,
     "of ours, with the target as its backup MX"},
    {"--mx-domain", "DOMAIN", option_mx_domain, false, "one whose MX is the target"},
    {"--local-recipient", "ADDRESS", option_local_recipient, false,
     "one that the target takes mail for, and you may write to; full carries forms in mail to it"},
    {"--canary-ip", "ADDR", option_canary_ip, true, "address of the canary's server, for literals"},
    {"--wait", "DURATION", read_wait, false,
     "window for deliveries after the last accepted message; default 2min"},
    {"--max-time", "DURATION", read_max_time, false, "asking ends after this; default 15min"},
    {"--max-messages", "N", option_max_messages, false,
     "messages that a target may take; then no more are sent; default: one for each form"},
    {"--retry", "DURATION", read_retry, false,
     "first retry of what was deferred; default 301s, then doubled"},
    {"--timeout", "STEP=DURATION", read_timeout, true,
     "patience for one reply; default as RFC 5321 4.5.3.2"},
    {"--control-route", "ADDR:PORT", option_control_route, true,
     "way in of the control messages; default: the sink, or the canary domain's MX; again: of the "
     "next canary"},
    {"--sessions", "N", option_sessions, false,
     "sessions with one target at the same time, 8 at most; default 1"},
    {"--rate", "N", read_rate, false, "connections a minute to one target; default 60"},
    {"--rate-network", "N", option_network_rate, false,
     "connections a minute to one /24 or /64; default: no limit"},
    {"--rate-total", "N", option_total_rate, false,
     "connections a minute in all; default: no limit"},
    {"--targets", "FILE", option_targets, false,
     "ask those of a list, one a line; - is standard input"},
    {"--concurrency", "N", option_concurrency, false,
     "targets asked at the same time; default 1, of a list 64"},
    {"--shard", "I/N", option_shard, false, "of the list only part I, from 0 to N-1"},
    {"--resume", "NAME", option_resume, false,
     "go on with the runs of that name: ask only what the ledger does not know yet"},
    {"--contact", "TEXT", read_contact, false, "who asks, for the messages' text"},
    {"--one-by-one", NULL, read_flag, false,
     "one command at a time, though the target offers PIPELINING"},
    {"--exhaustive", NULL, read_flag, false,
     "wait the whole window though a delivery was seen"},
    {"--inside", NULL, read_flag, false, "this host is in a network that the target trusts"},
    {"--outside", NULL, read_flag, false, "this host is a stranger to the target"},
    {"--allow-public", NULL, read_flag, false,
     "targets outside loopback and private networks are meant"},
    {"--json", NULL, read_flag, false, "one JSON object a target on a line, instead of text"},
    {"--transcript", "FILE", read_transcript, false, "write every line of every session there"},
    {"--save-proof", "DIR", option_save_proof, false, "keep each delivered message there"},
    {"--ledger", "FILE", option_ledger, false,
     "write down there what is sent and seen; default: in the user's state directory"},
    {"--no-ledger", NULL, read_flag, false, "write nothing down"},
    {"--collect", NULL, read_mode, false,
     "ask nobody: read the mailboxes for what earlier runs sent"},
    {"--list-runs", NULL, read_mode, false, "print the runs of the ledger"},
    {"--show-run", "RUN", option_show_run, false, "print what the ledger has of a run"},
    {"--export-run", "RUN", option_export_run, false, "the same as JSON"},
    {"--expect", "VERDICT", read_expect, false, "exit 0 when the verdict is this one, 1 when not"},
    {"--dry-run", NULL, read_mode, false, "print what would be said, and send nothing"},
    {"--list-forms", NULL, read_mode, false, "print all forms (also with --json)"},
    {"--markdown", NULL, option_markdown, false, "with --list-forms: as the page doc/forms.md"},
    {"--quiet", NULL, read_flag, false,
     "no progress line, and of the report the verdict line only"},
    {"--verbose", NULL, read_flag, false,
     "every line of every session on standard error; all forms in the report"},
    {"--version", NULL, read_mode, false, "print the version"},
    {"--help", NULL, read_mode, false, "print this"},
};
/* clang-format on */

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static bool read_target(struct options *o, struct span text, struct strbuf *error)
{
    if (o->target_count == OPTIONS_TARGETS_MAX) {
        strbuf_addf(error, "more than %d targets", OPTIONS_TARGETS_MAX);
        return false;
    }
    return target_read(&o->target[o->target_count++], text, error);
}

static void set_defaults(struct options *o)
{
    memset(o, 0, sizeof(*o));
    o->mode = MODE_ASK;
    o->forms = SPAN("standard");
    o->wait_ns = 2 * CLOCK_MINUTE;
    o->max_time_ns = 15 * CLOCK_MINUTE;
    o->retry_ns = 5 * CLOCK_MINUTE + CLOCK_SECOND;
    o->timeouts = smtp_timeouts_rfc5321;
    o->rate = 60;
}

static bool asks(const struct options *o)
{
    return o->mode == MODE_ASK || o->mode == MODE_DRY_RUN;
}

static bool check_together(struct options *o, struct strbuf *error)
{
    const char *missing = NULL;

    o->canary_missing = asks(o) && o->canary.len == 0;
    if (o->inside && o->outside)
        missing = "--inside and --outside exclude each other";
    else if (o->quiet && o->verbose)
        missing = "--quiet and --verbose exclude each other";
    else if (o->mode == MODE_DRY_RUN && o->json)
        missing = "--dry-run and --json exclude each other: what would be said is no report";
    else if (o->mode == MODE_DRY_RUN && o->expect_given)
        missing = "--dry-run and --expect exclude each other: nothing is asked";
    else if (o->canary_missing)
        missing =
            "--canary ADDRESS is required: an address of your own, outside the target's domains";
    else if (asks(o) && o->target_count == 0 && o->targets == NULL)
        missing = "no TARGET: name the server to ask, like 192.0.2.1:25";
    else if (!asks(o) && (o->target_count > 0 || o->targets != NULL))
        missing = "a TARGET is given, but only the ledger or a mailbox is to be read";
    else if (o->mode == MODE_COLLECT && o->mailbox_count == 0)
        missing = "--collect needs a --mailbox to read";
    if (missing != NULL) {
        strbuf_adds(error, missing);
        return false;
    }
    if (!options_check_home(o, error) || !options_check_many(o, error) ||
        !options_check_tls(o, error))
        return false;
    if (o->sender.len == 0) {
        o->sender = o->canary;
        o->sender_local = o->canary_local;
        o->sender_domain = o->canary_domain;
    }
    if (o->contact.len == 0)
        o->contact = o->canary;
    return true;
}

static bool read_option(struct options *o, const struct word *word, struct strbuf *error)
{
    const struct option_row *row = &rows[word->row];
    struct reader r = {.o = o,
                       .error = error,
                       .option = word->option,
                       .value = word->value != NULL ? span_of(word->value) : SPAN("")};

    bool once = word->value == NULL || row->repeats || words_once(word, error);
    return once && row->read(&r);
}

bool options_parse(struct options *o, int argc, char **argv, struct strbuf *error)
{
    struct words words;
    struct word word;
    enum word_kind kind;

    set_defaults(o);
    words_init(&words, rows, ROW_COUNT, sizeof(rows[0]), argc, argv);
    while ((kind = words_next(&words, &word, error)) != WORD_END) {
        bool fine = kind == WORD_ARGUMENT ? read_target(o, span_of(word.value), error)
                                          : kind == WORD_OPTION && read_option(o, &word, error);

        if (!fine)
            return false;
        if (o->mode == MODE_VERSION || o->mode == MODE_HELP)
            return true;
    }
    return o->mode == MODE_LIST_FORMS || check_together(o, error);
}

void options_print_help(struct strbuf *out)
{
    strbuf_adds(
        out,
        "Usage: relayprobe --canary ADDRESS [OPTION...] TARGET...\n"
        "Asks a mail server whether it relays for strangers, and proves the answer by delivery.\n"
        "TARGET is ADDR:PORT, [ADDR6]:PORT, ADDR or NAME (port 25), or mx:DOMAIN.\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++)
        words_help(out, rows[i].name, rows[i].argument, 28, rows[i].help);
    strbuf_adds(out, "\nExit status: 0 closed, 1 open, 2 usage, 3 bounces, discards or accepts,\n"
                     "4 inconclusive, 5 unreachable, 71 system error, 128+n signal.\n"
                     "With --expect: 0 as expected, 1 not.\n");
}
