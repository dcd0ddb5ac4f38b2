/*
 * test_mailbox_files.c - Maildir and mbox in a folder of their own, on the simulator's timers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/mailbox/mailbox_maildir.h"
#include "drive/mailbox/mailbox_mbox.h"
#include "drive/sim/sim.h"

enum { TOLD_MAX = 16384, UIDS_MAX = 64 };

struct lab {
    struct sim *sim;
    struct world *world;
    struct mailbox mailbox;
    unsigned answers;
    size_t uid_count, content_len;
    enum mailbox_status status;
    bool truncated;
    char root[64], path[96];
    char uids[UIDS_MAX][MAILBOX_UID_MAX + 1];
    char why[256];
    char content[MAILBOX_CONTENT_MAX + 1];
};

static void on_entry(void *self, struct span uid, uint64_t size)
{
    struct lab *lab = self;
    (void)size;
    if (lab->uid_count < UIDS_MAX)
        assert_true(bytes_copy(lab->uids[lab->uid_count], MAILBOX_UID_MAX + 1, uid));
    lab->uid_count++;
}

static void note(struct lab *lab, enum mailbox_status status, struct span why)
{
    lab->answers++;
    lab->status = status;
    (void)bytes_copy(lab->why, sizeof lab->why, why);
}

static void on_listed(void *self, enum mailbox_status status, struct span why)
{
    note(self, status, why);
}

static void on_fetched(void *self, enum mailbox_status status, struct span uid, struct span content,
                       bool truncated, struct span why)
{
    struct lab *lab = self;
    (void)uid;
    note(lab, status, why);
    lab->truncated = truncated;
    lab->content_len = content.len;
    assert_true(bytes_copy(lab->content, sizeof lab->content, content));
}

static void on_removed(void *self, enum mailbox_status status, struct span uid, struct span why)
{
    (void)uid;
    note(self, status, why);
}

static struct mailbox_user user_of(struct lab *lab)
{
    return (struct mailbox_user){on_entry, on_listed, on_fetched, on_removed, lab};
}

static struct lab *lab_new(void)
{
    struct lab *lab = calloc(1, sizeof *lab);
    const char *tmp = getenv("TMPDIR");
    assert_non_null(lab);
    (void)snprintf(lab->root, sizeof lab->root, "%s/relaylab-test-XXXXXX",
                   tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
    assert_non_null(mkdtemp(lab->root));
    (void)snprintf(lab->path, sizeof lab->path, "%s/box", lab->root);
    lab->sim = sim_new(&(struct sim_config){.seed = 1});
    assert_non_null(lab->sim);
    lab->world = sim_world(lab->sim);
    return lab;
}

static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *e;
    if (dir == NULL)
        return;
    while ((e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            if (unlinkat(dirfd(dir), e->d_name, 0) != 0)
                (void)unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
    (void)closedir(dir);
    (void)rmdir(path);
}

static void lab_free(struct lab *lab)
{
    static const char *const folders[] = {"box/new", "box/cur", "box", ""};
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", lab->root, folders[i]);
        empty_folder(path);
    }
    sim_free(lab->sim);
    free(lab);
}

static void write_file(const char *path, const char *text, const char *mode)
{
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void write_in(const struct lab *lab, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", lab->path, name);
    write_file(path, text, "w");
}

static void make_maildir(const struct lab *lab)
{
    char path[128];
    assert_int_equal(mkdir(lab->path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/new", lab->path);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/cur", lab->path);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* Runs until the answer came; it does not come from inside the call. */
static void run(struct lab *lab, unsigned answers)
{
    assert_int_equal(lab->answers, answers);
    (void)sim_run(lab->sim, CLOCK_NEVER);
    assert_int_equal(lab->answers, answers + 1);
}

static enum mailbox_status list(struct lab *lab)
{
    unsigned answers = lab->answers;
    lab->uid_count = 0;
    lab->mailbox.ops->list(lab->mailbox.self);
    run(lab, answers);
    return lab->status;
}

static enum mailbox_status fetch(struct lab *lab, const char *uid)
{
    unsigned answers = lab->answers;
    lab->mailbox.ops->fetch(lab->mailbox.self, span_of(uid));
    run(lab, answers);
    return lab->status;
}

static enum mailbox_status take_out(struct lab *lab, const char *uid)
{
    unsigned answers = lab->answers;
    lab->mailbox.ops->remove(lab->mailbox.self, span_of(uid));
    run(lab, answers);
    return lab->status;
}

