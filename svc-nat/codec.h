/* codec.h - the interface of svc-nat: its requests and events as checked plain structs.
 *
 * Same rules as svc-dataplane/codec.h: encode allocates *bytes and returns the length or a negative
 * errno; decode returns 0 or -EBADMSG and fills arrays that the matching _clear() frees.
 */
#ifndef LANRAGE_NAT_CODEC_H
#define LANRAGE_NAT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "svc-dataplane/codec.h"

#define NAT_STUN_SERVERS_MAX  8
#define NAT_RELAYS_MAX	      DATAPLANE_RELAYS_MAX
#define NAT_MEMBER_RELAYS_MAX 2 /* a member keeps bound to its two best */
#define NAT_PUBLIC_MAX	      4
#define NAT_RELAY_ID_SIZE     8 /* of a relay's key: too many for another one to begin alike */
#define NAT_DISTANCE_MAX_MS   10000

enum nat_request {
	NAT_SET_DESIRED = 1, /* struct nat_desired -> (); by control. -ESTALE */
	NAT_GET_STATE,	     /* () -> struct nat_state; by control, api, metrics */
	NAT_CHECK,	     /* () -> struct nat_netcheck, after NAT_CHECK_MS at most: everything
			      * asked anew; by api */
};

#define NAT_CHECK_MS 2500

enum nat_event {
	NAT_EVENT_CANDIDATES = 1, /* (): what the others should hear changed: announce it */
	NAT_EVENT_STATE,	  /* (): anything else in nat_state changed */
};

enum nat_candidate_kind {
	NAT_CANDIDATE_HOST = 0, /* an own address */
	NAT_CANDIDATE_STUN,	/* as a STUN server saw us */
	NAT_CANDIDATE_PEER,	/* as a peer or relay saw us */
	NAT_CANDIDATE_MAPPED,	/* a port mapping the router gave (PCP, NAT-PMP, UPnP) */
	NAT_CANDIDATE_KINDS,
};

struct nat_candidate {
	struct addr address;
	enum nat_candidate_kind kind;
};

/* RFC 4787 sections 4.1 and 5, by the tests of RFC 5780. */
enum nat_behaviour {
	NAT_UNKNOWN = 0,
	NAT_NONE, /* the public address is an own one */
	NAT_ENDPOINT_INDEPENDENT,
	NAT_ADDRESS_DEPENDENT,
	NAT_ADDRESS_AND_PORT_DEPENDENT,
	NAT_BLOCKED, /* no STUN server answers at all */
	/* Of filtering only: endpoint-independent or address-dependent, which a server with one
	 * address cannot tell apart. */
	NAT_PORT_INDEPENDENT,
	NAT_BEHAVIOURS,
};
/* "unknown", "none", "endpoint-independent", … */
const char *nat_behaviour_text(enum nat_behaviour behaviour);

struct nat_relay {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	char name[DATAPLANE_NAME_MAX];
	size_t n_endpoints;
	struct addr endpoints[2];
	size_t ticket_length;
	uint8_t ticket[DATAPLANE_TICKET_MAX];
};

/* How far a member is from a relay that it can use: there and back. */
struct nat_distance {
	uint8_t relay[NAT_RELAY_ID_SIZE]; /* the key's first bytes */
	uint16_t rtt_ms;
};

struct nat_member {
	uint8_t public_key[DATAPLANE_KEY_SIZE]; /* WireGuard */
	uint16_t number;
	enum dataplane_backend backend;
	char name[DATAPLANE_NAME_MAX];
	bool online; /* as the server says; a hint only */
	size_t n_candidates;
	struct nat_candidate candidates[DATAPLANE_CANDIDATES_MAX];
	size_t n_relays;
	uint8_t relays[NAT_MEMBER_RELAYS_MAX][DATAPLANE_KEY_SIZE]; /* where it is bound */
	enum nat_behaviour mapping, filtering;			   /* as it announced */
	size_t n_distances;
	struct nat_distance distances[NAT_RELAYS_MAX]; /* none: it does not tell */
};

/* What control knows: whom to reach, where to ask. active false: in no party, stay quiet (own
 * candidates are still gathered when stun_servers are given, so that a join is quick). */
struct nat_desired {
	struct dataplane_revision revision;
	bool active;
	size_t n_stun_servers;
	struct addr stun_servers[NAT_STUN_SERVERS_MAX];
	size_t n_relays;
	struct nat_relay *relays;
	size_t n_members;
	struct nat_member *members;
	struct addr_prefix virtual_prefix; /* own addresses in it are no candidates */
};

struct nat_relay_state {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	char name[DATAPLANE_NAME_MAX];
	enum dataplane_relay_state state;
	struct addr endpoint;
	uint32_t rtt_us; /* DATAPLANE_UNKNOWN */
	char reason[DATAPLANE_REASON_MAX];
	bool chosen; /* one of ours: announced to the others */
	bool by_tcp; /* endpoint is that of its TCP */
};

/* Why a peer is not reached directly and well; one cause each. svc-nat names those down to
 * NAT_CAUSE_SLOW, from what it knows of the two networks; the rest concern this machine and the
 * server, and svc-api names them from what svc-control says. */
