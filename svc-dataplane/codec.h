/* codec.h - the interface of svc-dataplane: its requests and events as checked plain structs.
 *
 * Linked by the dataplane itself and by whoever asks it. codec.c is the only file that sees the
 * generated types: decoding checks every length, range and count here named, so a decoded struct is
 * safe to use. encode functions return the length written or a negative errno (-EMSGSIZE); they
 * allocate *bytes, which the caller frees with free(). decode functions return 0 or -EBADMSG, and
 * fill a struct whose arrays belong to the caller until the matching _clear().
 *
 * State is level-triggered: SET_PARTY and SET_PLAN hand over everything that should be, under a
 * revision; the dataplane changes what differs and keeps what does not. A request with an older
 * revision than the one in force is answered with -ESTALE and changes nothing.
 */
#ifndef LANRAGE_DATAPLANE_CODEC_H
#define LANRAGE_DATAPLANE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"

#define DATAPLANE_KEY_SIZE	  32
#define DATAPLANE_NAME_MAX	  64 /* bytes with the terminating NUL; for log lines only */
#define DATAPLANE_SCOPE_SIZE	  16
#define DATAPLANE_MEMBERS_MAX	  1024
#define DATAPLANE_CANDIDATES_MAX  32
#define DATAPLANE_PEER_RELAYS_MAX 4
#define DATAPLANE_RELAYS_MAX	  16
#define DATAPLANE_TICKET_MAX	  256
#define DATAPLANE_REASON_MAX	  128
#define DATAPLANE_REFLEXIVE_MAX	  8
#define DATAPLANE_PATHS_MAX	  48
#define DATAPLANE_NOTE_MAX	  6144
#define DATAPLANE_NOTES_MAX	  256 /* in one answer */
/* rtm_protocol: marks the routes that are ours; of no other daemon in rt_protos. */
#define DATAPLANE_ROUTE_PROTOCOL 76

#define DATAPLANE_UNKNOWN     UINT32_MAX /* a uint32 measurement nobody made */
#define DATAPLANE_UNKNOWN_AGE UINT64_MAX /* an age of something that never happened */

enum dataplane_request {
	DATAPLANE_GET_KEY = 1, /* () -> struct dataplane_key; by control */
	DATAPLANE_SET_PARTY,   /* struct dataplane_party -> (); by control */
	DATAPLANE_SET_PLAN,    /* struct dataplane_plan -> (); by nat */
	DATAPLANE_GET_STATE,   /* () -> struct dataplane_state; by nat, control, metrics, api */
	DATAPLANE_PROBE,       /* struct dataplane_key -> struct dataplane_probe_result: one probe
				* along the peer's active path; by api, metrics, and browser, which
				* asks nothing else. -ENOENT: no such peer; -ENETUNREACH: no path
				* yet; -ETIMEDOUT: no answer in 1 s */
	DATAPLANE_SEND_NOTE,   /* struct dataplane_note -> (): to the peer's svc-control; by
				* control. May be lost. -ENOENT: no such member, or no engine;
				* -EHOSTUNREACH: no session now */
	DATAPLANE_TAKE_NOTES,  /* struct dataplane_take_notes -> struct dataplane_notes: received
				* ones, oldest first; by control. Asked again it answers the same
				* until `after` moves on */
	DATAPLANE_MOVED,       /* () -> (): this machine's addresses or routes changed; by nat */
	DATAPLANE_CHECK_LAN,   /* () -> struct dataplane_lan_check: LAN discovery as a game uses it
				* (lancheck.h), within a second; by api. -EOPNOTSUPP: it is off;
				* -EBUSY */
};

enum dataplane_event {
	DATAPLANE_EVENT_PEER = 1,  /* struct dataplane_key: state, path or handshake changed; at
				    * every new session, too */
	DATAPLANE_EVENT_RELAY,	   /* struct dataplane_key: a relay's binding changed */
	DATAPLANE_EVENT_REFLEXIVE, /* (): the list of own addresses seen by peers changed */
	DATAPLANE_EVENT_INTERFACE, /* (): interface went up or down, or its address changed */
	DATAPLANE_EVENT_NOTE,	   /* (): there are notes to take. Never what they say: more than
				    * control hear this */
};

