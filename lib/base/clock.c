/*
 * clock.c - durations to and from text, and civil dates
 *
 * Dates are reckoned from the day number (days since 1970-01-01) in the proleptic Gregorian
 * calendar with years that begin in March, so that the leap day is the last of its year. gmtime is
 * not used: it is no pure function.
 */
#include "lib/base/clock.h"

static const struct unit {
    const char *name;
    int64_t ns;
} UNITS[] = {
    /* longest first: clock_print takes the first that divides */
    {"d", CLOCK_DAY},    {"h", CLOCK_HOUR}, {"min", CLOCK_MINUTE},
    {"s", CLOCK_SECOND}, {"ms", CLOCK_MS},  {"us", CLOCK_US},
    {"ns", 1},
};
enum { UNIT_COUNT = sizeof UNITS / sizeof UNITS[0] };

bool clock_parse(struct span text, int64_t *duration_ns)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    uint64_t number;
    if (!span_uint(span_to(text, digits), (uint64_t)CLOCK_DURATION_MAX, &number))
        return false;
    struct span unit = span_from(text, digits);
    if (unit.len == 0) {
        *duration_ns = 0;
        return number == 0;
    }
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (!span_equal(unit, span_of(UNITS[i].name)))
            continue;
        if (number > (uint64_t)(CLOCK_DURATION_MAX / UNITS[i].ns))
            return false;
        *duration_ns = (int64_t)number * UNITS[i].ns;
        return true;
    }
    return false;
}

/* The magnitude, after a minus sign was written for a negative one. INT64_MIN has no positive twin
 * in int64_t. */
static uint64_t magnitude(struct strbuf *out, int64_t ns)
{
    if (ns >= 0)
        return (uint64_t)ns;
    strbuf_addc(out, '-');
    return ~(uint64_t)ns + 1;
}

void clock_print(struct strbuf *out, int64_t duration_ns)
{
    if (duration_ns == CLOCK_NEVER) {
        strbuf_adds(out, "never");
        return;
    }
    uint64_t ns = magnitude(out, duration_ns);
    if (ns == 0) {
        strbuf_adds(out, "0s");
        return;
    }
    size_t i = 0;
    while (ns % (uint64_t)UNITS[i].ns != 0)
        i++;
    strbuf_addu(out, ns / (uint64_t)UNITS[i].ns);
    strbuf_adds(out, UNITS[i].name);
}

static void add_padded(struct strbuf *out, uint64_t value, unsigned width)
{
    uint64_t bound = 10;
    for (unsigned i = 1; i < width; i++, bound *= 10)
        if (value < bound)
            strbuf_addc(out, '0');
    strbuf_addu(out, value);
}

/* value . rest, cut to the unit below rather than rounded up to the next one. */
static void add_pair(struct strbuf *out, uint64_t value, const char *between, uint64_t rest,
                     unsigned width, const char *unit)
{
    strbuf_addu(out, value);
    strbuf_adds(out, between);
    add_padded(out, rest, width);
    strbuf_adds(out, unit);
}

void clock_print_human(struct strbuf *out, int64_t duration_ns)
{
    if (duration_ns == CLOCK_NEVER) {
        strbuf_adds(out, "never");
        return;
    }
    uint64_t ns = magnitude(out, duration_ns);
    uint64_t s = ns / (uint64_t)CLOCK_SECOND;
    if (s < 60)
        add_pair(out, s, ".", ns % (uint64_t)CLOCK_SECOND / (uint64_t)CLOCK_MS, 3, " s");
    else if (s < 3600)
        add_pair(out, s / 60, " min ", s % 60, 2, " s");
    else if (s < 86400)
        add_pair(out, s / 3600, " h ", s % 3600 / 60, 2, " min");
    else
        add_pair(out, s / 86400, " d ", s % 86400 / 3600, 2, " h");
}

int64_t clock_after(int64_t now_ns, int64_t duration_ns)
{
    if (duration_ns > 0 && now_ns > CLOCK_NEVER - duration_ns)
        return CLOCK_NEVER;
    if (duration_ns < 0 && now_ns < INT64_MIN - duration_ns)
        return INT64_MIN;
    return now_ns + duration_ns;
}

struct civil {
    int64_t year;
    unsigned month, day; /* from 1 */
    unsigned weekday;    /* 0 is Sunday */
    unsigned hour, minute, second;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Eras of 400 years have 146097 days. The range is kept to the years 0 to 9999, the only ones that
 * four digits tell. */
static struct civil civil_from_epoch(int64_t epoch_s)
{
    const int64_t low = INT64_C(-62167219200), high = INT64_C(253402300799);
    int64_t t = epoch_s < low ? low : epoch_s > high ? high : epoch_s;
    int64_t days = floor_div(t, 86400);
    int64_t second = t - days * 86400;
    int64_t shifted = days + 719468; /* since 0000-03-01 */
    int64_t era = floor_div(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct civil){.year = year_of_era + era * 400 + (month <= 2),
                          .month = (unsigned)month,
                          .day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1),
                          .weekday = (unsigned)(((days + 4) % 7 + 7) % 7),
                          .hour = (unsigned)(second / 3600),
                          .minute = (unsigned)(second / 60 % 60),
                          .second = (unsigned)(second % 60)};
}

static void add_time_of_day(struct strbuf *out, const struct civil *c)
{
    add_padded(out, c->hour, 2);
    strbuf_addc(out, ':');
    add_padded(out, c->minute, 2);
    strbuf_addc(out, ':');
    add_padded(out, c->second, 2);
}

void clock_print_rfc5322(struct strbuf *out, int64_t epoch_s)
{
    static const char DAYS[] = "SunMonTueWedThuFriSat";
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct civil c = civil_from_epoch(epoch_s);
    strbuf_add(out, (struct span){DAYS + (size_t)c.weekday * 3, 3});
    strbuf_adds(out, ", ");
    add_padded(out, c.day, 2);
    strbuf_addc(out, ' ');
    strbuf_add(out, (struct span){MONTHS + (size_t)(c.month - 1) * 3, 3});
    strbuf_addc(out, ' ');
    add_padded(out, (uint64_t)c.year, 4);
    strbuf_addc(out, ' ');
    add_time_of_day(out, &c);
    strbuf_adds(out, " +0000");
}

void clock_print_rfc3339(struct strbuf *out, int64_t epoch_s)
{
    struct civil c = civil_from_epoch(epoch_s);
    add_padded(out, (uint64_t)c.year, 4);
    strbuf_addc(out, '-');
    add_padded(out, c.month, 2);
    strbuf_addc(out, '-');
    add_padded(out, c.day, 2);
    strbuf_addc(out, 'T');
    add_time_of_day(out, &c);
    strbuf_addc(out, 'Z');
}
