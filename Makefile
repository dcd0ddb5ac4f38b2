# relaylab - GNU make, one file. `make help` lists the targets.

# The user's variables.
CC      ?= cc
CFLAGS  ?= -O2 -g
LDFLAGS ?=
PREFIX  ?= /usr/local
DESTDIR ?=
PYTEST  ?= /usr/bin/python3 -m pytest
# SAN=address,undefined builds with sanitizers in a tree of its own; BUILD=dir puts everything elsewhere.
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
LIBS     := -lev -lyaml -lcrypto

DIRS  := lib/base lib/smtp lib/conf lib drive probe mockmta scenarios
SRC   := $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(DIRS))))
MAINS := probe/main.c mockmta/main.c scenarios/main.c
UNIT  := $(wildcard tests/unit/test_*.c)
OBJ   := $(SRC:%.c=$(BUILD)/obj/%.o)
PROGS := $(BUILD)/relayprobe $(BUILD)/mockmta $(BUILD)/relaylab
TESTS := $(UNIT:tests/unit/%.c=$(BUILD)/tests/%)

.PHONY: all units
all: $(PROGS)
units: $(TESTS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/librelaylab.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/relayprobe: $(BUILD)/obj/probe/main.o $(BUILD)/librelaylab.a
$(BUILD)/mockmta: $(BUILD)/obj/mockmta/main.o $(BUILD)/librelaylab.a
$(BUILD)/relaylab: $(BUILD)/obj/scenarios/main.o $(BUILD)/librelaylab.a
$(PROGS):
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/librelaylab.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

-include $(OBJ:.o=.d) $(MAINS:%.c=$(BUILD)/obj/%.d) $(UNIT:%.c=$(BUILD)/obj/%.d)
