# relaylab - GNU make, one file. `make help` lists the targets.

# The user's variables.
CC      ?= cc
CFLAGS  ?= -O2 -g
LDFLAGS ?=
PREFIX  ?= /usr/local
DESTDIR ?=
PYTEST  ?= /usr/bin/python3 -m pytest -q -p no:cacheprovider -n 5 --dist loadgroup
JOBS    ?= $(shell nproc)
FUZZ_SECONDS ?= 10
# SAN=address,undefined builds with sanitizers in a tree of its own; BUILD=dir puts everything elsewhere; V=1 shows commands.
SAN     ?=
BUILD   ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
comma   := ,

# Ours.
VERSION  := 0.1.0
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum \
            -Wvla -Wwrite-strings -Wformat=2 -Wundef -Wimplicit-fallthrough $(WERROR)
CPP_OWN  := -I. -D_POSIX_C_SOURCE=200809L -DRELAYLAB_VERSION='"$(VERSION)"' \
            -DRELAYLAB_DATADIR='"$(PREFIX)/share/relaylab"' $(DEFS)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
COMPILE   = $(CC) -std=c11 $(CPP_OWN) $(CFLAGS) $(WARN) $(SANFLAGS)
LINK      = $(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS)
LIBS     := -lev -lyaml -ljansson -lssl -lcrypto -lcurl -lsqlite3 -lcares
Q        := $(if $(V),,@)
say       = $(if $(V),,@echo "  $(1) $@")

DIRS  := lib lib/base lib/smtp lib/conf lib/mailbox lib/dns \
         drive drive/loop drive/sim drive/mailbox drive/ledger drive/dns drive/tls drive/host \
         probe probe/ask probe/home probe/report probe/program mockmta mockmta/config mockmta/queue \
         scenarios scenarios/case scenarios/world scenarios/judge scenarios/adapter scenarios/engine scenarios/report
SRC   := $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(DIRS))))
MAINS := probe/main.c mockmta/main.c scenarios/main.c
UNIT  := $(wildcard tests/unit/test_*.c)
FUZZ  := $(wildcard tests/fuzz/fuzz_*.c)
OBJ   := $(SRC:%.c=$(BUILD)/obj/%.o)
PROGS := $(BUILD)/relayprobe $(BUILD)/mockmta $(BUILD)/relaylab
TESTS := $(UNIT:tests/unit/%.c=$(BUILD)/tests/%)
FUZZERS := $(FUZZ:tests/fuzz/%.c=$(BUILD)/fuzz/%)
SUB    = $(MAKE) --no-print-directory -j$(JOBS)
ASAN  := SAN=address,undefined BUILD=build/asan CFLAGS="-O1 -g"
# AddressSanitizer needs a fixed address space where vm.mmap_rnd_bits is large.
FIXED  = $(shell setarch -R true 2>/dev/null && echo setarch -R)
GRIND := valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,possible

