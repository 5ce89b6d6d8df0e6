#include "svc-dataplane/lan.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"
#include "svc-control/beacon.h"
#include "svc-dataplane/checksum.h"
#include "svc-dataplane/header.h"

#define TRAIN_US (1 * CLOCK_SECOND) /* fragments of one datagram follow each other */
#define LOG_US	 (60 * CLOCK_SECOND)

#define MDNS_GROUP  0xe00000fbu /* 224.0.0.251, RFC 6762 */
#define LLMNR_GROUP 0xe00000fcu /* 224.0.0.252, RFC 4795 */
#define SSDP_GROUP  0xeffffffau /* 239.255.255.250, UPnP */
#define DHCP_SERVER 67
#define DHCP_CLIENT 68

/* What counts of one packet. */
struct view {
	uint32_t source, destination;
	uint16_t from_port, port; /* of a first fragment only */
	uint16_t id;
	bool later;	/* a fragment that is not the first */
	bool fragments; /* others belong to it */
	uint8_t *udp;
	size_t payload; /* bytes behind the UDP header */
};

void lan_init(struct lan *lan, const uint8_t hash_key[16])
{
	_Static_assert(sizeof(lan->hash_key) == crypto_shorthash_KEYBYTES, "the hash's own size");
	memset(lan, 0, sizeof(*lan));
	memcpy(lan->hash_key, hash_key, sizeof(lan->hash_key));
}

void lan_set(struct lan *lan, const struct lan_config *config)
{
	lan->config = *config;
}

void lan_set_own(struct lan *lan, const uint32_t *addresses, size_t n)
{
	lan->n_own = n < LAN_OWN_MAX ? n : LAN_OWN_MAX;
	memcpy(lan->own, addresses, lan->n_own * sizeof(*addresses));
}

/* ---- one packet ---- */

static uint32_t address_at(const uint8_t *packet, size_t offset)
{
	uint32_t address;

	memcpy(&address, packet + offset, sizeof(address));
	return address;
}

static bool is_group(uint32_t address)
{
	return ntohl(address) >> 28 == 0xe;
}

static bool is_ipv4(const uint8_t *packet, size_t length)
{
	return length >= IPV4_HEADER && packet[0] >> 4 == 4;
}

bool lan_is_for_all(const struct lan *lan, bool inside, const uint8_t *packet, size_t length)
{
	const struct lan_config *config = &lan->config;
	uint32_t to;

	if (!config->address || !is_ipv4(packet, length))
		return false;
	to = address_at(packet, IPV4_DESTINATION);
	return to == UINT32_MAX || is_group(to) || (config->broadcast && to == config->broadcast) ||
	       (!inside && (to ^ config->address) & config->mask);
}

uint32_t lan_group(const uint8_t *packet)
{
	uint32_t to = address_at(packet, IPV4_DESTINATION);

	return is_group(to) ? to : 0;
}

static bool is_own(const struct lan *lan, uint32_t address)
{
	for (size_t i = 0; i < lan->n_own; i++) {
		if (lan->own[i] == address)
			return true;
	}
	return address == lan->config.address;
}

bool lan_is_own(const struct lan *lan, const uint8_t *packet, size_t length)
{
	return is_ipv4(packet, length) && is_own(lan, address_at(packet, IPV4_SOURCE));
}

/* False for what is no UDP over IPv4, or not whole. */
static bool view_take(struct view *view, const uint8_t *packet, size_t length)
{
	uint16_t fragment;
	size_t header;

	if (!header_is_ip(packet, length) || packet[0] >> 4 != 4 ||
	    packet[IPV4_PROTOCOL] != PROTOCOL_UDP || header_get16(packet + IPV4_LENGTH) != length)
		return false;
	header = ipv4_header_size(packet);
	fragment = header_get16(packet + IPV4_FRAGMENT);
	*view = (struct view){
		.source = address_at(packet, IPV4_SOURCE),
		.destination = address_at(packet, IPV4_DESTINATION),
		.id = header_get16(packet + IPV4_ID),
		.later = fragment & IPV4_OFFSET_MASK,
		.fragments = fragment & IPV4_MORE_FRAGMENTS,
	};
	if (view->later)
		return true;
	if (length < header + UDP_HEADER)
		return false;
	view->udp = (uint8_t *)(uintptr_t)packet + header;
	view->from_port = header_get16(view->udp);
	view->port = header_get16(view->udp + 2);
	view->payload = length - header - UDP_HEADER;
	return true;
}

