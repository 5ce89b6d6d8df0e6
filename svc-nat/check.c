#include "svc-nat/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svc-nat/service.h"

#define BATCH 32

static void on_timer(void *data)
{
	struct nat *nat = data;

	check_turn(nat, clock_now_us());
}

static bool has_answered(const struct nat *nat, const struct behaviour_server *server)
{
	return server->answered_us >= nat->check.began_us;
}

/* ---- long packets ---- */

static int open_socket(uint8_t family)
{
	int fd = socket(family == ADDR_IPV6 ? AF_INET6 : AF_INET,
			SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int probe = IP_PMTUDISC_PROBE, probe6 = IPV6_PMTUDISC_PROBE, result;

	if (fd < 0)
		return -errno;
	result = family == ADDR_IPV6
			 ? setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe6, sizeof(probe6))
			 : setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	if (result == 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

static void on_readable(void *data)
{
	struct nat *nat = data;

	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage sa;
		socklen_t sa_length = sizeof(sa);
		uint8_t bytes[STUN_MESSAGE_MAX];
		ssize_t got = recvfrom(nat->check.fd, bytes, sizeof(bytes), MSG_DONTWAIT,
				       (struct sockaddr *)&sa, &sa_length);
		struct addr from;

		if (got < 0)
			break;
		from = addr_from_sockaddr(&sa);
		(void)mtu_receive(&nat->check.mtu, &from, bytes, (size_t)got);
	}
	check_turn(nat, clock_now_us());
}

static void begin_mtu(struct nat *nat, uint64_t now_us, const struct addr *server)
{
	struct check *check = &nat->check;
	uint8_t id[STUN_TRANSACTION_ID_SIZE];

	check->fd = open_socket(server->family);
	if (check->fd < 0)
		return;
	if (loop_poll_start(&nat->loop, &check->poll, check->fd, on_readable, nat) < 0) {
		close(check->fd);
		return;
	}
	randombytes_buf(id, sizeof(id));
	mtu_begin(&check->mtu, now_us, server, id);
}

static void send_long(struct check *check)
{
	uint8_t bytes[STUN_REQUEST_MAX];
	struct sockaddr_storage sa;
	socklen_t sa_length = addr_to_sockaddr(&check->mtu.server, &sa);

	for (size_t i = 0; i < check->mtu.n; i++) {
		size_t length = mtu_request(&check->mtu, i, bytes);

		if (sendto(check->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (struct sockaddr *)&sa, sa_length) < 0 &&
		    errno == EMSGSIZE)
			mtu_refuse(&check->mtu, i);
	}
}

/* IPv4 first: that is what most of the others have. */
static const struct addr *first_to_answer(const struct nat *nat)
{
	const struct behaviour *behaviour = &nat->behaviour;

	for (size_t i = 0; i < behaviour->n_servers; i++)
		if (behaviour->servers[i].addr.family == ADDR_IPV4 &&
		    has_answered(nat, &behaviour->servers[i]))
			return &behaviour->servers[i].addr;
	for (size_t i = 0; i < behaviour->n_servers; i++)
		if (has_answered(nat, &behaviour->servers[i]))
			return &behaviour->servers[i].addr;
	return NULL;
}

static void end_mtu(struct check *check)
{
	if (addr_is_none(&check->mtu.server))
		return;
	loop_poll_stop(&check->poll);
	close(check->fd);
	memset(&check->mtu, 0, sizeof(check->mtu));
}

/* ---- what was found ---- */

/* The relay that has this endpoint, or "". */
static const char *relay_name(const struct nat *nat, const struct addr *endpoint)
{
	for (size_t i = 0; i < nat->desired.n_relays; i++) {
		const struct nat_relay *relay = &nat->desired.relays[i];

		for (size_t k = 0; k < relay->n_endpoints; k++)
			if (addr_equal(&relay->endpoints[k], endpoint))
				return relay->name;
	}
	return "";
}

static void fill_servers(const struct nat *nat, struct nat_netcheck *result)
{
	for (size_t i = 0; i < nat->behaviour.n_servers; i++) {
		const struct behaviour_server *server = &nat->behaviour.servers[i];
		struct nat_netcheck_server *to = &result->servers[result->n_servers++];

		to->endpoint = server->addr;
		snprintf(to->relay, sizeof(to->relay), "%s", relay_name(nat, &server->addr));
		to->rtt_us = DATAPLANE_UNKNOWN;
		if (!has_answered(nat, server))
			continue;
		to->rtt_us = server->rtt_us;
		to->mapped = server->mapped;
		result->answered = true;
	}
}

static void fill(const struct nat *nat, struct nat_netcheck *result)
{
	const struct behaviour *behaviour = &nat->behaviour;

	memset(result, 0, sizeof(*result));
	fill_servers(nat, result);
	result->has_ipv4 = behaviour->families[0].usable;
	result->has_ipv6 = behaviour->families[1].usable;
	result->mtu = nat->check.mtu.proven;
	result->here = nat->here;
	if (!result->answered)
		return;
	result->mapping = behaviour_mapping_overall(behaviour);
	result->filtering = behaviour_filtering_overall(behaviour);
	result->n_public = behaviour_public(behaviour, result->public);
}

/* Right after a start: neither the tunnel's sockets nor the servers to ask were told yet. */
static bool is_starting(const struct nat *nat)
{
	return !nat->has_desired || !nat->neighbour.has_state;
}

static void refuse(struct nat *nat)
{
	struct check *check = &nat->check;
	const char *text = nat->has_desired ? "the data plane does not answer: try again"
					    : "the control service does not answer: try again";

	for (size_t i = 0; i < check->n_calls; i++)
		bus_reply_error(check->calls[i], -EAGAIN, text);
	check_stop(nat);
}

static void answer(struct nat *nat)
{
	struct check *check = &nat->check;
	struct nat_netcheck result;
	uint8_t *bytes = NULL;
	ssize_t length;

	fill(nat, &result);
	length = nat_netcheck_encode(&result, &bytes);
	for (size_t i = 0; i < check->n_calls; i++) {
		if (length < 0)
			bus_reply_error(check->calls[i], (int)length, "cannot be encoded");
		else
			bus_reply(check->calls[i], bytes, (size_t)length);
	}
	free(bytes);
	check_stop(nat);
}

/* ---- the course ---- */

static bool is_known(const struct nat *nat)
{
	const struct behaviour *behaviour = &nat->behaviour;
	const struct mtu *mtu = &nat->check.mtu;

	if (is_starting(nat))
		return false;
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		const struct behaviour_server *server = &behaviour->servers[i];

		if (behaviour->families[server->addr.family != ADDR_IPV4].usable &&
		    server->ended_us < nat->check.began_us)
			return false;
	}
	return !behaviour_is_filtering(behaviour) && (addr_is_none(&mtu->server) || mtu->done);
}

