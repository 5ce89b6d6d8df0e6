/* codec.c - protobuf bytes of svc-dataplane's interface to checked structs and back.
 *
 * Both directions build the generated messages in an arena with a budget: unpacking turns two bytes
 * into a hundred, so what a hostile body may make us allocate is bounded by its kind, not its
 * length. A body must be in canonical form (packing what was unpacked gives as many bytes): that is
 * also how a string with an embedded NUL, which protobuf-c cuts off silently, is found.
 */
#include "svc-dataplane/codec.h"

#include <errno.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane.pb-c.h"

#define BODY_MAX	(1u << 20) /* BUS_BODY_MAX of common/bus.h */
#define ARENA_BLOCK	16384u
#define ARENA_MAX	(32u << 20) /* a state of 1024 peers with all their paths */
#define PARTY_ARENA_MAX (4u << 20)
#define PLAN_ARENA_MAX	(16u << 20)
#define SMALL_ARENA_MAX (128u << 10)
#define STATE_PEERS_MAX (4u * DATAPLANE_MEMBERS_MAX) /* those of `wg set` included */

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct arena {
	struct arena_block *blocks;
	size_t budget;
	bool failed; /* once true, everything else built in it is worthless */
};

static struct arena_block *arena_grow(struct arena *arena, size_t size)
{
	struct arena_block *block;

	size = size > ARENA_BLOCK ? size : ARENA_BLOCK;
	if (size > arena->budget || !(block = calloc(1, sizeof(*block) + size)))
		return NULL;
	arena->budget -= size;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

/* Zeroed memory, or NULL and the arena marked as failed. */
static void *arena_take(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *memory;

	if (size > ARENA_MAX)
		goto fail;
	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!block || block->size - block->used < size)
		block = arena_grow(arena, size);
	if (!block)
		goto fail;
	memory = block->bytes + block->used;
	block->used += size;
	return memory;
fail:
	arena->failed = true;
	return NULL;
}

static void *arena_array(struct arena *arena, size_t n, size_t size)
{
	if (n > ARENA_MAX / size) {
		arena->failed = true;
		return NULL;
	}
	return arena_take(arena, n * size);
}

/* Preshared keys pass through here, so the memory is wiped. */
static void arena_clear(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		explicit_bzero(block->bytes, block->used);
		free(block);
	}
}

static void *allocator_take(void *data, size_t size)
{
	return arena_take(data, size);
}

static void allocator_free(void *data, void *memory)
{
	(void)data;
	(void)memory; /* all goes with the arena */
}

/* The message inside the arena, or NULL when malformed, not canonical or over budget. */
static void *unpack(struct arena *arena, size_t budget, const ProtobufCMessageDescriptor *type,
		    const uint8_t *bytes, size_t length)
{
	ProtobufCAllocator allocator = {allocator_take, allocator_free, arena};
	ProtobufCMessage *message;

	*arena = (struct arena){.budget = budget};
	if (length > BODY_MAX)
		return NULL;
	message = protobuf_c_message_unpack(type, &allocator, length,
					    length ? bytes : (const uint8_t *)"");
	if (!message || arena->failed || protobuf_c_message_get_packed_size(message) != length)
		return NULL;
	return message;
}

/* Packs and clears the arena. message is NULL when the arena failed. */
static ssize_t pack(struct arena *arena, const ProtobufCMessage *message, uint8_t **bytes)
{
	ssize_t result = -ENOMEM;
	size_t length;

	*bytes = NULL;
	if (arena->failed || !message)
		goto out;
	length = protobuf_c_message_get_packed_size(message);
	result = -EMSGSIZE;
	if (length > BODY_MAX)
		goto out;
	result = -ENOMEM;
	*bytes = malloc(length ? length : 1);
	if (*bytes)
		result = (ssize_t)protobuf_c_message_pack(message, *bytes);
out:
	arena_clear(arena);
	return result;
}

/* ---- single fields ---- */

static ProtobufCBinaryData bytes_out(const uint8_t *bytes, size_t length)
{
	return (ProtobufCBinaryData){length, length ? (uint8_t *)(uintptr_t)bytes : NULL};
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	uint8_t any = 0;

	for (size_t i = 0; i < length; i++)
		any |= bytes[i];
	return any == 0;
}

/* Keys that may be missing are written as no bytes. */
static ProtobufCBinaryData optional_key_out(const uint8_t key[DATAPLANE_KEY_SIZE])
{
	return bytes_out(key, all_zero(key, DATAPLANE_KEY_SIZE) ? 0 : DATAPLANE_KEY_SIZE);
}

static bool fixed_in(uint8_t *out, size_t length, const ProtobufCBinaryData *data)
{
	if (data->len != length)
		return false;
	memcpy(out, data->data, length);
	return true;
}

static bool key_in(uint8_t key[DATAPLANE_KEY_SIZE], const ProtobufCBinaryData *data)
{
	return fixed_in(key, DATAPLANE_KEY_SIZE, data) && !all_zero(key, DATAPLANE_KEY_SIZE);
}

