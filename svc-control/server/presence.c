#include "svc-control/server/presence.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct presence_party {
	uint8_t id[PRESENCE_ID_SIZE];
	struct presence_party *next; /* same hash */
	size_t n, capacity;
	struct presence_entry **subscribers;
};

struct presence {
	uint8_t key[crypto_shorthash_KEYBYTES]; /* identities are chosen by strangers */
	struct presence_entry *entries[BUCKETS];
	struct presence_party *parties[BUCKETS];
};

int presence_new(struct presence **presence)
{
	*presence = calloc(1, sizeof(**presence));
	if (!*presence)
		return -ENOMEM;
	crypto_shorthash_keygen((*presence)->key);
	return 0;
}

static void party_free(struct presence_party *party)
{
	free(party->subscribers);
	free(party);
}

void presence_free(struct presence *presence)
{
	if (!presence)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (presence->parties[i]) {
			struct presence_party *party = presence->parties[i];

			presence->parties[i] = party->next;
			party_free(party);
		}
	free(presence);
}

static size_t bucket_of(const struct presence *presence, const uint8_t *id, size_t length)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t value;

	crypto_shorthash(hash, id, length, presence->key);
	memcpy(&value, hash, sizeof(value));
	return value % BUCKETS;
}

/* The link that points to the identity's entry, or the one at the end of its bucket. */
static struct presence_entry **find_entry(const struct presence *presence,
					  const uint8_t identity[32])
{
	size_t bucket = bucket_of(presence, identity, 32);
	struct presence_entry **link = (struct presence_entry **)&presence->entries[bucket];

	while (*link && memcmp((*link)->identity, identity, 32) != 0)
		link = &(*link)->next;
	return link;
}

static struct presence_party **find_party(const struct presence *presence,
					  const uint8_t id[PRESENCE_ID_SIZE])
{
	size_t bucket = bucket_of(presence, id, PRESENCE_ID_SIZE);
	struct presence_party **link = (struct presence_party **)&presence->parties[bucket];

	while (*link && memcmp((*link)->id, id, PRESENCE_ID_SIZE) != 0)
		link = &(*link)->next;
	return link;
}

/* Takes the entry off the party; a party without subscribers is forgotten. */
static void drop_subscriber(struct presence *presence, struct presence_party *party,
			    const struct presence_entry *entry)
{
	for (size_t i = 0; i < party->n; i++)
		if (party->subscribers[i] == entry) {
			party->subscribers[i] = party->subscribers[--party->n];
			break;
		}
	if (party->n == 0) {
		*find_party(presence, party->id) = party->next;
		party_free(party);
	}
}

static void drop_all(struct presence *presence, struct presence_entry *entry)
{
	while (entry->n_parties > 0)
		drop_subscriber(presence, entry->parties[--entry->n_parties], entry);
}

void presence_enter(struct presence *presence, struct presence_entry *entry,
		    const uint8_t identity[32], struct presence_entry **replaced)
{
	struct presence_entry **link = find_entry(presence, identity);

	*replaced = *link;
	if (*link) {
		drop_all(presence, *link);
		entry->next = (*link)->next;
		(*link)->here = false;
	} else {
		entry->next = NULL;
	}
	memcpy(entry->identity, identity, 32);
	entry->here = true;
	*link = entry;
}

bool presence_leave(struct presence *presence, struct presence_entry *entry)
{
	drop_all(presence, entry);
	if (!entry->here)
		return false;
	*find_entry(presence, entry->identity) = entry->next;
	entry->here = false;
	return true;
}

bool presence_is_here(const struct presence *presence, const uint8_t identity[32])
{
	return presence_find(presence, identity) != NULL;
}

struct presence_entry *presence_find(const struct presence *presence, const uint8_t identity[32])
{
	return *find_entry(presence, identity);
}

static struct presence_party *get_party(struct presence *presence,
					const uint8_t id[PRESENCE_ID_SIZE])
{
	struct presence_party **link = find_party(presence, id);

	if (!*link) {
		struct presence_party *new = calloc(1, sizeof(*new));

		if (!new)
			return NULL;
		memcpy(new->id, id, PRESENCE_ID_SIZE);
		*link = new;
	}
	return *link;
}

static int add_subscriber(struct presence_party *party, struct presence_entry *entry)
{
	if (party->n == party->capacity) {
		size_t capacity = party->capacity ? 2 * party->capacity : 8;
		struct presence_entry **larger =
			reallocarray(party->subscribers, capacity, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		party->subscribers = larger;
		party->capacity = capacity;
	}
	party->subscribers[party->n++] = entry;
	return 0;
}

int presence_subscribe(struct presence *presence, struct presence_entry *entry,
		       const uint8_t party_id[PRESENCE_ID_SIZE])
{
	struct presence_party *party;

	for (size_t i = 0; i < entry->n_parties; i++)
		if (memcmp(entry->parties[i]->id, party_id, PRESENCE_ID_SIZE) == 0)
			return 0;
	if (entry->n_parties == PRESENCE_PARTIES_MAX)
		return -ENOSPC;
	party = get_party(presence, party_id);
	if (!party)
		return -ENOMEM;
	if (add_subscriber(party, entry) < 0) {
		drop_subscriber(presence, party, entry);
		return -ENOMEM;
	}
	entry->parties[entry->n_parties++] = party;
	return 0;
}

void presence_unsubscribe(struct presence *presence, struct presence_entry *entry,
			  const uint8_t party_id[PRESENCE_ID_SIZE])
{
	for (size_t i = 0; i < entry->n_parties; i++) {
		struct presence_party *party = entry->parties[i];

		if (memcmp(party->id, party_id, PRESENCE_ID_SIZE) == 0) {
			entry->parties[i] = entry->parties[--entry->n_parties];
			drop_subscriber(presence, party, entry);
			return;
		}
	}
}

void presence_each(struct presence *presence, const uint8_t party_id[PRESENCE_ID_SIZE],
		   void (*each)(void *data, struct presence_entry *entry), void *data)
{
	struct presence_party *party = *find_party(presence, party_id);

	for (size_t i = 0; party && i < party->n; i++)
		each(data, party->subscribers[i]);
}

void presence_each_subscription(struct presence *presence,
				void (*each)(void *data, struct presence_entry *entry,
					     const uint8_t party_id[PRESENCE_ID_SIZE]),
				void *data)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct presence_party *party = presence->parties[i]; party;
		     party = party->next)
			for (size_t j = 0; j < party->n; j++)
				each(data, party->subscribers[j], party->id);
}
