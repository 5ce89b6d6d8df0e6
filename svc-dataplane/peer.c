#include "svc-dataplane/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-dataplane/ecn.h"
#include "svc-dataplane/header.h"
#include "svc-dataplane/reach.h"

#define FAILED_AFTER_US (20 * CLOCK_SECOND)
#define REST_US		(15 * CLOCK_SECOND)
#define PING_US		(1 * CLOCK_SECOND)
#define KEEPALIVE_US	(25 * CLOCK_SECOND) /* to members that are not engines */
#define PLAYING_STEP_US (250 * CLOCK_MS)
#define SEEN_AFTER_US	(30 * CLOCK_SECOND)

bool peer_is_engine(const struct peer *peer)
{
	return peer->member && !peer->uapi && peer->backend == DATAPLANE_BACKEND_ENGINE;
}

const char *peer_label(const struct peer *peer)
{
	return peer->name[0] ? peer->name : "(set by wg)";
}

/* --- life --- */

int peer_new(struct peer **peer, struct context *context, const uint8_t *public_key,
	     const uint8_t *preshared_key, uint64_t now_us)
{
	struct peer *new = calloc(1, sizeof(*new));
	int result = -ENOMEM;

	if (!new)
		return -ENOMEM;
	new->max_paths = PEER_SPARE_PATHS;
	new->paths = calloc(new->max_paths, sizeof(*new->paths));
	if (new->paths)
		result = tunnel_init(&new->tunnel, context, TUNNEL_PEER, public_key, preshared_key,
				     REPLAY_WINDOW);
	if (result < 0) {
		free(new->paths);
		free(new);
		return result;
	}
	new->active = PATH_NONE;
	new->second = PATH_NONE;
	new->next_path_id = context_random(context) | 1;
	new->paths_changed_us = now_us;
	new->trying_us = now_us;
	staging_queue_init(&new->waiting);
	*peer = new;
	return 0;
}

void peer_free(struct peer *peer)
{
	staging_drop(&peer->tunnel.context->staging, &peer->waiting);
	tunnel_deinit(&peer->tunnel);
	free(peer->note);
	free(peer->paths);
	free(peer);
}

static bool is_zero(const uint8_t *key)
{
	static const uint8_t zero[DATAPLANE_KEY_SIZE];

	return memcmp(key, zero, sizeof(zero)) == 0;
}

void peer_set_member(struct peer *peer, uint64_t now_us, const struct dataplane_member *member)
{
	struct session *session = &peer->tunnel.session;
	const uint8_t *psk = member->preshared_key;
	struct session_events events;

	memcpy(peer->name, member->name, sizeof(peer->name));
	peer->name[sizeof(peer->name) - 1] = 0;
	peer->member = true;
	peer->number = member->number;
	peer->backend = member->backend;
	session_set_preshared_key(session, now_us, is_zero(psk) ? NULL : psk, &events);
	peer_handle(peer, now_us, &events);
	/* Probes keep an engine's session and NAT alive; for the others this does. */
	if (!peer->uapi && !peer_is_engine(peer) && session->timers.persistent_interval_us == 0)
		session_set_persistent_keepalive(session, now_us, KEEPALIVE_US);
	tunnel_due(&peer->tunnel, now_us);
}

void peer_connect(struct peer *peer, uint64_t now_us)
{
	struct session_events events;

	peer->rest_us = 0;
	session_want(&peer->tunnel.session, now_us, &events);
	peer_handle(peer, now_us, &events);
	tunnel_due(&peer->tunnel, now_us);
}

void peer_restart(struct peer *peer, uint64_t now_us)
{
	if (tunnel_restart(&peer->tunnel) < 0)
		return;
	staging_drop(&peer->tunnel.context->staging, &peer->waiting);
	peer->trying_us = now_us;
	reach_reset(peer, now_us);
	if (peer->member)
		peer_connect(peer, now_us);
}

/* --- state --- */

static bool is_connected(struct peer *peer, uint64_t now_us)
{
	const struct path *path = reach_active(peer);

	return path && path->state == DATAPLANE_PATH_WORKING &&
	       session_can_send(&peer->tunnel.session, now_us);
}

