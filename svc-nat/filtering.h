/* filtering.h - whether the NAT lets in an answer from a port that was not asked: test III of RFC
 * 5780 section 4.4.
 *
 * A server that has just answered is asked to answer from another port of its address. That answer
 * proves that the NAT does not look at ports (address-restricted or open: to tell these apart a
 * server would need two addresses). If none of FILTERING_TRIES copies brings it, the NAT lets in
 * exactly what was asked; a server that says it cannot (420) proves nothing.
 * Pure: answers and the time in, requests out. One test per epoch (behaviour.h).
 */
#ifndef LANRAGE_NAT_FILTERING_H
#define LANRAGE_NAT_FILTERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-nat/codec.h"
#include "svc-nat/stun.h"

#define FILTERING_TRIES 4u

struct filtering {
	uint64_t epoch;	    /* of the last test begun; 0: none was */
	struct addr server; /* being asked; none: no test under way */
	uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE];
	unsigned tries;
	uint64_t due_us;
	enum nat_behaviour result; /* of the last test; stands until the next one ends */
};

void filtering_begin(struct filtering *filtering, uint64_t now_us, uint64_t epoch,
		     const struct addr *server, const uint8_t id[STUN_TRANSACTION_ID_SIZE]);
bool filtering_is_under_way(const struct filtering *filtering);
/* CLOCK_NEVER: not at all. */
uint64_t filtering_due_us(const struct filtering *filtering);
/* What is to be sent to `server` now: its length, 0 for nothing. */
size_t filtering_poll(struct filtering *filtering, uint64_t now_us, uint8_t *bytes, size_t size);
/* Whether the message was an answer to the test. */
bool filtering_receive(struct filtering *filtering, const struct addr *from,
		       const struct stun_message *message);

#endif
