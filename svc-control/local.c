#include "svc-control/local.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/lan.h"
#include "svc-control/server/service.h"
#include "svc-control/service.h"

#define PORT_FIRST 8667
#define PORTS	   16
#define QUERY_MS   500
#define QUERIES	   20 /* that often; then seldom */
#define SELDOM_MS  3000
#define JOIN_MS	   5000 /* interfaces that came meanwhile */
#define LAST_MS	   500	/* for what the engine still has to say when it ends */
#define ANSWER_US  CLOCK_SECOND
#define DIRECTORY  "local"
#define GROUP()	   addr_ipv4(BEACON_GROUP, BEACON_PORT)

static const struct bucket_limit answer_rate = {20, CLOCK_SECOND / 20};

static const struct addr_prefix *party_prefix(const struct control *control)
{
	static const struct addr_prefix none = {.length = 32};

	return control->party.joined ? &control->party.record.prefix : &none;
}

static void host_url(const struct addr *host, char url[CONTROL_URL_MAX])
{
	char text[ADDR_TEXT_SIZE];

	snprintf(url, CONTROL_URL_MAX, "ws://%s", addr_format(host, text));
}

/* ---- the engine */

static void local_path(const struct control *control, const char *file, char path[PATH_MAX + 32])
{
	snprintf(path, PATH_MAX + 32, "%s/" DIRECTORY "%s", control->service->own_state, file);
}

/* Its state serves one party; with the party it goes. */
static void local_remove_state(const struct control *control)
{
	static const char *const files[] = {"/server.db", "/server.db-wal", "/server.db-shm",
					    "/ticket.key"};
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		local_path(control, files[i], path);
		unlink(path);
	}
	local_path(control, "", path);
	rmdir(path);
}

static int local_open_engine(struct control *control, struct error *error)
{
	struct local *local = &control->local;
	char path[PATH_MAX + 32];
	struct server_options options = {.state = path};
	int r = -EADDRINUSE;

	local_path(control, "", path);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(error, -errno, "cannot make %s: %s", path, strerror(errno));
	for (uint16_t i = 0; i < PORTS && r == -EADDRINUSE; i++) {
		local->port = (uint16_t)(PORT_FIRST + i);
		if (local->port == BEACON_PORT)
			continue;
		options.listen = addr_ipv4(0, local->port);
		r = server_new(&local->engine, &control->loop, control->websocket, &options, error);
	}
	if (r == 0)
		log_notice("local: other machines of this network find the party at port %u",
			   local->port);
	return r;
}

/* All leases as this member knows them; members has room for each, and out borrows it. */
static void local_describe_party(const struct party *party, struct rendezvous_member *members,
				 struct server_party *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->id, party->record.trust.party_id, sizeof(out->id));
	memcpy(out->host, party->record.trust.host, sizeof(out->host));
	out->prefix = party->record.prefix;
	out->generation = party->record.trust.generation;
	out->records = party->records;
	out->n_records = party->n_records;
	out->members = members;
	for (size_t i = 0; i < party->n_members; i++) {
		const struct database_member *known = &party->members[i].known;
		struct rendezvous_member *to = &members[out->n_members];

		if (!known->present)
			continue;
		memcpy(to->identity, known->identity, sizeof(to->identity));
		memcpy(to->wireguard_key, known->wireguard_key, sizeof(to->wireguard_key));
		to->number = known->number;
		to->lease = known->lease;
		to->address = known->address;
		out->n_members++;
	}
}

static void local_adopt(struct control *control)
{
	const struct party *party = &control->party;
	struct rendezvous_member *members = calloc(party->n_members + 1, sizeof(*members));
	struct server_party described;
	int r = -ENOMEM;

	if (members) {
		local_describe_party(party, members, &described);
		r = server_adopt(control->local.engine, &described);
	}
	if (r < 0)
		log_err("party %s: cannot be met at this machine: %s", party->record.name,
			strerror(-r));
	free(members);
}

static void local_url(const struct control *control, char url[CONTROL_URL_MAX])
{
	const struct addr own = addr_ipv4(INADDR_LOOPBACK, control->local.port);

	host_url(&own, url);
}

