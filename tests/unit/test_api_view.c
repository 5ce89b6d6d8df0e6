/* What users and programs see: golden JSON for what the services say, and for what they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "svc-api/view.h"

#define KEY(byte)                                              \
	{                                                      \
		byte, byte, byte, byte, byte, byte, byte, byte \
	}

/* kira, who looks; lee, reached directly; mo, by relay; noa, not yet. */
static struct control_member members[] = {
	{.identity = KEY(1), .wireguard_key = KEY(0x11), .name = "kira", .self = true},
	{.identity = KEY(2),
	 .wireguard_key = KEY(0x12),
	 .name = "lee",
	 .online = true,
	 .host = true,
	 .announced = true,
	 .mapping = NAT_ENDPOINT_INDEPENDENT,
	 .filtering = NAT_ADDRESS_AND_PORT_DEPENDENT},
	{.identity = KEY(3),
	 .wireguard_key = KEY(0x13),
	 .name = "mo \033[31m",
	 .online = true,
	 .announced = true,
	 .backend = DATAPLANE_BACKEND_KERNEL},
	{.identity = KEY(4), .wireguard_key = KEY(0x14)},
};

static struct dataplane_path lee_paths[] = {
	{.kind = DATAPLANE_PATH_RELAY, .relay = KEY(0x21)},
	{.kind = DATAPLANE_PATH_DIRECT,
	 .state = DATAPLANE_PATH_WORKING,
	 .rtt_us = 12345,
	 .jitter_us = 210,
	 .loss_permille = 5},
};
static struct dataplane_path mo_paths[] = {
	{.kind = DATAPLANE_PATH_RELAY,
	 .relay = KEY(0x21),
	 .rtt_us = DATAPLANE_UNKNOWN,
	 .jitter_us = DATAPLANE_UNKNOWN,
	 .loss_permille = DATAPLANE_UNKNOWN},
};
static struct dataplane_peer peers[] = {
	{.public_key = KEY(0x12),
	 .state = DATAPLANE_PEER_CONNECTED,
	 .active_path = 1,
	 .handshake_age_us = 61234567,
	 .rx_bytes = 1000,
	 .tx_bytes = 2000,
	 .n_paths = 2,
	 .paths = lee_paths},
	{.public_key = KEY(0x13),
	 .state = DATAPLANE_PEER_CONNECTED,
	 .active_path = 0,
	 .handshake_age_us = DATAPLANE_UNKNOWN_AGE,
	 .n_paths = 1,
	 .paths = mo_paths},
};
static struct dataplane_relay_status relays[] = {{.public_key = KEY(0x21), .name = "eu1"}};
static struct nat_reason reasons[] = {
	{.public_key = KEY(0x12), .cause = NAT_CAUSE_NONE},
	{.public_key = KEY(0x13), .cause = NAT_CAUSE_BOTH_SYMMETRIC},
	{.public_key = KEY(0x14), .cause = NAT_CAUSE_OFFLINE},
};

static struct snapshot snapshot;

static int set_up(void **state)
{
	struct control_status *control = &snapshot.control_status;
	struct dataplane_state *dataplane = &snapshot.dataplane_state;
	struct nat_state *nat = &snapshot.nat_state;

	(void)state;
	memset(&snapshot, 0, sizeof(snapshot));
	*control = (struct control_status){.in_party = true,
					   .party_id = KEY(0xab),
					   .party_name = "friday",
					   .up = true,
					   .identity = KEY(1),
					   .own_name = "kira",
					   .prefix_length = 16,
					   .server_url = "ws://s.example:8667",
					   .server_state = CONTROL_SERVER_CONNECTED,
					   .n_members = 4,
					   .members = members};
	addr_parse(&control->address, "10.66.0.1");
	addr_parse(&members[1].address, "10.66.0.2");
	addr_parse(&members[2].address, "10.66.0.3");
	addr_parse(&lee_paths[1].endpoint, "203.0.113.7:5555");
	addr_parse(&mo_paths[0].endpoint, "[2001:db8::9]:51820");
	*dataplane = (struct dataplane_state){.interface = "lanrage0",
					      .interface_state = DATAPLANE_INTERFACE_UP,
					      .port_ipv4 = 4242,
					      .n_peers = 2,
					      .peers = peers,
					      .n_relays = 1,
					      .relays = relays};
	*nat = (struct nat_state){.mapping = NAT_ENDPOINT_INDEPENDENT,
				  .n_public = 1,
				  .n_candidates = 1,
				  .n_chosen_relays = 1,
				  .chosen_relays = {KEY(0x21)},
				  .n_relays = 1,
				  .relays = {{.public_key = KEY(0x21),
					      .name = "eu1",
					      .state = DATAPLANE_RELAY_BOUND,
					      .rtt_us = 8000,
					      .chosen = true}},
				  .n_reasons = 3,
				  .reasons = reasons};
	addr_parse(&nat->public[0], "198.51.100.4:4242");
	addr_parse(&nat->candidates[0].address, "192.168.1.5:4242");
	addr_parse(&nat->relays[0].endpoint, "203.0.113.1:51820");
	snapshot.control = control;
	dataplane->offloads = DATAPLANE_OFFLOAD_TSO | DATAPLANE_OFFLOAD_GRO;
	strcpy(dataplane->cipher, "ipsec-mb avx2");
	dataplane->cipher_ns = 549;
	snapshot.dataplane = dataplane;
	snapshot.nat = nat;
	snapshot.asked = SNAPSHOT_SERVICES;
	snapshot.answered = SNAPSHOT_SERVICES;
	snapshot.now_us = 100000000;
	for (int id = 0; id < SERVICE_COUNT; id++)
		snapshot.supervision.services[id] = (struct supervised){
			.state = "running", .pid = 50, .started_at_us = 1000000};
	return 0;
}