static bool exists(const struct lab *lab, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", lab->path, name);
    return access(path, F_OK) == 0;
}

static struct mailbox_maildir *open_maildir(struct lab *lab)
{
    char memory[128];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    struct mailbox_maildir *m = mailbox_maildir_new(lab->world, lab->path, user_of(lab), &error);
    assert_non_null(m);
    lab->mailbox = mailbox_maildir_mailbox(m);
    return m;
}

static void maildir_reads_and_changes_nothing(void **state)
{
    struct lab *lab = lab_new();
    (void)state;
    make_maildir(lab);
    write_in(lab, "new/1.a.host", "one");
    write_in(lab, "cur/2.b.host:2,S", "two");
    write_in(lab, "cur/3.c.host:2,FRS", "three");
    write_in(lab, "new/.hidden", "no message");
    struct mailbox_maildir *m = open_maildir(lab);
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, 3);
    assert_string_equal(lab->uids[0], "1.a.host");
    assert_int_equal(fetch(lab, "1.a.host"), MAILBOX_OK);
    assert_string_equal(lab->content, "one");
    assert_int_equal(fetch(lab, "2.b.host"), MAILBOX_OK);
    assert_string_equal(lab->content, "two");
    assert_int_equal(fetch(lab, "3.c.host"), MAILBOX_OK);
    assert_string_equal(lab->content, "three");
    assert_int_equal(fetch(lab, "4.d.host"), MAILBOX_GONE);
    assert_true(exists(lab, "new/1.a.host") && exists(lab, "cur/2.b.host:2,S"));
    mailbox_maildir_free(m);
    lab_free(lab);
}

static void maildir_removes_the_one_that_is_named(void **state)
{
    struct lab *lab = lab_new();
    (void)state;
    make_maildir(lab);
    write_in(lab, "new/1.a.host", "one");
    write_in(lab, "cur/11.a.host:2,S", "two");
    struct mailbox_maildir *m = open_maildir(lab);
    assert_int_equal(take_out(lab, "11.a.host"), MAILBOX_OK);
    assert_false(exists(lab, "cur/11.a.host:2,S"));
    assert_true(exists(lab, "new/1.a.host"));
    assert_int_equal(take_out(lab, "11.a.host"), MAILBOX_GONE);
    mailbox_maildir_free(m);
    lab_free(lab);
}

static void maildir_that_is_none(void **state)
{
    struct lab *lab = lab_new();
    (void)state;
    struct mailbox_maildir *m = open_maildir(lab);
    assert_int_equal(list(lab), MAILBOX_TROUBLE); /* may come with the first message */
    assert_non_null(strstr(lab->why, "/box/"));
    write_file(lab->path, "a file", "w");
    assert_int_equal(list(lab), MAILBOX_REFUSED);
    assert_int_equal(unlink(lab->path), 0);
    make_maildir(lab);
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, 0);
    mailbox_maildir_free(m);
    lab_free(lab);
}

/* A link in new/ may lead anywhere, a pipe would never end. */
static void maildir_reads_plain_files_only(void **state)
{
    struct lab *lab = lab_new();
    char path[128];
    (void)state;
    make_maildir(lab);
    (void)snprintf(path, sizeof path, "%s/new/link", lab->path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    (void)snprintf(path, sizeof path, "%s/new/pipe", lab->path);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof path, "%s/new/folder", lab->path);
    assert_int_equal(mkdir(path, 0700), 0);
    struct mailbox_maildir *m = open_maildir(lab);
    assert_int_equal(fetch(lab, "link"), MAILBOX_GONE);
    assert_int_equal(fetch(lab, "pipe"), MAILBOX_GONE);
    assert_int_not_equal(fetch(lab, "folder"), MAILBOX_OK);
    assert_int_equal(fetch(lab, "../../etc/passwd"), MAILBOX_GONE);
    mailbox_maildir_free(m);
    lab_free(lab);
}

static void maildir_keeps_the_beginning_of_a_large_message(void **state)
{
    struct lab *lab = lab_new();
    size_t len = MAILBOX_CONTENT_MAX + 10;
    char *text = malloc(len + 1);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    make_maildir(lab);
    write_in(lab, "new/1", text);
    text[MAILBOX_CONTENT_MAX] = '\0';
    write_in(lab, "new/2", text);
    struct mailbox_maildir *m = open_maildir(lab);
    assert_int_equal(fetch(lab, "1"), MAILBOX_OK);
    assert_int_equal(lab->content_len, MAILBOX_CONTENT_MAX);
    assert_true(lab->truncated);
    assert_int_equal(fetch(lab, "2"), MAILBOX_OK);
    assert_false(lab->truncated);
    free(text);
    mailbox_maildir_free(m);
    lab_free(lab);
}

