#include "svc-control/server/service.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/dispatch.h"
#include "svc-control/server/parties.h"
#include "svc-control/server/session.h"
#include "svc-control/server/store_sqlite.h"

#define SOURCES	 16384 /* remembered by the limits */
#define SWEEP_MS (3600 * 1000)

const char *const server_config_keys[] = {"server.names",
					  "server.trusted_proxy",
					  "tls.cert",
					  "tls.key",
					  "limits.connections",
					  "limits.connections_per_source",
					  "limits.logins_per_minute",
					  "limits.guesses_per_minute",
					  "limits.creates_per_minute",
					  "limits.joins_per_minute",
					  "limits.stun_per_second",
					  "relays.identities",
					  "log.level",
					  NULL};

static void drained(void *data, struct connection *connection)
{
	struct session *session = connection_data(connection);

	(void)data;
	if (session)
		parties_continue(session);
}

static const struct listener_events listener_events = {
	.opened = session_opened,
	.message = dispatch_message,
	.drained = drained,
	.closed = session_closed,
};

static void sweep(void *data)
{
	struct server *server = data;

	/* failures are logged by the store */
	server->store->operations->sweep(server->store, clock_wall_us() / CLOCK_SECOND);
}

/* ---- configuration */

static const char *text_of(const struct server_options *options, const char *section,
			   const char *key)
{
	return options->config ? config_get(options->config, section, key, NULL) : NULL;
}

static int number_of(const struct server_options *options, const char *key, long high,
		     long fallback, uint32_t *value, struct error *error)
{
	long number = fallback;
	int result = 0;

	if (options->config)
		result = config_get_number(options->config, "limits", key, 0, high, fallback,
					   &number, error);
	*value = (uint32_t)number;
	return result;
}

/* Bursts are what a party of friends behind one address needs at once. */
static int make_limits(struct server *server, const struct server_options *options,
		       struct error *error)
{
	static const struct bucket_limit common[LIMITS_KINDS] = {
		[LIMITS_GUESS] = {200, CLOCK_SECOND / 10}};
	struct bucket_limit rates[LIMITS_KINDS];
	uint32_t logins, guesses, creates, joins, stun;
	uint8_t key[16];

	if (number_of(options, "logins_per_minute", 1000000, 120, &logins, error) < 0 ||
	    number_of(options, "guesses_per_minute", 1000000, 10, &guesses, error) < 0 ||
	    number_of(options, "creates_per_minute", 1000000, 12, &creates, error) < 0 ||
	    number_of(options, "joins_per_minute", 1000000, 60, &joins, error) < 0 ||
	    number_of(options, "stun_per_second", 1000000, 200, &stun, error) < 0)
		return error->code;
	rates[LIMITS_LOGIN] = limits_per_minute(logins, logins);
	rates[LIMITS_GUESS] = limits_per_minute(guesses, guesses);
	rates[LIMITS_CREATE] = limits_per_minute(creates, creates);
	rates[LIMITS_JOIN] = limits_per_minute(joins, joins);
	rates[LIMITS_STUN] = limits_per_minute(2 * stun, 60 * stun);
	randombytes_buf(key, sizeof(key));
	if (limits_new(&server->limits, SOURCES, rates, common, key) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

static int read_tls(struct listener_options *out, const struct server_options *options,
		    struct error *error)
{
	out->tls_cert = text_of(options, "tls", "cert");
	out->tls_key = text_of(options, "tls", "key");
	if (!out->tls_cert != !out->tls_key)
		return error_set(error, -EINVAL, "[tls] needs both cert= and key=");
	return 0;
}

static int read_listener(struct listener_options *out, const struct server_options *options,
			 struct error *error)
{
	const char *proxy = text_of(options, "server", "trusted_proxy");
	uint32_t connections, per_source;

	if (number_of(options, "connections", 60000, 4096, &connections, error) < 0 ||
	    number_of(options, "connections_per_source", 60000, 64, &per_source, error) < 0)
		return error->code;
	out->connections = connections;
	out->connections_per_source = per_source;
	if (proxy && addr_parse(&out->proxy, proxy) < 0)
		return error_set(error, -EINVAL,
				 "[server] trusted_proxy=%.60s is no address: expected the IP "
				 "address of the proxy",
				 proxy);
	return read_tls(out, options, error);
}

/* An unspecified address stands for both families. */
static void listen_addresses(struct listener_options *out, const struct addr *listen)
{
	out->addresses[0] = *listen;
	out->n_addresses = 1;
	if (!addr_is_unspecified(listen))
		return;
	out->addresses[0] = addr_ipv4(0, listen->port);
	memset(&out->addresses[1], 0, sizeof(out->addresses[1]));
	out->addresses[1].family = ADDR_IPV6;
	out->addresses[1].port = listen->port;
	out->n_addresses = 2;
}

/* ---- the parts */

static int open_state(struct server *server, const char *state, struct error *error)
{
	char path[PATH_MAX];
	int result = signing_init(&server->signing, state, error);

	if (result < 0)
		return result;
	if (snprintf(path, sizeof(path), "%s/server.db", state) >= (int)sizeof(path))
		return error_set(error, -ENAMETOOLONG, "the state directory's path is too long");
	return store_sqlite_open(&server->store, path, error);
}

static int open_ports(struct server *server, struct websocket *websocket,
		      const struct server_options *options, struct error *error)
{
	struct listener_options listen = {0};
	int result = read_listener(&listen, options, error);

	if (result < 0)
		return result;
	listen_addresses(&listen, &options->listen);
	result = listener_new(&server->listener, server->loop, websocket, &listen, &listener_events,
			      server, error);
	if (result < 0)
		return result;
	server->stun_port = options->listen.port;
	return stunport_new(&server->stunport, server->loop, listen.addresses, listen.n_addresses,
			    server->limits, error);
}

int server_new(struct server **server, struct loop *loop, struct websocket *websocket,
	       const struct server_options *options, struct error *error)
{
	struct server *new = calloc(1, sizeof(*new));
	int result;

	*server = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	new->loop = loop;
	new->names = text_of(options, "server", "names");
	new->relay_identities = text_of(options, "relays", "identities");
	result = make_limits(new, options, error);
	if (result == 0)
		result = open_state(new, options->state, error);
	if (result == 0 && (presence_new(&new->presence) < 0 || relays_new(&new->relays, new) < 0))
		result = error_set(error, -ENOMEM, "out of memory");
	if (result == 0)
		result = open_ports(new, websocket, options, error);
	if (result < 0) {
		server_free(new);
		return result;
	}
	loop_timer_start(loop, &new->sweep, 0, SWEEP_MS, sweep, new);
	*server = new;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	server->stopping = true;
	loop_timer_stop(&server->sweep);
	listener_free(server->listener);
	stunport_free(server->stunport);
	relays_free(server->relays);
	presence_free(server->presence);
	limits_free(server->limits);
	if (server->store)
		server->store->operations->close(server->store);
	signing_deinit(&server->signing);
	free(server);
}

int server_adopt(struct server *server, const struct server_party *party)
{
	return server->store->operations->adopt(server->store, party);
}
