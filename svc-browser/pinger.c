#include "svc-browser/pinger.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define PING_MS 1500 /* svc-dataplane itself waits for 1 s */

static void begin(void *data);

static void begin_when_due(struct pinger *pinger)
{
	uint64_t due_us = latency_due_us(&pinger->latency), now_us = clock_now_us();

	if (due_us == CLOCK_NEVER)
		loop_timer_stop(&pinger->timer);
	else
		loop_timer_start(pinger->loop, &pinger->timer,
				 due_us <= now_us ? 0 : (due_us - now_us) / CLOCK_MS + 1, 0, begin,
				 pinger);
}

static void answer(struct pinger *pinger, struct bus_call *call)
{
	const struct latency_measuring *made = &pinger->latency.measuring;
	struct browser_measurement measurement = {.sent = made->sent, .answers = made->answers};
	uint8_t *bytes = NULL;
	ssize_t n;

	measurement.latency = latency_of(&pinger->latency, made->identity, clock_now_us());
	n = browser_measurement_encode(&measurement, &bytes);
	bus_reply_encoded(call, n, bytes);
}

/* Of the member that was measured. */
static void answer_waiting(struct pinger *pinger)
{
	for (size_t i = 0; i < PINGER_WAITING_MAX; i++) {
		struct pinger_waiting *waiting = &pinger->waiting[i];
		struct bus_call *call = waiting->call;

		if (!call || memcmp(waiting->identity, pinger->latency.measuring.identity,
				    sizeof(waiting->identity)) != 0)
			continue;
		waiting->call = NULL;
		answer(pinger, call);
	}
}

static void ping(struct pinger *pinger, const struct latency_member *member);

static void on_pong(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct pinger *pinger = data;
	struct dataplane_probe_result pong = {0};
	const struct latency_member *next;
	int result = error ? error->code : dataplane_probe_result_decode(&pong, body, length);

	if (pinger->stopped)
		return;
	next = latency_take(&pinger->latency, result, pong.rtt_us, clock_now_us(),
			    randombytes_random());
	if (next) {
		ping(pinger, next);
		return;
	}
	answer_waiting(pinger);
	begin_when_due(pinger);
}

/* Without memory the question is an empty one, which is refused, and that ends the measurement. */
static void ping(struct pinger *pinger, const struct latency_member *member)
{
	struct dataplane_key key;
	uint8_t *bytes = NULL;
	ssize_t length;

	memcpy(key.public_key, member->wireguard_key, sizeof(key.public_key));
	length = dataplane_key_encode(&key, &bytes);
	bus_request(pinger->bus, SERVICE_DATAPLANE, DATAPLANE_PROBE, bytes,
		    length > 0 ? (size_t)length : 0, PING_MS, on_pong, pinger);
	if (length > 0)
		free(bytes);
}

static void begin(void *data)
{
	struct pinger *pinger = data;
	const struct latency_member *first = latency_begin(&pinger->latency, clock_now_us());

	if (first)
		ping(pinger, first);
	else
		begin_when_due(pinger);
}

void pinger_keep(struct pinger *pinger, const struct latency_member *members, size_t n)
{
	latency_keep(&pinger->latency, members, n, clock_now_us(), randombytes_random());
	for (size_t i = 0; i < PINGER_WAITING_MAX; i++) {
		struct pinger_waiting *waiting = &pinger->waiting[i];

		if (!waiting->call || latency_hasten(&pinger->latency, waiting->identity) == 0)
			continue;
		bus_reply_error(waiting->call, -ENOENT, "the server has just gone");
		waiting->call = NULL;
	}
	begin_when_due(pinger);
}

void pinger_measure(struct pinger *pinger, const uint8_t identity[DATAPLANE_KEY_SIZE],
		    struct bus_call *call)
{
	struct pinger_waiting *place = pinger->waiting;

	while (place < pinger->waiting + PINGER_WAITING_MAX && place->call)
		place++;
	if (place == pinger->waiting + PINGER_WAITING_MAX) {
		bus_reply_error(call, -EBUSY, "too many measurements at once; try again soon");
	} else if (latency_hasten(&pinger->latency, identity) < 0) {
		bus_reply_error(call, -ENOSPC,
				"more members run game servers than are measured, and this is one "
				"of the rest; measure it with `lanrage ping`");
	} else {
		place->call = call;
		memcpy(place->identity, identity, sizeof(place->identity));
		begin_when_due(pinger);
	}
}

void pinger_start(struct pinger *pinger, struct loop *loop, struct bus *bus)
{
	pinger->loop = loop;
	pinger->bus = bus;
}

void pinger_stop(struct pinger *pinger)
{
	pinger->stopped = true;
	loop_timer_stop(&pinger->timer);
}
