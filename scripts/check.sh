#!/usr/bin/env bash
# One check as a CI job or a cron job carries it out: install, check, keep the history, and exit with its code.
#
#   scripts/check.sh smoke|nightly|weekly [further arguments of `harness check`]
#
# The history is kept in the branch `history` of the remote `origin`, checked out in .cache/history; a smoke check reads it
# and adds nothing. Reports go to .cache/check. CHECK_PYTHON names an interpreter that has the harness already.
# Exit code 3, which says that a network or a disk failed, becomes 0 until three nights in a row have it.
set -euo pipefail
cd "$(dirname "$0")/.."
tier=${1:?usage: scripts/check.sh smoke|nightly|weekly [arguments of harness check]}
shift
history=.cache/history
out=.cache/check
branch=history
name=(-c "user.name=harness check" -c "user.email=harness-check@localhost")

install() {  # the interpreter to use
    if [ -n "${CHECK_PYTHON:-}" ]; then return; fi
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e .
    CHECK_PYTHON=.venv/bin/python
}

open_history() {  # the branch's work tree; a branch without parents where there is none yet
    git worktree prune
    if [ -e "$history/.git" ]; then
        git -C "$history" "${name[@]}" pull --quiet --no-rebase --no-edit origin "$branch" 2>/dev/null || true
        return
    fi
    if git fetch --quiet origin "$branch" 2>/dev/null; then
        start=FETCH_HEAD
    else
        attributes=$(echo '*.jsonl merge=union' | git hash-object -w --stdin)
        tree=$(printf '100644 blob %s\t.gitattributes\n' "$attributes" | git mktree)
        start=$(git "${name[@]}" commit-tree "$tree" -m "history: begins")
    fi
    git worktree add --quiet --force -B "$branch" "$history" "$start"
}

keep_history() {  # lines of two jobs are both kept: the files are merged by union
    git -C "$history" add --all
    git -C "$history" diff --cached --quiet || git -C "$history" "${name[@]}" commit --quiet -m "history: $tier, exit $1"
    for _ in 1 2 3; do
        git -C "$history" push --quiet origin "HEAD:$branch" && return
        git -C "$history" "${name[@]}" pull --quiet --no-rebase --no-edit origin "$branch" || break
    done
    echo "scripts/check.sh: the history could not be pushed; it is in $history" >&2
}

is_passing_trouble() {  # whether the check came to its end, and fewer than three nights in a row had exit code 3
    [ -f "$out/check.json" ] && [ "$(tail -n 3 "$history/nights.jsonl" | grep -c '"exit":3,')" -lt 3 ]
}

install
open_history
arguments=(--tier "$tier" --history "$history" --out "$out")
[ "$tier" != smoke ] || arguments+=(--read-only)
rm -f "$out/check.json" "$out/summary.md"
status=0
"$CHECK_PYTHON" -m harness check "${arguments[@]}" "$@" || status=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$out/summary.md" ]; then cat "$out/summary.md" >> "$GITHUB_STEP_SUMMARY"; fi
if [ "$tier" != smoke ]; then
    keep_history "$status"
    if [ "$status" = 3 ] && is_passing_trouble; then
        echo "scripts/check.sh: exit code 3 on fewer than three nights in a row counts as 0" >&2
        status=0
    fi
fi
exit "$status"
