#include "svc-api/explain.h"

#include <string.h>

static bool clock_is_off(const struct control_status *control, int64_t by_s)
{
	return control->clock_ahead_s != CONTROL_CLOCK_UNKNOWN &&
	       (control->clock_ahead_s >= by_s || control->clock_ahead_s <= -by_s);
}

static bool is_cut_off(const struct nat_state *nat)
{
	if (!nat || nat->mapping != NAT_BLOCKED || nat->n_relays == 0)
		return false;
	for (size_t i = 0; i < nat->n_relays; i++)
		if (nat->relays[i].state == DATAPLANE_RELAY_BOUND)
			return false;
	return true;
}

/* NAT_CAUSE_NONE while it is connected, or none is wanted. A local party's is its host: a peer. */
static enum nat_cause explain_server(const struct snapshot *snapshot)
{
	if (snapshot->control->server_state != CONTROL_SERVER_AWAY || snapshot->control->local)
		return NAT_CAUSE_NONE;
	if (snapshot->control->server_trouble == CONTROL_TROUBLE_FOREIGN)
		return NAT_CAUSE_SERVER_FOREIGN;
	if (is_cut_off(snapshot->nat))
		return NAT_CAUSE_NETWORK_HERE;
	return snapshot->control->server_trouble == CONTROL_TROUBLE_NAME ? NAT_CAUSE_SERVER_NAME
									 : NAT_CAUSE_SERVER_AWAY;
}

enum nat_cause explain_self(const struct snapshot *snapshot)
{
	const struct control_status *control = snapshot->control;
	enum nat_cause cause;

	if (!control)
		return NAT_CAUSE_NONE;
	if (control->removed)
		return NAT_CAUSE_KICKED;
	if (clock_is_off(control, CONTROL_CLOCK_WRONG_S))
		return NAT_CAUSE_CLOCK_HERE;
	cause = explain_server(snapshot);
	if (cause != NAT_CAUSE_NONE || !snapshot->nat)
		return cause;
	return snapshot->nat->here;
}

static enum nat_cause reason_of(const struct nat_state *nat, const struct control_member *member)
{
	for (size_t i = 0; nat && i < nat->n_reasons; i++)
		if (memcmp(nat->reasons[i].public_key, member->wireguard_key, DATAPLANE_KEY_SIZE) ==
		    0)
			return nat->reasons[i].cause;
	return NAT_CAUSE_NONE;
}

/* What svc-nat said may be older than the path we see. */
static bool is_of_a_direct_path(enum nat_cause cause)
{
	return cause == NAT_CAUSE_HOLE || cause == NAT_CAUSE_LOSSY || cause == NAT_CAUSE_SLOW;
}

static enum nat_cause explain_unreached(const struct snapshot *snapshot,
					const struct control_member *member, enum nat_cause cause)
{
	const struct control_status *control = snapshot->control;
	enum nat_cause server = explain_server(snapshot);

	if (clock_is_off(control, CONTROL_CLOCK_HARMFUL_S))
		return NAT_CAUSE_CLOCK_HERE;
	/* Without the server nobody is known to be online. */
	if (cause == NAT_CAUSE_OFFLINE && server != NAT_CAUSE_NONE)
		return server;
	if (member->clock_wrong && cause != NAT_CAUSE_OFFLINE &&
	    control->clock_ahead_s != CONTROL_CLOCK_UNKNOWN)
		return NAT_CAUSE_CLOCK_THERE;
	return cause;
}

enum nat_cause explain_peer(const struct snapshot *snapshot, const struct control_member *member)
{
	enum nat_cause cause = reason_of(snapshot->nat, member);
	const struct dataplane_path *path =
		snapshot_active_path(snapshot_peer(snapshot, member->wireguard_key));

	if (!snapshot->control->up)
		return NAT_CAUSE_DISCONNECTED;
	if (!path)
		return explain_unreached(snapshot, member, cause);
	if (path->kind == DATAPLANE_PATH_DIRECT && !is_of_a_direct_path(cause))
		return NAT_CAUSE_NONE;
	return cause;
}

enum nat_cause explain_absence(const struct snapshot *snapshot)
{
	const struct control_status *control = snapshot->control;

	if (control->removed)
		return NAT_CAUSE_KICKED;
	if (!control->in_party)
		return NAT_CAUSE_NO_PARTY;
	return clock_is_off(control, CONTROL_CLOCK_HARMFUL_S) ? NAT_CAUSE_CLOCK_HERE
							      : NAT_CAUSE_NONE;
}
