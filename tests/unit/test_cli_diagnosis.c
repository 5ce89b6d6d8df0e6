/* What doctor makes of what the API says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/cli/diagnosis.h"

static const char healthy_status[] =
	"{\"party\": {\"id\": \"1\", \"name\": \"lan\", \"host\": \"kira\", \"members\": 2},"
	" \"self\": {\"name\": \"kira\", \"id\": \"1\", \"virtual_ip\": \"10.66.0.1\","
	"            \"interface\": \"lanrage0\"},"
	" \"services\": {\"nat\": {\"state\": \"running\", \"restarts\": 1}}}";
static const char healthy_network[] =
	"{\"up\": true, \"interface\": {\"name\": \"lanrage0\", \"state\": \"up\"},"
	" \"server\": {\"url\": \"ws://s:1\", \"state\": \"connected\"},"
	" \"relays\": [{\"name\": \"eu1\", \"state\": \"connected\"}],"
	" \"nat\": {\"mapping\": \"endpoint-independent\", \"public\": [\"203.0.113.7:5\"]}}";

static struct diagnosis judge(const char *status, const char *network)
{
	json_t *s = json_loads(status, 0, NULL), *n = json_loads(network, 0, NULL);
	struct diagnosis diagnosis = {0};

	assert_non_null(s);
	assert_non_null(n);
	diagnosis_judge(&diagnosis, s, n);
	json_decref(s);
	json_decref(n);
	return diagnosis;
}

static const struct check *find(const struct diagnosis *diagnosis, const char *name)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		if (strcmp(diagnosis->checks[i].name, name) == 0)
			return &diagnosis->checks[i];
	fail_msg("%s was not looked at", name);
	return NULL;
}

/* A problem with these words, and a remedy. */
static void problem(const struct diagnosis *diagnosis, const char *name, const char *words)
{
	const struct check *check = find(diagnosis, name);

	assert_false(check->ok);
	assert_true(*check->remedy);
	if (!strstr(check->text, words))
		fail_msg("%s: \"%s\" lacks \"%s\"", name, check->text, words);
}

static void a_healthy_member_has_no_problem(void **state)
{
	struct diagnosis diagnosis = judge(healthy_status, healthy_network);
	json_t *json = diagnosis_json(&diagnosis);

	(void)state;
	assert_true(diagnosis_is_fine(&diagnosis));
	assert_string_equal(find(&diagnosis, "nat")->text, "runs; restarts so far: 1");
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
}

/* The healthy network, but with this problem, and in a state of the server. */
static struct diagnosis judge_problem(const char *cause, const char *server)
{
	char network[1024];

	(void)snprintf(network, sizeof(network),
		       "{\"up\": true, \"clock_ahead_s\": -4000,"
		       " \"problem\": {\"cause\": \"%s\", \"text\": \"it is so\","
		       " \"remedy\": \"do this\"},"
		       " \"interface\": {\"name\": \"lanrage0\", \"state\": \"up\"},"
		       " \"server\": {\"url\": \"ws://s:1\", \"state\": \"%s\"},"
		       " \"relays\": [{\"name\": \"eu1\", \"state\": \"connected\"}],"
		       " \"nat\": {\"mapping\": null, \"public\": []}}",
		       cause, server);
	return judge(strcmp(cause, "kicked") == 0 ? "{\"party\": null, \"self\": {\"id\": \"1\"}}"
						  : healthy_status,
		     network);
}