static void local_set_url(struct control *control, const char *url)
{
	struct database_party *record = &control->party.record;

	if (strcmp(record->server_url, url) == 0)
		return;
	snprintf(record->server_url, sizeof(record->server_url), "%s", url);
	if (control->party.settled)
		database_set_party(control->database, record);
}

int local_start(struct control *control, char url[CONTROL_URL_MAX], struct error *error)
{
	int r = 0;

	local_update(control);
	if (!control->local.engine)
		r = local_open_engine(control, error);
	local_url(control, url);
	return r;
}

/* The host's own party, after a restart or when it was handed over. */
static void local_resume_engine(struct control *control)
{
	char url[CONTROL_URL_MAX];
	struct error error;

	if (!control->party.settled)
		return; /* being made: local_start() says what is wrong */
	if (!control->local.engine && local_open_engine(control, &error) < 0) {
		if (!control->local.failed)
			log_err("local: %s; trying again", error.text);
		control->local.failed = true;
		return;
	}
	control->local.failed = false;
	local_adopt(control);
	local_url(control, url);
	local_set_url(control, url);
}

static void local_stop_engine(void *data)
{
	struct control *control = data;

	if (control->local.role == LOCAL_HOST)
		return; /* again */
	server_free(control->local.engine);
	control->local.engine = NULL;
	local_remove_state(control);
}

/* ---- the search of a joiner */

static void local_try(struct control *control)
{
	struct local *local = &control->local;

	if (local->n_tried == local->n_found)
		return;
	local->tried_us = clock_now_us();
	host_url(&local->found[local->n_tried++], control->operation.server_url);
	control_choose_server(control);
}

void local_next(struct control *control)
{
	*control->operation.server_url = 0;
	control->local.tried_us = 0;
	local_try(control);
}

static void local_found(struct control *control, const struct addr *host)
{
	struct local *local = &control->local;

	for (size_t i = 0; i < local->n_found; i++)
		if (addr_equal(&local->found[i], host))
			return;
	if (local->n_found == LOCAL_FOUND_MAX)
		return;
	local->found[local->n_found++] = *host;
	if (local->tried_us == 0)
		local_try(control);
}

void local_search(struct control *control)
{
	struct local *local = &control->local;

	local->n_found = local->n_tried = 0;
	local->tried_us = 0;
	*control->operation.server_url = 0;
	control_choose_server(control);
}

/* ---- asking and answering */

static bool is_searching(const struct control *control)
{
	return control->operation.searching;
}

static void local_heard_query(struct control *control, const struct beacon *query,
			      const struct addr *from, const struct addr *own)
{
	struct local *local = &control->local;
	struct beacon here = {.type = BEACON_HERE, .port = local->port};
	uint8_t bytes[BEACON_SIZE];

	if (!local->engine || !control->party.joined ||
	    !bucket_take(&local->answers, answer_rate, clock_now_us()))
		return;
	memcpy(here.nonce, query->nonce, sizeof(here.nonce));
	beacon_sign(&here, control->party.record.beacon_key, own);
	beacon_pack(&here, bytes);
	lan_send(local->fd, from, own, bytes, sizeof(bytes));
}

static void local_heard_host(struct control *control, const struct beacon *here,
			     const struct addr *from)
{
	struct addr host = *from;
	char url[CONTROL_URL_MAX];

	if (memcmp(here->nonce, control->local.nonce, sizeof(here->nonce)) != 0)
		return;
	host.port = here->port;
	if (is_searching(control)) {
		local_found(control, &host);
	} else if (beacon_is_from(here, control->party.record.beacon_key, &host)) {
		host_url(&host, url);
		local_set_url(control, url);
		control_choose_server(control);
		rendezvous_hurry(control->rendezvous);
	}
}

