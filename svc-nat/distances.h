/* distances.h - the round trips to relays that this machine announces.
 *
 * Pure. Every member announces how far it is from each relay it can use, so that any two find the
 * relay between them (pairs.h) from the same numbers. Measurements jitter, announcements must not:
 * a number once announced stays until it is clearly wrong (by 5 ms and by a fifth), and then all of
 * them are renewed together, once a minute at most. Two things do not wait for that: relays that
 * became usable join within DISTANCES_GATHER_US, together, and are looked at once more after
 * DISTANCES_SETTLE_US, because the first measurement is the worst; one that ceased to be usable is
 * taken out at once, because the others should leave it too.
 */
#ifndef LANRAGE_NAT_DISTANCES_H
#define LANRAGE_NAT_DISTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-nat/codec.h"

#define DISTANCES_GATHER_US (1 * CLOCK_SECOND)
#define DISTANCES_SETTLE_US (5 * CLOCK_SECOND)
#define DISTANCES_RENEW_US  (60 * CLOCK_SECOND)

/* A relay that can be used, and how far it is. */
struct distances_seen {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint32_t rtt_us; /* DATAPLANE_UNKNOWN: not measured yet */
};

struct distances {
	size_t n;
	struct nat_distance list[NAT_RELAYS_MAX]; /* announced; by relay; zero behind n */
	uint64_t waiting_us; /* since when a measured one has not been announced; 0: none */
	uint64_t joined_us;  /* when the last one joined */
	bool settled;	     /* and was looked at again */
	uint64_t renewed_us; /* when all were last renewed for being wrong; 0: never */
};

/* True when what is announced became another. Zero-initialise *distances. Relays whose keys begin
 * alike cannot be told apart by others and are left out. */
bool distances_update(struct distances *distances, uint64_t now_us,
		      const struct distances_seen *seen, size_t n);
/* When it may become another without anything else happening; CLOCK_NEVER. */
uint64_t distances_due_us(const struct distances *distances, uint64_t now_us);

/* The number for a relay, or DISTANCES_NONE. */
#define DISTANCES_NONE UINT16_MAX
uint16_t distances_find(const struct nat_distance *list, size_t n,
			const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