/* Takes json over. */
static void golden(json_t *json, const char *text)
{
	char *written = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	assert_non_null(written);
	assert_string_equal(written, text);
	free(written);
	json_decref(json);
}

#define WELL "{\"state\":\"running\",\"pid\":50,\"restarts\":0,\"uptime_s\":99}"

static void status_of_a_member(void **state)
{
	(void)state;
	golden(view_status(&snapshot),
	       "{\"party\":{\"id\":\"abababababababab\",\"name\":\"friday\",\"host\":\"lee\","
	       "\"members\":4},"
	       "\"self\":{\"name\":\"kira\",\"id\":\"0101010101010101\","
	       "\"virtual_ip\":\"10.66.0.1\",\"interface\":\"lanrage0\"},"
	       "\"server\":{\"url\":\"ws://s.example:8667\",\"state\":\"connected\"},"
	       "\"relay\":{\"name\":\"eu1\",\"endpoint\":\"203.0.113.1:51820\","
	       "\"transport\":\"udp\",\"state\":\"connected\",\"rtt_ms\":8.0},"
	       "\"nat\":{\"mapping\":\"endpoint-independent\",\"filtering\":null,"
	       "\"public\":[\"198.51.100.4:4242\"]},"
	       "\"engine\":{\"cipher\":\"ipsec-mb avx2\",\"cipher_ns\":549,\"offloads\":"
	       "{\"tso\":true,\"uso\":false,\"gso\":false,\"gro\":true}},"
	       "\"services\":{\"dataplane\":" WELL ",\"nat\":" WELL ",\"control\":" WELL
	       ",\"metrics\":" WELL ",\"browser\":" WELL ",\"api\":" WELL "}}");
}

static void status_when_nobody_answers(void **state)
{
#define SILENT "{\"state\":\"silent\",\"pid\":50,\"restarts\":0,\"uptime_s\":99}"
	(void)state;
	snapshot.control = NULL;
	snapshot.nat = NULL;
	snapshot.dataplane = NULL;
	snapshot.answered = 0;
	snapshot.supervision.services[SERVICE_METRICS] =
		(struct supervised){.state = "backoff",
				    .pid = SUPERVISION_UNKNOWN,
				    .started_at_us = SUPERVISION_UNKNOWN,
				    .restarts = 3};
	snapshot.supervision.services[SERVICE_BROWSER] =
		(struct supervised){.state = "",
				    .pid = SUPERVISION_UNKNOWN,
				    .started_at_us = SUPERVISION_UNKNOWN,
				    .restarts = SUPERVISION_UNKNOWN};
	golden(view_status(&snapshot),
	       "{\"party\":null,\"self\":{\"name\":null,\"id\":null,\"virtual_ip\":null,"
	       "\"interface\":null},\"server\":{\"url\":null,\"state\":null},\"relay\":null,"
	       "\"nat\":{\"mapping\":null,\"filtering\":null,\"public\":null},"
	       "\"engine\":null,"
	       "\"services\":{\"dataplane\":" SILENT ",\"nat\":" SILENT ",\"control\":" SILENT
	       ",\"metrics\":{\"state\":\"backoff\",\"pid\":null,\"restarts\":3,\"uptime_s\":null},"
	       "\"browser\":{\"state\":null,\"pid\":null,\"restarts\":null,\"uptime_s\":null},"
	       "\"api\":" WELL "}}");
}

static void status_in_no_party(void **state)
{
	json_t *json;

	(void)state;
	snapshot.control_status.in_party = false;
	snapshot.control_status.server_url[0] = '\0';
	snapshot.control_status.server_state = CONTROL_SERVER_NONE;
	memset(&snapshot.control_status.address, 0, sizeof(struct addr));
	json = view_status(&snapshot);
	golden(json_incref(json_object_get(json, "party")), "null");
	golden(json_incref(json_object_get(json, "server")), "{\"url\":null,\"state\":\"none\"}");
	golden(json_incref(json_object_get(json, "self")),
	       "{\"name\":\"kira\",\"id\":\"0101010101010101\",\"virtual_ip\":null,"
	       "\"interface\":\"lanrage0\"}");
	json_decref(json);
}

static json_t *peer(size_t i)
{
	json_t *list = view_peers(&snapshot);
	json_t *item = json_incref(json_array_get(list, i));

	assert_int_equal(json_array_size(list), 3); /* without oneself */
	json_decref(list);
	return item;
}

static void a_direct_peer(void **state)
{
	(void)state;
	golden(peer(0),
	       "{\"name\":\"lee\",\"id\":\"0202020202020202\",\"virtual_ip\":\"10.66.0.2\","
	       "\"online\":true,\"path\":\"direct\",\"state\":\"connected\",\"host\":true,"
	       "\"endpoint\":\"203.0.113.7:5555\",\"relay\":null,\"rtt_ms\":12.345,"
	       "\"jitter_ms\":0.21,\"loss_pct\":0.5,\"handshake_age_s\":61.234,"
	       "\"rx_bytes\":1000,\"tx_bytes\":2000,"
	       "\"nat\":\"endpoint-independent/address-and-port-dependent\","
	       "\"backend\":\"engine\",\"reason\":null}");
}

static void a_relayed_peer_has_a_reason(void **state)
{
	char text[1024];

	(void)state;
	(void)snprintf(
		text, sizeof(text),
		"{\"name\":\"mo ?[31m\",\"id\":\"0303030303030303\",\"virtual_ip\":\"10.66.0.3\","
		"\"online\":true,\"path\":\"relay\",\"state\":\"connected\",\"host\":false,"
		"\"endpoint\":\"[2001:db8::9]:51820\",\"relay\":\"eu1\",\"rtt_ms\":null,"
		"\"jitter_ms\":null,\"loss_pct\":null,\"handshake_age_s\":null,"
		"\"rx_bytes\":0,\"tx_bytes\":0,\"nat\":null,\"backend\":\"kernel\","
		"\"reason\":\"%s\"}",
		nat_cause_sentence(NAT_CAUSE_BOTH_SYMMETRIC));
	golden(peer(1), text);
}

