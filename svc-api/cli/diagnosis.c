#include "svc-api/cli/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"

#define FIREWALL_HINT                                                                           \
	"let UDP out through this machine's firewall (nft, ufw, firewalld) and the network's: " \
	"games over UDP need the same"

void diagnosis_add(struct diagnosis *diagnosis, const char *name, const char *remedy,
		   const char *format, ...)
{
	struct check *check = &diagnosis->checks[diagnosis->n];
	char text[DIAGNOSIS_TEXT_MAX];
	va_list arguments;

	if (diagnosis->n == DIAGNOSIS_CHECKS_MAX)
		return;
	diagnosis->n++;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	clean_text(text, strlen(text), check->text, sizeof(check->text));
	(void)snprintf(check->name, sizeof(check->name), "%s", name);
	(void)snprintf(check->remedy, sizeof(check->remedy), "%s", remedy ? remedy : "");
	check->ok = !remedy;
}

static bool is_at(const json_t *object, const char *key, const char *value)
{
	return strcmp(text_at(object, key), value) == 0;
}

/* Under another supervisor than lanraged nothing is known of the processes. */
static void judge_service(struct diagnosis *diagnosis, const char *name, const json_t *service)
{
	const char *state = text_at(service, "state");
	long long restarts = (long long)json_integer_value(json_object_get(service, "restarts"));
	char remedy[DIAGNOSIS_TEXT_MAX];

	(void)snprintf(remedy, sizeof(remedy),
		       "it is started again by itself; see `lanrage logs %s` for why it ended",
		       name);
	if (strcmp(state, "silent") == 0)
		diagnosis_add(diagnosis, name,
			      "restart LANrage: `sudo make up`, or `sudo systemctl restart "
			      "lanrage`",
			      "runs, but does not answer");
	else if (*state && strcmp(state, "running") != 0)
		diagnosis_add(diagnosis, name, remedy, "does not run (%s)", state);
	else if (restarts > 0)
		diagnosis_add(diagnosis, name, NULL, "runs; restarts so far: %lld", restarts);
	else
		diagnosis_add(diagnosis, name, NULL, "%s", *state ? "runs" : "not supervised");
}

static void judge_interface(struct diagnosis *diagnosis, const json_t *interface, bool wanted)
{
	const char *name = text_at(interface, "name");

	if (!json_is_object(interface))
		diagnosis_add(diagnosis, "interface", "see the line dataplane above",
			      "unknown: the data plane does not answer");
	else if (is_at(interface, "state", "failed"))
		diagnosis_add(diagnosis, "interface",
			      "see `lanrage logs dataplane`; /dev/net/tun must exist (modprobe "
			      "tun), and no other network may use its addresses",
			      "%s could not be set up: %s", name, text_at(interface, "reason"));
	else if (is_at(interface, "state", "up"))
		diagnosis_add(diagnosis, "interface", NULL, "%s is up", name);
	else if (wanted)
		diagnosis_add(diagnosis, "interface",
			      "wait a few seconds; if it stays so, see `lanrage logs dataplane`",
			      "%s is not up", name);
	else
		diagnosis_add(diagnosis, "interface", NULL, "%s is there, not in use now", name);
}

/* What the API says is wrong with this machine, if it is one of the causes whose names begin so. */
static const json_t *problem_of(const json_t *network, const char *begin)
{
	const json_t *problem = json_object_get(network, "problem");

	return strncmp(text_at(problem, "cause"), begin, strlen(begin)) == 0 ? problem : NULL;
}

static void judge_clock(struct diagnosis *diagnosis, const json_t *network)
{
	const json_t *problem = problem_of(network, "clock-here");
	const json_t *ahead = json_object_get(network, "clock_ahead_s");
	long long off_s = (long long)json_integer_value(ahead);

	if (problem)
		diagnosis_add(diagnosis, "clock", text_at(problem, "remedy"),
			      "%s: it is %lld s %s the server's", text_at(problem, "text"),
			      off_s < 0 ? -off_s : off_s, off_s < 0 ? "behind" : "ahead of");
	else if (json_is_integer(ahead))
		diagnosis_add(diagnosis, "clock", NULL, "agrees with the server's");
}

