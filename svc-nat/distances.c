#include "svc-nat/distances.h"

#include <stdlib.h>
#include <string.h>

#define WRONG_MS   5u /* by this and by a fifth */
#define SETTLED_MS 2u /* at the second look */

static bool same_relay(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, NAT_RELAY_ID_SIZE) == 0;
}

static uint16_t to_ms(uint32_t rtt_us)
{
	uint32_t ms = rtt_us / 1000 + (rtt_us % 1000 >= 500);

	return ms < NAT_DISTANCE_MAX_MS ? (uint16_t)ms : NAT_DISTANCE_MAX_MS;
}

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct nat_distance *)a)->relay,
		      ((const struct nat_distance *)b)->relay, NAT_RELAY_ID_SIZE);
}

/* What is measured now, in order, without those that cannot be told apart. */
static size_t measure(const struct distances_seen *seen, size_t n,
		      struct nat_distance now[NAT_RELAYS_MAX])
{
	size_t n_now = 0;

	memset(now, 0, NAT_RELAYS_MAX * sizeof(*now));
	for (size_t i = 0; i < n && i < NAT_RELAYS_MAX; i++) {
		bool alike = false;

		for (size_t k = 0; k < n; k++)
			alike |= k != i && same_relay(seen[k].public_key, seen[i].public_key);
		if (alike || seen[i].rtt_us == DATAPLANE_UNKNOWN)
			continue;
		memcpy(now[n_now].relay, seen[i].public_key, NAT_RELAY_ID_SIZE);
		now[n_now++].rtt_ms = to_ms(seen[i].rtt_us);
	}
	qsort(now, n_now, sizeof(*now), compare);
	return n_now;
}

static const struct nat_distance *find(const struct nat_distance *list, size_t n,
				       const uint8_t *relay)
{
	for (size_t i = 0; i < n; i++) {
		if (same_relay(list[i].relay, relay))
			return &list[i];
	}
	return NULL;
}

static bool drop_gone(struct distances *distances, const struct nat_distance *now, size_t n)
{
	size_t kept = 0;
	bool changed;

	for (size_t i = 0; i < distances->n; i++) {
		if (find(now, n, distances->list[i].relay))
			distances->list[kept++] = distances->list[i];
	}
	changed = kept != distances->n;
	distances->n = kept;
	memset(distances->list + kept, 0, (NAT_RELAYS_MAX - kept) * sizeof(distances->list[0]));
	return changed;
}

static bool is_wrong(uint16_t announced, uint16_t now, bool settled)
{
	unsigned by = announced > now ? announced - now : now - announced;

	return settled ? by > WRONG_MS && by * 5 > announced : by >= SETTLED_MS;
}

static bool any_wrong(const struct distances *distances, const struct nat_distance *now, size_t n)
{
	for (size_t i = 0; i < distances->n; i++) {
		const struct nat_distance *measured = find(now, n, distances->list[i].relay);

		if (measured &&
		    is_wrong(distances->list[i].rtt_ms, measured->rtt_ms, distances->settled))
			return true;
	}
	return false;
}

static bool renew(struct distances *distances, const struct nat_distance *now, size_t n)
{
	bool same = distances->n == n && memcmp(distances->list, now, n * sizeof(*now)) == 0;

	distances->n = n;
	memcpy(distances->list, now, sizeof(distances->list));
	return !same;
}

/* New ones come together: the last of them is not waited for longer than the rest are worth. */
static bool may_join(struct distances *distances, uint64_t now_us, size_t n_now, size_t n_seen)
{
	if (n_now == distances->n) {
		distances->waiting_us = 0;
		return false;
	}
	if (distances->waiting_us == 0)
		distances->waiting_us = now_us;
	return n_now == n_seen || now_us - distances->waiting_us >= DISTANCES_GATHER_US;
}

bool distances_update(struct distances *distances, uint64_t now_us,
		      const struct distances_seen *seen, size_t n)
{
	struct nat_distance now[NAT_RELAYS_MAX];
	size_t n_now = measure(seen, n, now);
	bool changed = drop_gone(distances, now, n_now);

	if (may_join(distances, now_us, n_now, n)) {
		distances->waiting_us = 0;
		distances->joined_us = now_us;
		distances->settled = false;
		return renew(distances, now, n_now);
	}
	if (distances->n == 0 || distances->waiting_us)
		return changed;
	if (!distances->settled) {
		if (now_us - distances->joined_us < DISTANCES_SETTLE_US)
			return changed;
		if (any_wrong(distances, now, n_now))
			changed |= renew(distances, now, n_now);
		distances->settled = true;
		return changed;
	}
	if (!any_wrong(distances, now, n_now) ||
	    (distances->renewed_us && now_us - distances->renewed_us < DISTANCES_RENEW_US))
		return changed;
	distances->renewed_us = now_us;
	return renew(distances, now, n_now) || changed;
}

uint64_t distances_due_us(const struct distances *distances, uint64_t now_us)
{
	uint64_t due_us = CLOCK_NEVER;

	if (distances->waiting_us)
		return distances->waiting_us + DISTANCES_GATHER_US;
	if (distances->n && !distances->settled)
		due_us = distances->joined_us + DISTANCES_SETTLE_US;
	else if (distances->renewed_us && now_us < distances->renewed_us + DISTANCES_RENEW_US)
		due_us = distances->renewed_us + DISTANCES_RENEW_US;
	return due_us;
}

uint16_t distances_find(const struct nat_distance *list, size_t n,
			const uint8_t key[DATAPLANE_KEY_SIZE])
{
	const struct nat_distance *distance = find(list, n, key);

	return distance ? distance->rtt_ms : DISTANCES_NONE;
}
