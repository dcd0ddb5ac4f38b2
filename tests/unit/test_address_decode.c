/*
 * test_address_decode.c - every form that is a riddle, and its answer; hostile ones too
 *
 * T and D are local, X is the canary's domain, x its local part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/smtp/address_decode.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool is_local(const void *self, struct span domain)
{
    (void)self;
    return span_iequal(domain, SPAN("T")) || span_iequal(domain, SPAN("D")) ||
           span_iequal(domain, SPAN("[192.0.2.1]"));
}

static const struct {
    const char *label, *text, *decoded; /* NULL: nothing to undo */
} rows[] = {
    {"R1", "<x@X>", NULL},
    {"R3", "<\"x@X\">", "x@X"},
    {"R4", "<\"x%X\">", "x@X"},
    {"R5", "<x%X>", "x@X"},
    {"R6", "<x%X@T>", "x@X"},
    {"R6 at a foreign domain", "<x%X@Y>", NULL},
    {"R7", "<x%X@[192.0.2.1]>", "x@X"},
    {"R9", "<x@X@T>", "x@X"},
    {"R11", "<\"x@X\"@T>", "x@X"},
    {"R13", "<\"x%X\"@T>", "x@X"},
    {"R14", "<@T:x@X>", "x@X"},
    {"R16", "<@X:x@D>", NULL},
    {"R17", "<@T,@X:x@X>", "x@X"},
    {"R18", "<T:x@X>", "x@X"},
    {"R19", "<X!x>", "x@X"},
    {"R20", "<X!x@T>", "x@X"},
    {"R21", "<T!X!x>", "x@X"},
    {"R22", "<X!x%T>", "x@X"},
    {"R22d", "<X!x%T@D>", "x@X"},
    {"R23", "<x%X%T@T>", "x@X"},
    {"R24", "<x@X@>", "x@X"},
    {"R24p", "<x%X@>", "x@X"},
    {"R25", "<x%[X]@>", "x@X"},
    {"R25a", "<x@[X]@>", "x@X"},
    {"a literal stays", "<x@[192.0.2.9]>", NULL},
    {"R26", "<IMCEASMTP-x+2Bt+40X+2Ey@D>", "x+t@X.y"},
    {"R27", "<\"IMCEA x@X\"@D>", "x@X"},
    {"R30d", "<x@\xef\xbd\x83\x62>", "x@cb"},
    {"R31l", "<r@D> ORCPT=rfc822;x+2Bt@X", "x+t@X"},
    {"R32", "<SRS0=aaaa=bb=X=x@D>", "x@X"},
    {"R32 with = in it", "<SRS0=aaaa=bb=X=x=y@D>", "x=y@X"},
    {"R33", "<SRS1=aaaa=X==bbbb=cc=X=x@D>", "x@X"},
    {"R33b", "<prvs=0123abcdef=x@X>", "x@X"},
    {"R33v", "<list-x=X@D>", "x@X"},
    {"R35", "<x@X.>", "x@X"},
    {"R36", "<x\\@X@T>", "x@X"},
    {"null", "<>", NULL},
    {"no domain", "<x>", NULL},
    {"broken", "<x@X", NULL},
    {"SRS0 cut short", "<SRS0=aaaa=bb@D>", NULL},
    {"SRS1 cut short", "<SRS1=aaaa=X=b@D>", NULL},
    {"prvs without a mailbox", "<prvs=a=@X>", NULL},
    {"IMCEA of nothing", "<IMCEASMTP-@D>", NULL},
    {"IMCEA, quotes alone", "<\"IMCEA \"@D>", NULL},
    {"plus at the end", "<IMCEASMTP-x+40X+@D>", "x@X+"},
    {"NUL is not decoded", "<IMCEASMTP-x+00+40X@D>", "x+00@X"},
    {"seven percents", "<x%X%D%D%D%D%D%D%D@D>", "x%X%D@D"},
    {"only dots", "<x@.>", NULL},
};

static void riddles_have_answers(void **state)
{
    static const struct address_locals locals = {is_local, NULL};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[128];
        struct strbuf out;
        struct address a = address_parse(span_of(rows[i].text));
        strbuf_init(&out, room, sizeof room);
        bool decoded = address_decode(&a, &locals, &out);
        const char *wanted = rows[i].decoded;
        if (decoded != (wanted != NULL) || strcmp(room, wanted != NULL ? wanted : "") != 0) {
            fail_msg("%s: %s became %s", rows[i].label, rows[i].text, room);
        }
    }
}

/* What does not fit is not decoded, at every length of the room. */
static void small_rooms(void **state)
{
    static const struct address_locals locals = {is_local, NULL};
    (void)state;
    for (size_t cap = 1; cap < 6; cap++) {
        char room[6];
        struct strbuf out;
        struct address a = address_parse(SPAN("<xx%X@T>"));
        strbuf_init(&out, room, cap);
        assert_int_equal(address_decode(&a, &locals, &out), cap > 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(riddles_have_answers),
        cmocka_unit_test(small_rooms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
