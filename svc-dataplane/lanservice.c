#include "svc-dataplane/lanservice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "svc-dataplane/capture.h"
#include "svc-dataplane/interface.h"
#include "svc-dataplane/service.h"
#include "svc-dataplane/sockets.h"

#define GROUPS_SWEEP_MS 5000

void lanservice_init(struct lanservice *service)
{
	memset(service, 0, sizeof(*service));
	service->capture_fd = service->card_fd = service->groups.fd = -1;
}

/* ---- what is wanted ---- */

struct setting {
	struct dataplane *dataplane;
	struct discovery_setting discovery;
	int capture_fd;
};

static void set(struct engine *engine, uint64_t now_us, void *argument)
{
	struct setting *setting = argument;

	(void)engine;
	(void)now_us;
	discovery_set(setting->dataplane->discovery, &setting->discovery);
	packetloop_set_capture(setting->dataplane->packets, setting->capture_fd);
}

/* Both may be missing: then only what programs send to the party's interface itself is carried. The
 * filter of the capture says what the party is, so for another one it is opened anew. */
static void open_descriptors(struct dataplane *dataplane, struct setting *setting)
{
	struct lanservice *service = &dataplane->lan;
	const struct lan_config *config = &setting->discovery.lan;
	/* a card whose network overlaps the party's has neighbours at members' addresses */
	uint32_t mask = dataplane->interface_collides ? 0 : config->mask;
	uint32_t network = config->address & mask;
	struct error error = {0};

	setting->discovery.card_fd = service->card_fd >= 0 ? service->card_fd : capture_open_card();
	setting->capture_fd = service->capture_fd;
	if (service->capture_fd >= 0 && service->mask == mask && service->network == network)
		return;
	service->mask = mask;
	service->network = network;
	setting->capture_fd = capture_open(dataplane->device.name, network, mask, &error);
	if (setting->capture_fd < 0)
		log_warning("lan: %s", error.text);
}

/* The one in use gives way to another, or to none. */
static void replace(int *fd, int by)
{
	if (*fd >= 0 && *fd != by)
		close(*fd);
	*fd = by;
}

static void serve_checks(struct dataplane *dataplane)
{
	int result =
		lancheck_serve(&dataplane->lan.check, &dataplane->loop, dataplane->device.name);

	if (result < 0)
		log_warning("lan: cannot answer others at port %d: %s", LANCHECK_PORT,
			    strerror(-result));
}

void lanservice_stop(struct dataplane *dataplane)
{
	struct lanservice *service = &dataplane->lan;

	lancheck_stop(&service->check);
	if (service->call)
		bus_reply_error(service->call, -ECANCELED, "LAN discovery was switched off");
	service->call = NULL;
}

void lanservice_reconcile(struct dataplane *dataplane)
{
	const struct dataplane_party *party = &dataplane->party;
	struct setting setting = {
		.dataplane = dataplane, .discovery.card_fd = -1, .capture_fd = -1};
	struct lan_config *config = &setting.discovery.lan;

	if (party->up) {
		config->on = party->lan;
		config->address = htonl(addr_ipv4_value(&party->address));
		config->broadcast = interface_broadcast(&party->address, party->prefix_length);
		config->mask = htonl(~(UINT32_MAX >> party->prefix_length));
	}
	if (config->on & DATAPLANE_LAN_DISCOVERY) {
		setting.discovery.n_own = capture_own_addresses(setting.discovery.own, LAN_OWN_MAX);
		open_descriptors(dataplane, &setting);
		serve_checks(dataplane);
	} else {
		groups_clear(&dataplane->lan.groups);
		lanservice_stop(dataplane);
	}
	packetloop_call(dataplane->packets, set, &setting);
	replace(&dataplane->lan.capture_fd, setting.capture_fd);
	replace(&dataplane->lan.card_fd, setting.discovery.card_fd);
}

void lanservice_deinit(struct lanservice *service)
{
	replace(&service->capture_fd, -1);
	replace(&service->card_fd, -1);
	groups_clear(&service->groups);
}

/* ---- what the packet thread asks ---- */

static void sweep_groups(void *data)
{
	struct dataplane *dataplane = data;

	if (!groups_sweep(&dataplane->lan.groups))
		loop_timer_stop(&dataplane->lan.groups_timer);
}

struct answering {
	struct dataplane *dataplane;
	struct discovery_question question;
	struct binding_answer answer;
	bool known;
};

static void give_answer(struct engine *engine, uint64_t now_us, void *argument)
{
	struct answering *answering = argument;

	(void)engine;
	discovery_answered(answering->dataplane->discovery, now_us, &answering->question,
			   answering->known ? &answering->answer : NULL);
}

static void look_for_group(struct dataplane *dataplane, uint32_t group)
{
	int result = groups_want(&dataplane->lan.groups, group);

	if (result == 0 && !loop_timer_active(&dataplane->lan.groups_timer))
		loop_timer_start(&dataplane->loop, &dataplane->lan.groups_timer, GROUPS_SWEEP_MS,
				 GROUPS_SWEEP_MS, sweep_groups, dataplane);
	if (result < 0 && result != -ESRCH)
		log_debug("lan: cannot join a group: %s", strerror(-result));
}

void lanservice_answer(struct dataplane *dataplane)
{
	struct answering answering = {.dataplane = dataplane};
	uint32_t own = htonl(addr_ipv4_value(&dataplane->party.address));

	while (discovery_take_question(dataplane->discovery, &answering.question)) {
		if (answering.question.group)
			look_for_group(dataplane, answering.question.group);
		else
			answering.known = sockets_find(&answering.question.port, own,
						       dataplane->discovery->interface,
						       &answering.answer) == 0;
		packetloop_call(dataplane->packets, give_answer, &answering);
	}
}

/* ---- the check ---- */

static void give_check(void *data, const struct dataplane_lan_check *check)
{
	struct dataplane *dataplane = data;
	uint8_t *body = NULL;
	ssize_t length = dataplane_lan_check_encode(check, &body);

	bus_reply_encoded(dataplane->lan.call, length, body);
	dataplane->lan.call = NULL;
}

static uint32_t connected_members(struct dataplane *dataplane)
{
	struct dataplane_state state;
	uint32_t n = 0;

	if (service_state(dataplane, &state) < 0)
		return 0;
	for (size_t i = 0; i < state.n_peers; i++)
		n += state.peers[i].state == DATAPLANE_PEER_CONNECTED;
	dataplane_state_clear(&state);
	return n;
}

void lanservice_check(struct dataplane *dataplane, struct bus_call *call)
{
	int result = lancheck_ask(&dataplane->lan.check, connected_members(dataplane), give_check,
				  dataplane);

	if (result == 0)
		dataplane->lan.call = call;
	else
		bus_reply_error(call, result,
				result == -EBUSY	? "LAN discovery is being checked already"
				: result == -EOPNOTSUPP ? "LAN discovery is off"
							: strerror(-result));
}
