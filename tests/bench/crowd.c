/* crowd.c - a party of many, played to lanrage-api, -metrics and -browser by one program: it stands
 * in for lanrage-control, lanrage-nat and lanrage-dataplane on the bus, and answers with members
 * that are all there and all connected, whose measures change and whose counters grow.
 *
 *     crowd MEMBERS --run DIR --state DIR
 *
 * On SIGUSR1 the second member gets another name, which svc-control tells of by its event. Prints
 * `ready` when it can be asked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <uv.h>

#include "common/bus.h"
#include "common/clock.h"
#include "svc-control/codec.h"
#include "svc-dataplane/codec.h"
#include "svc-nat/codec.h"

#define PATHS 3

static size_t n_members;
static unsigned renamed;
static struct bus *control;

static void make_key(uint8_t key[DATAPLANE_KEY_SIZE], uint8_t kind, size_t i)
{
	memset(key, kind, DATAPLANE_KEY_SIZE);
	key[0] = (uint8_t)i;
	key[1] = (uint8_t)(i >> 8);
}

/* ---- svc-control */

static void fill_member(struct control_member *member, size_t i)
{
	make_key(member->identity, 1, i);
	make_key(member->wireguard_key, 2, i);
	(void)snprintf(member->name, sizeof(member->name), i == 1 ? "member-%zu-%u" : "member-%zu",
		       i, renamed);
	member->address = addr_ipv4(0x0a420001 + (uint32_t)i, 0);
	member->online = member->announced = true;
	member->host = i == 0;
	member->self = i == 0;
	member->lease = (uint32_t)i + 1;
}

static void on_status(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_status status = {.in_party = true,
					.party_name = "crowd",
					.up = true,
					.own_name = "member-0",
					.prefix_length = 16,
					.server_url = "ws://192.0.2.1:8667",
					.server_state = CONTROL_SERVER_CONNECTED,
					.clock_ahead_s = CONTROL_CLOCK_UNKNOWN,
					.n_members = n_members};
	uint8_t *bytes = NULL;
	ssize_t n;

	(void)data;
	(void)body;
	(void)length;
	make_key(status.identity, 1, 0);
	status.address = addr_ipv4(0x0a420001, 0);
	status.members = calloc(n_members, sizeof(*status.members));
	for (size_t i = 0; i < n_members; i++)
		fill_member(&status.members[i], i);
	n = control_status_encode(&status, &bytes);
	free(status.members);
	bus_reply_encoded(call, n, bytes);
}

static void on_shared(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_shared_list list = {0};
	uint8_t *bytes = NULL;
	ssize_t n = control_shared_list_encode(&list, &bytes);

	(void)data;
	(void)body;
	(void)length;
	bus_reply_encoded(call, n, bytes);
}

static void on_anything(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	(void)data;
	(void)body;
	(void)length;
	bus_reply(call, NULL, 0);
}

static const struct bus_method control_methods[] = {
	{CONTROL_GET_STATUS, BUS_FROM_ANY, on_status},
	{CONTROL_GET_SHARED, BUS_FROM_ANY, on_shared},
	{CONTROL_SET_SHARED, BUS_FROM_ANY, on_anything},
	{0, 0, NULL},
};

/* ---- svc-nat */

static void on_nat_state(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct nat_state state = {.mapping = NAT_ENDPOINT_INDEPENDENT,
				  .filtering = NAT_ADDRESS_DEPENDENT};
	uint8_t *bytes = NULL;
	ssize_t n = nat_state_encode(&state, &bytes);

	(void)data;
	(void)body;
	(void)length;
	bus_reply_encoded(call, n, bytes);
}

static const struct bus_method nat_methods[] = {
	{NAT_GET_STATE, BUS_FROM_ANY, on_nat_state},
	{0, 0, NULL},
};

/* ---- svc-dataplane */

