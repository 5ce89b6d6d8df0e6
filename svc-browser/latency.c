#include "svc-browser/latency.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"

#define TREND_LEAST_US	 5000
#define TREND_KNOWN_FROM 3 /* measurements */

static struct latency_host *find(const struct latency *latency,
				 const uint8_t identity[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < latency->n_hosts; i++)
		if (memcmp(latency->hosts[i].member.identity, identity, DATAPLANE_KEY_SIZE) == 0)
			return (struct latency_host *)&latency->hosts[i];
	return NULL;
}

void latency_keep(struct latency *latency, const struct latency_member *members, size_t n,
		  uint64_t now_us, uint32_t random)
{
	struct latency next = {.measuring = latency->measuring};

	for (size_t i = 0; i < n && next.n_hosts < LATENCY_HOSTS_MAX; i++) {
		const struct latency_host *known = find(latency, members[i].identity);
		struct latency_host *host = &next.hosts[next.n_hosts++];
		uint32_t own;

		memcpy(&own, members[i].identity, sizeof(own));
		if (known)
			*host = *known;
		else
			host->due_us = now_us + (random ^ own) % (LATENCY_FIRST_S * CLOCK_SECOND);
		host->member = members[i];
	}
	*latency = next;
}

int latency_hasten(struct latency *latency, const uint8_t identity[DATAPLANE_KEY_SIZE])
{
	struct latency_host *host = find(latency, identity);

	if (!host)
		return -ENOENT;
	host->due_us = 0;
	return 0;
}

static struct latency_host *first_due(const struct latency *latency)
{
	const struct latency_host *first = NULL;

	for (size_t i = 0; i < latency->n_hosts; i++)
		if (!first || latency->hosts[i].due_us < first->due_us)
			first = &latency->hosts[i];
	return (struct latency_host *)first;
}

uint64_t latency_due_us(const struct latency *latency)
{
	const struct latency_host *first = first_due(latency);

	return first && !latency->measuring.active ? first->due_us : CLOCK_NEVER;
}

const struct latency_member *latency_begin(struct latency *latency, uint64_t now_us)
{
	struct latency_measuring *measuring = &latency->measuring;
	struct latency_host *host = first_due(latency);

	if (latency_due_us(latency) > now_us)
		return NULL;
	*measuring = (struct latency_measuring){.active = true};
	memcpy(measuring->identity, host->member.identity, sizeof(measuring->identity));
	return &host->member;
}

/* Sorts them; of two in the middle the mean. */
static uint32_t median(uint32_t *values, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
			uint32_t value = values[k];

			values[k] = values[k - 1];
			values[k - 1] = value;
		}
	return (uint32_t)(((uint64_t)values[n / 2] + values[(n - 1) / 2]) / 2);
}

static enum browser_trend trend_of(uint32_t us, uint32_t ema_us)
{
	uint32_t fifth = ema_us / 5, limit = fifth > TREND_LEAST_US ? fifth : TREND_LEAST_US;

	if (us > ema_us && us - ema_us > limit)
		return BROWSER_TREND_RISING;
	if (us < ema_us && ema_us - us > limit)
		return BROWSER_TREND_FALLING;
	return BROWSER_TREND_STEADY;
}

static void learn(struct browser_latency *known, uint32_t us)
{
	if (known->measurements < UINT32_MAX)
		known->measurements++;
	known->trend = known->measurements < TREND_KNOWN_FROM ? BROWSER_TREND_UNKNOWN
							      : trend_of(us, known->ema_us);
	known->ema_us =
		known->measurements == 1
			? us
			: (uint32_t)((3 * (uint64_t)us + 7 * (uint64_t)known->ema_us + 5) / 10);
	known->us = us;
}

static uint64_t interval_us(const struct browser_latency *known, uint32_t random)
{
	uint64_t us = 10 * CLOCK_SECOND;

	if (known->measurements && known->ema_us < 50 * CLOCK_MS)
		us = 60 * CLOCK_SECOND;
	else if (known->measurements && known->ema_us < 150 * CLOCK_MS)
		us = 30 * CLOCK_SECOND;
	return us - us / 10 + random % (us / 5);
}

static void finish(struct latency *latency, struct latency_host *host, uint64_t now_us,
		   uint32_t random)
{
	struct latency_measuring *measuring = &latency->measuring;

	measuring->active = false;
	if (!host)
		return;
	if (measuring->answers)
		learn(&host->known, median(measuring->rtts_us, measuring->answers));
	else
		host->known = (struct browser_latency){0};
	host->measured_us = now_us;
	host->due_us = now_us + interval_us(&host->known, random);
}

const struct latency_member *latency_take(struct latency *latency, int result, uint32_t rtt_us,
					  uint64_t now_us, uint32_t random)
{
	struct latency_measuring *measuring = &latency->measuring;
	struct latency_host *host = find(latency, measuring->identity);

	if (result == 0)
		measuring->rtts_us[measuring->answers++] = rtt_us;
	if (result == 0 || result == -ETIMEDOUT) {
		measuring->sent++;
		if (host && measuring->sent < LATENCY_PINGS)
			return &host->member;
	}
	finish(latency, host, now_us, random);
	return NULL;
}

struct browser_latency latency_of(const struct latency *latency,
				  const uint8_t identity[DATAPLANE_KEY_SIZE], uint64_t now_us)
{
	const struct latency_host *host = find(latency, identity);
	struct browser_latency known = {0};

	if (host && host->known.measurements) {
		known = host->known;
		known.age_s = (uint32_t)((now_us - host->measured_us) / CLOCK_SECOND);
	}
	return known;
}
