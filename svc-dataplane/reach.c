#include "svc-dataplane/reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define PLAYING_US     (10 * CLOCK_SECOND)
#define RETRY_HEARD_US (2 * CLOCK_SECOND)
#define FORGET_PATH_US (60 * CLOCK_SECOND)
#define SINGLE_TRIES   3 /* unanswered initiations after which the one path counts as lost */
#define PATH_TEXT_SIZE (DATAPLANE_NAME_MAX + ADDR_TEXT_SIZE)
#define REPORT_US      (60 * CLOCK_MS) /* between reports of the same silence */
#define LOSSY_PERMILLE 10
#define BETTER_FOR_US  (10 * CLOCK_SECOND)
#define EXCUSE_US      (500 * CLOCK_MS) /* what waited in the socket is of before */

/* --- which paths there are --- */

struct path *reach_active(struct peer *peer)
{
	return peer->active == PATH_NONE ? NULL : &peer->paths[peer->active];
}

static bool is_active(const struct peer *peer, const struct path *path)
{
	return peer->active == path - peer->paths;
}

static struct path *find_direct(struct peer *peer, const struct addr *endpoint)
{
	for (size_t i = 0; i < peer->n_paths; i++)
		if (peer->paths[i].kind == DATAPLANE_PATH_DIRECT &&
		    addr_equal(&peer->paths[i].endpoint, endpoint))
			return &peer->paths[i];
	return NULL;
}

static struct path *find_relay(struct peer *peer, const struct relaylink *relay)
{
	for (size_t i = 0; i < peer->n_paths; i++)
		if (peer->paths[i].relay == relay)
			return &peer->paths[i];
	return NULL;
}

struct path *reach_find(struct peer *peer, const struct addr *from)
{
	struct path *path = reach_active(peer);
	const struct relaylink *relay;

	if (path && path->kind == DATAPLANE_PATH_DIRECT && addr_equal(&path->endpoint, from))
		return path;
	relay = relaylink_at(peer->tunnel.context, from);
	return relay ? find_relay(peer, relay) : find_direct(peer, from);
}

static void remove_path(struct peer *peer, size_t at)
{
	size_t last = --peer->n_paths;

	peer->second = PATH_NONE; /* until the next poll */
	if (peer->active == (ptrdiff_t)at)
		peer->active = PATH_NONE;
	else if (peer->active == (ptrdiff_t)last)
		peer->active = (ptrdiff_t)at;
	peer->paths[at] = peer->paths[last];
}

static bool is_spare(const struct peer *peer, const struct path *path)
{
	return !path->planned && !is_active(peer, path) && path->state != DATAPLANE_PATH_WORKING;
}

/* Frees the place of the least promising path that nobody asked for. */
static bool make_room(struct peer *peer)
{
	size_t oldest = SIZE_MAX;

	for (size_t i = 0; i < peer->n_paths; i++)
		if (is_spare(peer, &peer->paths[i]) &&
		    (oldest == SIZE_MAX ||
		     peer->paths[i].receive_us < peer->paths[oldest].receive_us))
			oldest = i;
	if (oldest == SIZE_MAX)
		return false;
	remove_path(peer, oldest);
	return true;
}

static void refresh_usable(struct peer *peer, struct path *path, uint64_t now_us)
{
	bool usable = relaylink_forwards(path->relay) && peer->number != 0 &&
		      !path_is_blocked(path, now_us);

	if (usable && !path->usable)
		path_retry(path, now_us);
	else if (!usable && path->state == DATAPLANE_PATH_WORKING)
		path_set_state(path, DATAPLANE_PATH_DEAD, now_us);
	path->usable = usable;
}

static struct path *add_path(struct peer *peer, uint64_t now_us, struct relaylink *relay,
			     const struct addr *endpoint, enum dataplane_path_origin origin)
{
	struct path *path;

	if (peer->n_paths == peer->max_paths && !make_room(peer))
		return NULL;
	path = &peer->paths[peer->n_paths++];
	path_init(path, peer->next_path_id++, relay ? DATAPLANE_PATH_RELAY : DATAPLANE_PATH_DIRECT,
		  origin);
	path->relay = relay;
	if (relay)
		refresh_usable(peer, path, now_us);
	else
		path->endpoint = *endpoint;
	path->owed = true;
	return path;
}

