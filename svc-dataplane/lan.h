/* lan.h - LAN discovery: what local programs say to everybody on their LAN reaches every member.
 *
 * Games look for servers by broadcast and multicast, and send it wherever the routing table or
 * their own choice leads, seldom to the party's interface. So what leaves by any interface is
 * looked at (capture.h), and each member gets one copy that looks as if it came from a machine on
 * its LAN:
 *
 *                      source                      destination
 *     as it left       192.168.1.10:27015          255.255.255.255, 192.168.1.255, 224.0.2.60 :
 * port as it arrives    10.66.0.2:27015             255.255.255.255 or the group, the same port
 *
 * The source port stays, so answers to it find the program that asked. Decided here, on bytes and
 * the time alone:
 *
 * - UDP over IPv4, any port but DHCP's; mDNS with LLMNR, and SSDP, only where switched on. IGMP,
 *   router discovery and whatever else is not UDP never.
 * - The same bytes leaving by two interfaces within LAN_SAME_US are one: programs that send on
 *   every interface in turn, and bridges, make copies.
 * - Only what this machine itself made: the source is an address of its own.
 * - So many a second for a port and for a member, out and in. What is beyond is dropped, counted,
 *   and logged once.
 *
 * Loop-free, because what arrives from members is never captured: it enters the machine.
 * Fragments (RFC 791) follow the decision about the first of them.
 */
#ifndef LANRAGE_DATAPLANE_LAN_H
#define LANRAGE_DATAPLANE_LAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bucket.h"
#include "svc-dataplane/codec.h"

#define LAN_SAME_US    50000
#define LAN_OWN_MAX    64  /* addresses of this machine */
#define LAN_SENT       256 /* packets remembered, of the last LAN_SAME_US */
#define LAN_TRAINS     16  /* fragmented datagrams under way */
#define LAN_LIMITS     128 /* members and ports, each way */
#define LAN_PER_PORT   BUCKET_PER_SECOND(1000, 1000)
#define LAN_PER_MEMBER BUCKET_PER_SECOND(2000, 2000)
/* In blocks of LAN_BLOCK bytes: 2 Mbit/s. */
#define LAN_BLOCK  64
#define LAN_BLOCKS BUCKET_PER_SECOND(4096, 8192)

/* Addresses in network order, as in packets. */
struct lan_config {
	unsigned on;	    /* enum dataplane_lan; without DISCOVERY nothing is carried */
	uint32_t address;   /* own, in the party; 0: in none, and nothing is for everybody */
	uint32_t broadcast; /* the party's */
	uint32_t mask;	    /* its prefix */
};

struct lan_sent {
	uint64_t hash, at_us;
	unsigned interface;
};

/* The fragments of one datagram. */
struct lan_train {
	uint32_t source;
	uint16_t id;
	bool passes;
	uint64_t at_us;
};

/* One member's packets to one port, or (port 0) to all. */
struct lan_limit {
	uint32_t member;
	uint16_t port;
	struct bucket packets, blocks; /* blocks: of members alone */
	uint64_t used_us, logged_us;
	uint64_t dropped; /* since it was logged */
};

struct lan {
	struct lan_config config;
	size_t n_own;
	uint32_t own[LAN_OWN_MAX];
	uint8_t hash_key[16];
	unsigned next_sent, next_train;
	struct lan_sent sent[LAN_SENT];
	struct lan_train trains[LAN_TRAINS];
	struct lan_limit limits[LAN_LIMITS];
	struct dataplane_lan_counters counters;
};

/* hash_key: random. */
void lan_init(struct lan *lan, const uint8_t hash_key[16]);
void lan_set(struct lan *lan, const struct lan_config *config);
/* The addresses of this machine; more than LAN_OWN_MAX are cut off. */
void lan_set_own(struct lan *lan, const uint32_t *addresses, size_t n);

/* Whether it is for everybody: 255.255.255.255, a multicast group, the party's broadcast; inside:
 * it goes or comes by the party's interface. What the capture took elsewhere and is not for members
 * of the party goes to a broadcast address of that other interface. */
bool lan_is_for_all(const struct lan *lan, bool inside, const uint8_t *packet, size_t length);
/* The group it goes to, in network order; 0: none. The packet is IPv4. */
uint32_t lan_group(const uint8_t *packet);
/* Whether an IPv4 packet comes from an address of this machine. */
bool lan_is_own(const struct lan *lan, const uint8_t *packet, size_t length);

/* A whole IP packet with its checksums done that left by an interface, to a broadcast address of
 * that one or to a group. True: members get it, and it was changed for that. */
bool lan_leaves(struct lan *lan, uint64_t now_us, unsigned interface, uint8_t *packet,
		size_t length);
/* A packet for everybody that came from a member (its source is proven). True: it may be
 * delivered. */
bool lan_arrives(struct lan *lan, uint64_t now_us, const uint8_t *packet, size_t length);

#endif
