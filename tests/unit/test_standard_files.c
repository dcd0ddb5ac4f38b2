/*
 * test_standard_files.c - a closed standard file gets a stand-in that cannot be written to; open
 * ones stay
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/host/standard_files.h"

/* In a child: what is closed stays closed for the caller. Its status says what was found. */
static int child(int closed)
{
    (void)close(closed);
    standard_files_keep();
    int next = dup(STDIN_FILENO);
    bool refused = write(closed, "x", 1) == -1 && errno == EBADF;
    return next > STDERR_FILENO && refused ? 0 : 1;
}

static void a_closed_one_is_not_given_away(void **state)
{
    (void)state;
    for (int closed = STDIN_FILENO; closed <= STDERR_FILENO; closed++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
            _exit(child(closed));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static void open_ones_stay_and_nothing_leaks(void **state)
{
    (void)state;
    int before = dup(STDIN_FILENO);
    (void)close(before);
    standard_files_keep();
    int after = dup(STDIN_FILENO);
    (void)close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_closed_one_is_not_given_away),
                                       cmocka_unit_test(open_ones_stay_and_nothing_leaks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
