#include "svc-control/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-control/service.h"

#define RETRY_MS   300
#define COMPARE_MS 3000

static void handover_tick(void *data);

static void handover_wait(struct handover_neighbour *neighbour, uint64_t ms)
{
	loop_timer_start(&neighbour->control->loop, &neighbour->timer, ms, 0, handover_tick,
			 neighbour);
}

/* After each answer: what is there to do goes first. */
static void handover_go_on(struct handover_neighbour *neighbour, bool failed)
{
	neighbour->busy = false;
	if (failed)
		handover_wait(neighbour, RETRY_MS);
	else
		handover_wait(neighbour, neighbour->dirty || neighbour->ask ? 0 : COMPARE_MS);
}

static void handover_sent(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct handover_neighbour *neighbour = data;

	(void)body;
	(void)length;
	if (error) {
		log_debug("%s: did not take what it should have: %s", service_names[neighbour->to],
			  error->text);
		/* sending again would not help: what it has says which number to outrank */
		if (error->code == -ESTALE)
			neighbour->ask = true;
		else
			neighbour->dirty = true;
	}
	neighbour->complete = !error && !neighbour->dirty;
	handover_go_on(neighbour, error != NULL);
}

static ssize_t handover_encode_dataplane(struct control *control,
					 const struct dataplane_revision *revision, uint8_t **bytes)
{
	struct dataplane_party desired = {.revision = *revision};
	ssize_t length = party_fill_dataplane(&control->party, &desired);

	if (length == 0 && !control_is_up(control)) {
		dataplane_party_clear(&desired);
		desired = (struct dataplane_party){.revision = *revision};
	}
	desired.doubling = settings_doubling(&control->settings);
	desired.offloads_off = settings_offloads_off(&control->settings);
	desired.lan = settings_lan(&control->settings);
	if (length == 0)
		length = dataplane_party_encode(&desired, bytes);
	dataplane_party_clear(&desired);
	return length;
}

static ssize_t handover_encode_nat(struct control *control,
				   const struct dataplane_revision *revision, uint8_t **bytes)
{
	struct nat_desired desired = {.revision = *revision};
	struct addr stun[RENDEZVOUS_STUN_SERVERS_MAX];
	ssize_t length = party_fill_nat(&control->party, &desired);

	if (length == 0) {
		desired.active = desired.active && control_is_up(control);
		desired.n_stun_servers = rendezvous_stun_servers(control->rendezvous, stun);
		memcpy(desired.stun_servers, stun, desired.n_stun_servers * sizeof(stun[0]));
		desired.relays = control->tickets.relays;
		desired.n_relays = control->tickets.n_relays;
		length = nat_desired_encode(&desired, bytes);
	}
	desired.relays = NULL; /* ours, not the struct's */
	desired.n_relays = 0;
	nat_desired_clear(&desired);
	return length;
}

static void handover_send(struct handover_neighbour *neighbour)
{
	struct control *control = neighbour->control;
	struct dataplane_revision *revision = &control->handover.revision;
	bool dataplane = neighbour->to == SERVICE_DATAPLANE;
	uint8_t *bytes;
	ssize_t length;

	revision->counter++;
	length = dataplane ? handover_encode_dataplane(control, revision, &bytes)
			   : handover_encode_nat(control, revision, &bytes);
	if (length < 0) {
		log_err("%s: cannot say what it should have: %s", service_names[neighbour->to],
			strerror((int)-length));
		handover_wait(neighbour, COMPARE_MS);
		return;
	}
	neighbour->dirty = false;
	neighbour->busy = true;
	neighbour->sent = *revision;
	bus_request(control->bus, neighbour->to,
		    dataplane ? (uint32_t)DATAPLANE_SET_PARTY : (uint32_t)NAT_SET_DESIRED, bytes,
		    (size_t)length, BUS_TIMEOUT_MS, handover_sent, neighbour);
	free(bytes);
}

/* Sends again what a neighbour that was restarted, or that we never reached, lacks. */
static void handover_compare(struct handover_neighbour *neighbour,
			     const struct dataplane_revision *has)
{
	struct handover *handover = &neighbour->control->handover;

	if (has->instance > handover->revision.instance) {
		log_notice("%s: has what a later instance gave it: the clock was set back",
			   service_names[neighbour->to]);
		handover->revision.instance = has->instance + 1;
		handover_push(neighbour->control);
	} else if (dataplane_revision_compare(has, &neighbour->sent) != 0) {
		neighbour->dirty = true;
		neighbour->complete = false;
	}
}

static void handover_got_dataplane(void *data, const struct error *error, const uint8_t *body,
				   size_t length)
{
	struct handover_neighbour *neighbour = data;
	struct dataplane_state state;
	bool failed = error || dataplane_state_decode(&state, body, length) < 0;

	if (!failed) {
		handover_compare(neighbour, &state.party);
		dataplane_state_clear(&state);
	}
	handover_go_on(neighbour, failed);
}