static void names_the_problem_of_this_machine(void **state)
{
	static const struct {
		const char *cause, *server, *check;
	} cases[] = {
		{"clock-here", "connected", "clock"},  {"server-name", "away", "server"},
		{"server-foreign", "away", "server"},  {"network-here", "away", "server"},
		{"firewall-here", "connected", "udp"}, {"udp-blocked-here", "connected", "udp"},
		{"kicked", "connected", "party"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diagnosis diagnosis = judge_problem(cases[i].cause, cases[i].server);

		problem(&diagnosis, cases[i].check, "it is so");
		assert_string_equal(find(&diagnosis, cases[i].check)->remedy, "do this");
		for (size_t k = 0; k < diagnosis.n; k++)
			assert_true(diagnosis.checks[k].ok ||
				    strcmp(diagnosis.checks[k].name, cases[i].check) == 0);
	}
}

static void names_what_is_missing(void **state)
{
	struct diagnosis diagnosis = judge(
		"{\"party\": null, \"self\": {\"id\": \"1\"}, \"services\": {"
		"\"nat\": {\"state\": \"backoff\", \"restarts\": 3},"
		"\"metrics\": {\"state\": \"silent\"}, \"browser\": {\"state\": null}}}",
		"{\"up\": true, \"interface\": {\"name\": \"lanrage0\", \"state\": \"failed\","
		" \"reason\": \"no\\u001btun\"},"
		" \"server\": {\"url\": null, \"state\": \"none\"}, \"relays\": [],"
		" \"nat\": {\"mapping\": \"blocked\", \"public\": []}}");

	(void)state;
	problem(&diagnosis, "nat", "does not run (backoff)");
	problem(&diagnosis, "metrics", "does not answer");
	assert_true(find(&diagnosis, "server")->ok); /* the party is then for the LAN */
	problem(&diagnosis, "interface", "could not be set up: no?tun");
	problem(&diagnosis, "udp", "no UDP comes back");
	assert_true(find(&diagnosis, "browser")->ok);
	assert_true(find(&diagnosis, "party")->ok);
	assert_true(find(&diagnosis, "relay")->ok); /* in no party */
}

static void in_a_party_a_relay_and_the_interface_are_needed(void **state)
{
	struct diagnosis diagnosis =
		judge(healthy_status,
		      "{\"up\": true, \"interface\": {\"name\": \"lanrage0\", \"state\": \"down\"},"
		      " \"server\": {\"url\": \"ws://s:1\", \"state\": \"away\", \"reason\": "
		      "\"refused\"},"
		      " \"relays\": [{\"name\": \"eu1\", \"state\": \"silent\"}], \"nat\": {}}");

	(void)state;
	problem(&diagnosis, "interface", "not up");
	problem(&diagnosis, "server", "ws://s:1 does not answer: refused");
	problem(&diagnosis, "relay", "no relay answers");
}

static void a_local_party_needs_no_relay(void **state)
{
	struct diagnosis diagnosis =
		judge(healthy_status, "{\"up\": true, \"local\": true,"
				      " \"interface\": {\"name\": \"lanrage0\", \"state\": \"up\"},"
				      " \"server\": {\"url\": \"ws://127.0.0.1:8667\", \"state\": "
				      "\"connected\"}, \"relays\": [], \"nat\": {}}");

	(void)state;
	assert_true(find(&diagnosis, "relay")->ok);
}

static void a_server_is_not_missed_while_disconnected(void **state)
{
	struct diagnosis diagnosis = judge(
		healthy_status,
		"{\"up\": false, \"interface\": {\"name\": \"lanrage0\", \"state\": \"down\"},"
		" \"server\": {\"url\": \"ws://s:1\", \"state\": \"none\"}, \"relays\": [],"
		" \"nat\": {}}");

	(void)state;
	problem(&diagnosis, "party", "disconnected");
	assert_true(find(&diagnosis, "server")->ok);
	assert_true(find(&diagnosis, "interface")->ok);
	assert_true(find(&diagnosis, "relay")->ok);
}

static void silence_is_not_taken_for_an_answer(void **state)
{
	struct diagnosis diagnosis = judge(
		"{\"party\": null, \"self\": {\"id\": null}, \"services\": {}}",
		"{\"up\": null, \"interface\": null, \"server\": {\"url\": null, \"state\": null},"
		" \"relays\": null, \"nat\": {\"mapping\": null, \"public\": null}}");

	(void)state;
	problem(&diagnosis, "server", "unknown");
	problem(&diagnosis, "interface", "unknown");
	for (size_t i = 0; i < diagnosis.n; i++)
		assert_string_not_equal(diagnosis.checks[i].name, "party");
}

static struct diagnosis judge_lan(const char *check, const char *why)
{
	json_t *json = check ? json_loads(check, 0, NULL) : NULL;
	struct diagnosis diagnosis = {0};

	diagnosis_judge_lan(&diagnosis, json, why);
	json_decref(json);
	return diagnosis;
}

static void what_became_of_a_word_to_everybody(void **state)
{
	struct diagnosis diagnosis;

	(void)state;
	diagnosis =
		judge_lan("{\"discovery\": true, \"members\": 2, \"heard\": 1, \"first_ms\": 1.5,"
			  " \"error\": null}",
			  NULL);
	assert_true(find(&diagnosis, "lan")->ok);
	assert_non_null(strstr(find(&diagnosis, "lan")->text, "1 of 2 members"));
	diagnosis = judge_lan(
		"{\"discovery\": true, \"members\": 0, \"heard\": 0, \"error\": null}", NULL);
	assert_true(find(&diagnosis, "lan")->ok);
	diagnosis = judge_lan("{\"discovery\": false}", NULL);
	assert_true(find(&diagnosis, "lan")->ok);
	diagnosis = judge_lan(
		"{\"discovery\": true, \"members\": 2, \"heard\": 0, \"error\": null}", NULL);
	problem(&diagnosis, "lan", "no member answers");
	diagnosis = judge_lan("{\"discovery\": true, \"members\": 2, \"heard\": 0,"
			      " \"error\": \"Network is unreachable\"}",
			      NULL);
	problem(&diagnosis, "lan", "Network is unreachable");
	diagnosis = judge_lan(NULL, "it is being checked already");
	problem(&diagnosis, "lan", "already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_member_has_no_problem),
		cmocka_unit_test(names_the_problem_of_this_machine),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(in_a_party_a_relay_and_the_interface_are_needed),
		cmocka_unit_test(a_local_party_needs_no_relay),
		cmocka_unit_test(a_server_is_not_missed_while_disconnected),
		cmocka_unit_test(silence_is_not_taken_for_an_answer),
		cmocka_unit_test(what_became_of_a_word_to_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
