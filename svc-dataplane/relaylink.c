#include "svc-dataplane/relaylink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-dataplane/frame.h"

#define KEEPALIVE_US	(15 * CLOCK_SECOND)
#define PROBE_EVERY_US	(5 * CLOCK_SECOND)
#define PROBE_SICK_US	(1 * CLOCK_SECOND)
#define NUDGE_LEAST_US	(50 * CLOCK_MS)
#define SILENT_US	(5 * CLOCK_SECOND)
#define AGAIN_US	(15 * CLOCK_SECOND)
#define REFUSED_US	(60 * CLOCK_SECOND)
#define TICKET_LEAST_US (500 * CLOCK_MS)
#define TICKET_MOST_US	(5 * CLOCK_SECOND)

static const char *const state_names[DATAPLANE_RELAY_STATES] = {
	[DATAPLANE_RELAY_CONNECTING] = "connecting",
	[DATAPLANE_RELAY_BOUND] = "bound",
	[DATAPLANE_RELAY_REFUSED] = "refused",
	[DATAPLANE_RELAY_SILENT] = "silent",
};

/* The one transition. */
static void set_state(struct relaylink *link, enum dataplane_relay_state state, const char *reason)
{
	if (link->state == state && strcmp(link->reason, reason) == 0)
		return;
	log_info("relay %s: %s -> %s%s%s", link->name, state_names[link->state], state_names[state],
		 *reason ? ": " : "", reason);
	link->state = state;
	snprintf(link->reason, sizeof(link->reason), "%s", reason);
	link->news.binding = true;
	context_changed(link->tunnel.context, DATAPLANE_EVENT_RELAY, tunnel_key(&link->tunnel));
}

static bool has_endpoint(const struct relaylink *link, const struct addr *address)
{
	for (size_t i = 0; i < link->n_endpoints; i++)
		if (addr_equal(&link->endpoints[i], address))
			return true;
	return false;
}

static void await_answer(struct relaylink *link, uint64_t now_us)
{
	if (link->waiting_us == 0)
		link->waiting_us = now_us;
}

/* --- sending --- */

static void send_initiation(struct relaylink *link, uint64_t now_us, size_t endpoint,
			    const struct message_initiation *initiation)
{
	struct message_initiation copy = *initiation;

	cookie_jar_stamp(&link->jars[endpoint], now_us, &copy, sizeof(copy));
	context_send(link->tunnel.context, &link->endpoints[endpoint], 0, (uint8_t *)&copy,
		     sizeof(copy));
}

/* The first try goes to the preferred endpoint alone, the next ones to both. */
static void initiate(struct relaylink *link, uint64_t now_us)
{
	struct message_initiation initiation;
	bool first = link->tunnel.session.timers.attempt_count == 0 &&
		     has_endpoint(link, &link->endpoint);

	if (tunnel_initiate(&link->tunnel, now_us, &initiation) < 0)
		return;
	for (size_t i = 0; i < link->n_endpoints; i++)
		if (!first || addr_equal(&link->endpoints[i], &link->endpoint))
			send_initiation(link, now_us, i, &initiation);
	await_answer(link, now_us);
}

static void handle(struct relaylink *link, uint64_t now_us, const struct session_events *events);

static void send_plain(struct relaylink *link, uint64_t now_us, const struct frame *frame)
{
	uint8_t message[MESSAGE_DATA_HEADROOM + FRAME_MAX + ENGINE_TAILROOM];
	struct session_events events;
	ptrdiff_t length = 0;

	if (frame)
		length = frame_write(frame, 0, message + MESSAGE_DATA_HEADROOM, FRAME_MAX);
	if (length < 0)
		return;
	length = session_seal(&link->tunnel.session, now_us, message, (size_t)length, ENGINE_MTU,
			      &events);
	if (length > 0)
		context_send(link->tunnel.context, &link->endpoint, 0, message, (size_t)length);
	handle(link, now_us, &events);
}

static void present_ticket(struct relaylink *link, uint64_t now_us)
{
	struct frame frame = {.type = FRAME_TICKET};

	frame.ticket.bytes = link->ticket;
	frame.ticket.length = link->ticket_length;
	link->ticket_due_us = now_us + link->ticket_wait_us;
	link->ticket_wait_us *= 2;
	if (link->ticket_wait_us > TICKET_MOST_US)
		link->ticket_wait_us = TICKET_MOST_US;
	await_answer(link, now_us);
	send_plain(link, now_us, &frame);
}

