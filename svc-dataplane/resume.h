/* resume.h - what a restarted dataplane carries on with before anybody has spoken to it.
 *
 * Party and plan are kept as the encoded bodies they came in, and so is a plan of our own making:
 * the endpoints at which peers answer now. At the start they are merged into one desired state for
 * the engine, with the endpoints that worked first in the list of candidates, so that initiations
 * go there at once.
 *
 * It also runs the timestamp mark ahead of the engine: the mark on disk is always a minute or more
 * beyond what is in use, and is moved on from the service thread, so that the packet thread does
 * not wait for a disk.
 */
#ifndef LANRAGE_DATAPLANE_RESUME_H
#define LANRAGE_DATAPLANE_RESUME_H

#include <pthread.h>
#include <stdbool.h>

#include "svc-dataplane/codec.h"
#include "svc-dataplane/keystore.h"

#define RESUME_AHEAD_S 120 /* how far the stored mark runs ahead of the engine's */

struct resume {
	struct keystore keystore;
	struct {
		uint8_t *bytes;
		size_t length;
	} stored[KEYSTORE_BODIES]; /* as on disk, so that only changes are written */

	pthread_mutex_t mutex; /* both threads may move the mark */
	uint64_t mark_s;       /* on disk */
};

void resume_init(struct resume *resume, const char *directory);
void resume_clear(struct resume *resume);

/* Writes a body unless that is what is stored. Failures are logged: the running state is right. */
void resume_save(struct resume *resume, enum keystore_body which, const uint8_t *body,
		 size_t length);
/* Stores where peers answer, from a snapshot. */
void resume_save_paths(struct resume *resume, const struct dataplane_state *state);
/* Reads what was stored. Each is to be cleared; -ENOENT when there is nothing usable. */
int resume_party(struct resume *resume, struct dataplane_party *party);
int resume_plan(struct resume *resume, struct dataplane_plan *plan);

/* The mark of the process before, for engine_new(), and stores one to work with. */
uint64_t resume_mark(struct resume *resume, uint64_t now_s);
/* On any thread: makes sure that `until` is on disk. True when it is getting close, and
 * resume_advance() should be called on the service thread. */
bool resume_reserve(struct resume *resume, uint64_t until_s);
void resume_advance(struct resume *resume, uint64_t until_s);

#endif
