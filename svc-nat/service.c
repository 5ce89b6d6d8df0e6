#include "svc-nat/service.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

/* After a restart the dataplane still has a plan, and paths over its relays: a new one waits this
 * long for our own relays to be measured, lest it takes bindings away only to ask for them again.
 */
#define COMPLETE_US (2 * RELAYS_PATIENCE_US)

/* ---- what is known, as the pure modules take it ---- */

struct known {
	struct candidates_input own;
	struct addr mapped[BEHAVIOUR_FAMILIES];
};

static const char *interface_name(const struct nat *nat)
{
	if (nat->neighbour.has_state && nat->neighbour.state.interface[0])
		return nat->neighbour.state.interface;
	return config_get(nat->service->config, "dataplane", "interface", "lanrage0");
}

/* As long as it may turn out to be a symmetric NAT, it is taken for one: what is announced and
 * taken back makes everybody plan anew. */
static bool is_dependent(const struct nat *nat, uint8_t family)
{
	return !nat->has_desired || behaviour_is_pending(&nat->behaviour, family) ||
	       behaviour_is_dependent(behaviour_mapping(&nat->behaviour, family));
}

/* own.mapped points into *known, which therefore stays where it is. */
static void look(const struct nat *nat, struct known *known)
{
	const struct dataplane_state *state = &nat->neighbour.state;

	known->own = (struct candidates_input){
		.n_addresses = nat->addresses.n,
		.addresses = nat->addresses.list,
		.interface = interface_name(nat),
		.virtual_prefix = nat->desired.virtual_prefix,
		.port_ipv4 = state->port_ipv4,
		.port_ipv6 = state->port_ipv6,
		.n_mapped = behaviour_public(&nat->behaviour, known->mapped),
		.mapped = known->mapped,
		.n_reflexive = state->n_reflexive,
		.reflexive = state->reflexive,
		.dependent_ipv4 = is_dependent(nat, ADDR_IPV4),
		.dependent_ipv6 = is_dependent(nat, ADDR_IPV6),
	};
}

/* Own addresses alone, with the tunnel's ports. */
static size_t own_addresses(const struct nat *nat, struct addr own[CANDIDATES_HOST_MAX])
{
	struct nat_candidate list[DATAPLANE_CANDIDATES_MAX];
	struct known known;
	size_t n;

	look(nat, &known);
	known.own.n_mapped = known.own.n_reflexive = 0;
	n = candidates_gather(&known.own, list);
	for (size_t i = 0; i < n; i++)
		own[i] = list[i].address;
	return n;
}

/* The relay's way by TCP, while that is wanted; NULL. */
static const struct carrier *carrier_of(const struct nat *nat, const struct nat_relay *relay)
{
	const struct carrier *carrier = overtcp_find(&nat->overtcp, relay->public_key);

	return carrier && carrier->wanted ? carrier : NULL;
}

uint32_t service_relay_rtt_us(const struct nat *nat, const struct nat_relay *relay)
{
	const struct dataplane_relay_status *status =
		neighbour_relay(&nat->neighbour, relay->public_key);
	const struct carrier *carrier = carrier_of(nat, relay);
	uint32_t best_us = DATAPLANE_UNKNOWN;

	for (size_t i = 0; i < relay->n_endpoints; i++) {
		uint32_t rtt_us = behaviour_rtt_us(&nat->behaviour, &relay->endpoints[i]);

		if (rtt_us < best_us)
			best_us = rtt_us;
	}
	if (carrier && carrier->rtt_us < best_us)
		best_us = carrier->rtt_us;
	/* whatever is in the way of any of them only ever adds */
	return status && status->rtt_us < best_us ? status->rtt_us : best_us;
}

static bool is_silent(const struct nat *nat, const struct nat_relay *relay)
{
	const struct carrier *carrier = carrier_of(nat, relay);
	size_t silent = 0;

	if (carrier && carrier->rtt_us != DATAPLANE_UNKNOWN)
		return false;
	for (size_t i = 0; i < relay->n_endpoints; i++)
		silent += behaviour_is_silent(&nat->behaviour, &relay->endpoints[i]);
	return relay->n_endpoints && silent == relay->n_endpoints;
}

