#include "svc-nat/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-nat/service.h"

#define INTERVAL_US (100 * CLOCK_MS)

/* ---- the state ---- */

static void fill_relay(const struct nat *nat, const struct nat_relay *relay,
		       struct nat_relay_state *state)
{
	const struct dataplane_relay_status *status =
		neighbour_relay(&nat->neighbour, relay->public_key);
	const struct carrier *carrier = overtcp_find(&nat->overtcp, relay->public_key);

	memcpy(state->public_key, relay->public_key, DATAPLANE_KEY_SIZE);
	memcpy(state->name, relay->name, sizeof(state->name));
	state->chosen = relays_is_chosen(&nat->relays, relay->public_key);
	state->rtt_us = service_relay_rtt_us(nat, relay);
	if (status) {
		state->state = status->state;
		state->endpoint = status->endpoint;
		memcpy(state->reason, status->reason, sizeof(state->reason));
		state->by_tcp = carrier && addr_equal(&status->endpoint, &carrier->local);
		if (state->by_tcp)
			state->endpoint = carrier->endpoint;
	} else {
		state->state = DATAPLANE_RELAY_CONNECTING;
		snprintf(state->reason, sizeof(state->reason), "not in use");
	}
}

static void fill_announced(const struct nat *nat, struct nat_state *state)
{
	state->n_candidates = nat->n_candidates;
	memcpy(state->candidates, nat->candidates, sizeof(state->candidates));
	state->n_chosen_relays = nat->relays.n_chosen;
	memcpy(state->chosen_relays, nat->relays.chosen, sizeof(state->chosen_relays));
	state->mapping = behaviour_mapping_overall(&nat->behaviour);
	state->filtering = behaviour_filtering_overall(&nat->behaviour);
	state->n_distances = nat->distances.n;
	memcpy(state->distances, nat->distances.list, sizeof(state->distances));
}

int report_state(const struct nat *nat, struct nat_state *state)
{
	memset(state, 0, sizeof(*state));
	fill_announced(nat, state);
	state->desired = nat->desired.revision;
	state->n_public = behaviour_public(&nat->behaviour, state->public);
	for (; state->n_relays < nat->desired.n_relays; state->n_relays++)
		fill_relay(nat, &nat->desired.relays[state->n_relays],
			   &state->relays[state->n_relays]);
	state->announce_counter = nat->report.announce_counter;
	state->here = nat->here;
	if (nat->n_reasons == 0)
		return 0;
	state->reasons = malloc(nat->n_reasons * sizeof(*state->reasons));
	if (!state->reasons)
		return -ENOMEM;
	memcpy(state->reasons, nat->reasons, nat->n_reasons * sizeof(*state->reasons));
	state->n_reasons = nat->n_reasons;
	return 0;
}

/* ---- events ---- */

static void publish_state(void *data)
{
	struct nat *nat = data;

	nat->report.pending = false;
	nat->report.published_us = clock_now_us();
	bus_publish(nat->bus, NAT_EVENT_STATE, NULL, 0);
}

static void publish_state_soon(struct nat *nat)
{
	struct report *report = &nat->report;
	uint64_t now_us = clock_now_us(), due_us = report->published_us + INTERVAL_US;

	if (report->pending)
		return;
	report->pending = true;
	if (now_us >= due_us)
		publish_state(nat);
	else
		loop_timer_start(&nat->loop, &report->timer, (due_us - now_us) / CLOCK_MS + 1, 0,
				 publish_state, nat);
}

/* Whether what is announced is another than before. */
static bool update_announced(struct nat *nat)
{
	struct nat_state now;

	memset(&now, 0, sizeof(now));
	fill_announced(nat, &now);
	if (memcmp(&now, &nat->report.announced, sizeof(now)) == 0)
		return false;
	nat->report.announced = now;
	nat->report.announce_counter++;
	return true;
}

/* Whether the rest is; measured times alone are no news. */
static bool update_shown(struct nat *nat)
{
	struct report *report = &nat->report;
	struct nat_state state;
	uint8_t *bytes = NULL;
	ssize_t length = -ENOMEM;
	bool same;

	if (report_state(nat, &state) == 0) {
		state.n_candidates = state.n_distances = 0;
		state.desired = (struct dataplane_revision){0};
		state.announce_counter = 0;
		for (size_t i = 0; i < state.n_relays; i++)
			state.relays[i].rtt_us = 0;
		length = nat_state_encode(&state, &bytes);
		nat_state_clear(&state);
	}
	if (length < 0)
		return true; /* too much to compare is no reason for silence */
	same = report->shown && report->shown_length == (size_t)length &&
	       memcmp(bytes, report->shown, report->shown_length) == 0;
	free(report->shown);
	report->shown = bytes;
	report->shown_length = (size_t)length;
	return !same;
}

void report_update(struct nat *nat)
{
	bool announce = update_announced(nat);
	bool show = update_shown(nat);

	if (announce)
		bus_publish(nat->bus, NAT_EVENT_CANDIDATES, NULL, 0);
	if (show)
		publish_state_soon(nat);
}

void report_stop(struct nat *nat)
{
	loop_timer_stop(&nat->report.timer);
	free(nat->report.shown);
	nat->report.shown = NULL;
}
