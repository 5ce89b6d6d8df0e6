/* limits.h - how often somebody may ask: token buckets per source address, in a bounded table.
 *
 * Pure: the caller gives the time. A source is an IPv4 address or an IPv6 /64, because whoever has
 * one address of a /64 has them all. Each source has one bucket per kind; a source not in the
 * table starts with full buckets. The table has a fixed number of places; when the few places a
 * source may have are taken, the one that has been idle longest is forgotten. Places are chosen by
 * a keyed hash, so that nobody can aim at another source's place. Beside the sources' own buckets
 * each kind may have a common one, for guesses that come from everywhere.
 */
#ifndef LANRAGE_SERVER_LIMITS_H
#define LANRAGE_SERVER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/bucket.h"

enum limits_kind {
	LIMITS_LOGIN,
	LIMITS_GUESS, /* GetInvite that finds nothing */
	LIMITS_CREATE,
	LIMITS_JOIN,
	LIMITS_STUN,
	LIMITS_KINDS,
};

/* per_minute 0: no limit. */
struct bucket_limit limits_per_minute(uint32_t burst, uint32_t per_minute);

struct limits;
/* rates are copied; common may have interval 0 (none). key: random. -ENOMEM. */
int limits_new(struct limits **limits, size_t sources,
	       const struct bucket_limit per_source[LIMITS_KINDS],
	       const struct bucket_limit common[LIMITS_KINDS], const uint8_t key[16]);
void limits_free(struct limits *limits);
/* Takes a token of the source and of the common bucket, or of neither: 0, or how long to wait. */
uint64_t limits_take(struct limits *limits, enum limits_kind kind, const struct addr *source,
		     uint64_t now_us);
void limits_give_back(struct limits *limits, enum limits_kind kind, const struct addr *source,
		      uint64_t now_us);

/* What counts as one source: without port; IPv6 cut to /64. */
struct addr limits_source(const struct addr *address);

#endif