/* ---- conclusions ---- */

static void look_at_relays(const struct nat *nat, struct relays_seen seen[NAT_RELAYS_MAX])
{
	memset(seen, 0, NAT_RELAYS_MAX * sizeof(*seen));
	for (size_t i = 0; i < nat->desired.n_relays; i++) {
		const struct nat_relay *relay = &nat->desired.relays[i];
		const struct dataplane_relay_status *status =
			neighbour_relay(&nat->neighbour, relay->public_key);

		memcpy(seen[i].public_key, relay->public_key, DATAPLANE_KEY_SIZE);
		seen[i].rtt_us = service_relay_rtt_us(nat, relay);
		seen[i].silent = is_silent(nat, relay);
		seen[i].bound = status && status->state == DATAPLANE_RELAY_BOUND;
		seen[i].failed = status && (status->state == DATAPLANE_RELAY_REFUSED ||
					    status->state == DATAPLANE_RELAY_SILENT);
	}
}

/* The tunnel hears nothing of some relay any more: does STUN? That tells when it is back. */
static void check_failed(struct nat *nat, uint64_t now_us, const struct relays_seen *seen)
{
	for (size_t i = 0; i < nat->desired.n_relays; i++) {
		const struct nat_relay *relay = &nat->desired.relays[i];

		for (size_t k = 0; seen[i].failed && k < relay->n_endpoints; k++)
			behaviour_check_server(&nat->behaviour, now_us, &relay->endpoints[k]);
	}
}

static void choose_relays(struct nat *nat, uint64_t now_us, const struct relays_seen *seen)
{
	if (!relays_choose(&nat->relays, now_us, seen, nat->desired.n_relays))
		return;
	for (size_t i = 0; i < nat->desired.n_relays; i++) {
		const struct nat_relay *relay = &nat->desired.relays[i];

		if (!relays_is_chosen(&nat->relays, relay->public_key))
			continue;
		if (seen[i].rtt_us == DATAPLANE_UNKNOWN)
			log_info("relay %s: is one of ours, not measured", relay->name);
		else
			log_info("relay %s: is one of ours, %.1f ms away", relay->name,
				 seen[i].rtt_us / 1000.0);
	}
}

/* What the others are told of our distances, and where that lets us meet each of them. */
static void choose_pairs(struct nat *nat, uint64_t now_us, const struct relays_seen *seen)
{
	struct distances_seen usable[NAT_RELAYS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < nat->desired.n_relays; i++) {
		if (!relays_is_usable(&nat->relays, now_us, &seen[i]))
			continue;
		memcpy(usable[n].public_key, seen[i].public_key, DATAPLANE_KEY_SIZE);
		usable[n++].rtt_us = seen[i].rtt_us;
	}
	distances_update(&nat->distances, now_us, usable, n);
	if (pairs_choose(&nat->pairs, now_us, &nat->desired, nat->distances.list,
			 nat->distances.n) < 0)
		log_err("pairs: out of memory");
}

/* Those of one list that the other lacks. */
static void log_candidates(const struct nat_candidate *list, size_t n,
			   const struct nat_candidate *others, size_t n_others, const char *what)
{
	static const char *const kinds[NAT_CANDIDATE_KINDS] = {"own", "by STUN", "seen by a peer",
							       "mapped"};
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < n_others && memcmp(&list[i], &others[k], sizeof(list[i])) != 0)
			k++;
		if (k == n_others)
			log_info("candidate %s (%s): %s", addr_format(&list[i].address, text),
				 kinds[list[i].kind], what);
	}
}

static void gather_candidates(struct nat *nat, const struct known *known)
{
	struct nat_candidate list[DATAPLANE_CANDIDATES_MAX];
	size_t n = candidates_gather(&known->own, list);

	log_candidates(nat->candidates, nat->n_candidates, list, n, "gone");
	log_candidates(list, n, nat->candidates, nat->n_candidates, "new");
	nat->n_candidates = n;
	memcpy(nat->candidates, list, sizeof(list));
}