static bool optional_key_in(uint8_t key[DATAPLANE_KEY_SIZE], const ProtobufCBinaryData *data)
{
	memset(key, 0, DATAPLANE_KEY_SIZE);
	return data->len == 0 || fixed_in(key, DATAPLANE_KEY_SIZE, data);
}

static bool text_in(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size)
		return false;
	memcpy(out, text, length + 1);
	return true;
}

/* Borrowed; the fixed array always ends with NUL in a valid struct. */
static char *text_out(const char *text)
{
	return (char *)(uintptr_t)text;
}

static Lanrage__Ipc__Address *address_out(struct arena *arena, const struct addr *addr)
{
	Lanrage__Ipc__Address *out;

	if (addr_is_none(addr))
		return NULL;
	out = arena_take(arena, sizeof(*out));
	if (!out)
		return NULL;
	lanrage__ipc__address__init(out);
	out->ip = bytes_out(addr->ip, addr_ip_length(addr));
	out->port = addr->port;
	out->scope = addr->scope;
	return out;
}

/* A missing address is none. */
static bool address_in(struct addr *addr, const Lanrage__Ipc__Address *in)
{
	memset(addr, 0, sizeof(*addr));
	if (!in)
		return true;
	if (in->port > UINT16_MAX ||
	    addr_from_bytes(addr, in->ip.data, in->ip.len, (uint16_t)in->port) < 0)
		return false;
	if (in->scope && !(addr->family == ADDR_IPV6 && addr_is_link_local(addr)))
		return false;
	addr->scope = in->scope;
	return true;
}

static bool endpoint_in(struct addr *addr, const Lanrage__Ipc__Address *in)
{
	return address_in(addr, in) && addr_is_sendable(addr);
}

static bool optional_endpoint_in(struct addr *addr, const Lanrage__Ipc__Address *in)
{
	return address_in(addr, in) && (addr_is_none(addr) || addr->port != 0);
}

/* An address inside the party: IPv4, no port. */
static bool inner_in(struct addr *addr, const Lanrage__Ipc__Address *in)
{
	struct addr with_port;

	if (!address_in(addr, in) || addr->family != ADDR_IPV4 || addr->port != 0)
		return false;
	with_port = addr_ipv4(addr_ipv4_value(addr), 1);
	return addr_is_sendable(&with_port);
}

static Lanrage__Ipc__Revision *revision_out(struct arena *arena,
					    const struct dataplane_revision *revision)
{
	Lanrage__Ipc__Revision *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__ipc__revision__init(out);
	out->instance = revision->instance;
	out->counter = revision->counter;
	return out;
}

static void revision_in(struct dataplane_revision *revision, const Lanrage__Ipc__Revision *in)
{
	revision->instance = in ? in->instance : 0;
	revision->counter = in ? in->counter : 0;
}

int dataplane_revision_compare(const struct dataplane_revision *a,
			       const struct dataplane_revision *b)
{
	if (a->instance != b->instance)
		return a->instance < b->instance ? -1 : 1;
	if (a->counter != b->counter)
		return a->counter < b->counter ? -1 : 1;
	return 0;
}

static bool number_in(uint16_t *number, uint32_t value)
{
	if (value == 0 || value > UINT16_MAX)
		return false;
	*number = (uint16_t)value;
	return true;
}

/* ---- keys ---- */

ssize_t dataplane_key_encode(const struct dataplane_key *key, uint8_t **bytes)
{
	struct arena arena = {.budget = SMALL_ARENA_MAX};
	Lanrage__Dataplane__Key message = LANRAGE__DATAPLANE__KEY__INIT;

	message.public_key = bytes_out(key->public_key, DATAPLANE_KEY_SIZE);
	return pack(&arena, &message.base, bytes);
}

int dataplane_key_decode(struct dataplane_key *key, const uint8_t *bytes, size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__Key *message = unpack(
		&arena, SMALL_ARENA_MAX, &lanrage__dataplane__key__descriptor, bytes, length);
	int result = message && key_in(key->public_key, &message->public_key) ? 0 : -EBADMSG;

	arena_clear(&arena);
	return result;
}

/* ---- notes ---- */

static void note_out(const struct dataplane_note *note, Lanrage__Dataplane__Note *out)
{
	lanrage__dataplane__note__init(out);
	out->id = note->id;
	out->public_key = bytes_out(note->public_key, DATAPLANE_KEY_SIZE);
	out->bytes = bytes_out(note->bytes, note->length);
}

static bool note_in(struct dataplane_note *note, const Lanrage__Dataplane__Note *in)
{
	if (!key_in(note->public_key, &in->public_key) || in->bytes.len == 0 ||
	    in->bytes.len > DATAPLANE_NOTE_MAX)
		return false;
	note->id = in->id;
	note->length = in->bytes.len;
	memcpy(note->bytes, in->bytes.data, in->bytes.len);
	return true;
}

ssize_t dataplane_note_encode(const struct dataplane_note *note, uint8_t **bytes)
{
	struct arena arena = {.budget = SMALL_ARENA_MAX};
	Lanrage__Dataplane__Note message;

	note_out(note, &message);
	return pack(&arena, &message.base, bytes);
}

