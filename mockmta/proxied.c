/*
 * proxied.c - in front of the session's machine, and of its TLS
 *
 * While the header is awaited the machine behind is not stepped, so that it greets nobody. When the
 * header is there its bytes are used up, and every later step goes through. haproxy's text wants a
 * connection given up whose first bytes are no header; an end of it is the machine's affair again.
 */
#include "mockmta/proxied.h"

#include "lib/base/clock.h"
#include "lib/smtp/proxy.h"

/* Postfix's smtpd_upstream_proxy_timeout; who guesses guesses at once. */
static const int64_t required_ns = 5 * CLOCK_SECOND;
static const int64_t optional_ns = 100 * CLOCK_MS;

enum { TEXT_MAX = ENDPOINT_TEXT_MAX + 64 };

static void tell(struct session *s, const struct endpoint *client)
{
    char memory[TEXT_MAX];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, "(PROXY header");
    if (client != NULL) {
        strbuf_adds(&text, " for ");
        endpoint_print_address(&text, client);
    }
    strbuf_addc(&text, ')');
    mock_tell(s->mock, &(struct mock_event){.kind = MOCK_COMMAND,
                                            .connection = s->number,
                                            .peer = &s->peer,
                                            .local = &s->local,
                                            .text = strbuf_span(&text),
                                            .at = AT_CONNECT});
}

/* The machine behind ends the connection by itself from now on. */
static void give_up(struct session *s)
{
    s->proxy.waits = false;
    smtp_server_drop(&s->smtp);
}

/* What begins like a header of the version that is not read is none. */
static enum proxy_reading look(const struct session *s, struct span bytes, struct endpoint *client,
                               size_t *used)
{
    int version = bytes.ptr[0] == 'P' ? 1 : 2;
    int wanted = s->mock->config->proxy_version;
    return wanted != 0 && wanted != version ? PROXY_NONE : proxy_read(bytes, client, used);
}

static void take(struct session *s, struct machine_io *io)
{
    struct endpoint client = s->peer;
    size_t used = 0;
    enum proxy_reading reading = look(s, (struct span){io->in, io->in_len}, &client, &used);
    bool required = s->mock->config->proxy == MOCK_PROXY_REQUIRED;
    switch (reading) {
    case PROXY_UNFINISHED:
        return;
    case PROXY_NONE:
        s->proxy.waits = false;
        if (required) {
            give_up(s);
        }
        return;
    case PROXY_WRONG:
        give_up(s);
        return;
    case PROXY_UNSAID:
    case PROXY_SAID:
        break;
    }
    s->proxy.waits = false;
    io->in_used = used;
    tell(s, reading == PROXY_SAID ? &client : NULL);
    s->peer = client;
}

static enum machine_wish proxied_step(void *self, struct machine_io *io)
{
    struct session *s = self;
    bool required = s->mock->config->proxy == MOCK_PROXY_REQUIRED;
    if (s->proxy.waits && s->proxy.until_ns == CLOCK_NEVER && io->peer >= PEER_OPEN) {
        s->proxy.until_ns = clock_after(io->now_ns, required ? required_ns : optional_ns);
    }
    if (s->proxy.waits && io->in_len > 0) {
        take(s, io);
    }
    bool over = io->peer > PEER_OPEN || io->now_ns >= s->proxy.until_ns || s->mock->dying;
    if (s->proxy.waits && over) {
        s->proxy.waits = false;
        if (required && io->peer <= PEER_FIN && !s->mock->dying) {
            give_up(s);
        }
    }
    if (s->proxy.waits || io->in_used > 0) {
        return WISH_OPEN;
    }
    return s->proxy.inner.ops->step(s->proxy.inner.self, io);
}

static int64_t proxied_deadline(const void *self)
{
    const struct session *s = self;
    int64_t deadline_ns = s->proxy.inner.ops->deadline(s->proxy.inner.self);
    bool sooner = s->proxy.waits && s->proxy.until_ns < deadline_ns;
    return sooner ? s->proxy.until_ns : deadline_ns;
}

static void proxied_ended(void *self)
{
    struct session *s = self;
    s->proxy.inner.ops->ended(s->proxy.inner.self);
}

static const struct machine_ops proxied_ops = {"proxied", proxied_step, proxied_deadline,
                                               proxied_ended};

void proxied_session(struct session *s, struct machine *machine)
{
    if (s->mock->config->proxy < MOCK_PROXY_OPTIONAL) {
        return;
    }
    s->proxy = (struct session_proxy){.inner = *machine, .waits = true, .until_ns = CLOCK_NEVER};
    *machine = (struct machine){&proxied_ops, s};
}