static bool is_complete(const struct nat *nat, uint64_t now_us)
{
	size_t wanted = nat->desired.n_relays < NAT_MEMBER_RELAYS_MAX ? nat->desired.n_relays
								      : NAT_MEMBER_RELAYS_MAX;

	if (!nat->has_desired || !nat->neighbour.has_state)
		return false;
	return nat->neighbour.has_plan || !nat->desired.active ||
	       nat->neighbour.state.n_relays == 0 || nat->relays.n_chosen >= wanted ||
	       now_us - nat->active_us >= COMPLETE_US;
}

static void make_plan(struct nat *nat, const struct known *known)
{
	struct addr answering[2 * NAT_RELAYS_MAX];
	struct plan_detour detours[NAT_RELAYS_MAX];
	struct plan_input input = {
		.desired = &nat->desired,
		.own = &known->own,
		.n_chosen = nat->relays.n_chosen,
		.chosen = (const uint8_t(*)[DATAPLANE_KEY_SIZE])nat->relays.chosen,
		.pairs = &nat->pairs,
		.answering = answering,
		.detours = detours,
	};
	struct dataplane_plan plan;
	size_t n_relays, n_peers;

	for (size_t i = 0; i < nat->desired.n_relays; i++) {
		const struct nat_relay *relay = &nat->desired.relays[i];
		const struct carrier *carrier = carrier_of(nat, relay);

		if (carrier && carrier->state == CARRIER_UP)
			detours[input.n_detours++] = (struct plan_detour){
				.relay = relay->public_key, .endpoint = carrier->local};
		for (size_t k = 0; k < relay->n_endpoints; k++) {
			if (behaviour_rtt_us(&nat->behaviour, &relay->endpoints[k]) !=
				    DATAPLANE_UNKNOWN &&
			    !behaviour_is_silent(&nat->behaviour, &relay->endpoints[k]))
				answering[input.n_answering++] = relay->endpoints[k];
		}
	}
	if (plan_make(&plan, &input) < 0) {
		log_err("plan: out of memory");
		return;
	}
	n_relays = plan.n_relays;
	n_peers = plan.n_peers;
	if (neighbour_set_plan(&nat->neighbour, &plan))
		log_info("plan: %zu peers, %zu relays", n_peers, n_relays);
}

static void explain(struct nat *nat, uint64_t now_us)
{
	const struct why_input input = {
		.desired = &nat->desired,
		.plan = &nat->neighbour.plan,
		.state = nat->neighbour.has_state ? &nat->neighbour.state : NULL,
		.mapping = behaviour_mapping_overall(&nat->behaviour),
		.drops = drops_are_ours(&nat->drops),
	};
	struct nat_reason *reasons;

	nat->here = nat->desired.active ? why_here(&input) : NAT_CAUSE_NONE;
	if (!nat->desired.active) {
		why_clear(&nat->why);
		free(nat->reasons);
		nat->reasons = NULL;
		nat->n_reasons = 0;
	} else if (why_explain(&nat->why, now_us, &input, &reasons) == 0) {
		free(nat->reasons);
		nat->reasons = reasons;
		nat->n_reasons = nat->desired.n_members;
	}
}

