#!/bin/sh
# raw.sh [--open MODULE] CRATE...
#
# Prints the OCaml side of what crosses from rust/CRATE...: see rust/sig. The types that are not of
# these crates are those of MODULE.
set -eu

rust=$(cd "$(dirname "$0")" && pwd)
open=
if [ "$1" = --open ]; then
    open=$2
    shift 2
fi
count=$#
for crate; do
    set -- "$@" "$rust/$crate/src"
done
shift "$count"

"$rust/version.sh"
CARGO_TARGET_DIR=${XENOPSD_NUMA_CARGO_TARGET:-${rust%/*/*}/.cargo-target}
export CARGO_TARGET_DIR
exec cargo run --manifest-path "$rust/sig/Cargo.toml" --profile loop --locked --quiet -- \
    ${open:+--open "$open"} "$@"
