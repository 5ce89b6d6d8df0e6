/* check.h - `lanrage netcheck`: everything that can be known of the network, asked anew.
 *
 * Every server and relay is asked again, how the NAT filters is tested again, and long packets are
 * sent to the first server that answers, from a socket of its own (mtu.h). Whoever asked has the
 * answer as soon as all is known, CHECK_US later at most: what is not known by then is left
 * unknown, and as long as the tunnel's sockets or the servers are not known at all, right after a
 * start, the answer is an error. Who asks meanwhile gets the same answer.
 */
#ifndef LANRAGE_NAT_CHECK_H
#define LANRAGE_NAT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/loop.h"
#include "svc-nat/mtu.h"

#define CHECK_US	(2300 * CLOCK_MS)
#define CHECK_CALLS_MAX 4

struct nat;

struct check {
	size_t n_calls; /* 0: no check under way */
	struct bus_call *calls[CHECK_CALLS_MAX];
	uint64_t began_us;
	struct mtu mtu;
	int fd; /* for mtu; valid while mtu.server is set */
	struct loop_poll poll;
	struct loop_timer timer;
};

/* Takes the call and answers it later; -EBUSY: too many wait already. */
int check_start(struct nat *nat, struct bus_call *call);
/* At the end of each turn: goes on, and answers when all is known. */
void check_turn(struct nat *nat, uint64_t now_us);
/* Without an answer to whoever waits. */
void check_stop(struct nat *nat);

#endif
