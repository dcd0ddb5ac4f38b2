/*
 * said.c - the end of the process first, since half an answer of a killed detector is none
 */
#include "scenarios/adapter/said.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *said_kind_name(enum said_kind k)
{
    static const char *const names[] = {"verdict", "unsupported", "no answer", "wrong answer",
                                        "crashed", "timed out",   "broken"};

    return names[k];
}

static void no_verdict(struct said *out, enum said_kind kind, const char *note)
{
    *out = (struct said){.kind = kind, .verdict = -1};
    bytes_copy(out->note, sizeof out->note, span_of(note));
}

static void give(struct said *out, int verdict, int confidence)
{
    if (verdict == ADAPTER_UNSUPPORTED)
        no_verdict(out, SAID_UNSUPPORTED, "it cannot ask this server");
    else
        *out = (struct said){.verdict = verdict, .confidence = confidence};
}

/* Patterns see text: a NUL would end it. NULL: no memory. */
static char *text_of(struct span output)
{
    char *text = malloc(output.len + 1);

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < output.len; i++)
        text[i] = output.ptr[i] != '\0' ? output.ptr[i] : '?';
    text[output.len] = '\0';
    return text;
}

static bool match(const struct adapter *a, const char *text, struct said *out)
{
    for (size_t i = 0; i < a->pattern_count; i++) {
        const struct adapter_pattern *p = &a->patterns[i];
        regmatch_t m;

        if (regexec(&p->compiled, text, 1, &m, 0) != 0)
            continue;
        give(out, p->verdict, p->confidence);
        if (out->kind == SAID_VERDICT)
            bytes_copy(out->note, sizeof out->note,
                       (struct span){text + m.rm_so, (size_t)(m.rm_eo - m.rm_so)});
        return true;
    }
    return false;
}

static bool by_pattern(const struct adapter *a, struct span output, struct said *out)
{
    char *text = text_of(output);
    bool found = text != NULL && match(a, text, out);

    free(text);
    return found;
}

static bool by_exit(const struct adapter *a, int status, struct said *out)
{
    for (size_t i = 0; i < a->exit_count; i++)
        if (a->exits[i].status == status) {
            give(out, a->exits[i].verdict, 0);
            return true;
        }
    return false;
}

static int find_name(const char *name)
{
    for (int v = 0; v < ADAPTER_UNSUPPORTED; v++)
        if (strcmp(adapter_verdict_name(v), name) == 0)
            return v;
    return -1;
}

static int find_confidence(const char *name)
{
    for (size_t i = 0; name != NULL && adapter_confidence_names[i].name != NULL; i++)
        if (strcmp(adapter_confidence_names[i].name, name) == 0)
            return adapter_confidence_names[i].value;
    return name == NULL ? 0 : -1;
}

static bool is_of_four(int verdict)
{
    return verdict == VERDICT_OPEN || verdict == VERDICT_CLOSED ||
           verdict == VERDICT_INCONCLUSIVE || verdict == VERDICT_UNREACHABLE;
}

static void read_object(const struct adapter *a, const json_t *root, struct said *out)
{
    const char *verdict = json_string_value(json_object_get(root, "verdict"));
    const json_t *sure = json_object_get(root, "confidence");
    const char *note = json_string_value(json_object_get(root, "note"));
    int v = verdict != NULL ? find_name(verdict) : -1;
    int confidence = find_confidence(sure != NULL ? json_string_value(sure) : NULL);

    if (json_integer_value(json_object_get(root, "v")) != 1)
        no_verdict(out, SAID_WRONG, "RELAY_OUT: \"v\" is not 1");
    else if (v < 0)
        no_verdict(out, SAID_WRONG, "RELAY_OUT: \"verdict\" is none of the words");
    else if (a->words == WORDS_FOUR && !is_of_four(v))
        no_verdict(out, SAID_WRONG, "RELAY_OUT: this verdict needs words: seven in the manifest");
    else if (confidence < 0)
        no_verdict(out, SAID_WRONG,
                   "RELAY_OUT: \"confidence\" is not proven, accepted, likely or none");
    else {
        give(out, v, confidence);
        if (note != NULL)
            bytes_copy(out->note, sizeof out->note, span_of(note));
    }
}

