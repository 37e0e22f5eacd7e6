# maintkit and oscar-emr: build, check, demo, packages.
# SPDX-License-Identifier: GPL-2.0-or-later
#
#   make            programs into $(BUILD)/bin
#   make check      every test, with the machines it needs (root; installs packages by apt)
#   make check-quick  no root, no network, under a minute
#   make check-soak   the long ones
#   make demo       the whole life cycle in a throwaway machine (root)
#   make deb [PAYLOAD=DIR] [OUT=DIR]   packages

BUILD ?= build
VERSION := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
PREFIX ?= /usr
DESTDIR ?=
libexecdir = $(PREFIX)/libexec/maintkit
PKG_CONFIG ?= pkg-config

ifeq ($(origin CC),default)
CC = gcc
endif
ifeq ($(origin CFLAGS),undefined)
CFLAGS := -O2 -g
endif
ALL_CFLAGS = -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wpointer-arith -Wcast-qual -Wvla $(CFLAGS)
ALL_CPPFLAGS = -D_GNU_SOURCE -DMAINTKIT_VERSION='"$(VERSION)"' -DLIBEXECDIR='"$(libexecdir)"' $(CPPFLAGS) \
	$(shell $(PKG_CONFIG) --cflags libmariadb libxml-2.0)
# SANITIZE=1: address and undefined-behaviour sanitizers, for developers and the quick tests.
ifeq ($(SANITIZE),1)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif

base_src := $(sort $(wildcard src/base/*.c))
core_src := $(sort $(wildcard src/core/*.c))
obj = $(patsubst src/%.c,$(BUILD)/%.o,$(1))
libbase := $(BUILD)/libbase.a
libcore := $(BUILD)/libcore.a

# ---- commands: which adapters (src/ext/NAME.c) and libraries each links -----
# The profile (libinih, static: the data helper must run when everything else is
# gone) and the state files are in all of them.
ext_common := profile statefile effects pending
libs_common := -l:libinih.a

commands := $(sort $(basename $(notdir $(filter-out src/cmd/tool.c src/cmd/maintkit.c,$(shell grep -l '^int main' src/cmd/*.c)))))

ext_pending :=
libs_pending :=
ext_props := propsfile propsbase
libs_props :=
ext_sql := db dblease propsfile propsbase identity scriptstate
libs_sql := -lmariadb -pthread
ext_totp := db propsfile otp qr crontab
libs_totp := -lmariadb -loath -lqrencode
ext_pgp := propsfile pgp
libs_pgp := -lgpgme
ext_backup := db pgp archive propsfile
libs_backup := -lmariadb -lgpgme -larchive
ext_firewall :=
libs_firewall :=
ext_app :=
libs_app :=
ext_guard := db identity mirror dpkgver debfile release backups
libs_guard := -lmariadb -l:libdpkg.a -lmd -lz -llzma -lzstd
ext_hook := mirror debfile backups
libs_hook := -lz -llzma -lzstd
ext_data := mirror propsfile
libs_data :=
ext_status :=
libs_status :=
-include src/cmd/*.mk
# -----------------------------------------------------------------------------

programs := $(BUILD)/bin/maintkit $(addprefix $(BUILD)/bin/maintkit-,$(commands))

.PHONY: all
all: $(programs)

$(BUILD)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(libbase): $(call obj,$(base_src))
	@rm -f $@
	$(AR) rcsD $@ $^
$(libcore): $(call obj,$(core_src))
	@rm -f $@
	$(AR) rcsD $@ $^

# An adapter of more than one file: whoever names it gets them all.
pieces_db := db_connect db_blockers
with_pieces = $(foreach e,$(1),$(e) $(pieces_$(e)))

# maintkit-NAME = src/cmd/NAME.c, its pieces NAME_*.c, tool.c and tool_lock.c, its adapters, its libraries.
define program_rule
src_$(1) := src/cmd/$(1).c $$(sort $$(wildcard src/cmd/$(1)_*.c)) src/cmd/tool.c src/cmd/tool_lock.c \
	$$(wildcard $$(addprefix src/ext/,$$(addsuffix .c,$$(call with_pieces,$$(ext_common) $$(ext_$(1))))))
$$(BUILD)/bin/maintkit-$(1): $$(call obj,$$(src_$(1))) $$(libcore) $$(libbase)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,--as-needed -o $$@ $$^ $$(libs_$(1)) $$(libs_common)
endef
$(foreach c,$(commands),$(eval $(call program_rule,$(c))))

$(BUILD)/bin/maintkit: $(BUILD)/cmd/maintkit.o $(libbase)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

# ---- tests --------------------------------------------------------------------
# A unit test is one program: tests/unit/t-NAME.c with libcore, libbase and the
# adapters and libraries it names in the lines "// ext: ..." and "// libs: ...".
unit_src := $(sort $(wildcard tests/unit/t-*.c))
unit_tests := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(unit_src))
define unit_rule
ext_t_$(1) := $$(shell sed -n 's,^// ext: ,,p' tests/unit/$(1).c)
libs_t_$(1) := $$(shell sed -n 's,^// libs: ,,p' tests/unit/$(1).c)
$$(BUILD)/tests/$(1): tests/unit/$(1).c $$(call obj,$$(addprefix src/ext/,$$(addsuffix .c,$$(call with_pieces,$$(ext_t_$(1)))))) $$(libcore) $$(libbase)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CPPFLAGS) -Isrc $$(ALL_CFLAGS) -Wno-missing-prototypes -MMD -MP $$(LDFLAGS) -o $$@ $$(filter %.c %.o %.a,$$^) $$(libs_t_$(1)) -lcmocka $$(libs_common)
endef
$(foreach t,$(basename $(notdir $(unit_src))),$(eval $(call unit_rule,$(t))))
$(BUILD)/tests/fsdown $(BUILD)/tests/crashpoint: $(BUILD)/tests/%: tests/lib/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<

.PHONY: tests
tests: all $(unit_tests) $(BUILD)/tests/fsdown $(BUILD)/tests/crashpoint

include tests/tests.mk

.PHONY: deps
deps:
	@sh tests/lib/deps.sh

.PHONY: demo
demo: deps
	@BUILD=$(abspath $(BUILD)) bash tests/system/demo.sh

.PHONY: deb
deb: deps
	@bash tests/lib/build-debs.sh

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(libexecdir)
	install -m 755 $(BUILD)/bin/maintkit $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(filter-out $(BUILD)/bin/maintkit,$(programs)) $(DESTDIR)$(libexecdir)/

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
