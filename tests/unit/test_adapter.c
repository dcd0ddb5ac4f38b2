/*
 * test_adapter.c - manifests and their mistakes, placeholders, what was said, and what it is worth
 */
#define _DEFAULT_SOURCE /* mkstemps */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenarios/adapter/known.h"
#include "scenarios/adapter/placeholders.h"
#include "scenarios/adapter/ruling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct adapter_path nowhere = {.count = 0};

/* Loads a manifest from text; the file's name is that of every message. */
static bool load(struct manifest *m, const char *text)
{
    char path[] = "/tmp/relaylab-manifest-XXXXXX.yaml";
    int fd = mkstemps(path, 5);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    bool ok = manifest_open(m, &nowhere, path);
    (void)unlink(path);
    return ok;
}

#define GOOD "adapter: a\nargv: [x, \"{host}\"]\n"

static void mistakes(void **state)
{
    static const struct {
        const char *label, *text, *position, *message;
    } rows[] = {
        {"unknown key", GOOD "exits: {0: open}\n", ":3:1:", "exits"},
        {"no argv", "adapter: a\n", "", "argv"},
        {"unknown placeholder", "adapter: a\nargv: [x, \"{prot}\"]\n",
         ":2:11:", "no such placeholder: {prot}"},
        {"open brace", "adapter: a\nargv: [x, \"{host\"]\n", ":2:11:", "no such placeholder"},
        {"not a regular expression", GOOD "verdict:\n  - {match: \"(\", verdict: open}\n",
         ":4:", "not a regular expression"},
        {"not a verdict", GOOD "exit: {0: opened}\n", ":3:11:", "opened"},
        {"not a status", GOOD "exit: {x: open}\n", ":3:", "no exit status: x"},
        {"five words", GOOD "verdict: {match: x, verdict: accepts}\n", "", "words: seven"},
        {"not a name", "adapter: A b\nargv: [x]\n", "", "not a name"},
        {"not a duration", GOOD "limits: {time: 5 minutes}\n", ":3:16:", "not a duration"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct manifest m;

        assert_false(load(&m, rows[i].text));
        if (strstr(m.error, rows[i].position) == NULL || strstr(m.error, rows[i].message) == NULL)
            fail_msg("%s: %s", rows[i].label, m.error);
        manifest_close(&m);
    }
}

static void no_such_adapter(void **state)
{
    struct manifest m;

    (void)state;
    assert_false(manifest_open(&m, &nowhere, "nobody"));
    assert_true(m.unreadable);
    assert_non_null(strstr(m.error, "nobody: no such adapter"));
    manifest_close(&m);
}

static void placeholders(void **state)
{
    static const struct {
        const char *word, *filled;
    } rows[] = {
        {"{host}", "127.0.0.1"},
        {"{host}:{port}", "127.0.0.1:25"},
        {"{{host}", "{host}"},
        {"plain", "plain"},
        {"", ""},
        {"<{from}>", "<>"},
        {"{token}{token}", "tt"},
        {"a{{b", "a{b"},
    };
    struct places p = {
        .value = {[PLACE_HOST] = "127.0.0.1", [PLACE_PORT] = "25", [PLACE_TOKEN] = "t"}};
    char block[4096], why[64];
    struct arena arena;
    struct strbuf b;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *words[] = {rows[i].word};
        const struct conf_texts argv = {words, 1};

        arena_init(&arena, block, sizeof block);
        strbuf_init(&b, why, sizeof why);
        assert_true(placeholders_check(span_of(rows[i].word), &b));
        const char *const *filled = placeholders_fill(&argv, &p, &arena);
        assert_non_null(filled);
        assert_string_equal(filled[0], rows[i].filled);
        assert_null(filled[1]);
    }
}

static void options_become_words(void **state)
{
    const char *words[] = {"probe", "{options}", "end"}, *options[] = {"--wait", "1s"};
    const struct conf_texts argv = {words, 3};
    struct places p = {.options = {options, 2}};
    char block[4096];
    struct arena arena;

    (void)state;
    arena_init(&arena, block, sizeof block);
    const char *const *filled = placeholders_fill(&argv, &p, &arena);
    assert_string_equal(filled[1], "--wait");
    assert_string_equal(filled[2], "1s");
    assert_string_equal(filled[3], "end");
    assert_null(filled[4]);
}

static void environment(void **state)
{
    const char *more[] = {"PATH=/bin"};
    struct places p = {.value = {[PLACE_VERSION] = "1", [PLACE_FROM_LOCAL] = "not there"}};
    char block[4096];
    struct arena arena;

    (void)state;
    arena_init(&arena, block, sizeof block);
    const char *const *env = placeholders_environment(&p, more, 1, &arena);
    assert_string_equal(env[0], "RELAY_V=1");
    assert_string_equal(env[1], "PATH=/bin");
    assert_null(env[2]);
}

