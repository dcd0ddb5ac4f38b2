/*
 * password.c - reads a secret and forgets it
 *
 * What is asked of the file is asked of the open descriptor, so that nobody can change what the
 * name means in between. The block that was read is wiped.
 */
#include "drive/host/password.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void password_wipe(char text[PASSWORD_MAX])
{
    OPENSSL_cleanse(text, PASSWORD_MAX);
}

static bool complain(struct strbuf *error, const char *path, const char *why)
{
    strbuf_add_visible(error, span_of(path));
    strbuf_adds(error, ": ");
    strbuf_adds(error, why);
    return false;
}

/* The first line, of printable octets only: CR, LF and NUL never reach the wire. */
static bool take_line(struct span text, const char *name, char to[PASSWORD_MAX],
                      struct strbuf *error)
{
    struct span line = span_to(text, span_chr(text, '\n'));
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return complain(error, name, "no password in the first line");
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.ptr[i] < 0x20 || line.ptr[i] == 0x7f)
            return complain(error, name, "a control character in the password");
    if (!bytes_copy(to, PASSWORD_MAX, line)) {
        password_wipe(to);
        return complain(error, name, "the password is too long");
    }
    return true;
}

static bool may_be_trusted(int fd, const char *path, struct strbuf *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return complain(error, path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return complain(error, path, "not a regular file");
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return complain(error, path, "others than its owner may read or write it; chmod 600");
    return true;
}

static bool read_file(int fd, const char *path, char to[PASSWORD_MAX], struct strbuf *error)
{
    char block[PASSWORD_MAX + 2];
    ssize_t got = read(fd, block, sizeof(block));
    bool good = got >= 0 ? take_line((struct span){block, (size_t)got}, path, to, error)
                         : complain(error, path, strerror(errno));
    OPENSSL_cleanse(block, sizeof(block));
    return good;
}

bool password_read(const char *path, char to[PASSWORD_MAX], struct strbuf *error)
{
    to[0] = '\0';
    if (path == NULL) {
        const char *given = getenv(PASSWORD_VARIABLE);
        return given == NULL || given[0] == '\0' ||
               take_line(span_of(given), PASSWORD_VARIABLE, to, error);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return complain(error, path, strerror(errno));
    bool good = may_be_trusted(fd, path, error) && read_file(fd, path, to, error);
    (void)close(fd);
    return good;
}