static void probe(struct relaylink *link, uint64_t now_us)
{
	struct frame frame = {.type = FRAME_PROBE};

	frame.probe.sequence = probe_window_sent(&link->probes, now_us);
	link->probe_us = now_us;
	await_answer(link, now_us);
	send_plain(link, now_us, &frame);
}

void relaylink_nudge(struct relaylink *link, uint64_t now_us)
{
	if (!session_can_send(&link->tunnel.session, now_us) ||
	    now_us - link->probe_us < NUDGE_LEAST_US)
		return;
	probe(link, now_us);
	/* When that is overdue, not when the next would be. */
	tunnel_due(&link->tunnel, now_us);
}

/* --- what the session asks for --- */

static void present_soon(struct relaylink *link, uint64_t due_us)
{
	link->ticket_wait_us = TICKET_LEAST_US;
	link->ticket_due_us = link->ticket_length ? due_us : CLOCK_NEVER;
}

static void handshake_done(struct relaylink *link, uint64_t now_us)
{
	struct context *context = link->tunnel.context;

	link->tunnel.handshake_wall_us = context->ops.wall_us(context->ops.data);
	link->again_us = CLOCK_NEVER;
	if (link->ticket_length == 0) {
		set_state(link, DATAPLANE_RELAY_BOUND, "");
		return;
	}
	present_soon(link, now_us);
	present_ticket(link, now_us);
}

static void handle(struct relaylink *link, uint64_t now_us, const struct session_events *events)
{
	unsigned flags = events->flags;

	tunnel_retire(&link->tunnel, events);
	if (flags & SESSION_FAILED)
		link->again_us = now_us + AGAIN_US;
	if (flags & SESSION_INITIATE)
		initiate(link, now_us);
	if (flags & SESSION_KEEPALIVE)
		send_plain(link, now_us, NULL);
	if (flags & SESSION_READY)
		handshake_done(link, now_us);
}

static void want(struct relaylink *link, uint64_t now_us)
{
	struct session_events events;

	session_want(&link->tunnel.session, now_us, &events);
	handle(link, now_us, &events);
}

/* --- life --- */

int relaylink_new(struct relaylink **link, struct context *context,
		  const struct dataplane_relay *relay)
{
	struct relaylink *new = calloc(1, sizeof(*new));
	int result;

	if (!new)
		return -ENOMEM;
	result = tunnel_init(&new->tunnel, context, TUNNEL_RELAY, relay->public_key, NULL,
			     REPLAY_WINDOW_RELAY);
	if (result < 0) {
		free(new);
		return result;
	}
	new->ticket_due_us = CLOCK_NEVER;
	new->again_us = CLOCK_NEVER;
	*link = new;
	return 0;
}

void relaylink_free(struct relaylink *link)
{
	tunnel_deinit(&link->tunnel);
	free(link);
}

void relaylink_start(struct relaylink *link, uint64_t now_us)
{
	link->accepted = false;
	link->waiting_us = 0;
	set_state(link, DATAPLANE_RELAY_CONNECTING, "");
	session_set_persistent_keepalive(&link->tunnel.session, now_us, KEEPALIVE_US);
	want(link, now_us);
	tunnel_due(&link->tunnel, now_us);
}

/* The plan says that the relay is elsewhere: it learns from us there at once. */
static void move(struct relaylink *link, uint64_t now_us)
{
	const struct message_initiation *pending = session_initiation(&link->tunnel.session);
	bool started = !addr_is_none(&link->endpoint);

	link->endpoint = link->endpoints[0];
	if (!started)
		return;
	for (size_t i = 0; pending && i < link->n_endpoints; i++)
		send_initiation(link, now_us, i, pending);
	if (session_can_send(&link->tunnel.session, now_us))
		probe(link, now_us);
	want(link, now_us);
	tunnel_due(&link->tunnel, now_us);
}

