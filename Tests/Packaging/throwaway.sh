#!/usr/bin/env bash
# Runs a command on a copy of this system that is thrown away: an overlay over / in a mount namespace of its own,
# with two packages and what tries them in its /try. Needs root.
#   throwaway.sh OLDER.deb NEWER.deb COMMAND…      {} in the command is where the copy is
set -euo pipefail
root=$(mktemp -d)
trap 'rmdir "$root"' EXIT
unshare --mount --propagation private bash -euc '
    root=$1 here=$2 copy=$1/copy
    mount -t tmpfs tidings "$root"
    mkdir "$root/upper" "$root/work" "$copy"
    mount -t overlay tidings -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$copy"
    mkdir "$copy/try"
    cp "$here"/* "$here/../ScenarioTests/Clients/hand_over.py" "$copy/try/"
    cp "$3" "$copy/try/older.deb"
    cp "$4" "$copy/try/newer.deb"
    shift 4
    "${@//\{\}/$copy}" || status=$?
    cat "$copy/try/said" 2>/dev/null || true
    exit "${status:-0}"
' try "$root" "$(dirname "$0")" "$@"
