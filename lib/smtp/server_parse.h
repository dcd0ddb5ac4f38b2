/*
 * server_parse.h - one command line taken apart, and the first two gates (private to the server
 * machine)
 *
 * Gate one: is the verb known. Gate two: is it allowed now (RFC 5321 4.1.4). What they think
 * becomes command->proposal: a reply code, or 0 when both gates are passed.
 */
#ifndef RELAYLAB_LIB_SMTP_SERVER_PARSE_H
#define RELAYLAB_LIB_SMTP_SERVER_PARSE_H

#include "lib/smtp/server.h"

/* line: without its line end. */
struct smtp_command smtp_server_parse(const struct smtp_server *s, struct span line);
enum { SMTP_BDAT_LINE_MAX = 40 };
/* BDAT's argument (RFC 3030): octets and LAST. False when malformed. */
bool smtp_server_parse_bdat(struct span arg, uint64_t *octets, bool *last);
/* The command of the chunk that was read, in its plainest words: its line went before its octets
   came. `room` (SMTP_BDAT_LINE_MAX) holds the text as long as the command is used. */
void smtp_server_chunk_command(const struct smtp_server *s, struct smtp_command *cmd, char *room);
/* What the machine itself answers when the policy leaves it to it. */
void smtp_server_default_reply(const struct smtp_command *cmd, struct smtp_action *action);

#endif
