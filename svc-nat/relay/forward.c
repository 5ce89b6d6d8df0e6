#include "svc-nat/relay/forward.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-dataplane/frame.h"
#include "svc-nat/relay/responder.h"
#include "svc-nat/relay/stock.h"
#include "svc-nat/relay/ticket.h"
#include "svc-nat/stun.h"

#define SWEEP_US CLOCK_SECOND

/* Initiations that one member may send to others: a newcomer to a full party greets everybody at
 * once, and again. A search for a mac1 costs more. */
#define INITIATIONS BUCKET_PER_SECOND(200, 1024)
#define SEARCHES    BUCKET_PER_SECOND(50, 256)
#define UNBOUNDS    BUCKET_PER_SECOND(10, 10)
#define TICKETS	    BUCKET_PER_SECOND(5, 20)
#define PROBES	    BUCKET_PER_SECOND(50, 50)

/* A sealed FRAME_UNBOUND: 8 bytes, padded to 16. */
#define UNBOUND_MESSAGE (MESSAGE_PADDING + MESSAGE_DATA_OVERHEAD)

struct forward {
	struct forward_ops ops;
	struct quota_limit member_limit;
	struct responder *responder;
	struct bindings *bindings; /* of responder */
	struct routes *routes;
	struct stock *stock;
	struct sources *sources;
	uint8_t trusted[FORWARD_KEY_SIZE];
	bool trusts;
	uint64_t sweep_us; /* the next */
	struct forward_stats stats;
	struct revocations revocations;
};

int forward_new(struct forward **out, const struct forward_ops *ops,
		const uint8_t private_key[FORWARD_KEY_SIZE], const struct forward_limits *limits)
{
	struct forward *forward;
	int error;

	if (limits->member.bytes_per_second == 0 || limits->member.packets_per_second == 0)
		return -EINVAL;
	forward = calloc(1, sizeof(*forward));
	if (!forward)
		return -ENOMEM;
	forward->ops = *ops;
	forward->member_limit = limits->member;
	error = responder_new(&forward->responder, private_key, limits->members, limits->newcomers);
	if (!error) {
		forward->bindings = responder_bindings(forward->responder);
		error = routes_new(&forward->routes, bindings_limit(forward->bindings));
	}
	if (!error)
		error = stock_new(&forward->stock);
	if (!error)
		error = sources_new(&forward->sources, quota_sources, SOURCE_USES);
	if (error) {
		forward_free(forward);
		return error;
	}
	*out = forward;
	return 0;
}

void forward_free(struct forward *forward)
{
	if (!forward)
		return;
	responder_free(forward->responder);
	routes_free(forward->routes);
	stock_free(forward->stock);
	sources_free(forward->sources);
	free(forward);
}

void forward_public_key(const struct forward *forward, uint8_t key[FORWARD_KEY_SIZE])
{
	memcpy(key, responder_public_key(forward->responder), FORWARD_KEY_SIZE);
}

void forward_trust(struct forward *forward, const uint8_t key[FORWARD_KEY_SIZE])
{
	memcpy(forward->trusted, key, FORWARD_KEY_SIZE);
	forward->trusts = true;
}

void forward_stats(const struct forward *forward, struct forward_stats *stats)
{
	*stats = forward->stats;
	stats->members = bindings_members(forward->bindings);
	stats->newcomers = bindings_newcomers(forward->bindings);
}

/* --- speaking to members --- */

static void send_sealed(struct forward *forward, struct binding *binding, uint64_t now_us,
			const struct addr *to, const uint8_t *packet, size_t length)
{
	uint8_t message[RESPONDER_MESSAGE_MAX];
	size_t sealed = responder_seal(binding, now_us, packet, length, message);

	if (sealed > 0 && !addr_is_none(to))
		forward->ops.send(forward->ops.data, to, message, sealed);
}

static void send_frame(struct forward *forward, struct binding *binding, uint64_t now_us,
		       const struct addr *to, const struct frame *frame)
{
	uint8_t packet[RESPONDER_PACKET_MAX];
	int length = frame_write(frame, 0, packet, sizeof(packet));

	if (length > 0)
		send_sealed(forward, binding, now_us, to, packet, (size_t)length);
}

