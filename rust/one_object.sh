#!/bin/sh
# one_object.sh IN.a OUT.a SYMBOL...
#
# Makes of a Rust static library one that shows its SYMBOLs and nothing else. Rust's own hold the
# standard library with its symbols visible, so that no program can contain two of them.
#
# But for ocaml-interop's roots: before OCaml 5 a process has room for one boxroot. Its symbols stay
# visible, all of them, weak, and under names of this project, so that the libraries of a program
# share the first one's.
set -eu

in=$1
out=$2
shift 2

# Members that hold no machine code are no objects.
roots=$(nm -g --defined-only "$in" 2>/dev/null | awk '$3 ~ /^(boxroot|bxr)_/ { print $3 }' | sort -u)
undefined=
keep=
rename=
for symbol in $roots; do
    undefined="$undefined --undefined=$symbol"
    rename="$rename --redefine-sym $symbol=xenopsd_numa_$symbol"
    keep="$keep --keep-global-symbol=xenopsd_numa_$symbol --weaken-symbol=xenopsd_numa_$symbol"
done
for symbol; do
    undefined="$undefined --undefined=$symbol"
    keep="$keep --keep-global-symbol=$symbol"
done

# Words, not one argument: symbols have no spaces.
# shellcheck disable=SC2086
ld -r --gc-sections --force-group-allocation $undefined -o "$out.o" --whole-archive "$in"
# The bitcode beside std's machine code would only mislead ar's plugins.
# shellcheck disable=SC2086
objcopy $rename --remove-section=.llvmbc --remove-section=.llvmcmd "$out.o"
# shellcheck disable=SC2086
objcopy $keep "$out.o"
rm -f "$out"
ar rcs "$out" "$out.o"
rm -f "$out.o"
