/* Case and server files: whatever the text, a load ends in a struct or in one positioned error. */
#include <string.h>

#include "mockmta/config/load.h"
#include "scenarios/case/case.h"
#include "tests/fuzz/fuzz.h"

static char block[8 << 20];

static void load(struct span text, bool whole_case, void *target)
{
    struct arena arena;
    struct conf conf;
    arena_init(&arena, block, sizeof block);
    conf_init(&conf, &arena, "fuzz.yaml", text);
    bool loaded = conf_load(&conf, whole_case ? case_table(&arena) : &server_table, target);
    FUZZ_CHECK(loaded == !conf.failed);
    FUZZ_CHECK(loaded || conf.error[0] != '\0');
    FUZZ_CHECK(loaded || strstr(conf.error, "fuzz.yaml") == conf.error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server_source server;
    static struct case_file file;
    struct span text = {(const char *)data, size};
    memset(&server, 0, sizeof server);
    memset(&file, 0, sizeof file);
    load(text, false, &server);
    load(text, true, &file);
    return 0;
}
