#!/usr/bin/env bash
# One night of one rig: check, qualify, certify, verify, keep, and tell somebody if something changed.
#
#   nightly.sh RIG            a rig's name or file; settings come from the environment (README.md beside this file)
#
# Ends with 0: all requirements met.  1: a verdict is not PASS.  2: the rig is sick, nothing was certified.
#           3: the evidence does not verify, or could not be kept.  4: all is well, but nobody could be told.
set -uo pipefail

rig=${1:?usage: nightly.sh RIG}
reports=${REPORTS:-reports}   # run folders and the history go here
tests=${TESTS:-}             # what to run; empty: the suite that ships with the bench
qualify=${QUALIFY:-yes}       # no: for a simulated rig, which measures no time of its own
archive=${ARCHIVE:-}          # bundles go here as well; empty: nowhere else
keep_days=${KEEP_DAYS:-}      # run folders older than this go, once their bundle is in the archive; empty: never
notify=${NOTIFY:-}            # a shell command: gets the message on stdin, and its first line as $SUBJECT
key=${V2G_BENCH_KEY:-}        # seals the run; v2g-bench reads it too
heads=${HEADS:-$reports/heads.log}  # the run publishes the heads of its chain here, and verify compares them
stamps=${TIME_STAMPS:-}       # where the rig's publish command keeps the answers of a time stamp server; empty: there is none

say() { printf '%s  %s\n' "$(date -u +%H:%M:%S)" "$*"; }

# tell SUBJECT: body on stdin; 4 is remembered as the status where the night itself was well
tell() {
    local body; body=$(cat)
    say "$1"; printf '%s\n' "$body"
    [ -n "$notify" ] || return 0
    if ! printf '%s\n\n%s\n' "$1" "$body" | SUBJECT=$1 sh -c "$notify"; then
        say "the message could not be sent: $notify"; untold=4
    fi
}

finish() { [ "$1" -eq 0 ] && exit "$untold"; exit "$1"; }

untold=0
mkdir -p "$reports" || exit 3
exec 9>"$reports/.nightly-$(basename "$rig" .toml).lock"
flock -n 9 || { say "rig $rig: the run before has not ended yet"; exit 2; }
begun=$(mktemp) || exit 3
trap 'rm -f "$begun"' EXIT

say "check"
if ! said=$(v2g-bench check --rig="$rig" 2>&1); then
    tell "rig $rig is sick: nothing was certified" <<<"$said"; finish 2
fi
if [ "$qualify" = yes ]; then
    say "qualify"
    if ! said=$(v2g-bench qualify --rig="$rig" 2>&1); then
        tell "rig $rig does not qualify: nothing was certified" <<<"$said"; finish 2
    fi
fi

say "certify"
options=(--rig="$rig" --rig-strict --reports="$reports" --heads="$heads")
[ -n "${JOB:-}" ] && options+=(--job="$JOB")
# shellcheck disable=SC2086  # TESTS may be several words
v2g-bench certify "${options[@]}" $tests 9>&-
status=$?

run=$(find "$reports" -mindepth 2 -maxdepth 2 -name results.json -newer "$begun" -printf '%T@ %h\n' | sort -n | tail -1 | cut -d' ' -f2-)
if [ -z "$run" ]; then
    tell "rig $rig: no run was written (certify ended with $status)" <<<"see the log of this night"; finish 2
fi
say "verify $run"
known=(--heads "$heads")
[ -n "$stamps" ] && known+=(--time-stamps "$stamps")
[ -f "$key" ] && known+=(--trust "$key")
said=$(v2g-bench verify "$run" "${known[@]}" 2>&1)
verified=$?
[ "$verified" -eq 3 ] && say "no evidence: no key that this machine knows has sealed it"
if [ "$verified" -ne 0 ] && [ "$verified" -ne 3 ]; then
    tell "rig $rig: the evidence of $(basename "$run") does not verify" <<<"$said"; finish 3
fi

if [ -n "$archive" ]; then
    say "keep"
    if ! said=$(v2g-bench bundle "$run" --out "$archive/$(basename "$run").zip" 2>&1); then
        tell "rig $rig: $(basename "$run") could not be kept" <<<"$said"; finish 3
    fi
    if [ -n "$keep_days" ]; then
        find "$reports" -mindepth 1 -maxdepth 1 -type d -mtime "+$keep_days" -print0 | while IFS= read -r -d '' old; do
            [ -s "$archive/$(basename "$old").zip" ] && rm -r -- "$old" && say "removed $old: its bundle is kept"
        done
    fi
fi

say "history"
# The rig's own name stands in the results, also where RIG is a file.
name=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["rig"])' "$run/results.json") || finish 3
said=$(v2g-bench history --reports "$reports" --rig "$name" --page "$reports/history-$name.html" --changes 2>&1)
case $? in
    0) say "nothing changed"; printf '%s\n' "$said" ;;
    1) tell "rig $name: $(sed -n 's/^rig [^:]*: //p' <<<"$said")" <<<"$said" ;;
    *) tell "rig $name: the history cannot be read" <<<"$said" ;;
esac
[ "$status" -eq 0 ] || finish 1
finish 0
