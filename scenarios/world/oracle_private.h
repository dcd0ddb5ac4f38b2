/*
 * oracle_private.h - the oracle's state, for the files that ask (oracle.c) and talk (oracle_talk.c)
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_ORACLE_PRIVATE_H
#define RELAYLAB_SCENARIOS_WORLD_ORACLE_PRIVATE_H

#include "drive/loop/loop.h"
#include "lib/smtp/client.h"
#include "lib/smtp/proxy.h"
#include "scenarios/world/oracle.h"

enum { ORACLE_MESSAGE_MAX = 8192 };

/* How long it is patient. A real server is asked in real time, where patience costs. */
struct patience {
    unsigned retries;
    int64_t reply_ns, pause_ns, window_ns;
};

struct oracle {
    struct sim *sim;
    struct loop *loop; /* instead of the simulator, for engines */
    struct patience patience;
    struct world *world;
    struct stage stage;
    struct record record;
    struct trial_identity id;
    struct token_key key;
    struct form_result form; /* the one that is asked now; record_match reads its tokens */
    struct smtp_client client;
    struct proxy_front front;
    struct smtp_timeouts timeouts;
    struct tls *tls; /* of the trial */
    int tls_mode;    /* enum case_tls */
    bool bare, greeted, body_sent, ended, syntax;
    bool other_said, own_said;        /* of a form with two recipients */
    bool wants_tls, in_tls, told_tls; /* told: the server answers nothing in clear */
    unsigned step;                    /* of the form's context: the next one to be said */
    int code;                         /* of the last reply that decided something; 0: none */
    char reply[256];
    char message[ORACLE_MESSAGE_MAX];
    size_t message_len;
};

extern const struct smtp_script oracle_script;

#endif
