#!/bin/sh
# library.sh PROFILE CRATE NAME [SYMBOL...]
#
# Has cargo build rust/CRATE, or its example after a slash, and puts its libraries into the current
# directory: libNAME.a, which shows the SYMBOLs and nothing else, and dllNAME.so if the crate makes a
# shared one. Without SYMBOLs the crate writes externals of OCaml: raw.ml and raw.mli are put there
# too, and their symbols are the ones shown.
#
# PROFILE is dune's: `dev` builds quickly, for who edits and tests; all others as for a release.
#
# XENOPSD_NUMA_PREBUILT is the absolute path of a directory where these files are already, as an earlier
# build left them in _build/default: they are taken from there, examples apart, and cargo is not asked. Without it, cargo's
# target directory is XENOPSD_NUMA_CARGO_TARGET, or one beside dune's `default`, under a name that dune
# does not sweep, so that a rebuild is incremental.
set -eu

rust=$(cd "$(dirname "$0")" && pwd)
profile=$1
crate=${2%%/*}
example=${2#"$crate"}
example=${example#/}
name=$3
shift 3

# prebuilt FILE...: copies of them.
prebuilt() {
    for file; do
        [ -f "$XENOPSD_NUMA_PREBUILT/$file" ] || {
            echo "library.sh: XENOPSD_NUMA_PREBUILT, $XENOPSD_NUMA_PREBUILT, has no $file" >&2
            exit 1
        }
        cp "$XENOPSD_NUMA_PREBUILT/$file" .
    done
}

if [ -n "${XENOPSD_NUMA_PREBUILT:-}" ] && [ -z "$example" ]; then
    [ $# -gt 0 ] || prebuilt raw.ml raw.mli
    prebuilt "lib$name.a" "dll$name.so"
    exit
fi

"$rust/version.sh"

CARGO_TARGET_DIR=${XENOPSD_NUMA_CARGO_TARGET:-${rust%/*/*}/.cargo-target}
export CARGO_TARGET_DIR
case $profile in
dev) profile=loop ;;
*) profile=release ;;
esac
# Words, not one argument.
# shellcheck disable=SC2086
messages=$(cargo build --manifest-path "$rust/$crate/Cargo.toml" ${example:+--example "$example"} \
    --profile "$profile" --locked --quiet --message-format json-render-diagnostics \
    ${XENOPSD_NUMA_CARGO_FLAGS:-})

# Where files are depends on the target, which the environment and cargo's configuration may set:
# cargo reports it. reported EXPRESSION: what the first message that sed's EXPRESSION fits has there.
reported() {
    printf '%s\n' "$messages" | sed -n "s|.*$1.*|\\1|p" | sed 's/\\\\/\\/g; q'
}

# missing WHAT
missing() {
    echo "library.sh: cargo built $crate, and named no $1" >&2
    exit 1
}

file=lib${example:-xenopsd_numa_$(printf '%s' "$crate" | tr - _)}
archive=$(reported "\"\\([^\"]*/$file\\.a\\)\"")
[ -f "$archive" ] || missing "$file.a"

if [ $# -eq 0 ]; then
    out=$(reported "\"package_id\":\"[^\"]*xenopsd-numa-${crate}[@ ][^\"]*\".*\"out_dir\":\"\\([^\"]*\\)\"")
    [ -f "$out/raw.ml" ] || missing "raw.ml"
    cp "$out/raw.ml" "$out/raw.mli" .
    # Words again: symbols have no spaces.
    # shellcheck disable=SC2046
    set -- $(sed -n 's/^external \([a-z0-9_]*\):.*/\1/p' raw.ml)
fi
"$rust/one_object.sh" "$archive" "lib$name.a" "$@"

shared=$(reported "\"\\([^\"]*/$file\\.so\\)\"")
[ -z "$shared" ] || cp "$shared" "dll$name.so"
