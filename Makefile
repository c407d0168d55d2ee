# muster: `make help` lists what can be made. Needs Go 1.26 and make; PostgreSQL is
# installed when it is missing (scripts/need-postgresql).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One set of build flags for everything, so that the build cache is shared by builds, tests
# and checks: the embedded engine takes minutes to compile once.
export CGO_ENABLED := 0
GOFLAGS := $(strip -trimpath $(filter-out -trimpath,$(GOFLAGS)))
# A tree without usable git data builds all the same, only without the revision in it.
ifeq ($(shell git rev-parse --verify -q HEAD 2>/dev/null),)
GOFLAGS += -buildvcs=false
endif
export GOFLAGS

GO ?= go
FUZZTIME ?= 20s
# The release before this one. The newest tag but one, once there are tags.
PREVIOUS ?= 5fef22b
VULNDB ?= https://vuln.go.dev

.PHONY: help build engine faults faults-quick faults-planted faulty-binary postgresql servers tools test test-kubernetes race coverage upgraded \
	check check-modules check-selftest licences vulnerabilities lint alerts generate generated \
	demo demo-interactive lab bench soak fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

build: engine ## build bin/muster, bin/muster-engine, bin/muster-cloud and bin/muster-witness
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/muster ./cmd/muster
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/muster-witness ./cmd/muster-witness
	cd cloud && CGO_ENABLED=0 $(GO) build -trimpath -o ../bin/muster-cloud ./cmd/muster-cloud

engine:
	@mkdir -p bin
	@test -x bin/muster-engine || echo "building the engine; the first time takes some minutes"
	cd engine && CGO_ENABLED=0 $(GO) build -trimpath -o ../bin/muster-engine ./cmd/muster-engine

lab: build servers ## two sites in network namespaces; the line between them is cut in a drill (root)
	$(if $(filter-out 0,$(shell id -u)),sudo) deploy/lab/lab run

faults: servers faulty-binary ## the fault matrix (docs/faults.md) as one table; at most 30 minutes (needs git's history)
	scripts/previous-release $(PREVIOUS) .cache/previous
	MUSTER_PREVIOUS="$(CURDIR)/.cache/previous" $(GO) run ./internal/matrix/faults

faults-quick: servers faulty-binary ## the same without what takes its time
	$(GO) run ./internal/matrix/faults -part quick

faults-planted: servers faulty-binary ## plant a defect for each row into a copy, and see its test fail
	$(GO) run ./internal/matrix/faults -planted -within 2h

# muster with failpoints, for the tests that kill it; the others lie beside it.
faulty-binary: build
	@mkdir -p bin/faults
	CGO_ENABLED=0 $(GO) build -trimpath -tags faults -o bin/faults/muster ./cmd/muster
	@ln -sf ../muster-engine ../muster-witness ../muster-cloud bin/faults/

# What is released. VERSION=1.2.0; MINISIGN_KEY and MINISIGN_PASSWORD_FILE sign it (docs/releasing.md).
VERSION ?= 0.0.0-dev
.PHONY: dist
dist: tools ## archives, deb and rpm for amd64 and arm64 in dist/, with bills of materials, checksums and their signature
	rm -rf bin/licences && scripts/licences save bin/licences
	cd deploy/dist && GOWORK=off GOFLAGS= $(GO) run . -root ../.. -out ../../dist -version "$(VERSION)" -time "$$(git log -1 --format=%ct)" -licences ../../bin/licences

.PHONY: temporal production self-drill
# A Temporal server and the tool for its schema, from Temporal's own module: what production runs.
temporal:
	@mkdir -p bin/reference
	cd deploy/temporal && CGO_ENABLED=0 $(GO) build -trimpath -o ../../bin/reference/temporal-server go.temporal.io/server/cmd/server
	cd deploy/temporal && CGO_ENABLED=0 $(GO) build -trimpath -o ../../bin/reference/temporal-sql-tool go.temporal.io/server/cmd/tools/sql

production: servers build temporal ## an installation as in production on this machine, without containers, and a drill through it
	$(GO) run ./deploy/production

SELF ?= self-drill
self-drill: servers build temporal ## the same under a systemd of its own, and muster's own parts killed: the drill of muster itself (SELF=self-site-loss)
	$(GO) run ./deploy/production -self $(SELF)

postgresql:
	@scripts/need-postgresql

servers: postgresql
	@scripts/need-servers

tools: bin/tools/.current

bin/tools/.current: tools/go.mod tools/go.sum
	@mkdir -p bin/tools
	$(GO) build -modfile=tools/go.mod -o bin/tools/ tool
	@touch $@

test: servers faulty-binary temporal tools ## run every test of the three modules; a skipped test fails
	scripts/test

test-kubernetes: ## the kubernetes actions on a cluster of yours: make test-kubernetes KUBECONFIG=FILE
	MUSTER_TEST_KUBECONFIG="$(KUBECONFIG)" $(GO) test -tags cluster -run TestOnACluster -v ./activities/kubernetes

