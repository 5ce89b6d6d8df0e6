/* dispatch.c - what may be asked of svc-metrics, by whom, and which function answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-metrics/query.h"
#include "svc-metrics/service.h"

#define MALFORMED "the request is malformed"

/* ---- this machine */

static void on_get_system(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct metrics *metrics = data;
	struct metrics_system system = metrics->sampler.current;
	uint8_t *bytes = NULL;
	ssize_t n;

	(void)body;
	(void)length;
	if (metrics->sampler.sampled_us == 0) {
		bus_reply_error(call, -EAGAIN, "nothing measured yet; ask again in a second");
		return;
	}
	system.age_us = clock_now_us() - metrics->sampler.sampled_us;
	n = metrics_system_encode(&system, &bytes);
	bus_reply_encoded(call, n, bytes);
}

static struct span span_itself(const void *sample)
{
	struct span span;

	memcpy(&span, sample, sizeof(span));
	return span;
}

static void on_get_system_history(void *data, struct bus_call *call, const uint8_t *body,
				  size_t length)
{
	const struct metrics *metrics = data;
	struct query_source source = {.archive = metrics->archive,
				      .track = &metrics->recorder.system,
				      .recent = &metrics->system,
				      .span_of = span_itself,
				      .since_s = metrics->recorder.since_s};
	struct metrics_system_history history = {0};
	struct query_bucket *buckets = NULL;
	struct metrics_wish wish;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (metrics_wish_decode(&wish, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, MALFORMED);
		return;
	}
	n = query_run(&source, &wish, clock_now_us(), clock_wall_us(), &buckets);
	history.buckets = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*history.buckets));
	for (; history.buckets && history.n_buckets < (size_t)n; history.n_buckets++)
		history.buckets[history.n_buckets] =
			query_bucket_of_system(&buckets[history.n_buckets]);
	if (n >= 0)
		n = history.buckets ? metrics_system_history_encode(&history, &bytes) : -ENOMEM;
	free(buckets);
	metrics_system_history_clear(&history);
	bus_reply_encoded(call, n, bytes);
}

/* ---- the peers */

static void on_get_peers(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct metrics *metrics = data;
	struct metrics_peers peers;
	uint8_t *bytes = NULL;
	ssize_t n = peers_list(&metrics->peers, clock_now_us(), &peers);

	(void)body;
	(void)length;
	peers.sessions_running = (uint32_t)metrics->games.n;
	if (n == 0)
		n = metrics_peers_encode(&peers, &bytes);
	metrics_peers_clear(&peers);
	bus_reply_encoded(call, n, bytes);
}

static void on_get_peer(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct metrics *metrics = data;
	struct metrics_peer_detail detail;
	struct metrics_key key;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (metrics_key_decode(&key, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, MALFORMED);
		return;
	}
	n = peers_get(&metrics->peers, key.public_key, clock_now_us(), &detail);
	if (n == -ENOENT) {
		bus_reply_error(call, -ENOENT, "this peer was not measured in the last hour");
		return;
	}
	if (n == 0)
		n = metrics_peer_detail_encode(&detail, &bytes);
	metrics_peer_detail_clear(&detail);
	bus_reply_encoded(call, n, bytes);
}

static struct span span_of(const void *sample)
{
	return span_of_sample(sample);
}

/* What of a peer is not on disk yet; NULL: nothing. */
static const struct track *track_of(const struct metrics *metrics, const struct peers_entry *entry)
{
	if (!entry || entry->track.block.start_s != metrics->recorder.start_s)
		return NULL;
	return &entry->track;
}

static ssize_t query_peer(const struct metrics *metrics, const struct metrics_wish *wish,
			  struct query_bucket **buckets)
{
	const struct peers_entry *entry = peers_find(&metrics->peers, wish->public_key);
	struct query_source source = {.archive = metrics->archive,
				      .key = wish->public_key,
				      .track = track_of(metrics, entry),
				      .recent = entry ? &entry->recent : NULL,
				      .span_of = span_of,
				      .since_s = metrics->recorder.since_s};