/* The data plane reaches it at an address of this machine, which is of no use to anybody. */
static void a_relay_by_tcp(void **state)
{
	json_t *json;

	(void)state;
	addr_parse(&mo_paths[0].endpoint, "127.0.0.1:40000");
	snapshot.nat_state.relays[0].by_tcp = true;
	json = peer(1);
	assert_string_equal(json_string_value(json_object_get(json, "endpoint")),
			    "203.0.113.1:51820");
	json_decref(json);
	json = view_status(&snapshot);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "relay"), "transport")),
		"tcp");
	json_decref(json);
}

static void a_member_that_was_never_heard(void **state)
{
	char text[1024];
	static const char format[] =
		"{\"name\":null,\"id\":\"0404040404040404\",\"virtual_ip\":null,"
		"\"online\":false,\"path\":%s,\"state\":%s,\"host\":false,\"endpoint\":null,"
		"\"relay\":null,\"rtt_ms\":null,\"jitter_ms\":null,\"loss_pct\":null,"
		"\"handshake_age_s\":null,\"rx_bytes\":null,\"tx_bytes\":null,\"nat\":null,"
		"\"backend\":null,\"reason\":\"%s\"}";

	(void)state;
	(void)snprintf(text, sizeof(text), format, "\"none\"", "\"connecting\"",
		       nat_cause_sentence(NAT_CAUSE_OFFLINE));
	golden(peer(2), text);
	snapshot.dataplane = NULL; /* does not answer: nothing is known */
	(void)snprintf(text, sizeof(text), format, "null", "null",
		       nat_cause_sentence(NAT_CAUSE_OFFLINE));
	golden(peer(2), text);
}

static void why_a_peer_is_not_direct(void **state)
{
	char text[1024];

	(void)state;
	golden(view_why(&snapshot, &members[1]),
	       "{\"peer\":\"lee\",\"path\":\"direct\",\"cause\":null,"
	       "\"text\":\"the way is direct, and well\",\"remedy\":null}");
	(void)snprintf(text, sizeof(text),
		       "{\"peer\":\"mo ?[31m\",\"path\":\"relay\",\"cause\":\"both-symmetric\","
		       "\"text\":\"%s\",\"remedy\":\"%s\"}",
		       nat_cause_text(NAT_CAUSE_BOTH_SYMMETRIC),
		       nat_cause_remedy(NAT_CAUSE_BOTH_SYMMETRIC));
	golden(view_why(&snapshot, &members[2]), text);
	(void)snprintf(text, sizeof(text),
		       "{\"peer\":\"0404040404040404\",\"path\":\"none\",\"cause\":\"offline\","
		       "\"text\":\"%s\",\"remedy\":\"%s\"}",
		       nat_cause_text(NAT_CAUSE_OFFLINE), nat_cause_remedy(NAT_CAUSE_OFFLINE));
	golden(view_why(&snapshot, &members[3]), text);
	(void)snprintf(text, sizeof(text),
		       "{\"peer\":\"kim\",\"path\":null,\"cause\":\"kicked\",\"text\":\"%s\","
		       "\"remedy\":\"%s\"}",
		       nat_cause_text(NAT_CAUSE_KICKED), nat_cause_remedy(NAT_CAUSE_KICKED));
	golden(view_why_absent("kim", NAT_CAUSE_KICKED), text);
}

static void only_a_connected_peer_has_a_path(void **state)
{
	json_t *json;

	(void)state;
	peers[0].state = DATAPLANE_PEER_FAILED;
	json = peer(0);
	peers[0].state = DATAPLANE_PEER_CONNECTED;
	assert_string_equal(json_string_value(json_object_get(json, "path")), "none");
	assert_string_equal(json_string_value(json_object_get(json, "state")), "failed");
	assert_true(json_is_null(json_object_get(json, "endpoint")));
	assert_true(json_is_null(json_object_get(json, "rtt_ms")));
	json_decref(json);
}

static void network_for_doctor(void **state)
{
	(void)state;
	strcpy(snapshot.control_status.server_reason, "refused");
	golden(view_network(&snapshot),
	       "{\"notice\":null,\"problem\":null,\"clock_ahead_s\":0,\"up\":true,\"local\":false,"
	       "\"interface\":{\"name\":\"lanrage0\","
	       "\"state\":\"up\","
	       "\"reason\":null,\"port_ipv4\":4242,\"port_ipv6\":0},"
	       "\"server\":{\"url\":\"ws://s.example:8667\",\"state\":\"connected\","
	       "\"reason\":\"refused\"},"
	       "\"relays\":[{\"name\":\"eu1\",\"endpoint\":\"203.0.113.1:51820\","
	       "\"transport\":\"udp\",\"state\":\"connected\",\"rtt_ms\":8.0,\"reason\":null,"
	       "\"chosen\":true}],"
	       "\"nat\":{\"mapping\":\"endpoint-independent\",\"filtering\":null,"
	       "\"public\":[\"198.51.100.4:4242\"]},"
	       "\"candidates\":[{\"endpoint\":\"192.168.1.5:4242\",\"kind\":\"own\"}]}");
}

