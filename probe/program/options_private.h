/*
 * options_private.h - what an option's handler works on, for the files that hold handlers
 *
 * A handler reads r->value into r->o. False: it said in r->error what it wanted instead.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_OPTIONS_PRIVATE_H
#define RELAYLAB_PROBE_PROGRAM_OPTIONS_PRIVATE_H

#include "probe/program/options.h"

struct reader {
    struct options *o;
    struct strbuf *error;
    const char *option;
    struct span value;
};

/* "--option: 'value': allowed"; always false. */
bool option_wrong(struct reader *r, const char *allowed);
bool option_wrong_at(struct reader *r, const char *why, size_t column);
bool option_endpoint(struct reader *r, struct endpoint *to);
bool option_file_name(struct reader *r, const char **to);
bool option_name(struct reader *r, struct span *to); /* of a domain or host */

/* options_home.c: canaries, and how what is sent to them comes home */
bool option_canary(struct reader *r);
bool option_sender(struct reader *r);
bool option_domain(struct reader *r);
bool option_token(struct reader *r);
bool option_sink(struct reader *r);
bool option_mailbox(struct reader *r);
bool option_control_route(struct reader *r);
bool option_password_file(struct reader *r);
bool option_ca_file(struct reader *r);
bool option_save_proof(struct reader *r);
bool option_ledger(struct reader *r);
bool option_show_run(struct reader *r);
bool option_export_run(struct reader *r);
/* The rules among these; false, with one line in error. */
bool options_check_home(struct options *o, struct strbuf *error);

/* options_many.c: many targets, and many questions about one */
bool option_targets(struct reader *r);
bool option_concurrency(struct reader *r);
bool option_shard(struct reader *r);
bool option_resume(struct reader *r);
bool option_sessions(struct reader *r);
bool option_network_rate(struct reader *r);
bool option_total_rate(struct reader *r);
bool option_max_messages(struct reader *r);
bool option_source(struct reader *r);
bool option_ports(struct reader *r);
bool option_family(struct reader *r);
/* The rules among these; false, with one line in error. */
bool options_check_many(struct options *o, struct strbuf *error);

/* options_forms.c: what is asked */
bool option_forms(struct reader *r);
bool option_zone(struct reader *r);
bool option_backup_domain(struct reader *r);
bool option_local_recipient(struct reader *r);
bool option_mx_domain(struct reader *r);
bool option_canary_ip(struct reader *r);
bool option_markdown(struct reader *r);

/* options_dns.c: how names are looked up */
bool option_resolver(struct reader *r);
bool option_resolver_timeout(struct reader *r);
bool option_all_mx(struct reader *r);

/* options_tls.c */
bool option_tls(struct reader *r);
bool option_client_cert(struct reader *r);
bool option_client_key(struct reader *r);
/* The rules among these; false, with one line in error. */
bool options_check_tls(const struct options *o, struct strbuf *error);

#endif
