/* session_codec.c - the part of codec.h that is about game sessions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pb.h"
#include "common/text.h"
#include "metrics.pb-c.h"
#include "svc-metrics/codec.h"

#define SMALL_BUDGET (64u << 10)
#define LIST_BUDGET  (1u << 20)

/* ---- wishes */

static bool take_game(const Lanrage__Metrics__Game *message, struct metrics_game *game)
{
	return message && pb_take_text(message->game, game->game, sizeof(game->game)) &&
	       pb_take_text(message->server, game->server, sizeof(game->server)) &&
	       text_is_name(game->game, sizeof(game->game));
}

static void game_view(const struct metrics_game *game, Lanrage__Metrics__Game *message)
{
	lanrage__metrics__game__init(message);
	message->game = pb_view_text(game->game);
	message->server = pb_view_text(game->server);
}

ssize_t metrics_game_encode(const struct metrics_game *game, uint8_t **bytes)
{
	Lanrage__Metrics__Game message;

	game_view(game, &message);
	return pb_pack(&message.base, bytes);
}

int metrics_game_decode(struct metrics_game *game, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Game *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__metrics__game__descriptor, bytes, length);
	bool good;

	memset(game, 0, sizeof(*game));
	good = take_game(message, game);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t metrics_id_encode(const struct metrics_id *id, uint8_t **bytes)
{
	Lanrage__Metrics__Id message = LANRAGE__METRICS__ID__INIT;

	message.id = id->id;
	return pb_pack(&message.base, bytes);
}

int metrics_id_decode(struct metrics_id *id, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Id *message =
		pb_unpack(&memory, SMALL_BUDGET, &lanrage__metrics__id__descriptor, bytes, length);

	id->id = message ? message->id : 0;
	pb_free(&memory);
	return id->id ? 0 : -EBADMSG;
}

ssize_t metrics_page_encode(const struct metrics_page *page, uint8_t **bytes)
{
	Lanrage__Metrics__Page message = LANRAGE__METRICS__PAGE__INIT;

	message.limit = page->limit;
	message.offset = page->offset;
	return pb_pack(&message.base, bytes);
}

int metrics_page_decode(struct metrics_page *page, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Page *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__metrics__page__descriptor, bytes, length);
	bool good = message && message->limit <= METRICS_SESSIONS_MAX;

	*page = (struct metrics_page){0};
	if (good)
		*page = (struct metrics_page){.limit = message->limit, .offset = message->offset};
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

/* ---- one session */

struct session_message {
	Lanrage__Metrics__Session session;
	Lanrage__Metrics__Game game;
	Lanrage__Metrics__SessionPeer *peers; /* NULL where the session has none */
	Lanrage__Metrics__SessionPeer **list;
};

static void session_peer_view(const struct metrics_session_peer *peer,
			      Lanrage__Metrics__SessionPeer *message)
{
	lanrage__metrics__session_peer__init(message);
	message->public_key = pb_view(peer->public_key, sizeof(peer->public_key));
	message->samples = peer->samples;
	message->rtt_us = peer->rtt_us;
	message->rtt_min_us = peer->rtt_min_us;
	message->rtt_max_us = peer->rtt_max_us;
	message->rtt_p95_us = peer->rtt_p95_us;
	message->jitter_us = peer->jitter_us;
	message->loss_permille = peer->loss_permille;
	message->quality = peer->quality;
}

/* Without its peers. */
static void session_view(const struct metrics_session *session, struct session_message *message)
{
	lanrage__metrics__session__init(&message->session);
	game_view(&session->game, &message->game);
	message->session.id = session->id;
	message->session.game = &message->game;
	message->session.started_s = session->started_s;
	message->session.ended_s = session->ended_s;
	message->session.duration_s = session->duration_s;
}

ssize_t metrics_session_encode(const struct metrics_session *session, uint8_t **bytes)
{
	struct session_message message;
	ssize_t n = -ENOMEM;

	session_view(session, &message);
	message.peers = calloc(session->n_peers + 1, sizeof(*message.peers));
	message.list = calloc(session->n_peers + 1, sizeof(*message.list));
	if (message.peers && message.list) {
		for (size_t i = 0; i < session->n_peers; i++) {
			session_peer_view(&session->peers[i], &message.peers[i]);
			message.list[i] = &message.peers[i];
		}
		message.session.n_peers = session->n_peers;
		message.session.peers = message.list;
		n = pb_pack(&message.session.base, bytes);
	}
	free(message.peers);
	free(message.list);
	return n;
}