static void what_a_check_found(void **state)
{
	static struct nat_netcheck check;

	(void)state;
	memset(&check, 0, sizeof(check));
	golden(view_netcheck(&check, NULL),
	       "{\"udp\":null,\"mapping\":null,\"filtering\":null,\"public\":[],\"ipv4\":false,"
	       "\"ipv6\":false,\"mtu\":null,\"port_mapping\":null,\"servers\":[],\"relays\":[],"
	       "\"firewall\":[]}");
	check.n_servers = 2;
	addr_parse(&check.servers[0].endpoint, "203.0.113.1:8667");
	addr_parse(&check.servers[1].endpoint, "203.0.113.2:51820");
	strcpy(check.servers[1].relay, "eu1");
	check.servers[0].rtt_us = check.servers[1].rtt_us = DATAPLANE_UNKNOWN;
	check.has_ipv4 = check.has_ipv6 = true;
	golden(view_netcheck(&check, snapshot.control),
	       "{\"udp\":false,\"mapping\":null,\"filtering\":null,\"public\":[],\"ipv4\":false,"
	       "\"ipv6\":null,\"mtu\":null,\"port_mapping\":null,\"servers\":["
	       "{\"endpoint\":\"203.0.113.1:8667\",\"rtt_ms\":null,\"mapped\":null}],\"relays\":["
	       "{\"endpoint\":\"203.0.113.2:51820\",\"rtt_ms\":null,\"mapped\":null,"
	       "\"name\":\"eu1\"}],\"firewall\":[{\"sign\":\"tcp-only\","
	       "\"text\":\"TCP reaches the server, and UDP does not\"}]}");
	check.servers[0].rtt_us = 1500;
	addr_parse(&check.servers[0].mapped, "198.51.100.4:4242");
	check.answered = true;
	check.mapping = NAT_ENDPOINT_INDEPENDENT;
	check.filtering = NAT_PORT_INDEPENDENT;
	check.n_public = 1;
	check.public[0] = check.servers[0].mapped;
	check.mtu = 1492;
	golden(view_netcheck(&check, NULL),
	       "{\"udp\":true,\"mapping\":\"endpoint-independent\","
	       "\"filtering\":\"port-independent\",\"public\":[\"198.51.100.4:4242\"],"
	       "\"ipv4\":true,\"ipv6\":null,\"mtu\":1492,\"port_mapping\":null,\"servers\":["
	       "{\"endpoint\":\"203.0.113.1:8667\",\"rtt_ms\":1.5,"
	       "\"mapped\":\"198.51.100.4:4242\"}],\"relays\":["
	       "{\"endpoint\":\"203.0.113.2:51820\",\"rtt_ms\":null,\"mapped\":null,"
	       "\"name\":\"eu1\"}],\"firewall\":[{\"sign\":\"some-silent\","
	       "\"text\":\"UDP is answered by some servers only\"}]}");
}

static void a_probe(void **state)
{
	struct dataplane_probe_result result = {
		.rtt_us = 1500, .kind = DATAPLANE_PATH_RELAY, .relay = KEY(0x21)};

	(void)state;
	addr_parse(&result.endpoint, "203.0.113.1:51820");
	golden(view_probe(&result, &snapshot),
	       "{\"rtt_ms\":1.5,\"path\":\"relay\",\"endpoint\":\"203.0.113.1:51820\","
	       "\"relay\":\"eu1\"}");
}

static struct control_setting sample_settings[] = {
	{.key = "peer_name",
	 .group = "party",
	 .type = "name",
	 .value = "kira",
	 .fallback = "pc",
	 .description = "your name",
	 .bounded = true,
	 .min = 1,
	 .max = 63,
	 .unit = "bytes",
	 .applies = "next party",
	 .set = true},
	{.key = "server_url", .group = "server", .type = "url", .applies = "next party"},
	{.key = "up",
	 .group = "party",
	 .type = "switch",
	 .value = "on",
	 .fallback = "on",
	 .n_choices = 2,
	 .choices = {"on", "off"},
	 .applies = "at once",
	 .set = true},
	{.key = "discord.webhook",
	 .value = "never shown",
	 .applies = "at once",
	 .secret = true,
	 .set = true},
	{.key = "discord.invite", .value = "https://discord.gg/x"},
};
static const struct control_settings sample = {.n_settings = 5, .settings = sample_settings};

static void the_settings(void **state)
{
	(void)state;
	golden(view_settings(&sample, NULL),
	       "{\"peer_name\":\"kira\",\"server_url\":\"\",\"up\":\"on\",\"discord.webhook\":null,"
	       "\"discord.invite\":\"https://discord.gg/x\"}");
	golden(view_settings(&sample, "server_url"), "{\"server_url\":\"\"}");
	golden(view_settings(&sample, "discord.webhook"), "{\"discord.webhook\":null}");
	assert_null(view_settings(&sample, "bogus"));
	assert_null(view_setting(&sample, "bogus"));
	golden(view_setting(&sample, "peer_name"),
	       "{\"key\":\"peer_name\",\"group\":\"party\",\"type\":\"name\",\"value\":\"kira\","
	       "\"default\":\"pc\",\"description\":\"your name\",\"choices\":null,\"min\":1,"
	       "\"max\":63,\"unit\":\"bytes\",\"applies\":\"next party\",\"secret\":false,"
	       "\"set\":true}");
	golden(view_setting(&sample, "up"),
	       "{\"key\":\"up\",\"group\":\"party\",\"type\":\"switch\",\"value\":\"on\","
	       "\"default\":\"on\",\"description\":null,\"choices\":[\"on\",\"off\"],\"min\":null,"
	       "\"max\":null,\"unit\":null,\"applies\":\"at once\",\"secret\":false,\"set\":true}");
	golden(view_setting(&sample, "discord.webhook"),
	       "{\"key\":\"discord.webhook\",\"group\":null,\"type\":null,\"value\":null,"
	       "\"default\":\"\",\"description\":null,\"choices\":null,\"min\":null,\"max\":null,"
	       "\"unit\":null,\"applies\":\"at once\",\"secret\":true,\"set\":true}");
}

