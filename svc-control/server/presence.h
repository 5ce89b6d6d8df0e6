/* presence.h - who is here, and who wants to hear of which party.
 *
 * A table in memory: identities that are logged in, each with the one session that stands for it,
 * and parties with the sessions that subscribed. Pure: sessions are opaque pointers with an
 * embedded struct presence_entry; nothing is sent from here.
 *
 * A later login of an identity takes its place over from the earlier session without the identity
 * being away in between: the earlier session is handed back to be closed, and its own end then
 * changes nothing.
 */
#ifndef LANRAGE_SERVER_PRESENCE_H
#define LANRAGE_SERVER_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRESENCE_PARTIES_MAX 16 /* per session */
#define PRESENCE_ID_SIZE     16 /* of a party */

struct presence;
struct presence_party;

/* In each session; zero-initialised. */
struct presence_entry {
	bool here; /* stands for its identity */
	uint8_t identity[32];
	struct presence_entry *next; /* same hash */
	size_t n_parties;
	struct presence_party *parties[PRESENCE_PARTIES_MAX];
};

int presence_new(struct presence **presence);
void presence_free(struct presence *presence);

/* *replaced: the entry that stood for the identity before, or NULL; it is no longer here and has
 * no subscriptions. */
void presence_enter(struct presence *presence, struct presence_entry *entry,
		    const uint8_t identity[32], struct presence_entry **replaced);
/* Drops the subscriptions too. True: the identity is away now; false: another one replaced it, or
 * it never was here. */
bool presence_leave(struct presence *presence, struct presence_entry *entry);
bool presence_is_here(const struct presence *presence, const uint8_t identity[32]);
/* The session that stands for the identity, or NULL. */
struct presence_entry *presence_find(const struct presence *presence, const uint8_t identity[32]);

/* 0, also when subscribed already; -ENOSPC beyond PRESENCE_PARTIES_MAX, -ENOMEM. */
int presence_subscribe(struct presence *presence, struct presence_entry *entry,
		       const uint8_t party_id[PRESENCE_ID_SIZE]);
void presence_unsubscribe(struct presence *presence, struct presence_entry *entry,
			  const uint8_t party_id[PRESENCE_ID_SIZE]);
/* Calls each for every subscriber of the party. each must not change the table. */
void presence_each(struct presence *presence, const uint8_t party_id[PRESENCE_ID_SIZE],
		   void (*each)(void *data, struct presence_entry *entry), void *data);
/* Calls each for every subscription of everybody. */
void presence_each_subscription(struct presence *presence,
				void (*each)(void *data, struct presence_entry *entry,
					     const uint8_t party_id[PRESENCE_ID_SIZE]),
				void *data);

#endif
