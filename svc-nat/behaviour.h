/* behaviour.h - what the world sees of us: mapped addresses, NAT behaviour, distance to servers.
 *
 * A STUN client (RFC 8489) for many servers at once, and the conclusions of RFC 5780 drawn from
 * what they answer. Pure: answers and the time in, requests out.
 *
 * Asking. A server is asked with up to BEHAVIOUR_TRIES copies, 100 ms apart, doubling to 800 ms,
 * and given up 3 s after the first: far quicker than RFC 8489 section 6.2.1, because a join waits
 * for it. Each copy is a transaction of its own (ids differ in the last byte), so an answer tells
 * exactly which copy it belongs to and the round trip is never guessed. Only an answer from the
 * address asked, with an id under way, counts.
 *
 * Epochs. Answers are comparable only while nothing changed between them. Each family has an epoch;
 * a change of own addresses or of the mapping begins a new one, in which every server is asked
 * again. Mapping behaviour is concluded from the answers of one epoch; until there are enough, the
 * last conclusion stands.
 *
 * Filtering is tested once in each epoch, with the primary, after it has answered (filtering.h).
 *
 * Keeping. One server per family, the primary, is asked every 15-25 s: that keeps the mapping and
 * notices when it becomes another. The rest are asked about once a minute, at
 * first BEHAVIOUR_SAMPLES times within a second: choices hang on the distance. Silent ones back off
 * to 30 s. While inactive nobody is asked again after having answered.
 */
#ifndef LANRAGE_NAT_BEHAVIOUR_H
#define LANRAGE_NAT_BEHAVIOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-nat/candidates.h"
#include "svc-nat/codec.h"
#include "svc-nat/filtering.h"
#include "svc-nat/stun.h"

#define BEHAVIOUR_SERVERS_MAX NAT_CHECK_SERVERS_MAX
#define BEHAVIOUR_TRIES	      6
#define BEHAVIOUR_FAMILIES    2
#define BEHAVIOUR_SAMPLES     3

struct behaviour_ops {
	/* Hands a STUN message to the tunnel's socket; it may be lost. Must not call back. */
	void (*send)(void *data, const struct addr *to, const uint8_t *bytes, size_t length);
	void (*random)(void *data, void *bytes, size_t length);
	void *data;
};

struct behaviour_server {
	struct addr addr;
	unsigned tries;	 /* copies sent of the request under way; 0: none is under way */
	uint64_t due_us; /* next copy, giving up, or the next request */
	uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE];
	uint64_t answered_us; /* 0: never */
	uint64_t ended_us;    /* when the last request was answered or given up; 0: never */
	unsigned failures;    /* requests given up in a row */
	bool primary;
	uint64_t epoch; /* of `mapped`; 0: never answered */
	struct addr mapped;
	uint32_t rtt_us;  /* the least, slowly risen to the latest; DATAPLANE_UNKNOWN */
	bool rtt_old;	  /* measured before the network changed: the next one replaces it */
	unsigned samples; /* of it since then */
};

struct behaviour_family {
	bool usable;	/* the tunnel has a socket and the machine an address */
	uint64_t epoch; /* from 1 */
	enum nat_behaviour mapping;
	struct addr mapped; /* as the primary saw it; none: unknown */
	uint64_t mapped_us; /* when it last said so; 0: not since the addresses changed */
	struct filtering filtering;
};

struct behaviour {
	struct behaviour_ops ops;
	bool active;
	uint64_t copies; /* of requests sent, and answers received, in all */
	uint64_t answers;
	bool changed; /* something below became another; the owner clears it */
	size_t n_servers;
	struct behaviour_server servers[BEHAVIOUR_SERVERS_MAX];
	struct behaviour_family families[BEHAVIOUR_FAMILIES]; /* IPv4, IPv6 */
	size_t n_own;
	struct addr own[CANDIDATES_HOST_MAX];
};

void behaviour_init(struct behaviour *behaviour, const struct behaviour_ops *ops);
/* Own addresses with the tunnel's ports; a change begins a new epoch and asks everybody. */
void behaviour_set_own(struct behaviour *behaviour, uint64_t now_us, const struct addr *own,
		       size_t n);
/* Whom to ask. Those known already keep what they said; new and silent ones are asked at once. */
void behaviour_set_servers(struct behaviour *behaviour, uint64_t now_us, bool active,
			   const struct addr *servers, size_t n);
/* Asks everybody again, at once and from the beginning; what is known stands meanwhile. */
void behaviour_refresh(struct behaviour *behaviour, uint64_t now_us);
/* Something else hints that the family's mapping may be another now: asks its primary, once a
 * second at most. */
void behaviour_check(struct behaviour *behaviour, uint64_t now_us, uint8_t family);
/* Are we cut off? Asks everybody who was not asked a moment ago. */
void behaviour_check_all(struct behaviour *behaviour, uint64_t now_us);
/* Is this server still there? Asks it unless that was done a moment ago. */
void behaviour_check_server(struct behaviour *behaviour, uint64_t now_us,
			    const struct addr *server);
/* Sends what is due; returns when it wants to be called next (CLOCK_NEVER: not at all). */
uint64_t behaviour_poll(struct behaviour *behaviour, uint64_t now_us);
/* A STUN message that came from `from`. sent_us, received_us: the dataplane's stamps, 0: unknown.
 * Whether it was an answer to us. */
bool behaviour_receive(struct behaviour *behaviour, uint64_t now_us, const struct addr *from,
		       uint64_t sent_us, uint64_t received_us, const uint8_t *bytes, size_t length);

/* Of the family (ADDR_IPV4, ADDR_IPV6). */
enum nat_behaviour behaviour_mapping(const struct behaviour *behaviour, uint8_t family);
/* Nothing is known of the mapping yet, but servers are being asked. */
bool behaviour_is_pending(const struct behaviour *behaviour, uint8_t family);
/* Of both: IPv4's where it says anything, because that is where NATs are. */
enum nat_behaviour behaviour_mapping_overall(const struct behaviour *behaviour);
enum nat_behaviour behaviour_filtering_overall(const struct behaviour *behaviour);
/* Mapped addresses, IPv4 first. Returns how many. */
size_t behaviour_public(const struct behaviour *behaviour, struct addr list[BEHAVIOUR_FAMILIES]);
/* DATAPLANE_UNKNOWN for a server that never answered. */
uint32_t behaviour_rtt_us(const struct behaviour *behaviour, const struct addr *server);
/* The last request to it was given up. */
bool behaviour_is_silent(const struct behaviour *behaviour, const struct addr *server);

/* Everybody was asked, with several copies, and nobody has answered: UDP seems to be blocked. */
bool behaviour_is_mute(const struct behaviour *behaviour);
/* A test of how the NAT filters is under way, or about to begin. */
bool behaviour_is_filtering(const struct behaviour *behaviour);
/* A request is under way. */
bool behaviour_is_asking(const struct behaviour *behaviour);

bool behaviour_is_dependent(enum nat_behaviour mapping);

#endif
