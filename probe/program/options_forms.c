/*
 * options_forms.c - the options about what is asked
 *
 * --forms takes names of batteries, ids, and the name of a file with the user's own forms (it ends
 * in .yaml), in any mixture. A file alone goes with the plain form and the controls: what other
 * forms are answered is judged by theirs.
 */
#include <string.h>

#include "lib/smtp/address.h"
#include "probe/program/options_private.h"

static bool is_file(struct span word)
{
    return span_iends(word, SPAN(".yaml")) || span_iends(word, SPAN(".yml"));
}

/* Takes the file's name out of the list; what is left is in forms_text. */
static bool split_list(struct reader *r)
{
    struct options *o = r->o;
    struct span rest = r->value, word;
    struct strbuf list;

    strbuf_init(&list, o->forms_text, sizeof(o->forms_text));
    while (span_cut(&rest, ',', &word)) {
        if (!is_file(span_trim(word))) {
            strbuf_adds(&list, list.len > 0 ? "," : "");
            strbuf_add(&list, word);
        } else if (o->forms_file[0] != '\0') {
            return option_wrong(r, "one file of forms is allowed");
        } else if (!bytes_copy(o->forms_file, sizeof(o->forms_file), span_trim(word))) {
            return option_wrong(r, "the name of the file is too long");
        }
    }
    if (list.truncated)
        return option_wrong(r, "the list is too long");
    if (list.len == 0 && o->forms_file[0] != '\0')
        strbuf_adds(&list, "S1-R1,R41,R42,R43,R43d");
    o->forms = strbuf_span(&list);
    return true;
}

bool option_forms(struct reader *r)
{
    struct form forms[FORMS_MAX];
    char memory[200];
    struct strbuf why;
    size_t count = 0;

    if (!split_list(r))
        return false;
    strbuf_init(&why, memory, sizeof(memory));
    if (forms_select(r->o->forms, forms, FORMS_MAX, &count, &why))
        return true;
    option_wrong(r, "");
    strbuf_add(r->error, strbuf_span(&why));
    return false;
}

bool options_check_forms(const struct options *o, const struct form_own *own, size_t own_count,
                         struct strbuf *error)
{
    struct form forms[FORMS_MAX];
    size_t count = 0;
    struct forms_wanted wanted = {
        .selection = o->forms,
        .own = own,
        .own_count = own_count,
        .starttls = o->tls == OPTIONS_TLS_AUTO && forms_names_battery(o->forms),
        .further_canaries = o->further_count,
        .further_locals = o->further_domain_count};

    strbuf_adds(error, "--forms: ");
    if (!forms_make(&wanted, forms, FORMS_MAX, &count, error))
        return false;
    strbuf_reset(error);
    return true;
}

static bool read_name(struct reader *r, struct span *to)
{
    const char *why = "";
    size_t column = 0;

    if (!address_check_domain(r->value, &why, &column) || r->value.ptr[0] == '[')
        return option_wrong_at(r, why[0] != '\0' ? why : "write a domain", column);
    *to = r->value;
    return true;
}

bool option_zone(struct reader *r)
{
    return read_name(r, &r->o->extras.zone);
}

bool option_backup_domain(struct reader *r)
{
    return read_name(r, &r->o->extras.backup_domain);
}

bool option_mx_domain(struct reader *r)
{
    return read_name(r, &r->o->extras.mx_domain);
}

bool option_canary_ip(struct reader *r)
{
    struct form_extras *x = &r->o->extras;
    struct endpoint e, *to;

    if (!endpoint_parse_address(r->value, &e))
        return option_wrong(r, "write an IPv4 or an IPv6 address");
    to = e.family == 6 ? &x->canary_ip6 : &x->canary_ip4;
    if (to->family != 0)
        return option_wrong(r, "one address of each family is allowed");
    *to = e;
    return true;
}

bool option_markdown(struct reader *r)
{
    r->o->markdown = true;
    return true;
}
