/*
 * main.c - relaylab: runs cases and judges detectors by them
 */
#include "drive/host/standard_files.h"
#include "scenarios/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print(FILE *to, const struct strbuf *text)
{
    (void)fwrite(text->ptr, 1, text->len, to);
}

/* Personas of the source tree stand beside the program. False: the program does not know where it
 * is. */
static bool find_directory(char *path, size_t cap)
{
    ssize_t len = readlink("/proc/self/exe", path, cap - 1);

    if (len <= 0)
        return false;
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

/* What could not be written was not said; a run has complained by itself. */
static int leave(int status)
{
    bool written = fflush(stdout) == 0 && ferror(stdout) == 0;

    if (written || status == STATUS_INTERNAL)
        return status;
    (void)fprintf(stderr, "relaylab: standard output: %s\n", strerror(errno));
    return STATUS_INTERNAL;
}

int main(int argc, char **argv)
{
    struct options o;
    struct persona_path personas;
    struct adapter_path adapters;
    char memory[8192], directory[4096];
    struct strbuf text;

    standard_files_keep();
    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, "relaylab: ");
    if (!options_read(&o, argc, argv, &text)) {
        strbuf_adds(&text, "\n");
        print(stderr, &text);
        return STATUS_USAGE;
    }
    strbuf_reset(&text);
    if (o.command == COMMAND_HELP || o.command == COMMAND_VERSION) {
        if (o.command == COMMAND_HELP)
            options_usage(&text);
        else
            strbuf_adds(&text, "relaylab " RELAYLAB_VERSION "\n");
        print(stdout, &text);
        return leave(STATUS_GOOD);
    }
    o.terminal = isatty(STDERR_FILENO) == 1;
    const char *home = find_directory(directory, sizeof directory) ? directory : NULL;
    persona_path_init(&personas, home);
    adapter_path_init(&adapters, home);
    return leave(command_perform(&o, &personas, &adapters));
}
