/*
 * proof_file.c - write, sync, link, unlink
 *
 * link and not rename: it fails when the name is taken, where rename would put our file in the
 * place of the other one. Everything is done relative to an open directory.
 */
#include "drive/host/proof_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool trouble(struct strbuf *error, const char *directory, const char *name)
{
    strbuf_adds(error, directory);
    if (name[0] != '\0')
        strbuf_adds(error, "/");
    strbuf_adds(error, name);
    strbuf_addf(error, ": %s", strerror(errno));
    return false;
}

static int open_directory(const char *directory)
{
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_temporary(int at, char name[PROOF_NAME_MAX])
{
    int file = -1;

    for (int i = 0; i < PROOF_COPIES_MAX; i++) {
        snprintf(name, PROOF_NAME_MAX, ".relayprobe-%ld-%d.tmp", (long)getpid(), i);
        file = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (file >= 0 || errno != EEXIST)
            break;
    }
    return file;
}

static bool write_all(int file, struct span content)
{
    while (content.len > 0) {
        ssize_t n = write(file, content.ptr, content.len);

        if (n < 0 && errno != EINTR)
            return false;
        content = span_from(content, n > 0 ? (size_t)n : 0);
    }
    return fsync(file) == 0;
}

bool proof_check(const char *directory, struct strbuf *error)
{
    char name[PROOF_NAME_MAX] = "";
    int at = open_directory(directory);
    int file = at >= 0 ? open_temporary(at, name) : -1;

    if (file < 0)
        trouble(error, directory, "");
    else
        unlinkat(at, name, 0);
    if (file >= 0)
        close(file);
    if (at >= 0)
        close(at);
    return file >= 0;
}

/* Only what cannot be a path. */
static void add_word(struct strbuf *out, struct span word)
{
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        strbuf_addc(out, plain || c == '-' || (c == '.' && i > 0) ? c : '_');
    }
}

static bool give_name(int at, const char *temporary, struct span run, struct span form,
                      struct span token, char name[PROOF_NAME_MAX])
{
    for (int copy = 1; copy <= PROOF_COPIES_MAX; copy++) {
        struct strbuf out;

        strbuf_init(&out, name, PROOF_NAME_MAX);
        add_word(&out, run);
        strbuf_addc(&out, '-');
        add_word(&out, form);
        strbuf_addc(&out, '-');
        add_word(&out, token);
        if (copy > 1)
            strbuf_addf(&out, ".%d", copy);
        strbuf_adds(&out, ".eml");
        if (linkat(at, temporary, at, name, 0) == 0)
            return true;
        if (errno != EEXIST)
            return false;
    }
    return false;
}

bool proof_save(const char *directory, struct span run, struct span form, struct span token,
                struct span content, char name[PROOF_NAME_MAX], struct strbuf *error)
{
    char temporary[PROOF_NAME_MAX] = "";
    int at = open_directory(directory);
    int file = at >= 0 ? open_temporary(at, temporary) : -1;
    bool fine = false;

    name[0] = '\0';
    if (file >= 0) {
        bool written = write_all(file, content);

        fine = close(file) == 0 && written && give_name(at, temporary, run, form, token, name);
    }
    if (!fine)
        trouble(error, directory, name);
    if (file >= 0)
        unlinkat(at, temporary, 0);
    if (at >= 0)
        close(at);
    return fine;
}
