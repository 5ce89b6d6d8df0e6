#include "tests/unit/simnet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/frame.h"

struct sim_packet {
	uint64_t at_us, order;
	struct addr from, to;
	size_t length;
	uint8_t bytes[];
};

/* --- random numbers: splitmix64 --- */

static uint64_t random_next(struct simnet *net)
{
	uint64_t z = net->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

double sim_random(struct simnet *net)
{
	return (double)(random_next(net) >> 11) / (double)(1ull << 53);
}

static void random_bytes(struct simnet *net, void *bytes, size_t length)
{
	uint8_t *out = bytes;

	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)random_next(net);
}

/* --- packets under way: a heap by time, then by order of sending --- */

static bool before(const struct sim_packet *a, const struct sim_packet *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void push(struct simnet *net, struct sim_packet *packet)
{
	size_t at = net->n_queue++;

	if (net->n_queue > net->queue_room) {
		net->queue_room = net->queue_room ? 2 * net->queue_room : 256;
		net->queue = realloc(net->queue, net->queue_room * sizeof(packet));
		assert(net->queue);
	}
	while (at > 0 && before(packet, net->queue[(at - 1) / 2])) {
		net->queue[at] = net->queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	net->queue[at] = packet;
}

static struct sim_packet *pop(struct simnet *net)
{
	struct sim_packet *first = net->queue[0], *last = net->queue[--net->n_queue];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= net->n_queue)
			break;
		if (child + 1 < net->n_queue && before(net->queue[child + 1], net->queue[child]))
			child++;
		if (!before(net->queue[child], last))
			break;
		net->queue[at] = net->queue[child];
		at = child;
	}
	net->queue[at] = last;
	return first;
}

void sim_inject(struct simnet *net, const struct addr *from, const struct addr *to,
		const uint8_t *bytes, size_t length)
{
	uint64_t delay_us = net->delay_us;
	struct sim_packet *packet;

	if (net->watch)
		net->watch(net, from, to, bytes, length);
	if (net->hook)
		delay_us = net->hook(net, from, to, bytes, length);
	if (delay_us == CLOCK_NEVER)
		return;
	packet = malloc(sizeof(*packet) + length);
	assert(packet);
	packet->at_us = net->now_us + delay_us;
	packet->order = net->order++;
	packet->from = *from;
	packet->to = *to;
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
	push(net, packet);
}

/* --- nodes --- */

static void permit(struct sim_node *node, const struct addr *to)
{
	size_t oldest = 0;

	for (size_t i = 0; i < SIM_PERMITS; i++) {
		if (addr_equal(&node->permits[i].to, to)) {
			oldest = i;
			break;
		}
		if (node->permits[i].until_us < node->permits[oldest].until_us)
			oldest = i;
	}
	node->permits[oldest].to = *to;
	node->permits[oldest].until_us = node->net->now_us + 30 * CLOCK_SECOND;
}

static bool permitted(const struct sim_node *node, const struct addr *from)
{
	for (size_t i = 0; i < SIM_PERMITS; i++)
		if (addr_equal(&node->permits[i].to, from) &&
		    node->permits[i].until_us >= node->net->now_us)
			return true;
	return !node->nat;
}

static uint8_t *on_room(void *data)
{
	return ((struct sim_node *)data)->room;
}

static void on_send(void *data, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		    size_t length)
{
	struct sim_node *node = data;

	(void)ecn;
	node->sent++;
	permit(node, to);
	sim_inject(node->net, &node->address, to, bytes, length);
}

static void on_deliver(void *data, uint8_t *packet, size_t length)
{
	struct sim_node *node = data;
	struct sim_stream *stream;
	uint32_t which, number;

	node->delivered++;
	memcpy(&which, packet + 20, 4);
	memcpy(&number, packet + 24, 4);
	stream = &node->net->streams[which];
	assert(length == stream->size);
	assert(number < stream->sent && stream->to == node);
	stream->duplicates += stream->seen[number];
	stream->arrived += !stream->seen[number];
	stream->seen[number] = 1;
	if (node->net->now_us - stream->last_us > stream->longest_gap_us)
		stream->longest_gap_us = node->net->now_us - stream->last_us;
	stream->last_us = node->net->now_us;
}

static void on_changed(void *data, enum dataplane_event event, const uint8_t *key)
{
	(void)key;
	((struct sim_node *)data)->changes[event]++;
}

