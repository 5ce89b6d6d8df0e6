/* Talks to a running dataplane over the bus, as svc-control and svc-nat would: one request a run.
 *
 *   dataplane-client RUN key
 *   dataplane-client RUN party COUNTER up|down ADDRESS/LENGTH NUMBER [KEY,ADDRESS,NUMBER]...
 *   dataplane-client RUN plan COUNTER [KEY,ENDPOINT...]...
 *   dataplane-client RUN state
 *   dataplane-client RUN probe KEY
 *   dataplane-client RUN raw TYPE HEX
 *   dataplane-client RUN events SECONDS
 *
 * Keys are hex. Prints the answer as `name value` lines; exit 1 and the words of the error if there
 * is one. Must be root, who may ask everything.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/log.h"
#include "svc-dataplane/codec.h"

#define INSTANCE 1000

static struct loop loop;
static struct bus *bus;
static int status;

static void die(const char *what)
{
	fprintf(stderr, "dataplane-client: wrong %s\n", what);
	exit(2);
}

static void key_in(uint8_t key[DATAPLANE_KEY_SIZE], const char *text)
{
	size_t length = 0;

	if (sodium_hex2bin(key, DATAPLANE_KEY_SIZE, text, strlen(text), NULL, &length, NULL) != 0 ||
	    length != DATAPLANE_KEY_SIZE)
		die("key");
}

static void key_out(const char *name, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	char hex[2 * DATAPLANE_KEY_SIZE + 1];

	printf("%s %s\n", name, sodium_bin2hex(hex, sizeof(hex), key, DATAPLANE_KEY_SIZE));
}

static void addr_in(struct addr *addr, const char *text)
{
	if (!text || addr_parse(addr, text) < 0)
		die("address");
}

/* ---- requests ---- */

static ssize_t party_in(int argc, char **argv, uint8_t **body)
{
	struct dataplane_party party = {.revision = {INSTANCE, strtoull(argv[0], NULL, 10)},
					.up = strcmp(argv[1], "up") == 0,
					.scope = {1}};
	char *slash = strchr(argv[2], '/');
	ssize_t length;

	if (!slash)
		die("prefix");
	*slash = '\0';
	addr_in(&party.address, argv[2]);
	party.prefix_length = (uint8_t)atoi(slash + 1);
	party.number = (uint16_t)atoi(argv[3]);
	party.members = calloc((size_t)argc, sizeof(*party.members));
	for (int i = 4; i < argc; i++) {
		struct dataplane_member *member = &party.members[party.n_members++];

		key_in(member->public_key, strtok(argv[i], ","));
		addr_in(&member->address, strtok(NULL, ","));
		member->number = (uint16_t)atoi(strtok(NULL, ","));
		snprintf(member->name, sizeof(member->name), "member%d", (int)member->number);
	}
	length = dataplane_party_encode(&party, body);
	dataplane_party_clear(&party);
	return length;
}

static ssize_t plan_in(int argc, char **argv, uint8_t **body)
{
	struct dataplane_plan plan = {.revision = {INSTANCE, strtoull(argv[0], NULL, 10)}};
	ssize_t length;

	plan.peers = calloc((size_t)argc, sizeof(*plan.peers));
	for (int i = 1; i < argc; i++) {
		struct dataplane_peer_plan *peer = &plan.peers[plan.n_peers++];
		const char *word;

		key_in(peer->public_key, strtok(argv[i], ","));
		while ((word = strtok(NULL, ",")) && peer->n_candidates < DATAPLANE_CANDIDATES_MAX)
			addr_in(&peer->candidates[peer->n_candidates++], word);
	}
	length = dataplane_plan_encode(&plan, body);
	dataplane_plan_clear(&plan);
	return length;
}

static ssize_t probe_in(char **argv, uint8_t **body)
{
	struct dataplane_key key;

	key_in(key.public_key, argv[0]);
	return dataplane_key_encode(&key, body);
}

static ssize_t raw_in(char **argv, uint8_t **body)
{
	size_t length = 0;

	*body = malloc(strlen(argv[1]) / 2 + 1);
	if (sodium_hex2bin(*body, strlen(argv[1]) / 2, argv[1], strlen(argv[1]), NULL, &length,
			   NULL) != 0)
		die("hex");
	return (ssize_t)length;
}

/* ---- answers ---- */

static void print_paths(const struct dataplane_peer *peer)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < peer->n_paths; i++)
		printf("path %s state %d active %d\n", addr_format(&peer->paths[i].endpoint, text),
		       (int)peer->paths[i].state, peer->active_path == (ssize_t)i);
}

