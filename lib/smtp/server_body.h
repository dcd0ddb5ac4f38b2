/*
 * server_body.h - message data as it comes, piece by piece, to the policy (private to the server
 * machine)
 */
#ifndef RELAYLAB_LIB_SMTP_SERVER_BODY_H
#define RELAYLAB_LIB_SMTP_SERVER_BODY_H

#include "lib/smtp/server.h"

void smtp_server_body_begin(struct smtp_server *s);
/* Reads what is there; true when the end mark was found. */
bool smtp_server_read_dotted(struct smtp_server *s, struct machine_io *io);
/* The same for a chunk of s->bdat_left octets. */
bool smtp_server_read_chunk(struct smtp_server *s, struct machine_io *io);

#endif