/* ---- what is carried ---- */

static bool is_allowed(const struct lan *lan, const struct view *view)
{
	uint32_t group = ntohl(view->destination);

	if (view->port == 0 || view->port == DHCP_SERVER || view->port == DHCP_CLIENT)
		return false;
	if (group == MDNS_GROUP || group == LLMNR_GROUP)
		return lan->config.on & DATAPLANE_LAN_MDNS;
	if (group == SSDP_GROUP)
		return lan->config.on & DATAPLANE_LAN_SSDP;
	return group != BEACON_GROUP; /* our own word to neighbours on the cable */
}

/* Whether the same was sent a moment ago by another interface; remembers it if not. That the same
 * interface sends the same again is the program's will. */
static bool is_same(struct lan *lan, uint64_t now_us, unsigned interface, const struct view *view)
{
	uint8_t what[crypto_shorthash_BYTES];
	uint64_t hash;
	uint32_t where = is_group(view->destination) ? view->destination : UINT32_MAX;

	crypto_shorthash(what, view->udp + UDP_HEADER, view->payload, lan->hash_key);
	memcpy(&hash, what, sizeof(hash));
	hash ^= (uint64_t)where << 32 | (uint64_t)view->from_port << 16 | view->port;
	for (size_t i = 0; i < LAN_SENT; i++) {
		struct lan_sent *sent = &lan->sent[i];

		if (sent->hash != hash || now_us - sent->at_us >= LAN_SAME_US || !sent->at_us)
			continue;
		if (sent->interface != interface)
			return true;
		sent->at_us = now_us;
		return false;
	}
	lan->sent[lan->next_sent++ % LAN_SENT] = (struct lan_sent){hash, now_us, interface};
	return false;
}

/* ---- fragments ---- */

static void train_start(struct lan *lan, uint64_t now_us, const struct view *view, bool passes)
{
	if (view->fragments)
		lan->trains[lan->next_train++ % LAN_TRAINS] =
			(struct lan_train){view->source, view->id, passes, now_us};
}

static bool train_passes(const struct lan *lan, uint64_t now_us, const struct view *view)
{
	for (size_t i = 0; i < LAN_TRAINS; i++) {
		const struct lan_train *train = &lan->trains[i];

		if (train->source == view->source && train->id == view->id && train->at_us &&
		    now_us - train->at_us < TRAIN_US)
			return train->passes;
	}
	return false;
}

/* ---- how much of it ---- */

/* The one not used for longest gives way. */
static struct lan_limit *limit_of(struct lan *lan, uint64_t now_us, uint32_t member, uint16_t port)
{
	struct lan_limit *oldest = &lan->limits[0];

	for (size_t i = 0; i < LAN_LIMITS; i++) {
		struct lan_limit *limit = &lan->limits[i];

		if (limit->used_us && limit->member == member && limit->port == port) {
			limit->used_us = now_us;
			return limit;
		}
		if (limit->used_us < oldest->used_us)
			oldest = limit;
	}
	*oldest = (struct lan_limit){.member = member, .port = port, .used_us = now_us};
	return oldest;
}

static void limit_exceeded(const struct lan *lan, uint64_t now_us, struct lan_limit *limit,
			   uint16_t port)
{
	char text[ADDR_TEXT_SIZE];
	struct addr member = addr_ipv4(ntohl(limit->member), 0);

	limit->dropped++;
	if (limit->logged_us && now_us - limit->logged_us < LOG_US)
		return;
	log_warning("lan: too much from %s to everybody at port %u: %llu packets not passed on",
		    limit->member == lan->config.address ? "this machine"
							 : addr_format_ip(&member, text),
		    port, (unsigned long long)limit->dropped);
	limit->logged_us = now_us;
	limit->dropped = 0;
}