static void update_state(struct peer *peer, uint64_t now_us)
{
	static const char *const names[DATAPLANE_PEER_STATES] = {"connecting", "connected",
								 "failed"};
	enum dataplane_peer_state state = DATAPLANE_PEER_CONNECTING;

	if (is_connected(peer, now_us))
		state = DATAPLANE_PEER_CONNECTED;
	else if (peer->state == DATAPLANE_PEER_CONNECTED)
		peer->trying_us = now_us;
	else if (now_us - peer->trying_us >= FAILED_AFTER_US)
		state = DATAPLANE_PEER_FAILED;
	if (state == peer->state)
		return;
	log_info("peer %s: %s -> %s", peer_label(peer), names[peer->state], names[state]);
	peer->state = state;
	context_changed(peer->tunnel.context, DATAPLANE_EVENT_PEER, tunnel_key(&peer->tunnel));
}

/* --- sending --- */

bool peer_send_frame(struct peer *peer, uint64_t now_us, struct path *path,
		     const struct frame *frame, size_t padding)
{
	uint8_t message[MESSAGE_DATA_HEADROOM + FRAME_MAX + ENGINE_TAILROOM];
	struct outgoing outgoing = {.message = message};
	struct session_events events;
	ptrdiff_t sealed;
	int length = 0;
	bool sent;

	if (frame)
		length = frame_write(frame, padding, message + MESSAGE_DATA_HEADROOM, FRAME_MAX);
	if (length < 0)
		return false;
	sealed = session_seal(&peer->tunnel.session, now_us, message, (size_t)length, ENGINE_MTU,
			      &events);
	outgoing.length = (size_t)sealed;
	sent = sealed > 0 && reach_send(peer, now_us, path, &outgoing);
	if (events.flags || events.retired_count)
		peer_handle(peer, now_us, &events);
	return sent;
}

/* From where the packets lie straight into what is sent. */
static void send_split(struct peer *peer, uint64_t now_us, struct path *path, struct split *split)
{
	struct context *context = peer->tunnel.context;
	struct session_grant grant;
	struct session_events events;
	uint8_t *packet;
	size_t length;
	int result = session_seal_begin(&peer->tunnel.session, now_us, split_left(split), true,
					&grant, &events);

	for (uint32_t n = 0; result == 0 && (packet = split_next(split, &length)); n++) {
		struct outgoing outgoing = {.data = true, .ecn = ecn_of(packet)};

		if (length > ENGINE_MTU)
			continue;
		outgoing.message = context_room(context);
		outgoing.length = session_seal_packet(&grant, n, outgoing.message, packet, length,
						      ENGINE_MTU);
		peer->tx_bytes += length;
		if (reach_send(peer, now_us, path, &outgoing))
			reach_double(peer, now_us, &outgoing);
	}
	noise_wipe(&grant, sizeof(grant));
	if (events.flags || events.retired_count)
		peer_handle(peer, now_us, &events);
}

static void send_waiting(struct peer *peer, uint64_t now_us, struct path *path)
{
	static const struct split_offload whole = {.kind = SPLIT_NONE};
	struct staging *staging = &peer->tunnel.context->staging;
	struct staging_packet *packet;
	struct split split;

	while ((packet = staging_take(staging, &peer->waiting))) {
		if (split_begin(&split, &whole, packet->bytes, packet->length) == 0)
			send_split(peer, now_us, path, &split);
		staging_release(staging, packet);
	}
}

static void note_data(struct peer *peer, uint64_t now_us)
{
	bool resumed = now_us - peer->data_us > PLAYING_STEP_US;

	peer->data_us = now_us;
	if (resumed) /* from idle to playing: the path must prove itself soon */
		tunnel_due(&peer->tunnel, now_us);
}

static void let_wait(struct peer *peer, uint64_t now_us, struct split *split)
{
	struct session_events events;
	uint8_t *packet;
	size_t length;

	while ((packet = split_next(split, &length)))
		staging_put(&peer->tunnel.context->staging, &peer->waiting, packet, length);
	peer->rest_us = 0;
	session_want(&peer->tunnel.session, now_us, &events);
	peer_handle(peer, now_us, &events);
}