static void settings_changed_and_exported(void **state)
{
	struct control_settings two = {.n_settings = 2, .settings = sample_settings + 2};

	(void)state;
	golden(view_changed(&two), "{\"changed\":{\"up\":\"on\",\"discord.webhook\":null},"
				   "\"later\":{}}");
	two.settings = sample_settings;
	golden(view_changed(&two), "{\"changed\":{\"peer_name\":\"kira\",\"server_url\":\"\"},"
				   "\"later\":{\"peer_name\":\"next party\","
				   "\"server_url\":\"next party\"}}");
	golden(view_export(&sample),
	       "{\"format\":\"lanrage-settings\",\"version\":1,\"settings\":{\"peer_name\":"
	       "\"kira\","
	       "\"discord.invite\":\"https://discord.gg/x\"},\"omitted\":[\"discord.webhook\"]}");
}

static void saved_configurations(void **state)
{
	struct control_change changes[] = {{.key = "up", .value = "off"},
					   {.key = "server_url", .value = ""}};
	struct control_configuration saved[] = {
		{.name = "home", .saved_s = 1769860800, .active = true},
		{.name = "lan", .saved_s = 1769860800, .settings = {0, 2, changes}},
	};
	struct control_configurations list = {2, saved};

	(void)state;
	golden(view_configurations(&list),
	       "[{\"name\":\"home\",\"saved_at\":\"2026-01-31T12:00:00Z\",\"active\":true,"
	       "\"settings\":{}},{\"name\":\"lan\",\"saved_at\":\"2026-01-31T12:00:00Z\","
	       "\"active\":false,\"settings\":{\"up\":\"off\",\"server_url\":\"\"}}]");
}

static void discord(void **state)
{
	const struct poster_state busy = {5, 1, 2, 1769860800000000, "wait"}, idle = {0};
	struct control_settings none = {0};
	json_t *steps = view_discord_instructions();

	(void)state;
	golden(view_discord(&sample, &busy),
	       "{\"enabled\":false,\"webhook_set\":true,\"invite\":\"https://discord.gg/x\","
	       "\"presence\":false,\"app_id\":null,\"sent\":5,\"dropped\":1,\"waiting\":2,"
	       "\"last_sent_at\":\"2026-01-31T12:00:00Z\",\"problem\":\"wait\"}");
	golden(view_discord(&none, &idle),
	       "{\"enabled\":false,\"webhook_set\":false,\"invite\":null,"
	       "\"presence\":false,\"app_id\":null,\"sent\":0,\"dropped\":0,\"waiting\":0,"
	       "\"last_sent_at\":null,\"problem\":null}");
	golden(view_discord_test(&(struct answer){.status = 204}),
	       "{\"sent\":true,\"status\":204,\"problem\":null}");
	golden(view_discord_test(&(struct answer){.failure = "Timeout was reached"}),
	       "{\"sent\":false,\"status\":null,\"problem\":\"Discord is not reached (Timeout was "
	       "reached); see whether this machine is online\"}");
	assert_true(json_array_size(steps) > 3);
	json_decref(steps);
}

static void codes(void **state)
{
	struct control_invite invite = {.code = "KQ7M-3ZT9-HX2F",
					.link = "lanrage://s:1/KQ7M-3ZT9-HX2F",
					.expires_s = 1769860800};

	(void)state;
	golden(view_invite(&invite),
	       "{\"code\":\"KQ7M-3ZT9-HX2F\",\"link\":\"lanrage://s:1/KQ7M-3ZT9-HX2F\","
	       "\"expires_at\":\"2026-01-31T12:00:00Z\"}");
}

#define REGISTERED_S 1769860800 /* 2026-01-31T12:00:00Z */

static void game_servers(void **state)
{
	struct browser_server server = {.id = "1",
					.name = "arena",
					.game = "quake3",
					.players = 2,
					.max_players = 8,
					.map = "q3dm17",
					.n_tags = 1,
					.tags = {"ffa"},
					.created_s = REGISTERED_S,
					.heartbeat_age_s = 7,
					.latency = {3, 20500, 20250, 4, BROWSER_TREND_RISING}};

	(void)state;
	addr_parse(&server.address, "10.66.0.2:27960");
	golden(view_server(&server, (REGISTERED_S + 60) * CLOCK_SECOND),
	       "{\"id\":\"1\",\"name\":\"arena\",\"game\":\"quake3\","
	       "\"host\":{\"id\":null,\"name\":null},"
	       "\"address\":\"10.66.0.2:27960\",\"port\":27960,\"players\":2,\"max_players\":8,"
	       "\"full\":false,"
	       "\"map\":\"q3dm17\",\"mode\":null,\"password\":false,\"tags\":[\"ffa\"],"
	       "\"created_at\":\"2026-01-31T12:00:00Z\",\"age_s\":60,\"heartbeat_age_s\":7,"
	       "\"own\":false,\"favourite\":false,\"latency_ms\":20.5,\"latency_ema_ms\":20.25,"
	       "\"latency_trend\":\"rising\",\"latency_age_s\":4}");
	server = (struct browser_server){.id = "1@aa00000000000000",
					 .name = "a",
					 .game = "g",
					 .host = {0xaa},
					 .host_name = "ana",
					 .address = {.port = 9},
					 .players = BROWSER_UNKNOWN,
					 .max_players = BROWSER_UNKNOWN,
					 .created_s = REGISTERED_S,
					 .own = true,
					 .favourite = true};
	golden(view_server(&server, (REGISTERED_S - 1) * CLOCK_SECOND), /* a clock set back */
	       "{\"id\":\"1@aa00000000000000\",\"name\":\"a\",\"game\":\"g\","
	       "\"host\":{\"id\":\"aa00000000000000\",\"name\":\"ana\"},"
	       "\"address\":null,\"port\":9,\"players\":null,\"max_players\":null,"
	       "\"full\":null,\"map\":null,\"mode\":null,\"password\":false,\"tags\":[],"
	       "\"created_at\":\"2026-01-31T12:00:00Z\",\"age_s\":null,\"heartbeat_age_s\":0,"
	       "\"own\":true,\"favourite\":true,\"latency_ms\":null,\"latency_ema_ms\":null,"
	       "\"latency_trend\":null,\"latency_age_s\":null}");
}

