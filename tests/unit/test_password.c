#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/host/password.h"

static const struct {
    const char *content;
    mode_t mode;
    const char *password; /* NULL: refused */
    const char *why;
} rows[] = {
    {"hush\n", 0600, "hush", NULL},
    {"hush", 0400, "hush", NULL},
    {"  two words \r\nmore\n", 0600, "  two words ", NULL},
    {"hush\n", 0640, NULL, "chmod 600"},
    {"hush\n", 0604, NULL, "chmod 600"},
    {"hush\n", 0620, NULL, "chmod 600"},
    {"", 0600, NULL, "no password"},
    {"\nhush", 0600, NULL, "no password"},
    {"hu\rsh\n", 0600, NULL, "control character"},
    {"hu\x1bsh\n", 0600, NULL, "control character"},
};

static bool read_it(const char *path, char password[PASSWORD_MAX], char *why, size_t cap)
{
    struct strbuf error;
    strbuf_init(&error, why, cap);
    return password_read(path, password, &error);
}

static void test_files(void **state)
{
    char path[] = "/tmp/relaylab-password-XXXXXX", password[PASSWORD_MAX], why[256];
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].content);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, rows[i].content, len, 0), (ssize_t)len);
        assert_int_equal(fchmod(fd, rows[i].mode), 0);
        bool good = read_it(path, password, why, sizeof(why));
        if (good != (rows[i].password != NULL))
            fail_msg("%s: %s", rows[i].content, why);
        if (good)
            assert_string_equal(password, rows[i].password);
        else if (strstr(why, rows[i].why) == NULL || strstr(why, "hu") != NULL)
            fail_msg("%s", why);
    }
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_false(read_it(path, password, why, sizeof(why)));
    assert_non_null(strstr(why, "No such file"));
    assert_false(read_it("/tmp", password, why, sizeof(why)));
    assert_false(read_it("/dev/null", password, why, sizeof(why)));
}

static void test_a_long_one(void **state)
{
    char path[] = "/tmp/relaylab-password-XXXXXX", password[PASSWORD_MAX], why[256];
    char text[2 * PASSWORD_MAX];
    int fd = mkstemp(path);
    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t len = PASSWORD_MAX - 2; len < PASSWORD_MAX + 4; len++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, text, len, 0), (ssize_t)len);
        assert_int_equal(read_it(path, password, why, sizeof(why)), len < PASSWORD_MAX);
    }
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
}

static void test_the_environment(void **state)
{
    char password[PASSWORD_MAX], why[256];
    (void)state;
    assert_int_equal(unsetenv(PASSWORD_VARIABLE), 0);
    assert_true(read_it(NULL, password, why, sizeof(why)));
    assert_string_equal(password, "");
    assert_int_equal(setenv(PASSWORD_VARIABLE, "hush", 1), 0);
    assert_true(read_it(NULL, password, why, sizeof(why)));
    assert_string_equal(password, "hush");
    password_wipe(password);
    assert_string_equal(password, "");
    assert_int_equal(setenv(PASSWORD_VARIABLE, "hu\nsh", 1), 0);
    assert_true(read_it(NULL, password, why, sizeof(why)));
    assert_string_equal(password, "hu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_a_long_one),
        cmocka_unit_test(test_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
