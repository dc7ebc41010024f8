# The two commands that matter: `make demo` and `make test`. `make help` lists all.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
CACHE   ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/fairway
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/fairwayhq/fairway/internal/app.version=$(VERSION)
# The control plane takes minutes to build, so it is kept in the user's cache
# under a name that changes with everything it is made from.
LOCALKUBE_KEY = $(shell cat localkube/go.sum $$(find localkube '(' -name '*.go' -o -name '*.yaml' ')' -not -name '*_test.go' | LC_ALL=C sort) | sha256sum | cut -c1-16)
LOCALKUBE     = $(CACHE)/localkube-$(LOCALKUBE_KEY)
KUBECTL       = $(CACHE)/kubectl-$(shell sha256sum internal/kubectl/go.sum | cut -c1-16)
export FAIRWAY_LOCALKUBE = $(LOCALKUBE)
# An emulator of AWS for tests (Apache-2, Python), in a folder of its own.
MOTO_VERSION = 5.2.5
MOTO         = $(CACHE)/moto-$(MOTO_VERSION)
export FAIRWAY_MOTO = $(MOTO)/bin/moto_server

.PHONY: help sim demo test check bench bench-apply bench-pdb bench-real bench-roll roll-picture ui gen clean build localkube moto needs needs-test bench-registry bench-sources fuzz

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

needs:
	@command -v $(GO) >/dev/null || { echo "error: Go is needed and not found in PATH" >&2; echo "hint: install Go 1.26 or newer from https://go.dev/dl (packages of distributions are often older)" >&2; exit 1; }
	@command -v git >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq git >&2; } || { \
		echo "error: git is needed and not found in PATH" >&2; echo "hint: sudo apt-get install git" >&2; exit 1; }

needs-test: needs
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >&2; } || { \
		echo "error: PostgreSQL is needed by the tests and not found" >&2; echo "hint: sudo apt-get install postgresql" >&2; exit 1; }
	@command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openssh-server >&2; } || { \
		echo "error: sshd is needed by the tests and not found" >&2; echo "hint: sudo apt-get install openssh-server" >&2; exit 1; }

moto: ## install the emulator of AWS that tests use (a minute the first time, then cached)
	@if [ ! -f "$(MOTO)/ok" ]; then \
		python3 -c 'import venv, ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >&2; } || { \
			echo "error: Python 3 with venv is needed by the tests and not found" >&2; echo "hint: sudo apt-get install python3-venv" >&2; exit 1; }; \
		rm -rf "$(MOTO)" && python3 -m venv "$(MOTO)" && "$(MOTO)/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==$(MOTO_VERSION)' && touch "$(MOTO)/ok"; \
	fi

build: needs ## build bin/fairway
	@mkdir -p bin
	@[ -d "$$($(GO) env GOCACHE)" ] || echo "building fairway for the first time on this machine, about two minutes on two cores" >&2
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/fairway ./cmd/fairway

localkube: needs ## build the local control plane (minutes the first time, then cached)
	@if [ ! -x "$(LOCALKUBE)" ]; then mkdir -p "$(CACHE)" && ./localkube/build.sh "$(LOCALKUBE)"; fi

demo: build localkube ## bring up a fleet on this machine and carry a change through it (ARGS="--keep")
	@bin/fairway demo $(ARGS)

check: needs ## formatting, vet and the quick tests, in seconds
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	$(GO) test -short -skip 'BadInput|SlowSenders|ManyIdle|DatabaseGone|KilledServer' . ./internal/archtest ./internal/pure/... ./internal/surface/...

test: needs-test localkube moto ## everything that CI runs: unit, property, real control planes, the demo, the kill tests
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	cd localkube && $(GO) vet ./...
	$(GO) test -timeout 40m -p 2 ./...
	cd localkube && $(GO) test -timeout 20m ./...

bench: build localkube ## print the figures: start and memory of a control plane, commit to first write, the roll of 30 nodes
	cd localkube && $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./...
	$(GO) test -run '^$$' -bench 'CommitToFirstWrite|Roll30$$' -benchtime 1x -timeout 30m ./internal/app

bench-apply: needs localkube ## apply a repository of the usual size to a real control plane, beside kubectl: CPU, time, requests
	@mkdir -p "$(CACHE)"
	@[ -x "$(KUBECTL)" ] || { echo "building kubectl, about three minutes on two cores" >&2; cd internal/kubectl && $(GO) build -trimpath -o "$(KUBECTL)" .; }
	FAIRWAY_KUBECTL=$(KUBECTL) $(GO) test -run '^$$' -bench 'Apply$$' -benchtime 1x -timeout 30m ./internal/app

bench-registry: needs-test ## the registry with 10,000 clusters, on SQLite and on PostgreSQL: lists, reads and writes under load, watchers
	$(GO) test -run '^$$' -bench Registry -benchtime 1x -timeout 30m ./internal/surface/httpapi

bench-sources: needs ## a git repository of 1 GiB in 100,000 files: first fetch, a look at it, reading, memory
	$(GO) test -run '^$$' -bench Huge -benchtime 1x -timeout 30m ./internal/adapter/gitrepo

bench-render: needs ## a repository of the usual size: first and second render, plans of 1,000 clusters
	$(GO) test -run '^$$' -bench 'Render|Files' ./internal/pure/render
	$(GO) test -run '^$$' -bench 'PlanFleet' -benchtime 1x -timeout 30m ./internal/app

fuzz: needs ## look for input that the API cannot cope with (FUZZTIME=10m)
	$(GO) test -run '^$$' -fuzz FuzzDecoders -fuzztime $(or $(FUZZTIME),1m) ./internal/surface/httpapi
	$(GO) test -run '^$$' -fuzz FuzzRequests -fuzztime $(or $(FUZZTIME),1m) ./internal/surface/httpapi

bench-real: needs localkube ## rolls on real control planes, 40 minutes: 300 nodes, 100 one by one, 50 under load, a database
	$(GO) test -run '^$$' -bench 'Roll300|RollOneByOne|RollUnderLoad|RollDatabase' -benchtime 1x -timeout 120m ./internal/app

roll-picture: needs localkube ## draw docs/roll.svg from a roll on a real control plane
	FAIRWAY_ROLL_PICTURE=$(CURDIR)/docs/roll.svg $(GO) test -run '^$$' -bench RollPicture -benchtime 1x -timeout 30m ./internal/app

sim: build ## play random worlds in which everything goes wrong (SEEDS=100000)
	@bin/fairway sim seeds --seeds $(or $(SEEDS),20000)

bench-roll: build ## print how long rolls take in a defined world, beside other systems
	@bin/fairway sim roll --compare

bench-pdb: needs localkube ## the PDB controller with 5,000 workloads on a real control plane: memory, time to act
	$(GO) test -run '^$$' -bench PDBController -benchtime 1x -timeout 30m -v ./internal/app

gen: needs ## write generated files anew
	$(GO) test ./internal/surface/httpapi -run OpenAPI -update -count 1
	$(GO) test ./internal/pure/plan -run GoldenJSON -update -count 1

ui: ## there is no web interface yet; says where the API is
	@echo "this version has no web interface; a running server answers the API below /api/v1, described at /openapi.json"

clean: ## remove what was built here (the cache of control planes stays in $(CACHE))
	rm -rf bin