/* port 0: of a fragment that has none. */
static bool is_within(struct lan *lan, uint64_t now_us, uint32_t member, uint16_t port,
		      size_t length)
{
	struct lan_limit *all = limit_of(lan, now_us, member, 0);
	struct lan_limit *one = port ? limit_of(lan, now_us, member, port) : NULL;
	uint32_t blocks = (uint32_t)((length + LAN_BLOCK - 1) / LAN_BLOCK);

	if (one && !bucket_take(&one->packets, LAN_PER_PORT, now_us)) {
		limit_exceeded(lan, now_us, one, port);
		return false;
	}
	if ((one && !bucket_take(&all->packets, LAN_PER_MEMBER, now_us)) ||
	    bucket_ask(&all->blocks, LAN_BLOCKS, now_us, blocks) != 0) {
		limit_exceeded(lan, now_us, all, port);
		return false;
	}
	return true;
}

/* ---- out ---- */

static void rewrite(const struct lan *lan, const struct view *view, uint8_t *packet)
{
	uint32_t addresses[2] = {lan->config.address, UINT32_MAX};

	if (is_group(view->destination))
		addresses[1] = view->destination;
	if (!view->later)
		checksum_adjust(view->udp + UDP_CHECKSUM, packet + IPV4_SOURCE, addresses,
				sizeof(addresses), true, false);
	memcpy(packet + IPV4_SOURCE, addresses, sizeof(addresses));
	checksum_set_ipv4(packet);
}

static bool first_leaves(struct lan *lan, uint64_t now_us, unsigned interface,
			 const struct view *view, size_t length)
{
	if (!is_allowed(lan, view)) {
		lan->counters.refused++;
		return false;
	}
	if (is_same(lan, now_us, interface, view)) {
		lan->counters.same++;
		return false;
	}
	if (!is_within(lan, now_us, lan->config.address, view->port, length)) {
		lan->counters.capped++;
		return false;
	}
	lan->counters.sent++;
	return true;
}

bool lan_leaves(struct lan *lan, uint64_t now_us, unsigned interface, uint8_t *packet,
		size_t length)
{
	struct view view;
	bool passes;

	if (!(lan->config.on & DATAPLANE_LAN_DISCOVERY) || !lan->config.address ||
	    !view_take(&view, packet, length) || !is_own(lan, view.source))
		return false;
	if (view.later) {
		passes = train_passes(lan, now_us, &view) &&
			 is_within(lan, now_us, lan->config.address, 0, length);
	} else {
		passes = first_leaves(lan, now_us, interface, &view, length);
		train_start(lan, now_us, &view, passes);
	}
	if (passes)
		rewrite(lan, &view, packet);
	return passes;
}

/* ---- in ---- */

static bool first_arrives(struct lan *lan, uint64_t now_us, const struct view *view, size_t length)
{
	if (!is_allowed(lan, view)) {
		lan->counters.refused_received++;
		return false;
	}
	if (!is_within(lan, now_us, view->source, view->port, length)) {
		lan->counters.capped_received++;
		return false;
	}
	lan->counters.received++;
	return true;
}

bool lan_arrives(struct lan *lan, uint64_t now_us, const uint8_t *packet, size_t length)
{
	struct view view;
	bool passes;

	if (!(lan->config.on & DATAPLANE_LAN_DISCOVERY) || !view_take(&view, packet, length))
		return false;
	if (view.later)
		return train_passes(lan, now_us, &view) &&
		       is_within(lan, now_us, view.source, 0, length);
	passes = first_arrives(lan, now_us, &view, length);
	train_start(lan, now_us, &view, passes);
	return passes;
}
