/*
 * forms_own.c - the table of a user's form, and what a table cannot see
 *
 * Templates are checked word by word, so that a typing error is found before anything is sent. A
 * recipient must lead to us or to the target: a {word} for its domain is asked for, since a domain
 * that is written out could be anybody's.
 */
#include "probe/ask/forms_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct own_file {
    struct own_row *rows;
    size_t count;
};

struct own_row {
    const char *id, *name, *from, *from_params, *to, *to_params, *also, *needs, *why;
    bool also_after;
};

static bool fail_key(struct conf *c, const struct conf_node *map, const char *key, const char *hint,
                     const char *what)
{
    struct conf_node_value memory;
    const struct conf_node *node = NULL;
    const char *name = "";
    for (size_t i = 0; i < conf_length(map) && strcmp(name, key) != 0; i++) {
        node = conf_pair(c, map, i, &memory, &name);
    }
    return conf_fail(c, node != NULL && strcmp(name, key) == 0 ? node : map, hint, "%s", what);
}

static bool check_template(struct conf *c, const struct conf_node *n, const char *key,
                           const char *text)
{
    char room[100];
    struct strbuf why;
    strbuf_init(&why, room, sizeof(room));
    for (const char *at = text; text != NULL && *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 127) {
            return fail_key(c, n, key, "write one line", "a control character");
        }
    }
    if (text != NULL && strlen(text) >= MAIL_PATH_MAX / 2) {
        return fail_key(c, n, key, "at most 159 characters", "the template is too long");
    }
    return text == NULL || form_template_check(text, &why) ||
           fail_key(c, n, key, "--list-forms explains the words", room);
}

static bool has_any(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strstr(text, *words) != NULL) {
            return true;
        }
    }
    return false;
}

static bool check_recipient(struct conf *c, const struct conf_node *n, const struct own_row *r)
{
    static const char *const tokens[] = {"{x}", "{t}", "{xh}", NULL};
    static const char *const ends[] = {"{X}",          "{XU}",         "{Xw}",       "{T}",
                                       "{ip}",         "{D}",          "{Z}",        "{B}",
                                       "{canary-ip4}", "{canary-ip6}", "@localhost", NULL};
    const char *at = strrchr(r->to, '@');
    if (!has_any(r->to, tokens)) {
        return fail_key(c, n, "to", "write {x} or {t} into it",
                        "a delivery could not be told to be this form's");
    }
    if (at != NULL && at[1] != '\0' && at[1] != '>' && !has_any(at, ends)) {
        return fail_key(c, n, "to", "write {X}, {T}, {D} or another {word} after the @",
                        "the domain is nobody's that we know");
    }
    return true;
}

