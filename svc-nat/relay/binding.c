#include "svc-nat/relay/binding.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct bindings {
	const struct noise_identity *identity;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	uint32_t members_max, newcomers_max;
	uint32_t members, newcomers;
	uint32_t free;		 /* first of the list through newer */
	uint32_t oldest, newest; /* newcomers */
	uint32_t limit;
	uint32_t mask; /* of both tables of heads */
	uint32_t *by_addr, *by_key;
	struct binding *all; /* limit + 1; number 0 is nobody */
	struct binding_tunnel *tunnels;
};

static uint32_t hash_bytes(const struct bindings *bindings, const void *bytes, size_t length)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t value;

	crypto_shorthash(hash, bytes, length, bindings->hash_key);
	memcpy(&value, hash, sizeof(value));
	return value & bindings->mask;
}

static uint32_t *head_by_addr(const struct bindings *bindings, const struct addr *addr)
{
	return &bindings->by_addr[hash_bytes(bindings, addr, sizeof(*addr))];
}

static uint32_t *head_by_key(const struct bindings *bindings, const uint8_t key[NOISE_KEY_SIZE])
{
	return &bindings->by_key[hash_bytes(bindings, key, NOISE_KEY_SIZE)];
}

int bindings_new(struct bindings **out, const struct noise_identity *identity, uint32_t members,
		 uint32_t newcomers)
{
	/* One more than both: see bindings_add(). */
	uint32_t limit = members + newcomers + 1, heads = 1;
	struct bindings *bindings;

	if (members == 0 || newcomers == 0 || members > BINDING_MAX ||
	    newcomers > BINDING_MAX - members)
		return -EINVAL;
	while (heads < 2 * limit)
		heads *= 2;
	bindings = calloc(1, sizeof(*bindings));
	if (!bindings)
		return -ENOMEM;
	*bindings = (struct bindings){.identity = identity,
				      .members_max = members,
				      .newcomers_max = newcomers,
				      .limit = limit,
				      .mask = heads - 1};
	bindings->by_addr = calloc(heads, sizeof(*bindings->by_addr));
	bindings->by_key = calloc(heads, sizeof(*bindings->by_key));
	bindings->all = calloc(limit + 1, sizeof(*bindings->all));
	bindings->tunnels = calloc(limit + 1, sizeof(*bindings->tunnels));
	if (!bindings->by_addr || !bindings->by_key || !bindings->all || !bindings->tunnels) {
		bindings_free(bindings);
		return -ENOMEM;
	}
	crypto_shorthash_keygen(bindings->hash_key);
	for (uint32_t id = 1; id <= limit; id++) {
		bindings->all[id].id = id;
		bindings->all[id].tunnel = &bindings->tunnels[id];
		bindings->all[id].newer = id < limit ? id + 1 : BINDING_NONE;
	}
	bindings->free = 1;
	*out = bindings;
	return 0;
}

void bindings_free(struct bindings *bindings)
{
	if (!bindings)
		return;
	/* Only what was in use holds secrets; the rest was never touched or wiped when dropped. */
	for (uint32_t id = 1; bindings->all && bindings->tunnels && id <= bindings->limit; id++)
		if (bindings->all[id].state != BINDING_FREE)
			sodium_memzero(&bindings->tunnels[id], sizeof(bindings->tunnels[id]));
	free(bindings->by_addr);
	free(bindings->by_key);
	free(bindings->all);
	free(bindings->tunnels);
	free(bindings);
}

struct binding *bindings_get(struct bindings *bindings, uint32_t id)
{
	if (id == BINDING_NONE || id > bindings->limit || bindings->all[id].state == BINDING_FREE)
		return NULL;
	return &bindings->all[id];
}

struct binding *bindings_by_key(struct bindings *bindings, const uint8_t key[NOISE_KEY_SIZE])
{
	uint32_t id = *head_by_key(bindings, key);

	for (; id != BINDING_NONE; id = bindings->all[id].next_by_key)
		if (memcmp(bindings->tunnels[id].session.remote.public_key, key, NOISE_KEY_SIZE) ==
		    0)
			return &bindings->all[id];
	return NULL;
}

struct binding *bindings_by_addr(struct bindings *bindings, const struct addr *addr)
{
	uint32_t id = *head_by_addr(bindings, addr);

	for (; id != BINDING_NONE; id = bindings->all[id].next_by_addr)
		if (addr_equal(&bindings->all[id].addr, addr))
			return &bindings->all[id];
	return NULL;
}

struct binding *bindings_by_index(struct bindings *bindings, uint32_t index)
{
	return bindings_get(bindings, index & 0xffff);
}

uint32_t bindings_limit(const struct bindings *bindings)
{
	return bindings->limit;
}

uint32_t bindings_members(const struct bindings *bindings)
{
	return bindings->members;
}

uint32_t bindings_newcomers(const struct bindings *bindings)
{
	return bindings->newcomers;
}

bool bindings_newcomers_exceeded(const struct bindings *bindings)
{
	return bindings->newcomers > bindings->newcomers_max;
}

struct binding *bindings_oldest_newcomer(struct bindings *bindings)
{
	return bindings_get(bindings, bindings->oldest);
}

