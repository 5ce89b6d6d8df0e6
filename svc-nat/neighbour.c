#include "svc-nat/neighbour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-nat/plan.h"

#define COMPARE_MS  4000
#define RETRY_MS    300
#define INTERVAL_MS 100 /* a state of many peers is large: ten a second at most */

static void fetch(void *data);
static void push(void *data);

static void fetch_after(struct neighbour *neighbour, uint64_t ms)
{
	loop_timer_start(neighbour->loop, &neighbour->fetch_timer, ms, 0, fetch, neighbour);
}

static void push_after(struct neighbour *neighbour, uint64_t ms)
{
	loop_timer_start(neighbour->loop, &neighbour->push_timer, ms, 0, push, neighbour);
}

/* ---- the plan ---- */

static void on_pushed(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct neighbour *neighbour = data;

	(void)body;
	(void)length;
	neighbour->pushing = false;
	if (error && error->code == -ECANCELED)
		return;
	if (error) {
		log_debug("plan: the dataplane did not take it: %s", error->text);
		push_after(neighbour, RETRY_MS);
		/* It says which plan it has; a stale instance is mended there. */
		if (error->code == -ESTALE)
			fetch_after(neighbour, 0);
	} else if (neighbour->push_again) {
		push(neighbour);
	}
}

static void push(void *data)
{
	struct neighbour *neighbour = data;
	uint8_t *body;
	ssize_t length;

	if (!neighbour->has_plan)
		return;
	neighbour->push_again = neighbour->pushing;
	if (neighbour->pushing)
		return;
	length = dataplane_plan_encode(&neighbour->plan, &body);
	if (length < 0) {
		log_err("plan: cannot be encoded: %s", strerror((int)-length));
		return;
	}
	neighbour->pushing = true;
	bus_request(neighbour->bus, SERVICE_DATAPLANE, DATAPLANE_SET_PLAN, body, (size_t)length,
		    BUS_TIMEOUT_MS, on_pushed, neighbour);
	free(body);
}

bool neighbour_set_plan(struct neighbour *neighbour, struct dataplane_plan *plan)
{
	struct dataplane_revision revision = neighbour->plan.revision;

	if (neighbour->has_plan && plan_equal(plan, &neighbour->plan)) {
		dataplane_plan_clear(plan);
		return false;
	}
	dataplane_plan_clear(&neighbour->plan);
	neighbour->plan = *plan;
	memset(plan, 0, sizeof(*plan));
	revision.counter++;
	neighbour->plan.revision = revision;
	neighbour->has_plan = true;
	push(neighbour);
	return true;
}

void neighbour_moved(struct neighbour *neighbour)
{
	bus_request(neighbour->bus, SERVICE_DATAPLANE, DATAPLANE_MOVED, NULL, 0, BUS_TIMEOUT_MS,
		    NULL, NULL);
}

static void compare(struct neighbour *neighbour)
{
	const struct dataplane_revision *theirs = &neighbour->state.plan;
	struct dataplane_revision *ours = &neighbour->plan.revision;

	if (theirs->instance > ours->instance) {
		log_notice("plan: the clock was set back; numbering on from the last instance");
		ours->instance = theirs->instance + 1;
	}
	if (!neighbour->has_plan || neighbour->pushing ||
	    dataplane_revision_compare(theirs, ours) == 0)
		return;
	log_debug("plan: the dataplane has another one; handing it over again");
	push(neighbour);
}

/* ---- the state ---- */

static void on_fetched(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct neighbour *neighbour = data;
	struct dataplane_state state;
	bool good = !error && dataplane_state_decode(&state, body, length) == 0;

	neighbour->fetching = false;
	if (error && error->code == -ECANCELED)
		return;
	if (neighbour->fetch_again)
		fetch_after(neighbour, INTERVAL_MS);
	else
		fetch_after(neighbour, good ? COMPARE_MS : RETRY_MS);
	if (!good)
		return;
	if (!neighbour->has_state)
		log_info("dataplane: is there, interface %s", state.interface);
	dataplane_state_clear(&neighbour->state);
	neighbour->state = state;
	neighbour->has_state = true;
	compare(neighbour);
	neighbour->changed(neighbour->data);
}

static void fetch(void *data)
{
	struct neighbour *neighbour = data;

	neighbour->fetch_again = neighbour->fetching;
	if (neighbour->fetching)
		return;
	neighbour->fetching = true;
	neighbour->fetched_us = clock_now_us();
	bus_request(neighbour->bus, SERVICE_DATAPLANE, DATAPLANE_GET_STATE, NULL, 0, BUS_TIMEOUT_MS,
		    on_fetched, neighbour);
}

void neighbour_look(struct neighbour *neighbour)
{
	uint64_t age_us = clock_now_us() - neighbour->fetched_us;

	if (neighbour->fetching)
		neighbour->fetch_again = true;
	else if (age_us >= INTERVAL_MS * CLOCK_MS)
		fetch(neighbour);
	else
		fetch_after(neighbour, INTERVAL_MS - age_us / CLOCK_MS);
}

/* Every event is a reason to look: what a peer's change means for the plan only the whole tells. */
static void on_event(void *data, uint32_t type, bool resync, const uint8_t *body, size_t length)
{
	(void)type;
	(void)resync;
	(void)body;
	(void)length;
	neighbour_look(data);
}

void neighbour_start(struct neighbour *neighbour, struct loop *loop, struct bus *bus,
		     uint64_t instance, void (*changed)(void *data), void *data)
{
	neighbour->loop = loop;
	neighbour->bus = bus;
	neighbour->changed = changed;
	neighbour->data = data;
	neighbour->plan.revision.instance = instance;
	if (bus_subscribe(bus, SERVICE_DATAPLANE, on_event, neighbour) < 0)
		log_warning("dataplane: cannot subscribe to its events; asking it every %d s",
			    COMPARE_MS / 1000);
	fetch(neighbour);
}

void neighbour_stop(struct neighbour *neighbour)
{
	loop_timer_stop(&neighbour->fetch_timer);
	loop_timer_stop(&neighbour->push_timer);
	dataplane_state_clear(&neighbour->state);
	dataplane_plan_clear(&neighbour->plan);
}

const struct dataplane_relay_status *neighbour_relay(const struct neighbour *neighbour,
						     const uint8_t key[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < neighbour->state.n_relays; i++) {
		if (memcmp(neighbour->state.relays[i].public_key, key, DATAPLANE_KEY_SIZE) == 0)
			return &neighbour->state.relays[i];
	}
	return NULL;
}
