#include "svc-nat/relay/service.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "svc-nat/relay/binding.h"
#include "svc-nat/relay/forward.h"
#include "svc-nat/relay/packetloop.h"
#include "svc-nat/relay/statefile.h"

#define SAVE_MS 15000
/* Even without changes: the file's age counts as the members'. */
#define SAVE_IDLE_US   (60 * CLOCK_SECOND)
#define TELL_MS	       500  /* the server, that members should go elsewhere */
#define DRAIN_LEAST_MS 3000 /* they hear of it within a second, and have a spare */
#define DRAIN_MOST_MS  7000
#define QUIET_MS       1000 /* nothing forwarded for this long: they have gone */
#define MBIT_BYTES     (1000000 / 8)

struct relay {
	struct loop loop;
	struct statefile state;
	struct config *config;
	struct packetloop *packets;
	struct forward *forward;
	struct websocket *websocket;
	struct registration *registration;
	struct forward_limits limits;
	struct registration_config announced;
	struct loop_timer save;
	uint64_t saved_changes, saved_us;
	bool pinned;
	uint8_t ticket_key[STATEFILE_KEY_SIZE];
};

static const char *const known_keys[] = {"relay.members", "relay.member_mbit", "relay.member_pps",
					 "relay.region",  "log.level",	       NULL};

/* --- saving who is bound where --- */

struct saving {
	struct forward_saved saved;
	struct forward_stats stats;
	int result;
};

static void take_stats(void *data, struct forward *forward, uint64_t now_us)
{
	(void)now_us;
	forward_stats(forward, data);
}

static void take_bindings(void *data, struct forward *forward, uint64_t now_us)
{
	struct saving *saving = data;

	saving->result = forward_save(forward, now_us, &saving->saved);
}

static void save_now(struct relay *relay, const struct forward_stats *stats)
{
	struct saving saving = {0};

	packetloop_with(relay->packets, take_bindings, &saving);
	if (saving.result == 0) {
		saving.result = statefile_save_bindings(
			&relay->state, clock_wall_us() / CLOCK_SECOND, &saving.saved);
		forward_saved_clear(&saving.saved);
	}
	if (saving.result != 0)
		log_warning("state: cannot save bindings in %s: %s", relay->state.directory,
			    strerror(-saving.result));
	relay->saved_changes = stats->changes;
	relay->saved_us = clock_now_us();
}

static void save_if_due(void *data)
{
	struct relay *relay = data;
	struct forward_stats stats;

	packetloop_with(relay->packets, take_stats, &stats);
	if (stats.changes != relay->saved_changes ||
	    (stats.members > 0 && clock_now_us() - relay->saved_us >= SAVE_IDLE_US))
		save_now(relay, &stats);
}

static void restore_bindings(struct relay *relay)
{
	uint64_t wall_s = clock_wall_us() / CLOCK_SECOND, age_s;
	struct forward_saved saved;
	struct forward_stats stats;
	int result = statefile_load_bindings(&relay->state, wall_s, &saved, &age_s);

	if (result != 0 && result != -ENOENT && result != -ESTALE)
		log_warning("state: %s/bindings cannot be used (%s) and is left out: members bind "
			    "anew at their next handshake",
			    relay->state.directory,
			    result == -EBADMSG ? "damaged" : strerror(-result));
	if (result != 0)
		return;
	forward_restore(relay->forward, clock_now_us(), age_s * CLOCK_SECOND, &saved);
	forward_saved_clear(&saved);
	forward_stats(relay->forward, &stats);
	log_info("relay: %u members restored from %llu s ago", stats.members,
		 (unsigned long long)age_s);
}

/* --- what the registration asks --- */

static void trust(void *data, struct forward *forward, uint64_t now_us)
{
	(void)now_us;
	forward_trust(forward, data);
}

/* Trust on first use: whoever answers at --server for the first time is the server. */
static int on_ticket_key(void *data, const uint8_t key[RENDEZVOUS_KEY_SIZE])
{
	struct relay *relay = data;
	int result;

	if (relay->pinned && sodium_memcmp(relay->ticket_key, key, sizeof(relay->ticket_key)) == 0)
		return 0;
	if (relay->pinned) {
		log_err("server %s: signs tickets with another key than at first contact; this may "
			"be an impostor. The old key stays in force. If the server was set up "
			"anew, "
			"remove %s/ticket.key and restart the relay",
			relay->announced.server, relay->state.directory);
		return -EPERM;
	}
	result = statefile_pin_ticket_key(&relay->state, key);
	if (result != 0) {
		log_err("state: cannot write %s/ticket.key: %s", relay->state.directory,
			strerror(-result));
		return result;
	}
	memcpy(relay->ticket_key, key, sizeof(relay->ticket_key));
	relay->pinned = true;
	packetloop_with(relay->packets, trust, relay->ticket_key);
	log_notice("server %s: its ticket key is trusted from now on", relay->announced.server);
	return 0;
}