static void on_probed(void *data, uint64_t cookie, int error,
		      const struct dataplane_probe_result *result)
{
	struct sim_node *node = data;

	node->ping.cookie = cookie;
	node->ping.error = error;
	if (result)
		node->ping.result = *result;
	node->ping.count++;
}

static void on_reserve(void *data, uint64_t until_s)
{
	((struct sim_node *)data)->reserved_s = until_s;
}

static uint64_t on_wall(void *data)
{
	return SIM_WALL_US + ((struct sim_node *)data)->net->now_us;
}

static void on_random(void *data, void *bytes, size_t length)
{
	random_bytes(((struct sim_node *)data)->net, bytes, length);
}

static void start_engine(struct sim_node *node)
{
	struct engine_ops ops = {.room = on_room,
				 .send = on_send,
				 .deliver = on_deliver,
				 .changed = on_changed,
				 .probed = on_probed,
				 .reserve_timestamp = on_reserve,
				 .wall_us = on_wall,
				 .random = on_random,
				 .data = node};
	int result = engine_new(&node->engine, &ops, node->private_key, node->reserved_s);

	assert(result == 0);
	(void)result;
	engine_public_key(node->engine, node->key);
	node->due_us = 0;
}

struct sim_node *sim_node_new(struct simnet *net, uint16_t number, const char *address)
{
	struct sim_node *node = calloc(1, sizeof(*node));
	int result;

	assert(node && net->n_nodes < SIM_NODES);
	node->net = net;
	node->number = number;
	result = addr_parse(&node->address, address);
	assert(result == 0);
	(void)result;
	random_bytes(net, node->private_key, sizeof(node->private_key));
	start_engine(node);
	net->nodes[net->n_nodes++] = node;
	return node;
}

void sim_node_restart(struct sim_node *node)
{
	engine_free(node->engine);
	start_engine(node);
}

/* --- the relay --- */

static void relay_seal(struct sim_relay *relay, struct sim_relay_member *member,
		       const struct frame *frame)
{
	uint8_t message[MESSAGE_DATA_HEADROOM + FRAME_MAX + 32];
	struct session_events events;
	int length = frame_write(frame, 0, message + MESSAGE_DATA_HEADROOM, FRAME_MAX);
	ptrdiff_t sealed;

	assert(length > 0);
	sealed = session_seal(&member->session, relay->net->now_us, message, (size_t)length, 1420,
			      &events);
	if (sealed > 0)
		sim_inject(relay->net, &relay->address, &member->address, message, (size_t)sealed);
}

static void relay_forward(struct sim_relay *relay, const struct sim_packet *packet, uint8_t *bytes)
{
	struct message_tag tag = message_tag_get(bytes);
	struct frame unbound = {.type = FRAME_UNBOUND};
	struct sim_relay_member *sender = NULL, *target = NULL;

	for (size_t i = 0; i < SIM_RELAY_MEMBERS; i++) {
		struct sim_relay_member *member = &relay->members[i];

		if (!member->used || !member->bound)
			continue;
		if (addr_equal(&member->address, &packet->from))
			sender = member;
		if (member->number == tag.number)
			target = member;
	}
	if (!sender)
		return;
	if (target) {
		message_tag_clear(bytes);
		relay->forwarded++;
		sim_inject(relay->net, &relay->address, &target->address, bytes, packet->length);
		return;
	}
	relay->unbound++;
	unbound.unbound.slot = tag.slot;
	unbound.unbound.number = tag.number;
	relay_seal(relay, sender, &unbound);
}

static struct sim_relay_member *relay_member(struct sim_relay *relay, const uint8_t *key)
{
	struct sim_relay_member *room = NULL;
	int result;

	for (size_t i = SIM_RELAY_MEMBERS; i-- > 0;) {
		if (!relay->members[i].used)
			room = &relay->members[i];
		else if (memcmp(relay->members[i].key, key, 32) == 0)
			return &relay->members[i];
	}
	assert(room);
	room->used = true;
	room->next_index = (uint32_t)(room - relay->members) << 24;
	memcpy(room->key, key, 32);
	result = session_init(&room->session, &relay->identity, key, NULL, room->replay,
			      SESSION_REPLAY_WORDS(2048), 1);
	assert(result == 0);
	(void)result;
	return room;
}