static void by_file(const struct adapter *a, struct span file, struct said *out)
{
    json_error_t error;
    struct strbuf b;

    if (file.ptr == NULL || file.len == 0) {
        no_verdict(out, SAID_NOTHING, "nothing was written to RELAY_OUT");
        return;
    }
    json_t *root = json_loadb(file.ptr, file.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL || !json_is_object(root)) {
        no_verdict(out, SAID_WRONG, "");
        strbuf_init(&b, out->note, sizeof out->note);
        strbuf_adds(&b, "RELAY_OUT: ");
        if (root != NULL)
            strbuf_adds(&b, "not an object");
        else
            strbuf_addf(&b, "%d:%d: %s", error.line, error.column, error.text);
    } else {
        read_object(a, root, out);
    }
    json_decref(root);
}

/* True: the process ended in a way that leaves no answer to read. */
static bool ended_badly(const struct spawn_result *end, struct said *out)
{
    char memory[160];
    struct strbuf b;

    strbuf_init(&b, memory, sizeof memory);
    switch (end->end) {
    case SPAWN_EXITED:
        if (end->status != 126 && end->status != 127)
            return false;
        strbuf_addf(&b, "exit status %d: the adapter is broken", end->status);
        no_verdict(out, SAID_BROKEN, memory);
        return true;
    case SPAWN_SIGNALED:
        strbuf_addf(&b, "signal %d (%s)", end->status, strsignal(end->status));
        no_verdict(out, SAID_CRASHED, memory);
        return true;
    case SPAWN_TIMED_OUT:
        strbuf_adds(&b, "it was ended after ");
        clock_print_human(&b, end->elapsed_ns);
        if (end->status != 0)
            strbuf_adds(&b, ", by SIGKILL: SIGTERM was not enough");
        no_verdict(out, SAID_TIMED_OUT, memory);
        return true;
    case SPAWN_NOT_STARTED:
        strbuf_addf(&b, "it cannot be started: %s", strerror(end->status));
        no_verdict(out, SAID_BROKEN, memory);
        return true;
    case SPAWN_LOST:
        break;
    }
    no_verdict(out, SAID_CRASHED, "its keeper died");
    return true;
}

static void no_answer(const struct spawn_result *end, struct said *out)
{
    char memory[96];
    struct strbuf b;

    strbuf_init(&b, memory, sizeof memory);
    strbuf_addf(&b, "exit status %d, and nothing in the output that the manifest knows",
                end->status);
    no_verdict(out, SAID_NOTHING, memory);
}

static void by_contract(const struct adapter *a, const struct spawn_result *end, struct span file,
                        struct said *out)
{
    char memory[64];
    struct strbuf b;

    if (end->status == SAID_EXIT_UNDECIDED) {
        give(out, VERDICT_INCONCLUSIVE, 0);
    } else if (end->status == SAID_EXIT_UNSUPPORTED) {
        give(out, ADAPTER_UNSUPPORTED, 0);
    } else if (end->status == 0) {
        by_file(a, file, out);
    } else {
        strbuf_init(&b, memory, sizeof memory);
        strbuf_addf(&b, "exit status %d", end->status);
        no_verdict(out, SAID_CRASHED, memory);
    }
}

void said_read(const struct adapter *a, const struct spawn_result *end, struct span file,
               struct said *out)
{
    if (ended_badly(end, out))
        return;
    if (a->pattern_count == 0 && a->exit_count == 0)
        by_contract(a, end, file, out);
    else if (!by_pattern(a, end->output, out) && !by_exit(a, end->status, out))
        no_answer(end, out);
}

bool said_version(const char *pattern, struct span output, char *version, size_t cap)
{
    regex_t re;
    regmatch_t m[2] = {{-1, -1}, {-1, -1}};

    if (regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE) != 0)
        return false;
    char *text = text_of(output);
    bool found = text != NULL && regexec(&re, text, 2, m, 0) == 0;
    const regmatch_t *g = m[1].rm_so >= 0 ? &m[1] : &m[0];
    if (found)
        bytes_copy(version, cap, (struct span){text + g->rm_so, (size_t)(g->rm_eo - g->rm_so)});
    free(text);
    regfree(&re);
    return found;
}