void peer_transmit(struct peer *peer, uint64_t now_us, struct split *split)
{
	struct session *session = &peer->tunnel.session;
	struct path *path = reach_active(peer);

	note_data(peer, now_us);
	if (path && session_can_send(session, now_us))
		send_split(peer, now_us, path, split);
	else
		let_wait(peer, now_us, split);
	tunnel_due(&peer->tunnel, session_deadline(session));
	if (peer->tunnel.due_us <= now_us)
		peer_poll(peer, now_us);
}

int peer_ping(struct peer *peer, uint64_t now_us, uint64_t cookie)
{
	struct path *path = reach_active(peer);

	if (!peer_is_engine(peer))
		return -EOPNOTSUPP;
	if (!path || !path->usable || !session_can_send(&peer->tunnel.session, now_us))
		return -ENETUNREACH;
	for (size_t i = 0; i < PEER_PINGS; i++) {
		struct peer_ping *ping = &peer->pings[i];

		if (ping->sent_us != 0)
			continue;
		*ping = (struct peer_ping){cookie, now_us, path->id,
					   reach_probe(peer, now_us, path)};
		tunnel_due(&peer->tunnel, now_us + PING_US);
		return 0;
	}
	return -EBUSY;
}

static void end_ping(struct peer *peer, struct peer_ping *ping, int error)
{
	const struct engine_ops *ops = &peer->tunnel.context->ops;

	ping->sent_us = 0;
	ops->probed(ops->data, ping->cookie, error, NULL);
}

void peer_end_pings(struct peer *peer)
{
	for (size_t i = 0; i < PEER_PINGS; i++)
		if (peer->pings[i].sent_us != 0)
			end_ping(peer, &peer->pings[i], -ENOENT);
}

/* ---- notes */

#define NOTE_PARTS BUCKET_PER_SECOND(50, 64)

int peer_send_note(struct peer *peer, uint64_t now_us, const uint8_t *bytes, size_t length)
{
	struct path *path = reach_active(peer);
	struct frame frame = {.type = FRAME_NOTE};
	uint8_t parts = note_parts(length);

	if (!peer_is_engine(peer))
		return -EOPNOTSUPP;
	if (parts == 0)
		return -EMSGSIZE;
	if (!path || !path->usable || !session_can_send(&peer->tunnel.session, now_us))
		return -EHOSTUNREACH;
	peer->note_id++;
	for (uint8_t i = 0; i < parts; i++) {
		frame.note = note_part(peer->note_id, bytes, length, i);
		peer_send_frame(peer, now_us, path, &frame, 0);
	}
	return 0;
}

void peer_note(struct peer *peer, uint64_t now_us, const struct frame_note *part)
{
	const struct engine_ops *ops = &peer->tunnel.context->ops;

	if (!peer->member || !ops->noted)
		return;
	if (!peer->note)
		peer->note = calloc(1, sizeof(*peer->note));
	if (!peer->note)
		return;
	if (bucket_take(&peer->note_bucket, NOTE_PARTS, now_us) && note_assemble(peer->note, part))
		ops->noted(ops->data, peer->tunnel.session.remote.public_key, peer->note->bytes,
			   peer->note->length);
}

static uint64_t expire_pings(struct peer *peer, uint64_t now_us)
{
	uint64_t due = CLOCK_NEVER;

	for (size_t i = 0; i < PEER_PINGS; i++) {
		struct peer_ping *ping = &peer->pings[i];

		if (ping->sent_us == 0)
			continue;
		if (now_us - ping->sent_us < PING_US)
			due = ping->sent_us + PING_US < due ? ping->sent_us + PING_US : due;
		else
			end_ping(peer, ping, -ETIMEDOUT);
	}
	return due;
}

/* --- what the session asks for --- */

static void initiate(struct peer *peer, uint64_t now_us)
{
	struct message_initiation message;

	if (tunnel_initiate(&peer->tunnel, now_us, &message) == 0)
		reach_initiate(peer, now_us, &message);
}