/* Where more is known than that it does not answer. */
static const json_t *why_away(const json_t *network)
{
	static const char *const causes[] = {"server-name", "server-foreign", "network-here"};
	const json_t *problem = NULL;

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]) && !problem; i++)
		problem = problem_of(network, causes[i]);
	return problem;
}

static void judge_server(struct diagnosis *diagnosis, const json_t *network)
{
	const json_t *server = json_object_get(network, "server");
	const json_t *problem = why_away(network);
	const char *url = text_at(server, "url"), *reason = text_at(server, "reason");

	if (is_at(server, "state", "connected"))
		diagnosis_add(diagnosis, "server", NULL, "connected to %s", url);
	else if (is_at(server, "state", "none") && *url)
		diagnosis_add(diagnosis, "server", NULL, "%s, not in use while disconnected", url);
	else if (is_at(server, "state", "none"))
		diagnosis_add(diagnosis, "server", NULL,
			      "none is set: parties are for this network; for friends elsewhere "
			      "`lanrage settings server_url ws://HOST:PORT`");
	else if (json_is_null(json_object_get(server, "state")))
		diagnosis_add(diagnosis, "server", "see the line control above",
			      "unknown: the control service does not answer");
	else if (problem)
		diagnosis_add(diagnosis, "server", text_at(problem, "remedy"), "%s: %s%s%s", url,
			      text_at(problem, "text"), *reason ? ": " : "", reason);
	else
		diagnosis_add(diagnosis, "server",
			      "check the address with `lanrage settings server_url`, your "
			      "connection, and that the server runs",
			      "%s does not answer%s%s", url, *reason ? ": " : "", reason);
}

static void judge_relay(struct diagnosis *diagnosis, const json_t *relays, bool wanted)
{
	const json_t *refused = NULL;
	size_t i;
	json_t *relay;

	json_array_foreach(relays, i, relay)
	{
		if (is_at(relay, "state", "connected")) {
			diagnosis_add(diagnosis, "relay", NULL, "connected to %s",
				      text_at(relay, "name"));
			return;
		}
		if (*text_at(relay, "reason"))
			refused = relay;
	}
	if (!wanted)
		diagnosis_add(diagnosis, "relay", NULL, "not needed now");
	else if (refused)
		diagnosis_add(diagnosis, "relay", "tell whoever runs the relay", "%s refuses: %s",
			      text_at(refused, "name"), text_at(refused, "reason"));
	else if (json_array_size(relays) > 0)
		diagnosis_add(diagnosis, "relay", FIREWALL_HINT, "no relay answers");
	else
		diagnosis_add(diagnosis, "relay", "run one beside the server (`make up-server`)",
			      "no relay is known: friends whom no direct way reaches stay away");
}

static void judge_nat(struct diagnosis *diagnosis, const json_t *network)
{
	const json_t *nat = json_object_get(network, "nat");
	const json_t *firewall = problem_of(network, "firewall-here");
	const json_t *blocked = firewall ? firewall : problem_of(network, "udp-blocked-here");
	const char *mapping = text_at(nat, "mapping");
	const char *public = json_string_value(json_array_get(json_object_get(nat, "public"), 0));

	if (blocked)
		diagnosis_add(diagnosis, "udp", text_at(blocked, "remedy"), "%s",
			      text_at(blocked, "text"));
	else if (strcmp(mapping, "blocked") == 0)
		diagnosis_add(diagnosis, "udp", FIREWALL_HINT, "no UDP comes back from outside");
	else if (public)
		diagnosis_add(diagnosis, "udp", NULL, "seen from outside as %s%s%s", public,
			      *mapping ? ", router: " : "", mapping);
	else
		diagnosis_add(diagnosis, "udp", NULL,
			      "the address seen from outside is not known yet");
}

