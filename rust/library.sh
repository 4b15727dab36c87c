#!/bin/sh
# library.sh PROFILE CRATE NAME (RAW.ml | SYMBOL...)
#
# Has cargo build rust/CRATE, or its example after a slash, and puts its libraries into the current
# directory: libNAME.a, which shows the SYMBOLs, or those of the externals of RAW.ml, and nothing
# else; and dllNAME.so, the crate's own if it makes one, none of an example.
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

case $1 in
*.ml)
    # Words, not one argument: symbols have no spaces.
    # shellcheck disable=SC2046
    set -- $(sed -n 's/^  = "\([a-z0-9_]*\)"$/\1/p' "$1")
    ;;
esac
"$rust/one_object.sh" "$archive" "lib$name.a" "$@"

[ -z "$example" ] || exit 0
shared=$(reported "\"\\([^\"]*/$file\\.so\\)\"")
if [ -n "$shared" ]; then
    cp "$shared" "dll$name.so"
else
    # What is OCaml's is left to who loads it.
    cc -shared -o "dll$name.so" -Wl,--whole-archive "lib$name.a" -Wl,--no-whole-archive \
        -lgcc_s -lpthread -lm -ldl
fi
