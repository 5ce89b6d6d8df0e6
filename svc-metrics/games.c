#include "svc-metrics/games.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define RETRY_S 60

static uint64_t duration_of(const struct metrics_session *session, uint64_t wall_s)
{
	uint64_t end_s = session->ended_s == METRICS_UNKNOWN ? wall_s : session->ended_s;

	return end_s > session->started_s ? end_s - session->started_s : 0;
}

/* ---- to and from the archive */

/* Malformed bytes end the list: what was read stays. */
static void unpack_standings(struct game *game, const uint8_t *bytes, size_t length)
{
	game->standings = calloc(METRICS_SESSION_PEERS_MAX, sizeof(*game->standings));
	while (game->standings && length > 0 && game->n_standings < METRICS_SESSION_PEERS_MAX) {
		ssize_t n = standing_unpack(&game->standings[game->n_standings], bytes, length);

		if (n < 0)
			break;
		game->n_standings++;
		bytes += n;
		length -= (size_t)n;
	}
}

static void take_game(void *data, const struct archive_session *session)
{
	struct game *game = data;

	*game = (struct game){.session = session->session};
	unpack_standings(game, session->peers, session->peers_length);
}

static int store(struct games *games, struct game *game)
{
	struct archive_session session = {.session = game->session};
	uint8_t *bytes = malloc(METRICS_SESSION_PEERS_MAX * STANDING_BYTES_MAX);
	int r;

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < game->n_standings; i++)
		session.peers_length +=
			standing_pack(&game->standings[i], bytes + session.peers_length);
	session.peers = bytes;
	r = archive_set_session(games->archive, &session);
	game->session.id = session.session.id;
	free(bytes);
	return r;
}

static int store_now(struct games *games, struct game *game, uint64_t wall_s)
{
	int r = archive_begin(games->archive, wall_s);

	if (r == 0)
		(void)store(games, game);
	return archive_commit(games->archive);
}

int games_store(struct games *games)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < games->n; i++)
		r = store(games, &games->running[i]);
	return r;
}

static void take_running(void *data, const struct archive_session *session)
{
	struct games *games = data;

	if (games->n < METRICS_SESSIONS_RUNNING_MAX)
		take_game(&games->running[games->n++], session);
}

void games_init(struct games *games, struct archive *archive)
{
	*games = (struct games){.archive = archive};
	(void)archive_each_running(archive, take_running, games);
	if (games->n)
		log_info("sessions: %zu that were running go on", games->n);
}

void games_deinit(struct games *games)
{
	for (size_t i = 0; i < games->n; i++)
		free(games->running[i].standings);
	games->n = 0;
}

/* ---- looks */

static struct standing *standing_of(struct game *game, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	size_t place = 0;

	while (place < game->n_standings &&
	       memcmp(game->standings[place].public_key, key, DATAPLANE_KEY_SIZE) < 0)
		place++;
	if (place < game->n_standings &&
	    memcmp(game->standings[place].public_key, key, DATAPLANE_KEY_SIZE) == 0)
		return &game->standings[place];
	if (!game->standings || game->n_standings == METRICS_SESSION_PEERS_MAX)
		return NULL;
	memmove(&game->standings[place + 1], &game->standings[place],
		(game->n_standings++ - place) * sizeof(*game->standings));
	standing_init(&game->standings[place], key);
	return &game->standings[place];
}

/* It runs on until its end is stored: one that nobody has any more would never end. */
static int end(struct games *games, size_t i, uint64_t wall_s)
{
	struct game *game = &games->running[i], ended = *game;
	size_t size = game->n_standings * sizeof(*game->standings);
	uint64_t latest_s = game->session.started_s + METRICS_SESSION_S_MAX;
	int r;

	ended.session.ended_s = wall_s < latest_s ? wall_s : latest_s;
	ended.standings = malloc(size + 1);
	if (!ended.standings)
		return -ENOMEM;
	for (size_t k = 0; k < ended.n_standings; k++) {
		ended.standings[k] = game->standings[k];
		standing_end(&ended.standings[k]);
	}
	r = store_now(games, &ended, wall_s);
	free(ended.standings);
	if (r < 0)
		return r;
	free(game->standings);
	games->running[i] = games->running[--games->n];
	return 0;
}

