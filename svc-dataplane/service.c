#include "svc-dataplane/service.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-dataplane/aead.h"
#include "svc-dataplane/interface.h"
#include "svc-dataplane/selftest.h"

#define STALE_MAX	   4096 /* packets of the process before thrown away at the start */
#define INTERFACE_RETRY_MS 2000
#define PATHS_STORE_MS	   1000

/* ---- the interface ---- */

static void publish(struct dataplane *dataplane, enum dataplane_event event, const uint8_t *key)
{
	uint8_t *body = NULL;
	struct dataplane_key message;
	ssize_t length = 0;

	if (!dataplane->bus)
		return;
	if (key) {
		memcpy(message.public_key, key, sizeof(message.public_key));
		length = dataplane_key_encode(&message, &body);
	}
	if (length >= 0)
		bus_publish(dataplane->bus, event, body, (size_t)length);
	free(body);
}

static void interface_changed(struct dataplane *dataplane, enum dataplane_interface_state state,
			      const char *reason)
{
	char address[ADDR_TEXT_SIZE];

	if (state == dataplane->interface_state && strcmp(reason, dataplane->interface_reason) == 0)
		return;
	dataplane->interface_state = state;
	snprintf(dataplane->interface_reason, sizeof(dataplane->interface_reason), "%s", reason);
	if (state == DATAPLANE_INTERFACE_FAILED)
		log_err("%s; trying again", reason);
	else if (state == DATAPLANE_INTERFACE_UP)
		log_notice("interface %s: up with %s/%d", dataplane->device.name,
			   addr_format_ip(&dataplane->party.address, address),
			   (int)dataplane->party.prefix_length);
	else
		log_notice("interface %s: down", dataplane->device.name);
	publish(dataplane, DATAPLANE_EVENT_INTERFACE, NULL);
}

static void reconcile_interface(void *data)
{
	struct dataplane *dataplane = data;
	struct error error = {0};
	int result;

	if (dataplane->party.up)
		result = interface_apply(dataplane->device.name, &dataplane->party,
					 &dataplane->interface_collides, &error);
	else
		result = interface_clear(dataplane->device.name, &error);
	if (result < 0) {
		interface_changed(dataplane, DATAPLANE_INTERFACE_FAILED, error.text);
		loop_timer_start(&dataplane->loop, &dataplane->interface_timer, INTERFACE_RETRY_MS,
				 0, reconcile_interface, dataplane);
		return;
	}
	loop_timer_stop(&dataplane->interface_timer);
	interface_changed(dataplane,
			  dataplane->party.up ? DATAPLANE_INTERFACE_UP : DATAPLANE_INTERFACE_DOWN,
			  "");
}

/* ---- desired state ---- */

struct setting {
	struct dataplane *dataplane;
	const struct dataplane_party *party;
	const struct dataplane_plan *plan;
	int result;
};

/* On the packet thread, or before it runs. */
static void set_offloads(struct dataplane *dataplane, unsigned off)
{
	struct device *device = &dataplane->device;
	unsigned on = DATAPLANE_OFFLOADS & ~(off | dataplane->offloads_failing);

	if (device_set_offloads(device, on & DATAPLANE_OFFLOAD_TSO, on & DATAPLANE_OFFLOAD_USO) < 0)
		log_notice("interface %s: the kernel offers no segmentation offload", device->name);
	underlay_set_offloads(dataplane->underlay, on & DATAPLANE_OFFLOAD_GSO,
			      on & DATAPLANE_OFFLOAD_GRO);
	dataplane->offloads_off = off;
}

static unsigned offloads_in_use(const struct dataplane *dataplane)
{
	return (dataplane->device.tso ? DATAPLANE_OFFLOAD_TSO : 0u) |
	       (dataplane->device.uso ? DATAPLANE_OFFLOAD_USO : 0u) |
	       (underlay_has_gso(dataplane->underlay) ? DATAPLANE_OFFLOAD_GSO : 0u) |
	       (underlay_has_gro(dataplane->underlay) ? DATAPLANE_OFFLOAD_GRO : 0u);
}