static void judge_party(struct diagnosis *diagnosis, const json_t *self, const json_t *network,
			bool in_party)
{
	const json_t *kicked = problem_of(network, "kicked");
	bool up = json_is_true(json_object_get(network, "up"));

	if (json_is_null(json_object_get(self, "id")))
		return; /* control does not answer: said already */
	if (!in_party && kicked)
		diagnosis_add(diagnosis, "party", text_at(kicked, "remedy"), "in no party: %s",
			      text_at(kicked, "text"));
	else if (!in_party)
		diagnosis_add(diagnosis, "party", NULL, "in no party");
	else if (!up)
		diagnosis_add(diagnosis, "party", "`lanrage up`", "disconnected");
	else if (!*text_at(self, "virtual_ip"))
		diagnosis_add(diagnosis, "party", "wait for the server; see the line server",
			      "no address yet");
	else
		diagnosis_add(diagnosis, "party", NULL, "you are %s, %s", text_at(self, "name"),
			      text_at(self, "virtual_ip"));
}

void diagnosis_judge(struct diagnosis *diagnosis, const json_t *status, const json_t *network)
{
	bool in_party = json_is_object(json_object_get(status, "party"));
	bool up = json_is_true(json_object_get(network, "up"));
	const char *name;
	json_t *service;

	json_object_foreach(json_object_get(status, "services"), name, service)
		judge_service(diagnosis, name, service);
	judge_clock(diagnosis, network);
	judge_server(diagnosis, network);
	judge_party(diagnosis, json_object_get(status, "self"), network, in_party);
	judge_interface(diagnosis, json_object_get(network, "interface"), in_party && up);
	judge_relay(diagnosis, json_object_get(network, "relays"),
		    in_party && up && !json_is_true(json_object_get(network, "local")));
	judge_nat(diagnosis, network);
}

static void judge_lan_answers(struct diagnosis *diagnosis, const json_t *check)
{
	json_int_t members = json_integer_value(json_object_get(check, "members")),
		   heard = json_integer_value(json_object_get(check, "heard"));

	if (heard == 0 && members > 0)
		diagnosis_add(
			diagnosis, "lan",
			"see whether a firewall here keeps broadcasts from leaving, and whether "
			"the others have lan.discovery on (`lanrage settings`)",
			"no member answers what is sent to everybody");
	else if (members == 0)
		diagnosis_add(diagnosis, "lan", NULL, "nobody is connected who could answer");
	else
		diagnosis_add(diagnosis, "lan", NULL,
			      "%lld of %lld members answer what is sent to everybody, first after "
			      "%.1f ms",
			      (long long)heard, (long long)members,
			      json_number_value(json_object_get(check, "first_ms")));
}

void diagnosis_judge_lan(struct diagnosis *diagnosis, const json_t *check, const char *why)
{
	const char *error = text_at(check, "error");

	if (!check)
		diagnosis_add(diagnosis, "lan", "see `lanrage logs dataplane`", "not checked: %s",
			      why);
	else if (!json_is_true(json_object_get(check, "discovery")))
		diagnosis_add(diagnosis, "lan", NULL,
			      "games do not find each other: lan.discovery is off");
	else if (*error)
		diagnosis_add(
			diagnosis, "lan",
			"see `ip route` and this machine's firewall: a program cannot send to "
			"255.255.255.255",
			"what is sent to everybody cannot leave: %s", error);
	else
		judge_lan_answers(diagnosis, check);
}

bool diagnosis_is_fine(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		if (!diagnosis->checks[i].ok)
			return false;
	return true;
}

json_t *diagnosis_json(const struct diagnosis *diagnosis)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct check *check = &diagnosis->checks[i];

		json_array_append_new(
			checks, json_pack("{s:s, s:b, s:s, s:o}", "name", check->name, "ok",
					  (int)check->ok, "text", check->text, "remedy",
					  check->ok ? json_null() : json_string(check->remedy)));
	}
	return json_pack("{s:b, s:o}", "ok", (int)diagnosis_is_fine(diagnosis), "checks", checks);
}