/* True if another member should hear of the difference. */
static bool handover_reach_differs(const struct nat_state *a, const struct nat_state *b)
{
	return a->n_candidates != b->n_candidates || a->n_chosen_relays != b->n_chosen_relays ||
	       a->mapping != b->mapping || a->filtering != b->filtering ||
	       a->n_distances != b->n_distances ||
	       memcmp(a->distances, b->distances, sizeof(a->distances)) != 0 ||
	       memcmp(a->candidates, b->candidates, sizeof(a->candidates)) != 0 ||
	       memcmp(a->chosen_relays, b->chosen_relays, sizeof(a->chosen_relays)) != 0;
}

/* Takes the state over; true if the others should hear of it. */
static bool handover_take_nat(struct handover *handover, struct nat_state *state)
{
	bool differs =
		!handover->has_nat_state || handover_reach_differs(state, &handover->nat_state);

	free(state->reasons);
	state->reasons = NULL;
	state->n_reasons = 0;
	handover->nat_state = *state;
	handover->has_nat_state = true;
	return differs;
}

static void handover_got_nat(void *data, const struct error *error, const uint8_t *body,
			     size_t length)
{
	struct handover_neighbour *neighbour = data;
	struct control *control = neighbour->control;
	struct nat_state state;
	bool failed = error || nat_state_decode(&state, body, length) < 0;

	if (!failed) {
		handover_compare(neighbour, &state.desired);
		if (handover_take_nat(&control->handover, &state)) {
			rendezvous_moved(control->rendezvous);
			announce_soon(control);
		}
	}
	handover_go_on(neighbour, failed);
}

static void handover_ask(struct handover_neighbour *neighbour)
{
	bool dataplane = neighbour->to == SERVICE_DATAPLANE;

	neighbour->ask = false;
	neighbour->busy = true;
	bus_request(neighbour->control->bus, neighbour->to,
		    dataplane ? (uint32_t)DATAPLANE_GET_STATE : (uint32_t)NAT_GET_STATE, NULL, 0,
		    BUS_TIMEOUT_MS, dataplane ? handover_got_dataplane : handover_got_nat,
		    neighbour);
}

static void handover_tick(void *data)
{
	struct handover_neighbour *neighbour = data;

	if (neighbour->busy)
		return; /* its answer sets the timer again */
	if (neighbour->dirty)
		handover_send(neighbour);
	else
		handover_ask(neighbour);
}

static void handover_event(void *data, uint32_t type, bool resync, const uint8_t *body,
			   size_t length)
{
	struct handover_neighbour *neighbour = data;
	struct dataplane_key key;

	if (neighbour->to == SERVICE_DATAPLANE && (resync || type == DATAPLANE_EVENT_NOTE))
		gossip_take(neighbour->control);
	if (neighbour->to == SERVICE_DATAPLANE && type == DATAPLANE_EVENT_PEER &&
	    dataplane_key_decode(&key, body, length) == 0)
		gossip_greet(neighbour->control, key.public_key);
	if (!resync && !(neighbour->to == SERVICE_NAT && type == NAT_EVENT_CANDIDATES))
		return;
	neighbour->ask = true;
	if (!neighbour->busy)
		handover_wait(neighbour, 0);
}

static void handover_init_neighbour(struct control *control, struct handover_neighbour *neighbour,
				    enum service_id to)
{
	neighbour->control = control;
	neighbour->to = to;
	neighbour->dirty = true;
}

void handover_init(struct control *control)
{
	memset(&control->handover, 0, sizeof(control->handover));
	control->handover.revision.instance = control->service->instance;
	handover_init_neighbour(control, &control->handover.dataplane, SERVICE_DATAPLANE);
	handover_init_neighbour(control, &control->handover.nat, SERVICE_NAT);
}

static void handover_start_neighbour(struct handover_neighbour *neighbour)
{
	if (bus_subscribe(neighbour->control->bus, neighbour->to, handover_event, neighbour) < 0)
		log_warning("%s: cannot subscribe to its events; asking every few seconds instead",
			    service_names[neighbour->to]);
	handover_wait(neighbour, 0);
}

void handover_start(struct control *control)
{
	handover_start_neighbour(&control->handover.dataplane);
	handover_start_neighbour(&control->handover.nat);
}

void handover_deinit(struct control *control)
{
	loop_timer_stop(&control->handover.dataplane.timer);
	loop_timer_stop(&control->handover.nat.timer);
}

static void handover_dirty(struct handover_neighbour *neighbour)
{
	neighbour->dirty = true;
	neighbour->complete = false;
	if (!neighbour->busy)
		handover_wait(neighbour, 0);
}

void handover_push(struct control *control)
{
	handover_dirty(&control->handover.dataplane);
	handover_dirty(&control->handover.nat);
}

bool handover_is_complete(const struct control *control)
{
	return control->handover.dataplane.complete;
}

bool handover_is_latest(const struct control *control, const struct dataplane_revision *has)
{
	return dataplane_revision_compare(has, &control->handover.dataplane.sent) == 0;
}
