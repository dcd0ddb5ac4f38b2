/*
 * standard_files.c - the lowest free number is given first (POSIX 2.14), so open until it is past 2
 */
#include "drive/host/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

void standard_files_keep(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}