int dataplane_note_decode(struct dataplane_note *note, const uint8_t *bytes, size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__Note *message = unpack(
		&arena, SMALL_ARENA_MAX, &lanrage__dataplane__note__descriptor, bytes, length);
	int result = message && note_in(note, message) ? 0 : -EBADMSG;

	arena_clear(&arena);
	return result;
}

ssize_t dataplane_take_notes_encode(const struct dataplane_take_notes *wish, uint8_t **bytes)
{
	struct arena arena = {.budget = SMALL_ARENA_MAX};
	Lanrage__Dataplane__TakeNotes message = LANRAGE__DATAPLANE__TAKE_NOTES__INIT;

	message.instance = wish->instance;
	message.after = wish->after;
	return pack(&arena, &message.base, bytes);
}

int dataplane_take_notes_decode(struct dataplane_take_notes *wish, const uint8_t *bytes,
				size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__TakeNotes *message =
		unpack(&arena, SMALL_ARENA_MAX, &lanrage__dataplane__take_notes__descriptor, bytes,
		       length);

	if (message) {
		wish->instance = message->instance;
		wish->after = message->after;
	}
	arena_clear(&arena);
	return message ? 0 : -EBADMSG;
}

ssize_t dataplane_notes_encode(const struct dataplane_notes *notes, uint8_t **bytes)
{
	struct arena arena = {.budget = PARTY_ARENA_MAX};
	Lanrage__Dataplane__Notes message = LANRAGE__DATAPLANE__NOTES__INIT;
	Lanrage__Dataplane__Note *list = arena_take(&arena, (notes->n_notes + 1) * sizeof(*list));
	Lanrage__Dataplane__Note **pointers =
		arena_take(&arena, (notes->n_notes + 1) * sizeof(*pointers));

	for (size_t i = 0; list && pointers && i < notes->n_notes; i++) {
		note_out(&notes->notes[i], &list[i]);
		pointers[i] = &list[i];
	}
	message.instance = notes->instance;
	message.n_notes = list && pointers ? notes->n_notes : 0;
	message.notes = pointers;
	return pack(&arena, &message.base, bytes);
}

int dataplane_notes_decode(struct dataplane_notes *notes, const uint8_t *bytes, size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__Notes *message = unpack(
		&arena, PARTY_ARENA_MAX, &lanrage__dataplane__notes__descriptor, bytes, length);
	bool good = message && message->n_notes <= DATAPLANE_NOTES_MAX;

	memset(notes, 0, sizeof(*notes));
	if (good)
		notes->notes = calloc(message->n_notes + 1, sizeof(*notes->notes));
	good = good && notes->notes;
	if (good)
		notes->instance = message->instance;
	for (size_t i = 0; good && i < message->n_notes; i++) {
		good = note_in(&notes->notes[i], message->notes[i]);
		notes->n_notes = i + 1;
	}
	arena_clear(&arena);
	if (!good)
		dataplane_notes_clear(notes);
	return good ? 0 : -EBADMSG;
}

void dataplane_notes_clear(struct dataplane_notes *notes)
{
	/* they may hold a party's key */
	if (notes->notes)
		explicit_bzero(notes->notes, notes->n_notes * sizeof(*notes->notes));
	free(notes->notes);
	memset(notes, 0, sizeof(*notes));
}

/* ---- the party ---- */

static Lanrage__Dataplane__Member *member_out(struct arena *arena,
					      const struct dataplane_member *member)
{
	Lanrage__Dataplane__Member *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__member__init(out);
	out->public_key = bytes_out(member->public_key, DATAPLANE_KEY_SIZE);
	out->preshared_key = optional_key_out(member->preshared_key);
	out->address = address_out(arena, &member->address);
	out->number = member->number;
	out->backend = member->backend;
	out->name = text_out(member->name);
	return out;
}

ssize_t dataplane_party_encode(const struct dataplane_party *party, uint8_t **bytes)
{
	struct arena arena = {.budget = PARTY_ARENA_MAX};
	Lanrage__Dataplane__Party message = LANRAGE__DATAPLANE__PARTY__INIT;

	message.revision = revision_out(&arena, &party->revision);
	message.up = party->up;
	message.scope = bytes_out(party->scope, DATAPLANE_SCOPE_SIZE);
	message.address = address_out(&arena, &party->address);
	message.prefix_length = party->prefix_length;
	message.number = party->number;
	message.doubling = party->doubling;
	message.offloads_off = party->offloads_off;
	message.lan = party->lan;
	message.n_members = party->n_members;
	message.members = arena_array(&arena, party->n_members, sizeof(*message.members));
	for (size_t i = 0; i < party->n_members && !arena.failed; i++)
		message.members[i] = member_out(&arena, &party->members[i]);
	return pack(&arena, &message.base, bytes);
}

