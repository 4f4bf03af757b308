#!/usr/bin/env bash
# A till whose network is gone without a word: run in a network namespace of its own (`unshare -n`), where
# unplugging the only link harms nobody.
#   vanished_peer.sh TIDINGS TOKEN [serve arguments...]
# Prints the seconds until the gateway has given the stream up, and its metrics afterwards.
set -euo pipefail
tidings=$1 token=$2
shift 2
ip link set lo up
log=$(mktemp)
"$tidings" serve "$@" >"$log" 2>&1 &
gateway=$!
till=
finish() {
  [ -z "$till" ] || kill -9 "$till" 2>/dev/null || true
  kill -9 "$gateway" 2>/dev/null || true
  rm -f "$log" "$log.stream"
}
trap finish EXIT
until_true() { for _ in $(seq 300); do if "$@"; then return 0; fi; sleep 0.1; done; cat "$log"; return 1; }
until_true grep -q "tidings ready" "$log"
port=$(sed -n 's/^tidings ready http:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$log")
admin=$(sed -n 's/^tidings ready .* admin http:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$log")
curl -sN -H "Authorization: Bearer $token" "http://127.0.0.1:$port/api/v1/sync/stream" >"$log.stream" &
till=$!
until_true grep -q "^event: ready" "$log.stream"
# Sockets only: the gateway may open a file for the first time meanwhile.
held() { find "/proc/$gateway/fd" -mindepth 1 -lname 'socket:*' 2>/dev/null | wc -l; }
before=$(held)
kill -STOP "$till"
ip link set lo down
start=$(date +%s)
given_up() { [ "$(held)" -lt "$before" ]; }
until_true given_up
echo "seconds $(($(date +%s) - start))"
ip link set lo up
curl -s "http://127.0.0.1:$admin/metrics"
