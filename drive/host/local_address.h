/*
 * local_address.h - can this host connect from an address?
 *
 * Asked of the kernel, by a bind to a free port that is given back at once: interfaces, aliases and
 * nonlocal binding (ip_nonlocal_bind) are all its own affair.
 */
#ifndef RELAYLAB_DRIVE_HOST_LOCAL_ADDRESS_H
#define RELAYLAB_DRIVE_HOST_LOCAL_ADDRESS_H

#include "lib/base/endpoint.h"

enum local_address { LOCAL_ADDRESS_OURS, LOCAL_ADDRESS_NOT_OURS, LOCAL_ADDRESS_TROUBLE };

/* The port counts for nothing. LOCAL_ADDRESS_TROUBLE: it could not be tried, errno says why. */
enum local_address local_address_try(const struct endpoint *e);

#endif