static void print_state(const uint8_t *body, size_t length)
{
	struct dataplane_state state;
	char text[ADDR_TEXT_SIZE];

	if (dataplane_state_decode(&state, body, length) < 0)
		die("state");
	printf("party %llu\nplan %llu\n", (unsigned long long)state.party.counter,
	       (unsigned long long)state.plan.counter);
	printf("interface %s\ninterface_state %d\n", state.interface, (int)state.interface_state);
	printf("port_ipv4 %d\nport_ipv6 %d\n", state.port_ipv4, state.port_ipv6);
	for (size_t i = 0; i < state.n_reflexive; i++)
		printf("reflexive %s\n", addr_format(&state.reflexive[i], text));
	for (size_t i = 0; i < state.n_peers; i++) {
		key_out("peer", state.peers[i].public_key);
		printf("peer_state %d\n", (int)state.peers[i].state);
		print_paths(&state.peers[i]);
	}
	dataplane_state_clear(&state);
}

static void print_answer(uint32_t type, const uint8_t *body, size_t length)
{
	struct dataplane_probe_result result;
	struct dataplane_key key;

	if (type == DATAPLANE_GET_KEY && dataplane_key_decode(&key, body, length) == 0)
		key_out("key", key.public_key);
	else if (type == DATAPLANE_GET_STATE)
		print_state(body, length);
	else if (type == DATAPLANE_PROBE &&
		 dataplane_probe_result_decode(&result, body, length) == 0)
		printf("rtt_us %u\n", result.rtt_us);
	else if (length)
		die("answer");
}

static uint32_t asked;

static void on_answer(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	(void)data;
	if (error) {
		printf("error %d\n", error->code);
		fprintf(stderr, "%s\n", error->text);
		status = 1;
	} else {
		print_answer(asked, body, length);
	}
	loop_stop(&loop);
}

static void on_event(void *data, uint32_t type, bool resync, const uint8_t *body, size_t length)
{
	(void)data;
	(void)body;
	printf("event %u resync %d length %zu\n", type, resync, length);
	fflush(stdout);
}

static void on_time(void *data)
{
	(void)data;
	loop_stop(&loop);
}

static ssize_t request_in(int argc, char **argv, uint8_t **body)
{
	const char *what = argv[2];

	if (strcmp(what, "key") == 0)
		asked = DATAPLANE_GET_KEY;
	else if (strcmp(what, "state") == 0)
		asked = DATAPLANE_GET_STATE;
	else if (strcmp(what, "party") == 0 && argc >= 7)
		asked = DATAPLANE_SET_PARTY;
	else if (strcmp(what, "plan") == 0 && argc >= 4)
		asked = DATAPLANE_SET_PLAN;
	else if (strcmp(what, "probe") == 0 && argc == 4)
		asked = DATAPLANE_PROBE;
	else if (strcmp(what, "raw") == 0 && argc == 5)
		asked = (uint32_t)atoi(argv[3]);
	else
		die("request");
	switch (what[1]) {
	case 'a': return *what == 'p' ? party_in(argc - 3, argv + 3, body) : raw_in(argv + 3, body);
	case 'l': return plan_in(argc - 3, argv + 3, body);
	case 'r': return probe_in(argv + 3, body);
	default: return 0;
	}
}

int main(int argc, char **argv)
{
	static struct service service = {.id = SERVICE_CONTROL, .lock_fd = -1};
	struct loop_timer timer = {0};
	uint8_t *body = NULL;
	ssize_t length = 0;

	if (argc < 3 || sodium_init() < 0 || loop_init(&loop) < 0)
		die("usage");
	snprintf(service.run, sizeof(service.run), "%s", argv[1]);
	for (int i = 0; i < SERVICE_COUNT; i++)
		service.uids[i] = geteuid();
	if (bus_new(&bus, &loop, &service) < 0)
		die("bus");
	if (strcmp(argv[2], "events") == 0 && argc == 4) {
		bus_subscribe(bus, SERVICE_DATAPLANE, on_event, NULL);
		loop_timer_start(&loop, &timer, strtoull(argv[3], NULL, 10) * 1000, 0, on_time,
				 NULL);
	} else {
		length = request_in(argc, argv, &body);
		bus_request(bus, SERVICE_DATAPLANE, asked, body, (size_t)length, BUS_TIMEOUT_MS,
			    on_answer, NULL);
	}
	loop_run(&loop);
	bus_free(bus);
	loop_deinit(&loop);
	free(body);
	return status;
}