static void revoke_one(void *data, struct forward *forward, uint64_t now_us)
{
	forward_revoke(forward, now_us, data);
}

static void on_revoked(void *data, const struct rendezvous_revocation *revocations, size_t n)
{
	struct relay *relay = data;

	for (size_t i = 0; i < n; i++) {
		struct revocation revocation = {.generation = revocations[i].generation,
						.until_s = revocations[i].until_s};

		memcpy(revocation.scope, revocations[i].scope, sizeof(revocation.scope));
		memcpy(revocation.member_key, revocations[i].member_key,
		       sizeof(revocation.member_key));
		packetloop_with(relay->packets, revoke_one, &revocation);
	}
}

/* The fuller of the two: the packet thread's processor, and the table. */
static void on_load(void *data, uint32_t *permille, uint32_t *members)
{
	struct relay *relay = data;
	struct forward_stats stats;
	uint32_t table;

	packetloop_with(relay->packets, take_stats, &stats);
	table = (uint32_t)(1000ULL * stats.members / relay->limits.members);
	*permille = packetloop_load_permille(relay->packets);
	if (table > *permille)
		*permille = table;
	*members = stats.members;
	log_debug("relay: %u members, %llu packets and %llu bytes forwarded, %llu for nobody",
		  stats.members, (unsigned long long)stats.forwarded,
		  (unsigned long long)stats.forwarded_bytes, (unsigned long long)stats.unbound);
}

static const struct registration_ops registration_ops = {
	.ticket_key = on_ticket_key,
	.revoked = on_revoked,
	.load = on_load,
};

/* --- starting --- */

static int read_numbers(struct relay *relay, struct error *error)
{
	long members, mbit, packets;
	int result = config_get_number(relay->config, "relay", "members", 1, 60000, FORWARD_MEMBERS,
				       &members, error);

	if (result == 0)
		result = config_get_number(relay->config, "relay", "member_mbit", 1, 100000,
					   FORWARD_MBIT, &mbit, error);
	if (result == 0)
		result = config_get_number(relay->config, "relay", "member_pps", 10, 100000000,
					   FORWARD_PACKETS, &packets, error);
	if (result != 0)
		return result;
	relay->limits = (struct forward_limits){
		.members = (uint32_t)members,
		.newcomers = FORWARD_NEWCOMERS,
		.member = {.bytes_per_second = (uint64_t)mbit * MBIT_BYTES,
			   .packets_per_second = (uint32_t)packets},
	};
	return 0;
}

static int read_config(struct relay *relay, const struct relay_options *options,
		       struct error *error)
{
	const char *region, *level;
	enum log_level parsed;
	int result;

	result = config_read(&relay->config, options->config, options->config != NULL, error);
	if (result == 0)
		result = config_check(relay->config, known_keys, error);
	if (result == 0)
		result = read_numbers(relay, error);
	if (result != 0)
		return result;
	level = config_get(relay->config, "log", "level", "info");
	if (log_level_parse(level, &parsed) != 0)
		return error_set(error, -EINVAL,
				 "[log] level=%.32s: write err, warning, notice, info or debug",
				 level);
	log_init("lanrage-relay", parsed);
	region = config_get(relay->config, "relay", "region", "");
	if (strlen(region) >= sizeof(relay->announced.region))
		return error_set(error, -EINVAL, "[relay] region= may have at most %zu bytes",
				 sizeof(relay->announced.region) - 1);
	strcpy(relay->announced.region, region);
	return 0;
}

/* The machine with its key; makes keys at the first start. */
static int make_machine(struct relay *relay, struct error *error)
{
	const struct forward_ops ops = packetloop_ops(relay->packets);
	uint8_t key[STATEFILE_KEY_SIZE];
	int result;

	result = statefile_identity(&relay->state, relay->announced.identity_seed, error);
	if (result == 0)
		result = statefile_wireguard_key(&relay->state, key, error);
	if (result != 0)
		return result;
	result = forward_new(&relay->forward, &ops, key, &relay->limits);
	sodium_memzero(key, sizeof(key));
	if (result != 0)
		return error_set(error, result, "cannot set up the relay: %s", strerror(-result));
	forward_public_key(relay->forward, relay->announced.relay_key);
	result = statefile_ticket_key(&relay->state, relay->ticket_key, error);
	if (result != 0 && result != -ENOENT)
		return result;
	relay->pinned = result == 0;
	if (relay->pinned)
		forward_trust(relay->forward, relay->ticket_key);
	restore_bindings(relay);
	return 0;
}

