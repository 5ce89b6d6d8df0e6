#!/bin/sh
# Installs the Debian packages of one list (build, test or bench), only those that are missing. A
# second word on a line is the only architecture that has the package, or, after a `!`, a command that
# makes it unnecessary where somebody has brought it already.
set -eu
list="$(dirname "$0")/$1.txt"
missing=
while read -r package only; do
	[ -n "$package" ] || continue
	case $only in
	!*) ! command -v "${only#!}" >/dev/null || continue ;;
	?*) [ "$only" = "$(dpkg --print-architecture)" ] || continue ;;
	esac
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $package"
done <"$list"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "missing packages:$missing" >&2
	echo "install them as root: sudo make deps" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || true
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $missing
