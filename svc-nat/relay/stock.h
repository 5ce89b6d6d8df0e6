/* stock.h - whom packets without a tag are for: what stock and kernel WireGuard send.
 *
 * Such a packet names its receiver only by an index that the receiver chose itself. Two members may
 * choose the same index, and anybody may write any index, so an index means something only for the
 * one member that was given it:
 *
 *     S --- type 1, sender i --> D     recorded: what D sends to i is for S       (5 s)
 *     S <-- type 2, sender j,
 *           receiver i --------- D     learned:  what D sends to i is for S, and
 *                                                what S sends to j is for D       (a key's life)
 *     S <-- type 3, receiver i - D     for S, teaches nothing
 *
 * Both tables are keyed by (who sends, receiver index), are fixed in size, and lose what is nearest
 * its end first. An entry that would have to mean two members means none until it ends.
 * Engines' tagged handshakes are recorded as well: the other end may be a stock peer.
 */
#ifndef LANRAGE_NAT_RELAY_STOCK_H
#define LANRAGE_NAT_RELAY_STOCK_H

#include <stdint.h>

#include "common/clock.h"

#define STOCK_PENDING_US (5 * CLOCK_SECOND)
/* No keypair lives longer than 180 s; the two ends and the relay count from different moments. */
#define STOCK_LEARNED_US (190 * CLOCK_SECOND)

struct stock;
int stock_new(struct stock **stock);
void stock_free(struct stock *stock);

/* Bindings are named by number. A type 1 on its way: */
void stock_initiation(struct stock *stock, uint64_t now_us, uint32_t from, uint32_t to,
		      uint32_t sender);
/* A type 2 on its way; learns if it answers a pending type 1 of `to` to `from`. */
void stock_response(struct stock *stock, uint64_t now_us, uint32_t from, uint32_t to,
		    uint32_t sender, uint32_t receiver);
/* Whom a type 2 or 3, and a type 4, by `from` to this receiver is for; 0: nobody, drop it. */
uint32_t stock_pending(const struct stock *stock, uint64_t now_us, uint32_t from,
		       uint32_t receiver);
uint32_t stock_learned(const struct stock *stock, uint64_t now_us, uint32_t from,
		       uint32_t receiver);

/* Forgets everything from and to this binding. */
void stock_forget(struct stock *stock, uint32_t binding);

/* What was learned, to outlive a restart. */
struct stock_route {
	uint32_t from, to;
	uint32_t receiver;
	uint64_t left_us;
};
void stock_each(const struct stock *stock, uint64_t now_us,
		void (*each)(void *data, const struct stock_route *route), void *data);
void stock_restore(struct stock *stock, uint64_t now_us, const struct stock_route *route);

#endif