static void set_party(struct engine *engine, uint64_t now_us, void *argument)
{
	struct setting *setting = argument;
	const struct dataplane_party *party = setting->party;

	setting->result = engine_set_party(engine, now_us, party);
	if (setting->result < 0)
		return;
	device_set_broadcast(&setting->dataplane->device,
			     party->up ? interface_broadcast(&party->address, party->prefix_length)
				       : 0);
	if (party->offloads_off != setting->dataplane->offloads_off)
		set_offloads(setting->dataplane, party->offloads_off);
}

static void set_plan(struct engine *engine, uint64_t now_us, void *argument)
{
	struct setting *setting = argument;

	setting->result = engine_set_plan(engine, now_us, setting->plan);
}

/* Whether the interface must be looked at again. */
static bool same_interface(const struct dataplane_party *a, const struct dataplane_party *b)
{
	if (a->up != b->up || a->lan != b->lan || !addr_equal(&a->address, &b->address) ||
	    a->prefix_length != b->prefix_length || a->n_members != b->n_members)
		return false;
	for (size_t i = 0; i < a->n_members; i++) {
		if (!addr_equal(&a->members[i].address, &b->members[i].address))
			return false;
	}
	return true;
}

int service_set_party(struct dataplane *dataplane, struct dataplane_party *party,
		      const uint8_t *body, size_t length)
{
	struct setting setting = {.dataplane = dataplane, .party = party};
	bool same = same_interface(party, &dataplane->party);

	packetloop_call(dataplane->packets, set_party, &setting);
	if (setting.result < 0)
		return setting.result;
	dataplane_party_clear(&dataplane->party);
	dataplane->party = *party;
	memset(party, 0, sizeof(*party));
	resume_save(&dataplane->resume, KEYSTORE_PARTY, body, length);
	if (!same || dataplane->interface_state == DATAPLANE_INTERFACE_FAILED)
		reconcile_interface(dataplane);
	lanservice_reconcile(dataplane);
	return 0;
}

int service_set_plan(struct dataplane *dataplane, const struct dataplane_plan *plan,
		     const uint8_t *body, size_t length)
{
	struct setting setting = {.plan = plan};

	packetloop_call(dataplane->packets, set_plan, &setting);
	if (setting.result == 0)
		resume_save(&dataplane->resume, KEYSTORE_PLAN, body, length);
	return setting.result;
}

static void tell_moved(struct engine *engine, uint64_t now_us, void *argument)
{
	(void)argument;
	engine_moved(engine, now_us);
}

void service_moved(struct dataplane *dataplane)
{
	packetloop_call(dataplane->packets, tell_moved, NULL);
	if (dataplane->party.up)
		reconcile_interface(dataplane);
	lanservice_reconcile(dataplane);
}

/* ---- questions ---- */

struct snapshot {
	const struct dataplane *dataplane;
	struct dataplane_state *state;
	int result;
};

static void take_snapshot(struct engine *engine, uint64_t now_us, void *argument)
{
	struct snapshot *snapshot = argument;

	snapshot->result = engine_state(engine, now_us, snapshot->state);
	snapshot->state->offloads = offloads_in_use(snapshot->dataplane);
	snapshot->state->lan = snapshot->dataplane->discovery->lan.config.on;
	snapshot->state->lan_counters = snapshot->dataplane->discovery->lan.counters;
}

int service_state(struct dataplane *dataplane, struct dataplane_state *state)
{
	struct snapshot snapshot = {.dataplane = dataplane, .state = state};

	memset(state, 0, sizeof(*state));
	packetloop_call(dataplane->packets, take_snapshot, &snapshot);
	if (snapshot.result < 0)
		return snapshot.result;
	state->instance = dataplane->service.instance;
	snprintf(state->interface, sizeof(state->interface), "%s", dataplane->device.name);
	snprintf(state->interface_reason, sizeof(state->interface_reason), "%s",
		 dataplane->interface_reason);
	state->interface_state = dataplane->interface_state;
	snprintf(state->cipher, sizeof(state->cipher), "%s", aead_name());
	state->cipher_ns = aead_cost_ns();
	state->port_ipv4 = underlay_port(dataplane->underlay, ADDR_IPV4);
	state->port_ipv6 = underlay_port(dataplane->underlay, ADDR_IPV6);
	state->filtered_age_us = underlay_filtered_age_us(dataplane->underlay, clock_now_us());
	return 0;
}

