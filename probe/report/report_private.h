/*
 * report_private.h - pieces of the reports that have files of their own
 */
#ifndef RELAYLAB_PROBE_REPORT_REPORT_PRIVATE_H
#define RELAYLAB_PROBE_REPORT_REPORT_PRIVATE_H

#include "lib/base/json.h"
#include "probe/report/report.h"

/* A text of the form's evidence; room has EVIDENCE_TEXT_MAX octets. */
struct span report_said(const struct probe *p, const struct form_result *r, uint16_t number,
                        char *room);
/* The section on the first delivery; nothing when there was none. */
void report_proof_text(struct strbuf *out, const struct probe *p);
/* Member "proof"; null when there was none. p may be NULL. */
void report_proof_json(struct json *j, const struct probe *p);

/* report_home.c: canaries, mailboxes and the ledger. */
void report_home_notes(const struct probe *p, struct strbuf *text,
                       void (*emit)(void *self, struct span note), void *self);
/* Members "canaries", "mailboxes", "forged", "replayed". p may be NULL. */
void report_home_json(struct json *j, const struct probe *p);
/* report_tls.c: "TLSv1.3 behind STARTTLS, TLS_AES_256_GCM_SHA384, certificate: CN=..."; where a
   handshake was begun. */
bool report_has_tls(const struct probe *p);
void report_tls_line(struct strbuf *out, const struct report *r);
/* Member "tls"; null where none was begun. */
void report_tls_json(struct json *j, const struct report *r);
bool report_canary_reached(const struct probe *p, size_t canary);

#endif