race: servers faulty-binary temporal tools ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 scripts/test -race

upgraded: build ## a run that began on the previous release's programs ends on these (PREVIOUS=revision; needs git's history)
	scripts/previous-release $(PREVIOUS) .cache/previous
	MUSTER_PREVIOUS="$(CURDIR)/.cache/previous" $(GO) test -count 1 -tags previous -run TestARunOfThePreviousRelease -v ./internal/app

coverage: servers faulty-binary tools ## the tests, and how much of the code they run (.cache/coverage-*.out)
	COVERAGE=1 scripts/test

# Side by side, one for each core: most of it is reading and compiling.
check: build tools ## everything a change must pass besides the tests
	$(MAKE) --no-print-directory --output-sync=target -j $$(nproc) licences lint check-modules generated alerts check-selftest
	$(GO) test ./internal/archtest
	bin/muster validate scenarios runbooks
	bin/muster validate deploy/lab/plans

# The modules beside this one, and that every module is what its files say.
check-modules:
	$(GO) mod tidy -diff
	cd engine && $(GO) mod tidy -diff
	cd cloud && $(GO) mod tidy -diff
	cd deploy/temporal && $(GO) mod tidy -diff
	cd deploy/kubernetes/check && $(GO) test -count=1 ./... && $(GO) mod tidy -diff
	cd deploy/dist && $(GO) test -count=1 ./... && $(GO) mod tidy -diff
	cd deploy/compose/check && $(GO) test -count=1 ./... && $(GO) mod tidy -diff
	$(GO) mod verify

lint: tools ## formatting, vet, staticcheck and workflowcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go' -not -path './.*/*')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	cd engine && $(GO) vet ./...
	cd cloud && $(GO) vet ./...
	bin/tools/staticcheck ./...
	cd engine && ../bin/tools/staticcheck ./...
	cd cloud && ../bin/tools/staticcheck ./...
	bin/tools/workflowcheck -config workflows/.workflowcheck.yaml ./workflows/...

licences: tools ## every linked module's licence is one that we allow
	scripts/licences check

# Not part of check: what the database says changes without a change of ours. VULNDB may be a copy (file://...).
vulnerabilities: tools ## known vulnerabilities that our code reaches
	bin/tools/govulncheck -db $(VULNDB) ./...
	cd engine && ../bin/tools/govulncheck -db $(VULNDB) ./...
	cd cloud && ../bin/tools/govulncheck -db $(VULNDB) ./...

alerts: servers ## the alert rules, firing and not, with promtool
	promtool check rules deploy/prometheus/alerts.yaml
	promtool test rules deploy/prometheus/*_test.yaml

check-selftest: tools
	scripts/check-planted-clock

generate: build ## write again what is made from the code: the references and schemas in docs/, the dashboards and the operator's alerts
	scripts/generate docs deploy/grafana deploy/kubernetes/example/osaka

generated: build
	@scripts/generate .cache/generated
	@diff -u docs/actions.md .cache/generated/actions.md && diff -u docs/actions.ja.md .cache/generated/actions.ja.md && diff -ru docs/schema .cache/generated/schema && \
		diff -u docs/cases.md .cache/generated/cases.md && diff -u docs/metrics.md .cache/generated/metrics.md && diff -u docs/faults.md .cache/generated/faults.md && \
		diff -u deploy/grafana/muster.json .cache/generated/muster.json && diff -u deploy/grafana/muster.ja.json .cache/generated/muster.ja.json && \
		diff -u deploy/kubernetes/example/osaka/alerts.yaml .cache/generated/alerts.yaml \
		|| { echo "generated files are not current: make generate"; exit 1; }

demo: postgresql build ## a whole drill on two real PostgreSQL servers, with simulated people
	bin/muster demo

demo-interactive: postgresql build ## the same, left up for you to play all roles
	bin/muster demo --interactive

bench: postgresql build temporal ## measure the goals of docs/performance.md on this machine
	$(GO) run ./bench

soak: build ## 20 minutes at a hundred times a normal day's events: nothing grows
	$(GO) run ./bench -only soak

fuzz: ## fuzz every parser for $(FUZZTIME) each
	@for spec in $$(grep -rEno 'func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's|^\./||; s|/[^/]*_test.go:[0-9]+:func |:|'); do \
		echo "== $${spec#*:} in $${spec%%:*}"; \
		$(GO) test "./$${spec%%:*}" -run '^$$' -fuzz "^$${spec#*:}$$" -fuzztime $(FUZZTIME); \
	done

clean: ## remove what was built and the demo's folder
	@servers=$$(readlink .muster-demo/servers || true); \
	case "$$servers" in /var/tmp/muster-demo-*) rm -rf "$$servers";; esac
	rm -rf bin .cache .muster-demo
