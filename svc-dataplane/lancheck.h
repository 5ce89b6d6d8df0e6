/* lancheck.h - does LAN discovery work? Asked the way a game asks.
 *
 * A datagram to 255.255.255.255, by whatever route this machine has; every member answers to where
 * it came from. So it goes all the way of a game's: capture, members, their kernels, and back to a
 * socket that is bound to nothing.
 *
 *    | "LANrage?" or "LANrage!" | nonce: 8 bytes |        UDP port LANCHECK_PORT
 *
 * A member answers while its own LAN discovery is on. Both sides are ordinary sockets on the
 * service thread.
 */
#ifndef LANRAGE_DATAPLANE_LANCHECK_H
#define LANRAGE_DATAPLANE_LANCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bucket.h"
#include "common/loop.h"
#include "svc-dataplane/codec.h"

#define LANCHECK_PORT	 8669
#define LANCHECK_SIZE	 16
#define LANCHECK_TRIES	 3
#define LANCHECK_MS	 300 /* between tries, and after the last */
#define LANCHECK_ANSWERS BUCKET_PER_SECOND(20, 40)

struct lancheck {
	struct loop *loop;
	bool serving;
	int answer_fd, ask_fd; /* valid while serving, while tries is not 0 */
	struct loop_poll answer_poll, ask_poll;
	struct bucket answers;

	struct loop_timer timer;
	unsigned tries;
	uint8_t nonce[8];
	uint64_t asked_us; /* the first */
	struct dataplane_lan_check result;
	uint32_t heard[DATAPLANE_MEMBERS_MAX];
	void (*done)(void *data, const struct dataplane_lan_check *result);
	void *data;
};

/* Answers others from now on, at the interface. Negative errno. */
int lancheck_serve(struct lancheck *check, struct loop *loop, const char *interface);
/* No more; a check under way ends without a word. */
void lancheck_stop(struct lancheck *check);
/* done is called within LANCHECK_TRIES * LANCHECK_MS, as soon as n_members have answered. -EBUSY:
 * one is under way; -EOPNOTSUPP: not serving; another negative errno. */
int lancheck_ask(struct lancheck *check, uint32_t n_members,
		 void (*done)(void *data, const struct dataplane_lan_check *result), void *data);

#endif