/* libwebsockets is made before the packet thread: it loads plug-ins. */
static int start(struct relay *relay, const struct relay_options *options, struct error *error)
{
	struct registration_config *announced = &relay->announced;
	int result;

	announced->server = options->server;
	announced->port = options->listen.port;
	announced->n_endpoints = options->n_public;
	memcpy(announced->endpoints, options->public_addrs, sizeof(announced->endpoints));
	result = read_config(relay, options, error);
	if (result == 0)
		result = statefile_open(&relay->state, options->state, error);
	if (result == 0)
		result = packetloop_new(&relay->packets, &options->listen, error);
	if (result == 0)
		result = make_machine(relay, error);
	if (result == 0)
		result = websocket_new(&relay->websocket, &relay->loop, error);
	if (result == 0)
		result = registration_new(&relay->registration, &relay->loop, relay->websocket,
					  announced, &registration_ops, relay, error);
	sodium_memzero(announced->identity_seed, sizeof(announced->identity_seed));
	if (result != 0)
		return result;
	result = packetloop_start(relay->packets, relay->forward);
	if (result != 0)
		return error_set(error, result, "cannot start the packet thread: %s",
				 strerror(-result));
	registration_start(relay->registration);
	loop_timer_start(&relay->loop, &relay->save, SAVE_MS, SAVE_MS, save_if_due, relay);
	return 0;
}

/* --- stopping --- */

static void drain_over(void *data)
{
	*(bool *)data = true;
}

/* Runs on for so long, or until the server knows. */
static void run_for(struct relay *relay, uint64_t ms, bool until_drained)
{
	struct loop_timer limit = {0};
	bool over = false;

	loop_timer_start(&relay->loop, &limit, ms, 0, drain_over, &over);
	while (!over && !(until_drained && registration_drained(relay->registration)))
		uv_run(&relay->loop.uv, UV_RUN_ONCE);
	loop_timer_stop(&limit);
}

/* The server is told, and tells the members; they are served until they have gone, as far as that
 * can be seen. */
static void drain(struct relay *relay)
{
	struct forward_stats before, now;
	uint64_t served_ms = 0;

	if (!registration_drain(relay->registration))
		return;
	run_for(relay, TELL_MS, true);
	packetloop_with(relay->packets, take_stats, &now);
	if (now.members == 0)
		return;
	log_info("relay: draining, %u members", now.members);
	do {
		before = now;
		run_for(relay, QUIET_MS, false);
		served_ms += QUIET_MS;
		packetloop_with(relay->packets, take_stats, &now);
	} while (served_ms < DRAIN_LEAST_MS ||
		 (served_ms < DRAIN_MOST_MS && now.forwarded != before.forwarded));
}

static void stop(struct relay *relay)
{
	struct forward_stats stats;

	packetloop_with(relay->packets, take_stats, &stats);
	save_now(relay, &stats);
	log_info("relay: stopped after %llu packets and %llu bytes",
		 (unsigned long long)stats.forwarded, (unsigned long long)stats.forwarded_bytes);
}

static void release(struct relay *relay)
{
	loop_timer_stop(&relay->save);
	registration_free(relay->registration);
	if (relay->websocket)
		websocket_free(relay->websocket);
	packetloop_free(relay->packets);
	forward_free(relay->forward);
	statefile_close(&relay->state);
	config_free(relay->config);
	loop_deinit(&relay->loop);
}

int relay_service_run(const struct relay_options *options, struct error *error)
{
	struct relay relay = {.state.lock_fd = -1};
	char text[ADDR_TEXT_SIZE];
	int result;

	if (sodium_init() < 0)
		return error_set(error, -EIO, "libsodium cannot be set up");
	result = loop_init(&relay.loop);
	if (result != 0)
		return error_set(error, result, "cannot make a loop: %s", strerror(-result));
	result = start(&relay, options, error);
	if (result == 0) {
		log_info("relay: listening at %s", addr_format(&options->listen, text));
		loop_run(&relay.loop);
		drain(&relay);
		stop(&relay);
	}
	release(&relay);
	return result;
}
