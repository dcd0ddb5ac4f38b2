/*
 * encrypt.c - a server's TLS: its certificate, and the layer around each session
 *
 * The certificate is made when the server is, from the world's clock, and never leaves memory.
 */
#include "mockmta/encrypt.h"

#include <string.h>

enum { CERTIFICATE_DAYS = 365, DAY_SECONDS = 86400 };

static bool listener_is_implicit(const struct server_config *c, size_t listener)
{
    if (c->tls == MOCK_TLS_IMPLICIT) {
        return true;
    }
    for (size_t i = 0; i < c->implicit_tls.count && listener < c->listen.count; i++) {
        if (strcmp(c->implicit_tls.item[i], c->listen.item[listener]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *certificate_name(const struct server_config *c)
{
    return c->certificate == CERTIFICATE_OTHER_NAME ? "elsewhere.example.test" : c->hostname;
}

bool encrypt_init(struct mock *m)
{
    const struct server_config *c = m->config;
    const int64_t day = DAY_SECONDS;
    char memory[160];
    struct strbuf error;
    struct tls_server_config config = {
        .name = certificate_name(c),
        .not_before_s = m->world->epoch_s - day,
        .not_after_s = m->world->epoch_s + CERTIFICATE_DAYS * day,
        .version_max = c->tls_max,
        .fault = c->handshake,
        .asks = c->asks,
        .early = c->early};
    if (c->tls < MOCK_TLS_STARTTLS && c->implicit_tls.count == 0) {
        return true;
    }
    if (c->certificate == CERTIFICATE_EXPIRED) {
        config.not_before_s -= CERTIFICATE_DAYS * day;
        config.not_after_s = m->world->epoch_s - day;
    } else if (c->certificate == CERTIFICATE_NOT_YET) {
        config.not_before_s = m->world->epoch_s + day;
    }
    strbuf_init(&error, memory, sizeof memory);
    m->tls = tls_server_new(&config, &error);
    return m->tls != NULL;
}

bool encrypt_session(struct session *s, struct machine *machine)
{
    const struct server_config *c = s->mock->config;
    bool implicit = listener_is_implicit(c, s->listener);
    if (!implicit && c->tls != MOCK_TLS_STARTTLS) {
        return true;
    }
    s->layer = tls_layer_new(s->mock->tls, *machine, implicit, NULL);
    if (s->layer == NULL) {
        return false;
    }
    *machine = tls_layer_machine(s->layer);
    return true;
}

bool encrypt_certificate(const struct session *s)
{
    return s->layer != NULL && tls_layer_facts(s->layer)->certificate;
}

void encrypt_print(const struct session *s, struct strbuf *out)
{
    const struct tls_facts *f = tls_layer_facts(s->layer);
    strbuf_adds(out, f->version);
    strbuf_adds(out, f->on ? " " : "");
    strbuf_adds(out, f->cipher);
    strbuf_adds(out, f->why);
    if (f->certificate) {
        strbuf_addf(out, ", certificate of %s", f->subject);
    }
    if (f->early > 0) {
        strbuf_addf(out, "; %zu octets came too early, dropped: ", f->early);
        strbuf_adds(out, f->early_text);
    }
}
