#!/bin/sh
# Builds localkube: ./build.sh OUTPUT
#
# The first build compiles all of Kubernetes and takes minutes; Go keeps the
# result in its build cache, and the next builds take seconds. The flags are
# those of a plain `go build`, so that `go test` and `go vet` share the cache.
set -eu

if [ $# -ne 1 ] || [ -z "$1" ]; then
	echo "usage: $0 OUTPUT" >&2
	exit 2
fi
case $1 in
/*) output=$1 ;;
*) output=$(pwd)/$1 ;;
esac
cd "$(dirname "$0")"
mkdir -p "$(dirname "$output")"

version=$(git describe --always --dirty 2>/dev/null || echo dev)
begin=$(date +%s)
elapsed() { echo $(($(date +%s) - begin)); }

# Says that it is still alive, and why it takes so long. It sleeps in short
# steps: a sleep that outlives us would hold our caller's pipe open.
(
	while sleep 1; do
		if [ $(($(elapsed) % 15)) -eq 0 ]; then
			echo "localkube: compiling Kubernetes, $(elapsed) s so far (once; minutes on a small machine, the build cache keeps it)" >&2
		fi
	done
) &
progress=$!
trap 'kill $progress 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A new file under the old name: a running localkube keeps its own.
temporary=$output.$$.tmp
if ! go build -ldflags "-s -w -X github.com/fairwayhq/fairway/localkube/internal/stamp.Localkube=$version" -o "$temporary" .; then
	rm -f "$temporary"
	echo "localkube: the build ended with an error after $(elapsed) s (see above); needed are Go 1.26, about 3 GiB of memory, 4 GiB of disk, and the Go module proxy or a filled module cache" >&2
	exit 1
fi
mv "$temporary" "$output"
echo "localkube: built $output in $(elapsed) s" >&2