enum nat_cause {
	NAT_CAUSE_NONE = 0, /* it is direct, and well */
	NAT_CAUSE_TRYING,   /* still within the first seconds */
	NAT_CAUSE_OFFLINE,
	NAT_CAUSE_NO_CANDIDATES,    /* it has announced no address */
	NAT_CAUSE_NO_COMMON_FAMILY, /* none of a family (IPv4, IPv6) we have */
	NAT_CAUSE_BOTH_SYMMETRIC,
	NAT_CAUSE_SYMMETRIC_AND_FILTERED, /* one symmetric, the other port-dependent filtering */
	NAT_CAUSE_UDP_BLOCKED_HERE,
	NAT_CAUSE_UDP_BLOCKED_THERE,
	NAT_CAUSE_FIREWALL_HERE,   /* and it is this machine's own packet filter */
	NAT_CAUSE_BLOCKED_BETWEEN, /* both behave well, yet nothing comes through */
	NAT_CAUSE_HOLE,		   /* the direct way loses long packets */
	NAT_CAUSE_RELAY_BETTER,	   /* the direct way works, and measures clearly worse */
	NAT_CAUSE_NO_RELAY,	   /* no direct way, and there is no relay */
	NAT_CAUSE_RELAY_SILENT,	   /* nor does a relay answer */
	NAT_CAUSE_RELAY_FULL,
	NAT_CAUSE_RELAY_REFUSED,
	NAT_CAUSE_NO_RELAY_THERE, /* the relay answers us, but the peer is not bound there */
	NAT_CAUSE_LOSSY,	  /* direct, and not well */
	NAT_CAUSE_SLOW,
	NAT_CAUSE_NO_PARTY,
	NAT_CAUSE_KICKED,
	NAT_CAUSE_DISCONNECTED, /* `lanrage down` */
	NAT_CAUSE_NETWORK_HERE, /* neither the server nor anybody else answers */
	NAT_CAUSE_CLOCK_HERE,	/* so what the others say looks expired, or what we say does */
	NAT_CAUSE_CLOCK_THERE,
	NAT_CAUSE_SERVER_NAME,	  /* its name cannot be looked up */
	NAT_CAUSE_SERVER_FOREIGN, /* what answers there is no server of ours */
	NAT_CAUSE_SERVER_AWAY,
	NAT_CAUSES,
};
/* A word for programs (`udp-blocked-here`); NULL for NAT_CAUSE_NONE. */
const char *nat_cause_name(enum nat_cause cause);
/* The cause and the remedy in a sentence each, and both in one; NULL for NAT_CAUSE_NONE. */
const char *nat_cause_text(enum nat_cause cause);
const char *nat_cause_remedy(enum nat_cause cause);
const char *nat_cause_sentence(enum nat_cause cause);

struct nat_reason {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	enum nat_cause cause;
};

struct nat_state {
	struct dataplane_revision desired; /* in force */
	size_t n_candidates;
	struct nat_candidate candidates[DATAPLANE_CANDIDATES_MAX];
	size_t n_chosen_relays;
	uint8_t chosen_relays[NAT_MEMBER_RELAYS_MAX][DATAPLANE_KEY_SIZE];
	enum nat_behaviour mapping, filtering;
	size_t n_distances;
	struct nat_distance distances[NAT_RELAYS_MAX];
	size_t n_public;
	struct addr public[NAT_PUBLIC_MAX]; /* with the tunnel's mapped port */
	size_t n_relays;
	struct nat_relay_state relays[NAT_RELAYS_MAX];
	size_t n_reasons;
	struct nat_reason *reasons;
	enum nat_cause here;	   /* what keeps everybody away on this side; NONE */
	uint64_t announce_counter; /* grows with each change worth announcing */
};

#define NAT_CHECK_SERVERS_MAX (NAT_STUN_SERVERS_MAX + 2 * NAT_RELAYS_MAX)

struct nat_netcheck_server {
	struct addr endpoint;
	char relay[DATAPLANE_NAME_MAX]; /* the relay's name; "": the rendezvous server's STUN */
	uint32_t rtt_us;		/* DATAPLANE_UNKNOWN: it did not answer */
	struct addr mapped;		/* as it saw us; none: likewise */
};

/* What was found in the last moments alone; the rest is unknown. */
struct nat_netcheck {
	size_t n_servers; /* asked */
	struct nat_netcheck_server servers[NAT_CHECK_SERVERS_MAX];
	bool answered; /* any of them */
	enum nat_behaviour mapping, filtering;
	size_t n_public;
	struct addr public[NAT_PUBLIC_MAX];
	bool has_ipv4, has_ipv6; /* the machine has such an address, and the tunnel a socket */
	uint16_t mtu;		 /* of IP, towards the first server to answer; 0: unknown */
	enum nat_cause here;	 /* as in nat_state */
};

ssize_t nat_netcheck_encode(const struct nat_netcheck *check, uint8_t **bytes);
int nat_netcheck_decode(struct nat_netcheck *check, const uint8_t *bytes, size_t length);

ssize_t nat_desired_encode(const struct nat_desired *desired, uint8_t **bytes);
int nat_desired_decode(struct nat_desired *desired, const uint8_t *bytes, size_t length);
void nat_desired_clear(struct nat_desired *desired);

ssize_t nat_state_encode(const struct nat_state *state, uint8_t **bytes);
int nat_state_decode(struct nat_state *state, const uint8_t *bytes, size_t length);
void nat_state_clear(struct nat_state *state);

#endif
