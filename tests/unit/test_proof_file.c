/*
 * test_proof_file.c - messages kept as files: whole, under their name, and none in the place of
 * another
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/host/proof_file.h"

static void read_back(const char *directory, const char *name, const char *want)
{
    char path[600], content[64];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    content[fread(content, 1, sizeof(content) - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(content, want);
    unlink(path);
}

static void messages_are_kept(void **state)
{
    char directory[] = "/tmp/relaylab-proof-XXXXXX", first[PROOF_NAME_MAX], second[PROOF_NAME_MAX],
         memory[512];
    struct strbuf error;

    (void)state;
    strbuf_init(&error, memory, sizeof(memory));
    assert_non_null(mkdtemp(directory));
    assert_true(proof_check(directory, &error));
    assert_true(proof_save(directory, SPAN("run"), SPAN("S1-R1.2"), SPAN("token"), SPAN("one\r\n"),
                           first, &error));
    assert_true(proof_save(directory, SPAN("run"), SPAN("S1-R1.2"), SPAN("token"), SPAN("two\r\n"),
                           second, &error));
    assert_string_equal(first, "run-S1-R1.2-token.eml");
    assert_string_equal(second, "run-S1-R1.2-token.2.eml");
    read_back(directory, first, "one\r\n");
    read_back(directory, second, "two\r\n");
    assert_true(
        proof_save(directory, SPAN("../x"), SPAN("/f\n"), SPAN(".t"), SPAN(""), first, &error));
    assert_null(strchr(first, '/'));
    assert_null(strchr(first, '\n'));
    read_back(directory, first, "");
    assert_int_equal(rmdir(directory), 0); /* no temporary file is left */
}

static void trouble_is_told(void **state)
{
    char name[PROOF_NAME_MAX], memory[512];
    struct strbuf error;

    (void)state;
    strbuf_init(&error, memory, sizeof(memory));
    assert_false(proof_check("/nonexistent/x", &error));
    assert_string_equal(memory, "/nonexistent/x: No such file or directory");
    strbuf_reset(&error);
    assert_false(
        proof_save("/nonexistent/x", SPAN("r"), SPAN("f"), SPAN("t"), SPAN("c"), name, &error));
    assert_string_equal(memory, "/nonexistent/x: No such file or directory");
    strbuf_reset(&error);
    assert_false(proof_check("/dev/null", &error));
    assert_string_equal(memory, "/dev/null: Not a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_kept),
        cmocka_unit_test(trouble_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
