#include "svc-browser/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-browser/kept.h"

#define SWEEP_MS 5000

static void push(void *data);

/* ---- the file */

int browser_save(struct browser *browser)
{
	static struct log_limit failures;
	static struct browser_kept kept;
	const struct registry *registry = &browser->registry;
	uint64_t now_us = clock_now_us();
	int r;

	browser->unsaved = false;
	memset(&kept, 0, sizeof(kept));
	kept.saved_s = clock_wall_us() / CLOCK_SECOND;
	for (; kept.n_servers < registry->n_own; kept.n_servers++) {
		const struct registry_entry *own = &registry->own[kept.n_servers];
		struct browser_server *to = &kept.servers[kept.n_servers];

		*to = own->server;
		to->heartbeat_age_s = (uint32_t)((now_us - own->heard_us) / CLOCK_SECOND);
	}
	kept.n_favourites = browser->favourites.n;
	memcpy(kept.favourites, browser->favourites.ids, sizeof(kept.favourites));
	r = kept_save(browser->service->own_state, &kept);
	if (r < 0 && log_limit_pass(&failures, now_us, 60 * CLOCK_SECOND))
		log_err("servers: cannot write to %s: %s", browser->service->own_state,
			strerror(-r));
	return r;
}

/* Own servers that would have expired meanwhile are left out. A clock that was set back counts as
 * no time at all. */
static void load(struct browser *browser)
{
	static struct browser_kept kept;
	uint64_t wall_s = clock_wall_us() / CLOCK_SECOND, away_s, now_us = clock_now_us();

	if (kept_load(browser->service->own_state, &kept) < 0)
		return;
	away_s = wall_s > kept.saved_s ? wall_s - kept.saved_s : 0;
	for (size_t i = 0; i < kept.n_servers; i++) {
		struct browser_server *server = &kept.servers[i];

		if (away_s + server->heartbeat_age_s >= REGISTRY_EXPIRY_S)
			continue;
		server->heartbeat_age_s += (uint32_t)away_s;
		(void)registry_restore(&browser->registry, server, now_us);
	}
	browser->favourites.n = kept.n_favourites;
	memcpy(browser->favourites.ids, kept.favourites, sizeof(kept.favourites));
	log_info("servers: %zu own ones and %zu favourites from before", browser->registry.n_own,
		 browser->favourites.n);
}

/* ---- sharing */

static void push_when_due(struct browser *browser)
{
	uint64_t due_us = sharing_due_us(&browser->sharing), now_us = clock_now_us();

	if (due_us == CLOCK_NEVER || browser->carrier.pushing)
		return;
	loop_timer_start(&browser->loop, &browser->push,
			 due_us <= now_us ? 0 : (due_us - now_us) / CLOCK_MS + 1, 0, push, browser);
}

static void push(void *data)
{
	struct browser *browser = data;
	struct control_shared shared;
	uint64_t wall_us = clock_wall_us();
	int r;

	if (browser->carrier.pushing)
		return;
	r = sharing_pack(&browser->sharing, &browser->registry, clock_now_us(),
			 wall_us / CLOCK_SECOND, wall_us, &shared);
	if (r < 0)
		log_err("servers: cannot be packed for the others: %s", strerror(-r));
	else
		carrier_push(&browser->carrier, &shared);
}

static void on_pushed(void *data, int result)
{
	struct browser *browser = data;

	if (result < 0) {
		log_debug("servers: svc-control did not take them: %s", strerror(-result));
		sharing_note_change(&browser->sharing);
	}
	push_when_due(browser);
}

static void on_restarted(void *data)
{
	struct browser *browser = data;

	sharing_note_change(&browser->sharing);
	push_when_due(browser);
}

void browser_learn_self(struct browser *browser, const struct control_status *status)
{
	struct registry_self *self = &browser->registry.self;
	struct addr before = self->address;

	memcpy(self->identity, status->identity, sizeof(self->identity));
	memcpy(self->name, status->own_name, sizeof(self->name));
	self->address = status->in_party ? status->address : (struct addr){0};
	self->address.port = 0;
	if (!addr_equal(&before, &self->address))
		on_restarted(browser);
}

/* The other members that have servers. */
static void keep_measured(struct browser *browser, const struct control_status *status)
{
	struct latency_member members[LATENCY_HOSTS_MAX];
	uint64_t now_us = clock_now_us();
	size_t n = 0;

	for (size_t i = 0; i < status->n_members && n < LATENCY_HOSTS_MAX; i++) {
		const struct control_member *member = &status->members[i];

		if (member->self || !registry_has_of(&browser->registry, member->identity, now_us))
			continue;
		memcpy(members[n].identity, member->identity, DATAPLANE_KEY_SIZE);
		memcpy(members[n++].wireguard_key, member->wireguard_key, DATAPLANE_KEY_SIZE);
	}
	pinger_keep(&browser->pinger, members, n);
}

static void on_fetched(void *data, const struct control_status *status,
		       const struct control_shared_list *shared)
{
	struct browser *browser = data;

	browser_learn_self(browser, status);
	sharing_take(&browser->sharing, &browser->registry, status, shared, clock_now_us(),
		     clock_wall_us() / CLOCK_SECOND);
	keep_measured(browser, status);
}

void browser_note_change(struct browser *browser)
{
	(void)browser_save(browser);
	sharing_note_change(&browser->sharing);
	push_when_due(browser);
}

void browser_note_heartbeat(struct browser *browser)
{
	browser->unsaved = true;
	sharing_note_heartbeat(&browser->sharing);
	push_when_due(browser);
}

/* ---- life */

static void sweep(void *data)
{
	struct browser *browser = data;
	size_t dropped = registry_expire(&browser->registry, clock_now_us());

	if (dropped) {
		log_info("servers: %zu not heard of for %d s, removed", dropped, REGISTRY_EXPIRY_S);
		browser_note_change(browser);
	} else if (browser->unsaved) {
		(void)browser_save(browser);
	}
}

static int start(struct browser *browser, const struct service *service, struct error *error)
{
	const struct carrier_ops ops = {.fetched = on_fetched,
					.restarted = on_restarted,
					.pushed = on_pushed,
					.data = browser};
	int r = loop_init(&browser->loop);

	if (r == 0)
		r = bus_new(&browser->bus, &browser->loop, service);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	browser->service = service;
	load(browser);
	r = bus_serve(browser->bus, browser_methods, browser, error);
	if (r < 0)
		return r;
	loop_timer_start(&browser->loop, &browser->sweep, SWEEP_MS, SWEEP_MS, sweep, browser);
	pinger_start(&browser->pinger, &browser->loop, browser->bus);
	carrier_start(&browser->carrier, &browser->loop, browser->bus, &ops);
	push_when_due(browser);
	return 0;
}

int browser_run(const struct service *service)
{
	static struct browser browser;
	struct error error;

	if (start(&browser, service, &error) < 0) {
		log_err("browser: %s", error.text);
		return EXIT_FAILURE;
	}
	loop_run(&browser.loop);
	loop_timer_stop(&browser.sweep);
	loop_timer_stop(&browser.push);
	pinger_stop(&browser.pinger);
	bus_free(browser.bus);
	carrier_stop(&browser.carrier);
	if (browser.unsaved)
		(void)browser_save(&browser);
	loop_deinit(&browser.loop);
	return EXIT_SUCCESS;
}
