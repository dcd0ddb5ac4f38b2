/*
 * dsn.h - delivery status notifications (RFC 3464, RFC 3462 multipart/report): written and
 * recognised
 *
 * Ownership: a report's spans point into the content that was read.
 */
#ifndef RELAYLAB_LIB_SMTP_DSN_H
#define RELAYLAB_LIB_SMTP_DSN_H

#include "lib/smtp/mail.h"

enum dsn_action { DSN_NONE, DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_report {
    bool is_report; /* multipart/report, an Auto-Submitted other than "no", or a null reverse-path
                       whose content looks like a bounce (qmail's QSBMF, a mailer-daemon's free
                       text) */
    /* a machine-readable message/delivery-status, or QSBMF: `action` means something */
    bool is_dsn;
    /* nothing but the null reverse-path and our message in its body speaks for a report: it could
     * be a wrapped delivery as well, above all where the reverse-path is only not known */
    bool guessed;
    /* no DSN: a mailer daemon says in free text that delivery failed for good; status and
     * diagnostic are read off its words, the reporting MTA off its address */
    bool failed_in_words;
    struct span words;           /* of a free text: what stands before the returned message */
    enum dsn_action action;      /* of the first recipient */
    struct span reporting_mta;   /* "mx.victim.test", type removed */
    struct span final_recipient; /* type removed */
    struct span status;          /* "5.1.1" */
    struct span diagnostic;      /* Diagnostic-Code, type removed */
    struct span remote_mta;      /* who refused, when another host did */
    struct span returned;        /* the returned message or its headers, or empty */
};

/* sender: the reverse-path the content came with. */
void dsn_read(struct span sender, struct span content, struct dsn_report *out);

struct dsn_write {
    struct span reporting_mta; /* our hostname */
    struct span to;            /* the reverse-path of the message that failed */
    struct span failed_recipient;
    enum dsn_action action; /* DSN_NONE: failed */
    struct span status;     /* "5.1.1" */
    struct span diagnostic; /* "550 5.1.1 no such user", or empty */
    struct span remote_mta; /* or empty */
    struct span original;   /* the message; its headers are returned */
    struct span queue_id;
    int64_t epoch_s;
};

/* multipart/report; report-type=delivery-status, three parts, CRLF. To be sent with the null
   reverse-path. */
void dsn_write(struct strbuf *out, const struct dsn_write *d);
const char *dsn_action_name(enum dsn_action action);

#endif
