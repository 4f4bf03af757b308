#!/usr/bin/env bash
# Tries two packages under a real systemd, booted in a copy of this system (throwaway.sh) with processes, control
# groups and a network of its own: installed, activated by a connection, reloaded, restarted and upgraded under load,
# killed, misconfigured, removed. Needs root, systemd, systemd-nspawn, python3, curl and sqlite3.
#   boot.sh OLDER.deb NEWER.deb
set -euo pipefail
if [ "${1:-}" != inside ]; then
    # What is said goes to a file: the console is systemd's. /tmp is the copy's own. Ends with the trial's status.
    exec "$(dirname "$0")/throwaway.sh" "$1" "$2" bash -euc '
        cat >"$0/etc/systemd/system/try.service" <<UNIT
[Service]
Type=oneshot
ExecStart=-/bin/sh -c "/try/boot.sh inside >/try/said 2>&1; systemctl exit \$\$?"
UNIT
        timeout 600 systemd-nspawn --quiet --boot --directory="$0" --machine=tidings-try --register=no --keep-unit \
            --private-network --link-journal=no --console=pipe systemd.unit=try.service quiet \
            >"$0/try/console" 2>&1 </dev/null || status=$?
        [ -s "$0/try/said" ] || tail -20 "$0/try/console"
        exit "${status:-0}"
    ' {}
fi

# From here on in the copy, as a service of its systemd.
cd /var/lib
as_tidings() { (cd /var/lib/tidings && setpriv --reuid tidings --regid tidings --clear-groups "$@"); }
fail() {
    echo "$*" >&2
    systemctl --no-pager --full status tidings.service tidings.socket >&2 || true
    journalctl --no-pager -n 40 -u tidings >&2
    exit 1
}
# within SECONDS COMMAND…: until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "not in time: $*"
        sleep 0.1
    done
}
ready() { curl -sf "http://127.0.0.1:9180/readyz" >/dev/null; }
pid() { systemctl show -P MainPID tidings.service; }
restarted() { [ "$(systemctl show -P NRestarts tidings.service)" -ge "$1" ]; }
logged() { journalctl -u tidings --no-pager | grep -q "$1"; }
install_package() { DEBIAN_FRONTEND=noninteractive dpkg --install --force-confold "$1" >>/try/log 2>&1; }
# under_load WHAT PROGRAM…: has the gateway replaced while tills, strangers and a writer are at it.
under_load() {
    local before found
    before=$(pid)
    found=$(python3 /try/hand_over.py /var/lib/tidings/data/shop.db "$business" "$token" 40 at 8787 "${@:2}")
    echo "$1: $found"
    python3 - "$found" <<'CHECK' || fail "$1"
import json, sys
found = json.loads(sys.argv[1])
assert found["status"] == 0 and found["refused_count"] == 0 and found["missing"] == 0, found
assert found["byes"] == 40 and found["opened"] == 80, found
CHECK
    [ "$(pid)" != "$before" ] || fail "$1: the old process still runs"
}

systemctl --version | head -1
install_package /try/older.deb || { cat /try/log; exit 1; }
systemctl is-enabled tidings.socket tidings.service 2>/dev/null | grep -q enabled && fail "enabled before it is set up"
systemd-analyze verify tidings.service tidings.socket || fail "the units are not right"
settings=/etc/tidings/tidings.yaml
sed -i 's/^  #streams_per_device: .*/  streams_per_device: 1000/; s/^  #closes_per_second: .*/  closes_per_second: 100/
    /^drain:/,/closes_per_second/ s/^  #window: .*/  window: 2s/' "$settings"
as_tidings tidings config check
as_tidings tidings init >/dev/null
business=$(as_tidings sqlite3 data/shop.db "INSERT INTO businesses(name) VALUES('try') RETURNING id")
token=$(as_tidings tidings user create owner --business "$business" --json |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["token"])')

systemctl enable --now tidings.socket
[ "$(systemctl is-active tidings.service)" = inactive ] || fail "started before anybody asked"
ready || fail "a connection did not start it"
[ "$(systemctl is-active tidings.service)" = active ] || fail "not active"
systemctl enable --now tidings.service
as_tidings tidings doctor --pid "$(pid)" >/try/log || [ $? = 1 ] || fail "the doctor"
echo "installed, and started by the first connection"

before=$(pid)
sed -i 's/^  #heartbeat: .*/  heartbeat: 14s/; s/^  #ticket_lifetime: .*/  ticket_lifetime: 2m/' "$settings"
systemctl reload tidings
within 20 logged "configuration reloaded.*ticket_lifetime"
sed -i 's/^  ticket_lifetime: .*/  ticket_lifetime: soon/' "$settings"
systemctl reload tidings
within 20 logged "configuration not reloaded"
ready && [ "$(pid)" = "$before" ] || fail "a reload ended it"
sed -i 's/^  ticket_lifetime: .*/  ticket_lifetime: 2m/' "$settings"
echo "reloaded; a wrong file changed nothing"

under_load "restarted under load" systemctl restart tidings
under_load "upgraded under load" sh -c 'dpkg --install --force-confold /try/newer.deb >>/try/log 2>&1'
dpkg-query -W -f '${Version}\n' tidings | grep -qv '~' || fail "the older package is still there"
grep -q 'streams_per_device: 1000' "$settings" || fail "the configuration was not kept"

before=$(pid)
kill -KILL "$before"
within 30 ready
[ "$(pid)" != "$before" ] || fail "not started again"
echo "killed, and started again"

# A restart that fails says so, is tried again for as long as it takes, and refuses nobody meanwhile.
sed -i 's/^  ticket_lifetime: .*/  ticket_lifetime: soon/' "$settings"
systemctl restart tidings 2>>/try/log && fail "a wrong setting was not told"
[ "$(systemctl show -P ExecMainStatus tidings.service)" = 78 ] || fail "not the status of a wrong configuration"
ready &
waiting=$!
within 60 restarted 8
[ "$(systemctl is-active tidings.socket)" = active ] || fail "the socket failed with it"
sed -i 's/^  ticket_lifetime: .*/  ticket_lifetime: 2m/' "$settings"
wait "$waiting" || fail "who connected meanwhile was not answered"
echo "a wrong setting was told; once it was right, the gateway came back and answered who had waited"

dpkg --remove tidings >>/try/log 2>&1 || fail "removal"
[ "$(systemctl is-active tidings.service)" != active ] && [ "$(systemctl is-active tidings.socket)" != active ] ||
    fail "removed, and still running"
! curl -s http://127.0.0.1:8787/ || fail "removed, and still listening"
[ ! -e /etc/systemd/system/multi-user.target.wants/tidings.service ] || fail "removed, and still enabled"
dpkg --purge tidings >>/try/log 2>&1 || fail "purging"
[ ! -e /etc/tidings ] && [ -e /var/lib/tidings/data/shop.db ] || fail "purging left or took too much"
systemctl list-units --all --no-legend 'tidings*' | grep -v try && fail "units are left"
echo "removed; the data stayed"
