/*
 * conf_scan.c - refuses the parts of YAML that surprise people
 *
 * Two sweeps before the loader walks the document. The first reads events, since only they show
 * anchors, aliases, tags and where a second document begins; it also bounds the depth, so that
 * everything after it may trust it. The second looks at the finished document's mappings, in file
 * order, for keys that are no texts or come twice: libyaml itself takes duplicate keys.
 */
#include "lib/conf/conf_private.h"

struct scan {
    unsigned depth;
    unsigned documents;
};

static bool scan_properties(struct conf *c, const yaml_event_t *e, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    if (anchor != NULL) {
        return conf_fail_mark(c, e->start_mark, e->end_mark,
                              "a text that begins with & must be quoted",
                              "anchors are not allowed");
    }
    if (tag != NULL) {
        return conf_fail_mark(c, e->start_mark, e->end_mark,
                              "a text that begins with ! must be quoted", "tags are not allowed");
    }
    return true;
}

static bool scan_deeper(struct conf *c, const yaml_event_t *e, struct scan *s)
{
    s->depth++;
    return s->depth <= CONF_DEPTH_MAX ||
           conf_fail_mark(c, e->start_mark, e->start_mark, NULL, "nested deeper than %d levels",
                          CONF_DEPTH_MAX);
}

static bool scan_document(struct conf *c, const yaml_event_t *e, struct scan *s)
{
    if (e->data.document_start.version_directive != NULL ||
        e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end) {
        return conf_fail_mark(c, e->start_mark, e->end_mark, NULL, "directives are not allowed");
    }
    s->documents++;
    return s->documents <= 1 ||
           conf_fail_mark(c, e->start_mark, e->end_mark, "put it into a file of its own",
                          "a second document begins here");
}

static bool scan_event(struct conf *c, const yaml_event_t *e, struct scan *s)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return scan_document(c, e, s);
    case YAML_ALIAS_EVENT:
        return conf_fail_mark(c, e->start_mark, e->end_mark,
                              "a text that begins with * must be quoted",
                              "aliases are not allowed");
    case YAML_SCALAR_EVENT:
        return scan_properties(c, e, e->data.scalar.anchor, e->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        return scan_properties(c, e, e->data.sequence_start.anchor, e->data.sequence_start.tag) &&
               scan_deeper(c, e, s);
    case YAML_MAPPING_START_EVENT:
        return scan_properties(c, e, e->data.mapping_start.anchor, e->data.mapping_start.tag) &&
               scan_deeper(c, e, s);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        s->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

bool conf_scan(struct conf *c)
{
    yaml_parser_t parser;
    struct scan s = {0, 0};
    bool ok = true, finished = false;

    if (!yaml_parser_initialize(&parser)) {
        return conf_fail(c, NULL, NULL, "out of memory");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)c->text.ptr, c->text.len);
    while (ok && !finished) {
        yaml_event_t e;
        if (!yaml_parser_parse(&parser, &e)) {
            ok = conf_fail_yaml(c, &parser);
            break;
        }
        ok = scan_event(c, &e, &s);
        finished = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&parser);
    if (ok && s.documents == 0) {
        return conf_fail(c, NULL, NULL, "the file is empty");
    }
    return ok;
}

static bool same_key(const yaml_node_t *a, const yaml_node_t *b)
{
    return span_equal((struct span){(const char *)a->data.scalar.value, a->data.scalar.length},
                      (struct span){(const char *)b->data.scalar.value, b->data.scalar.length});
}

static bool check_key(struct conf *c, yaml_document_t *d, const yaml_node_t *map,
                      const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(d, pair->key);
    char memory[CONF_HINT_MAX];
    struct strbuf hint;

    if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0) {
        return conf_fail_mark(c, key->start_mark, key->end_mark, NULL, "a key must be a text");
    }
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *earlier = yaml_document_get_node(d, p->key);
        if (same_key(key, earlier)) {
            strbuf_init(&hint, memory, sizeof memory);
            strbuf_addf(&hint, "first given on line %zu", earlier->start_mark.line + 1);
            return conf_fail_mark(c, key->start_mark, key->end_mark, memory,
                                  "key \"%.64s\" is given twice",
                                  (const char *)key->data.scalar.value);
        }
    }
    return true;
}

bool conf_check_keys(struct conf *c, yaml_document_t *document)
{
    for (const yaml_node_t *n = document->nodes.start; n < document->nodes.top; n++) {
        if (n->type != YAML_MAPPING_NODE) {
            continue;
        }
        if (n->data.mapping.pairs.top - n->data.mapping.pairs.start > CONF_PAIRS_MAX) {
            return conf_fail_mark(c, n->start_mark, n->start_mark, NULL, "more than %d keys",
                                  CONF_PAIRS_MAX);
        }
        for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
             p++) {
            if (!check_key(c, document, n, p)) {
                return false;
            }
        }
    }
    return true;
}
