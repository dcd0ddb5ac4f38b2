/*
 * loop_addr.h - endpoints as the sockets know them
 */
#ifndef RELAYLAB_DRIVE_LOOP_LOOP_ADDR_H
#define RELAYLAB_DRIVE_LOOP_LOOP_ADDR_H

#include <sys/socket.h>

#include "lib/base/endpoint.h"

socklen_t loop_addr_put(const struct endpoint *e, struct sockaddr_storage *to);
/* Family 0 when it is no IP address. */
void loop_addr_get(const struct sockaddr_storage *from, struct endpoint *e);

#endif