struct path *reach_source(struct peer *peer, uint64_t now_us, const struct addr *from)
{
	struct path *path = reach_find(peer, from);

	if (path)
		return path;
	return add_path(peer, now_us, relaylink_at(peer->tunnel.context, from), from,
			DATAPLANE_ORIGIN_PEER);
}

static int reserve_paths(struct peer *peer, size_t count)
{
	struct path *paths;

	if (count > DATAPLANE_PATHS_MAX)
		count = DATAPLANE_PATHS_MAX;
	if (count <= peer->max_paths)
		return 0;
	paths = realloc(peer->paths, count * sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	peer->paths = paths;
	peer->max_paths = count;
	return 0;
}

/* --- what is wanted --- */

static void add_credit(struct peer *peer)
{
	peer->probe_credit += REACH_CREDIT;
	if (peer->probe_credit > REACH_CREDIT_MAX)
		peer->probe_credit = REACH_CREDIT_MAX;
}

static void plan_direct(struct peer *peer, uint64_t now_us, const struct addr *endpoint)
{
	struct path *path = find_direct(peer, endpoint);

	if (!path && addr_is_sendable(endpoint) && endpoint->port != 0) {
		path = add_path(peer, now_us, NULL, endpoint, DATAPLANE_ORIGIN_PLAN);
		add_credit(peer);
		peer->paths_changed_us = now_us;
	}
	if (path)
		path->planned = true;
}

static void plan_relay(struct peer *peer, uint64_t now_us, const uint8_t *key, bool first)
{
	struct relaylink *relay = relaylink_find(peer->tunnel.context, key);
	struct path *path = relay ? find_relay(peer, relay) : NULL;

	if (!path && relay)
		path = add_path(peer, now_us, relay, NULL, DATAPLANE_ORIGIN_PLAN);
	if (path) {
		path->planned = true;
		path->first = first;
	}
}

/* The plan no longer names them and nothing speaks for them. */
static void drop_unplanned(struct peer *peer)
{
	for (size_t i = peer->n_paths; i-- > 0;)
		if (is_spare(peer, &peer->paths[i]) &&
		    peer->paths[i].origin == DATAPLANE_ORIGIN_PLAN)
			remove_path(peer, i);
}

int reach_set_plan(struct peer *peer, uint64_t now_us, const struct dataplane_peer_plan *plan)
{
	size_t before = peer->next_path_id;

	for (size_t i = 0; i < peer->n_paths; i++)
		peer->paths[i].planned = peer->paths[i].first = false;
	if (plan && reserve_paths(peer, plan->n_candidates + plan->n_relays + PEER_SPARE_PATHS) < 0)
		return -ENOMEM;
	/* Known ones are marked before new ones are added, which may push out unmarked ones. */
	for (int round = 0; plan && round < 2; round++) {
		for (size_t i = 0; i < plan->n_relays; i++)
			plan_relay(peer, now_us, plan->relays[i], i == 0);
		for (size_t i = 0; i < plan->n_candidates; i++)
			plan_direct(peer, now_us, &plan->candidates[i]);
	}
	drop_unplanned(peer);
	if (peer->next_path_id != before)
		peer->rest_us = 0;
	tunnel_due(&peer->tunnel, now_us);
	return 0;
}

int reach_set_endpoint(struct peer *peer, uint64_t now_us, const struct addr *endpoint)
{
	struct path *path = find_direct(peer, endpoint);

	if (!path)
		path = add_path(peer, now_us, NULL, endpoint, DATAPLANE_ORIGIN_UAPI);
	if (!path)
		return -ENOMEM;
	peer->active = path - peer->paths;
	tunnel_due(&peer->tunnel, now_us);
	return 0;
}

void reach_drop_relay(struct peer *peer, const struct relaylink *relay)
{
	for (size_t i = peer->n_paths; i-- > 0;)
		if (peer->paths[i].relay == relay)
			remove_path(peer, i);
}

bool reach_uses_relay(const struct peer *peer, const struct relaylink *relay)
{
	for (size_t i = 0; i < peer->n_paths; i++) {
		const struct path *path = &peer->paths[i];

		if (path->relay == relay && path->state == DATAPLANE_PATH_WORKING &&
		    (is_active(peer, path) || path->peer_active))
			return true;
	}
	return false;
}

void reach_unbound(struct peer *peer, uint64_t now_us, const struct relaylink *relay)
{
	struct path *path = find_relay(peer, relay);

	/* One packet sent before the last block began may still be answered after it. */
	if (!path || path_is_blocked(path, now_us))
		return;
	path_block(path, now_us);
	tunnel_due(&peer->tunnel, now_us);
}

void reach_retry(struct peer *peer, uint64_t now_us)
{
	for (size_t i = 0; i < peer->n_paths; i++) {
		if (peer->paths[i].state == DATAPLANE_PATH_WORKING)
			continue;
		path_retry(&peer->paths[i], now_us);
		add_credit(peer);
	}
	peer->paths_changed_us = now_us;
}

void reach_reset(struct peer *peer, uint64_t now_us)
{
	for (size_t i = 0; i < peer->n_paths; i++) {
		struct path *path = &peer->paths[i];

		path_set_state(path, DATAPLANE_PATH_UNTRIED, now_us);
		probe_window_reset(&path->probes);
		path->heard = false;
		path->proven_us = 0;
		path->streak = 0;
	}
	if (peer_is_engine(peer))
		peer->active = PATH_NONE;
	tunnel_due(&peer->tunnel, now_us);
}

/* --- sending --- */

bool reach_send(struct peer *peer, uint64_t now_us, struct path *path,
		const struct outgoing *outgoing)
{
	const struct addr *to = &path->endpoint;

	if (path->relay) {
		if (!relaylink_forwards(path->relay) || peer->number == 0)
			return false;
		to = &path->relay->endpoint;
		message_tag_set(outgoing->message, path->relay->slot, peer->number);
	} else if (!path_admit(path, now_us)) {
		return false;
	}
	path_sent(path, outgoing->length, outgoing->data, now_us);
	context_send(peer->tunnel.context, to, outgoing->ecn, outgoing->message, outgoing->length);
	return true;
}

static void send_initiation(struct peer *peer, uint64_t now_us, struct path *path,
			    const struct message_initiation *message)
{
	struct message_initiation copy = *message;
	const struct outgoing outgoing = {(uint8_t *)&copy, sizeof(copy), false, 0};

	path->owed = path->relay && !path->usable;
	if (path->owed)
		return;
	cookie_jar_stamp(&path->jar, now_us, &copy, sizeof(copy));
	reach_send(peer, now_us, path, &outgoing);
}

void reach_initiate(struct peer *peer, uint64_t now_us, const struct message_initiation *message)
{
	uint32_t tries = peer->tunnel.session.timers.attempt_count;
	struct path *active = reach_active(peer);

	if (!peer_is_engine(peer) && active && tries >= SINGLE_TRIES &&
	    active->state == DATAPLANE_PATH_WORKING)
		path_set_state(active, DATAPLANE_PATH_TRYING, now_us);
	/* The renewal of a session that works needs no crowd. */
	if (active && active->state == DATAPLANE_PATH_WORKING && tries <= 1) {
		send_initiation(peer, now_us, active, message);
		return;
	}
	for (size_t i = 0; i < peer->n_paths; i++)
		send_initiation(peer, now_us, &peer->paths[i], message);
}

void reach_initiate_path(struct peer *peer, uint64_t now_us, struct path *path)
{
	const struct message_initiation *message = session_initiation(&peer->tunnel.session);

	if (message)
		send_initiation(peer, now_us, path, message);
	else
		path->owed = false;
}

/* --- choosing --- */

static const char *path_text(const struct path *path, char text[PATH_TEXT_SIZE])
{
	char address[ADDR_TEXT_SIZE];

	if (!path)
		snprintf(text, PATH_TEXT_SIZE, "none");
	else if (path->relay)
		snprintf(text, PATH_TEXT_SIZE, "relay %s", path->relay->name);
	else
		snprintf(text, PATH_TEXT_SIZE, "direct %s", addr_format(&path->endpoint, address));
	return text;
}

static void log_switch(const struct peer *peer, const struct path *from, const struct path *to,
		       enum path_reason reason)
{
	char old[PATH_TEXT_SIZE], new[PATH_TEXT_SIZE], why[32];
	uint32_t missed = from ? probe_window_missed(&from->probes) : 0;

	snprintf(why, sizeof(why), "%s", path_reason_text(reason));
	if (reason == PATH_LOST && from->relay && !from->usable)
		snprintf(why, sizeof(why), "not bound there");
	else if (reason == PATH_LOST && from->hole)
		snprintf(why, sizeof(why), "it loses long packets");
	else if (reason == PATH_LOST && from->reported)
		snprintf(why, sizeof(why), "nothing arrives, says the peer");
	else if (reason == PATH_LOST && missed > 0)
		snprintf(why, sizeof(why), "%u probes lost", missed);
	log_info("peer %s: path %s -> %s: %s", peer_label(peer), path_text(from, old),
		 path_text(to, new), why);
}

/* The one place where the active path moves. */
static void switch_path(struct peer *peer, uint64_t now_us, ptrdiff_t to, enum path_reason reason)
{
	struct path *old = reach_active(peer);
	struct path *new = &peer->paths[to];

	log_switch(peer, old, new, reason);
	if (old) {
		peer->path_changes++;
		old->unanswered_us = 0;
		if (old->relay && !old->planned)
			old->probe_us = 0; /* tells the peer that we have gone */
		if (reason == PATH_BETTER)
			path_hold(old, now_us);
	}
	new->unanswered_us = 0;
	peer->active = to;
	peer->second = PATH_NONE;
	peer->paths_changed_us = now_us;
	if (reason >= PATH_UPGRADE && reason != PATH_PLANNED)
		peer->optimised_us = now_us;
	context_changed(peer->tunnel.context, DATAPLANE_EVENT_PEER, tunnel_key(&peer->tunnel));
}

/* A busy moment is no reason to leave a direct path for a relay: what is better must be so for a
 * while. */
static bool is_lasting(struct peer *peer, const struct path_choice *choice, uint64_t now_us)
{
	if (choice->reason != PATH_BETTER ||
	    peer->paths[choice->path].kind != DATAPLANE_PATH_RELAY ||
	    peer->paths[peer->active].kind != DATAPLANE_PATH_DIRECT) {
		peer->better_us = 0;
		return true;
	}
	if (peer->better_us == 0)
		peer->better_us = now_us;
	return now_us - peer->better_us >= BETTER_FOR_US;
}

static void choose(struct peer *peer, uint64_t now_us)
{
	struct path_choice choice =
		path_choose(peer->paths, peer->n_paths, peer->active, peer->optimised_us, now_us);
	bool lasting = is_lasting(peer, &choice, now_us);

	if (choice.path != peer->active && lasting)
		switch_path(peer, now_us, choice.path, choice.reason);
}

/* A relay may forward to us what is left of an earlier binding, before the plan names it: then its
 * address looks like the peer's own. */
static void become_relayed(struct peer *peer, uint64_t now_us, struct path *path,
			   struct relaylink *relay)
{
	char old[PATH_TEXT_SIZE], new[PATH_TEXT_SIZE];

	path_text(path, old);
	path->kind = DATAPLANE_PATH_RELAY;
	path->relay = relay;
	path->planned = true; /* the next plan says otherwise, if so */
	path->origin = DATAPLANE_ORIGIN_PLAN;
	refresh_usable(peer, path, now_us);
	log_info("peer %s: path %s -> %s: it is that relay's address", peer_label(peer), old,
		 path_text(path, new));
	peer->second = PATH_NONE;
	context_changed(peer->tunnel.context, DATAPLANE_EVENT_PEER, tunnel_key(&peer->tunnel));
}

/* Of the two the one that has been measured stays. */
static void merge_relay(struct peer *peer, uint64_t now_us, struct relaylink *relay)
{
	for (size_t i = 0; i < relay->n_endpoints; i++) {
		struct path *path = find_direct(peer, &relay->endpoints[i]);
		struct path *known = find_relay(peer, relay);

		if (path && known && is_active(peer, known)) {
			remove_path(peer, (size_t)(path - peer->paths));
			continue;
		}
		if (path && known) {
			remove_path(peer, (size_t)(known - peer->paths));
			path = find_direct(peer, &relay->endpoints[i]);
		}
		if (path)
			become_relayed(peer, now_us, path, relay);
	}
}

void reach_relay_changed(struct peer *peer, uint64_t now_us, struct relaylink *relay)
{
	if (peer_is_engine(peer) && relaylink_forwards(relay))
		merge_relay(peer, now_us, relay);
	if (find_relay(peer, relay))
		tunnel_due(&peer->tunnel, now_us);
}

void reach_follow(struct peer *peer, uint64_t now_us, struct path *path)
{
	if (!is_active(peer, path))
		switch_path(peer, now_us, path - peer->paths,
			    peer->active == PATH_NONE ? PATH_FIRST : PATH_FOLLOW);
}

/* --- two at a time --- */

/* The best path beside the active one, rather of another kind: what breaks one spares the other. */
static ptrdiff_t second_path(const struct peer *peer)
{
	ptrdiff_t best = PATH_NONE;

	if (peer->active == PATH_NONE)
		return PATH_NONE;
	for (size_t i = 0; i < peer->n_paths; i++) {
		const struct path *path = &peer->paths[i];
		bool other = path->kind != peer->paths[peer->active].kind;
		bool best_other = best != PATH_NONE &&
				  peer->paths[best].kind != peer->paths[peer->active].kind;

		if (is_active(peer, path) || !path_works(path))
			continue;
		if (best == PATH_NONE || (other && !best_other) ||
		    (other == best_other && path_score(path) < path_score(&peer->paths[best])))
			best = (ptrdiff_t)i;
	}
	return best;
}

static bool wants_double(const struct peer *peer, uint64_t now_us)
{
	const struct path *active = &peer->paths[peer->active];
	uint32_t loss = probe_window_loss(&active->probes, false);

	switch (peer->tunnel.context->doubling) {
	case DATAPLANE_DOUBLING_ON: return true;
	case DATAPLANE_DOUBLING_OFF: return false;
	default: break;
	}
	return now_us < peer->alarm_until_us || active->state != DATAPLANE_PATH_WORKING ||
	       probe_window_missed(&active->probes) > 0 || path_is_suspect(active, now_us) ||
	       (loss != DATAPLANE_UNKNOWN && loss >= LOSSY_PERMILLE);
}

/* Decided here, so that a packet need not look at paths. */
static void choose_second(struct peer *peer, uint64_t now_us)
{
	peer->second = PATH_NONE;
	if (peer->active != PATH_NONE && wants_double(peer, now_us))
		peer->second = second_path(peer);
}

void reach_double(struct peer *peer, uint64_t now_us, const struct outgoing *outgoing)
{
	uint8_t copy[REACH_DOUBLE_MAX + MESSAGE_DATA_OVERHEAD];
	struct outgoing second = {copy, outgoing->length, false, outgoing->ecn};

	if (peer->second == PATH_NONE || outgoing->length > sizeof(copy) ||
	    !bucket_take(&peer->doubles, REACH_DOUBLES, now_us))
		return;
	/* the first one waits to be sent, with its own tag */
	memcpy(copy, outgoing->message, outgoing->length);
	message_tag_clear(copy);
	reach_send(peer, now_us, &peer->paths[peer->second], &second);
}

static void raise_alarm(struct peer *peer, uint64_t now_us)
{
	peer->alarm_until_us = now_us + PATH_ALARM_US;
	for (size_t i = 0; i < peer->n_paths; i++)
		peer->paths[i].probe_us = 0; /* now */
	add_credit(peer);
	choose_second(peer, now_us);
	tunnel_due(&peer->tunnel, now_us);
}

/* Everywhere, as the peer cannot be asked which way works. */
void reach_moved(struct peer *peer, uint64_t now_us)
{
	const struct frame report = {.type = FRAME_REPORT, .report.kind = FRAME_REPORT_MOVED};

	if (!peer_is_engine(peer))
		return;
	raise_alarm(peer, now_us);
	for (size_t i = 0; i < peer->n_paths; i++)
		if (peer->paths[i].state == DATAPLANE_PATH_WORKING)
			peer_send_frame(peer, now_us, &peer->paths[i], &report, 0);
}

void reach_excuse(struct peer *peer, uint64_t now_us)
{
	peer->excused_us = now_us + EXCUSE_US;
	for (size_t i = 0; i < peer->n_paths; i++)
		path_excuse(&peer->paths[i], now_us);
}

/* Tells the peer, by another way, that its stream has stopped. */
static void report_silence(struct peer *peer, uint64_t now_us, struct path *path)
{
	const struct frame report = {.type = FRAME_REPORT,
				     .report = {path->peer_id, FRAME_REPORT_SILENT}};

	if (!path_is_quiet(path, now_us) || now_us - path->reported_us < REPORT_US)
		return;
	path->reported_us = now_us;
	for (size_t i = 0; i < peer->n_paths; i++)
		if (&peer->paths[i] != path && path_works(&peer->paths[i]))
			peer_send_frame(peer, now_us, &peer->paths[i], &report, 0);
}

/* --- hearing --- */

static void heard_engine(struct peer *peer, uint64_t now_us, struct path *path, bool proof)
{
	const struct path *active;

	if (proof)
		path_prove(path, now_us);
	else if (path->state != DATAPLANE_PATH_WORKING &&
		 (path->tried_us == 0 || now_us - path->tried_us > RETRY_HEARD_US))
		path_retry(path, now_us);
	active = reach_active(peer);
	if (!active || active->state != DATAPLANE_PATH_WORKING)
		choose(peer, now_us);
	if (path->state != DATAPLANE_PATH_WORKING)
		tunnel_due(&peer->tunnel, now_us);
}

void reach_heard(struct peer *peer, uint64_t now_us, struct path *path, size_t length, bool proof)
{
	path_received(path, length, now_us);
	if (path->relay && !path->usable) {
		path->blocked_until_us = 0; /* who sends through the relay is bound there */
		refresh_usable(peer, path, now_us);
	}
	if (proof && !path->relay)
		context_good_note(peer->tunnel.context, &path->endpoint);
	if (peer_is_engine(peer)) {
		heard_engine(peer, now_us, path, proof);
		return;
	}
	if (proof || session_can_send(&peer->tunnel.session, now_us))
		path_prove(path, now_us);
	reach_follow(peer, now_us, path);
}

static void answer_probe(struct peer *peer, uint64_t now_us, struct path *path,
			 const struct frame *probe)
{
	struct frame reply = *probe;

	path->peer_id = probe->probe.path;
	path->peer_active = probe->probe.flags & FRAME_PROBE_ACTIVE;
	if (!bucket_take(&path->replies, PATH_REPLIES, now_us))
		return;
	reply.type = FRAME_PROBE_REPLY;
	memcpy(reply.probe.data, path->rx_data, sizeof(reply.probe.data));
	/* Through a relay we see the relay's address, which tells the peer nothing. */
	reply.probe.observed = path->endpoint;
	peer_send_frame(peer, now_us, path, &reply, 0);
}

static void answer_pings(struct peer *peer, uint64_t now_us, const struct path *path,
			 uint32_t sequence)
{
	struct context *context = peer->tunnel.context;

	for (size_t i = 0; i < PEER_PINGS; i++) {
		struct peer_ping *ping = &peer->pings[i];
		struct dataplane_probe_result result = {.kind = path->kind};

		if (ping->sent_us == 0 || ping->path != path->id || ping->sequence != sequence)
			continue;
		result.rtt_us = (uint32_t)(now_us - ping->sent_us);
		result.endpoint = path->relay ? path->relay->endpoint : path->endpoint;
		if (path->relay)
			memcpy(result.relay, tunnel_key(&path->relay->tunnel),
			       sizeof(result.relay));
		ping->sent_us = 0;
		context->ops.probed(context->ops.data, ping->cookie, 0, &result);
	}
}

static void probe_answered(struct peer *peer, uint64_t now_us, struct path *path,
			   const struct frame_probe *reply)
{
	/* It must come back by the path it went; else it proves nothing about either. */
	if (reply->path != path->id)
		return;
	answer_pings(peer, now_us, path, reply->sequence);
	if (!path_probe_answered(path, reply->sequence, now_us))
		return;
	if (path_audit_end(path, reply->sequence, reply->data) && is_active(peer, path))
		choose(peer, now_us);
	if (!path->relay) {
		context_good_note(peer->tunnel.context, &path->endpoint);
		context_observed(peer->tunnel.context, &reply->observed, now_us);
	}
	if (!is_active(peer, path))
		tunnel_due(&peer->tunnel, now_us);
}

/* The other end's word decides only where there is another way: a path that is wrongly left comes
 * back by its own answers. */
static void take_report(struct peer *peer, uint64_t now_us, const struct frame_report *report)
{
	struct path *path = reach_active(peer);

	if (report->kind == FRAME_REPORT_MOVED)
		raise_alarm(peer, now_us);
	else if (now_us >= peer->excused_us && path && path->id == report->path &&
		 second_path(peer) != PATH_NONE && path_reported_silent(path, now_us))
		choose(peer, now_us);
	tunnel_due(&peer->tunnel, now_us);
}

void reach_frame(struct peer *peer, uint64_t now_us, struct path *path, const uint8_t *packet,
		 size_t length)
{
	struct frame frame;

	if (frame_parse(&frame, packet, length) < 0)
		return;
	if (frame.type == FRAME_PROBE)
		answer_probe(peer, now_us, path, &frame);
	else if (frame.type == FRAME_PROBE_REPLY)
		probe_answered(peer, now_us, path, &frame.probe);
	else if (frame.type == FRAME_NOTE)
		peer_note(peer, now_us, &frame.note);
	else if (frame.type == FRAME_REPORT)
		take_report(peer, now_us, &frame.report);
}

/* --- time --- */

uint32_t reach_probe(struct peer *peer, uint64_t now_us, struct path *path)
{
	struct frame frame = {.type = FRAME_PROBE};

	path->probe_us = now_us;
	frame.probe.path = path->id;
	frame.probe.sequence = probe_window_sent(&path->probes, now_us);
	frame.probe.flags = is_active(peer, path) ? FRAME_PROBE_ACTIVE : 0;
	memcpy(frame.probe.data, path->rx_data, sizeof(frame.probe.data));
	path_audit_begin(path, frame.probe.sequence);
	peer_send_frame(peer, now_us, path, &frame, path_probe_padding(path));
	if (path->relay && probe_window_missed(&path->probes) > 0)
		relaylink_nudge(path->relay, now_us);
	return frame.probe.sequence;
}

static bool take_probe(struct peer *peer, const struct path *path, uint64_t now_us)
{
	if (bucket_take(&peer->probe_bucket, REACH_PROBES, now_us))
		return true;
	if (path->proven_us != 0 || peer->probe_credit == 0)
		return false;
	peer->probe_credit--;
	return true;
}

static struct path_pace peer_pace(const struct peer *peer, uint64_t now_us)
{
	return (struct path_pace){
		.playing = peer->data_us != 0 && now_us - peer->data_us < PLAYING_US,
		.alarm = now_us < peer->alarm_until_us,
		.changed_us = peer->paths_changed_us,
	};
}

/* Returns when this path wants attention again. */
static uint64_t probe_path(struct peer *peer, uint64_t now_us, struct path *path)
{
	struct path_pace pace = peer_pace(peer, now_us);
	bool active = is_active(peer, path) || path->peer_active;
	uint64_t due = path_probe_due_us(path, active, &pace, now_us);
	uint64_t judge;

	if (due <= now_us) {
		if (!take_probe(peer, path, now_us))
			return now_us + bucket_wait_us(&peer->probe_bucket, REACH_PROBES, now_us);
		reach_probe(peer, now_us, path);
		due = path_probe_due_us(path, active, &pace, now_us);
	}
	judge = path_judge_due_us(path, active, now_us);
	return judge < due ? judge : due;
}

static uint64_t probe_all(struct peer *peer, uint64_t now_us)
{
	uint64_t due = CLOCK_NEVER;
	ptrdiff_t active = peer->active;

	if (active != PATH_NONE)
		due = probe_path(peer, now_us, &peer->paths[active]);
	for (size_t i = 0; i < peer->n_paths; i++) {
		size_t at = (peer->probe_turn + i) % peer->n_paths;
		uint64_t path_due;

		if ((ptrdiff_t)at == active)
			continue;
		path_due = probe_path(peer, now_us, &peer->paths[at]);
		due = path_due < due ? path_due : due;
	}
	peer->probe_turn++;
	return due;
}

/* Relays come and go; what waited for one goes out when it is there. */
static uint64_t refresh_relays(struct peer *peer, uint64_t now_us)
{
	uint64_t due = CLOCK_NEVER;

	for (size_t i = 0; i < peer->n_paths; i++) {
		struct path *path = &peer->paths[i];

		if (path->relay)
			refresh_usable(peer, path, now_us);
		if (path->owed && path->usable)
			reach_initiate_path(peer, now_us, path);
		if (path_is_blocked(path, now_us) && path->blocked_until_us < due)
			due = path->blocked_until_us;
	}
	return due;
}

static void forget_one(struct peer *peer, uint64_t now_us)
{
	for (size_t i = 0; i < peer->n_paths; i++) {
		const struct path *path = &peer->paths[i];

		if (!is_spare(peer, path) || path->state != DATAPLANE_PATH_DEAD ||
		    now_us - path->died_us < FORGET_PATH_US)
			continue;
		remove_path(peer, i);
		return;
	}
}

/* True when something died of it and nothing is left. */
static bool judge_all(struct peer *peer, uint64_t now_us)
{
	struct path_pace pace = peer_pace(peer, now_us);
	bool died = false, working = false;

	for (size_t i = 0; i < peer->n_paths; i++) {
		struct path *path = &peer->paths[i];
		bool worked = path->state == DATAPLANE_PATH_WORKING;

		died |= path_judge(path, is_active(peer, path), &pace, now_us) && worked;
		report_silence(peer, now_us, path);
		working |= path->state == DATAPLANE_PATH_WORKING;
	}
	return died && !working;
}

uint64_t reach_poll(struct peer *peer, uint64_t now_us)
{
	uint64_t due = refresh_relays(peer, now_us);
	uint64_t probe_due;
	bool lost;

	if (!peer_is_engine(peer))
		return due;
	forget_one(peer, now_us);
	lost = judge_all(peer, now_us);
	choose(peer, now_us);
	choose_second(peer, now_us);
	/* Perhaps the other side has restarted and has no keys: a handshake tells. */
	if (lost)
		peer_connect(peer, now_us);
	if (!session_can_send(&peer->tunnel.session, now_us))
		return due;
	probe_due = probe_all(peer, now_us);
	return probe_due < due ? probe_due : due;
}