static bool known_id(const char *id)
{
    for (size_t i = 0; i < form_recipient_count; i++) {
        if (strcmp(form_recipients[i].id, id) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < form_sender_count; i++) {
        if (strcmp(form_senders[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_id(struct conf *c, const struct conf_node *n, const char *id)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strspn(id, letters);
    if (len == 0 || id[len] != '\0' || len > 8) {
        return fail_key(c, n, "id", "1 to 8 letters and digits, like U1", "not an id for a form");
    }
    return !known_id(id) ||
           fail_key(c, n, "id", "choose another, like U1", "a form of that id is there already");
}

static bool check_row(struct conf *c, const struct conf_node *n, void *target)
{
    const struct own_row *r = target;
    if (r->needs != NULL && form_lacks(r->needs) == NULL) {
        return fail_key(c, n, "needs", "write DSN, SMTPUTF8, 8BITMIME, AUTH or SIZE",
                        "not an EHLO keyword that a form can need");
    }
    return check_id(c, n, r->id) && check_template(c, n, "from", r->from) &&
           check_template(c, n, "from_params", r->from_params) &&
           check_template(c, n, "to", r->to) && check_template(c, n, "to_params", r->to_params) &&
           check_template(c, n, "also", r->also) && check_recipient(c, n, r);
}

#define AT(member) offsetof(struct own_row, member)
/* clang-format off */
static const struct conf_field row_fields[] = {
    {.name = "id", .type = CONF_TEXT, .flags = CONF_REQUIRED, .offset = AT(id),
     .doc = "its name in reports", .example = "U1"},
    {.name = "name", .type = CONF_TEXT, .offset = AT(name), .doc = "in two words"},
    {.name = "from", .type = CONF_TEXT, .offset = AT(from),
     .doc = "what stands after MAIL FROM:; default: the plainest sender", .example = "<{p}@{D}>"},
    {.name = "from_params", .type = CONF_TEXT, .offset = AT(from_params),
     .doc = "parameters after it", .example = "BODY=8BITMIME"},
    {.name = "to", .type = CONF_TEXT, .flags = CONF_REQUIRED, .offset = AT(to),
     .doc = "what stands after RCPT TO:", .example = "\"<{x}%{X}@{T}>\""},
    {.name = "to_params", .type = CONF_TEXT, .offset = AT(to_params), .doc = "parameters after it"},
    {.name = "also", .type = CONF_TEXT, .offset = AT(also),
     .doc = "another recipient of the same message", .example = "<postmaster@{D}>"},
    {.name = "also_after", .type = CONF_BOOL, .offset = AT(also_after), .doc = "it comes second"},
    {.name = "needs", .type = CONF_TEXT, .offset = AT(needs),
     .doc = "an EHLO keyword without which it is not asked", .example = "DSN"},
    {.name = "why", .type = CONF_TEXT, .offset = AT(why), .doc = "what it finds"},
};

static const struct conf_table row_table = {
    .name = "form", .doc = "one way to ask for relaying", .fields = row_fields,
    .field_count = sizeof row_fields / sizeof row_fields[0], .size = sizeof(struct own_row),
    .check = check_row,
};

static const struct conf_field file_fields[] = {
    {.name = "forms", .type = CONF_STRUCTS, .flags = CONF_REQUIRED, .sub = &row_table,
     .offset = offsetof(struct own_file, rows), .count_offset = offsetof(struct own_file, count),
     .max = FORMS_OWN_MAX, .doc = "a list of forms"},
};

const struct conf_table forms_own_table = {
    .name = "file of forms", .doc = "forms of the user's own", .fields = file_fields,
    .field_count = 1, .size = sizeof(struct own_file),
};
/* clang-format on */

static struct form_own form_of(const struct own_row *r)
{
    const char *why = r->why != NULL ? r->why : "a form of one's own";
    bool named = r->from != NULL || r->from_params != NULL;
    return (struct form_own){
        .sender = {.id = "own",
                   .name = "own",
                   .template = r->from != NULL ? r->from
                               : named         ? form_senders[0].template
                                               : NULL,
                   .params = r->from_params,
                   .why = why,
                   .asked = ""},
        .recipient = {.id = r->id,
                      .name = r->name != NULL ? r->name : "own",
                      .template = r->to,
                      .params = r->to_params,
                      .extension = r->needs,
                      .companion = r->also,
                      .companion_after = r->also_after,
                      .why = why,
                      .asked = ""}};
}

bool forms_own_load(struct conf *conf, const struct form_own **own, size_t *count)
{
    struct own_file file = {.rows = NULL};
    if (!conf_load(conf, &forms_own_table, &file)) {
        return false;
    }
    struct form_own *list = arena_get(conf->arena, file.count + 1, sizeof *list);
    if (list == NULL) {
        return conf_fail(conf, NULL, NULL, "the file is too large");
    }
    for (size_t i = 0; i < file.count; i++) {
        list[i] = form_of(&file.rows[i]);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(file.rows[k].id, file.rows[i].id) == 0) {
                return conf_fail(conf, NULL, NULL, "two forms have the id %s", file.rows[i].id);
            }
        }
    }
    *own = list;
    *count = file.count;
    return true;
}

bool forms_own_read(struct conf *conf, const char *path, const struct form_own **own, size_t *count)
{
    enum { OWN_FILE_MAX = 65536 };
    char *text = arena_get(conf->arena, OWN_FILE_MAX, 1);
    FILE *f = fopen(path, "rb");
    conf->file = path;
    if (f == NULL || text == NULL) {
        int trouble = errno;
        if (f != NULL) {
            (void)fclose(f);
        }
        return conf_fail(conf, NULL, NULL, "cannot be opened: %s", strerror(trouble));
    }
    size_t len = fread(text, 1, OWN_FILE_MAX, f);
    bool broken = ferror(f) != 0;
    (void)fclose(f);
    if (broken || len == OWN_FILE_MAX) {
        return conf_fail(conf, NULL, NULL, broken ? "cannot be read" : "the file is too large");
    }
    conf->text = (struct span){text, len};
    return forms_own_load(conf, own, count);
}
