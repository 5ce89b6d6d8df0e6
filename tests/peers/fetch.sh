#!/bin/sh
# Fetches programs to test and measure against, without installing them: packages of
# bookworm-backports or, where suite_of says so, of another suite of Debian, unpacked into
# build/peers (usr/bin/wireguard-go and so on).
#
#     tests/peers/fetch.sh PACKAGE...        for example wireguard-go nebula
#
# apt runs with a state directory of its own and the mirrors that this machine is set up with. What
# is there already is not fetched again, so a second run needs no network.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
peers=$root/build/peers
apt=$peers/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/debs"

suite_of() {
	case $1 in
	nebula) echo trixie ;;
	*) echo bookworm-backports ;;
	esac
}

missing=
for package in "$@"; do
	[ -e "$peers/.$package" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

exec 9>"$peers/.lock"
flock 9

# The mirror this machine takes bookworm itself from.
site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
	awk '$2 == "bookworm" || $2 == "stable" { print $1; exit }')
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -z "$site" ]; then
	echo "$0: apt has no mirror of Debian 12 configured (see /etc/apt)" >&2
	exit 1
fi
for package in $missing; do
	echo "deb [signed-by=$keyring] $site $(suite_of "$package") main"
done | sort -u >"$apt/sources.list"

private_apt() {
	apt-get -q -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt" \
		-o APT::Update::Post-Invoke-Success::= -o APT::Sandbox::User=root "$@"
}

private_apt update
cd "$apt/debs"
for package in $missing; do
	[ -e "$peers/.$package" ] && continue # another run was quicker
	rm -f "$package"_*.deb
	private_apt download "$package/$(suite_of "$package")"
	dpkg -x "$package"_*.deb "$peers"
	touch "$peers/.$package"
done
