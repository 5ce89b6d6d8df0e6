/* cmd_netcheck.c - netcheck: the network, measured now. */
#include <stdio.h>
#include <string.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/progress.h"
#include "svc-api/cli/table.h"

static const char *yes_or_no(const json_t *check, const char *key)
{
	const json_t *value = json_object_get(check, key);

	if (!json_is_boolean(value))
		return "unknown";
	return json_is_true(value) ? "yes" : "no";
}

static void print_public(const json_t *check)
{
	const json_t *public = json_object_get(check, "public");
	size_t i;
	json_t *endpoint;

	if (json_array_size(public) == 0)
		say_field("public", "unknown");
	json_array_foreach(public, i, endpoint)
		say_field("public", "%s", json_string_value(endpoint));
}

static const char *or_unknown(const char *text)
{
	return *text ? text : "unknown";
}

static void add_rows(struct table *table, const json_t *list, const char *what)
{
	size_t i;
	json_t *server;

	json_array_foreach(list, i, server)
	{
		char rtt[32], name[128];
		const char *cells[] = {name, text_at(server, "endpoint"),
				       measure_at(server, "rtt_ms", "ms", rtt),
				       text_at(server, "mapped")};

		(void)snprintf(name, sizeof(name), "%s%s%s", what,
			       *text_at(server, "name") ? " " : "", text_at(server, "name"));
		if (!json_is_number(json_object_get(server, "rtt_ms")))
			(void)snprintf(rtt, sizeof(rtt), "no answer");
		table_add(table, cells);
		if (!json_is_number(json_object_get(server, "rtt_ms")))
			table_paint(table, 2, PAINT_BAD);
	}
}

static void print_servers(const json_t *check)
{
	static const char *const title[] = {"ASKED", "ADDRESS", "PING", "SAW US AS"};
	static const size_t least[] = {12, 0, 0, 0};
	struct table table;

	table_init(&table, 4);
	table.least = least;
	table_add_title(&table, title);
	add_rows(&table, json_object_get(check, "servers"), "server");
	add_rows(&table, json_object_get(check, "relays"), "relay");
	(void)putchar('\n');
	if (table.n_rows > 1)
		table_print(&table, 0, stdout);
	else
		(void)puts("There was no server to ask: none is connected.");
	table_deinit(&table);
}

static void print_check(const json_t *check)
{
	const json_t *mtu = json_object_get(check, "mtu");
	const json_t *signs = json_object_get(check, "firewall");
	size_t i;
	json_t *sign;

	say_field("UDP", "%s", yes_or_no(check, "udp"));
	say_field("mapping", "%s", or_unknown(text_at(check, "mapping")));
	say_field("filtering", "%s", or_unknown(text_at(check, "filtering")));
	print_public(check);
	say_field("IPv4", "%s", yes_or_no(check, "ipv4"));
	say_field("IPv6", "%s", yes_or_no(check, "ipv6"));
	if (json_is_integer(mtu))
		say_field("MTU", "%lld%s", (long long)json_integer_value(mtu),
			  json_integer_value(mtu) >= 1500 ? " or more" : "");
	else
		say_field("MTU", "unknown");
	say_field("opened", "%s", "unknown: no port is asked of the router yet");
	json_array_foreach(signs, i, sign) say_field("firewall", "%s", text_at(sign, "text"));
	print_servers(check);
}

int command_netcheck(const struct invocation *invocation)
{
	struct answer answer;

	progress_begin("measuring the network");
	if (say_ask(invocation, "POST", "netcheck", NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		print_check(answer.json);
	client_clear(&answer);
	return 0;
}
