/* view_netcheck.c - what a check of the network found, and what it says of firewalls. */
#include "svc-api/view.h"

/* Whether a server of the family answered; null: none was asked there. */
static json_t *view_family(const struct nat_netcheck *check, enum addr_family family, bool has)
{
	bool asked = false, answered = false;

	for (size_t i = 0; i < check->n_servers; i++) {
		if (check->servers[i].endpoint.family != family)
			continue;
		asked = true;
		answered |= check->servers[i].rtt_us != DATAPLANE_UNKNOWN;
	}
	if (!has)
		return json_false();
	return asked ? json_boolean(answered) : json_null();
}

static json_t *view_servers_asked(const struct nat_netcheck *check, bool relays)
{
	json_t *list = json_array();

	for (size_t i = 0; i < check->n_servers; i++) {
		const struct nat_netcheck_server *server = &check->servers[i];
		json_t *json;

		if ((*server->relay != '\0') != relays)
			continue;
		json = json_pack("{s:o, s:o, s:o}", "endpoint", view_endpoint(&server->endpoint),
				 "rtt_ms", view_ms(server->rtt_us), "mapped",
				 view_endpoint(&server->mapped));
		if (relays)
			json_object_set_new(json, "name", view_text(server->relay));
		json_array_append_new(list, json);
	}
	return list;
}

static void add_sign(json_t *signs, const char *sign, const char *text)
{
	json_array_append_new(signs, json_pack("{s:s, s:s}", "sign", sign, "text", text));
}

static json_t *view_signs(const struct nat_netcheck *check, const struct control_status *control)
{
	json_t *signs = json_array();
	size_t silent = 0;

	for (size_t i = 0; i < check->n_servers; i++)
		silent += check->servers[i].rtt_us == DATAPLANE_UNKNOWN;
	if (silent == 0)
		return signs;
	if (check->here == NAT_CAUSE_FIREWALL_HERE)
		add_sign(signs, "own-firewall", nat_cause_text(NAT_CAUSE_FIREWALL_HERE));
	if (check->answered)
		add_sign(signs, "some-silent", "UDP is answered by some servers only");
	else if (control && control->server_state == CONTROL_SERVER_CONNECTED)
		add_sign(signs, "tcp-only", "TCP reaches the server, and UDP does not");
	else
		add_sign(signs, "no-udp", "nothing that is sent by UDP is answered");
	return signs;
}

json_t *view_netcheck(const struct nat_netcheck *check, const struct control_status *control)
{
	json_t *public = json_array();

	for (size_t i = 0; i < check->n_public; i++)
		json_array_append_new(public, view_endpoint(&check->public[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:n, s:o, s:o, s:o}", "udp",
			 check->n_servers ? json_boolean(check->answered) : json_null(), "mapping",
			 view_behaviour(check->mapping), "filtering",
			 view_behaviour(check->filtering), "public", public, "ipv4",
			 view_family(check, ADDR_IPV4, check->has_ipv4), "ipv6",
			 view_family(check, ADDR_IPV6, check->has_ipv6), "mtu",
			 check->mtu ? json_integer(check->mtu) : json_null(), "port_mapping",
			 "servers", view_servers_asked(check, false), "relays",
			 view_servers_asked(check, true), "firewall", view_signs(check, control));
}
