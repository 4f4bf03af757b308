#!/usr/bin/env bash
# Tries two packages as a system without systemd would meet them, in a copy of this one (throwaway.sh). Needs root,
# python3, curl and sqlite3.
#   try.sh OLDER.deb NEWER.deb
# The older package must be the same program as the newer one: its database is taken back to an older schema
# by hand, as the newer's is taken forward.
set -euo pipefail
if [ "${1:-}" != inside ]; then
    exec "$(dirname "$0")/throwaway.sh" "$1" "$2" bash -euc '
        mount --rbind /proc "$0/proc"
        mount --rbind /dev "$0/dev"
        chroot "$0" /try/try.sh inside' {}
fi

# From here on in the copy.
cd /var/lib
as_tidings() { (cd /var/lib/tidings && setpriv --reuid tidings --regid tidings --clear-groups "$@"); }
fail() { echo "$*" >&2; exit 1; }
shop=/var/lib/tidings/data/shop.db
registry=/var/lib/tidings/data/gateway.db

dpkg --install /try/older.deb >/try/log 2>&1 || { cat /try/log; exit 1; }
[ "$(stat -c %U:%a /var/lib/tidings)" = tidings:750 ] || fail "the folder is not the daemon's"
dpkg --verify tidings || fail "files differ from the package's"
as_tidings tidings --version >/dev/null
# A setting of the operator's that the rest needs, so that losing it at the upgrade would be noticed.
sed -i 's/^  #streams_per_device: .*/  streams_per_device: 1000/' /etc/tidings/tidings.yaml
as_tidings tidings config check
as_tidings tidings init >/dev/null
business=$(as_tidings sqlite3 "$shop" "INSERT INTO businesses(name) VALUES('try') RETURNING id")
token=$(as_tidings tidings user create owner --business "$business" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["token"])')
echo "installed: user, folder, configuration, database"
setpriv --reuid tidings --regid tidings --clear-groups /try/commands.sh

# A systemd whose restarts fail: the package is installed all the same.
mkdir -p /try/bin /run/systemd/system
cat >/try/bin/systemctl <<'SYSTEMCTL'
#!/bin/sh
echo "systemctl $*" >>/try/systemctl
[ "$1" != try-restart ]
SYSTEMCTL
chmod +x /try/bin/systemctl

# Called by hand_over.py while the older gateway serves, and once it has ended.
cat >/try/between <<BETWEEN
#!/bin/sh
set -e
case \$1 in
    running) PATH=/try/bin:\$PATH dpkg --install --force-confold /try/newer.deb ;;
    stopped)
        sqlite3 $shop "DROP INDEX tidings_state_dead; UPDATE tidings_meta SET value = 2 WHERE key = 'schema'"
        sqlite3 $registry "DROP TABLE tidings_sync_logs; PRAGMA user_version = 3"
        ;;
esac >>/try/log 2>&1
BETWEEN
chmod +x /try/between
cd /var/lib/tidings
found=$(HAND_OVER_BETWEEN=/try/between python3 /try/hand_over.py "$shop" "$business" "$token" 40 \
    setpriv --reuid tidings --regid tidings --clear-groups /usr/bin/tidings serve \
    --set drain.window=2s --set drain.closes_per_second=100)
echo "upgraded under load: $found"
python3 - "$found" <<'CHECK'
import json, sys
found = json.loads(sys.argv[1])
assert found["status"] == 0 and found["refused_count"] == 0 and found["missing"] == 0, found
assert found["byes"] == 40 and found["opened"] == 80, found
CHECK
dpkg-query -W -f '${Version}\n' tidings | grep -qv '~' || fail "the older package is still there"
grep -q 'try-restart tidings.service' /try/systemctl || fail "the gateway was not restarted"
[ "$(dpkg-query -W -f '${db:Status-Status}' tidings)" = installed ] || fail "a failed restart failed the package"
rm -r /run/systemd/system
grep -q 'streams_per_device: 1000' /etc/tidings/tidings.yaml || fail "the configuration was not kept"
schemas="$(as_tidings sqlite3 "$shop" "SELECT value FROM tidings_meta WHERE key='schema'
    UNION ALL SELECT count(*) FROM sqlite_master WHERE name='tidings_state_dead'" | paste -sd,)"
schemas+=",$(as_tidings sqlite3 "$registry" "PRAGMA user_version" "SELECT count(*) FROM sqlite_master
    WHERE name='tidings_sync_logs'" | paste -sd,)"
[ "$schemas" = 3,1,4,1 ] || fail "schemas after the upgrade: $schemas"
echo "older schemas were brought up to date (journal 2 to 3, gateway 3 to 4)"

# refused FILE SQL BACK: a schema from the future is refused in one line, and nothing is touched.
refused() {
    as_tidings sqlite3 "$1" "$2"
    local said status=0
    said=$(as_tidings timeout 60 tidings serve 2>&1) || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ] && [ "$(wc -l <<<"$said")" = 1 ] || fail "status $status: $said"
    as_tidings sqlite3 "$1" "$3"
    echo "refused ($status): $said"
}
refused "$shop" "UPDATE tidings_meta SET value = 99 WHERE key = 'schema'" \
    "UPDATE tidings_meta SET value = 3 WHERE key = 'schema'"
refused "$registry" "PRAGMA user_version = 99" "PRAGMA user_version = 4"

dpkg --remove tidings >/try/log 2>&1
[ ! -e /usr/bin/tidings ] && [ -e /etc/tidings/tidings.yaml ] && [ -e "$shop" ] || fail "removal left or took too much"
dpkg --purge tidings >/try/log 2>&1
[ ! -e /etc/tidings ] && [ -e "$shop" ] || fail "purging left or took too much"
echo "removed; the data stayed"