static bool member_in(struct dataplane_member *member, const Lanrage__Dataplane__Member *in,
		      const struct addr_prefix *prefix)
{
	if (!key_in(member->public_key, &in->public_key) ||
	    !optional_key_in(member->preshared_key, &in->preshared_key) ||
	    !inner_in(&member->address, in->address) || !number_in(&member->number, in->number) ||
	    in->backend >= DATAPLANE_BACKEND_COUNT ||
	    !text_in(member->name, sizeof(member->name), in->name))
		return false;
	member->backend = (enum dataplane_backend)in->backend;
	return addr_prefix_contains(prefix, &member->address);
}

static struct addr_prefix prefix_of(const struct addr *addr, uint8_t length)
{
	uint32_t mask = ~(uint32_t)0 << (32 - length);

	return (struct addr_prefix){addr_ipv4(addr_ipv4_value(addr) & mask, 0), length};
}

/* A party that is down needs no address and no members; what is given must still be right. */
static bool party_head_in(struct dataplane_party *party, const Lanrage__Dataplane__Party *in)
{
	revision_in(&party->revision, in->revision);
	party->up = in->up;
	if (in->doubling >= DATAPLANE_DOUBLINGS ||
	    in->offloads_off & ~(unsigned)DATAPLANE_OFFLOADS || in->lan & ~(unsigned)DATAPLANE_LANS)
		return false;
	party->offloads_off = in->offloads_off;
	party->lan = in->lan;
	party->doubling = (enum dataplane_doubling)in->doubling;
	if (!in->up && !in->address && in->n_members == 0)
		return in->scope.len == 0 ||
		       fixed_in(party->scope, sizeof(party->scope), &in->scope);
	if (!fixed_in(party->scope, sizeof(party->scope), &in->scope) ||
	    !inner_in(&party->address, in->address) || !number_in(&party->number, in->number) ||
	    in->prefix_length < 8 || in->prefix_length > 30)
		return false;
	party->prefix_length = (uint8_t)in->prefix_length;
	return in->n_members <= DATAPLANE_MEMBERS_MAX;
}

static bool party_in(struct dataplane_party *party, const Lanrage__Dataplane__Party *in)
{
	struct addr_prefix prefix;

	if (!party_head_in(party, in))
		return false;
	if (in->n_members == 0)
		return true;
	prefix = prefix_of(&party->address, party->prefix_length);
	party->members = calloc(in->n_members, sizeof(*party->members));
	if (!party->members)
		return false;
	for (; party->n_members < in->n_members; party->n_members++) {
		if (!member_in(&party->members[party->n_members], in->members[party->n_members],
			       &prefix))
			return false;
	}
	return true;
}

int dataplane_party_decode(struct dataplane_party *party, const uint8_t *bytes, size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__Party *message;
	int result = 0;

	memset(party, 0, sizeof(*party));
	message = unpack(&arena, PARTY_ARENA_MAX, &lanrage__dataplane__party__descriptor, bytes,
			 length);
	if (!message || !party_in(party, message)) {
		result = -EBADMSG;
		dataplane_party_clear(party);
	}
	arena_clear(&arena);
	return result;
}

void dataplane_party_clear(struct dataplane_party *party)
{
	if (party->members)
		explicit_bzero(party->members, party->n_members * sizeof(*party->members));
	free(party->members);
	memset(party, 0, sizeof(*party));
}

/* ---- the plan ---- */

static Lanrage__Ipc__Address **addresses_out(struct arena *arena, const struct addr *addrs,
					     size_t n)
{
	Lanrage__Ipc__Address **out = arena_array(arena, n, sizeof(Lanrage__Ipc__Address *));

	/* A none among them would become a NULL that protobuf-c cannot pack. */
	for (size_t i = 0; i < n && !arena->failed; i++) {
		out[i] = address_out(arena, &addrs[i]);
		arena->failed = arena->failed || !out[i];
	}
	return out;
}

static Lanrage__Dataplane__Relay *relay_out(struct arena *arena,
					    const struct dataplane_relay *relay)
{
	Lanrage__Dataplane__Relay *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__relay__init(out);
	out->public_key = bytes_out(relay->public_key, DATAPLANE_KEY_SIZE);
	out->name = text_out(relay->name);
	out->n_endpoints = relay->n_endpoints;
	out->endpoints = addresses_out(arena, relay->endpoints, relay->n_endpoints);
	out->ticket = bytes_out(relay->ticket, relay->ticket_length);
	return out;
}

static Lanrage__Dataplane__PeerPlan *peer_plan_out(struct arena *arena,
						   const struct dataplane_peer_plan *peer)
{
	Lanrage__Dataplane__PeerPlan *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__peer_plan__init(out);
	out->public_key = bytes_out(peer->public_key, DATAPLANE_KEY_SIZE);
	out->n_candidates = peer->n_candidates;
	out->candidates = addresses_out(arena, peer->candidates, peer->n_candidates);
	out->relays = arena_array(arena, peer->n_relays, sizeof(*out->relays));
	for (size_t i = 0; i < peer->n_relays && !arena->failed; i++)
		out->relays[i] = bytes_out(peer->relays[i], DATAPLANE_KEY_SIZE);
	out->n_relays = peer->n_relays;
	return out;
}

