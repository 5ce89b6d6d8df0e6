/* announce.h - keeps the others informed of where this member can be reached.
 *
 * An announcement is made when the party was entered, when the own candidates, relays, distances or
 * what is shared changed, when the party's key did, at every new session with the server, and long
 * before the last one expires. Each one has a new sequence number. At most ten a second, and one at
 * a time: the next waits for the server's answer. While the server is away it goes to the members
 * through the tunnel (gossip.h).
 */
#ifndef LANRAGE_CONTROL_ANNOUNCE_H
#define LANRAGE_CONTROL_ANNOUNCE_H

#include "common/loop.h"
#include "svc-control/announcement.h"
#include "svc-control/complaint.h"

#define ANNOUNCE_INTERVAL_MS 100
#define ANNOUNCE_RENEW_MS    (6u * 3600u * 1000u)

struct control;

struct announce {
	struct loop_timer timer;
	uint64_t next_us;
	bool pending; /* the timer is for the next one, not for renewing */
	bool asking;  /* the server has not answered the last one */
	bool again;   /* something changed meanwhile */
	struct complaint complaint;
	size_t shared_length;
	uint8_t shared[CONTROL_SHARED_MAX];
};

void announce_init(struct control *control);
void announce_deinit(struct control *control);
/* Announces as soon as the rate allows; nothing without lease or key. */
void announce_soon(struct control *control);
/* CONTROL_SET_SHARED: goes with the announcements from now on. */
void announce_share(struct control *control, const struct control_shared *shared);
/* The last word to the other members: this one leaves. */
void announce_farewell(struct control *control);

#endif