static void take_key(struct engine *engine, uint64_t now_us, void *argument)
{
	struct dataplane_key *key = argument;

	(void)now_us;
	engine_public_key(engine, key->public_key);
}

void service_key(struct dataplane *dataplane, struct dataplane_key *key)
{
	packetloop_call(dataplane->packets, take_key, key);
}

struct sending {
	const struct dataplane_note *note;
	int result;
};

static void send_note(struct engine *engine, uint64_t now_us, void *argument)
{
	struct sending *sending = argument;
	const struct dataplane_note *note = sending->note;

	sending->result =
		engine_send_note(engine, now_us, note->public_key, note->bytes, note->length);
}

int service_send_note(struct dataplane *dataplane, const struct dataplane_note *note)
{
	struct sending sending = {.note = note};

	packetloop_call(dataplane->packets, send_note, &sending);
	return sending.result;
}

int service_take_notes(struct dataplane *dataplane, const struct dataplane_take_notes *wish,
		       struct dataplane_notes *notes)
{
	memset(notes, 0, sizeof(*notes));
	notes->instance = dataplane->service.instance;
	return packetloop_take_notes(dataplane->packets,
				     wish->instance == notes->instance ? wish->after : 0, notes);
}

struct probing {
	const struct dataplane_key *key;
	uint64_t cookie;
	int result;
};

static void start_probe(struct engine *engine, uint64_t now_us, void *argument)
{
	struct probing *probing = argument;

	probing->result = engine_probe(engine, now_us, probing->key->public_key, probing->cookie);
}

static const char *probe_error(int code)
{
	switch (code) {
	case -ENOENT: return "no such peer";
	case -ENETUNREACH: return "no path to the peer yet";
	case -ETIMEDOUT: return "no answer within a second";
	default: return "the probe failed";
	}
}

void service_probe(struct dataplane *dataplane, struct bus_call *call,
		   const struct dataplane_key *key)
{
	struct probing probing = {.key = key, .cookie = ++dataplane->last_cookie};
	struct probe_call *place = NULL;

	for (int i = 0; i < BUS_CALLS_MAX; i++) {
		if (!dataplane->probes[i].call)
			place = &dataplane->probes[i];
	}
	if (!place) {
		bus_reply_error(call, -EBUSY, "too many probes at once");
		return;
	}
	*place = (struct probe_call){.call = call, .cookie = probing.cookie};
	packetloop_call(dataplane->packets, start_probe, &probing);
	if (probing.result < 0) {
		place->call = NULL;
		bus_reply_error(call, probing.result, probe_error(probing.result));
	}
}

static void answer_probe(struct dataplane *dataplane, const struct packetloop_result *result)
{
	struct bus_call *call = NULL;
	uint8_t *body = NULL;
	ssize_t length = result->error;

	for (int i = 0; i < BUS_CALLS_MAX && !call; i++) {
		if (dataplane->probes[i].call && dataplane->probes[i].cookie == result->cookie) {
			call = dataplane->probes[i].call;
			dataplane->probes[i].call = NULL;
		}
	}
	if (!call)
		return;
	if (result->error == 0)
		length = dataplane_probe_result_encode(&result->result, &body);
	if (length < 0)
		bus_reply_error(call, (int)length, probe_error((int)length));
	else
		bus_reply(call, body, (size_t)length);
	free(body);
}

/* ---- from the packet thread ---- */

/* Called there. */
static void wake(void *data)
{
	struct dataplane *dataplane = data;

	loop_wake_send(&dataplane->wake);
}

/* Called there. */
static void reserve(void *data, uint64_t until_s)
{
	struct dataplane *dataplane = data;

	if (resume_reserve(&dataplane->resume, until_s)) {
		dataplane->mark_wanted_s = until_s;
		loop_wake_send(&dataplane->wake);
	}
}

static void store_paths(void *data)
{
	struct dataplane *dataplane = data;
	struct dataplane_state state;

	dataplane->paths_changed = false;
	if (service_state(dataplane, &state) == 0) {
		resume_save_paths(&dataplane->resume, &state);
		dataplane_state_clear(&state);
	}
}

