#!/bin/sh
# version.sh [FOUND]: says which Rust is needed, and fails, if the one at hand, or FOUND, is older
# than Cargo.toml's rust-version: an old cargo complains of whatever it reads first that it does not
# know.
set -eu

compiler=${RUSTC:-rustc}
needed=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' "$(dirname "$0")/../Cargo.toml")
found=${1-$("$compiler" --version 2>/dev/null | sed -n 's/^rustc \([0-9.]*\).*/\1/p')}
if [ -z "$found" ]; then
    echo "missing: Rust $needed or later (there is no $compiler)" >&2
    exit 1
fi
if ! echo "$found $needed" | awk '{
    split($1, found, "."); split($2, needed, ".")
    exit !(found[1] > needed[1] || found[1] == needed[1] && found[2] >= needed[2])
}'; then
    echo "Rust $found ($(command -v "$compiler" || echo "no $compiler")) is too old:" \
        "$needed or later is needed" >&2
    exit 1
fi