struct dataplane_revision {
	uint64_t instance; /* of the service that owns this desired state; later is larger */
	uint64_t counter;
};
/* <0, 0, >0 as a is older than, the same as, newer than b. */
int dataplane_revision_compare(const struct dataplane_revision *a,
			       const struct dataplane_revision *b);

struct dataplane_key {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
};

struct dataplane_note {
	uint64_t id; /* of a received one */
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	size_t length;
	uint8_t bytes[DATAPLANE_NOTE_MAX];
};

struct dataplane_take_notes {
	uint64_t instance; /* as last answered; another one: after does not count */
	uint64_t after;
};

struct dataplane_notes {
	uint64_t instance;
	size_t n_notes;
	struct dataplane_note *notes;
};

enum dataplane_backend {
	DATAPLANE_BACKEND_ENGINE = 0, /* understands probes, relay tags, several paths */
	DATAPLANE_BACKEND_KERNEL,     /* one path at a time, plain WireGuard */
	DATAPLANE_BACKEND_STOCK,      /* a guest: likewise */
	DATAPLANE_BACKEND_COUNT,
};

struct dataplane_member {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint8_t preshared_key[DATAPLANE_KEY_SIZE]; /* all zero: none */
	struct addr address;			   /* inside the party; port 0 */
	uint16_t number;			   /* at relays; never 0 */
	enum dataplane_backend backend;
	char name[DATAPLANE_NAME_MAX];
};

/* Whether short packets go along two paths at once. */
enum dataplane_doubling {
	DATAPLANE_DOUBLING_AUTO, /* while the path in use loses packets or is suspected */
	DATAPLANE_DOUBLING_ON,
	DATAPLANE_DOUBLING_OFF,
	DATAPLANE_DOUBLINGS,
};

/* Where one system call may carry many packets; bits. */
enum dataplane_offload {
	DATAPLANE_OFFLOAD_TSO = 1 << 0, /* the interface: TCP, both ways */
	DATAPLANE_OFFLOAD_USO = 1 << 1, /* the interface: UDP, both ways */
	DATAPLANE_OFFLOAD_GSO = 1 << 2, /* the sockets, sending (UDP_SEGMENT) */
	DATAPLANE_OFFLOAD_GRO = 1 << 3, /* the sockets, receiving (UDP_GRO) */
	DATAPLANE_OFFLOADS = (1 << 4) - 1,
};

/* Which of what local programs say to everybody reaches the members (lan.h); bits. */
enum dataplane_lan {
	DATAPLANE_LAN_DISCOVERY = 1 << 0, /* without it nothing does */
	DATAPLANE_LAN_MDNS = 1 << 1,	  /* mDNS and LLMNR too */
	DATAPLANE_LAN_SSDP = 1 << 2,
	DATAPLANE_LANS = (1 << 3) - 1,
};

/* What control wants: the interface and who is in the party (without oneself). */
struct dataplane_party {
	struct dataplane_revision revision;
	bool up;			     /* false: no address, no route, no peers */
	uint8_t scope[DATAPLANE_SCOPE_SIZE]; /* the party's name at relays */
	struct addr address;		     /* own, inside the party */
	uint8_t prefix_length;		     /* of the whole party prefix, 8..30 */
	uint16_t number;		     /* own */
	enum dataplane_doubling doubling;
	unsigned offloads_off; /* enum dataplane_offload: not to be used */
	unsigned lan;	       /* enum dataplane_lan */
	size_t n_members;
	struct dataplane_member *members;
};

struct dataplane_relay {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	char name[DATAPLANE_NAME_MAX];
	size_t n_endpoints;
	struct addr endpoints[2]; /* tried in this order */
	size_t ticket_length;	  /* 0: bind without a ticket (measure only) */
	uint8_t ticket[DATAPLANE_TICKET_MAX];
};

struct dataplane_peer_plan {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	size_t n_candidates;
	struct addr candidates[DATAPLANE_CANDIDATES_MAX]; /* direct endpoints worth trying */
	size_t n_relays;
	uint8_t relays[DATAPLANE_PEER_RELAYS_MAX][DATAPLANE_KEY_SIZE]; /* best first; each is in
									* dataplane_plan.relays */
};

