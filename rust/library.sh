#!/bin/sh
# library.sh CRATE NAME [SYMBOL...]
#
# Has cargo build the package CRATE and puts its libraries into the current directory: libNAME.a,
# which shows the SYMBOLs and nothing else, and dllNAME.so if the crate makes a shared one. Without
# SYMBOLs the crate writes externals of OCaml: raw.ml and raw.mli are put there too, their symbols
# are the ones shown, and dllNAME.so is made of libNAME.a.
#
# Cargo's target directory is XENOPSD_NUMA_CARGO_TARGET, or one beside dune's `default`, under a
# name that dune does not sweep, so that a rebuild is incremental.
set -eu

rust=$(cd "$(dirname "$0")" && pwd)
crate=$1
name=$2
shift 2

"$rust/version.sh"

CARGO_TARGET_DIR=${XENOPSD_NUMA_CARGO_TARGET:-${rust%/*/*}/.cargo-target}
export CARGO_TARGET_DIR
# Words, not one argument.
# shellcheck disable=SC2086
messages=$(cargo build --manifest-path "$rust/../Cargo.toml" -p "$crate" --release --locked --quiet \
    --message-format json-render-diagnostics ${XENOPSD_NUMA_CARGO_FLAGS:-})

# Where files are depends on the target, which the environment and cargo's configuration may set:
# cargo says it. told EXPRESSION: what the first message that sed's EXPRESSION fits tells.
told() {
    printf '%s\n' "$messages" | sed -n "s|.*$1.*|\\1|p" | sed 's/\\\\/\\/g; q'
}

# missing WHAT
missing() {
    echo "library.sh: cargo built $crate, and named no $1" >&2
    exit 1
}

file=lib$(printf '%s' "$crate" | tr - _)
archive=$(told "\"\\([^\"]*/$file\\.a\\)\"")
[ -f "$archive" ] || missing "$file.a"

externals=
if [ $# -eq 0 ]; then
    externals=yes
    out=$(told "\"package_id\":\"[^\"]*$crate[@ ][^\"]*\".*\"out_dir\":\"\\([^\"]*\\)\"")
    [ -f "$out/raw.ml" ] || missing "raw.ml"
    cp "$out/raw.ml" "$out/raw.mli" .
    # Words again: symbols have no spaces.
    # shellcheck disable=SC2046
    set -- $(sed -n 's/^external \([a-z0-9_]*\):.*/\1/p' raw.ml)
fi
"$rust/one_object.sh" "$archive" "lib$name.a" "$@"

if [ -n "$externals" ]; then
    cc -shared -o "dll$name.so" -Wl,--whole-archive "lib$name.a" -Wl,--no-whole-archive \
        -lgcc_s -lpthread -lm -ldl
else
    shared=$(told "\"\\([^\"]*/$file\\.so\\)\"")
    [ -z "$shared" ] || cp "$shared" "dll$name.so"
fi
