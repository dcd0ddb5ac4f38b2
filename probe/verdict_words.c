/*
 * verdict_words.c - verdicts and their kin as words and exit statuses
 */
#include "probe/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const timeout_codes[STEP_COUNT] = {
    [STEP_CONNECT] = "timeout-connect",
    [STEP_GREETING] = "timeout-greeting",
    [STEP_EHLO] = "timeout-ehlo",
    [STEP_HELO] = "timeout-helo",
    [STEP_MAIL] = "timeout-mail",
    [STEP_RCPT] = "timeout-rcpt",
    [STEP_DATA] = "timeout-data",
    [STEP_BLOCK] = "timeout-block",
    [STEP_END_OF_DATA] = "timeout-end-of-data",
    [STEP_RSET] = "timeout-rset",
    [STEP_QUIT] = "timeout-quit",
    [STEP_STARTTLS] = "timeout-starttls",
    [STEP_TLS] = "timeout-tls",
    [STEP_OTHER] = "timeout-other",
};

static const char *const lost_codes[STEP_COUNT] = {
    [STEP_CONNECT] = "lost-connect",
    [STEP_GREETING] = "lost-greeting",
    [STEP_EHLO] = "lost-ehlo",
    [STEP_HELO] = "lost-helo",
    [STEP_MAIL] = "lost-mail",
    [STEP_RCPT] = "lost-rcpt",
    [STEP_DATA] = "lost-data",
    [STEP_BLOCK] = "lost-block",
    [STEP_END_OF_DATA] = "lost-end-of-data",
    [STEP_RSET] = "lost-rset",
    [STEP_QUIT] = "lost-quit",
    [STEP_STARTTLS] = "lost-starttls",
    [STEP_TLS] = "lost-tls",
    [STEP_OTHER] = "lost-other",
};

const char *verdict_step_code(bool timeout, enum smtp_step step)
{
    return timeout ? timeout_codes[step] : lost_codes[step];
}

static const char *const verdict_names[] = {
    [VERDICT_OPEN] = "open",
    [VERDICT_BOUNCES] = "bounces",
    [VERDICT_DISCARDS] = "discards",
    [VERDICT_ACCEPTS] = "accepts",
    [VERDICT_CLOSED] = "closed",
    [VERDICT_INCONCLUSIVE] = "inconclusive",
    [VERDICT_UNREACHABLE] = "unreachable",
};

const char *verdict_name(enum verdict v)
{
    return verdict_names[v];
}

bool verdict_parse(struct span name, enum verdict *v)
{
    for (unsigned i = 0; i < COUNT(verdict_names); i++) {
        if (span_iequal(name, span_of(verdict_names[i]))) {
            *v = (enum verdict)i;
            return true;
        }
    }
    return false;
}

int verdict_exit_status(enum verdict v)
{
    switch (v) {
    case VERDICT_CLOSED:
        return 0;
    case VERDICT_OPEN:
        return 1;
    case VERDICT_BOUNCES:
    case VERDICT_DISCARDS:
    case VERDICT_ACCEPTS:
        return 3;
    case VERDICT_INCONCLUSIVE:
        return 4;
    case VERDICT_UNREACHABLE:
        return 5;
    }
    return 4;
}

const char *plain_accepted_name(enum plain_accepted p)
{
    switch (p) {
    case PLAIN_NO:
        return "no";
    case PLAIN_RCPT:
        return "rcpt";
    case PLAIN_DATA:
        return "data";
    case PLAIN_END_OF_DATA:
        return "end-of-data";
    }
    return "no";
}
