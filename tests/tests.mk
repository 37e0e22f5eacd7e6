# Test targets. All tests speak TAP and are run by prove; shell tests find the
# programs through $BUILD.

PROVE = CMOCKA_MESSAGE_OUTPUT=TAP BUILD=$(abspath $(BUILD)) prove -e '' --timer
quick_tests = $(unit_tests) $(sort $(wildcard tests/cli/*.sh tests/dpkg/*.sh))
machine_tests = $(sort $(wildcard tests/system/*.sh)) \
	$(sort $(wildcard tests/service/*.sh tests/crash/*.sh tests/fault/*.sh tests/fuzz/*.sh))
not_tests = tests/system/demo.sh tests/system/lifecycle.sh

# What a package build runs.
.PHONY: check-unit
check-unit: tests
	$(PROVE) $(unit_tests)

.PHONY: check-quick
check-quick: tests
	$(PROVE) -j 2 $(quick_tests)

# The slow ones first, so that they end together. Three at a time: a test that
# boots a machine or waits for a timeout leaves a processor idle.
.PHONY: check
check: deps
	$(MAKE) tests
	$(PROVE) -j 3 $(filter-out $(not_tests),$(machine_tests)) $(quick_tests)

.PHONY: check-soak
check-soak: deps
	$(MAKE) tests
	SOAK=1 $(PROVE) $(filter-out $(not_tests),$(machine_tests)) $(quick_tests)

# Ratios against a peer in the same run; never part of check.
.PHONY: bench
bench: deps
	$(MAKE) tests
	for b in $(sort $(wildcard tests/bench/*.sh)); do BUILD=$(abspath $(BUILD)) $$b || exit 1; done