static void relay_initiation(struct sim_relay *relay, const struct sim_packet *packet)
{
	const struct message_initiation *message = (const void *)packet->bytes;
	struct message_response response;
	struct sim_relay_member *member;
	struct noise_initiation opened;
	struct session_events events;

	if (noise_initiation_open(&opened, &relay->identity, message) < 0)
		return;
	member = relay_member(relay, opened.public_key);
	if (session_accept_initiation(&member->session, relay->net->now_us, &opened, message,
				      ++member->next_index, &response, &events) < 0)
		return;
	member->address = packet->from;
	sim_inject(relay->net, &relay->address, &packet->from, (uint8_t *)&response,
		   sizeof(response));
}

static void relay_frame(struct sim_relay *relay, struct sim_relay_member *member,
			const struct frame *frame)
{
	struct frame reply = *frame;

	if (frame->type == FRAME_PROBE) {
		reply.type = FRAME_PROBE_REPLY;
		reply.probe.observed = member->address;
	} else if (frame->type == FRAME_TICKET) {
		member->number = (uint16_t)(frame->ticket.bytes[0] << 8 | frame->ticket.bytes[1]);
		member->bound = relay->refuse == 0;
		reply.type = FRAME_TICKET_REPLY;
		reply.ticket_reply = (struct frame_ticket_reply){
			.status = (enum frame_ticket_status)relay->refuse,
			.slot = 7,
			.number = member->number,
			.valid_s = 86400,
			.observed = member->address,
		};
	} else {
		return;
	}
	relay_seal(relay, member, &reply);
}

static void relay_data(struct sim_relay *relay, const struct sim_packet *packet, uint8_t *bytes)
{
	uint32_t which = message_le32(bytes + 4) >> 24;
	struct session_opened opened;
	struct session_events events;
	struct frame frame;

	if (which >= SIM_RELAY_MEMBERS || !relay->members[which].used ||
	    session_open(&relay->members[which].session, relay->net->now_us, bytes, packet->length,
			 &opened, &events) < 0)
		return;
	relay->members[which].address = packet->from;
	if (!opened.keepalive && frame_parse(&frame, opened.packet, opened.length) == 0)
		relay_frame(relay, &relay->members[which], &frame);
}

static void relay_receive(struct sim_relay *relay, struct sim_packet *packet)
{
	enum message_type type = message_type(packet->bytes, packet->length);

	if (relay->off)
		return;
	if (message_tag_get(packet->bytes).number != 0)
		relay_forward(relay, packet, packet->bytes);
	else if (type == MESSAGE_INITIATION)
		relay_initiation(relay, packet);
	else if (type == MESSAGE_DATA)
		relay_data(relay, packet, packet->bytes);
}

struct sim_relay *sim_relay_new(struct simnet *net, const char *address)
{
	struct sim_relay *relay = calloc(1, sizeof(*relay));
	uint8_t private_key[32];
	int result;

	assert(relay && net->n_relays < SIM_RELAYS);
	relay->net = net;
	result = addr_parse(&relay->address, address);
	assert(result == 0);
	random_bytes(net, private_key, sizeof(private_key));
	result = noise_identity_init(&relay->identity, private_key);
	assert(result == 0);
	(void)result;
	memcpy(relay->key, relay->identity.public_key, 32);
	net->relays[net->n_relays++] = relay;
	return relay;
}

/* --- streams --- */

struct sim_stream *sim_stream_start(struct sim_node *from, struct sim_node *to,
				    uint64_t interval_us, uint64_t for_us)
{
	struct simnet *net = from->net;
	struct sim_stream *stream = net->streams;

	while (stream->from)
		stream++;
	assert(stream < net->streams + SIM_STREAMS);
	*stream = (struct sim_stream){
		.on = true,
		.from = from,
		.to = to,
		.interval_us = interval_us,
		.size = SIM_INNER_MIN,
		.next_us = net->now_us,
		.until_us = net->now_us + for_us,
		.room = (uint32_t)(for_us / interval_us) + 2,
		.last_us = net->now_us,
	};
	stream->seen = calloc(stream->room, 1);
	assert(stream->seen);
	return stream;
}

static void inner_address(uint8_t *bytes, uint16_t number)
{
	bytes[0] = 10;
	bytes[1] = 66;
	bytes[2] = (uint8_t)(number >> 8);
	bytes[3] = (uint8_t)number;
}