static void local_readable(void *data)
{
	struct control *control = data;
	struct local *local = &control->local;
	uint8_t bytes[BEACON_SIZE + 1];
	struct beacon beacon;
	struct addr from, own;
	ssize_t length;

	for (int i = 0; i < 32 && local->fd >= 0; i++) {
		length = lan_receive(local->fd, bytes, sizeof(bytes), &from, &own);
		if (length < 0)
			break;
		if (beacon_unpack(&beacon, bytes, (size_t)length) < 0 || !addr_is_sendable(&from))
			continue;
		if (beacon.type == BEACON_QUERY && local->role == LOCAL_HOST)
			local_heard_query(control, &beacon, &from, &own);
		else if (beacon.type == BEACON_HERE && local->role == LOCAL_SEEKER)
			local_heard_host(control, &beacon, &from);
	}
}

static void local_query(struct control *control)
{
	struct local *local = &control->local;
	struct beacon query = {.type = BEACON_QUERY};
	const struct addr group = GROUP();
	uint8_t bytes[BEACON_SIZE];

	randombytes_buf(local->nonce, sizeof(local->nonce));
	memcpy(query.nonce, local->nonce, sizeof(query.nonce));
	beacon_pack(&query, bytes);
	lan_send_group(local->fd, &group, party_prefix(control), bytes, sizeof(bytes));
	local->queries++;
}

/* ---- roles */

static void local_tick(void *data)
{
	struct control *control = data;
	struct local *local = &control->local;
	const struct addr group = GROUP();
	uint64_t ms = JOIN_MS;

	if (local->role == LOCAL_HOST) {
		lan_join(local->fd, &group, party_prefix(control));
		if (!local->engine) {
			local_resume_engine(control);
			control_choose_server(control);
		}
	} else {
		local_query(control);
		ms = local->queries < QUERIES ? QUERY_MS : SELDOM_MS;
		if (is_searching(control) && local->tried_us &&
		    clock_now_us() - local->tried_us > ANSWER_US)
			local_next(control);
	}
	loop_timer_start(&control->loop, &local->timer, ms, 0, local_tick, control);
}

static void local_close(struct local *local)
{
	loop_timer_stop(&local->timer);
	loop_poll_stop(&local->poll);
	if (local->fd >= 0)
		close(local->fd);
	local->fd = -1;
}

static void local_open(struct control *control)
{
	struct local *local = &control->local;
	const struct addr group = GROUP();
	int fd = local->role == LOCAL_HOST ? lan_open_member(&group) : lan_open_asker();

	if (fd >= 0 &&
	    loop_poll_start(&control->loop, &local->poll, fd, local_readable, control) < 0) {
		close(fd);
		fd = -ENOMEM;
	}
	if (fd < 0)
		log_err("local: cannot %s on this network: %s",
			local->role == LOCAL_HOST ? "be found" : "look for the host",
			strerror(-fd));
	local->fd = fd < 0 ? -1 : fd;
	local->queries = 0;
	loop_timer_start(&control->loop, &local->timer, 0, 0, local_tick, control);
}

static enum local_role local_role(const struct control *control)
{
	const struct party *party = &control->party;
	const struct operation *operation = &control->operation;

	if (operation->searching)
		return LOCAL_SEEKER;
	if (operation->kind == OPERATION_CREATE && operation->record.local)
		return LOCAL_HOST;
	if (!party->joined || !party->record.local)
		return LOCAL_NONE;
	if (party_is_host(party))
		return LOCAL_HOST;
	return control_is_up(control) &&
			       rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED
		       ? LOCAL_SEEKER
		       : LOCAL_NONE;
}

void local_update(struct control *control)
{
	struct local *local = &control->local;
	enum local_role role = local_role(control);

	if (role == local->role)
		return;
	local_close(local);
	local->role = role;
	if (role == LOCAL_HOST)
		local_resume_engine(control);
	else if (local->engine)
		loop_timer_start(&control->loop, &local->stop, LAST_MS, 0, local_stop_engine,
				 control);
	if (role != LOCAL_NONE)
		local_open(control);
}

void local_init(struct control *control)
{
	memset(&control->local, 0, sizeof(control->local));
	control->local.fd = -1;
}

void local_deinit(struct control *control)
{
	local_close(&control->local);
	loop_timer_stop(&control->local.stop);
	server_free(control->local.engine);
	control->local.engine = NULL;
}