static void log_behaviour(struct nat *nat)
{
	static const char *const names[BEHAVIOUR_FAMILIES] = {"IPv4", "IPv6"};
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < BEHAVIOUR_FAMILIES; i++) {
		const struct behaviour_family *now = &nat->behaviour.families[i];
		struct behaviour_family *before = &nat->logged[i];

		if (now->mapping != before->mapping || !addr_equal(&now->mapped, &before->mapped))
			log_info("%s: mapping %s -> %s, seen from outside as %s", names[i],
				 nat_behaviour_text(before->mapping),
				 nat_behaviour_text(now->mapping), addr_format(&now->mapped, text));
		*before = *now;
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- without UDP ---- */

/* The tunnel's own socket, on this machine. */
static struct addr tunnel_here(const struct nat *nat)
{
	static const uint8_t here4[4] = {127, 0, 0, 1}, here6[16] = {[15] = 1};
	const struct dataplane_state *state = &nat->neighbour.state;
	struct addr addr = {0};

	if (state->port_ipv4)
		(void)addr_from_bytes(&addr, here4, sizeof(here4), state->port_ipv4);
	else if (state->port_ipv6)
		(void)addr_from_bytes(&addr, here6, sizeof(here6), state->port_ipv6);
	return addr;
}

static bool is_bound_by_udp(const struct nat *nat, const struct nat_relay *relay)
{
	const struct dataplane_relay_status *status =
		neighbour_relay(&nat->neighbour, relay->public_key);

	return status && status->state == DATAPLANE_RELAY_BOUND && !status->unanswered &&
	       !addr_is_loopback(&status->endpoint);
}

static bool is_in_plan(const struct nat *nat, const struct nat_relay *relay)
{
	const struct dataplane_plan *plan = &nat->neighbour.plan;

	for (size_t i = 0; i < plan->n_relays; i++) {
		if (memcmp(plan->relays[i].public_key, relay->public_key, DATAPLANE_KEY_SIZE) == 0)
			return true;
	}
	return false;
}

/* Relays by TCP, as long as nothing that is sent by UDP is answered. */
static uint64_t go_by_tcp(struct nat *nat, uint64_t now_us)
{
	struct overtcp_relay relays[NAT_RELAYS_MAX];
	struct addr tunnel = tunnel_here(nat);
	bool blocked = nat->desired.active && !addr_is_none(&tunnel) && nat->mute;
	size_t n = 0;

	for (size_t i = 0; blocked && i < nat->desired.n_relays; i++) {
		const struct nat_relay *relay = &nat->desired.relays[i];

		if (!is_bound_by_udp(nat, relay))
			relays[n++] = (struct overtcp_relay){
				.relay = relay,
				.used = is_in_plan(nat, relay) ||
					relays_is_chosen(&nat->relays, relay->public_key),
			};
	}
	return overtcp_want(&nat->overtcp, now_us, &tunnel, relays, n);
}

static void think(struct nat *nat, uint64_t now_us)
{
	struct relays_seen seen[NAT_RELAYS_MAX];
	struct known known;
	uint64_t tcp_us;

	nat->dirty = false;
	nat->behaviour.changed = false;
	log_behaviour(nat);
	look(nat, &known);
	gather_candidates(nat, &known);
	look_at_relays(nat, seen);
	if (nat->neighbour.has_state) {
		choose_relays(nat, now_us, seen);
		check_failed(nat, now_us, seen);
		choose_pairs(nat, now_us, seen);
	}
	tcp_us = go_by_tcp(nat, now_us);
	if (is_complete(nat, now_us))
		make_plan(nat, &known);
	explain(nat, now_us);
	report_update(nat);
	nat->think_us = earlier(
		relays_due_us(&nat->relays, now_us),
		earlier(distances_due_us(&nat->distances, now_us), why_due_us(&nat->why, now_us)));
	nat->think_us = earlier(nat->think_us, tcp_us);
	if (!nat->neighbour.has_plan && nat->desired.active)
		nat->think_us = earlier(nat->think_us, nat->active_us + COMPLETE_US);
}

/* While servers are asked, the kernel is watched for answers that vanish. */
static void watch_drops(struct nat *nat)
{
	const struct behaviour *behaviour = &nat->behaviour;
	bool asking = behaviour_is_asking(behaviour), ours = drops_are_ours(&nat->drops);

	if (!drops_is_due(&nat->drops, asking, behaviour->answers))
		return;
	drops_update(&nat->drops, asking, behaviour->copies, behaviour->answers, drops_read());
	nat->dirty |= drops_are_ours(&nat->drops) != ours;
}

/* Concluded before any server is given up, and taken back by an answer alone: that a new server was
 * not asked yet says nothing. */
static void watch_udp(struct nat *nat)
{
	const struct behaviour *behaviour = &nat->behaviour;
	bool mute = behaviour_is_mute(behaviour) ||
		    (nat->mute && behaviour->answers == nat->mute_answers);

	nat->dirty |= mute != nat->mute;
	/* Does any relay answer the tunnel? */
	if (mute && !nat->mute)
		neighbour_look(&nat->neighbour);
	nat->mute = mute;
	nat->mute_answers = behaviour->answers;
}

static void turn(void *data)
{
	struct nat *nat = data;
	uint64_t now_us = clock_now_us(), due_us;
	struct addr own[CANDIDATES_HOST_MAX];
	size_t n_own = own_addresses(nat, own);

	behaviour_set_own(&nat->behaviour, now_us, own, n_own);
	due_us = behaviour_poll(&nat->behaviour, now_us);
	watch_drops(nat);
	watch_udp(nat);
	if (nat->dirty || nat->behaviour.changed || now_us >= nat->think_us)
		think(nat, now_us);
	if (nat->think_us < due_us)
		due_us = nat->think_us;
	if (due_us == CLOCK_NEVER)
		loop_timer_stop(&nat->timer);
	else
		loop_timer_start(&nat->loop, &nat->timer,
				 due_us <= now_us ? 1 : (due_us - now_us) / CLOCK_MS + 1, 0, turn,
				 nat);
	check_turn(nat, now_us);
}

void service_turn(struct nat *nat)
{
	turn(nat);
}

/* ---- what comes in ---- */

static void on_changed(void *data)
{
	struct nat *nat = data;

	nat->dirty = true;
	turn(nat);
}

/* Another address or another way out: the mappings are others as well. */
static void on_moved(void *data)
{
	struct nat *nat = data;
	uint64_t now_us = clock_now_us();

	neighbour_moved(&nat->neighbour);
	overtcp_restart(&nat->overtcp);
	behaviour_check(&nat->behaviour, now_us, ADDR_IPV4);
	behaviour_check(&nat->behaviour, now_us, ADDR_IPV6);
	on_changed(nat);
}

/* An own address that nobody saw before: the NAT may have made new mappings. */
static void notice_reflexive(struct nat *nat, uint64_t now_us)
{
	const struct dataplane_state *state = &nat->neighbour.state;

	for (size_t i = 0; i < state->n_reflexive; i++) {
		size_t k = 0;

		while (k < nat->n_reflexive &&
		       !addr_equal(&state->reflexive[i], &nat->reflexive[k]))
			k++;
		if (k == nat->n_reflexive)
			behaviour_check(&nat->behaviour, now_us, state->reflexive[i].family);
	}
	nat->n_reflexive = state->n_reflexive;
	memcpy(nat->reflexive, state->reflexive, sizeof(nat->reflexive));
}

/* A peer or a relay was lost: is it that one alone, or are we cut off? */
static void notice_loss(struct nat *nat, uint64_t now_us)
{
	const struct dataplane_state *state = &nat->neighbour.state;
	size_t n_reached = 0;

	for (size_t i = 0; i < state->n_peers; i++)
		n_reached += state->peers[i].state == DATAPLANE_PEER_CONNECTED;
	for (size_t i = 0; i < state->n_relays; i++)
		n_reached += state->relays[i].state == DATAPLANE_RELAY_BOUND;
	if (n_reached < nat->n_reached)
		behaviour_check_all(&nat->behaviour, now_us);
	nat->n_reached = n_reached;
}

static void on_neighbour(void *data)
{
	struct nat *nat = data;

	notice_loss(nat, clock_now_us());
	notice_reflexive(nat, clock_now_us());
	on_changed(nat);
}

static void on_stun(void *data, const struct addr *from, uint64_t sent_us, uint64_t received_us,
		    const uint8_t *bytes, size_t length)
{
	struct nat *nat = data;

	(void)behaviour_receive(&nat->behaviour, clock_now_us(), from, sent_us, received_us, bytes,
				length);
}

static void on_stun_settled(void *data)
{
	turn(data);
}

static void ask_servers(struct nat *nat, uint64_t now_us)
{
	const struct nat_desired *desired = &nat->desired;
	struct addr servers[BEHAVIOUR_SERVERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < desired->n_stun_servers; i++)
		servers[n++] = desired->stun_servers[i];
	for (size_t i = 0; i < desired->n_relays; i++) {
		for (size_t k = 0; k < desired->relays[i].n_endpoints; k++)
			servers[n++] = desired->relays[i].endpoints[k];
	}
	behaviour_set_servers(&nat->behaviour, now_us, desired->active, servers,
			      pipe_is_open(&nat->pipe) ? n : 0);
}

int service_set_desired(struct nat *nat, struct nat_desired *desired)
{
	uint64_t now_us = clock_now_us();

	if (nat->has_desired &&
	    dataplane_revision_compare(&desired->revision, &nat->desired.revision) < 0)
		return -ESTALE;
	if (!nat->has_desired || desired->active != nat->desired.active) {
		log_info("party: %s, %zu members, %zu relays, %zu STUN servers",
			 desired->active ? "up" : "none or down", desired->n_members,
			 desired->n_relays, desired->n_stun_servers);
		nat->active_us = now_us;
	}
	nat_desired_clear(&nat->desired);
	nat->desired = *desired;
	memset(desired, 0, sizeof(*desired));
	nat->has_desired = true;
	ask_servers(nat, now_us);
	on_changed(nat);
	return 0;
}

/* ---- life ---- */

static void send_stun(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct nat *nat = data;

	pipe_send(&nat->pipe, to, bytes, length);
}

static void fill_random(void *data, void *bytes, size_t length)
{
	(void)data;
	randombytes_buf(bytes, length);
}

static int start(struct nat *nat, struct error *error)
{
	const struct behaviour_ops ops = {.send = send_stun, .random = fill_random, .data = nat};
	int result;

	behaviour_init(&nat->behaviour, &ops);
	nat->think_us = CLOCK_NEVER;
	if (service_fd("stun") < 0)
		log_warning("STUN: no descriptor `stun` was passed; doing without, so addresses "
			    "behind a NAT stay unknown until a peer tells");
	result = pipe_start(&nat->pipe, &nat->loop, service_fd("stun"), on_stun, on_stun_settled,
			    nat);
	if (result < 0)
		return error_set(error, result, "cannot watch the STUN pipe: %s",
				 strerror(-result));
	result = addresses_start(&nat->addresses, &nat->loop, on_moved, nat, error);
	if (result < 0)
		return result;
	result = bus_new(&nat->bus, &nat->loop, nat->service);
	if (result < 0)
		return error_set(error, result, "no bus: %s", strerror(-result));
	result = bus_serve(nat->bus, nat_methods, nat, error);
	if (result < 0)
		return result;
	overtcp_init(&nat->overtcp, &nat->loop, on_changed, nat);
	neighbour_start(&nat->neighbour, &nat->loop, nat->bus, nat->service->instance, on_neighbour,
			nat);
	return 0;
}

static void stop(struct nat *nat)
{
	check_stop(nat);
	report_stop(nat);
	loop_timer_stop(&nat->timer);
	addresses_stop(&nat->addresses);
	pipe_stop(&nat->pipe);
	overtcp_stop(&nat->overtcp);
	if (nat->bus)
		bus_free(nat->bus);
	neighbour_stop(&nat->neighbour);
	nat_desired_clear(&nat->desired);
	pairs_clear(&nat->pairs);
	why_clear(&nat->why);
	free(nat->reasons);
	loop_deinit(&nat->loop);
}

int service_run(const struct service *service)
{
	static struct nat nat;
	struct error error = {0};
	int result;

	result = loop_init(&nat.loop);
	if (result < 0) {
		log_err("nat: no event loop: %s", strerror(-result));
		return EXIT_FAILURE;
	}
	nat.service = service;
	result = start(&nat, &error);
	if (result < 0)
		log_err("nat: cannot start: %s", error.text);
	else
		loop_run(&nat.loop);
	stop(&nat);
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
