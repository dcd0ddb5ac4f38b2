/*
 * descriptors.c - the soft limit is a default, the hard limit is what the user was given
 */
#include "drive/host/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

bool descriptors_want(unsigned count, struct strbuf *error)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        strbuf_addf(error, "the limit of open files is not known: %s", strerror(errno));
        return false;
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= count)
        return true;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < count) {
        strbuf_addf(error, "%u open files are needed, and %llu are allowed (ulimit -n)", count,
                    (unsigned long long)limit.rlim_max);
        return false;
    }
    limit.rlim_cur = count;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    strbuf_addf(error, "%u open files are needed: %s", count, strerror(errno));
    return false;
}