static void newcomers_append(struct bindings *bindings, struct binding *binding, uint64_t now_us)
{
	binding->state = BINDING_NEWCOMER;
	binding->newcomer_until_us = now_us + BINDING_NEWCOMER_US;
	binding->newer = BINDING_NONE;
	binding->older = bindings->newest;
	if (bindings->newest != BINDING_NONE)
		bindings->all[bindings->newest].newer = binding->id;
	else
		bindings->oldest = binding->id;
	bindings->newest = binding->id;
	bindings->newcomers++;
}

static void newcomers_remove(struct bindings *bindings, struct binding *binding)
{
	if (binding->older != BINDING_NONE)
		bindings->all[binding->older].newer = binding->newer;
	else
		bindings->oldest = binding->newer;
	if (binding->newer != BINDING_NONE)
		bindings->all[binding->newer].older = binding->older;
	else
		bindings->newest = binding->older;
	bindings->newcomers--;
}

int bindings_add(struct bindings *bindings, uint64_t now_us, const uint8_t key[NOISE_KEY_SIZE],
		 struct binding **out)
{
	struct binding *binding = &bindings->all[bindings->free];
	struct binding_tunnel *tunnel = binding->tunnel;
	uint32_t id = binding->id, next = binding->newer, *head;
	int error;

	if (bindings->free == BINDING_NONE || bindings->newcomers > bindings->newcomers_max)
		return -ENOBUFS;
	*tunnel = (struct binding_tunnel){0};
	error = session_init(&tunnel->session, bindings->identity, key, NULL, tunnel->replay,
			     sizeof(tunnel->replay) / sizeof(tunnel->replay[0]),
			     randombytes_random());
	if (error)
		return error;
	bindings->free = next;
	*binding = (struct binding){.id = id, .tunnel = tunnel, .heard_us = now_us};
	newcomers_append(bindings, binding, now_us);
	head = head_by_key(bindings, key);
	binding->next_by_key = *head;
	*head = id;
	*out = binding;
	return 0;
}

static void unindex_addr(struct bindings *bindings, struct binding *binding)
{
	uint32_t *link;

	if (addr_is_none(&binding->addr))
		return;
	for (link = head_by_addr(bindings, &binding->addr); *link != binding->id;
	     link = &bindings->all[*link].next_by_addr)
		;
	*link = binding->next_by_addr;
	binding->addr = (struct addr){0};
}

static void index_addr(struct bindings *bindings, struct binding *binding, const struct addr *addr)
{
	uint32_t *head = head_by_addr(bindings, addr);

	binding->addr = *addr;
	binding->next_by_addr = *head;
	*head = binding->id;
}

static void unindex_key(struct bindings *bindings, struct binding *binding)
{
	uint32_t *link = head_by_key(bindings, binding->tunnel->session.remote.public_key);

	while (*link != binding->id)
		link = &bindings->all[*link].next_by_key;
	*link = binding->next_by_key;
}

void bindings_drop(struct bindings *bindings, struct binding *binding)
{
	struct session_events events;

	unindex_addr(bindings, binding);
	unindex_key(bindings, binding);
	if (binding->state == BINDING_NEWCOMER)
		newcomers_remove(bindings, binding);
	else
		bindings->members--;
	session_deinit(&binding->tunnel->session, &events);
	binding->state = BINDING_FREE;
	binding->newer = bindings->free;
	bindings->free = binding->id;
}

int binding_promote(struct bindings *bindings, struct binding *binding)
{
	if (binding->state == BINDING_MEMBER)
		return 0;
	if (bindings->members >= bindings->members_max)
		return -ENOBUFS;
	newcomers_remove(bindings, binding);
	binding->state = BINDING_MEMBER;
	bindings->members++;
	return 0;
}

void binding_demote(struct bindings *bindings, struct binding *binding, uint64_t now_us)
{
	if (binding->state != BINDING_MEMBER)
		return;
	bindings->members--;
	newcomers_append(bindings, binding, now_us);
}

bool binding_heard(struct bindings *bindings, struct binding *binding, uint64_t now_us,
		   const struct addr *from, bool proven)
{
	struct binding *holder;

	binding->heard_us = now_us;
	if (addr_equal(&binding->addr, from))
		return false;
	holder = bindings_by_addr(bindings, from);
	if (holder && holder->state == BINDING_MEMBER && !proven)
		return false;
	if (holder)
		unindex_addr(bindings, holder);
	unindex_addr(bindings, binding);
	index_addr(bindings, binding, from);
	return true;
}

void binding_restore_addr(struct bindings *bindings, struct binding *binding,
			  const struct addr *addr)
{
	if (addr_is_none(&binding->addr) && !bindings_by_addr(bindings, addr))
		index_addr(bindings, binding, addr);
}

void binding_forget_addr(struct bindings *bindings, struct binding *binding)
{
	struct session_events events;

	unindex_addr(bindings, binding);
	session_reset(&binding->tunnel->session, &events);
}

bool binding_owns_index(const struct binding *binding, uint32_t index)
{
	const struct session_keypair *keypairs = binding->tunnel->session.keypairs;

	for (size_t i = 0; i < SESSION_KEYPAIRS; i++)
		if (keypairs[i].live && keypairs[i].local_index == index)
			return true;
	return false;
}

uint32_t binding_index(const struct binding *binding)
{
	uint32_t index;

	do
		index = randombytes_random() << 16 | binding->id;
	while (binding_owns_index(binding, index));
	return index;
}
