/* quota.h - how much one member, and one address on the internet, may ask of the relay.
 *
 * A member's quota counts bytes and packets at once. It is kept as two points in time: when the
 * traffic so far would have passed at exactly the permitted rate. A packet is refused while either
 * lies more than QUOTA_BURST_US ahead. All zeros is an unused quota.
 *
 * What addresses may ask for that nobody has authenticated is counted by sources.h.
 */
#ifndef LANRAGE_NAT_RELAY_QUOTA_H
#define LANRAGE_NAT_RELAY_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "svc-dataplane/sources.h"

#define QUOTA_BURST_US (250 * CLOCK_MS)

struct quota_limit {
	uint64_t bytes_per_second;
	uint32_t packets_per_second;
};

struct quota {
	uint64_t bytes_ns;
	uint64_t packets_ns;
};

/* Whether a packet of this length may pass now; counts it if so. */
bool quota_take(struct quota *quota, const struct quota_limit *limit, uint64_t now_us,
		size_t length);

/* What sources_take() counts at the relay. */
enum source_use {
	SOURCE_HANDSHAKE,
	SOURCE_STUN,
	SOURCE_USES,
};

/* A household or a LAN party behind one address fits; a flood does not. */
#define SOURCE_HANDSHAKES BUCKET_PER_SECOND(50, 100)
#define SOURCE_STUNS	  BUCKET_PER_SECOND(50, 100)
/* By enum source_use. */
extern const struct bucket_limit quota_sources[SOURCE_USES];

#endif
