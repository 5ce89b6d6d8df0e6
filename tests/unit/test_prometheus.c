/* The text for Prometheus: golden, and read by a parser that forgives nothing. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/version.h"
#include "svc-api/view_prometheus.h"

#define KEY(byte)                                              \
	{                                                      \
		byte, byte, byte, byte, byte, byte, byte, byte \
	}

static struct control_member members[] = {
	{.identity = KEY(1), .wireguard_key = KEY(0x11), .name = "kira", .self = true},
	{.identity = KEY(2), .wireguard_key = KEY(0x12), .name = "l\"e\\e\n"},
};
static struct metrics_peer measured[] = {
	{.public_key = KEY(0x12),
	 .now = {.state = METRICS_PEER_CONNECTED,
		 .path = METRICS_PATH_DIRECT,
		 .measures = {.rtt_us = 40250,
			      .jitter_us = 100,
			      .loss_permille = 5,
			      .rx_bytes = 123456789012345,
			      .tx_bytes = 8}},
	 .quality = {.score = 82}},
	{.public_key = KEY(0x13)}, /* nobody knows */
	{.public_key = KEY(0x19)}, /* gone */
};
static struct metrics_peers peers = {.n_peers = 3, .peers = measured};
static struct metrics_system machine = {
	.cpu_permille = 125, .memory_total = 8589934592, .memory_available = 1024};
static struct snapshot snapshot;

static int set_up(void **state)
{
	(void)state;
	memset(&snapshot, 0, sizeof(snapshot));
	for (size_t i = 1; i < 3; i++) {
		measured[i].now = metrics_sample_unknown;
		measured[i].quality = metrics_quality_unknown;
	}
	measured[2].now.state = METRICS_PEER_GONE;
	snapshot.control_status.n_members = 2;
	snapshot.control_status.members = members;
	snapshot.control = &snapshot.control_status;
	snapshot.dataplane_state.lan_counters =
		(struct dataplane_lan_counters){1, 2, 3, 4, 5, 6, 7};
	snapshot.dataplane = &snapshot.dataplane_state;
	snapshot.peers = &peers;
	snapshot.system = &machine;
	snapshot.answered = SNAPSHOT_SERVICES & ~BUS_FROM(SERVICE_NAT);
	for (int id = 0; id < SERVICE_COUNT; id++)
		snapshot.supervision.services[id].restarts = (uint64_t)id;
	snapshot.supervision.services[SERVICE_BROWSER].restarts = SUPERVISION_UNKNOWN;
	return 0;
}

/* ---- a strict reader */

static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)text[i]) && text[i] != '_' &&
		    (i == 0 || !isdigit((unsigned char)text[i])))
			return false;
	return length > 0;
}

/* `{a="b",c="d"}`; what follows it, or NULL. */
static const char *skip_labels(const char *at)
{
	do {
		size_t length = strcspn(++at, "=");

		if (!is_name(at, length) || strncmp(at + length, "=\"", 2) != 0)
			return NULL;
		for (at += length + 2; *at != '"'; at++) {
			if (*at == '\\' && !strchr("\\\"n", *++at))
				return NULL;
			if ((unsigned char)*at < ' ')
				return NULL;
		}
		at++;
	} while (*at == ',');
	return *at == '}' ? at + 1 : NULL;
}

static bool is_sample(const char *line, const char *name)
{
	size_t length = strlen(name);
	const char *at = line + length;
	char *end;

	if (strncmp(line, name, length) != 0)
		return false;
	if (*at == '{')
		at = skip_labels(at);
	if (!at || *at != ' ' || (!isdigit((unsigned char)at[1]) && at[1] != '-'))
		return false;
	(void)strtod(at + 1, &end);
	return *end == '\0';
}

/* HELP, then TYPE, then samples of that name, no line twice; how many samples there are. */
static size_t read_strictly(const char *text)
{
	char *copy = strdup(text), *rest = copy, *line, name[64] = "", type[16];
	size_t n = 0, in_metric = 1;

	assert_true(*text == '\0' || text[strlen(text) - 1] == '\n');
	while ((line = strsep(&rest, "\n")) && rest) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line, "# HELP %63s %*s", name), 1);
			assert_true(is_name(name, strlen(name)));
			assert_null(strstr(line, "\\"));
			assert_true(in_metric > 0); /* none without a sample */
			line = strsep(&rest, "\n");
			assert_non_null(rest);
			assert_int_equal(strncmp(line + 7, name, strlen(name)), 0);
			assert_int_equal(sscanf(line, "# TYPE %*s %15s", type), 1);
			assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0);
			assert_int_equal(strcmp(type, "counter") == 0,
					 strlen(name) > 6 &&
						 strcmp(name + strlen(name) - 6, "_total") == 0);
			in_metric = 0;
			continue;
		}
		if (!is_sample(line, name))
			fail_msg("not a sample of %s: %s", name, line);
		in_metric++;
		n++;
	}
	free(copy);
	return n;
}

