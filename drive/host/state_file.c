/*
 * state_file.c - a path from the environment, and mkdir for each part of it
 *
 * Directories that are there already are left as they are, whatever their mode.
 */
#include "drive/host/state_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool state_file_path(struct strbuf *path, const char *name, struct strbuf *error)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (state != NULL && state[0] == '/') {
        strbuf_adds(path, state);
    } else if (home != NULL && home[0] == '/') {
        strbuf_adds(path, home);
        strbuf_adds(path, "/.local/state");
    } else {
        strbuf_adds(error, "neither XDG_STATE_HOME nor HOME names a directory");
        return false;
    }
    strbuf_adds(path, "/relaylab/");
    strbuf_adds(path, name);
    if (path->truncated)
        strbuf_adds(error, "the path of the state directory is too long");
    return !path->truncated;
}

bool state_file_folders(const struct strbuf *path, struct strbuf *error)
{
    char part[PATH_MAX];
    if (!bytes_copy(part, sizeof part, strbuf_span(path))) {
        strbuf_adds(error, strerror(ENAMETOOLONG));
        return false;
    }
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        struct stat s;
        *slash = '\0';
        /* Asked first: where a directory stands on a read-only file system mkdir would say that. */
        if (stat(part, &s) != 0 && mkdir(part, 0700) != 0 && errno != EEXIST) {
            strbuf_add_visible(error, span_of(part));
            strbuf_adds(error, ": ");
            strbuf_adds(error, strerror(errno));
            return false;
        }
        *slash = '/';
    }
    return true;
}
