#!/bin/sh
# one_object.sh IN.a OUT.a SYMBOL...
#
# Makes of a Rust static library one that shows its SYMBOLs and nothing else. Rust's own hold the
# standard library with its symbols visible, so that no program can contain two of them.
set -eu

in=$1
out=$2
shift 2

undefined=
keep=
for symbol; do
    undefined="$undefined --undefined=$symbol"
    keep="$keep --keep-global-symbol=$symbol"
done

# Words, not one argument: symbols have no spaces.
# shellcheck disable=SC2086
ld -r --gc-sections --force-group-allocation $undefined -o "$out.o" --whole-archive "$in"
# The bitcode beside std's machine code would only mislead ar's plugins.
# shellcheck disable=SC2086
objcopy $keep --remove-section=.llvmbc --remove-section=.llvmcmd "$out.o"
rm -f "$out"
ar rcs "$out" "$out.o"
rm -f "$out.o"
