# LANrage. `make` builds, `sudo make test` tests, `sudo make up` runs; see README.md.
#
#   V=1                          show commands
#   CC=clang                     another compiler
#   SANITIZE=address,undefined   build with sanitizers (into its own BUILD directory)
#   BUILD=DIR                    where everything made goes (default build)

.DEFAULT_GOAL := all
BUILD  ?= build
PREFIX ?= /usr/local
CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
Q      := $(if $(V),,@)
JOBS   ?= $(shell nproc)
SUBMAKE = $(MAKE) --no-print-directory -j$(JOBS)
say     = $(if $(V),,@printf '  %-8s %s\n' "$(1)" "$(patsubst $(BUILD)/%,%,$(2))")

LIBS_BUS       := libprotobuf-c libuv libsodium
LIBS_SERVER    := libprotobuf-c libuv libsodium libwebsockets sqlite3
pkg             = $(shell pkg-config --libs $(1) 2>/dev/null)
# nng, inih, libb2, libcap-ng and civetweb come without pkg-config files in Debian 12
NNG            := -lnng -linih

WARNINGS  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wwrite-strings -Werror
HARDENING := -fstack-protector-strong -fPIE $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) \
             $(if $(filter gcc,$(notdir $(CC))),-fstack-clash-protection -fcf-protection)
CFLAGS    ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -I$(BUILD)/proto $(WARNINGS) $(HARDENING) $(CFLAGS) \
             $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))

# ---- what is built from what

COMMON  := $(addprefix common/,error.c log.c clock.c addr.c bucket.c config.c text.c)
SERVICE := $(COMMON) $(addprefix common/,loop.c service.c bus.c bus_server.c bus_listen.c bus_client.c bus_dial.c bus_probe.c \
	envelope.c pb.c)
SQL     := common/sql.c
# libipsec-mb is for x86-64 only
X86_64 := $(filter x86_64,$(shell uname -m))
AEAD   := $(if $(X86_64),-lIPSec_MB)
WIREGUARD := $(addprefix svc-dataplane/,aead.c $(if $(X86_64),aead_ipsec_mb.c) noise.c cookie.c replay.c timers.c session.c frame.c)
RENDEZVOUS := $(addprefix svc-control/,rendezvous_codec.c websocket.c login.c)
RENDEZVOUS_ENGINE := $(SQL) svc-nat/stun.c svc-nat/relay/ticket.c $(addprefix svc-control/server/, \
	service.c dispatch.c session.c admission.c authority.c parties.c invites.c renewals.c \
	relays.c presence.c limits.c lease.c store_sqlite.c store_sqlite_parties.c \
	store_sqlite_members.c store_sqlite_leases.c store_sqlite_invites.c store_sqlite_generations.c signing.c listener.c stunport.c)