static void stream_send(struct simnet *net, struct sim_stream *stream)
{
	static const struct split_offload whole = {.kind = SPLIT_NONE};
	uint8_t packet[ENGINE_MTU + ENGINE_TAILROOM] = {0};
	uint32_t which = (uint32_t)(stream - net->streams);

	stream->next_us += stream->interval_us;
	if (net->now_us >= stream->until_us) {
		stream->on = false;
		return;
	}
	packet[0] = 0x45;
	packet[2] = (uint8_t)(stream->size >> 8);
	packet[3] = (uint8_t)stream->size;
	inner_address(packet + 12, stream->from->number);
	inner_address(packet + 16, stream->to->number);
	memcpy(packet + 20, &which, 4);
	memcpy(packet + 24, &stream->sent, 4);
	stream->sent++;
	assert(stream->sent < stream->room);
	engine_transmit(stream->from->engine, net->now_us, packet, stream->size, &whole);
	stream->from->due_us = 0;
}

/* --- running --- */

void sim_init(struct simnet *net)
{
	memset(net, 0, sizeof(*net));
	net->now_us = SIM_START_US;
	net->delay_us = 10 * CLOCK_MS;
	net->random = 42;
}

void sim_deinit(struct simnet *net)
{
	while (net->n_queue)
		free(pop(net));
	free(net->queue);
	for (size_t i = 0; i < net->n_nodes; i++) {
		engine_free(net->nodes[i]->engine);
		free(net->nodes[i]);
	}
	for (size_t i = 0; i < net->n_relays; i++)
		free(net->relays[i]);
	for (size_t i = 0; i < SIM_STREAMS; i++)
		free(net->streams[i].seen);
}

static void arrive(struct simnet *net, struct sim_packet *packet)
{
	for (size_t i = 0; i < net->n_relays; i++)
		if (addr_equal(&net->relays[i]->address, &packet->to))
			relay_receive(net->relays[i], packet);
	for (size_t i = 0; i < net->n_nodes; i++) {
		struct sim_node *node = net->nodes[i];

		if (!addr_equal(&node->address, &packet->to) || !permitted(node, &packet->from))
			continue;
		node->received++;
		engine_receive(node->engine, net->now_us, &packet->from, 0, packet->bytes,
			       packet->length);
		node->due_us = 0;
	}
	free(packet);
}

static uint64_t poll_nodes(struct simnet *net)
{
	uint64_t due = CLOCK_NEVER;

	for (size_t i = 0; i < net->n_nodes; i++) {
		struct sim_node *node = net->nodes[i];

		if (node->due_us <= net->now_us)
			node->due_us = engine_poll(node->engine, net->now_us);
		assert(node->due_us > net->now_us);
		due = node->due_us < due ? node->due_us : due;
	}
	return due;
}

static uint64_t next_stream(const struct simnet *net)
{
	uint64_t due = CLOCK_NEVER;

	for (size_t i = 0; i < SIM_STREAMS; i++)
		if (net->streams[i].on && net->streams[i].next_us < due)
			due = net->streams[i].next_us;
	return due;
}

void sim_run_until(struct simnet *net, uint64_t until_us)
{
	for (;;) {
		uint64_t due = poll_nodes(net);

		if (next_stream(net) < due)
			due = next_stream(net);
		if (net->n_queue && net->queue[0]->at_us < due)
			due = net->queue[0]->at_us;
		if (due > until_us)
			break;
		net->now_us = due;
		while (net->n_queue && net->queue[0]->at_us <= net->now_us)
			arrive(net, pop(net));
		for (size_t i = 0; i < SIM_STREAMS; i++)
			if (net->streams[i].on && net->streams[i].next_us <= net->now_us)
				stream_send(net, &net->streams[i]);
	}
	net->now_us = until_us;
}

void sim_run(struct simnet *net, uint64_t for_us)
{
	sim_run_until(net, net->now_us + for_us);
}

/* --- wishes --- */

void sim_party(struct sim_node *node, const struct sim_peer *peers, size_t count)
{
	struct dataplane_member *members = calloc(count + 1, sizeof(*members));
	struct dataplane_party party = {.revision = {1, ++node->revision},
					.up = true,
					.prefix_length = 16,
					.number = node->number,
					.doubling = node->doubling,
					.n_members = count,
					.members = members};
	int result;

	assert(members);
	for (size_t i = 0; i < count; i++) {
		const struct sim_node *peer = peers[i].node;

		memcpy(members[i].public_key, peer->key, 32);
		if (peers[i].psk)
			memcpy(members[i].preshared_key, peers[i].psk, 32);
		members[i].number = peer->number;
		members[i].backend = peers[i].backend;
		members[i].address = addr_ipv4(0x0a420000u | peer->number, 0);
		snprintf(members[i].name, sizeof(members[i].name), "m%u", peer->number);
	}
	result = engine_set_party(node->engine, node->net->now_us, &party);
	assert(result == 0);
	(void)result;
	free(members);
	node->due_us = 0;
}