static size_t times(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

/* ---- what is told */

static const char golden[] =
	"# HELP lanrage_info Always 1; the label is the version.\n"
	"# TYPE lanrage_info gauge\n"
	"lanrage_info{version=\"" LANRAGE_VERSION "\"} 1\n"
	"# HELP lanrage_up Whether the service answers.\n"
	"# TYPE lanrage_up gauge\n"
	"lanrage_up{service=\"dataplane\"} 1\n"
	"lanrage_up{service=\"nat\"} 0\n"
	"lanrage_up{service=\"control\"} 1\n"
	"lanrage_up{service=\"metrics\"} 1\n"
	"lanrage_up{service=\"browser\"} 1\n"
	"lanrage_up{service=\"api\"} 1\n"
	"# HELP lanrage_service_restarts_total How often the launcher has started it again.\n"
	"# TYPE lanrage_service_restarts_total counter\n"
	"lanrage_service_restarts_total{service=\"dataplane\"} 0\n"
	"lanrage_service_restarts_total{service=\"nat\"} 1\n"
	"lanrage_service_restarts_total{service=\"control\"} 2\n"
	"lanrage_service_restarts_total{service=\"metrics\"} 3\n"
	"lanrage_service_restarts_total{service=\"api\"} 5\n"
	"# HELP lanrage_party_members Members of the party, with this machine; 0 in none.\n"
	"# TYPE lanrage_party_members gauge\n"
	"lanrage_party_members 2\n"
	"# HELP lanrage_peer_connected Whether there is a session with it.\n"
	"# TYPE lanrage_peer_connected gauge\n"
	"lanrage_peer_connected{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 1\n"
	"# HELP lanrage_peer_direct Whether it is reached without a relay.\n"
	"# TYPE lanrage_peer_direct gauge\n"
	"lanrage_peer_direct{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 1\n"
	"# HELP lanrage_peer_rtt_seconds Round trip along the active path.\n"
	"# TYPE lanrage_peer_rtt_seconds gauge\n"
	"lanrage_peer_rtt_seconds{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 0.04025\n"
	"# HELP lanrage_peer_jitter_seconds How much that varies.\n"
	"# TYPE lanrage_peer_jitter_seconds gauge\n"
	"lanrage_peer_jitter_seconds{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 0.0001\n"
	"# HELP lanrage_peer_loss_ratio Lost probes along the active path.\n"
	"# TYPE lanrage_peer_loss_ratio gauge\n"
	"lanrage_peer_loss_ratio{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 0.005\n"
	"# HELP lanrage_peer_rx_bytes_total Bytes received from it.\n"
	"# TYPE lanrage_peer_rx_bytes_total counter\n"
	"lanrage_peer_rx_bytes_total{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} "
	"123456789012345\n"
	"# HELP lanrage_peer_tx_bytes_total Bytes sent to it.\n"
	"# TYPE lanrage_peer_tx_bytes_total counter\n"
	"lanrage_peer_tx_bytes_total{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 8\n"
	"# HELP lanrage_peer_quality How good the way is for a game, 0 to 100.\n"
	"# TYPE lanrage_peer_quality gauge\n"
	"lanrage_peer_quality{peer=\"l\\\"e\\\\e?\",id=\"0202020202020202\"} 82\n"
	"# HELP lanrage_network_quality Mean quality over the connected peers.\n"
	"# TYPE lanrage_network_quality gauge\n"
	"lanrage_network_quality 82\n"
	"# HELP lanrage_cpu_ratio Processors busy.\n"
	"# TYPE lanrage_cpu_ratio gauge\n"
	"lanrage_cpu_ratio 0.125\n"
	"# HELP lanrage_memory_total_bytes All memory.\n"
	"# TYPE lanrage_memory_total_bytes gauge\n"
	"lanrage_memory_total_bytes 8589934592\n"
	"# HELP lanrage_memory_available_bytes Memory that programs may still take.\n"
	"# TYPE lanrage_memory_available_bytes gauge\n"
	"lanrage_memory_available_bytes 1024\n"
	"# HELP lanrage_lan_sent_total Packets to everybody, handed to the members.\n"
	"# TYPE lanrage_lan_sent_total counter\n"
	"lanrage_lan_sent_total 1\n"
	"# HELP lanrage_lan_same_total Second copies of what left by several interfaces.\n"
	"# TYPE lanrage_lan_same_total counter\n"
	"lanrage_lan_same_total 2\n"
	"# HELP lanrage_lan_refused_total Of kinds that stay at home.\n"
	"# TYPE lanrage_lan_refused_total counter\n"
	"lanrage_lan_refused_total 3\n"
	"# HELP lanrage_lan_capped_total Beyond the limits.\n"
	"# TYPE lanrage_lan_capped_total counter\n"
	"lanrage_lan_capped_total 4\n"
	"# HELP lanrage_lan_received_total From members, delivered.\n"
	"# TYPE lanrage_lan_received_total counter\n"
	"lanrage_lan_received_total 5\n"
	"# HELP lanrage_lan_refused_received_total From members, of kinds that should have stayed "
	"at "
	"home.\n"
	"# TYPE lanrage_lan_refused_received_total counter\n"
	"lanrage_lan_refused_received_total 6\n"
	"# HELP lanrage_lan_capped_received_total From members, beyond the limits.\n"
	"# TYPE lanrage_lan_capped_received_total counter\n"
	"lanrage_lan_capped_received_total 7\n";

static void test_golden(void **state)
{
	char *text = view_prometheus(&snapshot);

	(void)state;
	assert_string_equal(text, golden);
	assert_int_equal(read_strictly(text), 32);
	free(text);
}

/* What does not answer is left out, and the rest is told. */
static void test_unknown(void **state)
{
	char *text;

	(void)state;
	snapshot.control = NULL;
	snapshot.dataplane = NULL;
	machine.cpu_permille = METRICS_UNKNOWN_PERMILLE;
	text = view_prometheus(&snapshot);
	assert_true(read_strictly(text) > 0);
	assert_int_equal(times(text, "peer=\"\",id=\"1212121212121212\""), 8);
	assert_null(strstr(text, "lanrage_lan"));
	assert_null(strstr(text, "cpu"));
	assert_null(strstr(text, "party"));
	free(text);
	machine.cpu_permille = 125;
	snapshot.peers = NULL;
	snapshot.system = NULL;
	text = view_prometheus(&snapshot);
	assert_int_equal(read_strictly(text), 12);
	assert_null(strstr(text, "peer"));
	free(text);
}

/* The longest name, all of it to be escaped. */
static void test_long_names(void **state)
{
	char name[CONTROL_NAME_MAX], escaped[2 * CONTROL_NAME_MAX], *text;

	(void)state;
	memset(name, '"', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	strcpy(members[1].name, name);
	text = view_prometheus(&snapshot);
	assert_int_equal(read_strictly(text), 32);
	for (size_t i = 0; i + 1 < sizeof(name); i++)
		memcpy(escaped + 2 * i, "\\\"", 3);
	assert_non_null(strstr(text, escaped));
	free(text);
}

/* ---- the dashboard */

#define DASHBOARD "deploy/grafana/lanrage.json"

/* Each metric in a query is one of the text's, and is noted. */
static void see_query(const char *query, json_t *seen)
{
	char type[96];

	for (const char *at = query; (at = strstr(at, "lanrage_")); at++) {
		int length = (int)strspn(at, "abcdefghijklmnopqrstuvwxyz_");

		(void)snprintf(type, sizeof(type), "# TYPE %.*s ", length, at);
		if (!strstr(golden, type))
			fail_msg("%s: there is no %.*s", DASHBOARD, length, at);
		json_object_setn_new(seen, at, (size_t)length, json_true());
	}
}

static void see_queries(json_t *json, json_t *seen)
{
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach(json, i, value) see_queries(value, seen);
	json_object_foreach(json, key, value)
	{
		if (strcmp(key, "expr") == 0 || strcmp(key, "definition") == 0)
			see_query(json_string_value(value), seen);
		else
			see_queries(value, seen);
	}
}

static void test_dashboard_shows_every_metric_and_no_other(void **state)
{
	json_t *dashboard = json_load_file(DASHBOARD, JSON_REJECT_DUPLICATES, NULL);
	json_t *seen = json_object();
	size_t n = 0;

	(void)state;
	if (!dashboard)
		fail_msg("%s is no JSON; tests run in the folder of the sources", DASHBOARD);
	see_queries(dashboard, seen);
	for (const char *at = golden; (at = strstr(at, "# TYPE ")); n++) {
		at += strlen("# TYPE ");
		if (!json_object_getn(seen, at, strcspn(at, " ")))
			fail_msg("%s does not show %.40s", DASHBOARD, at);
	}
	assert_int_equal(json_object_size(seen), n);
	assert_true(n > 20);
	json_decref(seen);
	json_decref(dashboard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_golden, set_up),
		cmocka_unit_test_setup(test_unknown, set_up),
		cmocka_unit_test_setup(test_long_names, set_up),
		cmocka_unit_test(test_dashboard_shows_every_metric_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