static void end_the_old(struct games *games, uint64_t wall_s)
{
	for (size_t i = games->n; i-- > 0;) {
		struct game *game = &games->running[i];

		if (duration_of(&game->session, wall_s) > METRICS_SESSION_S_MAX &&
		    wall_s >= game->retry_s && end(games, i, wall_s) < 0)
			game->retry_s = wall_s + RETRY_S;
	}
}

void games_add_peers(struct games *games, const struct peers *peers, uint64_t now_us,
		     uint64_t wall_s)
{
	end_the_old(games, wall_s);
	for (size_t i = 0; i < games->n; i++)
		for (size_t k = 0; k < peers->n; k++) {
			const struct peers_entry *entry = peers->list[k];
			struct standing *standing = NULL;

			if (entry->now_us == now_us && entry->now.state == METRICS_PEER_CONNECTED)
				standing = standing_of(&games->running[i], entry->public_key);
			if (standing)
				standing_add(standing, &entry->now);
		}
}

/* ---- answers */

static int fill(struct metrics_session *out, const struct game *game, uint64_t wall_s)
{
	*out = game->session;
	out->duration_s = duration_of(&game->session, wall_s);
	out->n_peers = 0;
	out->peers = calloc(game->n_standings + 1, sizeof(*out->peers));
	if (!out->peers)
		return -ENOMEM;
	for (; out->n_peers < game->n_standings; out->n_peers++)
		out->peers[out->n_peers] = standing_result(&game->standings[out->n_peers]);
	return 0;
}

static size_t find(const struct games *games, uint64_t id)
{
	size_t i = 0;

	while (i < games->n && games->running[i].session.id != id)
		i++;
	return i;
}

int games_start(struct games *games, const struct metrics_game *game, uint64_t wall_s,
		struct metrics_session *session)
{
	struct game started = {
		.session = {.game = *game, .started_s = wall_s, .ended_s = METRICS_UNKNOWN}};
	int r;

	memset(session, 0, sizeof(*session));
	if (games->n == METRICS_SESSIONS_RUNNING_MAX)
		return -EBUSY;
	started.standings = calloc(METRICS_SESSION_PEERS_MAX, sizeof(*started.standings));
	r = started.standings ? store_now(games, &started, wall_s) : -ENOMEM;
	if (r < 0) {
		free(started.standings);
		return r;
	}
	games->running[games->n++] = started;
	return fill(session, &started, wall_s);
}

int games_get(struct games *games, uint64_t id, uint64_t wall_s, struct metrics_session *session)
{
	size_t i = find(games, id);
	struct game game = {0};
	int r;

	memset(session, 0, sizeof(*session));
	if (i < games->n)
		return fill(session, &games->running[i], wall_s);
	r = archive_get_session(games->archive, id, take_game, &game);
	if (r == 0)
		r = fill(session, &game, wall_s);
	free(game.standings);
	return r;
}

/* One of a file that could not be opened when this process began. */
static void take_up(struct games *games, uint64_t id)
{
	struct game game = {0};

	if (games->n == METRICS_SESSIONS_RUNNING_MAX ||
	    archive_get_session(games->archive, id, take_game, &game) < 0)
		return;
	if (game.session.ended_s == METRICS_UNKNOWN)
		games->running[games->n++] = game;
	else
		free(game.standings);
}

int games_end(struct games *games, uint64_t id, uint64_t wall_s, struct metrics_session *session)
{
	size_t i = find(games, id);
	int r = 0;

	memset(session, 0, sizeof(*session));
	if (i == games->n)
		take_up(games, id);
	if (i < games->n)
		r = end(games, i, wall_s);
	return r < 0 ? r : games_get(games, id, wall_s, session);
}

static void take_row(void *data, const struct archive_session *session)
{
	struct metrics_sessions *sessions = data;

	sessions->sessions[sessions->n_sessions++] = session->session;
}

int games_list(struct games *games, const struct metrics_page *page, uint64_t wall_s,
	       struct metrics_sessions *sessions)
{
	int r;

	memset(sessions, 0, sizeof(*sessions));
	sessions->sessions = calloc(page->limit + 1, sizeof(*sessions->sessions));
	if (!sessions->sessions)
		return -ENOMEM;
	r = archive_each_session(games->archive, page->limit, page->offset, &sessions->total,
				 take_row, sessions);
	for (size_t i = 0; i < sessions->n_sessions; i++)
		sessions->sessions[i].duration_s = duration_of(&sessions->sessions[i], wall_s);
	return r;
}
