/*
 * config.h - what a mock server is told: the rule language as C structs
 *
 * One language for personas, cases, mockmta's --config and its command line. Rules are ordered, the
 * first that matches wins, and what no rule takes has the sane default of a closed server: local
 * recipients are taken and kept, foreign ones are denied with "554 5.7.1 <rcpt>: Relay access
 * denied". A persona is a file with the same keys; the rules of who names a persona come before the
 * persona's own, single values replace it.
 *
 * Rules with `continue` give what they have (delay, wire, fate, log) and let later rules decide; of
 * each of these the first that gives one stands. A rule without a reply that neither ignores nor
 * ends the session leaves the words to the default; one that ends it (close, reset, stall, ...)
 * without a reply says nothing. Conditions on the recipient, at DATA and later, hold when they hold
 * for any recipient of the envelope.
 *
 * What becomes of an accepted recipient: the fate of the rule that took it at RCPT, else the fate
 * of the rule at end-of-data, else local ones are kept and foreign ones discarded. A rule at
 * end-of-data that names a fate has it done whatever it replies (refused, and delivered all the
 * same).
 *
 * The loader's tables (config_*.c) are the single source of names, types, enum values and one line
 * of doc each; see lib/conf/conf.h. Everything is allocated from the loader's arena.
 */
#ifndef RELAYLAB_MOCKMTA_CONFIG_CONFIG_H
#define RELAYLAB_MOCKMTA_CONFIG_CONFIG_H

#include "drive/tls/tls.h"
#include "lib/base/endpoint.h"
#include "lib/conf/conf.h"
#include "lib/smtp/server.h"

enum { RULES_MAX = 64, RULE_REPLY_LINES_MAX = 16, SERVER_NAMES_MAX = 16 };

enum match_domain {
    DOMAIN_ANY,
    DOMAIN_LOCAL,
    DOMAIN_NOT_LOCAL,
    DOMAIN_GLOB,
    DOMAIN_NONE /* no domain at all */
};

enum tri { TRI_ANY, TRI_NO, TRI_YES };

#define RULE_AT(event) (1U << (unsigned)(event))
#define RULE_AT_ANY (~0U)

/* `when:` - every condition given must hold. */
struct rule_when {
    /* from: CIDR or list of them, "trusted" (the server's `networks`) or "not-trusted" */
    struct network *from;
    size_t from_count;
    enum tri trusted;
    /* to_domain / from_domain (of the recipient / the reverse-path): local, not-local, none, or
     * globs */
    enum match_domain to_domain;
    struct conf_texts to_domain_glob;
    enum match_domain sender_domain; /* key: sender_domain */
    struct conf_texts sender_domain_glob;
    struct conf_texts to;     /* globs over the whole path without brackets */
    struct conf_texts sender; /* globs; "" matches the null reverse-path */
    unsigned to_shapes;       /* bit set of enum address_shape; 0: any. key: shape */
    enum tri brackets;        /* the path stood in < > */
    enum tri unwrapped_local; /* after address_unwrap the domain is local (key: unwrapped:
                                 local|not-local) */
    bool mail_params_set;
    struct conf_texts mail_params; /* globs over what stood behind MAIL's path; "" is nothing */
    enum tri space;                /* white space stands before the path */
    enum tri capitals;             /* the recipient's domain has one */
    struct conf_texts verb; /* globs over the verb that begins the transaction, or began it */
    bool taken_set;
    struct conf_range taken; /* recipients that this transaction has already */
    struct conf_texts helo;  /* globs */
    enum tri proper; /* known, well formed and in sequence (the machine proposes no error) */
    enum tri esmtp, tls, auth;  /* EHLO was said; session is encrypted; AUTH succeeded */
    enum tri certificate;       /* the client showed one in its handshake (key: client_certificate)
                                 */
    struct conf_texts listener; /* names of `listen` */
    struct conf_texts header;   /* at end-of-data: globs over whole header lines or body lines (key:
                                   content) */
    enum tri seen;         /* the triplet (client address, sender, recipient) was seen before... */
    int64_t seen_after_ns; /* ...first so long ago or longer (key: seen_after; implies seen: yes) */
    const char *arg_glob;  /* over the command's argument (key: arg) */
    enum smtp_event after_event; /* key: after: {at: RCPT, replied: 550} - an earlier command of
                                    this session */
    int after_code;              /* 0: any; 4, 5...: class; 3 digits: code */
    bool after_set;
    unsigned after_times; /* key: after: {at: EHLO, times: 2} - said so often, or more */
    uint64_t errors_min; /* key: errors: N - replies 4yz/5yz given in this session so far, N or more
                          */
};

enum nth_of {
    NTH_COMMAND /* this kind of command in the session */,
    NTH_TRANSACTION /* of session */,
    NTH_CONNECTION /* of the server */,
    NTH_SERVER /* this kind of command on the server */,
    NTH_MESSAGE /* accepted messages of the server */
};

struct rule_nth {
    bool set;
    enum nth_of of;
    uint64_t min, max; /* is: 3, 2.., ..4 */
};

