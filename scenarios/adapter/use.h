/*
 * use.h - what a detector cost the server that it asked
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_USE_H
#define RELAYLAB_SCENARIOS_ADAPTER_USE_H

#include <stdint.h>

struct detector_use {
    uint64_t mails; /* messages whose content was asked for: 354 */
    uint64_t connections, commands;
    uint64_t after_quit; /* commands behind QUIT on the same connection */
    uint64_t bare_lfs;   /* line ends without CR, in commands and content */
    uint64_t output;     /* octets that it printed */
};

#endif
