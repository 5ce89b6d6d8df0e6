/* latency.h - how far away the members are whose game servers are listed. Pure.
 *
 * A measurement is LATENCY_PINGS pings in a row, and its value the median of their answers. A ping
 * without an answer is counted as sent and gives no number; a measurement without any answer makes
 * the member's latency unknown, and the next one begins afresh: what was before an outage says
 * nothing of what comes after it. The same holds where there is no path, when nothing is sent.
 *
 * The EMA begins with the first median; each one after counts for 0.3. A trend is known from the
 * third measurement on: rising or falling where its median differs from the EMA before it by more
 * than 5 ms or 20 %, whichever is more.
 *
 * The worse a way is, the sooner it is measured again: after 60 s below an EMA of 50 ms, after 30 s
 * below 150 ms, else after 10 s, and after 10 s where it is unknown; all that a tenth sooner or
 * later at random, so that the members' pings do not fall together. One ping is on its way at a
 * time. Only members in the list are measured, each once however many servers it has.
 */
#ifndef LANRAGE_BROWSER_LATENCY_H
#define LANRAGE_BROWSER_LATENCY_H

#include "svc-browser/codec.h"

#define LATENCY_HOSTS_MAX 64 /* the latency of more is unknown */
#define LATENCY_PINGS	  3
#define LATENCY_FIRST_S	  2 /* a new one is measured within */

struct latency_member {
	uint8_t identity[DATAPLANE_KEY_SIZE];
	uint8_t wireguard_key[DATAPLANE_KEY_SIZE];
};

struct latency_host {
	struct latency_member member;
	struct browser_latency known; /* its age counts from measured_us */
	uint64_t measured_us;
	uint64_t due_us;
};

/* The one measurement that is going on, or was the last. */
struct latency_measuring {
	bool active;
	uint8_t identity[DATAPLANE_KEY_SIZE];
	uint32_t sent, answers;
	uint32_t rtts_us[LATENCY_PINGS]; /* of the answers */
};

struct latency {
	size_t n_hosts;
	struct latency_host hosts[LATENCY_HOSTS_MAX];
	struct latency_measuring measuring;
};

/* Who has servers now. Others are forgotten; what is known of the rest stays. random: any number,
 * here and below. */
void latency_keep(struct latency *latency, const struct latency_member *members, size_t n,
		  uint64_t now_us, uint32_t random);
/* This one is due at once. -ENOENT: not measured. */
int latency_hasten(struct latency *latency, const uint8_t identity[DATAPLANE_KEY_SIZE]);
/* When the next measurement is due: 0 for at once; CLOCK_NEVER during one, and without members. */
uint64_t latency_due_us(const struct latency *latency);
/* Begins the measurement that is due first: whom to ping, borrowed until the next call. NULL: none
 * is due. */
const struct latency_member *latency_begin(struct latency *latency, uint64_t now_us);
/* What the ping came to: 0 with its time, -ETIMEDOUT without an answer, any other errno where it
 * could not be sent. Returns whom to ping next, or NULL: the measurement is over, its numbers are
 * in latency->measuring, and its value is known. */
const struct latency_member *latency_take(struct latency *latency, int result, uint32_t rtt_us,
					  uint64_t now_us, uint32_t random);
/* What is known of a member. */
struct browser_latency latency_of(const struct latency *latency,
				  const uint8_t identity[DATAPLANE_KEY_SIZE], uint64_t now_us);

#endif
