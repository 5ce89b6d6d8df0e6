#include "svc-dataplane/resume.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

void resume_init(struct resume *resume, const char *directory)
{
	memset(resume, 0, sizeof(*resume));
	keystore_init(&resume->keystore, directory);
	pthread_mutex_init(&resume->mutex, NULL);
}

static void forget(struct resume *resume, enum keystore_body which)
{
	/* A party holds preshared keys. */
	if (resume->stored[which].bytes)
		sodium_memzero(resume->stored[which].bytes, resume->stored[which].length);
	free(resume->stored[which].bytes);
	resume->stored[which].bytes = NULL;
	resume->stored[which].length = 0;
}

void resume_clear(struct resume *resume)
{
	for (int i = 0; i < KEYSTORE_BODIES; i++)
		forget(resume, (enum keystore_body)i);
	pthread_mutex_destroy(&resume->mutex);
}

/* ---- bodies ---- */

void resume_save(struct resume *resume, enum keystore_body which, const uint8_t *body,
		 size_t length)
{
	static struct log_limit failures;
	uint8_t *copy;
	int result;

	if (resume->stored[which].bytes && resume->stored[which].length == length &&
	    (length == 0 || memcmp(resume->stored[which].bytes, body, length) == 0))
		return;
	result = keystore_save(&resume->keystore, which, body, length);
	forget(resume, which);
	if (result < 0) {
		if (log_limit_pass(&failures, clock_now_us(), 60 * CLOCK_SECOND))
			log_err("state: cannot write to %s: %s", resume->keystore.directory,
				strerror(-result));
		return;
	}
	copy = malloc(length ? length : 1);
	if (copy && length)
		memcpy(copy, body, length);
	resume->stored[which].bytes = copy;
	resume->stored[which].length = copy ? length : 0;
}

/* Keeps the bytes, to know later what is on disk. -ENOENT. */
static int load(struct resume *resume, enum keystore_body which)
{
	forget(resume, which);
	return keystore_load(&resume->keystore, which, &resume->stored[which].bytes,
			     &resume->stored[which].length);
}

static bool is_working(const struct dataplane_path *path)
{
	return path->kind == DATAPLANE_PATH_DIRECT && path->state == DATAPLANE_PATH_WORKING;
}

static void add_candidate(struct dataplane_peer_plan *peer, const struct addr *endpoint)
{
	for (size_t i = 0; i < peer->n_candidates; i++) {
		if (addr_equal(&peer->candidates[i], endpoint))
			return;
	}
	if (peer->n_candidates < DATAPLANE_CANDIDATES_MAX && addr_is_sendable(endpoint))
		peer->candidates[peer->n_candidates++] = *endpoint;
}

static void keep_peer(struct dataplane_plan *paths, const struct dataplane_peer *peer)
{
	struct dataplane_peer_plan *kept = &paths->peers[paths->n_peers];

	memcpy(kept->public_key, peer->public_key, sizeof(kept->public_key));
	if (peer->active_path >= 0 && is_working(&peer->paths[peer->active_path]))
		add_candidate(kept, &peer->paths[peer->active_path].endpoint);
	for (size_t i = 0; i < peer->n_paths; i++) {
		if (is_working(&peer->paths[i]))
			add_candidate(kept, &peer->paths[i].endpoint);
	}
	if (kept->n_candidates)
		paths->n_peers++;
}

void resume_save_paths(struct resume *resume, const struct dataplane_state *state)
{
	struct dataplane_plan paths = {0};
	uint8_t *body = NULL;
	ssize_t length;

	paths.peers = calloc(state->n_peers ? state->n_peers : 1, sizeof(*paths.peers));
	if (!paths.peers)
		return;
	for (size_t i = 0; i < state->n_peers && paths.n_peers < DATAPLANE_MEMBERS_MAX; i++)
		keep_peer(&paths, &state->peers[i]);
	length = dataplane_plan_encode(&paths, &body);
	if (length >= 0)
		resume_save(resume, KEYSTORE_PATHS, body, (size_t)length);
	free(body);
	dataplane_plan_clear(&paths);
}

