/* relays.h - which two relays this machine keeps bound to.
 *
 * Pure. They are announced, so that whoever comes new can reach us; with members that told their
 * distances we meet elsewhere (pairs.h). The nearest by round trip (STUN or the dataplane's own
 * measure), with inertia: another relay replaces one in use only when it is nearer by a fifth and
 * by 5 ms, or when that one is dead. The first choice is made as soon as any has answered, or after
 * RELAYS_PATIENCE_US without answers in the order given. A relay that refused us or went silent is
 * not used again for ten seconds, doubling to ten minutes, unless there is no other, or unless it
 * was silent to STUN too and answers that again: then it was away, and is back.
 */
#ifndef LANRAGE_NAT_RELAYS_H
#define LANRAGE_NAT_RELAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-nat/codec.h"

#define RELAYS_PATIENCE_US (300 * CLOCK_MS)

/* What is known of one relay now. */
struct relays_seen {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint32_t rtt_us; /* DATAPLANE_UNKNOWN */
	bool silent;	 /* answers no STUN */
	bool bound;	 /* the dataplane is bound there */
	bool failed;	 /* the dataplane was refused or hears nothing */
};

struct relays_penalty {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint64_t until_us;  /* 0: none now */
	bool mute;	    /* meanwhile it answered no STUN either */
	uint64_t length_us; /* of the last one; 0: this place is free */
};

struct relays {
	uint64_t since_us; /* when there first was something to choose from; 0: not yet */
	size_t n_chosen;
	uint8_t chosen[NAT_MEMBER_RELAYS_MAX][DATAPLANE_KEY_SIZE]; /* best first */
	struct relays_penalty penalties[NAT_RELAYS_MAX];
};

/* True when the choice changed. Zero-initialise *relays. */
bool relays_choose(struct relays *relays, uint64_t now_us, const struct relays_seen *seen,
		   size_t n);
/* When the choice may change without anything else happening; CLOCK_NEVER. */
uint64_t relays_due_us(const struct relays *relays, uint64_t now_us);
/* May data go by it? Not while it is away or refuses us. */
bool relays_is_usable(const struct relays *relays, uint64_t now_us, const struct relays_seen *seen);
bool relays_is_chosen(const struct relays *relays, const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