void relaylink_update(struct relaylink *link, uint64_t now_us, const struct dataplane_relay *relay)
{
	bool same_ticket = link->ticket_length == relay->ticket_length &&
			   memcmp(link->ticket, relay->ticket, relay->ticket_length) == 0;

	link->planned = true;
	memcpy(link->name, relay->name, sizeof(link->name));
	if (link->n_endpoints != relay->n_endpoints ||
	    memcmp(link->endpoints, relay->endpoints, sizeof(link->endpoints)) != 0) {
		link->n_endpoints = relay->n_endpoints;
		memcpy(link->endpoints, relay->endpoints, sizeof(link->endpoints));
		memset(link->jars, 0, sizeof(link->jars));
		if (!has_endpoint(link, &link->endpoint))
			move(link, now_us);
	}
	if (same_ticket)
		return;
	link->ticket_length = relay->ticket_length;
	memcpy(link->ticket, relay->ticket, relay->ticket_length);
	if (session_can_send(&link->tunnel.session, now_us)) {
		present_soon(link, now_us);
		tunnel_due(&link->tunnel, now_us);
	}
}

bool relaylink_is_planned(const struct relaylink *link, const struct dataplane_plan *plan)
{
	for (size_t i = 0; i < plan->n_relays; i++)
		if (memcmp(plan->relays[i].public_key, tunnel_key(&link->tunnel),
			   DATAPLANE_KEY_SIZE) == 0)
			return true;
	return false;
}

struct relaylink *relaylink_find(const struct context *context, const uint8_t *key)
{
	for (size_t i = 0; i < context->n_relays; i++)
		if (memcmp(tunnel_key(&context->relays[i]->tunnel), key, DATAPLANE_KEY_SIZE) == 0)
			return context->relays[i];
	return NULL;
}

struct relaylink *relaylink_at(const struct context *context, const struct addr *address)
{
	for (size_t i = 0; i < context->n_relays; i++)
		if (addr_equal(&context->relays[i]->endpoint, address) ||
		    has_endpoint(context->relays[i], address))
			return context->relays[i];
	return NULL;
}

bool relaylink_forwards(const struct relaylink *link)
{
	return link->state == DATAPLANE_RELAY_BOUND && link->accepted;
}

/* --- receiving --- */

/* An authenticated packet: the relay is there, and this is its address. */
static void heard(struct relaylink *link, const struct addr *from, uint64_t now_us)
{
	link->waiting_us = 0;
	link->endpoint = *from;
	context_good_note(link->tunnel.context, from);
	if (link->state == DATAPLANE_RELAY_SILENT) {
		set_state(link, DATAPLANE_RELAY_CONNECTING, "");
		present_soon(link, now_us);
	}
}

static void ticket_answered(struct relaylink *link, uint64_t now_us,
			    const struct frame_ticket_reply *reply)
{
	link->ticket_due_us = CLOCK_NEVER;
	context_observed(link->tunnel.context, &reply->observed, now_us);
	if (reply->status != FRAME_TICKET_ACCEPTED) {
		link->accepted = false;
		present_soon(link, now_us + REFUSED_US);
		link->full = reply->status == FRAME_TICKET_FULL;
		set_state(link, DATAPLANE_RELAY_REFUSED, frame_ticket_status_text(reply->status));
		return;
	}
	link->news.binding |= !link->accepted || link->slot != reply->slot;
	link->accepted = true;
	link->slot = reply->slot;
	set_state(link, DATAPLANE_RELAY_BOUND, "");
}

static void frame_received(struct relaylink *link, uint64_t now_us, const uint8_t *packet,
			   size_t length)
{
	struct frame frame;

	if (frame_parse(&frame, packet, length) < 0)
		return;
	switch (frame.type) {
	case FRAME_PROBE_REPLY:
		if (probe_window_answered(&link->probes, frame.probe.sequence, now_us))
			context_observed(link->tunnel.context, &frame.probe.observed, now_us);
		break;
	case FRAME_TICKET_REPLY: ticket_answered(link, now_us, &frame.ticket_reply); break;
	case FRAME_UNBOUND:
		if (link->accepted && frame.unbound.slot == link->slot)
			link->news.unbound = frame.unbound.number;
		break;
	default: break;
	}
}

void relaylink_data(struct relaylink *link, uint64_t now_us, const struct addr *from,
		    uint8_t *message, size_t length)
{
	struct session_opened opened;
	struct session_events events;

	if (session_open(&link->tunnel.session, now_us, message, length, &opened, &events) < 0)
		return;
	heard(link, from, now_us);
	if (!opened.keepalive && frame_is(opened.packet, opened.length))
		frame_received(link, now_us, opened.packet, opened.length);
	handle(link, now_us, &events);
	tunnel_due(&link->tunnel, now_us);
}

