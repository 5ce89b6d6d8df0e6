#include "svc-metrics/neighbour.h"

#include <errno.h>

#include "common/clock.h"
#include "common/log.h"

#define AGAIN_MS 1000
#define APART_MS 900 /* timers are not exact */

static void ask_again(void *data)
{
	neighbour_ask(data);
}

/* state NULL: no answer. */
static void note_answer(struct neighbour *neighbour, const struct dataplane_state *state)
{
	bool was_away = neighbour->away;
	bool is_new = state && (was_away || state->instance != neighbour->instance);

	neighbour->away = !state;
	if (state) {
		neighbour->answered_us = clock_now_us();
		neighbour->instance = state->instance;
	}
	if (is_new)
		log_info("data plane: answers, its peers are measured");
	else if (was_away != neighbour->away)
		log_info("data plane: does not answer, its peers are unknown");
	if (is_new || neighbour->away)
		loop_timer_start(neighbour->loop, &neighbour->timer, AGAIN_MS, 0, ask_again,
				 neighbour);
}

static void on_state(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct neighbour *neighbour = data;
	struct dataplane_state state;
	bool good = !error && dataplane_state_decode(&state, body, length) == 0;

	neighbour->asking = false;
	if (error && error->code == -ECANCELED)
		return;
	note_answer(neighbour, good ? &state : NULL);
	neighbour->answered(neighbour->data, good ? &state : NULL);
	if (good)
		dataplane_state_clear(&state);
}

void neighbour_ask(struct neighbour *neighbour)
{
	uint64_t age_us = clock_now_us() - neighbour->answered_us;

	if (neighbour->asking || age_us < APART_MS * CLOCK_MS)
		return;
	neighbour->asking = true;
	bus_request(neighbour->bus, SERVICE_DATAPLANE, DATAPLANE_GET_STATE, NULL, 0, BUS_TIMEOUT_MS,
		    on_state, neighbour);
}

/* Of all that happens there a new process matters, and where nobody was there, the first peer. */
static void on_event(void *data, uint32_t type, bool resync, const uint8_t *body, size_t length)
{
	(void)body;
	(void)length;
	if (resync || type == DATAPLANE_EVENT_PEER)
		neighbour_ask(data);
}

void neighbour_start(struct neighbour *neighbour, struct loop *loop, struct bus *bus,
		     void (*answered)(void *data, const struct dataplane_state *state), void *data)
{
	neighbour->loop = loop;
	neighbour->bus = bus;
	neighbour->answered = answered;
	neighbour->data = data;
	neighbour->away = true;
	if (bus_subscribe(bus, SERVICE_DATAPLANE, on_event, neighbour) < 0)
		log_warning("data plane: cannot subscribe to its events; a restart is seen late");
	neighbour_ask(neighbour);
}

void neighbour_stop(struct neighbour *neighbour)
{
	loop_timer_stop(&neighbour->timer);
}