	return query_run(&source, wish, clock_now_us(), clock_wall_us(), buckets);
}

static void on_get_peer_history(void *data, struct bus_call *call, const uint8_t *body,
				size_t length)
{
	struct metrics_peer_history history = {0};
	struct query_bucket *buckets = NULL;
	struct metrics_wish wish;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (metrics_wish_decode(&wish, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, MALFORMED);
		return;
	}
	n = query_peer(data, &wish, &buckets);
	history.buckets = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*history.buckets));
	for (; history.buckets && history.n_buckets < (size_t)n; history.n_buckets++)
		history.buckets[history.n_buckets] =
			query_bucket_of_peer(&buckets[history.n_buckets]);
	if (n >= 0)
		n = history.buckets ? metrics_peer_history_encode(&history, &bytes) : -ENOMEM;
	free(buckets);
	metrics_peer_history_clear(&history);
	bus_reply_encoded(call, n, bytes);
}

/* ---- game sessions */

static const char *session_trouble(int r)
{
	switch (r) {
	case -ENOENT: return "there is no such game session; `lanrage sessions` lists them";
	case -EBUSY: return "as many game sessions are running as may; end one of them";
	case -ENOSPC: return "the game session cannot be stored; free disk space";
	default: return strerror(-r);
	}
}

/* r: how it went so far. */
static void reply_session(struct bus_call *call, int r, struct metrics_session *session)
{
	uint8_t *bytes = NULL;
	ssize_t n;

	if (r < 0) {
		bus_reply_error(call, r, session_trouble(r));
		return;
	}
	n = metrics_session_encode(session, &bytes);
	metrics_session_clear(session);
	bus_reply_encoded(call, n, bytes);
}

static void on_start_session(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct metrics *metrics = data;
	struct metrics_session session;
	struct metrics_game game;

	if (metrics_game_decode(&game, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, "game: must be a name of at most 63 bytes");
		return;
	}
	reply_session(call,
		      games_start(&metrics->games, &game, clock_wall_us() / CLOCK_SECOND, &session),
		      &session);
}

static void answer_session(struct metrics *metrics, struct bus_call *call, const uint8_t *body,
			   size_t length,
			   int (*act)(struct games *games, uint64_t id, uint64_t wall_s,
				      struct metrics_session *session))
{
	struct metrics_session session;
	struct metrics_id id;

	if (metrics_id_decode(&id, body, length) < 0)
		bus_reply_error(call, -EBADMSG, MALFORMED);
	else
		reply_session(call,
			      act(&metrics->games, id.id, clock_wall_us() / CLOCK_SECOND, &session),
			      &session);
}

static void on_end_session(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	answer_session(data, call, body, length, games_end);
}

static void on_get_session(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	answer_session(data, call, body, length, games_get);
}

static void on_get_sessions(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct metrics *metrics = data;
	struct metrics_sessions sessions;
	struct metrics_page page;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (metrics_page_decode(&page, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, MALFORMED);
		return;
	}
	n = games_list(&metrics->games, &page, clock_wall_us() / CLOCK_SECOND, &sessions);
	if (n == 0)
		n = metrics_sessions_encode(&sessions, &bytes);
	metrics_sessions_clear(&sessions);
	bus_reply_encoded(call, n, bytes);
}

#define API BUS_FROM(SERVICE_API)

const struct bus_method metrics_methods[] = {
	{METRICS_GET_SYSTEM, API, on_get_system},
	{METRICS_GET_SYSTEM_HISTORY, API, on_get_system_history},
	{METRICS_GET_PEERS, API, on_get_peers},
	{METRICS_GET_PEER, API, on_get_peer},
	{METRICS_GET_PEER_HISTORY, API, on_get_peer_history},
	{METRICS_START_SESSION, API, on_start_session},
	{METRICS_END_SESSION, API, on_end_session},
	{METRICS_GET_SESSION, API, on_get_session},
	{METRICS_GET_SESSIONS, API, on_get_sessions},
	{0, 0, NULL},
};
