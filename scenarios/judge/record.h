/*
 * record.h - what the servers and mailboxes of a case saw
 *
 * One record holds a whole run: every event of every server in the order it happened (commands and
 * replies are the transcript), and every message that reached a mailbox, byte for byte. Judging
 * reads nothing else.
 *
 * Ownership: record_init allocates nothing; adding does, and record_reset keeps the memory for the
 * next case. All text is the record's own and valid until the next addition or reset. Limits:
 * RECORD_TEXT_MAX octets of text in all and RECORD_EVENTS_MAX events; beyond that events are
 * counted
 * (`dropped`), not kept. An event keeps RECORD_EVENT_TEXT_MAX octets of its text.
 */
#ifndef RELAYLAB_SCENARIOS_JUDGE_RECORD_H
#define RELAYLAB_SCENARIOS_JUDGE_RECORD_H

#include "mockmta/mock.h"
#include "probe/verdict.h"

enum {
    RECORD_EVENTS_MAX = 262144,
    RECORD_TEXT_MAX = 67108864,
    RECORD_EVENT_TEXT_MAX = 8192,
    RECORD_LINE_MAX = 2048
};

struct record_event {
    int64_t at_ns;
    uint64_t connection;
    uint32_t text, text_len; /* in the record's text */
    uint32_t queue_id, queue_id_len;
    int code;
    uint32_t bare_lfs, after_quit; /* of a session that is over */
    uint8_t server; /* index in the case's servers; RECORD_FRONT + i: the front of mailbox i */
    uint8_t kind;   /* enum mock_event_kind */
};

enum { RECORD_FRONT = 128 };

struct record_mail {
    int64_t at_ns;
    uint32_t sender, sender_len;
    uint32_t recipients, recipients_len; /* each ends in \n */
    uint32_t content, content_len;
    unsigned mailbox;
    bool truncated;
    bool report; /* a report is never a delivery */
    int form;    /* index of the form whose token it carries; -1: none */
};

struct record {
    struct record_event *events;
    size_t event_count, event_cap;
    struct record_mail *mails;
    size_t mail_count, mail_cap;
    char *text;
    size_t text_len, text_cap;
    uint64_t dropped;
};

void record_init(struct record *r);
void record_reset(struct record *r);
void record_clear(struct record *r);
void record_event(struct record *r, unsigned server, const struct mock_event *e);
/* A line that a client of the server wrote down: a real server tells nothing of its sessions.
   direction as struct probe_observer's. */
void record_heard(struct record *r, unsigned server, unsigned session, int64_t at_ns,
                  char direction, struct span text);
void record_mail(struct record *r, unsigned mailbox, int64_t at_ns, const struct mail_view *mail,
                 bool truncated);
/* Ties the messages to forms by token: outermost header, or envelope recipient. */
void record_match(struct record *r, const struct form_result *forms, size_t count);

struct span record_text(const struct record *r, uint32_t start, uint32_t len);
/* Messages of forms (never controls, reports or strangers) in a mailbox; UINT_MAX: in all. */
unsigned record_deliveries(const struct record *r, unsigned mailbox);
bool record_form_delivered(const struct record *r, int form);
/* Commands of that verb (case folded) that a server saw. */
uint64_t record_commands(const struct record *r, unsigned server, const char *verb);
uint64_t record_connections(const struct record *r, unsigned server);
/* Sessions of the server that have begun and not ended. */
uint64_t record_open_sessions(const struct record *r, unsigned server);
/* Log lines of a server that hold the fragment. A line: "rule 127.0.0.1 relay attempt". */
uint64_t record_log_lines(const struct record *r, unsigned server, const char *fragment);

/*
 * The lines of one connection, one per call, oldest first: "S: 220 mx.victim.test" or "C: QUIT",
 * control characters visible. Start with a zeroed cursor; false: no more.
 */
struct record_cursor {
    size_t event;
    size_t offset;
    int64_t at_ns; /* of the line that was given */
};
bool record_line(const struct record *r, unsigned server, uint64_t connection,
                 struct record_cursor *cursor, struct strbuf *line);

#endif