static void check_said(const char *label, const char *manifest, struct spawn_result end,
                       const char *file, enum said_kind kind, int verdict)
{
    struct manifest m;
    struct said said;

    if (!load(&m, manifest))
        fail_msg("%s: %s", label, m.error);
    said_read(&m.adapter, &end, file != NULL ? span_of(file) : (struct span){NULL, 0}, &said);
    if (said.kind != kind || said.verdict != verdict)
        fail_msg("%s: %s, %s (%s)", label, said_kind_name(said.kind),
                 adapter_verdict_name(said.verdict), said.note);
    manifest_close(&m);
}

#define PATTERNS                                                   \
    GOOD "verdict:\n  - {match: \"^not open\", verdict: closed}\n" \
         "  - {match: open, verdict: open}\nexit: {3: inconclusive, 4: unsupported}\n"
#define SEVEN GOOD "words: seven\n"

static void said(void **state)
{
    static const struct {
        const char *label, *manifest, *output;
        enum spawn_end end;
        int status;
        const char *file;
        enum said_kind kind;
        int verdict;
    } rows[] = {
        {"a pattern", PATTERNS, "it is open", SPAWN_EXITED, 0, NULL, SAID_VERDICT, VERDICT_OPEN},
        {"the first wins", PATTERNS, "x\nnot open", SPAWN_EXITED, 0, NULL, SAID_VERDICT,
         VERDICT_CLOSED},
        {"before the status", PATTERNS, "open", SPAWN_EXITED, 3, NULL, SAID_VERDICT, VERDICT_OPEN},
        {"a status", PATTERNS, "", SPAWN_EXITED, 3, NULL, SAID_VERDICT, VERDICT_INCONCLUSIVE},
        {"unsupported", PATTERNS, "", SPAWN_EXITED, 4, NULL, SAID_UNSUPPORTED, -1},
        {"nothing fits", PATTERNS, "", SPAWN_EXITED, 0, NULL, SAID_NOTHING, -1},
        {"half an answer", PATTERNS, "open", SPAWN_TIMED_OUT, 0, NULL, SAID_TIMED_OUT, -1},
        {"a crash", PATTERNS, "open", SPAWN_SIGNALED, 11, NULL, SAID_CRASHED, -1},
        {"no program", PATTERNS, "", SPAWN_NOT_STARTED, 2, NULL, SAID_BROKEN, -1},
        {"not executable", PATTERNS, "", SPAWN_EXITED, 126, NULL, SAID_BROKEN, -1},
        {"lost", PATTERNS, "", SPAWN_LOST, 0, NULL, SAID_CRASHED, -1},
        {"a file", GOOD, "", SPAWN_EXITED, 0, "{\"v\":1,\"verdict\":\"open\"}", SAID_VERDICT,
         VERDICT_OPEN},
        {"all of a file", GOOD, "", SPAWN_EXITED, 0,
         "{\"v\":1,\"verdict\":\"closed\",\"confidence\":\"likely\",\"note\":\"n\"}", SAID_VERDICT,
         VERDICT_CLOSED},
        {"no file", GOOD, "", SPAWN_EXITED, 0, NULL, SAID_NOTHING, -1},
        {"no JSON", GOOD, "", SPAWN_EXITED, 0, "open", SAID_WRONG, -1},
        {"cut short", GOOD, "", SPAWN_EXITED, 0, "{\"v\":1,", SAID_WRONG, -1},
        {"no object", GOOD, "", SPAWN_EXITED, 0, "[1]", SAID_WRONG, -1},
        {"another version", GOOD, "", SPAWN_EXITED, 0, "{\"v\":2,\"verdict\":\"open\"}", SAID_WRONG,
         -1},
        {"no word", GOOD, "", SPAWN_EXITED, 0, "{\"v\":1,\"verdict\":\"yes\"}", SAID_WRONG, -1},
        {"a fifth word", GOOD, "", SPAWN_EXITED, 0, "{\"v\":1,\"verdict\":\"accepts\"}", SAID_WRONG,
         -1},
        {"seven words", SEVEN, "", SPAWN_EXITED, 0, "{\"v\":1,\"verdict\":\"accepts\"}",
         SAID_VERDICT, VERDICT_ACCEPTS},
        {"a wrong confidence", GOOD, "", SPAWN_EXITED, 0,
         "{\"v\":1,\"verdict\":\"open\",\"confidence\":\"sure\"}", SAID_WRONG, -1},
        {"could not decide", GOOD, "", SPAWN_EXITED, 75, NULL, SAID_VERDICT, VERDICT_INCONCLUSIVE},
        {"not for it", GOOD, "", SPAWN_EXITED, 89, NULL, SAID_UNSUPPORTED, -1},
        {"any other status", GOOD, "", SPAWN_EXITED, 1, "{\"v\":1,\"verdict\":\"open\"}",
         SAID_CRASHED, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_said(rows[i].label, rows[i].manifest,
                   (struct spawn_result){.end = rows[i].end,
                                         .status = rows[i].status,
                                         .output = span_of(rows[i].output)},
                   rows[i].file, rows[i].kind, rows[i].verdict);
}

static void marks(void **state)
{
    static const struct {
        const char *label;
        enum adapter_words words;
        int truth, expected;
        enum verdict said;
        enum mark mark;
    } rows[] = {
        {"open", WORDS_FOUR, TRUTH_OPEN, VERDICT_OPEN, VERDICT_OPEN, MARK_RIGHT},
        {"missed", WORDS_FOUR, TRUTH_OPEN, VERDICT_OPEN, VERDICT_CLOSED, MARK_MISSED_RELAY},
        {"missed, whatever is expected", WORDS_FOUR, TRUTH_OPEN, VERDICT_ACCEPTS, VERDICT_CLOSED,
         MARK_MISSED_RELAY},
        {"not settled", WORDS_FOUR, TRUTH_OPEN, VERDICT_OPEN, VERDICT_INCONCLUSIVE, MARK_UNDECIDED},
        {"closed", WORDS_FOUR, TRUTH_CLOSED, VERDICT_CLOSED, VERDICT_CLOSED, MARK_RIGHT},
        {"alarm", WORDS_FOUR, TRUTH_CLOSED, VERDICT_CLOSED, VERDICT_OPEN, MARK_FALSE_ALARM},
        {"discarded, and cannot tell", WORDS_FOUR, TRUTH_CLOSED, VERDICT_DISCARDS,
         VERDICT_INCONCLUSIVE, MARK_RIGHT},
        {"bounced is closed enough", WORDS_FOUR, TRUTH_CLOSED, VERDICT_BOUNCES, VERDICT_CLOSED,
         MARK_RIGHT},
        {"accepted is no relay yet", WORDS_FOUR, TRUTH_CLOSED, VERDICT_ACCEPTS, VERDICT_OPEN,
         MARK_FALSE_ALARM},
        {"nobody can know", WORDS_FOUR, TRUTH_UNDECIDABLE, VERDICT_INCONCLUSIVE, VERDICT_CLOSED,
         MARK_MISSED_RELAY},
        {"nobody knows, and says so", WORDS_FOUR, TRUTH_UNDECIDABLE, VERDICT_INCONCLUSIVE,
         VERDICT_INCONCLUSIVE, MARK_RIGHT},
        {"strict", WORDS_SEVEN, TRUTH_CLOSED, VERDICT_DISCARDS, VERDICT_INCONCLUSIVE,
         MARK_UNDECIDED},
        {"as expected", WORDS_SEVEN, TRUTH_CLOSED, VERDICT_ACCEPTS, VERDICT_ACCEPTS, MARK_RIGHT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ruling_mark(rows[i].words, rows[i].truth, rows[i].expected, rows[i].said) !=
            rows[i].mark)
            fail_msg("%s", rows[i].label);
}

static void known_failures(void **state)
{
    struct known_failure item[] = {
        {.id = "a", .as = "false alarm", .why = "w"},
        {.id = "s", .as = "false alarm", .why = "w", .sometimes = true},
    };
    const struct known k = {.list = {.item = item, .count = 2}, .exists = true, .path = "f"};
    static const struct {
        const char *label, *id;
        enum outcome_status status;
        enum mark mark;
        bool holds;
    } rows[] = {
        {"known", "a", OUTCOME_FAILED, MARK_FALSE_ALARM, true},
        {"fails otherwise", "a", OUTCOME_FAILED, MARK_MISSED_RELAY, false},
        {"passes", "a", OUTCOME_PASSED, MARK_RIGHT, false},
        {"skipped", "a", OUTCOME_SKIPPED, MARK_RIGHT, true},
        {"not known", "b", OUTCOME_FAILED, MARK_FALSE_ALARM, false},
        {"well", "b", OUTCOME_PASSED, MARK_RIGHT, true},
        {"sometimes, and now", "s", OUTCOME_FAILED, MARK_FALSE_ALARM, true},
        {"sometimes, and not now", "s", OUTCOME_PASSED, MARK_RIGHT, true},
        {"sometimes, but otherwise", "s", OUTCOME_FAILED, MARK_MISSED_RELAY, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct outcome o = {.status = rows[i].status, .mark = rows[i].mark};
        char memory[512];
        struct strbuf story;

        strbuf_init(&story, memory, sizeof memory);
        bytes_copy(o.id, sizeof o.id, span_of(rows[i].id));
        if (known_holds(&k, &o, &story) != rows[i].holds || (story.len == 0) != rows[i].holds)
            fail_msg("%s: %s", rows[i].label, memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes),     cmocka_unit_test(no_such_adapter),
        cmocka_unit_test(placeholders), cmocka_unit_test(options_become_words),
        cmocka_unit_test(environment),  cmocka_unit_test(said),
        cmocka_unit_test(marks),        cmocka_unit_test(known_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