SRC_lanraged := $(COMMON) $(wildcard deploy/launcher/*.c)
LIB_lanraged := -lcap-ng -linih

SRC_lanrage-dataplane := $(SERVICE) $(WIREGUARD) $(addprefix svc-dataplane/, \
	allowedips.c tai64n.c sources.c index.c context.c tunnel.c staging.c handshake.c \
	checksum.c split.c coalesce.c ecn.c trains.c backlog.c \
	note.c probe.c path.c reach.c schedule.c relaylink.c reflexive.c peer.c peertable.c \
	engine.c desired.c manual.c snapshot.c fragment.c lan.c \
	vnet.c device.c capture.c binding.c discovery.c groups.c sockets.c lancheck.c lanservice.c selftest.c underlay.c packetloop.c interface.c stunpipe.c \
	codec.c keystore.c resume.c uapi.c service.c dispatch.c main.c)
PB_lanrage-dataplane  := ipc dataplane
LIB_lanrage-dataplane := $(call pkg,$(LIBS_BUS) libmnl) $(NNG) -lb2 $(AEAD) -lpthread

SRC_lanrage-nat := $(SERVICE) $(addprefix svc-nat/,main.c service.c dispatch.c codec.c stun.c \
	addresses.c dump.c candidates.c behaviour.c filtering.c drops.c mtu.c check.c pipe.c relays.c \
	distances.c pairs.c plan.c why.c neighbour.c report.c tcpframe.c overtcp.c) \
	svc-dataplane/codec.c
PB_lanrage-nat  := ipc dataplane nat
LIB_lanrage-nat := $(call pkg,$(LIBS_BUS) libmnl) $(NNG)

SRC_lanrage-control := $(SERVICE) common/duration.c $(RENDEZVOUS) $(addprefix svc-control/, \
	main.c service.c dispatch.c codec.c keyholder.c code.c invite.c announcement.c \
	sealed_codec.c database.c schema.c settings.c configurations.c party.c rendezvous.c operation.c membership.c \
	hosting.c arrival.c farewell.c tickets.c handover.c announce.c generation.c renewal.c \
	gossip.c gossip_codec.c complaint.c beacon.c lan.c local.c) $(RENDEZVOUS_ENGINE) \
	svc-dataplane/codec.c svc-nat/codec.c
PB_lanrage-control  := ipc dataplane nat control rendezvous
LIB_lanrage-control := $(call pkg,$(LIBS_BUS) libwebsockets sqlite3) $(NNG) -lpthread

SRC_lanrage-metrics := $(SERVICE) $(SQL) $(addprefix svc-metrics/,main.c service.c dispatch.c codec.c \
	session_codec.c sampler.c rate.c series.c span.c block.c track.c quality.c peers.c \
	histogram.c standing.c archive.c archive_blocks.c archive_sessions.c games.c recorder.c query.c neighbour.c) \
	svc-dataplane/codec.c
PB_lanrage-metrics  := ipc dataplane metrics
LIB_lanrage-metrics := $(call pkg,$(LIBS_BUS) sqlite3) $(NNG)

SRC_lanrage-browser := $(SERVICE) $(addprefix svc-browser/,main.c service.c dispatch.c codec.c \
	shared_codec.c registry.c favourites.c order.c statistics.c sharing.c latency.c \
	kept.c carrier.c pinger.c) \
	svc-control/codec.c svc-nat/codec.c svc-dataplane/codec.c
PB_lanrage-browser  := ipc dataplane nat control browser
LIB_lanrage-browser := $(call pkg,$(LIBS_BUS)) $(NNG)

SRC_lanrage-api := $(SERVICE) common/duration.c $(wildcard svc-api/*.c svc-api/discord/*.c) svc-dataplane/codec.c \
	svc-nat/codec.c svc-control/codec.c svc-browser/codec.c \
	$(addprefix svc-metrics/,codec.c session_codec.c quality.c series.c)
PB_lanrage-api  := ipc dataplane nat control metrics browser
LIB_lanrage-api := $(call pkg,$(LIBS_BUS) jansson libcurl) $(NNG) -lcivetweb -lpthread

SRC_lanrage := common/error.c common/text.c common/clock.c common/duration.c svc-api/clean.c svc-api/logtail.c \
	$(wildcard svc-api/cli/*.c)
LIB_lanrage := $(call pkg,libcurl jansson)

SRC_lanrage-server := $(COMMON) common/loop.c common/service.c $(RENDEZVOUS) $(RENDEZVOUS_ENGINE) \
	svc-control/server/main.c
PB_lanrage-server  := rendezvous
LIB_lanrage-server := $(call pkg,$(LIBS_SERVER)) -linih

SRC_lanrage-relay := $(sort $(COMMON) common/loop.c common/service.c $(WIREGUARD) $(RENDEZVOUS) \
	svc-dataplane/tai64n.c svc-dataplane/sources.c svc-nat/stun.c svc-nat/tcpframe.c \
	$(addprefix svc-nat/relay/,main.c service.c binding.c forward.c packetloop.c quota.c \
	registration.c responder.c revocation.c route.c statefile.c stock.c stream.c ticket.c))
PB_lanrage-relay  := rendezvous
LIB_lanrage-relay := $(call pkg,libprotobuf-c libuv libsodium libwebsockets) -linih -lb2 $(AEAD) -lpthread

PROGRAMS := lanraged lanrage-dataplane lanrage-nat lanrage-control lanrage-metrics lanrage-browser \
	lanrage-api lanrage lanrage-server lanrage-relay

# Unit tests and fuzz targets link what they need out of one archive of every module but the
# programs' own mains, wiring and packet threads.
NOT_IN_ARCHIVE := %/main.c %/service.c %/dispatch.c %/packetloop.c
MODULES := common/service.c $(filter-out $(NOT_IN_ARCHIVE),$(sort $(foreach p,$(PROGRAMS),$(SRC_$(p))) \
	$(wildcard svc-api/cli/pages/*.c)))
PROTOS  := $(notdir $(basename $(wildcard proto/*.proto)))
UNIT    := $(notdir $(basename $(wildcard tests/unit/test_*.c)))
FUZZ    := $(notdir $(basename $(wildcard tests/fuzz/fuzz_*.c)))
TEST_TOOLS := $(addprefix $(BUILD)/tests/,wire rendezvous-client dataplane-client \
	relay-pairs udpload plain crowd apiload metrics-fill settings-doc)
TEST_LIBS  = $(call pkg,$(LIBS_BUS) $(LIBS_SERVER) libmnl jansson libcurl) $(NNG) -lb2 $(AEAD) -lcap-ng \
	-lcivetweb -lpthread

# ---- building

.PHONY: all deps test-deps bench-deps up up-server down test check unit fuzz fuzz-short scenario \
	format format-check clang-check install clean programs web pages
all: programs web pages
programs: $(addprefix $(BUILD)/bin/,$(PROGRAMS))

# Rebuild when compiler or flags change.
FLAGS_STAMP := $(BUILD)/flags
$(shell mkdir -p $(BUILD); printf '%s\n' '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | \
	cmp -s - $(FLAGS_STAMP) || printf '%s\n' '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$(FLAGS_STAMP))

PB_C := $(PROTOS:%=$(BUILD)/proto/%.pb-c.c)
.SECONDARY:
$(BUILD)/proto/%.pb-c.c: proto/%.proto
	$(call say,PROTOC,$@)
	@mkdir -p $(@D)
	$(Q)protoc-c -Iproto --c_out=$(@D) $<

$(BUILD)/obj/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c $(FLAGS_STAMP) | $(PB_C)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(WARNINGS),$(ALL_CFLAGS)) -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(FLAGS_STAMP) | $(PB_C)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define program
$(BUILD)/bin/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(SRC_$(1))) \
		$(patsubst %,$(BUILD)/obj/proto/%.pb-c.o,$(PB_$(1)))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $(LIB_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# The page: TypeScript, bundled. Modules come from npm once for all variants, at the versions of the
# lock file; the source tree has a link to them, which both programs look through.
NPM        := build/npm
WEB        := $(addprefix $(BUILD)/web/,index.html icon.svg app.js style.css)
WEB_SOURCE := $(wildcard svc-api/web/*.ts svc-api/web/*.tsx svc-api/web/*.css svc-api/web/views/*.tsx)
ESBUILD     = $(NPM)/node_modules/.bin/esbuild --log-level=warning --minify --target=es2022,chrome123,firefox121,safari17.5
$(NPM)/installed: svc-api/web/package.json svc-api/web/package-lock.json
	$(call say,NPM,$@)
	@mkdir -p $(NPM)
	$(Q)cp $^ $(NPM)/
	$(Q)cd $(NPM) && npm ci --no-audit --no-fund --silent
	@ln -sfn ../../$(NPM)/node_modules svc-api/web/node_modules
	@touch $@
$(BUILD)/web/app.js: $(WEB_SOURCE) svc-api/web/tsconfig.json $(NPM)/installed
	$(call say,ESBUILD,$@)
	$(Q)$(ESBUILD) --bundle --format=esm --outfile=$@ svc-api/web/app.tsx
$(BUILD)/web/style.css: svc-api/web/style.css $(NPM)/installed
	$(call say,ESBUILD,$@)
	$(Q)$(ESBUILD) --bundle --outfile=$@ $<
$(BUILD)/web/%: svc-api/web/%
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(BUILD)/web/openapi.json: svc-api/openapi.json
	@mkdir -p $(@D)
	$(Q)cp $< $@
web: $(WEB) $(BUILD)/web/openapi.json

# lanrage-api serves the copies that are built into it (svc-api/webfiles.c).
$(BUILD)/obj/svc-api/webfiles.o: $(WEB) svc-api/openapi.json
$(BUILD)/obj/svc-api/webfiles.o: ALL_CFLAGS += -DWEB_DIR='"$(BUILD)/web"'

# Types are checked apart from bundling, which drops them.
web-check: $(NPM)/installed
	$(call say,TSC,svc-api/web)
	$(Q)$(NPM)/node_modules/.bin/tsc -p svc-api/web
.PHONY: web-check

# The manual and the shells' completion, out of the command line's tables and templates.
MAN        := $(patsubst deploy/man/%.in,$(BUILD)/man/%,$(wildcard deploy/man/*.in))
COMPLETION := $(patsubst deploy/completion/%.in,$(BUILD)/completion/%,$(wildcard deploy/completion/*.in))
SRC_pages  := $(filter-out %/main.c,$(SRC_lanrage)) $(wildcard svc-api/cli/pages/*.c)
pages: $(MAN) $(COMPLETION)
$(BUILD)/tools/pages: $(patsubst %.c,$(BUILD)/obj/%.o,$(SRC_pages))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_lanrage)
$(MAN) $(COMPLETION): $(BUILD)/%: deploy/%.in $(BUILD)/tools/pages
	$(call say,PAGE,$@)
	@mkdir -p $(@D)
	$(Q)$(BUILD)/tools/pages $< >$@.new && mv $@.new $@

$(BUILD)/modules.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(MODULES)) \
		$(PROTOS:%=$(BUILD)/obj/proto/%.pb-c.o)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcsTP $@ $^

# What several unit tests share.
UNIT_SHARED := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
$(BUILD)/unit.a: $(UNIT_SHARED)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(BUILD)/unit.a $(BUILD)/modules.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS) -lcmocka

$(BUILD)/tests/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/modules.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(TEST_LIBS)

$(BUILD)/tests/wire: $(BUILD)/obj/tests/lab/wire.o
$(BUILD)/tests/rendezvous-client: $(BUILD)/obj/tests/scenario/rendezvous_client.o \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(COMMON) common/loop.c $(RENDEZVOUS) \
		svc-nat/relay/ticket.c) $(BUILD)/obj/proto/rendezvous.pb-c.o
$(BUILD)/tests/dataplane-client: $(BUILD)/obj/tests/scenario/dataplane_client.o \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(SERVICE) svc-dataplane/codec.c) \
		$(BUILD)/obj/proto/ipc.pb-c.o $(BUILD)/obj/proto/dataplane.pb-c.o
$(BUILD)/tests/relay-pairs: $(BUILD)/obj/tests/scenario/relay_pairs.o $(BUILD)/modules.a
$(BUILD)/tests/udpload: $(BUILD)/obj/tests/bench/udpload.o
$(BUILD)/tests/apiload: $(BUILD)/obj/tests/bench/apiload.o
$(BUILD)/tests/crowd: $(BUILD)/obj/tests/bench/crowd.o $(BUILD)/modules.a
$(BUILD)/tests/plain: $(BUILD)/obj/tests/bench/plain.o $(BUILD)/modules.a
$(BUILD)/tests/metrics-fill: $(BUILD)/obj/tests/bench/metrics_fill.o $(BUILD)/modules.a
$(BUILD)/tests/settings-doc: $(patsubst %.c,$(BUILD)/obj/%.o,svc-control/settings_doc.c \
		svc-control/schema.c common/config.c common/duration.c common/error.c common/text.c)
$(TEST_TOOLS):
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# The table in the document is the one in the code; a scenario test tells where it is not.
SETTINGS_DOC := svc-control/SETTINGS.md
settings-doc: $(BUILD)/tests/settings-doc
	$(Q){ sed '/^<!-- table/q' $(SETTINGS_DOC); $<; sed -n '/^<!-- end/,$$p' $(SETTINGS_DOC); } \
		>$(BUILD)/SETTINGS.md && cp $(BUILD)/SETTINGS.md $(SETTINGS_DOC)
.PHONY: settings-doc

# ---- packages, running, installing

deps:
	$(Q)deploy/packages/install.sh build
test-deps: deps
	$(Q)deploy/packages/install.sh test
bench-deps: test-deps
	$(Q)deploy/packages/install.sh bench

up: deps
	$(Q)$(SUBMAKE) all
	$(Q)BUILD=$(BUILD) SERVER=$(SERVER) deploy/run.sh up
up-server: deps
	$(Q)$(SUBMAKE) all
	$(Q)BUILD=$(BUILD) LISTEN=$(LISTEN) RELAY_LISTEN=$(RELAY_LISTEN) deploy/run.sh up-server
down:
	$(Q)BUILD=$(BUILD) deploy/run.sh down

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/lanrage $(DESTDIR)$(PREFIX)/share/lanrage/web
	install -m 755 $(addprefix $(BUILD)/bin/,lanraged $(filter lanrage-%,$(filter-out \
		lanrage-server lanrage-relay,$(PROGRAMS)))) $(DESTDIR)$(PREFIX)/libexec/lanrage
	install -m 755 $(addprefix $(BUILD)/bin/,lanrage lanrage-server lanrage-relay) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/web/* $(DESTDIR)$(PREFIX)/share/lanrage/web
	for page in $(MAN); do install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page; done
	install -D -m 644 $(BUILD)/completion/lanrage.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/lanrage
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(BUILD)/completion/_lanrage
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(BUILD)/completion/lanrage.fish

clean:
	rm -rf $(BUILD)

# ---- tests

FORMATTED := $(shell find common deploy svc-* tests -name '*.[ch]')
format:
	clang-format -i $(FORMATTED)
format-check:
	$(call say,FORMAT,all sources)
	$(Q)clang-format --dry-run -Werror $(FORMATTED)

# Every unit test, with sanitizers, JOBS at a time.
unit:
	$(Q)$(SUBMAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined CC=$(CC) unit-run
unit-run: $(UNIT:%=$(BUILD)/tests/%)
	$(Q)printf '%s\n' $^ | xargs -P$(JOBS) -I@ sh -c '@ >@.log 2>&1; code=$$?; echo "== @"; \
		cat @.log; test $$code = 0 || { echo "failed: @"; exit 1; }'
.PHONY: unit-run

clang-check:
	$(Q)$(SUBMAKE) BUILD=$(BUILD)/clang CC=clang programs

# Each fuzz target for FUZZ_SECONDS, JOBS at a time (short in CI, long by `make fuzz FUZZ_SECONDS=3600`).
FUZZ_SECONDS ?= 600
fuzz:
	$(Q)$(SUBMAKE) BUILD=$(BUILD)/fuzz CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz-run
fuzz-short:
	$(Q)$(SUBMAKE) fuzz FUZZ_SECONDS=5
fuzz-run: $(FUZZ:%=$(BUILD)/tests/%)
	$(Q)printf '%s\n' $(FUZZ:fuzz_%=%) | xargs -P$(JOBS) -I@ sh -c 'echo "== fuzz_@"; \
		mkdir -p $(BUILD)/corpus/@; $(BUILD)/tests/fuzz_@ -max_total_time=$(FUZZ_SECONDS) \
		-timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 $(BUILD)/corpus/@ \
		$$(ls -d tests/fuzz/corpus/@ 2>/dev/null) >$(BUILD)/corpus/@.log 2>&1 || \
		{ cat $(BUILD)/corpus/@.log; exit 255; }'
.PHONY: fuzz-run

test-tools: $(TEST_TOOLS)
.PHONY: test-tools
# First those that want the machine for themselves, then the others, JOBS at a time.
SCENARIO = LANRAGE_BUILD=$(BUILD) LANRAGE_SANITIZE=$(SANITIZE) /usr/bin/python3 -m pytest -p no:cacheprovider -q
scenario: all test-tools
	$(Q)$(SCENARIO) -m alone tests/scenario $(PYTEST)
	$(Q)$(SCENARIO) -m "not alone" -n $(JOBS) --dist loadfile tests/scenario $(PYTEST)

# Real games, which `make test` leaves out for their size.
test-games: test-deps
	$(Q)deploy/packages/install.sh games
	$(Q)$(SUBMAKE) all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/games $(PYTEST)
.PHONY: test-games

# What takes part in `make bench`; each writes $(BUILD)/bench/NAME.json. Plain builds only.
BENCHES := reach engine lan api page
.PHONY: bench soak $(BENCHES:%=bench-%)
bench: $(BENCHES:%=bench-%)
bench-reach: all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/bench/reach.py
bench-lan: all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/bench/lan.py
bench-api: all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/bench/api.py
bench-page: all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/bench/page.py
# LANRAGE_BENCH_ROUNDS=N, LANRAGE_BENCH_TUNNELS=ours,..., LANRAGE_BENCH_ROWS=tcp_x1,...
bench-engine: bench-deps
	$(Q)$(SUBMAKE) all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/bench/engine.py

# The README's pictures, of the page of a member of a party in the lab.
screenshots: test-deps
	$(Q)$(SUBMAKE) all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/ui/screenshots.py
.PHONY: screenshots

# SOAK_MINUTES=N, SOAK_SEED=N
soak: all test-tools
	$(Q)LANRAGE_BUILD=$(BUILD) /usr/bin/python3 tests/bench/soak.py

check: format-check web-check unit

# Everything; ends with the scenario runner's totals.
test: test-deps
	$(Q)$(SUBMAKE) all clang-check
	$(Q)$(SUBMAKE) check
	$(Q)$(SUBMAKE) fuzz-short
	$(Q)$(SUBMAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined all test-tools
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=address,undefined scenario