static void paths_changed(struct dataplane *dataplane)
{
	if (dataplane->paths_changed)
		return;
	dataplane->paths_changed = true;
	loop_timer_start(&dataplane->loop, &dataplane->paths_timer, PATHS_STORE_MS, 0, store_paths,
			 dataplane);
}

static void on_wake(void *data)
{
	struct dataplane *dataplane = data;
	uint64_t mark = atomic_exchange(&dataplane->mark_wanted_s, 0);
	struct packetloop_event event;
	struct packetloop_result result;

	if (mark)
		resume_advance(&dataplane->resume, mark);
	while (packetloop_take_event(dataplane->packets, &event)) {
		publish(dataplane, event.event, event.has_key ? event.key : NULL);
		if (event.event == DATAPLANE_EVENT_PEER)
			paths_changed(dataplane);
	}
	while (packetloop_take_result(dataplane->packets, &result))
		answer_probe(dataplane, &result);
	lanservice_answer(dataplane);
}

/* ---- `wg` ---- */

static int set_fwmark(void *data, uint32_t fwmark)
{
	struct dataplane *dataplane = data;

	return underlay_set_mark(dataplane->underlay, fwmark);
}

static void run_in_engine(void *data, uapi_function function, void *argument)
{
	struct dataplane *dataplane = data;

	packetloop_call(dataplane->packets, function, argument);
}

static void open_uapi(struct dataplane *dataplane)
{
	static const char *const names[] = {"uapi", "uapi-system"};
	struct uapi_device *device = &dataplane->uapi_device;

	device->listen_port = underlay_port(dataplane->underlay, ADDR_IPV4);
	if (!device->listen_port)
		device->listen_port = underlay_port(dataplane->underlay, ADDR_IPV6);
	device->set_fwmark = set_fwmark;
	device->run = run_in_engine;
	device->data = dataplane;
	uapi_server_init(&dataplane->uapi, &dataplane->loop, device);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = service_fd(names[i]);
		int result = fd < 0 ? 0 : uapi_server_listen(&dataplane->uapi, fd);

		/* `wg` is a window, not the house. */
		if (result < 0)
			log_warning("uapi: cannot serve descriptor %s: %s", names[i],
				    strerror(-result));
	}
}

/* ---- start and end ---- */

static void drain(struct dataplane *dataplane)
{
	unsigned inner = device_drain(&dataplane->device, STALE_MAX);
	unsigned outer = underlay_drain(dataplane->underlay, STALE_MAX);

	if (inner || outer)
		log_info("packets: dropped %u stale from inside and %u from outside", inner, outer);
}

/* What this kernel does wrong stays off whatever the settings say. */
static unsigned offloads_that_fail(void)
{
	struct selftest_results results = selftest_run();
	unsigned failing = 0;

	if (results.gso == SELFTEST_WRONG)
		failing |= DATAPLANE_OFFLOAD_GSO;
	if (results.gro == SELFTEST_WRONG)
		failing |= DATAPLANE_OFFLOAD_GRO;
	if (failing)
		log_warning("packets: this kernel's UDP segmentation offload does not work: %s off",
			    failing & DATAPLANE_OFFLOAD_GSO ? "sending in trains is"
							    : "receiving trains is");
	return failing;
}

static int open_packets(struct dataplane *dataplane, struct error *error)
{
	int stun = service_fd("stun");
	uint64_t now_s = clock_wall_us() / CLOCK_SECOND;
	struct packetloop_config config = {
		.device = &dataplane->device,
		.private_key = dataplane->uapi_device.private_key,
		.wake = wake,
		.reserve = reserve,
		.data = dataplane,
	};
	int result = device_open(&dataplane->device, service_fd("tap"), error);

	if (result == 0)
		result = underlay_new(&dataplane->underlay, service_fd("udp4"), service_fd("udp6"),
				      error);
	if (result < 0)
		return result;
	result = discovery_new(&dataplane->discovery, &dataplane->device, wake, dataplane);
	if (result < 0)
		return error_set(error, result, "out of memory");
	groups_init(&dataplane->lan.groups, dataplane->device.name);
	config.discovery = dataplane->discovery;
	drain(dataplane);
	dataplane->offloads_failing = offloads_that_fail();
	set_offloads(dataplane, 0);
	if (stun >= 0) {
		stunpipe_init(&dataplane->stun, stun);
		config.stun = &dataplane->stun;
	}
	config.underlay = dataplane->underlay;
	config.reserved_s = resume_mark(&dataplane->resume, now_s);
	return packetloop_new(&dataplane->packets, &config, error);
}

