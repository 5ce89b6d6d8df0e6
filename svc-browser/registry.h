/* registry.h - the game servers that are known, and for how long.
 *
 * Those of this machine, which change one by one, and those of the other members, which are all
 * given anew whenever svc-control's word on them is asked (sharing.h). An own server's address is
 * kept as it was registered: no address but a port means this machine's address in the party, and
 * is filled in when it is looked at.
 *
 * Pure: the time comes in, as two clocks. now_us only grows and decides who is still there; wall_s
 * may jump and is only for showing. A server that is not heard of for REGISTRY_EXPIRY_S is gone: it
 * is listed no longer, and its place is given away.
 */
#ifndef LANRAGE_BROWSER_REGISTRY_H
#define LANRAGE_BROWSER_REGISTRY_H

#include "svc-browser/codec.h"
#include "svc-browser/favourites.h"

#define REGISTRY_EXPIRY_S   90
#define REGISTRY_OTHERS_MAX (BROWSER_SERVERS_MAX - BROWSER_OWN_MAX)

struct registry_entry {
	struct browser_server server;
	uint64_t heard_us; /* may lie before the clock's beginning: only differences count */
};

/* Who we are, as far as svc-control said. */
struct registry_self {
	uint8_t identity[DATAPLANE_KEY_SIZE]; /* zero: not known */
	char name[CONTROL_NAME_MAX];
	struct addr address; /* none outside a party */
};

struct registry {
	struct registry_self self;
	size_t n_own, n_others;
	struct registry_entry own[BROWSER_OWN_MAX];
	struct registry_entry others[REGISTRY_OTHERS_MAX];
};

/* Of registry_register() and registry_set_players(): a heartbeat, and no other news. */
#define REGISTRY_SAME 1

/* A new server of this machine, or news of a known one. REGISTRY_SAME. -EINVAL: an id, name, game
 * or tag is blank or the id has an `@`, or there is no port; -EADDRNOTAVAIL: an address that is not
 * this machine's in the party; -ENOSPC. */
int registry_register(struct registry *registry, const struct browser_server *server,
		      uint64_t now_us, uint64_t wall_s);
/* One that was registered before a restart, when that was heard of heartbeat_age_s ago. -ENOSPC. */
int registry_restore(struct registry *registry, const struct browser_server *server,
		     uint64_t now_us);
/* Of an own server, by either form of its id: -ENOENT, -EPERM where it is another member's. */
int registry_heartbeat(struct registry *registry, const char *id, uint64_t now_us);
/* max_players BROWSER_UNKNOWN: as it was. REGISTRY_SAME. */
int registry_set_players(struct registry *registry, const char *id, uint32_t players,
			 uint32_t max_players, uint64_t now_us);
int registry_remove(struct registry *registry, const char *id, uint64_t now_us);

/* Another member's: server has its full id, host and address. -ENOSPC, -EEXIST. */
int registry_add_other(struct registry *registry, const struct browser_server *server,
		       uint64_t heard_us);
void registry_clear_others(struct registry *registry);

/* Drops what has expired; returns how many of the own ones. */
size_t registry_expire(struct registry *registry, uint64_t now_us);

/* The id as it is listed here: ID@MEMBER becomes ID where the member is ourselves. */
void registry_plain_id(const struct registry *registry, const char *id, char plain[BROWSER_ID_MAX]);
/* -ENOENT. */
int registry_get(const struct registry *registry, const struct favourites *favourites,
		 const char *id, uint64_t now_us, struct browser_server *server);
/* Whether a member has any, listed as another's. */
bool registry_has_of(const struct registry *registry, const uint8_t identity[DATAPLANE_KEY_SIZE],
		     uint64_t now_us);
/* The ones that match, the own ones first; free with browser_servers_clear(). -ENOMEM. */
int registry_list(const struct registry *registry, const struct favourites *favourites,
		  const struct browser_filter *filter, uint64_t now_us,
		  struct browser_servers *servers);

#endif
