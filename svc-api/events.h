/* events.h - live events: readers get the whole state once, and from then on what changes in it.
 *
 * One thread looks at the state (a JSON object) when it is told that something happened, and every
 * EVENTS_TICK_MS in any case; without readers, and unwatched, it sleeps. Each message is one JSON
 * object:
 *     {"type": "snapshot", "sequence": 7, "state": {…}}
 *     {"type": "delta", "sequence": 8, "patch": […]}        RFC 6902, of the state before
 * A reader's first message is a snapshot, and each delta's sequence is one more than that of the
 * message before.
 *
 * Every reader has a thread that writes to it, so a slow one holds up nobody else. Who has
 * EVENTS_BEHIND_MAX messages waiting is dropped: it can come back and begin with a snapshot.
 */
#ifndef LANRAGE_API_EVENTS_H
#define LANRAGE_API_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define EVENTS_TICK_MS	  1500 /* more than the second after which svc-metrics tells of samples */
#define EVENTS_GAP_MS	  20   /* between two looks, however much happens */
#define EVENTS_BEHIND_MAX 16

struct events;
struct events_reader;

struct events_ops {
	/* The state as it is now, the caller's; NULL: it cannot be had, and nothing is told. On the
	 * events' own thread; may wait. */
	json_t *(*look)(void *data);
	/* Writes one message to a reader's connection; false: it is no use any more. May wait. On
	 * the reader's thread. */
	bool (*write)(void *connection, const char *text, size_t length);
	/* Ends a connection, so that a write to it ends too. Must not wait. */
	void (*cut)(void *connection);
	/* While watched: each state, borrowed, before it is told. On the events' own thread; may
	 * wait. NULL: nobody here looks. */
	void (*seen)(void *data, const json_t *state);
	void *data; /* for look and seen */
};

int events_new(struct events **events, const struct events_ops *ops);
/* No more looks; every reader is cut. */
void events_close(struct events *events);
/* After events_close(), and after every reader has left. NULL is allowed. */
void events_free(struct events *events);

/* Something happened. From any thread; costs nothing without readers. */
void events_kick(struct events *events);
/* Whether ops.seen wants to see states: they are then looked at without readers too. From any
 * thread; one call of seen may still be under way after it was switched off. */
void events_watch(struct events *events, bool on);

/* connection is borrowed until events_leave(). NULL: closed, or no memory. */
struct events_reader *events_join(struct events *events, void *connection);
/* Waits for the write in progress; the connection is ended or being ended. NULL is allowed. */
void events_leave(struct events_reader *reader);

#endif