static void handshake_done(struct peer *peer, uint64_t now_us)
{
	struct context *context = peer->tunnel.context;

	peer->rest_us = 0;
	if (peer->state != DATAPLANE_PEER_CONNECTED)
		reach_retry(peer, now_us);
	peer->tunnel.handshake_wall_us = context->ops.wall_us(context->ops.data);
	log_debug("peer %s: handshake complete", peer_label(peer));
	context_changed(context, DATAPLANE_EVENT_PEER, tunnel_key(&peer->tunnel));
}

static void give_up(struct peer *peer, uint64_t now_us)
{
	staging_drop(&peer->tunnel.context->staging, &peer->waiting);
	if (peer->member)
		peer->rest_us = now_us + REST_US;
}

void peer_handle(struct peer *peer, uint64_t now_us, const struct session_events *events)
{
	struct path *path;

	tunnel_retire(&peer->tunnel, events);
	if (events->flags & SESSION_FAILED)
		give_up(peer, now_us);
	if (events->flags & SESSION_READY)
		handshake_done(peer, now_us);
	if (events->flags & SESSION_INITIATE)
		initiate(peer, now_us);
	path = reach_active(peer);
	if (path && (events->flags & (SESSION_KEEPALIVE | SESSION_READY)) &&
	    session_can_send(&peer->tunnel.session, now_us)) {
		if (peer->waiting.count > 0)
			send_waiting(peer, now_us, path);
		else if (events->flags & SESSION_KEEPALIVE)
			peer_send_frame(peer, now_us, path, NULL, 0);
	}
	if (events->flags)
		tunnel_due(&peer->tunnel, now_us);
}

/* --- receiving --- */

/* Runs what a packet made due, so that a reply needs no further call. */
static void settle(struct peer *peer, uint64_t now_us)
{
	tunnel_due(&peer->tunnel, session_deadline(&peer->tunnel.session));
	if (peer->tunnel.due_us <= now_us)
		peer_poll(peer, now_us);
}

void peer_initiation(struct peer *peer, uint64_t now_us, const struct addr *from,
		     struct noise_initiation *opened, const struct message_initiation *message)
{
	struct session_events events = {0};
	struct message_response response;
	const struct outgoing outgoing = {(uint8_t *)&response, sizeof(response), false, 0};
	struct path *path;
	uint32_t index;
	int result = tunnel_index_new(&peer->tunnel, &index);

	if (result < 0)
		return;
	result = session_accept_initiation(&peer->tunnel.session, now_us, opened, message, index,
					   &response, &events);
	if (result < 0) {
		index_remove(&peer->tunnel.context->indices, index);
		tunnel_retire(&peer->tunnel, &events);
		return;
	}
	path = reach_source(peer, now_us, from);
	if (path) {
		reach_heard(peer, now_us, path, sizeof(*message), false);
		cookie_jar_stamp(&path->jar, now_us, &response, sizeof(response));
		reach_send(peer, now_us, path, &outgoing);
		peer->answered_path = path->id;
	}
	peer_handle(peer, now_us, &events);
	settle(peer, now_us);
}

void peer_response(struct peer *peer, uint64_t now_us, const struct addr *from,
		   const struct message_response *message)
{
	struct session_events events;
	struct path *path;

	if (session_accept_response(&peer->tunnel.session, now_us, message, &events) < 0) {
		tunnel_retire(&peer->tunnel, &events);
		return;
	}
	path = reach_find(peer, from);
	if (path)
		reach_heard(peer, now_us, path, sizeof(*message), true);
	else if ((path = reach_source(peer, now_us, from)))
		reach_heard(peer, now_us, path, sizeof(*message), !peer_is_engine(peer));
	peer_handle(peer, now_us, &events);
	settle(peer, now_us);
}

void peer_cookie(struct peer *peer, uint64_t now_us, const struct addr *from,
		 const struct message_cookie *message)
{
	struct path *path = reach_find(peer, from);

	/* Not authentic enough to move anything; it only buys another try on this path. */
	if (path &&
	    cookie_jar_accept(&path->jar, now_us, &peer->tunnel.session.remote_macs, message) == 0)
		reach_initiate_path(peer, now_us, path);
}

