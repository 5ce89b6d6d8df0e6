/* mtu.h - how long an IP packet may be on the way to a server: measured, by asking with padding.
 *
 * Binding requests of several lengths go out at once, twice each, unfragmented; the server answers
 * those that arrive, shortly. The longest that was answered is proven. A round narrows the gap to
 * the shortest that was not, down to the four bytes in which STUN counts. It is the way there
 * alone: the way back may take less. Pure: answers and the time in, requests out.
 */
#ifndef LANRAGE_NAT_MTU_H
#define LANRAGE_NAT_MTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-nat/stun.h"

#define MTU_MOST   1500u
#define MTU_ROUND  10 /* lengths in one round */
#define MTU_ROUNDS 4

struct mtu {
	struct addr server; /* none: not begun */
	uint8_t id[STUN_TRANSACTION_ID_SIZE];
	unsigned round, copies;
	uint64_t due_us;
	uint16_t proven;  /* the longest that was answered; 0: none yet */
	uint16_t refused; /* this one was not, or is more than the link takes */
	size_t n;
	uint16_t lengths[MTU_ROUND]; /* of this round, rising, with the IP header */
	bool done;
};

void mtu_begin(struct mtu *mtu, uint64_t now_us, const struct addr *server,
	       const uint8_t id[STUN_TRANSACTION_ID_SIZE]);
/* When mtu_poll() has something to say; CLOCK_NEVER when done. */
uint64_t mtu_due_us(const struct mtu *mtu);
/* Whether every length of the round is to be sent now, by mtu_request(). */
bool mtu_poll(struct mtu *mtu, uint64_t now_us);
/* The request of the round's i-th length; returns its length without IP and UDP headers. */
size_t mtu_request(const struct mtu *mtu, size_t i, uint8_t bytes[STUN_REQUEST_MAX]);
/* The link itself takes less than the i-th length. */
void mtu_refuse(struct mtu *mtu, size_t i);
/* Whether it was an answer to one of them. */
bool mtu_receive(struct mtu *mtu, const struct addr *from, const uint8_t *bytes, size_t length);

#endif
