/*
 * source.c - one large block, touched only as far as it is used
 */
#include "scenarios/case/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool source_open(struct source *s)
{
    *s = (struct source){.block = malloc(SOURCE_MEMORY)};
    return s->block != NULL;
}

void source_close(struct source *s)
{
    free(s->block);
    s->block = NULL;
}

static bool fail(struct source *s, const char *why)
{
    struct strbuf b;

    strbuf_init(&b, s->error, sizeof s->error);
    strbuf_addf(&b, "%s: %s", s->path, why);
    s->unreadable = true;
    return false;
}

static bool read_text(struct source *s, int fd, struct span *text)
{
    char *buffer = arena_get(&s->arena, 1, CONF_SIZE_MAX + 1);
    size_t len = 0;

    if (buffer == NULL)
        return fail(s, "too large");
    while (len <= CONF_SIZE_MAX) {
        ssize_t n = read(fd, buffer + len, CONF_SIZE_MAX + 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(s, strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *text = (struct span){buffer, len};
    return true;
}

static bool begin(struct source *s, const char *path)
{
    struct span text;

    arena_init(&s->arena, s->block, SOURCE_MEMORY);
    s->path = path;
    s->unreadable = false;
    s->error[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(s, strerror(errno));
    bool ok = read_text(s, fd, &text);
    close(fd);
    if (ok)
        conf_init(&s->conf, &s->arena, path, text);
    return ok;
}

static void take_error(struct source *s)
{
    bytes_copy(s->error, sizeof s->error, span_of(s->conf.error));
}

size_t source_count(struct source *s, const char *path)
{
    size_t count;

    if (!begin(s, path))
        return 0;
    count = case_combinations(&s->conf);
    if (count == 0)
        take_error(s);
    return count;
}

bool source_load(struct source *s, const struct persona_path *personas, const char *path,
                 size_t combination, struct case_file *out)
{
    if (!begin(s, path))
        return false;
    if (case_load(&s->conf, personas, combination, out))
        return true;
    take_error(s);
    return false;
}