ssize_t dataplane_plan_encode(const struct dataplane_plan *plan, uint8_t **bytes)
{
	struct arena arena = {.budget = PLAN_ARENA_MAX};
	Lanrage__Dataplane__Plan message = LANRAGE__DATAPLANE__PLAN__INIT;

	message.revision = revision_out(&arena, &plan->revision);
	message.n_relays = plan->n_relays;
	message.relays = arena_array(&arena, plan->n_relays, sizeof(*message.relays));
	for (size_t i = 0; i < plan->n_relays && !arena.failed; i++)
		message.relays[i] = relay_out(&arena, &plan->relays[i]);
	message.n_peers = plan->n_peers;
	message.peers = arena_array(&arena, plan->n_peers, sizeof(*message.peers));
	for (size_t i = 0; i < plan->n_peers && !arena.failed; i++)
		message.peers[i] = peer_plan_out(&arena, &plan->peers[i]);
	return pack(&arena, &message.base, bytes);
}

static bool endpoints_in(struct addr *addrs, size_t max, size_t *n,
			 Lanrage__Ipc__Address *const *in, size_t n_in)
{
	if (n_in > max)
		return false;
	for (*n = 0; *n < n_in; (*n)++) {
		if (!endpoint_in(&addrs[*n], in[*n]))
			return false;
	}
	return true;
}

static bool relay_in(struct dataplane_relay *relay, const Lanrage__Dataplane__Relay *in)
{
	if (!key_in(relay->public_key, &in->public_key) ||
	    !text_in(relay->name, sizeof(relay->name), in->name) || in->n_endpoints == 0 ||
	    !endpoints_in(relay->endpoints, 2, &relay->n_endpoints, in->endpoints,
			  in->n_endpoints) ||
	    in->ticket.len > sizeof(relay->ticket))
		return false;
	relay->ticket_length = in->ticket.len;
	if (in->ticket.len)
		memcpy(relay->ticket, in->ticket.data, in->ticket.len);
	return true;
}

static bool plan_has_relay(const struct dataplane_plan *plan, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < plan->n_relays; i++) {
		if (memcmp(plan->relays[i].public_key, key, DATAPLANE_KEY_SIZE) == 0)
			return true;
	}
	return false;
}

static bool peer_plan_in(struct dataplane_peer_plan *peer, const Lanrage__Dataplane__PeerPlan *in,
			 const struct dataplane_plan *plan)
{
	if (!key_in(peer->public_key, &in->public_key) ||
	    !endpoints_in(peer->candidates, DATAPLANE_CANDIDATES_MAX, &peer->n_candidates,
			  in->candidates, in->n_candidates) ||
	    in->n_relays > DATAPLANE_PEER_RELAYS_MAX)
		return false;
	for (; peer->n_relays < in->n_relays; peer->n_relays++) {
		if (!key_in(peer->relays[peer->n_relays], &in->relays[peer->n_relays]) ||
		    !plan_has_relay(plan, peer->relays[peer->n_relays]))
			return false;
	}
	return true;
}

static bool plan_in(struct dataplane_plan *plan, const Lanrage__Dataplane__Plan *in)
{
	revision_in(&plan->revision, in->revision);
	if (in->n_relays > DATAPLANE_RELAYS_MAX || in->n_peers > DATAPLANE_MEMBERS_MAX)
		return false;
	if (in->n_relays && !(plan->relays = calloc(in->n_relays, sizeof(*plan->relays))))
		return false;
	if (in->n_peers && !(plan->peers = calloc(in->n_peers, sizeof(*plan->peers))))
		return false;
	for (; plan->n_relays < in->n_relays; plan->n_relays++) {
		if (!relay_in(&plan->relays[plan->n_relays], in->relays[plan->n_relays]))
			return false;
	}
	for (; plan->n_peers < in->n_peers; plan->n_peers++) {
		if (!peer_plan_in(&plan->peers[plan->n_peers], in->peers[plan->n_peers], plan))
			return false;
	}
	return true;
}

int dataplane_plan_decode(struct dataplane_plan *plan, const uint8_t *bytes, size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__Plan *message;
	int result = 0;

	memset(plan, 0, sizeof(*plan));
	message = unpack(&arena, PLAN_ARENA_MAX, &lanrage__dataplane__plan__descriptor, bytes,
			 length);
	if (!message || !plan_in(plan, message)) {
		result = -EBADMSG;
		dataplane_plan_clear(plan);
	}
	arena_clear(&arena);
	return result;
}

void dataplane_plan_clear(struct dataplane_plan *plan)
{
	free(plan->relays);
	free(plan->peers);
	memset(plan, 0, sizeof(*plan));
}

/* ---- the state ---- */

