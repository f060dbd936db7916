# netisr: the two commands are `make run` and `make test`.

SWIFT    ?= swift
PREFIX   ?= /usr/local
PACKAGES  = libelf-dev libpcap-dev libmd-dev libsodium-dev libyaml-dev pkg-config
PLUGINS   = ether ip ip6 arp igmp natm route epair
EXAMPLES  = udpecho
SOURCES   = Package.swift Sources Plugins Tests Benchmarks/Package.swift Benchmarks/Sources Fuzz/Package.swift Fuzz/Sources
# SwiftPM has a plan of each build, which it keeps when the package beside it, this one, has files that it had not.
BESIDE    = rm -f $(1)/.build/release.yaml && $(SWIFT) build -c release --package-path $(1)
BUILD     = .build/release
NETISR    = $(BUILD)/netisr

.PHONY: run test stress trust-race soak faults build plugins examples install uninstall bench bench-check bench-update simulate deps lint format tsan asan clean codegen bench-swaps bench-replay bench-containment bench-forwarding traffic

# Builds everything, inspects the eight protocols, and sends the sample captures through them: Ethernet frames by way of
# a pair of interfaces, so that each of the eight has something to do.
run: plugins
	$(NETISR) inspect plugins.d/*.so
	$(NETISR) replay --pair Samples/*.pcap

# Every test, through the real thing: shipped plugins, the real command, and as root real devices in network namespaces;
# and what the compiler makes of the hot path.
test tsan asan: PACKAGES += arping iproute2 iputils-ping procps tcpdump traceroute
test: deps
	$(SWIFT) build --build-tests
	Tests/run.sh .build/debug
	$(MAKE) codegen

# The machine code on a packet's way holds nothing that it must not: Benchmarks/Sources/Codegen says what.
codegen: build
	$(call BESIDE,Benchmarks) --product Codegen
	Benchmarks/.build/release/Codegen $(NETISR)

# Order and the balance under changes of everything, for as long as SECONDS says. The same SEED makes the same choices.
stress: export NETISR_STRESS_SECONDS = $(or $(SECONDS),600)
stress: export NETISR_STRESS_SEED = $(SEED)
stress: deps
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter StressTests

# Plugins, signatures and memory files that are exchanged while they are loaded, LOADS times in each test.
trust-race: export NETISR_RACE_LOADS = $(or $(LOADS),10000)
trust-race: deps
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter TrustRaceTests

# Contained faults, one after another, and what they leave behind.
faults: export NETISR_FAULTS = $(or $(COUNT),10000)
faults: deps
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter FaultChurnTests

# A whole host under random changes, faults, and traffic of all protocols, looked at every ten seconds.
soak: export NETISR_SOAK_SECONDS = $(or $(SECONDS),1800)
soak: export NETISR_SOAK_SEED = $(SEED)
soak: deps
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter SoakTests

build: deps
	$(SWIFT) build -c release

# The eight protocols, or the handlers that show what sits above them. A file is complete when it appears in plugins.d, also
# for a host that watches it, which wants a directory that nobody else may write, whatever the umask was.
plugins: WANTED = $(PLUGINS)
examples: WANTED = $(EXAMPLES)
plugins examples: build
	@for p in $(WANTED); do \
	  install -m 755 $(BUILD)/lib$$p.so plugins.d/.$$p.so && mv plugins.d/.$$p.so plugins.d/$$p.so || exit 1; \
	done
	@chmod go-w plugins.d

# A handler of your own, from one file: `make hello.so` from hello.c or hello.swift.
%.so: %.c
	clang -std=c11 -O2 -Wall -Wextra -fPIC -shared -Wl,--build-id=sha1 -I Sources/CNetISR/include -o $@ $<
%.so: %.swift | build
	$(SWIFT)c -O -wmo -parse-as-library -enable-experimental-feature Embedded -enable-experimental-feature Lifetimes \
	  -module-name $(notdir $*) -emit-library -use-ld=lld -Xlinker --build-id=sha1 \
	  -Xlinker --version-script=Plugins/exports.map -I $(BUILD)/Modules -I Sources/CNetISR/include \
	  -o $@ $< $(BUILD)/NetISRPlugin.build/*.o

# One host without a Swift installation: the runtime is linked in. The plugins need none.
install: plugins
	$(SWIFT) build -c release --static-swift-stdlib --product netisr --scratch-path .build-static
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/netisr/plugins.d $(DESTDIR)$(PREFIX)/include/netisr
	install -m 755 .build-static/release/netisr $(DESTDIR)$(PREFIX)/bin/netisr
	install -m 755 plugins.d/*.so $(DESTDIR)$(PREFIX)/lib/netisr/plugins.d
	install -m 644 Sources/CNetISR/include/*.h $(DESTDIR)$(PREFIX)/include/netisr

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/netisr
	rm -rf $(DESTDIR)$(PREFIX)/lib/netisr $(DESTDIR)$(PREFIX)/include/netisr

# Nanoseconds per packet on this machine, beside the original's design. It should have nothing else to do.
bench: build
	$(NETISR) bench

# Instructions and allocations per packet, held to the thresholds in git; bench-update writes those anew.
bench-check bench-update: PACKAGES += valgrind
bench-check bench-update: deps
	$(call BESIDE,Benchmarks)
	Benchmarks/.build/release/Instructions $(@:bench-%=%) Benchmarks/thresholds.json

# Flows of many kinds through engines of 1 to 256 workstreams, in simulated time; CAPTURES adds those of capture files.
simulate: deps
	$(call BESIDE,Benchmarks) --product Simulate
	Benchmarks/.build/release/Simulate $(or $(SEED),1) $(or $(CAPTURES),Samples/ethernet.pcap)

# Grace periods, and gaps in service around swaps of a plugin, under full load.
bench-swaps: deps
	$(call BESIDE,Benchmarks) --product Swaps
	Benchmarks/.build/release/Swaps

# ns per packet of replayed captures: with one and with two workers, and by protocol.
bench-replay: plugins
	$(call BESIDE,Benchmarks) --product Replays
	Benchmarks/.build/release/Replays $(NETISR) plugins.d Samples $(TRAFFIC)

# What it costs that a fault is contained: this host and one that does not contain, in turns.
bench-containment: build
	$(SWIFT) build -c release --product netisr --scratch-path .build-unguarded -Xcc -DNETISR_UNGUARDED
	$(call BESIDE,Benchmarks) --product Containment
	Benchmarks/.build/release/Containment $(NETISR) .build-unguarded/release/netisr

# Packets per second from one namespace to another, forwarded by the kernel and by a host of plugins. As root.
bench-forwarding: plugins
	$(call BESIDE,Benchmarks) --product Forwarding
	Benchmarks/.build/release/Forwarding $(NETISR) plugins.d

# A million packets that two kernels exchange, for `make bench-replay TRAFFIC=FILE`. As root.
traffic:
	@test -n "$(TRAFFIC)" || { echo "usage: make traffic TRAFFIC=FILE" >&2; exit 1; }
	Benchmarks/record-traffic.sh $(TRAFFIC)

# Everything that takes bytes of strangers, fed with what libFuzzer thinks up: each target for SECONDS (60), or one, TARGET.
# What is found is kept in Fuzz/Findings, and the exit status says so. fuzz-seeds makes the first inputs anew.
COVERAGE = edge,indirect-calls,trace-cmp,inline-8bit-counters,pc-table
FUZZBUILD = $(call BESIDE,Fuzz) --sanitize=address -Xswiftc -sanitize-coverage=$(COVERAGE) \
  -Xcc -fsanitize-coverage=$(COVERAGE) -Xlinker -L$$(clang -print-resource-dir)/lib/linux
fuzz fuzz-seeds: deps
	$(FUZZBUILD) --product Fuzz
	for p in $(PLUGINS) $(EXAMPLES) null; do $(FUZZBUILD) --product $$p || exit 1; done
	Fuzz/run.sh $(@:fuzz-%=%) $(or $(SECONDS),60) $(TARGET)

# Debian's packages that the build needs, where they are missing.
deps:
	@missing=; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then sudo=; \
	  elif command -v sudo >/dev/null; then sudo=sudo; \
	  else echo "missing packages; as root, type: apt-get install$$missing" >&2; exit 1; fi; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $$missing; \
	fi

lint:
	$(SWIFT) format lint --strict --recursive --configuration .swift-format $(SOURCES)

format:
	$(SWIFT) format --in-place --recursive --configuration .swift-format $(SOURCES)

# The sanitizer tells instrumented images apart only for the first 1,024 that are ever loaded, and the tests load more:
# so it looks at all, and what others' libraries do is suppressed. Without optimisation: that brings accesses of the standard
# library's arrays into our code, where the sanitizer sees them, and leaves the reference counts that order them in the runtime,
# where it does not.
tsan: export TSAN_OPTIONS = ignore_noninstrumented_modules=0 suppressions=$(CURDIR)/Tests/tsan.supp
tsan: deps
	$(SWIFT) build --sanitize=thread --scratch-path .build-tsan --build-tests -Xswiftc -Onone
	Tests/run.sh .build-tsan/debug

asan: export LSAN_OPTIONS = suppressions=$(CURDIR)/Tests/lsan.supp print_suppressions=0
asan: deps
	$(SWIFT) build --sanitize=address --scratch-path .build-asan --build-tests
	Tests/run.sh .build-asan/debug

clean:
	rm -rf .build .build-static .build-unguarded .build-tsan .build-asan Benchmarks/.build Fuzz/.build
	rm -f plugins.d/*.so