/* What nat wants: where to bind and what to try. A path that answers probes is kept even when the
 * plan no longer names it. */
struct dataplane_plan {
	struct dataplane_revision revision;
	size_t n_relays;
	struct dataplane_relay *relays;
	size_t n_peers;
	struct dataplane_peer_plan *peers;
};

enum dataplane_path_kind { DATAPLANE_PATH_DIRECT = 0, DATAPLANE_PATH_RELAY, DATAPLANE_PATH_KINDS };
enum dataplane_path_origin {
	DATAPLANE_ORIGIN_PLAN = 0, /* svc-nat named it */
	DATAPLANE_ORIGIN_PEER,	   /* the peer's authenticated packets came from there */
	DATAPLANE_ORIGIN_UAPI,	   /* set by `wg set` */
	DATAPLANE_ORIGIN_STORED,   /* last used before a restart */
	DATAPLANE_ORIGIN_COUNT,
};
enum dataplane_path_state {
	DATAPLANE_PATH_UNTRIED = 0,
	DATAPLANE_PATH_TRYING,	/* probes or initiations sent, nothing back yet */
	DATAPLANE_PATH_WORKING, /* authenticated answers come back */
	DATAPLANE_PATH_DEAD,	/* answered before, now silent; or never answered in time */
	DATAPLANE_PATH_STATES,
};

struct dataplane_path {
	enum dataplane_path_kind kind;
	enum dataplane_path_origin origin;
	enum dataplane_path_state state;
	struct addr endpoint;		   /* where packets go: the peer, or the relay */
	uint8_t relay[DATAPLANE_KEY_SIZE]; /* relay paths only, else zero */
	uint32_t rtt_us;		   /* smoothed; DATAPLANE_UNKNOWN */
	uint32_t jitter_us;
	uint32_t loss_permille;
	uint64_t last_receive_age_us; /* DATAPLANE_UNKNOWN_AGE: nothing yet */
	uint64_t rx_bytes;	      /* of UDP payload */
	uint64_t tx_bytes;
	bool hole;    /* short packets pass, long ones are lost */
	bool unbound; /* relay only: it last said that the peer is not bound there */
};

enum dataplane_peer_state {
	DATAPLANE_PEER_CONNECTING = 0, /* no handshake yet, still trying */
	DATAPLANE_PEER_CONNECTED,      /* a session within its lifetime and a working path */
	DATAPLANE_PEER_FAILED,	       /* tried for long enough (20 s), or lost and not back */
	DATAPLANE_PEER_STATES,
};

struct dataplane_peer {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	enum dataplane_peer_state state;
	ssize_t active_path; /* index into paths; -1: none */
	uint64_t handshake_age_us;
	uint64_t rx_bytes; /* of inner packets */
	uint64_t tx_bytes;
	uint32_t path_changes;
	size_t n_paths;
	struct dataplane_path *paths;
};

enum dataplane_relay_state {
	DATAPLANE_RELAY_CONNECTING = 0,
	DATAPLANE_RELAY_BOUND,	 /* handshake done and ticket accepted: can forward */
	DATAPLANE_RELAY_REFUSED, /* it answered no; reason says why */
	DATAPLANE_RELAY_SILENT,	 /* no answer for 5 s */
	DATAPLANE_RELAY_STATES,
};

struct dataplane_relay_status {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	char name[DATAPLANE_NAME_MAX];
	enum dataplane_relay_state state;
	struct addr endpoint;
	uint32_t rtt_us;
	uint64_t handshake_age_us;
	char reason[DATAPLANE_REASON_MAX];
	bool full;	 /* refused, because it has no place left */
	bool unanswered; /* the last probe to it is overdue */
};

enum dataplane_interface_state {
	DATAPLANE_INTERFACE_DOWN = 0,
	DATAPLANE_INTERFACE_UP,	    /* has its address and route */
	DATAPLANE_INTERFACE_FAILED, /* interface_reason says why */
	DATAPLANE_INTERFACE_STATES,
};

