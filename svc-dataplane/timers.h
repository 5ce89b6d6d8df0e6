/* timers.h - when a peer must send something (whitepaper 6.1 to 6.5), as a pure state machine.
 *
 * Five deadlines, each TIMERS_NEVER when off:
 *   retry       an attempt at a handshake is under way; the next initiation is due then
 *   keepalive   data came in and nothing went out: due KEEPALIVE_TIMEOUT after the data (6.5)
 *   unanswered  data went out and nothing came in: new handshake after 15 s + jitter (6.5)
 *   persistent  nothing passed in either direction for the configured interval
 *   wipe        no new keys for three times the life of a key: forget everything (6.3)
 *
 * An attempt sends at once, then after 250 ms, 500 ms, 1 s, 2 s, and from then on every 5 s, each
 * plus jitter. The whitepaper waits 5 s from the start (6.4), which turns one lost packet into five
 * seconds without a game; receivers accept initiations 20 ms apart, so sooner interoperates.
 * 90 s after it was last asked for, an attempt is given up; further data start a new one.
 *
 * The caller reports what happened and polls when the deadline has passed. Time never goes back.
 */
#ifndef LANRAGE_DATAPLANE_TIMERS_H
#define LANRAGE_DATAPLANE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX
/* No two initiations to a peer are sent closer than this: the receiver's limit of 20 ms and room
 * for jitter on the way. */
#define TIMERS_INITIATION_GAP_US 25000ULL

/* Bits, as returned by timers_poll. */
enum timers_action {
	TIMERS_INITIATE = 1 << 0,  /* send an initiation, report it with timers_initiation_sent */
	TIMERS_KEEPALIVE = 1 << 1, /* send an empty data message */
	TIMERS_GIVE_UP = 1 << 2,   /* nobody answered for 90 s: drop what waits to be sent */
	TIMERS_WIPE = 1 << 3,	   /* forget all keys and half-done handshakes */
};

struct timers {
	uint64_t retry_us;
	uint64_t keepalive_us;
	uint64_t unanswered_us;
	uint64_t persistent_us;
	uint64_t wipe_us;

	uint64_t attempt_until_us;	 /* when the attempt under way ends */
	uint64_t initiation_us;		 /* when the last initiation was sent, 0: never */
	uint64_t persistent_interval_us; /* 0: off */
	uint64_t random;		 /* state of the jitter generator */
	uint32_t attempt_count;		 /* initiations sent in this attempt */
};

/* seed feeds the jitter; any value, different for each peer. */
void timers_init(struct timers *timers, uint64_t seed);
/* All deadlines off, but the persistent interval and the last initiation's time stay. */
void timers_stop(struct timers *timers);

/* interval 0 switches it off. Switched on or changed, the first keepalive is due at once. */
void timers_set_persistent(struct timers *timers, uint64_t now_us, uint64_t interval_us);

/* A handshake is wanted: data to send without a usable key, or a key that grows old. Starts an
 * attempt or prolongs the one under way. True when an initiation is due now. */
bool timers_handshake_want(struct timers *timers, uint64_t now_us);
bool timers_handshake_underway(const struct timers *timers);
void timers_initiation_sent(struct timers *timers, uint64_t now_us);
/* A keypair was derived, by either side: postpones the wipe. */
void timers_keys_derived(struct timers *timers, uint64_t now_us);
/* The initiator has its response, or the responder its first packet under the new key. */
void timers_handshake_done(struct timers *timers);

/* An authenticated message (data, keepalive or handshake) was sent or received; data: it carried a
 * packet. */
void timers_sent(struct timers *timers, uint64_t now_us, bool data);
void timers_received(struct timers *timers, uint64_t now_us, bool data);

/* The earliest deadline, TIMERS_NEVER if none. */
uint64_t timers_deadline(const struct timers *timers);
/* What is due, as a set of enum timers_action. INITIATE is repeated until it is reported sent. */
unsigned timers_poll(struct timers *timers, uint64_t now_us);

#endif
