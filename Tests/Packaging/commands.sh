#!/usr/bin/env bash
# Runs every command of the installed program once, in an empty folder that is thrown away: what the runtime that is
# linked in lacks (its tables are reduced, scripts/icu) would show here. Under a locale that has no tables, too.
set -euo pipefail
folder=$(mktemp -d)
gateway=
trap '[ -z "$gateway" ] || kill "$gateway"; rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "$*" >&2; exit 1; }

ran=()
# The doctor ends with 1 for a warning: this machine's, not the program's.
run() { ran+=("$*"); LC_ALL=bn_BD.UTF-8 TZ=America/Sao_Paulo tidings "$@" || [[ "$1$?" = doctor1 ]] || fail "tidings $*"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# leaves COMMAND…: the commands below it that have none below themselves.
leaves() {
    local below name
    below=$(tidings "$@" --help | sed -n '/^SUBCOMMANDS:/,/^$/s/^  \([a-z]\+\) .*/\1/p')
    [ -n "$below" ] || echo "$*"
    for name in $below; do leaves "$@" "$name"; done
}

{
    run init
    run config template
    run config check
    run config show
    run hooks install
    run hooks status
    run audit
    run business create "Bäckerei" --json >business
    run business list
    business=$(field id <business)
    run demo --rate 20 --seconds 1 --products 3
    run user create Ann --business "$business"
    run device enrol --business "$business"
    run token create --business "$business" --device till-1
    run token create --business "$business" --device till-2
    run token list
    run token revoke 1
    run device list
    run device revoke till-1 --business "$business"
    run device erase till-2 --business "$business"
    run tail --after 0 --count 1
    run logs --since 2026-01-03T10:00:00Z
    run catalogue guess data/shop.db
    run catalogue types --typescript
    run backup copy.db
    run restore copy.db
    run business erase "$business" --yes
    run doctor
    run hooks remove
} >said

# Beside an application whose clock hung in Berlin: the hour of its summer, of its winter, and one it showed twice.
sqlite3 app.db >>said <<'SQL'
PRAGMA journal_mode = wal;
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, at TEXT);
INSERT INTO notes VALUES (1, 'é', '2026-07-01 12:00:00'), (2, 'ß', '2026-01-01 12:00:00'), (3, '🍞', '2026-10-25 02:30:00');
SQL
cat >catalogue.yaml <<'YAML'
entities:
  notes: {number: 1, default: true, fixed_business: 1, version: none, created_at: none, updated_at: none,
          deleted_at: none, time_zone: Europe/Berlin, fields: [text, at: timestamp]}
YAML
attached=(--set database.mode=attached --set database.path=app.db --set database.catalogue=catalogue.yaml
    --set database.gateway_path=attached.db --set server.listen=127.0.0.1:0 --set server.admin_listen=127.0.0.1:0)
run hooks install "${attached[@]}" >>said
token=$(run user create Ann --business 1 --json "${attached[@]}" | field token)
mkfifo ready
LC_ALL=bn_BD.UTF-8 tidings serve "${attached[@]}" >ready 2>log &
gateway=$!
ran+=(serve)
read -t 60 -r _ _ address _ <ready || fail "not ready: $(cat log)"
told=$(curl -sf -H "Authorization: Bearer $token" "$address/api/v1/sync/full" |
    python3 -c 'import json, sys; print(*[r["at"] for r in json.load(sys.stdin)["data"]["notes"]["created"]])')
[ "$told" = "2026-07-01T10:00:00.000000Z 2026-01-01T11:00:00.000000Z 2026-10-25T00:30:00.000000Z" ] ||
    fail "times of Berlin: $told"
kill "$gateway"
wait "$gateway" || fail "serve: status $?"
gateway=

every=$(leaves)
while read -r command; do
    [[ " ${ran[*]/#/|}" == *"|$command"* ]] || fail "tidings $command was not tried"
    tidings $command --help >/dev/null
done <<<"$every"
echo "each of $(wc -l <<<"$every") commands ran"