/* --- members come and go --- */

static void member_drop(struct forward *forward, struct binding *binding)
{
	routes_remove(forward->routes, binding->id);
	stock_forget(forward->stock, binding->id);
	bindings_drop(forward->bindings, binding);
	forward->stats.changes++;
}

/* It lost a ticket. What was learned for it may belong to that party. */
static void member_lost_ticket(struct forward *forward, uint64_t now_us, uint32_t id)
{
	struct binding *binding = bindings_get(forward->bindings, id);

	stock_forget(forward->stock, id);
	forward->stats.changes++;
	if (!binding || routes_count(forward->routes, id) > 0)
		return;
	binding_demote(forward->bindings, binding, now_us);
	if (bindings_newcomers_exceeded(forward->bindings))
		bindings_drop(forward->bindings, bindings_oldest_newcomer(forward->bindings));
}

void forward_revoke(struct forward *forward, uint64_t now_us, const struct revocation *revocation)
{
	struct binding *binding = bindings_by_key(forward->bindings, revocation->member_key);

	revocations_add(&forward->revocations, revocation);
	if (binding &&
	    routes_revoke(forward->routes, binding->id, revocation->scope, revocation->generation))
		member_lost_ticket(forward, now_us, binding->id);
}

/* Makes a member of the binding and lets it in. */
static enum frame_ticket_status member_admit(struct forward *forward, uint64_t now_us,
					     struct binding *binding, const struct ticket *ticket,
					     uint8_t *slot)
{
	bool newcomer = binding->state == BINDING_NEWCOMER;
	enum frame_ticket_status status;
	uint32_t displaced;

	if (binding_promote(forward->bindings, binding) != 0)
		return FRAME_TICKET_FULL;
	status = routes_admit(forward->routes, binding->id, ticket, slot, &displaced);
	if (status != FRAME_TICKET_ACCEPTED) {
		if (newcomer)
			binding_demote(forward->bindings, binding, now_us);
		return status;
	}
	forward->stats.changes++;
	if (displaced)
		member_lost_ticket(forward, now_us, displaced);
	return FRAME_TICKET_ACCEPTED;
}

/* A guest's ticket, shown by a member of the same party: the guest, a stock client, cannot. It may
 * not have come yet. */
static enum frame_ticket_status guest_admit(struct forward *forward, uint64_t now_us,
					    const struct binding *sponsor,
					    const struct ticket *ticket)
{
	struct binding *guest = bindings_by_key(forward->bindings, ticket->member_key);
	enum frame_ticket_status status;
	bool known = guest != NULL;
	uint8_t slot = 0;

	if (!routes_in_scope(forward->routes, sponsor->id, ticket->scope))
		return FRAME_TICKET_WRONG_KEY;
	if (!known && bindings_add(forward->bindings, now_us, ticket->member_key, &guest) != 0)
		return FRAME_TICKET_FULL;
	status = member_admit(forward, now_us, guest, ticket, &slot);
	if (status == FRAME_TICKET_ACCEPTED)
		guest->guest = true;
	else if (!known)
		bindings_drop(forward->bindings, guest);
	return status;
}

static enum frame_ticket_status ticket_use(struct forward *forward, uint64_t now_us,
					   struct binding *binding, const struct frame *frame,
					   struct ticket *ticket, uint8_t *slot)
{
	const uint8_t *bytes = frame->ticket.bytes;

	if (ticket_parse(ticket, bytes, frame->ticket.length) != 0 || ticket->number == 0)
		return FRAME_TICKET_MALFORMED;
	if (!forward->trusts ||
	    memcmp(ticket->signing_id, forward->trusted, TICKET_SIGNING_ID_SIZE) != 0 ||
	    ticket_verify(bytes, forward->trusted) != 0)
		return FRAME_TICKET_BAD_SIGNATURE;
	if (memcmp(ticket->relay_key, responder_public_key(forward->responder), FORWARD_KEY_SIZE) !=
	    0)
		return FRAME_TICKET_WRONG_KEY;
	if (revocations_cover(&forward->revocations, ticket,
			      forward->ops.wall_s(forward->ops.data)))
		return FRAME_TICKET_REVOKED;
	if (ticket->expires_s <= forward->ops.wall_s(forward->ops.data))
		return FRAME_TICKET_EXPIRED;
	if (memcmp(ticket->member_key, binding->tunnel->session.remote.public_key,
		   FORWARD_KEY_SIZE) != 0)
		return guest_admit(forward, now_us, binding, ticket);
	binding->guest = false;
	return member_admit(forward, now_us, binding, ticket, slot);
}