void relaylink_response(struct relaylink *link, uint64_t now_us, const struct addr *from,
			const struct message_response *message)
{
	struct session_events events;

	if (session_accept_response(&link->tunnel.session, now_us, message, &events) < 0)
		return;
	heard(link, from, now_us);
	handle(link, now_us, &events);
	relaylink_nudge(link, now_us);
	tunnel_due(&link->tunnel, now_us);
}

void relaylink_cookie(struct relaylink *link, uint64_t now_us, const struct addr *from,
		      const struct message_cookie *message)
{
	const struct message_initiation *pending = session_initiation(&link->tunnel.session);

	for (size_t i = 0; i < link->n_endpoints; i++) {
		if (!addr_equal(&link->endpoints[i], from))
			continue;
		if (cookie_jar_accept(&link->jars[i], now_us, &link->tunnel.session.remote_macs,
				      message) == 0 &&
		    pending)
			send_initiation(link, now_us, i, pending);
	}
}

/* --- time --- */

static uint64_t probe_due_us(const struct relaylink *link, uint64_t now_us)
{
	if (!session_can_send(&link->tunnel.session, now_us))
		return CLOCK_NEVER;
	return link->probe_us +
	       (probe_window_missed(&link->probes) > 0 ? PROBE_SICK_US : PROBE_EVERY_US);
}

static uint64_t silent_due_us(const struct relaylink *link)
{
	if (link->waiting_us == 0 || link->state == DATAPLANE_RELAY_SILENT)
		return CLOCK_NEVER;
	return link->waiting_us + SILENT_US;
}

static void fall_silent(struct relaylink *link, uint64_t now_us)
{
	link->accepted = false;
	link->ticket_due_us = CLOCK_NEVER;
	set_state(link, DATAPLANE_RELAY_SILENT, "no answer for 5 s");
	want(link, now_us);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void relaylink_poll(struct relaylink *link, uint64_t now_us)
{
	struct session *session = &link->tunnel.session;
	struct session_events events;
	uint64_t due;

	if (session_deadline(session) <= now_us) {
		session_poll(session, now_us, &events);
		handle(link, now_us, &events);
	}
	if (link->again_us <= now_us) {
		link->again_us = CLOCK_NEVER;
		want(link, now_us);
	}
	probe_window_judge(&link->probes, now_us);
	if (silent_due_us(link) <= now_us)
		fall_silent(link, now_us);
	if (session_can_send(session, now_us)) {
		if (link->ticket_due_us <= now_us)
			present_ticket(link, now_us);
		if (probe_due_us(link, now_us) <= now_us)
			probe(link, now_us);
		due = earlier(link->ticket_due_us, probe_due_us(link, now_us));
		due = earlier(due, probe_window_overdue_us(&link->probes, now_us));
	} else {
		due = CLOCK_NEVER;
	}
	due = earlier(due, earlier(link->again_us, silent_due_us(link)));
	due = earlier(due, session_deadline(session));
	/* Never at once again: what could not be done now is tried a little later. */
	if (due < now_us + CLOCK_MS)
		due = now_us + CLOCK_MS;
	schedule_set(&link->tunnel.context->schedule, &link->tunnel, due);
}

void relaylink_excuse(struct relaylink *link, uint64_t now_us)
{
	probe_window_excuse(&link->probes);
	if (link->waiting_us)
		link->waiting_us = now_us;
}

void relaylink_status(const struct relaylink *link, uint64_t now_us,
		      struct dataplane_relay_status *status)
{
	memset(status, 0, sizeof(*status));
	memcpy(status->public_key, tunnel_key(&link->tunnel), DATAPLANE_KEY_SIZE);
	memcpy(status->name, link->name, sizeof(status->name));
	memcpy(status->reason, link->reason, sizeof(status->reason));
	status->state = link->state;
	status->endpoint = link->endpoint;
	status->rtt_us = link->probes.srtt_us ? link->probes.srtt_us : DATAPLANE_UNKNOWN;
	status->handshake_age_us = tunnel_handshake_age_us(&link->tunnel, now_us);
	status->full = link->state == DATAPLANE_RELAY_REFUSED && link->full;
	status->unanswered = probe_window_missed(&link->probes) > 0;
}