/* What was wanted before we were restarted is wanted still, until somebody says otherwise. */
static void carry_on(struct dataplane *dataplane)
{
	struct setting setting = {.dataplane = dataplane};
	struct dataplane_plan plan;

	if (resume_party(&dataplane->resume, &dataplane->party) == 0) {
		setting.party = &dataplane->party;
		packetloop_call(dataplane->packets, set_party, &setting);
		if (setting.result < 0) {
			log_warning("state: the stored party was refused: %s",
				    strerror(-setting.result));
			dataplane_party_clear(&dataplane->party);
		} else if (dataplane->party.up) {
			reconcile_interface(dataplane);
			lanservice_reconcile(dataplane);
		}
	}
	if (resume_plan(&dataplane->resume, &plan) == 0) {
		setting.plan = &plan;
		packetloop_call(dataplane->packets, set_plan, &setting);
		if (setting.result < 0)
			log_warning("state: the stored plan was refused: %s",
				    strerror(-setting.result));
		dataplane_plan_clear(&plan);
	}
	log_info("state: resuming with %zu members", dataplane->party.n_members);
}

int service_start(struct dataplane *dataplane, int argc, char **argv, struct error *error)
{
	int result = service_init(&dataplane->service, SERVICE_DATAPLANE, argc, argv, error);

	lanservice_init(&dataplane->lan);
	if (result < 0)
		return result;
	resume_init(&dataplane->resume, dataplane->service.own_state);
	if (aead_init() < 0)
		return error_set(error, -EIO, "the crypto library cannot start");
	log_info("packets: sealed by %s, %u ns for 1420 bytes", aead_name(), aead_cost_ns());
	result = loop_init(&dataplane->loop);
	if (result == 0)
		result = loop_wake_init(&dataplane->loop, &dataplane->wake, on_wake, dataplane);
	if (result < 0)
		return error_set(error, result, "cannot make the loop: %s", strerror(-result));
	result = keystore_private_key(&dataplane->resume.keystore,
				      dataplane->uapi_device.private_key, error);
	if (result == 0)
		result = open_packets(dataplane, error);
	if (result < 0)
		return result;
	carry_on(dataplane);
	result = packetloop_start(dataplane->packets, error);
	if (result < 0)
		return result;
	open_uapi(dataplane);
	result = bus_new(&dataplane->bus, &dataplane->loop, &dataplane->service);
	if (result < 0)
		return error_set(error, result, "cannot make the bus: %s", strerror(-result));
	return bus_serve(dataplane->bus, dispatch_methods, dataplane, error);
}

void service_run(struct dataplane *dataplane)
{
	log_notice("dataplane: ready on %s, ports %d and %d", dataplane->device.name,
		   (int)underlay_port(dataplane->underlay, ADDR_IPV4),
		   (int)underlay_port(dataplane->underlay, ADDR_IPV6));
	loop_run(&dataplane->loop);
	store_paths(dataplane);
}

void service_stop(struct dataplane *dataplane)
{
	lanservice_stop(dataplane);
	for (int i = 0; i < BUS_CALLS_MAX; i++) {
		if (dataplane->probes[i].call)
			bus_reply_error(dataplane->probes[i].call, -ECANCELED, "stopping");
	}
	if (dataplane->packets)
		packetloop_stop(dataplane->packets);
	if (dataplane->bus)
		bus_free(dataplane->bus);
	loop_deinit(&dataplane->loop);
	uapi_server_clear(&dataplane->uapi);
	packetloop_free(dataplane->packets);
	lanservice_deinit(&dataplane->lan);
	discovery_free(dataplane->discovery);
	underlay_free(dataplane->underlay);
	dataplane_party_clear(&dataplane->party);
	resume_clear(&dataplane->resume);
	sodium_memzero(&dataplane->uapi_device, sizeof(dataplane->uapi_device));
	service_deinit(&dataplane->service);
}