static void cancelled_is_not_answered(void **state)
{
    struct lab *lab = lab_new();
    (void)state;
    make_maildir(lab);
    struct mailbox_maildir *m = open_maildir(lab);
    lab->mailbox.ops->list(lab->mailbox.self);
    lab->mailbox.ops->cancel(lab->mailbox.self);
    lab->mailbox.ops->cancel(lab->mailbox.self);
    (void)sim_run(lab->sim, CLOCK_NEVER);
    assert_int_equal(lab->answers, 0);
    assert_int_equal(list(lab), MAILBOX_OK);
    mailbox_maildir_free(m);
    lab_free(lab);
}

/* mbox */

static struct mailbox_mbox *open_mbox(struct lab *lab)
{
    char memory[128];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    struct mailbox_mbox *m = mailbox_mbox_new(lab->world, lab->path, user_of(lab), &error);
    assert_non_null(m);
    lab->mailbox = mailbox_mbox_mailbox(m);
    return m;
}

static const struct mbox_row {
    const char *label;
    const char *file;
    size_t count;
    const char *last; /* content of the last message */
} mbox_rows[] = {
    {"empty", "", 0, NULL},
    {"one", "From a@b Tue\nTo: x\n\nhello\n", 1, "From a@b Tue\nTo: x\n\nhello\n"},
    {"two", "From a@b Tue\nTo: x\n\nhello\n\nFrom c@d Tue\nTo: y\n\nsecond\n\n", 2,
     "From c@d Tue\nTo: y\n\nsecond\n"},
    {"From in the body is none without an empty line before",
     "From a@b Tue\nTo: x\n\nhello\nFrom here on\n\n", 1,
     "From a@b Tue\nTo: x\n\nhello\nFrom here on\n"},
    {"quoted", "From a@b Tue\nTo: x\n\n>From here\n>>From there\n>Fromage\n> From\n", 1,
     "From a@b Tue\nTo: x\n\nFrom here\n>From there\n>Fromage\n> From\n"},
    {"CRLF", "From a@b Tue\r\nTo: x\r\n\r\nhello\r\n\r\nFrom c@d Tue\r\nTo: y\r\n\r\n2\r\n", 2,
     "From c@d Tue\r\nTo: y\r\n\r\n2\r\n"},
    {"no line end", "From a@b Tue\nTo: x\n\nhello", 1, "From a@b Tue\nTo: x\n\nhello"},
    {"many empty lines", "\n\nFrom a@b Tue\nTo: x\n\nhello\n\n\n\nFrom c@d Tue\n\n", 2,
     "From c@d Tue\n"},
    {"only the line", "From ", 1, "From "},
    {"nearly the word", "From a@b Tue\n\nFro\n\nFrom", 1, "From a@b Tue\n\nFro\n\nFrom"},
};

static void mbox_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mbox_rows / sizeof mbox_rows[0]; i++) {
        const struct mbox_row *row = &mbox_rows[i];
        struct lab *lab = lab_new();
        print_message("%s\n", row->label);
        write_file(lab->path, row->file, "w");
        struct mailbox_mbox *m = open_mbox(lab);
        assert_int_equal(list(lab), MAILBOX_OK);
        assert_int_equal(lab->uid_count, row->count);
        if (row->last != NULL) {
            assert_int_equal(fetch(lab, lab->uids[row->count - 1]), MAILBOX_OK);
            assert_string_equal(lab->content, row->last);
        }
        mailbox_mbox_free(m);
        lab_free(lab);
    }
}

