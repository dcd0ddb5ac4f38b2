/*
 * client_body.h - what the client machine says, into the output: lines and messages (private to it)
 */
#ifndef RELAYLAB_LIB_SMTP_CLIENT_BODY_H
#define RELAYLAB_LIB_SMTP_CLIENT_BODY_H

#include "lib/smtp/client.h"

/* The step's time begins now. */
void smtp_client_await(struct smtp_client *c, enum smtp_step step);
/* The line that was said. False: there is no room, and the driver asks again when output has
   drained. */
bool smtp_client_put_line(struct smtp_client *c, struct machine_io *io);
/* As much of the body as there is room for. */
void smtp_client_put_body(struct smtp_client *c, struct machine_io *io);

#endif
