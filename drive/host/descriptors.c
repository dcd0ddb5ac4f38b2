/*
 * descriptors.c - the soft limit is a default, the hard limit is what the user was given
 */
#include "drive/host/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

bool descriptors_want(unsigned least, unsigned most, unsigned *granted, struct strbuf *error)
{
    struct rlimit limit;

    *granted = most;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        strbuf_addf(error, "the limit of open files is not known: %s", strerror(errno));
        return false;
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= most)
        return true;
    bool enough = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= most;
    *granted = enough ? most : (unsigned)limit.rlim_max;
    if (*granted < least) {
        strbuf_addf(error,
                    "%u open files are needed, and %u are allowed: raise the limit (ulimit -n)",
                    least, *granted);
        return false;
    }
    limit.rlim_cur = *granted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    strbuf_addf(error, "%u open files are needed: %s", *granted, strerror(errno));
    return false;
}
