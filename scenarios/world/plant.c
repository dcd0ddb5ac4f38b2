/*
 * plant.c - the token is chosen when its instant has come, since only then the probe has tokens
 */
#include "scenarios/world/plant.h"

#include "probe/probe_state.h"

bool case_has_plants(const struct case_file *c)
{
    for (size_t i = 0; i < c->mailbox_count; i++)
        if (c->mailboxes[i].plant_count > 0)
            return true;
    return false;
}

static struct token choose(const struct plants *p, int which)
{
    const struct token_pair plain = form_tokens(&p->probe->results[0].form);
    struct token t = plain.recipient;

    switch ((enum case_plant_token)which) {
    case PLANT_MADE_UP:
        t = (struct token){.text = "abcdefgh234567ab"};
        break;
    case PLANT_ALTERED:
        t.text[7] = t.text[7] == 'a' ? 'b' : 'a';
        break;
    case PLANT_CUT:
        t.text[TOKEN_LEN - 1] = '\0';
        break;
    case PLANT_SENDER:
        t = plain.sender;
        break;
    case PLANT_EARLIER:
        t = *p->earlier;
        break;
    }
    return t;
}

static void write_address(struct strbuf *out, const struct token *t, const char *domain)
{
    strbuf_adds(out, "probe+");
    strbuf_adds(out, t->text);
    strbuf_addc(out, '@');
    strbuf_adds(out, domain);
}

static void on_timer(void *self)
{
    struct plant *plant = self;
    struct stage *s = plant->plants->stage;
    const struct token token = choose(plant->plants, plant->what->token);
    char address[MAIL_PATH_MAX], text[8192];
    struct strbuf to, out;

    strbuf_init(&to, address, sizeof address);
    write_address(&to, &token, s->c->mailboxes[plant->mailbox].domains.item[0]);
    const struct span recipient = strbuf_span(&to);
    strbuf_init(&out, text, sizeof text);
    mail_write_probe(&out, &(struct mail_probe){.from = SPAN("probe@canary.test"),
                                                .to = recipient,
                                                .form_id = SPAN("S1-R1"),
                                                .target = SPAN("mx.victim.test"),
                                                .helo = SPAN("probe.canary.test"),
                                                .token = &token,
                                                .attempt = 1,
                                                .epoch_s = world_epoch(s->world)});
    stage_deliver(s, plant->mailbox,
                  &(struct mail_view){.sender = SPAN("somebody@example.test"),
                                      .recipients = &recipient,
                                      .recipient_count = 1,
                                      .content = strbuf_span(&out)});
}

void plants_start(struct plants *p, struct stage *stage, const struct probe *probe,
                  const struct token *earlier)
{
    const struct case_file *c = stage->c;
    int64_t now = world_now(stage->world);

    *p = (struct plants){.stage = stage, .probe = probe, .earlier = earlier};
    for (unsigned i = 0; i < c->mailbox_count; i++)
        for (size_t k = 0; k < c->mailboxes[i].plant_count; k++) {
            struct plant *plant = &p->plant[p->count++];

            plant->plants = p;
            plant->what = &c->mailboxes[i].plants[k];
            plant->mailbox = i;
            world_timer_init(&plant->timer, on_timer, plant);
            world_timer_set(stage->world, &plant->timer, clock_after(now, plant->what->at_ns));
        }
}

void plants_stop(struct plants *p)
{
    for (size_t i = 0; i < p->count; i++)
        world_timer_stop(p->stage->world, &p->plant[i].timer);
    p->count = 0;
}