static void a_server_to_join(void **state)
{
	struct browser_server server = {.id = "1@aa",
					.name = "a",
					.game = "g",
					.host = {0xaa},
					.host_name = "ana",
					.password = true};
	struct control_member member = {.online = true};

	(void)state;
	addr_parse(&server.address, "10.66.0.2:27960");
	golden(view_join(&server, &member),
	       "{\"id\":\"1@aa\",\"name\":\"a\",\"game\":\"g\",\"address\":\"10.66.0.2:27960\","
	       "\"password\":true,\"own\":false,"
	       "\"host\":{\"id\":\"aa00000000000000\",\"name\":\"ana\"},\"online\":true}");
}

static void a_measured_server(void **state)
{
	struct browser_measurement measurement = {.sent = 3};

	(void)state;
	golden(view_measurement("1@aa", &measurement),
	       "{\"id\":\"1@aa\",\"latency_ms\":null,\"latency_ema_ms\":null,"
	       "\"latency_trend\":null,\"answers\":0,\"sent\":3}");
	measurement.answers = 2;
	measurement.latency = (struct browser_latency){1, 1500, 1500, 0, BROWSER_TREND_UNKNOWN};
	golden(view_measurement("1@aa", &measurement),
	       "{\"id\":\"1@aa\",\"latency_ms\":1.5,\"latency_ema_ms\":1.5,"
	       "\"latency_trend\":null,\"answers\":2,\"sent\":3}");
}

static void favourite_servers(void **state)
{
	struct browser_server server = {.id = "b", .name = "b", .game = "g"};
	static struct browser_favourites favourites = {.n_ids = 2, .ids = {"a@aa", "b"}};
	json_t *json, *there;

	(void)state;
	favourites.servers = (struct browser_servers){1, &server};
	json = view_favourites(&favourites, 0);
	golden(json_incref(json_array_get(json, 0)),
	       "{\"id\":\"a@aa\",\"present\":false,\"server\":null}");
	there = json_array_get(json, 1);
	assert_true(json_is_true(json_object_get(there, "present")));
	golden(json_incref(json_object_get(json_object_get(there, "server"), "id")), "\"b\"");
	json_decref(json);
}

static void what_servers_come_to(void **state)
{
	struct browser_game games[] = {{"quake3", 2, 5}, {"doom", 1, BROWSER_UNKNOWN}};
	struct browser_statistics statistics = {.servers = 3,
						.players = 5,
						.max_players = BROWSER_UNKNOWN,
						.favourites = 1,
						.empty = 1,
						.n_games = 2,
						.games = games};

	(void)state;
	golden(view_statistics(&statistics),
	       "{\"total_servers\":3,\"total_players\":5,\"max_players\":null,\"unique_games\":2,"
	       "\"games\":{\"quake3\":{\"servers\":2,\"players\":5},"
	       "\"doom\":{\"servers\":1,\"players\":null}},"
	       "\"favourites\":1,\"full\":0,\"empty\":1,\"with_password\":0}");
	golden(view_games(&statistics), "[{\"game\":\"quake3\",\"servers\":2,\"players\":5},"
					"{\"game\":\"doom\",\"servers\":1,\"players\":null}]");
}

static void the_machine(void **state)
{
	struct metrics_system system = {.age_us = 1500000,
					.cpu_permille = METRICS_UNKNOWN_PERMILLE,
					.memory_total = 1024,
					.memory_available = 512,
					.n_interfaces = 1,
					.interfaces = {{.name = "eth0",
							.rx_bytes = 1,
							.tx_bytes = 2,
							.rx_bytes_per_s = METRICS_UNKNOWN,
							.tx_bytes_per_s = 3}}};

	(void)state;
	golden(view_system(&system, 1769860801500000),
	       "{\"sampled_at\":\"2026-01-31T12:00:00Z\",\"age_s\":1.5,\"cpu_pct\":null,"
	       "\"memory_total_bytes\":1024,\"memory_available_bytes\":512,"
	       "\"interfaces\":[{\"name\":\"eth0\",\"rx_bytes\":1,\"tx_bytes\":2,"
	       "\"rx_bytes_per_s\":null,\"tx_bytes_per_s\":3}]}");
}

#define NO_MEASURES                                                                            \
	"\"rtt_ms\":null,\"jitter_ms\":null,\"loss_pct\":null,\"rx_bytes\":null,\"tx_bytes\":" \
	"null,\"rx_bytes_per_s\":null,\"tx_bytes_per_s\":null"
#define NO_QUALITY "\"quality\":null,\"grade\":null,\"trend\":null"