/* The length that the IP header claims, 0 when it is no IP packet or cut short. */
static size_t inner_length(const uint8_t *packet, size_t length)
{
	size_t claimed;

	if (!header_is_ip(packet, length))
		return 0;
	if (packet[0] >> 4 == 4)
		claimed = header_get16(packet + IPV4_LENGTH);
	else
		claimed = IPV6_HEADER + (size_t)header_get16(packet + IPV6_LENGTH);
	return claimed <= length && header_is_ip(packet, claimed) ? claimed : 0;
}

static void deliver(struct peer *peer, uint64_t now_us, uint8_t ecn, uint8_t *packet, size_t length)
{
	struct context *context = peer->tunnel.context;
	size_t inner = inner_length(packet, length);

	if (inner == 0 || allowedips_lookup_source(&context->allowed, packet, inner) != peer ||
	    !ecn_leave(packet, ecn))
		return;
	note_data(peer, now_us);
	peer->rx_bytes += inner;
	context->ops.deliver(context->ops.data, packet, inner);
}

/* A packet that was overtaken on another path must not pull a single-path peer back there. */
static bool is_latest(struct peer *peer, const struct session_opened *opened)
{
	if (peer->latest_index == opened->local_index && opened->counter < peer->latest_counter)
		return false;
	peer->latest_index = opened->local_index;
	peer->latest_counter = opened->counter;
	return true;
}

void peer_data(struct peer *peer, uint64_t now_us, const struct addr *from, uint8_t ecn,
	       uint8_t *message, size_t length)
{
	struct session_opened opened;
	struct session_events events;
	struct path *path;
	bool proof;

	if (session_open(&peer->tunnel.session, now_us, message, length, &opened, &events) < 0) {
		tunnel_retire(&peer->tunnel, &events);
		return;
	}
	path = peer_is_engine(peer) || is_latest(peer, &opened) ? reach_source(peer, now_us, from)
								: reach_find(peer, from);
	if (path) {
		proof = opened.first && path->id == peer->answered_path;
		reach_heard(peer, now_us, path, length, proof);
	}
	if (events.flags || events.retired_count)
		peer_handle(peer, now_us, &events);
	if (!opened.keepalive && !frame_is(opened.packet, opened.length)) {
		if (path)
			path_delivered(path, length);
		deliver(peer, now_us, ecn, opened.packet, opened.length);
	} else if (!opened.keepalive && path && peer_is_engine(peer)) {
		reach_frame(peer, now_us, path, opened.packet, opened.length);
	}
	settle(peer, now_us);
}

/* --- time --- */

static uint64_t poll_session(struct peer *peer, uint64_t now_us)
{
	struct session *session = &peer->tunnel.session;
	struct session_events events;

	if (peer->rest_us > now_us)
		return peer->rest_us;
	if (peer->rest_us != 0) {
		/* One try, then rest again: the session's own quick retries are passed over. */
		session_want(session, now_us, &events);
		peer_handle(peer, now_us, &events);
		peer->rest_us = now_us + REST_US;
		return peer->rest_us;
	}
	if (session_deadline(session) <= now_us) {
		session_poll(session, now_us, &events);
		peer_handle(peer, now_us, &events);
	}
	return peer->rest_us ? peer->rest_us : session_deadline(session);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void peer_poll(struct peer *peer, uint64_t now_us)
{
	uint64_t due = poll_session(peer, now_us);

	due = earlier(due, reach_poll(peer, now_us));
	due = earlier(due, expire_pings(peer, now_us));
	update_state(peer, now_us);
	if (peer->state == DATAPLANE_PEER_CONNECTING)
		due = earlier(due, peer->trying_us + FAILED_AFTER_US);
	/* A dead session is noticed even where nothing is sent: at instants common to all peers, so
	 * that one wake-up serves them all. */
	if (peer->state == DATAPLANE_PEER_CONNECTED)
		due = earlier(due, (now_us / SEEN_AFTER_US + 1) * SEEN_AFTER_US);
	if (due < now_us + CLOCK_MS)
		due = now_us + CLOCK_MS;
	schedule_set(&peer->tunnel.context->schedule, &peer->tunnel, due);
}
