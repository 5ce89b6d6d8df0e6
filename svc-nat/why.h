/* why.h - why a peer is not reached directly and well: one cause each, of enum nat_cause.
 *
 * Pure. The dataplane says how each peer is reached, the members announced how their NATs behave,
 * and STUN told how ours does. The order of the questions is the order of usefulness to the user:
 * what nobody can do anything about on the network (offline, too early) first, then what blocks
 * everything on one side, then what the direct way lacks, then, where there is none at all, why no
 * relay helps, and last what the two sides' NATs make of each other. A direct path gets a cause
 * only when games would feel it: WHY_LOSS_PERMILLE, WHY_RTT_US, WHY_JITTER_US.
 *
 * The words for the causes are in codec.c, beside the encoding that other processes link too.
 */
#ifndef LANRAGE_NAT_WHY_H
#define LANRAGE_NAT_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-nat/codec.h"

/* How long a peer may go without a direct path before that needs an explanation. */
#define WHY_TRYING_US	  (5 * CLOCK_SECOND)
#define WHY_FILTERED_US	  (30 * CLOCK_SECOND) /* the own firewall refused something this lately */
#define WHY_LOSS_PERMILLE 50
#define WHY_RTT_US	  250000
#define WHY_JITTER_US	  60000

struct why_input {
	const struct nat_desired *desired;
	const struct dataplane_plan *plan;   /* what is being tried */
	const struct dataplane_state *state; /* NULL: the dataplane has said nothing yet */
	enum nat_behaviour mapping;	     /* own */
	bool drops;			     /* answers arrive and are thrown away (drops.h) */
};

struct why_entry {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	bool online;
	bool direct;
	uint64_t since_us; /* when direct was last lost, or trying last began */
};

/* Remembers since when each peer has been without a direct path. */
struct why {
	size_t n;
	struct why_entry *entries;
};

/* Fills *reasons (n = desired's members, to be freed), one per member, NAT_CAUSE_NONE for direct
 * ones. Zero-initialise *why. -ENOMEM changes nothing. */
int why_explain(struct why *why, uint64_t now_us, const struct why_input *input,
		struct nat_reason **reasons);
/* What keeps every peer from being reached, on this side; NONE. */
enum nat_cause why_here(const struct why_input *input);
/* When a reason may change without anything else happening; CLOCK_NEVER. */
uint64_t why_due_us(const struct why *why, uint64_t now_us);
void why_clear(struct why *why);

#endif