/* lee is measured; mo's data plane is silent; noa was never looked at; a former member is gone. */
static struct metrics_peer measured[] = {
	{.public_key = KEY(0x12),
	 .now = {.age_us = 2500000,
		 .state = METRICS_PEER_CONNECTED,
		 .path = METRICS_PATH_DIRECT,
		 .measures = {.rtt_us = 40250,
			      .jitter_us = 100,
			      .loss_permille = 5,
			      .rx_bytes = 7,
			      .tx_bytes = 8,
			      .rx_bytes_per_s = 0,
			      .tx_bytes_per_s = METRICS_UNKNOWN}},
	 .quality = {82, 73, 90, 100, METRICS_TREND_WORSE}},
	{.public_key = KEY(0x13)},
	{.public_key = KEY(0x19)},
};
static struct metrics_peers all_measured = {.n_peers = 3, .peers = measured, .sessions_running = 2};

static int set_up_measured(void **state)
{
	for (size_t i = 1; i < 3; i++) {
		measured[i].now = metrics_sample_unknown;
		measured[i].now.age_us = 1000000;
		measured[i].quality = metrics_quality_unknown;
	}
	measured[2].now.state = METRICS_PEER_GONE;
	return set_up(state);
}

#define LEE_QUALITY "\"quality\":82,\"grade\":\"excellent\",\"trend\":\"worse\""
#define LEE                                                                                       \
	"\"sampled_at\":\"2026-01-31T12:00:00Z\",\"age_s\":2.5,\"state\":\"connected\","          \
	"\"path\":\"direct\",\"rtt_ms\":40.25,\"jitter_ms\":0.1,\"loss_pct\":0.5,\"rx_bytes\":7," \
	"\"tx_bytes\":8,\"rx_bytes_per_s\":0,\"tx_bytes_per_s\":null," LEE_QUALITY

static void peers_measured(void **state)
{
	json_t *list = view_metrics_peers(&all_measured, snapshot.control, 1769860802500000);

	(void)state;
	assert_int_equal(json_array_size(list), 4);
	golden(json_incref(json_array_get(list, 0)),
	       "{\"name\":\"lee\",\"id\":\"0202020202020202\",\"key\":\"1212121212121212\"," LEE
	       "}");
	golden(json_incref(json_array_get(list, 1)),
	       "{\"name\":\"mo ?[31m\",\"id\":\"0303030303030303\",\"key\":"
	       "\"1313131313131313\",\"sampled_at\":\"2026-01-31T12:00:01Z\",\"age_s\":1.0,"
	       "\"state\":null,\"path\":null," NO_MEASURES "," NO_QUALITY "}");
	golden(json_incref(json_array_get(list, 2)),
	       "{\"name\":null,\"id\":\"0404040404040404\",\"key\":\"1414141414141414\","
	       "\"sampled_at\":null,\"age_s\":null,\"state\":null,\"path\":null," NO_MEASURES
	       "," NO_QUALITY "}");
	golden(json_incref(json_array_get(list, 3)),
	       "{\"name\":null,\"id\":null,\"key\":\"1919191919191919\",\"sampled_at\":"
	       "\"2026-01-31T12:00:01Z\",\"age_s\":1.0,\"state\":\"gone\",\"path\":"
	       "null," NO_MEASURES "," NO_QUALITY "}");
	json_decref(list);
	list = view_metrics_peers(&all_measured, NULL, 0); /* control does not answer */
	assert_int_equal(json_array_size(list), 3);
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "name")));
	json_decref(list);
}

static void one_peer_measured(void **state)
{
	struct metrics_path path = {.active = true,
				    .kind = DATAPLANE_PATH_RELAY,
				    .state = DATAPLANE_PATH_WORKING,
				    .relay = KEY(0x21),
				    .measures = metrics_sample_unknown.measures};
	struct metrics_peer_detail detail = {.peer = measured[0], .n_paths = 1, .paths = &path};

	(void)state;
	addr_parse(&path.endpoint, "203.0.113.1:51820");
	golden(view_metrics_peer(&detail, &members[1], &snapshot, 1769860802500000),
	       "{\"name\":\"lee\",\"id\":\"0202020202020202\",\"key\":\"1212121212121212\"," LEE
	       ",\"terms\":{\"latency\":73,\"loss\":90,\"jitter\":100},\"paths\":[{\"active\":true,"
	       "\"path\":\"relay\",\"state\":\"working\",\"endpoint\":"
	       "\"203.0.113.1:51820\",\"relay\":\"eu1\"," NO_MEASURES "}]}");
}

static void histories(void **state)
{
	struct metrics_bucket buckets[] = {
		{.at_s = 1769860800,
		 .seconds = 10,
		 .state = METRICS_PEER_CONNECTED,
		 .path = METRICS_PATH_RELAY,
		 .rtt_us = 1500,
		 .rtt_min_us = 1000,
		 .rtt_max_us = 2000,
		 .jitter_us = DATAPLANE_UNKNOWN,
		 .loss_permille = 7,
		 .rx_bytes_per_s = 5,
		 .tx_bytes_per_s = METRICS_UNKNOWN,
		 .quality = METRICS_UNKNOWN_SCORE},
	};
	struct metrics_peer_history history = {.n_buckets = 1, .buckets = buckets};
	struct metrics_system_bucket machine = {.at_s = 60,
						.seconds = 60,
						.cpu_permille = 125,
						.memory_total = 2048,
						.memory_available = 1024,
						.rx_bytes_per_s = METRICS_UNKNOWN,
						.tx_bytes_per_s = 9};
	struct metrics_system_history system = {.n_buckets = 1, .buckets = &machine};

	(void)state;
	golden(view_peer_history(&history),
	       "[{\"at\":1769860800,\"seconds\":10,\"state\":\"connected\",\"path\":\"relay\","
	       "\"rtt_ms\":1.5,\"rtt_min_ms\":1.0,\"rtt_max_ms\":2.0,\"jitter_ms\":null,"
	       "\"loss_pct\":0.7,\"rx_bytes_per_s\":5,\"tx_bytes_per_s\":null,"
	       "\"quality\":null}]");
	golden(view_system_history(&system),
	       "[{\"at\":60,\"seconds\":60,\"cpu_pct\":12.5,\"memory_total_bytes\":2048,"
	       "\"memory_available_bytes\":1024,\"rx_bytes_per_s\":null,\"tx_bytes_per_s\":9}]");
}