static void mbox_that_changes(void **state)
{
    struct lab *lab = lab_new();
    char first[MAILBOX_UID_MAX + 1], half[MAILBOX_UID_MAX + 1];
    (void)state;
    write_file(lab->path, "From a@b Tue\nTo: x\n\nhello\n", "w");
    struct mailbox_mbox *m = open_mbox(lab);
    assert_int_equal(list(lab), MAILBOX_OK);
    (void)bytes_copy(first, sizeof first, span_of(lab->uids[0]));

    /* half a message more: the first keeps its uid though an empty line came between */
    write_file(lab->path, "\nFrom c@d Tue\nTo: y\n\nsec", "a");
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, 2);
    assert_string_equal(lab->uids[0], first);
    (void)bytes_copy(half, sizeof half, span_of(lab->uids[1]));

    /* it was completed between list and fetch: that half is gone, the whole one is new */
    write_file(lab->path, "ond\n", "a");
    assert_int_equal(fetch(lab, half), MAILBOX_GONE);
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_string_not_equal(lab->uids[1], half);
    assert_int_equal(fetch(lab, lab->uids[1]), MAILBOX_OK);
    assert_non_null(strstr(lab->content, "second\n"));
    assert_int_equal(fetch(lab, first), MAILBOX_OK);

    /* replaced, cut to nothing, gone */
    write_file(lab->path, "From e@f Tue\nTo: z\n\nanother\n", "w");
    assert_int_equal(fetch(lab, first), MAILBOX_GONE);
    write_file(lab->path, "", "w");
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, 0);
    assert_int_equal(unlink(lab->path), 0);
    assert_int_equal(list(lab), MAILBOX_TROUBLE);
    write_file(lab->path, "this is no mailbox\n", "w");
    assert_int_equal(list(lab), MAILBOX_REFUSED);
    assert_non_null(strstr(lab->why, "no mbox"));
    assert_int_equal(fetch(lab, "nonsense"), MAILBOX_REFUSED);
    mailbox_mbox_free(m);
    lab_free(lab);
}

static void mbox_removes_nothing(void **state)
{
    struct lab *lab = lab_new();
    (void)state;
    write_file(lab->path, "From a@b Tue\nTo: x\n\nhello\n", "w");
    struct mailbox_mbox *m = open_mbox(lab);
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(take_out(lab, lab->uids[0]), MAILBOX_REFUSED);
    assert_non_null(strstr(lab->why, "not removed"));
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, 1);
    mailbox_mbox_free(m);
    lab_free(lab);
}

/* Another process holds the lock: locks of our own process would not stand in our way. */
static void mbox_that_is_locked(void **state)
{
    struct lab *lab = lab_new();
    int ready[2], done[2];
    char c = 'x';
    (void)state;
    write_file(lab->path, "From a@b Tue\nTo: x\n\nhello\n", "w");
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(lab->path, O_RDWR);
        bool ok = fd >= 0 && fcntl(fd, F_SETLK, &f) == 0 && write(ready[1], &c, 1) == 1;
        (void)close(done[1]);
        (void)(ok && read(done[0], &c, 1) == 0);
        (void)raise(SIGKILL); /* no exit: a leak checker would hold our parent's memory against us
                               */
    }
    (void)close(done[0]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    struct mailbox_mbox *m = open_mbox(lab);
    int64_t from = world_now(lab->world);
    assert_int_equal(list(lab), MAILBOX_TROUBLE);
    assert_non_null(strstr(lab->why, "locked"));
    assert_in_range(world_now(lab->world) - from, CLOCK_SECOND, 10 * CLOCK_SECOND);
    (void)close(done[1]);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    mailbox_mbox_free(m);
    lab_free(lab);
}

/* Messages lie across every place where one window of memory ends. */
static void mbox_larger_than_a_window(void **state)
{
    struct lab *lab = lab_new();
    FILE *f = fopen(lab->path, "w");
    size_t count = 0;
    (void)state;
    assert_non_null(f);
    for (unsigned size = 0; size < 700; size++, count++) {
        assert_true(fprintf(f, "From a@b Tue\nTo: x\n\n%*s\n\n", (int)size + 1, "y") > 0);
    }
    assert_int_equal(fclose(f), 0);
    struct mailbox_mbox *m = open_mbox(lab);
    assert_int_equal(list(lab), MAILBOX_OK);
    assert_int_equal(lab->uid_count, count);
    mailbox_mbox_free(m);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maildir_reads_and_changes_nothing),
        cmocka_unit_test(maildir_removes_the_one_that_is_named),
        cmocka_unit_test(maildir_that_is_none),
        cmocka_unit_test(maildir_reads_plain_files_only),
        cmocka_unit_test(maildir_keeps_the_beginning_of_a_large_message),
        cmocka_unit_test(cancelled_is_not_answered),
        cmocka_unit_test(mbox_messages),
        cmocka_unit_test(mbox_that_changes),
        cmocka_unit_test(mbox_removes_nothing),
        cmocka_unit_test(mbox_that_is_locked),
        cmocka_unit_test(mbox_larger_than_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