.PHONY: all units fuzzers check test lab asan valgrind fuzz flip scorecard bench syntax crowd cover lint format install uninstall dist clean help
.SECONDARY:
all: $(PROGS) ## the three programs, in build/
units: $(TESTS) $(BUILD)/tests/kill_at.so
fuzzers: $(FUZZERS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/librelaylab.a: $(OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/relayprobe: $(BUILD)/obj/probe/main.o $(BUILD)/librelaylab.a
$(BUILD)/mockmta: $(BUILD)/obj/mockmta/main.o $(BUILD)/librelaylab.a
$(BUILD)/relaylab: $(BUILD)/obj/scenarios/main.o $(BUILD)/librelaylab.a
$(PROGS):
	$(call say,LINK)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/librelaylab.a
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(LIBS)

# Preloaded by tests of what SIGKILL leaves behind; without sanitizers, which want to be first.
$(BUILD)/tests/kill_at.so: tests/kill/kill_at.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=c11 $(CPP_OWN) $(CFLAGS) $(WARN) $(LDFLAGS) -fPIC -shared -o $@ $< -ldl

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/librelaylab.a
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS)

check test: ## unit tests, whole programs, and real servers and clients
	@ci/deps build check
	@ci/deps postfix exim opensmtpd sendmail dovecot || \
	    echo "make check: tests with a server that is missing will be skipped"
	@$(SUB) all units
	@ci/tally "ci/unit $(BUILD)/tests/test_*" "$(PYTEST) tests/programs tests/real"

lab: ## every case in virtual time, then a few on sockets
	@ci/deps build
	@$(SUB) all
	@ci/tally "$(BUILD)/relaylab run scenarios/cases" "$(BUILD)/relaylab run --time real --tags smoke scenarios/cases"

asan: ## unit tests and cases under AddressSanitizer and UBSan
	@ci/deps build check
	@$(SUB) $(ASAN) all units
	@ci/tally "ci/unit -w '$(FIXED)' build/asan/tests/test_*" \
	    "$(FIXED) ci/conversation build/asan" \
	    "$(FIXED) build/asan/relaylab run scenarios/cases"

# Of test_soundness a tenth: make check and make asan ask every seed.
valgrind: ## unit tests and the three programs under valgrind
	@ci/deps build check
	@$(SUB) all units
	@RELAYLAB_SEEDS=200 ci/tally "ci/unit -w '$(GRIND)' $(BUILD)/tests/test_*" "ci/conversation $(BUILD) $(GRIND)" \
	    "$(GRIND) $(BUILD)/relaylab run --tags smoke scenarios/cases"

fuzz: ## each fuzz target for FUZZ_SECONDS (10) from its kept corpus
	@ci/deps build lint
	@$(SUB) CC=clang SAN=fuzzer-no-link,address,undefined CFLAGS="-O1 -g" WERROR=-Werror BUILD=build/fuzzing fuzzers
	@ci/tally "$(FIXED) ci/fuzz build/fuzzing/fuzz $(FUZZ_SECONDS)" "$(FIXED) ci/fuzz-cover"

flip: ## do the tests bite? each row of the answers table and of the verdict rule, flipped
	@ci/deps build check
	@$(SUB) all units
	@ci/tally "ci/flip $(BUILD)"

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/librelaylab.a
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

scorecard: all ## every case with every detector that comes along; doc/scorecard.md (minutes)
	@ci/deps build check
	@ci/scorecard $(BUILD)

bench: all $(BUILD)/bench/battery $(BUILD)/bench/crowd ## against smtp-sink and nmap, side by side
	@ci/deps check postfix dovecot
	@/usr/bin/python3 tests/bench/bench.py --build $(BUILD)

crowd: $(BUILD)/bench/crowd ## 100,000 targets in one run, in the simulator (some minutes)
	@$(BUILD)/bench/crowd 100000 1000

cover: ## line coverage of unit tests and cases, in build/cover/
	@ci/deps build check lint
	@$(SUB) BUILD=build/cover CFLAGS="-O0 -g --coverage" all units
	@find build/cover -name '*.gcda' -exec rm -f {} +
	-@ci/tally "ci/unit build/cover/tests/test_*" "build/cover/relaylab run scenarios/cases | tail -n 1"
	@gcovr -r . --object-directory build/cover --filter 'lib/|drive/|probe/|mockmta/|scenarios/' --sort-percentage

lint: ## layout, analyzers, architecture, -Werror with gcc and clang
	@ci/deps build check lint
	@ci/tally ci/lint

# What a compiler says of each file by itself, without the cost of code.
syntax:
	@find lib drive probe mockmta scenarios tests -name '*.c' -print0 | xargs -0 -n 16 -P $(JOBS) $(CC) -std=c11 $(CPP_OWN) $(CFLAGS) $(WARN) -fsyntax-only

format: ## applies .clang-format
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

install: all ## programs, personas, cases and man pages under DESTDIR PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/relaylab $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(PROGS) $(DESTDIR)$(PREFIX)/bin
	cp -R mockmta/personas scenarios/cases scenarios/adapters scenarios/engines $(wildcard doc/*.json) $(DESTDIR)$(PREFIX)/share/relaylab
	$(if $(wildcard doc/*.1),install -m 644 $(wildcard doc/*.1) $(DESTDIR)$(PREFIX)/share/man/man1)

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(PROGS)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man1/,$(notdir $(wildcard doc/*.1)))
	rm -rf $(DESTDIR)$(PREFIX)/share/relaylab

dist: ## a tarball of the last commit, in build/
	@mkdir -p build
	git archive --prefix=relaylab-$(VERSION)/ -o build/relaylab-$(VERSION).tar.gz HEAD

clean: ## removes what was built; unpacked servers stay
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name mta -exec rm -rf {} +; fi

help: ## this list
	@sed -n 's/^\([a-z]*\)[a-z ]*:.*## /  make \1\t/p' Makefile

-include $(OBJ:.o=.d) $(MAINS:%.c=$(BUILD)/obj/%.d) $(UNIT:%.c=$(BUILD)/obj/%.d) $(FUZZ:%.c=$(BUILD)/obj/%.d) $(wildcard $(BUILD)/obj/tests/bench/*.d)