#define WHO_LEE "\"name\":\"lee\",\"id\":\"0202020202020202\",\"key\":\"1212121212121212\""

static void quality_and_summary(void **state)
{
	struct metrics_system system = {
		.cpu_permille = 10, .memory_total = 4096, .memory_available = 1};
	struct metrics_peers none = {0};

	(void)state;
	golden(view_quality(&all_measured, snapshot.control),
	       "{\"quality\":82,\"grade\":\"excellent\",\"worst\":{" WHO_LEE
	       "},\"peers\":[{" WHO_LEE "," LEE_QUALITY
	       ",\"terms\":{\"latency\":73,\"loss\":90,\"jitter\":100}},"
	       "{\"name\":\"mo ?[31m\",\"id\":\"0303030303030303\",\"key\":"
	       "\"1313131313131313\"," NO_QUALITY
	       ",\"terms\":{\"latency\":null,\"loss\":null,\"jitter\":null}}]}");
	golden(view_summary(&all_measured, &system),
	       "{\"peers\":{\"total\":2,\"connected\":1,\"direct\":1,\"relay\":0},"
	       "\"rtt_ms\":40.25,\"jitter_ms\":0.1,\"loss_pct\":0.5,\"rx_bytes\":7,"
	       "\"tx_bytes\":8,\"rx_bytes_per_s\":0,\"tx_bytes_per_s\":null,\"quality\":82,"
	       "\"grade\":\"excellent\",\"cpu_pct\":1.0,\"memory_total_bytes\":4096,"
	       "\"memory_available_bytes\":1,\"sessions_running\":2}");
	golden(view_summary(&none, NULL),
	       "{\"peers\":{\"total\":0,\"connected\":0,\"direct\":0,\"relay\":0},"
	       "\"rtt_ms\":null,\"jitter_ms\":null,\"loss_pct\":null,\"rx_bytes\":null,"
	       "\"tx_bytes\":null,\"rx_bytes_per_s\":null,\"tx_bytes_per_s\":null,"
	       "\"quality\":null,\"grade\":null,\"cpu_pct\":null,\"memory_total_bytes\":null,"
	       "\"memory_available_bytes\":null,\"sessions_running\":0}");
}

#define GAME                                                                       \
	"\"id\":7,\"game\":\"Quake\",\"server\":null,\"started_at\":\"2026-01-31T" \
	"12:00:00Z\",\"ended_at\":null,\"duration_s\":61"

static void a_session(void **state)
{
	struct metrics_session_peer peer = {.public_key = KEY(0x12),
					    .samples = 61,
					    .rtt_us = 20000,
					    .rtt_min_us = 19000,
					    .rtt_max_us = 30000,
					    .rtt_p95_us = 25000,
					    .jitter_us = 300,
					    .loss_permille = 5,
					    .quality = 89};
	struct metrics_session session = {.id = 7,
					  .game = {.game = "Quake"},
					  .started_s = 1769860800,
					  .ended_s = METRICS_UNKNOWN,
					  .duration_s = 61,
					  .n_peers = 1,
					  .peers = &peer};
	struct metrics_sessions sessions = {.total = 1, .n_sessions = 1, .sessions = &session};

	(void)state;
	golden(view_session(&session, snapshot.control),
	       "{" GAME ",\"peers\":[{\"id\":\"0202020202020202\",\"name\":\"lee\",\"key\":"
	       "\"1212121212121212\",\"samples\":61,\"rtt_ms\":20.0,\"rtt_min_ms\":19.0,"
	       "\"rtt_max_ms\":30.0,\"rtt_p95_ms\":25.0,\"jitter_ms\":0.3,\"loss_pct\":0.5,"
	       "\"quality\":89}]}");
	golden(view_sessions(&sessions), "[{" GAME "}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(status_of_a_member, set_up),
		cmocka_unit_test_setup(status_when_nobody_answers, set_up),
		cmocka_unit_test_setup(status_in_no_party, set_up),
		cmocka_unit_test_setup(a_direct_peer, set_up),
		cmocka_unit_test_setup(a_relayed_peer_has_a_reason, set_up),
		cmocka_unit_test_setup(a_relay_by_tcp, set_up),
		cmocka_unit_test_setup(a_member_that_was_never_heard, set_up),
		cmocka_unit_test_setup(why_a_peer_is_not_direct, set_up),
		cmocka_unit_test_setup(only_a_connected_peer_has_a_path, set_up),
		cmocka_unit_test_setup(network_for_doctor, set_up),
		cmocka_unit_test_setup(what_a_check_found, set_up),
		cmocka_unit_test_setup(a_probe, set_up),
		cmocka_unit_test(the_settings),
		cmocka_unit_test(settings_changed_and_exported),
		cmocka_unit_test(saved_configurations),
		cmocka_unit_test(discord),
		cmocka_unit_test(codes),
		cmocka_unit_test(game_servers),
		cmocka_unit_test(a_server_to_join),
		cmocka_unit_test(a_measured_server),
		cmocka_unit_test(favourite_servers),
		cmocka_unit_test(what_servers_come_to),
		cmocka_unit_test(the_machine),
		cmocka_unit_test_setup(peers_measured, set_up_measured),
		cmocka_unit_test_setup(one_peer_measured, set_up_measured),
		cmocka_unit_test(histories),
		cmocka_unit_test_setup(quality_and_summary, set_up_measured),
		cmocka_unit_test_setup(a_session, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