/* Packets to everybody, since the process started. */
struct dataplane_lan_counters {
	uint64_t sent;		   /* handed to the members: each once, however many they are */
	uint64_t same;		   /* left by a second interface, too */
	uint64_t refused;	   /* of a kind that stays at home */
	uint64_t capped;	   /* beyond the limits */
	uint64_t received;	   /* from members, delivered */
	uint64_t refused_received; /* of a kind that should have stayed at home */
	uint64_t capped_received;
};

struct dataplane_state {
	uint64_t instance; /* of the process: another one counts bytes and path changes from 0 */
	struct dataplane_revision party; /* in force; zero: none yet */
	struct dataplane_revision plan;
	char interface[16];
	enum dataplane_interface_state interface_state;
	char interface_reason[DATAPLANE_REASON_MAX];
	uint16_t port_ipv4; /* of the tunnel's sockets; 0: no such socket */
	uint16_t port_ipv6;
	/* Since this machine's own firewall last refused to let a datagram out (EPERM);
	 * DATAPLANE_UNKNOWN_AGE: never. */
	uint64_t filtered_age_us;
	unsigned offloads;  /* in use */
	char cipher[32];    /* the library that seals packets, and its kind; empty: unknown */
	uint32_t cipher_ns; /* for a packet of 1420 bytes, measured at the start */
	unsigned lan;	    /* enum dataplane_lan in force */
	struct dataplane_lan_counters lan_counters;
	size_t n_peers;
	struct dataplane_peer *peers;
	size_t n_relays;
	struct dataplane_relay_status *relays;
	size_t n_reflexive;
	struct addr reflexive[DATAPLANE_REFLEXIVE_MAX]; /* own addresses as peers and relays saw
							 * them, latest first */
};

struct dataplane_probe_result {
	uint32_t rtt_us;
	enum dataplane_path_kind kind;
	struct addr endpoint;
	uint8_t relay[DATAPLANE_KEY_SIZE];
};

ssize_t dataplane_note_encode(const struct dataplane_note *note, uint8_t **bytes);
int dataplane_note_decode(struct dataplane_note *note, const uint8_t *bytes, size_t length);
ssize_t dataplane_take_notes_encode(const struct dataplane_take_notes *wish, uint8_t **bytes);
int dataplane_take_notes_decode(struct dataplane_take_notes *wish, const uint8_t *bytes,
				size_t length);
ssize_t dataplane_notes_encode(const struct dataplane_notes *notes, uint8_t **bytes);
int dataplane_notes_decode(struct dataplane_notes *notes, const uint8_t *bytes, size_t length);
void dataplane_notes_clear(struct dataplane_notes *notes);
ssize_t dataplane_key_encode(const struct dataplane_key *key, uint8_t **bytes);
int dataplane_key_decode(struct dataplane_key *key, const uint8_t *bytes, size_t length);

ssize_t dataplane_party_encode(const struct dataplane_party *party, uint8_t **bytes);
int dataplane_party_decode(struct dataplane_party *party, const uint8_t *bytes, size_t length);
void dataplane_party_clear(struct dataplane_party *party);

ssize_t dataplane_plan_encode(const struct dataplane_plan *plan, uint8_t **bytes);
int dataplane_plan_decode(struct dataplane_plan *plan, const uint8_t *bytes, size_t length);
void dataplane_plan_clear(struct dataplane_plan *plan);

ssize_t dataplane_state_encode(const struct dataplane_state *state, uint8_t **bytes);
int dataplane_state_decode(struct dataplane_state *state, const uint8_t *bytes, size_t length);
void dataplane_state_clear(struct dataplane_state *state);

struct dataplane_lan_check {
	uint32_t n_members; /* that were connected */
	uint32_t n_heard;   /* answers of different members */
	uint32_t first_us;  /* until the first; DATAPLANE_UNKNOWN: none came */
	uint32_t error;	    /* errno of sending; 0: it was sent */
};

ssize_t dataplane_lan_check_encode(const struct dataplane_lan_check *check, uint8_t **bytes);
int dataplane_lan_check_decode(struct dataplane_lan_check *check, const uint8_t *bytes,
			       size_t length);
ssize_t dataplane_probe_result_encode(const struct dataplane_probe_result *result, uint8_t **bytes);
int dataplane_probe_result_decode(struct dataplane_probe_result *result, const uint8_t *bytes,
				  size_t length);

#endif