static const char *relays_of(const struct sim_plan *wish)
{
	static const char all[SIM_RELAYS + 1] = "12";

	return wish->relays ? wish->relays : all;
}

static void plan_relays(struct sim_node *node, struct dataplane_plan *plan,
			const struct sim_plan *wish)
{
	struct simnet *net = node->net;

	plan->n_relays = 0;
	for (const char *name = relays_of(wish); *name; name++) {
		struct dataplane_relay *relay = &plan->relays[plan->n_relays];
		size_t i = (size_t)(*name - '1');

		if (i >= net->n_relays)
			continue;
		plan->n_relays++;
		memcpy(relay->public_key, net->relays[i]->key, 32);
		snprintf(relay->name, sizeof(relay->name), "r%zu", i + 1);
		relay->n_endpoints = 1;
		relay->endpoints[0] = net->relays[i]->address;
		relay->ticket_length = 2;
		relay->ticket[0] = (uint8_t)(node->number >> 8);
		relay->ticket[1] = (uint8_t)node->number;
	}
}

static void plan_peer(const struct simnet *net, struct dataplane_peer_plan *peer,
		      const struct sim_plan *wish)
{
	memcpy(peer->public_key, wish->node->key, 32);
	for (size_t i = 0; i < 4 && wish->candidates[i]; i++) {
		int result =
			addr_parse(&peer->candidates[peer->n_candidates++], wish->candidates[i]);

		assert(result == 0);
		(void)result;
	}
	for (const char *name = relays_of(wish); wish->with_relays && *name; name++) {
		if ((size_t)(*name - '1') < net->n_relays)
			memcpy(peer->relays[peer->n_relays++], net->relays[*name - '1']->key, 32);
	}
}

void sim_plan(struct sim_node *node, const struct sim_plan *plans, size_t count)
{
	struct dataplane_relay relays[SIM_RELAYS] = {0};
	struct dataplane_peer_plan *peers = calloc(count + 1, sizeof(*peers));
	struct dataplane_plan plan = {.revision = {1, ++node->revision},
				      .relays = relays,
				      .n_peers = count,
				      .peers = peers};
	int result;

	assert(peers);
	for (size_t i = 0; i < count; i++) {
		plan_peer(node->net, &peers[i], &plans[i]);
		if (plans[i].with_relays)
			plan_relays(node, &plan, &plans[i]);
	}
	result = engine_set_plan(node->engine, node->net->now_us, &plan);
	assert(result == 0);
	(void)result;
	free(peers);
	node->due_us = 0;
}

static void know(struct sim_node *node, struct sim_node *peer, bool direct, bool relays)
{
	struct sim_peer member = {.node = peer};
	char text[ADDR_TEXT_SIZE];
	struct sim_plan plan = {.node = peer, .with_relays = relays};

	if (direct)
		plan.candidates[0] = addr_format(&peer->address, text);
	sim_party(node, &member, 1);
	sim_plan(node, &plan, 1);
}

void sim_meet(struct sim_node *a, struct sim_node *b, bool direct, bool relays)
{
	know(a, b, direct, relays);
	know(b, a, direct, relays);
}

struct sim_view sim_look(struct sim_node *node, const struct sim_node *peer)
{
	struct dataplane_state state;
	struct sim_view view = {0};
	int result = engine_state(node->engine, node->net->now_us, &state);

	assert(result == 0);
	(void)result;
	for (size_t i = 0; i < state.n_peers; i++) {
		const struct dataplane_peer *found = &state.peers[i];

		if (memcmp(found->public_key, peer->key, 32) != 0)
			continue;
		view.state = found->state;
		view.has_path = found->active_path >= 0;
		if (view.has_path)
			view.path = found->paths[found->active_path];
		view.path_changes = found->path_changes;
		view.handshake_age_us = found->handshake_age_us;
		view.n_paths = found->n_paths;
	}
	dataplane_state_clear(&state);
	return view;
}
