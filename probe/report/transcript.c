/*
 * transcript.c - text of several lines (a message) is written as that many lines of the transcript
 */
#include "probe/report/transcript.h"

#include <errno.h>

enum { LINE_SHOWN_MAX = 8192 };

bool transcript_open(struct transcript *t, struct world *w, const char *file)
{
    *t = (struct transcript){.world = w, .start_ns = world_now(w)};
    if (file != NULL)
        t->file = fopen(file, "w");
    return file == NULL || t->file != NULL;
}

static void write_line(struct transcript *t, unsigned session, char direction, struct span line)
{
    char memory[LINE_SHOWN_MAX];
    struct strbuf shown;
    int64_t now_ms = (world_now(t->world) - t->start_ns) / CLOCK_MS;

    strbuf_init(&shown, memory, sizeof(memory));
    strbuf_addf(&shown, "%6lld.%03d %2u %c  ", (long long)(now_ms / 1000), (int)(now_ms % 1000),
                session, direction);
    strbuf_add_visible(&shown, line);
    if (shown.truncated)
        shown.len = sizeof(memory) - 1;
    if (t->file != NULL) {
        fwrite(shown.ptr, 1, shown.len, t->file);
        fputc('\n', t->file);
        if (fflush(t->file) != 0 && t->trouble == 0)
            t->trouble = errno;
    }
    if (t->echo != NULL) {
        fwrite(shown.ptr, 1, shown.len, t->echo);
        fputc('\n', t->echo);
    }
}

void transcript_line(struct transcript *t, unsigned session, char direction, struct span text)
{
    struct span line;

    if (t->file == NULL && t->echo == NULL)
        return;
    if (text.len == 0)
        write_line(t, session, direction, text);
    while (text.len > 0 && span_cut(&text, '\n', &line)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        write_line(t, session, direction, line);
    }
}

bool transcript_close(struct transcript *t)
{
    if (t->file == NULL)
        return true;
    if (fclose(t->file) != 0 && t->trouble == 0)
        t->trouble = errno;
    t->file = NULL;
    errno = t->trouble;
    return t->trouble == 0;
}