int check_start(struct nat *nat, struct bus_call *call)
{
	struct check *check = &nat->check;

	if (check->n_calls == CHECK_CALLS_MAX)
		return -EBUSY;
	check->calls[check->n_calls++] = call;
	if (check->n_calls > 1)
		return 0;
	check->began_us = clock_now_us();
	behaviour_refresh(&nat->behaviour, check->began_us);
	service_turn(nat);
	return 0;
}

void check_turn(struct nat *nat, uint64_t now_us)
{
	struct check *check = &nat->check;
	uint64_t due_us = check->began_us + CHECK_US;
	const struct addr *server;

	if (check->n_calls == 0)
		return;
	server = addr_is_none(&check->mtu.server) ? first_to_answer(nat) : NULL;
	if (server)
		begin_mtu(nat, now_us, server);
	if (mtu_poll(&check->mtu, now_us))
		send_long(check);
	if (now_us >= due_us || is_known(nat)) {
		if (is_starting(nat))
			refuse(nat);
		else
			answer(nat);
		return;
	}
	if (mtu_due_us(&check->mtu) < due_us)
		due_us = mtu_due_us(&check->mtu);
	loop_timer_start(&nat->loop, &check->timer,
			 due_us <= now_us ? 1 : (due_us - now_us) / CLOCK_MS + 1, 0, on_timer, nat);
}

void check_stop(struct nat *nat)
{
	loop_timer_stop(&nat->check.timer);
	end_mtu(&nat->check);
	nat->check.n_calls = 0;
}
