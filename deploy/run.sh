#!/bin/bash
# What `make up`, `make up-server` and `make down` do: run the built programs on this machine.
#   up          the suite (lanraged and its services), as root
#   up-server   the rendezvous server and a relay, for everybody
#   down        stops what the two started
set -eu

BUILD=$(cd "$(dirname "$0")/.." && readlink -f "${BUILD:-build}")
RUN=${LANRAGE_RUN:-/run/lanrage}
STATE=${LANRAGE_STATE:-/var/lib/lanrage}
CONFIG=$STATE/lanraged.conf
SERVER_STATE=${LANRAGE_SERVER_STATE:-/var/lib/lanrage-server}
SERVER_RUN=${LANRAGE_SERVER_RUN:-/run/lanrage-server}
LISTEN=${LISTEN:-0.0.0.0:8667}
RELAY_LISTEN=${RELAY_LISTEN:-0.0.0.0:51820}
ADMIN=("$BUILD/bin/lanrage" --run "$RUN")

die() {
	echo "$*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || die "this needs root: sudo make $1"
}

# The pid in a file, if a process of that program still runs under it.
alive() { # FILE PROGRAM
	local pid
	pid=$(cat "$1" 2>/dev/null) || return 1
	[ "$(readlink "/proc/$pid/exe" 2>/dev/null | sed 's/ (deleted)$//')" = "$BUILD/bin/$2" ] || return 1
	echo "$pid"
}

stop() { # FILE PROGRAM
	local pid
	if pid=$(alive "$1" "$2"); then
		kill "$pid" 2>/dev/null || true
		for _ in $(seq 100); do
			[ -d "/proc/$pid" ] || break
			sleep 0.1
		done
		[ -d "/proc/$pid" ] && die "$2 (pid $pid) does not stop"
	fi
	rm -f "$1"
}

start() { # PIDFILE LOG PROGRAM ARG...
	local pidfile=$1 log=$2 program=$3
	shift 3
	setsid "$BUILD/bin/$program" "$@" </dev/null >>"$log" 2>&1 &
	echo $! >"$pidfile"
}

# A process that was just started has not ended: whether it is that program yet, or still becomes it.
lives() { # FILE
	grep -qs '^State:[[:space:]]*[^XZ[:space:]]' "/proc/$(cat "$1")/status"
}

wait_for() { # WHAT PIDFILE LOG CONDITION...
	local what=$1 pidfile=$2 log=$3
	shift 3
	for _ in $(seq 150); do
		"$@" >/dev/null 2>&1 && return 0
		lives "$pidfile" || break
		sleep 0.1
	done
	tail -n 20 "$log" >&2
	die "$what did not start; its log is $log"
}

set_server() {
	[ -n "${SERVER:-}" ] || return 0
	case $SERVER in
	ws://* | wss://*) ;;
	*) die "SERVER=$SERVER: write ws://HOST:PORT or wss://HOST:PORT" ;;
	esac
	if [ -f "$CONFIG" ] && grep -q '^url *=' "$CONFIG"; then
		sed -i "s|^url *=.*|url = $SERVER|" "$CONFIG"
	else
		printf '[server]\nurl = %s\n' "$SERVER" >>"$CONFIG"
	fi
}

up() {
	need_root up
	mkdir -p "$STATE"
	chmod 0711 "$STATE"
	local log=$STATE/lanraged.log
	stop "$STATE/lanraged.pid" lanraged
	set_server
	touch "$CONFIG"
	start "$STATE/lanraged.pid" "$log" lanraged --state "$STATE" --run "$RUN" --config "$CONFIG"
	wait_for "lanraged" "$STATE/lanraged.pid" "$log" "${ADMIN[@]}" status
	echo
	"${ADMIN[@]}" status
	echo
	echo "Running. The page: $("${ADMIN[@]}" ui)"
	echo "Next: sudo $BUILD/bin/lanrage party create NAME    to begin a party and get its code"
	echo "      sudo $BUILD/bin/lanrage join CODE            to come to a friend's"
	if ! grep -q '^url *=' "$CONFIG"; then
		echo "Without a server that is for one LAN. To play over the internet:"
		echo "      sudo make up SERVER=ws://HOST:8667           where somebody ran: make up-server"
	fi
	echo "      sudo make down                     to stop"
}

public_address() {
	ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p'
}

up_server() {
	mkdir -p "$SERVER_STATE/relay" "$SERVER_RUN"
	local port=${LISTEN##*:} host=${LISTEN%:*} url shown
	local server_log=$SERVER_STATE/server.log relay_log=$SERVER_STATE/relay.log
	[ "$host" = 0.0.0.0 ] && host=127.0.0.1
	url=ws://$host:$port
	stop "$SERVER_RUN/relay.pid" lanrage-relay
	stop "$SERVER_RUN/server.pid" lanrage-server
	start "$SERVER_RUN/server.pid" "$server_log" lanrage-server --listen "$LISTEN" --state "$SERVER_STATE/server"
	wait_for "lanrage-server" "$SERVER_RUN/server.pid" "$server_log" \
		bash -c "exec 3<>/dev/tcp/$host/$port"
	shown=$(public_address)
	start "$SERVER_RUN/relay.pid" "$relay_log" lanrage-relay --listen "$RELAY_LISTEN" --server "$url" \
		--state "$SERVER_STATE/relay" ${shown:+--public "$shown:${RELAY_LISTEN##*:}"}
	sleep 0.5
	lives "$SERVER_RUN/relay.pid" || {
		tail -n 20 "$relay_log" >&2
		die "lanrage-relay did not start; its log is $relay_log"
	}
	echo
	echo "Server on TCP and UDP port $port, relay on UDP and TCP port ${RELAY_LISTEN##*:}."
	echo "Next, on each player's machine: sudo make up SERVER=ws://${shown:-ADDRESS}:$port"
	echo "(behind a router, forward these ports and give its public address instead)"
}

down() {
	need_root down
	stop "$STATE/lanraged.pid" lanraged
	stop "$SERVER_RUN/relay.pid" lanrage-relay
	stop "$SERVER_RUN/server.pid" lanrage-server
	echo "Stopped."
}

case ${1:-} in
up) up ;;
up-server) up_server ;;
down) down ;;
*) die "usage: deploy/run.sh up|up-server|down" ;;
esac