int resume_party(struct resume *resume, struct dataplane_party *party)
{
	int result = load(resume, KEYSTORE_PARTY);

	if (result == 0)
		result = dataplane_party_decode(party, resume->stored[KEYSTORE_PARTY].bytes,
						resume->stored[KEYSTORE_PARTY].length);
	if (result == -EBADMSG)
		log_warning("state: the stored party is of another version: ignored");
	return result < 0 ? -ENOENT : 0;
}

static struct dataplane_peer_plan *plan_peer(struct dataplane_plan *plan,
					     const uint8_t key[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < plan->n_peers; i++) {
		if (memcmp(plan->peers[i].public_key, key, DATAPLANE_KEY_SIZE) == 0)
			return &plan->peers[i];
	}
	return NULL;
}

/* What worked comes first; what was planned follows as far as there is room. */
static void merge_peer(struct dataplane_peer_plan *planned,
		       const struct dataplane_peer_plan *worked)
{
	struct dataplane_peer_plan merged = *planned;

	merged.n_candidates = 0;
	for (size_t i = 0; i < worked->n_candidates; i++)
		add_candidate(&merged, &worked->candidates[i]);
	for (size_t i = 0; i < planned->n_candidates; i++)
		add_candidate(&merged, &planned->candidates[i]);
	*planned = merged;
}

static void merge(struct dataplane_plan *plan, const struct dataplane_plan *paths)
{
	size_t room = plan->n_peers + paths->n_peers;
	struct dataplane_peer_plan *grown =
		realloc(plan->peers, (room ? room : 1) * sizeof(*plan->peers));

	if (!grown)
		return;
	plan->peers = grown;
	for (size_t i = 0; i < paths->n_peers; i++) {
		struct dataplane_peer_plan *planned = plan_peer(plan, paths->peers[i].public_key);

		if (planned)
			merge_peer(planned, &paths->peers[i]);
		else if (plan->n_peers < DATAPLANE_MEMBERS_MAX)
			plan->peers[plan->n_peers++] = paths->peers[i];
	}
}

static int load_plan(struct resume *resume, enum keystore_body which, struct dataplane_plan *plan)
{
	int result = load(resume, which);

	memset(plan, 0, sizeof(*plan));
	if (result == 0)
		result = dataplane_plan_decode(plan, resume->stored[which].bytes,
					       resume->stored[which].length);
	if (result == -EBADMSG)
		log_warning("state: the stored plan is of another version: ignored");
	return result;
}

int resume_plan(struct resume *resume, struct dataplane_plan *plan)
{
	struct dataplane_plan paths;
	bool any = load_plan(resume, KEYSTORE_PLAN, plan) == 0;

	if (load_plan(resume, KEYSTORE_PATHS, &paths) == 0) {
		merge(plan, &paths);
		dataplane_plan_clear(&paths);
		any = true;
	}
	return any ? 0 : -ENOENT;
}

/* ---- the mark ---- */

/* With the mutex held. */
static void move_mark(struct resume *resume, uint64_t until_s)
{
	int result;

	if (until_s <= resume->mark_s)
		return;
	result = keystore_reserve(&resume->keystore, until_s);
	if (result < 0)
		log_err("state: cannot store the timestamp mark in %s: %s",
			resume->keystore.directory, strerror(-result));
	/* Asking again for every packet would make a full disk worse. */
	resume->mark_s = until_s;
}

uint64_t resume_mark(struct resume *resume, uint64_t now_s)
{
	uint64_t before = keystore_reserved(&resume->keystore);

	resume->mark_s = before;
	resume_advance(resume, before > now_s ? before : now_s);
	return before;
}

bool resume_reserve(struct resume *resume, uint64_t until_s)
{
	bool close;

	pthread_mutex_lock(&resume->mutex);
	move_mark(resume, until_s);
	close = resume->mark_s - until_s < RESUME_AHEAD_S / 2;
	pthread_mutex_unlock(&resume->mutex);
	return close;
}

void resume_advance(struct resume *resume, uint64_t until_s)
{
	pthread_mutex_lock(&resume->mutex);
	move_mark(resume, until_s + RESUME_AHEAD_S);
	pthread_mutex_unlock(&resume->mutex);
}