static bool take_session_peer(const Lanrage__Metrics__SessionPeer *message,
			      struct metrics_session_peer *peer)
{
	peer->samples = message->samples;
	peer->rtt_us = message->rtt_us;
	peer->rtt_min_us = message->rtt_min_us;
	peer->rtt_max_us = message->rtt_max_us;
	peer->rtt_p95_us = message->rtt_p95_us;
	peer->jitter_us = message->jitter_us;
	peer->loss_permille = message->loss_permille;
	peer->quality = message->quality;
	return pb_take(&message->public_key, peer->public_key, sizeof(peer->public_key)) &&
	       (message->loss_permille <= 1000 ||
		message->loss_permille == METRICS_UNKNOWN_PERMILLE) &&
	       (message->quality <= 100 || message->quality == METRICS_UNKNOWN_SCORE);
}

static bool take_session(const Lanrage__Metrics__Session *message, struct metrics_session *session)
{
	if (!take_game(message->game, &session->game) || message->id == 0 ||
	    message->n_peers > METRICS_SESSION_PEERS_MAX)
		return false;
	session->id = message->id;
	session->started_s = message->started_s;
	session->ended_s = message->ended_s;
	session->duration_s = message->duration_s;
	session->peers =
		message->n_peers ? calloc(message->n_peers, sizeof(*session->peers)) : NULL;
	if (message->n_peers && !session->peers)
		return false;
	for (size_t i = 0; i < message->n_peers; i++)
		if (!take_session_peer(message->peers[i], &session->peers[session->n_peers++]))
			return false;
	return true;
}

int metrics_session_decode(struct metrics_session *session, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Session *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__metrics__session__descriptor, bytes, length);
	bool good;

	memset(session, 0, sizeof(*session));
	good = message && take_session(message, session);
	pb_free(&memory);
	if (!good)
		metrics_session_clear(session);
	return good ? 0 : -EBADMSG;
}

void metrics_session_clear(struct metrics_session *session)
{
	free(session->peers);
	memset(session, 0, sizeof(*session));
}

/* ---- a page of them */

ssize_t metrics_sessions_encode(const struct metrics_sessions *sessions, uint8_t **bytes)
{
	Lanrage__Metrics__Sessions message = LANRAGE__METRICS__SESSIONS__INIT;
	struct session_message *items = calloc(sessions->n_sessions + 1, sizeof(*items));
	Lanrage__Metrics__Session **list = calloc(sessions->n_sessions + 1, sizeof(*list));
	ssize_t n = -ENOMEM;

	if (items && list) {
		for (size_t i = 0; i < sessions->n_sessions; i++) {
			session_view(&sessions->sessions[i], &items[i]);
			list[i] = &items[i].session;
		}
		message.total = sessions->total;
		message.n_sessions = sessions->n_sessions;
		message.sessions = list;
		n = pb_pack(&message.base, bytes);
	}
	free(items);
	free(list);
	return n;
}

static bool take_sessions(const Lanrage__Metrics__Sessions *message,
			  struct metrics_sessions *sessions)
{
	if (message->n_sessions > METRICS_SESSIONS_MAX)
		return false;
	sessions->total = message->total;
	sessions->sessions = calloc(message->n_sessions + 1, sizeof(*sessions->sessions));
	if (!sessions->sessions)
		return false;
	for (size_t i = 0; i < message->n_sessions; i++)
		if (message->sessions[i]->n_peers > 0 ||
		    !take_session(message->sessions[i],
				  &sessions->sessions[sessions->n_sessions++]))
			return false;
	return true;
}

int metrics_sessions_decode(struct metrics_sessions *sessions, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Sessions *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__metrics__sessions__descriptor, bytes, length);
	bool good;

	memset(sessions, 0, sizeof(*sessions));
	good = message && take_sessions(message, sessions);
	pb_free(&memory);
	if (!good)
		metrics_sessions_clear(sessions);
	return good ? 0 : -EBADMSG;
}

void metrics_sessions_clear(struct metrics_sessions *sessions)
{
	free(sessions->sessions);
	memset(sessions, 0, sizeof(*sessions));
}
