/* view_status.c - the status document, and what doctor looks at. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "svc-api/explain.h"
#include "svc-api/view.h"

static const char *server_state(enum control_server_state state)
{
	switch (state) {
	case CONTROL_SERVER_NONE: return "none";
	case CONTROL_SERVER_CONNECTING: return "connecting";
	case CONTROL_SERVER_CONNECTED: return "connected";
	case CONTROL_SERVER_AWAY: return "away";
	case CONTROL_SERVER_STATES: break;
	}
	return "away";
}

static json_t *view_party(const struct control_status *control)
{
	char id[TEXT_ID_SIZE];
	const char *host = "";

	if (!control || !control->in_party)
		return json_null();
	for (size_t i = 0; i < control->n_members; i++)
		if (control->members[i].host)
			host = control->members[i].name;
	return json_pack("{s:s, s:o, s:o, s:I}", "id", text_id(control->party_id, id), "name",
			 view_text(control->party_name), "host", view_text(host), "members",
			 (json_int_t)control->n_members);
}

static json_t *view_self(const struct snapshot *snapshot)
{
	const struct control_status *control = snapshot->control;
	char id[TEXT_ID_SIZE];

	return json_pack(
		"{s:o, s:o, s:o, s:o}", "name",
		control ? view_text(control->own_name) : json_null(), "id",
		control ? json_string(text_id(control->identity, id)) : json_null(), "virtual_ip",
		control ? view_ip(&control->address) : json_null(), "interface",
		snapshot->dataplane ? view_text(snapshot->dataplane->interface) : json_null());
}

static json_t *view_rendezvous(const struct control_status *control)
{
	if (!control)
		return json_pack("{s:n, s:n}", "url", "state");
	return json_pack("{s:o, s:s}", "url", view_text(control->server_url), "state",
			 server_state(control->server_state));
}

static json_t *view_nat_relay(const struct nat_relay_state *relay)
{
	return json_pack("{s:o, s:o, s:s, s:s, s:o}", "name", view_text(relay->name), "endpoint",
			 view_endpoint(&relay->endpoint), "transport",
			 relay->by_tcp ? "tcp" : "udp", "state", view_relay_state(relay->state),
			 "rtt_ms", view_ms(relay->rtt_us));
}

/* The one others reach us at first. */
static json_t *view_chosen_relay(const struct nat_state *nat)
{
	for (size_t i = 0; nat && nat->n_chosen_relays > 0 && i < nat->n_relays; i++)
		if (memcmp(nat->relays[i].public_key, nat->chosen_relays[0], DATAPLANE_KEY_SIZE) ==
		    0)
			return view_nat_relay(&nat->relays[i]);
	return json_null();
}

static json_t *view_nat(const struct nat_state *nat)
{
	json_t *public = json_array();

	if (!nat) {
		json_decref(public);
		return json_pack("{s:n, s:n, s:n}", "mapping", "filtering", "public");
	}
	for (size_t i = 0; i < nat->n_public; i++)
		json_array_append_new(public, view_endpoint(&nat->public[i]));
	return json_pack("{s:o, s:o, s:o}", "mapping", view_behaviour(nat->mapping), "filtering",
			 view_behaviour(nat->filtering), "public", public);
}

static json_t *view_engine(const struct dataplane_state *state)
{
	unsigned on = state ? state->offloads : 0;

	if (!state)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:{s:b, s:b, s:b, s:b}}", "cipher", view_text(state->cipher),
		"cipher_ns", view_count(state->cipher_ns), "offloads", "tso",
		(on & DATAPLANE_OFFLOAD_TSO) != 0, "uso", (on & DATAPLANE_OFFLOAD_USO) != 0, "gso",
		(on & DATAPLANE_OFFLOAD_GSO) != 0, "gro", (on & DATAPLANE_OFFLOAD_GRO) != 0);
}

/* The launcher knows that a process is there, we whether it answers. */
static json_t *view_state(const struct snapshot *snapshot, enum service_id id)
{
	const char *state = snapshot->supervision.services[id].state;
	uint32_t silent = snapshot->asked & ~snapshot->answered;

	return view_text(strcmp(state, "running") == 0 && (silent & BUS_FROM(id)) ? "silent"
										  : state);
}