static Lanrage__Dataplane__Path *path_out(struct arena *arena, const struct dataplane_path *path)
{
	Lanrage__Dataplane__Path *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__path__init(out);
	out->kind = path->kind;
	out->origin = path->origin;
	out->state = path->state;
	out->endpoint = address_out(arena, &path->endpoint);
	out->relay = optional_key_out(path->relay);
	if (path->rtt_us != DATAPLANE_UNKNOWN)
		out->known_rtt_case = LANRAGE__DATAPLANE__PATH__KNOWN_RTT_RTT_US;
	out->rtt_us = path->rtt_us;
	if (path->jitter_us != DATAPLANE_UNKNOWN)
		out->known_jitter_case = LANRAGE__DATAPLANE__PATH__KNOWN_JITTER_JITTER_US;
	out->jitter_us = path->jitter_us;
	if (path->loss_permille != DATAPLANE_UNKNOWN)
		out->known_loss_case = LANRAGE__DATAPLANE__PATH__KNOWN_LOSS_LOSS_PERMILLE;
	out->loss_permille = path->loss_permille;
	if (path->last_receive_age_us != DATAPLANE_UNKNOWN_AGE)
		out->known_receive_case =
			LANRAGE__DATAPLANE__PATH__KNOWN_RECEIVE_LAST_RECEIVE_AGE_US;
	out->last_receive_age_us = path->last_receive_age_us;
	out->rx_bytes = path->rx_bytes;
	out->tx_bytes = path->tx_bytes;
	out->hole = path->hole;
	out->unbound = path->unbound;
	return out;
}

static Lanrage__Dataplane__Peer *peer_out(struct arena *arena, const struct dataplane_peer *peer)
{
	Lanrage__Dataplane__Peer *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__peer__init(out);
	out->public_key = bytes_out(peer->public_key, DATAPLANE_KEY_SIZE);
	out->state = peer->state;
	out->active_path = (int32_t)peer->active_path;
	if (peer->handshake_age_us != DATAPLANE_UNKNOWN_AGE)
		out->known_handshake_case =
			LANRAGE__DATAPLANE__PEER__KNOWN_HANDSHAKE_HANDSHAKE_AGE_US;
	out->handshake_age_us = peer->handshake_age_us;
	out->rx_bytes = peer->rx_bytes;
	out->tx_bytes = peer->tx_bytes;
	out->path_changes = peer->path_changes;
	out->n_paths = peer->n_paths;
	out->paths = arena_array(arena, peer->n_paths, sizeof(*out->paths));
	for (size_t i = 0; i < peer->n_paths && !arena->failed; i++)
		out->paths[i] = path_out(arena, &peer->paths[i]);
	return out;
}

static Lanrage__Dataplane__RelayState *relay_status_out(struct arena *arena,
							const struct dataplane_relay_status *relay)
{
	Lanrage__Dataplane__RelayState *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__relay_state__init(out);
	out->public_key = bytes_out(relay->public_key, DATAPLANE_KEY_SIZE);
	out->name = text_out(relay->name);
	out->state = relay->state;
	out->endpoint = address_out(arena, &relay->endpoint);
	if (relay->rtt_us != DATAPLANE_UNKNOWN)
		out->known_rtt_case = LANRAGE__DATAPLANE__RELAY_STATE__KNOWN_RTT_RTT_US;
	out->rtt_us = relay->rtt_us;
	if (relay->handshake_age_us != DATAPLANE_UNKNOWN_AGE)
		out->known_handshake_case =
			LANRAGE__DATAPLANE__RELAY_STATE__KNOWN_HANDSHAKE_HANDSHAKE_AGE_US;
	out->handshake_age_us = relay->handshake_age_us;
	out->reason = text_out(relay->reason);
	out->full = relay->full;
	out->unanswered = relay->unanswered;
	return out;
}

