#include "svc-control/arrival.h"

#include <errno.h>
#include <string.h>

#include "svc-control/service.h"

#define AGAIN_MS 20

void arrival_init(struct control *control)
{
	memset(&control->arrival, 0, sizeof(control->arrival));
}

void arrival_cancel(struct control *control)
{
	control->arrival.done = NULL;
	loop_timer_stop(&control->arrival.deadline);
	loop_timer_stop(&control->arrival.again);
}

static void arrival_end(struct control *control, const struct error *error)
{
	arrival_done done = control->arrival.done;

	arrival_cancel(control);
	done(control, error);
}

static void arrival_ask(void *data);

/* Only what the data plane says of the party it was handed last counts. */
static bool arrival_is_decided(struct control *control, const struct dataplane_state *state,
			       struct error *error)
{
	error->code = 0;
	if (!handover_is_complete(control) || !handover_is_latest(control, &state->party))
		return false;
	if (state->interface_state == DATAPLANE_INTERFACE_FAILED)
		error_set(error, -EIO, "the network interface could not be set up: %s",
			  state->interface_reason);
	return state->interface_state != DATAPLANE_INTERFACE_DOWN;
}

static void arrival_answered(void *data, const struct error *failure, const uint8_t *body,
			     size_t length)
{
	struct control *control = data;
	struct dataplane_state state;
	struct error error;
	bool decided = false;

	control->arrival.asking = false;
	if (!control->arrival.done)
		return;
	if (!failure && dataplane_state_decode(&state, body, length) == 0) {
		decided = arrival_is_decided(control, &state, &error);
		dataplane_state_clear(&state);
	}
	if (decided)
		arrival_end(control, error.code ? &error : NULL);
	else
		loop_timer_start(&control->loop, &control->arrival.again, AGAIN_MS, 0, arrival_ask,
				 control);
}

static void arrival_ask(void *data)
{
	struct control *control = data;

	if (control->arrival.asking)
		return; /* its answer goes on */
	if (!handover_is_complete(control)) {
		loop_timer_start(&control->loop, &control->arrival.again, AGAIN_MS, 0, arrival_ask,
				 control);
		return;
	}
	control->arrival.asking = true;
	bus_request(control->bus, SERVICE_DATAPLANE, DATAPLANE_GET_STATE, NULL, 0, BUS_TIMEOUT_MS,
		    arrival_answered, control);
}

static void arrival_timeout(void *data)
{
	struct error error;

	error_set(&error, -ETIMEDOUT,
		  "the network interface did not come up within 5 seconds; see `lanrage doctor` "
		  "and `lanrage logs dataplane`");
	arrival_end(data, &error);
}

void arrival_wait(struct control *control, arrival_done done)
{
	control->arrival.done = done;
	loop_timer_start(&control->loop, &control->arrival.deadline, ARRIVAL_MS, 0, arrival_timeout,
			 control);
	arrival_ask(control);
}