static json_t *view_service(const struct snapshot *snapshot, enum service_id id)
{
	const struct supervised *service = &snapshot->supervision.services[id];
	json_t *uptime = json_null();

	if (service->started_at_us <= snapshot->now_us)
		uptime = json_integer(
			(json_int_t)((snapshot->now_us - service->started_at_us) / CLOCK_SECOND));
	return json_pack("{s:o, s:o, s:o, s:o}", "state", view_state(snapshot, id), "pid",
			 view_count(service->pid), "restarts", view_count(service->restarts),
			 "uptime_s", uptime);
}

static json_t *view_services(const struct snapshot *snapshot)
{
	json_t *services = json_object();

	for (enum service_id id = 0; id < SERVICE_COUNT; id++)
		json_object_set_new(services, service_names[id], view_service(snapshot, id));
	return services;
}

json_t *view_status(const struct snapshot *snapshot)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "party",
			 view_party(snapshot->control), "self", view_self(snapshot), "server",
			 view_rendezvous(snapshot->control), "relay",
			 view_chosen_relay(snapshot->nat), "nat", view_nat(snapshot->nat), "engine",
			 view_engine(snapshot->dataplane), "services", view_services(snapshot));
}

/* ---- for doctor */

static const char *interface_state(enum dataplane_interface_state state)
{
	switch (state) {
	case DATAPLANE_INTERFACE_DOWN: return "down";
	case DATAPLANE_INTERFACE_UP: return "up";
	case DATAPLANE_INTERFACE_FAILED: return "failed";
	case DATAPLANE_INTERFACE_STATES: break;
	}
	return "failed";
}

static json_t *view_interface(const struct dataplane_state *state)
{
	if (!state)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:i, s:i}", "name", view_text(state->interface), "state",
			 interface_state(state->interface_state), "reason",
			 view_text(state->interface_reason), "port_ipv4", (int)state->port_ipv4,
			 "port_ipv6", (int)state->port_ipv6);
}

static json_t *view_relays(const struct nat_state *nat)
{
	json_t *relays = json_array();

	if (!nat) {
		json_decref(relays);
		return json_null();
	}
	for (size_t i = 0; i < nat->n_relays; i++) {
		json_t *relay = view_nat_relay(&nat->relays[i]);

		json_object_set_new(relay, "reason", view_text(nat->relays[i].reason));
		json_object_set_new(relay, "chosen", json_boolean(nat->relays[i].chosen));
		json_array_append_new(relays, relay);
	}
	return relays;
}

static const char *candidate_kind(enum nat_candidate_kind kind)
{
	switch (kind) {
	case NAT_CANDIDATE_HOST: return "own";
	case NAT_CANDIDATE_STUN: return "stun";
	case NAT_CANDIDATE_PEER: return "peer";
	case NAT_CANDIDATE_MAPPED: return "mapped";
	case NAT_CANDIDATE_KINDS: break;
	}
	return "own";
}

static json_t *view_candidates(const struct nat_state *nat)
{
	json_t *candidates = json_array();

	if (!nat) {
		json_decref(candidates);
		return json_null();
	}
	for (size_t i = 0; i < nat->n_candidates; i++)
		json_array_append_new(candidates,
				      json_pack("{s:o, s:s}", "endpoint",
						view_endpoint(&nat->candidates[i].address), "kind",
						candidate_kind(nat->candidates[i].kind)));
	return candidates;
}

static json_t *view_problem(const struct snapshot *snapshot)
{
	enum nat_cause cause = explain_self(snapshot);

	return cause == NAT_CAUSE_NONE ? json_null() : view_cause(cause);
}

static json_t *view_clock(const struct control_status *control)
{
	if (!control || control->clock_ahead_s == CONTROL_CLOCK_UNKNOWN)
		return json_null();
	return json_integer(control->clock_ahead_s);
}

json_t *view_network(const struct snapshot *snapshot)
{
	const struct control_status *control = snapshot->control;
	json_t *server = view_rendezvous(control);

	json_object_set_new(server, "reason",
			    control ? view_text(control->server_reason) : json_null());
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "notice",
			 control ? view_text(control->notice) : json_null(), "problem",
			 view_problem(snapshot), "clock_ahead_s", view_clock(control), "up",
			 control ? json_boolean(control->up) : json_null(), "local",
			 control ? json_boolean(control->local) : json_null(), "interface",
			 view_interface(snapshot->dataplane), "server", server, "relays",
			 view_relays(snapshot->nat), "nat", view_nat(snapshot->nat), "candidates",
			 view_candidates(snapshot->nat));
}