static Lanrage__Dataplane__LanCounters *
lan_counters_out(struct arena *arena, const struct dataplane_lan_counters *counters)
{
	Lanrage__Dataplane__LanCounters *out = arena_take(arena, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__dataplane__lan_counters__init(out);
	out->sent = counters->sent;
	out->same = counters->same;
	out->refused = counters->refused;
	out->capped = counters->capped;
	out->received = counters->received;
	out->refused_received = counters->refused_received;
	out->capped_received = counters->capped_received;
	return out;
}

static void lan_counters_in(struct dataplane_lan_counters *counters,
			    const Lanrage__Dataplane__LanCounters *in)
{
	if (!in)
		return;
	*counters = (struct dataplane_lan_counters){
		.sent = in->sent,
		.same = in->same,
		.refused = in->refused,
		.capped = in->capped,
		.received = in->received,
		.refused_received = in->refused_received,
		.capped_received = in->capped_received,
	};
}

static void state_head_out(struct arena *arena, Lanrage__Dataplane__State *message,
			   const struct dataplane_state *state)
{
	message->instance = state->instance;
	message->party = revision_out(arena, &state->party);
	message->plan = revision_out(arena, &state->plan);
	message->interface = text_out(state->interface);
	message->interface_state = state->interface_state;
	message->interface_reason = text_out(state->interface_reason);
	message->port_ipv4 = state->port_ipv4;
	message->port_ipv6 = state->port_ipv6;
	if (state->filtered_age_us != DATAPLANE_UNKNOWN_AGE)
		message->known_filtered_case =
			LANRAGE__DATAPLANE__STATE__KNOWN_FILTERED_FILTERED_AGE_US;
	message->filtered_age_us = state->filtered_age_us;
	message->offloads = state->offloads;
	message->cipher = text_out(state->cipher);
	message->cipher_ns = state->cipher_ns;
	message->lan = state->lan;
	message->lan_counters = lan_counters_out(arena, &state->lan_counters);
	message->n_reflexive = state->n_reflexive;
	message->reflexive = addresses_out(arena, state->reflexive, state->n_reflexive);
}

ssize_t dataplane_state_encode(const struct dataplane_state *state, uint8_t **bytes)
{
	struct arena arena = {.budget = ARENA_MAX};
	Lanrage__Dataplane__State message = LANRAGE__DATAPLANE__STATE__INIT;

	state_head_out(&arena, &message, state);
	message.n_peers = state->n_peers;
	message.peers = arena_array(&arena, state->n_peers, sizeof(*message.peers));
	for (size_t i = 0; i < state->n_peers && !arena.failed; i++)
		message.peers[i] = peer_out(&arena, &state->peers[i]);
	message.n_relays = state->n_relays;
	message.relays = arena_array(&arena, state->n_relays, sizeof(*message.relays));
	for (size_t i = 0; i < state->n_relays && !arena.failed; i++)
		message.relays[i] = relay_status_out(&arena, &state->relays[i]);
	return pack(&arena, &message.base, bytes);
}

static bool path_in(struct dataplane_path *path, const Lanrage__Dataplane__Path *in)
{
	if (in->kind >= DATAPLANE_PATH_KINDS || in->origin >= DATAPLANE_ORIGIN_COUNT ||
	    in->state >= DATAPLANE_PATH_STATES ||
	    (in->known_loss_case && in->loss_permille > 1000) ||
	    !optional_endpoint_in(&path->endpoint, in->endpoint) ||
	    !optional_key_in(path->relay, &in->relay))
		return false;
	path->kind = (enum dataplane_path_kind)in->kind;
	path->origin = (enum dataplane_path_origin)in->origin;
	path->state = (enum dataplane_path_state)in->state;
	path->rtt_us = in->known_rtt_case ? in->rtt_us : DATAPLANE_UNKNOWN;
	path->jitter_us = in->known_jitter_case ? in->jitter_us : DATAPLANE_UNKNOWN;
	path->loss_permille = in->known_loss_case ? in->loss_permille : DATAPLANE_UNKNOWN;
	path->last_receive_age_us =
		in->known_receive_case ? in->last_receive_age_us : DATAPLANE_UNKNOWN_AGE;
	path->rx_bytes = in->rx_bytes;
	path->tx_bytes = in->tx_bytes;
	path->hole = in->hole;
	path->unbound = in->unbound;
	return true;
}

static bool peer_in(struct dataplane_peer *peer, const Lanrage__Dataplane__Peer *in)
{
	if (!key_in(peer->public_key, &in->public_key) || in->state >= DATAPLANE_PEER_STATES ||
	    in->n_paths > DATAPLANE_PATHS_MAX || in->active_path < -1 ||
	    (in->active_path >= 0 && (size_t)in->active_path >= in->n_paths))
		return false;
	peer->state = (enum dataplane_peer_state)in->state;
	peer->active_path = in->active_path;
	peer->handshake_age_us =
		in->known_handshake_case ? in->handshake_age_us : DATAPLANE_UNKNOWN_AGE;
	peer->rx_bytes = in->rx_bytes;
	peer->tx_bytes = in->tx_bytes;
	peer->path_changes = in->path_changes;
	if (in->n_paths && !(peer->paths = calloc(in->n_paths, sizeof(*peer->paths))))
		return false;
	for (; peer->n_paths < in->n_paths; peer->n_paths++) {
		if (!path_in(&peer->paths[peer->n_paths], in->paths[peer->n_paths]))
			return false;
	}
	return true;
}

static bool relay_status_in(struct dataplane_relay_status *relay,
			    const Lanrage__Dataplane__RelayState *in)
{
	if (!key_in(relay->public_key, &in->public_key) ||
	    !text_in(relay->name, sizeof(relay->name), in->name) ||
	    in->state >= DATAPLANE_RELAY_STATES ||
	    !optional_endpoint_in(&relay->endpoint, in->endpoint) ||
	    !text_in(relay->reason, sizeof(relay->reason), in->reason))
		return false;
	relay->state = (enum dataplane_relay_state)in->state;
	relay->rtt_us = in->known_rtt_case ? in->rtt_us : DATAPLANE_UNKNOWN;
	relay->handshake_age_us =
		in->known_handshake_case ? in->handshake_age_us : DATAPLANE_UNKNOWN_AGE;
	relay->full = in->full;
	relay->unanswered = in->unanswered;
	return true;
}

static bool state_head_in(struct dataplane_state *state, const Lanrage__Dataplane__State *in)
{
	state->instance = in->instance;
	revision_in(&state->party, in->party);
	revision_in(&state->plan, in->plan);
	if (!text_in(state->interface, sizeof(state->interface), in->interface) ||
	    in->interface_state >= DATAPLANE_INTERFACE_STATES ||
	    !text_in(state->interface_reason, sizeof(state->interface_reason),
		     in->interface_reason) ||
	    in->port_ipv4 > UINT16_MAX || in->port_ipv6 > UINT16_MAX ||
	    in->offloads & ~(unsigned)DATAPLANE_OFFLOADS || in->lan & ~(unsigned)DATAPLANE_LANS ||
	    !text_in(state->cipher, sizeof(state->cipher), in->cipher))
		return false;
	state->offloads = in->offloads;
	state->cipher_ns = in->cipher_ns;
	state->lan = in->lan;
	lan_counters_in(&state->lan_counters, in->lan_counters);
	state->interface_state = (enum dataplane_interface_state)in->interface_state;
	state->port_ipv4 = (uint16_t)in->port_ipv4;
	state->port_ipv6 = (uint16_t)in->port_ipv6;
	state->filtered_age_us =
		in->known_filtered_case ? in->filtered_age_us : DATAPLANE_UNKNOWN_AGE;
	return endpoints_in(state->reflexive, DATAPLANE_REFLEXIVE_MAX, &state->n_reflexive,
			    in->reflexive, in->n_reflexive);
}

static bool state_in(struct dataplane_state *state, const Lanrage__Dataplane__State *in)
{
	if (!state_head_in(state, in) || in->n_peers > STATE_PEERS_MAX ||
	    in->n_relays > DATAPLANE_RELAYS_MAX)
		return false;
	if (in->n_peers && !(state->peers = calloc(in->n_peers, sizeof(*state->peers))))
		return false;
	if (in->n_relays && !(state->relays = calloc(in->n_relays, sizeof(*state->relays))))
		return false;
	/* Counted before it is read: a peer that fails half-way has paths to free. */
	while (state->n_peers < in->n_peers) {
		size_t i = state->n_peers++;

		if (!peer_in(&state->peers[i], in->peers[i]))
			return false;
	}
	for (; state->n_relays < in->n_relays; state->n_relays++) {
		if (!relay_status_in(&state->relays[state->n_relays], in->relays[state->n_relays]))
			return false;
	}
	return true;
}

int dataplane_state_decode(struct dataplane_state *state, const uint8_t *bytes, size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__State *message;
	int result = 0;

	memset(state, 0, sizeof(*state));
	message = unpack(&arena, ARENA_MAX, &lanrage__dataplane__state__descriptor, bytes, length);
	if (!message || !state_in(state, message)) {
		result = -EBADMSG;
		dataplane_state_clear(state);
	}
	arena_clear(&arena);
	return result;
}

void dataplane_state_clear(struct dataplane_state *state)
{
	for (size_t i = 0; i < state->n_peers; i++)
		free(state->peers[i].paths);
	free(state->peers);
	free(state->relays);
	memset(state, 0, sizeof(*state));
}

/* ---- probe results ---- */

ssize_t dataplane_lan_check_encode(const struct dataplane_lan_check *check, uint8_t **bytes)
{
	struct arena arena = {.budget = SMALL_ARENA_MAX};
	Lanrage__Dataplane__LanCheck message = LANRAGE__DATAPLANE__LAN_CHECK__INIT;

	message.n_members = check->n_members;
	message.n_heard = check->n_heard;
	message.first_us = check->first_us;
	message.error = check->error;
	return pack(&arena, &message.base, bytes);
}

int dataplane_lan_check_decode(struct dataplane_lan_check *check, const uint8_t *bytes,
			       size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__LanCheck *message = unpack(
		&arena, SMALL_ARENA_MAX, &lanrage__dataplane__lan_check__descriptor, bytes, length);

	memset(check, 0, sizeof(*check));
	if (message)
		*check = (struct dataplane_lan_check){message->n_members, message->n_heard,
						      message->first_us, message->error};
	arena_clear(&arena);
	return message ? 0 : -EBADMSG;
}

ssize_t dataplane_probe_result_encode(const struct dataplane_probe_result *result, uint8_t **bytes)
{
	struct arena arena = {.budget = SMALL_ARENA_MAX};
	Lanrage__Dataplane__ProbeResult message = LANRAGE__DATAPLANE__PROBE_RESULT__INIT;

	message.rtt_us = result->rtt_us;
	message.kind = result->kind;
	message.endpoint = address_out(&arena, &result->endpoint);
	message.relay = optional_key_out(result->relay);
	return pack(&arena, &message.base, bytes);
}

int dataplane_probe_result_decode(struct dataplane_probe_result *result, const uint8_t *bytes,
				  size_t length)
{
	struct arena arena;
	const Lanrage__Dataplane__ProbeResult *message =
		unpack(&arena, SMALL_ARENA_MAX, &lanrage__dataplane__probe_result__descriptor,
		       bytes, length);
	int code = -EBADMSG;

	memset(result, 0, sizeof(*result));
	if (message && message->kind < DATAPLANE_PATH_KINDS &&
	    optional_endpoint_in(&result->endpoint, message->endpoint) &&
	    optional_key_in(result->relay, &message->relay)) {
		result->rtt_us = message->rtt_us;
		result->kind = (enum dataplane_path_kind)message->kind;
		code = 0;
	}
	arena_clear(&arena);
	return code;
}