enum fate_kind {
    FATE_NONE,
    FATE_RELAY,
    FATE_KEEP,
    FATE_DISCARD,
    FATE_BOUNCE,
    FATE_HOLD /* until `after`, then relay */
};
enum fate_only {
    ONLY_ALL,
    ONLY_FIRST /* the first message of the server; later ones are discarded */
};
enum fate_alter {
    ALTER_NONE,
    ALTER_STRIP_HEADERS, /* drop X- headers and Message-ID */
    ALTER_AUTOREPLY,     /* do not relay: answer to the reverse-path, quoting the message */
    ALTER_TRUNCATE,      /* the first lines of the body only */
    ALTER_ATTACH,        /* as an attachment of another message */
    ALTER_QUOTED_PRINTABLE,
    ALTER_BASE64
};

struct rule_fate {
    enum fate_kind kind;
    int64_t after_ns; /* when: so long after the message was accepted */
    unsigned copies;  /* relayed so many times; 1 when 0 */
    enum fate_only only;
    enum fate_alter alter;
    bool quote_token;   /* bounce: a free-text bounce that quotes the message instead of a DSN (key:
                           dsn: false) */
    bool delayed;       /* bounce: the DSN says "delayed", a warning (key: action) */
    const char *status; /* bounce: enhanced status, default 5.1.1 */
    const char *diagnostic;
};

/* What the relay sees of the recipient: as written, with a routing trick honoured (address_unwrap),
 * or with everything undone (address_decode). */
enum rewrite { REWRITE_NONE, REWRITE_UNWRAP, REWRITE_DECODE };

struct rule_reply {
    bool set;
    const char *raw; /* exact bytes (escapes \r \n \t \0 \\ \xHH undone), raw_len long; or: */
    size_t raw_len;
    int code;
    const char *enhanced;                    /* or NULL */
    const char *lines[RULE_REPLY_LINES_MAX]; /* texts with ${...} templates */
    size_t line_count;
    uint32_t repeat; /* the first line (or raw) is sent so many times before the rest; 1 when 0 */
};

struct rule {
    unsigned at;   /* bit set of 1u << enum smtp_event; all ones: any */
    unsigned line; /* where it stands, for logs: 1-based; 0 when made in code */
    const char *file;
    const char *log; /* text for the log when it fires */
    struct rule_when when;
    struct rule_nth nth;
    uint64_t times; /* fires at most so often on one server; 0: no limit */
    struct rule_reply reply;
    bool ignore; /* then: ignore - no reply at all */
    int64_t delay_ns;
    enum smtp_then then;
    bool then_421;         /* then: 421 - a 421 follows the reply, then close */
    struct rule_fate fate; /* at RCPT: of this recipient; at end-of-data: of all without one of
                              their own */
    enum rewrite rewrite;
    bool callout; /* callout: sender - fires only if a callout to the reverse-path's route is
                     refused */
    bool go_on;   /* continue: true - take delay, log, fate, wire; later rules decide the rest */
    struct wire_shape wire;
    bool wire_set;
    uint32_t index; /* position in server_config.rules: counters are kept by it */
};

enum mock_tls {
    MOCK_TLS_UNSET,
    MOCK_TLS_NONE,
    MOCK_TLS_STARTTLS, /* listed by EHLO, begun by STARTTLS */
    MOCK_TLS_IMPLICIT  /* from the first byte, on every listener */
};

/* Whether a connection begins with a PROXY header. */
enum mock_proxy { MOCK_PROXY_UNSET, MOCK_PROXY_OFF, MOCK_PROXY_OPTIONAL, MOCK_PROXY_REQUIRED };

enum mock_certificate {
    CERTIFICATE_UNSET,
    CERTIFICATE_VALID, /* but for its signature, which is its own */
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET,
    CERTIFICATE_OTHER_NAME
};

struct server_config {
    const char *name; /* persona's or file's */
    const char *title;
    const char *why;    /* one sentence or more: what real thing this imitates */
    const char *source; /* where the texts come from */
    const char *hostname;
    struct conf_texts local_domains;
    struct conf_texts users; /* local parts; count 0: every local part exists */
    struct conf_texts extensions;
    struct conf_texts listen; /* names of listeners; default {"smtp"} */
    struct network *networks;
    size_t network_count;
    uint64_t message_max; /* octets; default 10,485,760; enforced with 552 */
    uint64_t errors_max;  /* 421 and close after so many 4yz/5yz; 0: never */
    int64_t idle_ns;      /* default 5 min */
    bool old_verbs;       /* SEND, SOML and SAML are known (RFC 821 3.4) and begin a transaction */
    unsigned lax_ends;    /* set of SMTP_END_OF_DATA: what it takes for one beside CRLF . CRLF */
    enum mock_proxy proxy;
    int proxy_version; /* that is read; 0: both */
    enum mock_tls tls;
    enum mock_certificate certificate;
    enum tls_version tls_max;       /* TLS_ANY: the newest */
    enum tls_fault handshake;       /* instead of one */
    enum tls_asks asks;             /* for a certificate of the client's */
    enum tls_early early;           /* what came in clear behind STARTTLS */
    struct conf_texts implicit_tls; /* names of listeners that are TLS from the first byte */
    struct rule *rules;
    size_t rule_count;
};

#endif