static void fill_peer(struct dataplane_peer *peer, struct dataplane_path *paths, size_t i)
{
	uint64_t grown = clock_now_us() / 1000;

	make_key(peer->public_key, 2, i);
	peer->state = DATAPLANE_PEER_CONNECTED;
	peer->handshake_age_us = grown % 120000 * 1000;
	peer->rx_bytes = peer->tx_bytes = grown * (i + 1);
	peer->n_paths = PATHS;
	peer->paths = paths;
	/* Measures are others at each look, also where looks are a second apart. */
	for (size_t k = 0; k < PATHS; k++) {
		paths[k].endpoint = addr_ipv4(0xc6336401 + (uint32_t)i, (uint16_t)(5000 + k));
		paths[k].rtt_us = (uint32_t)(10000 + grown * 13 % 7919 + 100 * i + 1000 * k);
		paths[k].jitter_us = (uint32_t)(200 + grown * 13 % 1009);
		paths[k].rx_bytes = paths[k].tx_bytes = peer->rx_bytes / (k + 1);
	}
}

static void on_state(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_state state = {.instance = 1,
					.interface = "lanrage0",
					.interface_state = DATAPLANE_INTERFACE_UP,
					.port_ipv4 = 5000,
					.filtered_age_us = DATAPLANE_UNKNOWN_AGE,
					.cipher = "none",
					.n_peers = n_members - 1};
	struct dataplane_path *paths = calloc(n_members * PATHS, sizeof(*paths));
	uint8_t *bytes = NULL;
	ssize_t n;

	(void)data;
	(void)body;
	(void)length;
	state.peers = calloc(n_members, sizeof(*state.peers));
	for (size_t i = 0; i < state.n_peers; i++)
		fill_peer(&state.peers[i], &paths[i * PATHS], i + 1);
	n = dataplane_state_encode(&state, &bytes);
	free(state.peers);
	free(paths);
	bus_reply_encoded(call, n, bytes);
}

static const struct bus_method dataplane_methods[] = {
	{DATAPLANE_GET_STATE, BUS_FROM_ANY, on_state},
	{0, 0, NULL},
};

/* ---- life */

static struct bus *serve(struct service *service, enum service_id id, int argc, char **argv,
			 struct loop *loop, const struct bus_method *methods)
{
	struct bus *bus;
	struct error error;

	if (service_init(service, id, argc, argv, &error) < 0 || bus_new(&bus, loop, service) < 0 ||
	    bus_serve(bus, methods, NULL, &error) < 0) {
		(void)fprintf(stderr, "crowd: %s: %s\n", service_names[id], error.text);
		exit(EXIT_FAILURE);
	}
	return bus;
}

static void on_signal(uv_signal_t *handle, int signal)
{
	(void)handle;
	(void)signal;
	renamed++;
	bus_publish(control, CONTROL_EVENT_STATUS, NULL, 0);
}

int main(int argc, char **argv)
{
	static struct service services[3];
	static uv_signal_t signal;
	struct loop loop;

	if (argc < 2 || (n_members = strtoul(argv[1], NULL, 10)) < 2 ||
	    n_members > DATAPLANE_MEMBERS_MAX) {
		(void)fprintf(stderr, "usage: crowd MEMBERS --run DIR --state DIR\n");
		return 2;
	}
	argv[1] = argv[0];
	argc--;
	argv++;
	if (loop_init(&loop) < 0)
		return EXIT_FAILURE;
	control = serve(&services[0], SERVICE_CONTROL, argc, argv, &loop, control_methods);
	(void)serve(&services[1], SERVICE_NAT, argc, argv, &loop, nat_methods);
	(void)serve(&services[2], SERVICE_DATAPLANE, argc, argv, &loop, dataplane_methods);
	(void)puts("ready");
	(void)fflush(stdout);
	uv_signal_init(&loop.uv, &signal);
	uv_signal_start(&signal, on_signal, SIGUSR1);
	loop_run(&loop);
	return EXIT_SUCCESS;
}