static uint32_t seconds_left(const struct forward *forward, const struct ticket *ticket)
{
	uint64_t left = ticket->expires_s - forward->ops.wall_s(forward->ops.data);

	return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

/* The slot in the reply is the sender's own; 0 for a guest's ticket. */
static void receive_ticket(struct forward *forward, uint64_t now_us, struct binding *binding,
			   const struct addr *from, const struct frame *frame)
{
	struct frame answer = {.type = FRAME_TICKET_REPLY};
	struct ticket ticket = {0};
	uint8_t slot = 0;

	if (!bucket_take(&binding->tickets, TICKETS, now_us))
		return;
	answer.ticket_reply.status = ticket_use(forward, now_us, binding, frame, &ticket, &slot);
	answer.ticket_reply.observed = binding->addr;
	if (answer.ticket_reply.status == FRAME_TICKET_ACCEPTED) {
		forward->stats.tickets++;
		answer.ticket_reply.slot = slot;
		answer.ticket_reply.number = ticket.number;
		answer.ticket_reply.valid_s = seconds_left(forward, &ticket);
	} else {
		forward->stats.tickets_refused++;
	}
	send_frame(forward, binding, now_us, from, &answer);
}

/* --- the relay's own packets --- */

static void receive_probe(struct forward *forward, uint64_t now_us, struct binding *binding,
			  const struct addr *from, const struct frame *frame)
{
	struct frame answer = {.type = FRAME_PROBE_REPLY, .probe = frame->probe};

	if (!bucket_take(&binding->probes, PROBES, now_us))
		return;
	answer.probe.observed = *from;
	send_frame(forward, binding, now_us, from, &answer);
}

static void receive_packet(struct forward *forward, uint64_t now_us, const struct addr *from,
			   const struct responder_packet *packet)
{
	struct frame frame;

	if (packet->moved)
		forward->stats.changes++;
	/* Anything that is no frame has no business here: the relay is nobody's gateway. */
	if (!frame_is(packet->bytes, packet->length) ||
	    frame_parse(&frame, packet->bytes, packet->length) != 0)
		return;
	if (frame.type == FRAME_TICKET)
		receive_ticket(forward, now_us, packet->binding, from, &frame);
	else if (frame.type == FRAME_PROBE)
		receive_probe(forward, now_us, packet->binding, from, &frame);
}

/* False when it is not for the relay. */
static bool receive_own(struct forward *forward, uint64_t now_us, const struct addr *from,
			uint8_t *bytes, size_t length)
{
	struct responder_packet packet;
	struct responder_reply reply;

	switch (responder_receive(forward->responder, forward->sources, now_us, from, bytes, length,
				  &reply, &packet)) {
	case RESPONDER_NOT_OURS: return false;
	case RESPONDER_DROPPED: break;
	case RESPONDER_REPLY:
		forward->stats.handshakes++;
		forward->ops.send(forward->ops.data, from, (const uint8_t *)&reply.response,
				  reply.length);
		break;
	case RESPONDER_PACKET: receive_packet(forward, now_us, from, &packet); break;
	}
	return true;
}

/* --- forwarding --- */

static void forward_to(struct forward *forward, const struct binding *to, uint8_t *bytes,
		       size_t length)
{
	message_tag_clear(bytes);
	forward->stats.forwarded++;
	forward->stats.forwarded_bytes += length;
	forward->ops.send(forward->ops.data, &to->addr, bytes, length);
}

/* A handshake on its way between two members: what it teaches about packets without a tag. False
 * when the sender has had its share of initiations. */
static bool observe_handshake(struct forward *forward, uint64_t now_us, struct binding *from,
			      const struct binding *to, const uint8_t *bytes, size_t length)
{
	enum message_type type = message_type(bytes, length);

	if (type == MESSAGE_INITIATION) {
		const struct message_initiation *initiation = (const void *)bytes;

		if (!bucket_take(&from->initiations, INITIATIONS, now_us))
			return false;
		stock_initiation(forward->stock, now_us, from->id, to->id,
				 message_le32(initiation->sender));
	} else if (type == MESSAGE_RESPONSE) {
		const struct message_response *response = (const void *)bytes;

		stock_response(forward->stock, now_us, from->id, to->id,
			       message_le32(response->sender), message_le32(response->receiver));
	}
	return true;
}

static void forward_tagged(struct forward *forward, uint64_t now_us, struct binding *from,
			   struct message_tag tag, uint8_t *bytes, size_t length)
{
	uint32_t id = route_find(forward->routes, from->id, tag.slot, tag.number);
	struct binding *to = bindings_get(forward->bindings, id);
	struct frame answer = {.type = FRAME_UNBOUND};

	if (to && !addr_is_none(&to->addr)) {
		if (observe_handshake(forward, now_us, from, to, bytes, length))
			forward_to(forward, to, bytes, length);
		return;
	}
	forward->stats.unbound++;
	/* The source may be forged: never more bytes than it sent. Only keepalives are shorter. */
	if (length < UNBOUND_MESSAGE || !bucket_take(&from->unbound, UNBOUNDS, now_us))
		return;
	answer.unbound.slot = tag.slot;
	answer.unbound.number = tag.number;
	send_frame(forward, from, now_us, &from->addr, &answer);
}

struct mac1_search {
	struct forward *forward;
	const uint8_t *bytes;
	size_t length;
};

static bool mac1_fits(void *data, uint32_t id)
{
	const struct mac1_search *search = data;
	const struct binding *binding = bindings_get(search->forward->bindings, id);

	return binding &&
	       mac1_check(&binding->tunnel->session.remote_macs, search->bytes, search->length);
}

/* An initiation names its receiver by mac1 alone. The same one is usually meant again. */
static uint32_t find_by_mac1(struct forward *forward, uint64_t now_us, struct binding *from,
			     const uint8_t *bytes, size_t length)
{
	struct mac1_search search = {.forward = forward, .bytes = bytes, .length = length};
	uint32_t last = from->last_match;

	if (last && routes_together(forward->routes, from->id, last) && mac1_fits(&search, last))
		return last;
	if (!bucket_take(&from->searches, SEARCHES, now_us))
		return 0;
	from->last_match = routes_search(forward->routes, from->id, mac1_fits, &search);
	return from->last_match;
}

static uint32_t find_untagged(struct forward *forward, uint64_t now_us, struct binding *from,
			      const uint8_t *bytes, size_t length)
{
	const struct stock *stock = forward->stock;

	switch (message_type(bytes, length)) {
	case MESSAGE_INITIATION: return find_by_mac1(forward, now_us, from, bytes, length);
	case MESSAGE_RESPONSE:
		return stock_pending(
			stock, now_us, from->id,
			message_le32(((const struct message_response *)bytes)->receiver));
	case MESSAGE_COOKIE:
		return stock_pending(
			stock, now_us, from->id,
			message_le32(((const struct message_cookie *)bytes)->receiver));
	case MESSAGE_DATA:
		return stock_learned(stock, now_us, from->id,
				     message_le32(((const struct message_data *)bytes)->receiver));
	case MESSAGE_NONE: break;
	}
	return 0;
}

static void forward_untagged(struct forward *forward, uint64_t now_us, struct binding *from,
			     uint8_t *bytes, size_t length)
{
	uint32_t id = find_untagged(forward, now_us, from, bytes, length);
	struct binding *to = bindings_get(forward->bindings, id);

	if (!to || addr_is_none(&to->addr)) {
		forward->stats.unroutable++;
		return;
	}
	if (observe_handshake(forward, now_us, from, to, bytes, length))
		forward_to(forward, to, bytes, length);
}

static void receive_other(struct forward *forward, uint64_t now_us, const struct addr *from,
			  const uint8_t *bytes, size_t length)
{
	uint8_t answer[STUN_MESSAGE_MAX];
	size_t answer_length;
	bool other = false;

	if (!stun_is(bytes, length) || !sources_take(forward->sources, now_us, from, SOURCE_STUN))
		return;
	answer_length = stun_answer(bytes, length, from, forward->ops.send_other ? &other : NULL,
				    answer, sizeof(answer));
	if (answer_length == 0)
		return;
	forward->stats.stun++;
	if (other)
		forward->ops.send_other(forward->ops.data, from, answer, answer_length);
	else
		forward->ops.send(forward->ops.data, from, answer, answer_length);
}

void forward_receive(struct forward *forward, uint64_t now_us, const struct addr *from,
		     uint8_t *bytes, size_t length)
{
	struct binding *binding;
	struct message_tag tag;

	if (message_type(bytes, length) == MESSAGE_NONE) {
		receive_other(forward, now_us, from, bytes, length);
		return;
	}
	binding = bindings_by_addr(forward->bindings, from);
	if (binding && !quota_take(&binding->quota, &forward->member_limit, now_us, length)) {
		forward->stats.over_quota++;
		return;
	}
	tag = message_tag_get(bytes);
	if (tag.slot == 0 && tag.number == 0 && receive_own(forward, now_us, from, bytes, length))
		return;
	if (!binding)
		forward->stats.strangers++;
	else if (tag.slot == 0 && tag.number == 0)
		forward_untagged(forward, now_us, binding, bytes, length);
	else if (tag.slot != 0 && tag.number != 0)
		forward_tagged(forward, now_us, binding, tag, bytes, length);
}

/* --- time --- */

static void sweep_member(struct forward *forward, uint64_t now_us, struct binding *binding)
{
	if (now_us - binding->heard_us < BINDING_SILENCE_US) {
		if (responder_poll(binding, now_us))
			send_sealed(forward, binding, now_us, &binding->addr, NULL, 0);
	} else if (!binding->guest) {
		member_drop(forward, binding);
	} else if (!addr_is_none(&binding->addr)) {
		stock_forget(forward->stock, binding->id);
		binding_forget_addr(forward->bindings, binding);
		forward->stats.changes++;
	}
}

struct expiry {
	struct forward *forward;
	uint64_t now_us;
};

static void ticket_ended(void *data, uint32_t binding)
{
	const struct expiry *expiry = data;

	member_lost_ticket(expiry->forward, expiry->now_us, binding);
}

static void sweep(struct forward *forward, uint64_t now_us)
{
	struct expiry expiry = {.forward = forward, .now_us = now_us};
	struct binding *binding;

	routes_expire(forward->routes, forward->ops.wall_s(forward->ops.data), ticket_ended,
		      &expiry);
	while ((binding = bindings_oldest_newcomer(forward->bindings)) &&
	       binding->newcomer_until_us <= now_us)
		bindings_drop(forward->bindings, binding);
	for (uint32_t id = 1; id <= bindings_limit(forward->bindings); id++) {
		binding = bindings_get(forward->bindings, id);
		if (binding && binding->state == BINDING_MEMBER)
			sweep_member(forward, now_us, binding);
	}
}

bool forward_is_bound(const struct forward *forward, const struct addr *address)
{
	return bindings_by_addr(forward->bindings, address) != NULL;
}

uint64_t forward_poll(struct forward *forward, uint64_t now_us)
{
	if (now_us >= forward->sweep_us) {
		sweep(forward, now_us);
		forward->sweep_us = now_us + SWEEP_US;
	}
	return forward->sweep_us;
}

/* --- restarts --- */

static void save_member(const struct forward *forward, const struct binding *binding,
			struct forward_saved_member *out)
{
	memcpy(out->key, binding->tunnel->session.remote.public_key, sizeof(out->key));
	out->addr = binding->addr;
	out->guest = binding->guest;
	for (uint8_t slot = 1; slot <= ROUTE_SLOTS; slot++)
		if (routes_slot(forward->routes, binding->id, slot, &out->slots[out->n_slots]))
			out->n_slots++;
}

struct route_saving {
	const struct forward *forward;
	struct forward_saved *saved;
	uint32_t *places; /* binding -> place in members + 1 */
	size_t room;
};

static void route_count(void *data, const struct stock_route *route)
{
	struct route_saving *saving = data;

	(void)route;
	saving->room++;
}

static void route_save(void *data, const struct stock_route *route)
{
	struct route_saving *saving = data;
	uint32_t from = saving->places[route->from], to = saving->places[route->to];

	if (from == 0 || to == 0)
		return;
	saving->saved->routes[saving->saved->n_routes++] = (struct forward_saved_route){
		.from = from - 1,
		.to = to - 1,
		.receiver = route->receiver,
		.left_s = (uint32_t)(route->left_us / CLOCK_SECOND),
	};
}

static void save_all(const struct forward *forward, uint64_t now_us, struct route_saving *saving)
{
	struct forward_saved *saved = saving->saved;

	for (uint32_t id = 1; id <= bindings_limit(forward->bindings); id++) {
		const struct binding *binding = bindings_get(forward->bindings, id);

		if (!binding || binding->state != BINDING_MEMBER)
			continue;
		save_member(forward, binding, &saved->members[saved->n_members++]);
		saving->places[id] = (uint32_t)saved->n_members;
	}
	stock_each(forward->stock, now_us, route_save, saving);
}

int forward_save(const struct forward *forward, uint64_t now_us, struct forward_saved *saved)
{
	struct route_saving saving = {.forward = forward, .saved = saved};

	*saved = (struct forward_saved){0};
	stock_each(forward->stock, now_us, route_count, &saving);
	saving.places = calloc(bindings_limit(forward->bindings) + 1, sizeof(*saving.places));
	saved->members = calloc(bindings_members(forward->bindings) + 1, sizeof(*saved->members));
	saved->routes = calloc(saving.room + 1, sizeof(*saved->routes));
	if (!saving.places || !saved->members || !saved->routes) {
		free(saving.places);
		forward_saved_clear(saved);
		return -ENOMEM;
	}
	save_all(forward, now_us, &saving);
	free(saving.places);
	return 0;
}

void forward_saved_clear(struct forward_saved *saved)
{
	free(saved->members);
	free(saved->routes);
	*saved = (struct forward_saved){0};
}

/* The binding made for it, 0 if none. */
static uint32_t restore_member(struct forward *forward, uint64_t now_us, uint64_t age_us,
			       const struct forward_saved_member *member)
{
	uint64_t wall_s = forward->ops.wall_s(forward->ops.data);
	struct binding *binding;

	if (bindings_by_key(forward->bindings, member->key) ||
	    bindings_add(forward->bindings, now_us, member->key, &binding) != 0)
		return 0;
	for (uint8_t i = 0; i < member->n_slots; i++) {
		const struct route_slot *saved = &member->slots[i];
		struct ticket ticket = {.number = saved->number,
					.generation = saved->generation,
					.expires_s = saved->expires_s};
		uint8_t slot = saved->slot;

		memcpy(ticket.scope, saved->scope, sizeof(ticket.scope));
		if (saved->expires_s > wall_s)
			member_admit(forward, now_us, binding, &ticket, &slot);
	}
	if (routes_count(forward->routes, binding->id) == 0) {
		bindings_drop(forward->bindings, binding);
		return 0;
	}
	binding->guest = member->guest;
	binding->heard_us = now_us > age_us ? now_us - age_us : 0;
	if (addr_is_sendable(&member->addr))
		binding_restore_addr(forward->bindings, binding, &member->addr);
	return binding->id;
}

void forward_restore(struct forward *forward, uint64_t now_us, uint64_t age_us,
		     const struct forward_saved *saved)
{
	uint32_t *ids = calloc(saved->n_members + 1, sizeof(*ids));

	if (!ids)
		return;
	for (size_t i = 0; i < saved->n_members; i++)
		ids[i] = restore_member(forward, now_us, age_us, &saved->members[i]);
	for (size_t i = 0; i < saved->n_routes; i++) {
		const struct forward_saved_route *from = &saved->routes[i];
		struct stock_route route = {.receiver = from->receiver};
		uint64_t left_us = from->left_s * CLOCK_SECOND;

		if (from->from >= saved->n_members || from->to >= saved->n_members ||
		    left_us <= age_us)
			continue;
		route.from = ids[from->from];
		route.to = ids[from->to];
		route.left_us = left_us - age_us;
		if (route.from && route.to)
			stock_restore(forward->stock, now_us, &route);
	}
	free(ids);
}
