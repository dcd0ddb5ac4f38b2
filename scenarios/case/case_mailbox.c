/*
 * case_mailbox.c - the keys of a case's mailboxes
 */
#include "scenarios/case/case_tables.h"

#include "mockmta/queue/alter.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define COUNTED(type, member, counter) \
    .offset = offsetof(struct type, member), .count_offset = offsetof(struct type, counter)

static const struct conf_name mailbox_kind_names[] = {
    {"sink", CASE_SINK, "what comes is seen at once"},
    {"memory", CASE_MEMORY, "what comes is stored and read as a POP3 or IMAP mailbox is"},
    {NULL, 0, NULL},
};

static const struct conf_field down_fields[] = {
    {.name = "from",
     .type = CONF_DURATION,
     AT(case_down, from_ns),
     .doc = "so long after the case began"},
    {.name = "to",
     .type = CONF_DURATION,
     .flags = CONF_REQUIRED,
     AT(case_down, to_ns),
     .doc = "and again well"},
};

static const struct conf_table down_table = {
    .name = "downtime",
    .doc = "when a mailbox cannot be read",
    .fields = down_fields,
    .field_count = sizeof down_fields / sizeof down_fields[0],
    .size = sizeof(struct case_down),
};

static const struct conf_name plant_names[] = {
    {"made-up", PLANT_MADE_UP, "sixteen letters that nobody made"},
    {"altered", PLANT_ALTERED, "the plain form's, but for one letter"},
    {"cut", PLANT_CUT, "the plain form's without its last letter"},
    {"sender", PLANT_SENDER, "the plain form's other token, the one of its reverse-path"},
    {"earlier", PLANT_EARLIER, "that of an earlier run, which the ledger knows"},
    {NULL, 0, NULL},
};

static const struct conf_field plant_fields[] = {
    {.name = "at",
     .type = CONF_DURATION,
     AT(case_plant, at_ns),
     .doc = "so long after the probe began"},
    {.name = "token",
     .type = CONF_ENUM,
     .flags = CONF_REQUIRED,
     AT(case_plant, token),
     .names = plant_names,
     .doc = "the token that it bears",
     .example = "altered"},
};

static const struct conf_table plant_table = {
    .name = "plant",
    .doc = "a message that somebody else sends here, made to look like the probe's",
    .fields = plant_fields,
    .field_count = sizeof plant_fields / sizeof plant_fields[0],
    .size = sizeof(struct case_plant),
};

#define MEMORY_ONLY .set_offset = offsetof(struct case_mailbox, memory_only)

static const struct conf_field mailbox_fields[] = {
    {.name = "kind",
     .type = CONF_ENUM,
     AT(case_mailbox, kind),
     .names = mailbox_kind_names,
     .doc = "how the probe sees what arrives"},
    {.name = "deliver_after",
     .type = CONF_DURATION,
     AT(case_mailbox, deliver_after_ns),
     MEMORY_ONLY,
     .doc = "visible so long after it came"},
    {.name = "duplicate",
     .type = CONF_UINT,
     .min = 1,
     .max = 100,
     AT(case_mailbox, duplicate),
     MEMORY_ONLY,
     .doc = "so many copies of each message"},
    {.name = "loses",
     .type = CONF_UINT,
     .min = 1,
     AT(case_mailbox, loses),
     MEMORY_ONLY,
     .doc = "the nth message that came, the first control being 1"},
    {.name = "alter",
     .type = CONF_ENUM,
     AT(case_mailbox, alter),
     .names = alter_names,
     MEMORY_ONLY,
     .doc = "what its server changes in messages"},
    {.name = "bare",
     .type = CONF_BOOL,
     AT(case_mailbox, bare),
     MEMORY_ONLY,
     .doc = "true: without Return-Path and Delivered-To"},
    {.name = "poll",
     .type = CONF_DURATION,
     AT(case_mailbox, poll_ns),
     MEMORY_ONLY,
     .doc = "the probe looks every so often; default: fits the window"},
    {.name = "tidy",
     .type = CONF_BOOL,
     AT(case_mailbox, tidy),
     MEMORY_ONLY,
     .doc = "the probe removes what is its own"},
    {.name = "slow",
     .type = CONF_DURATION,
     AT(case_mailbox, slow_ns),
     MEMORY_ONLY,
     .doc = "each answer takes so long"},
    {.name = "down",
     .type = CONF_STRUCT,
     AT(case_mailbox, down),
     .sub = &down_table,
     MEMORY_ONLY,
     .doc = "cannot be read meanwhile; mail is stored all the same"},
    {.name = "refuses",
     .type = CONF_BOOL,
     AT(case_mailbox, refuses),
     MEMORY_ONLY,
     .doc = "true: wrong password"},
    {.name = "drops",
     .type = CONF_UINT,
     .min = 2,
     .max = 1000000,
     AT(case_mailbox, drops),
     MEMORY_ONLY,
     .doc = "breaks off every nth operation"},
    {.name = "noise",
     .type = CONF_UINT,
     .max = 20000,
     AT(case_mailbox, noise),
     MEMORY_ONLY,
     .doc = "other people's messages that were there before"},
    {.name = "stale",
     .type = CONF_UINT,
     .max = 10000,
     AT(case_mailbox, stale),
     MEMORY_ONLY,
     .doc = "lists so many messages that are gone"},
    {.name = "domains",
     .type = CONF_TEXTS,
     .flags = CONF_REQUIRED,
     AT(case_mailbox, domains),
     .doc = "domains whose mail comes here",
     .example = "[canary.test]"},
    {.name = "plants",
     .type = CONF_STRUCTS,
     COUNTED(case_mailbox, plants, plant_count),
     .max = CASE_PLANTS_MAX,
     .sub = &plant_table,
     .doc = "mail of others that bears our mark"},
    {.name = "front",
     .type = CONF_STRUCT,
     AT(case_mailbox, front),
     .set_offset = offsetof(struct case_mailbox, has_front),
     .sub = &server_table,
     .doc = "a mock server as the mailbox's own MX, for a canary side that misbehaves"},
};

const struct conf_table case_mailbox_table = {
    .name = "mailbox",
    .doc = "a mailbox of ours",
    .fields = mailbox_fields,
    .field_count = sizeof mailbox_fields / sizeof mailbox_fields[0],
    .size = sizeof(struct case_mailbox),
    .check = case_check_mailbox,
};
