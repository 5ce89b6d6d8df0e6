#include "svc-nat/overtcp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define CONNECT_US (5 * CLOCK_SECOND)
#define MEASURE_US (60 * CLOCK_SECOND)
#define RETRY_US   (1 * CLOCK_SECOND)
#define RETRY_MOST 5 /* doublings */
/* What is under way when UDP works again still arrives. */
#define LINGER_US (3 * CLOCK_SECOND)
#define BATCH	  64

static void changed(const struct carrier *carrier)
{
	carrier->owner->changed(carrier->owner->data);
}

/* ---- the connection ---- */

static void close_polled(struct loop_poll *poll, int *fd)
{
	loop_poll_stop(poll);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void disconnect(struct carrier *carrier, uint64_t due_us)
{
	close_polled(&carrier->tcp_poll, &carrier->tcp_fd);
	close_polled(&carrier->udp_poll, &carrier->udp_fd);
	carrier->state = CARRIER_IDLE;
	carrier->due_us = due_us;
	memset(&carrier->in, 0, sizeof(carrier->in));
	memset(&carrier->out, 0, sizeof(carrier->out));
}

static uint64_t retry_us(const struct carrier *carrier)
{
	unsigned doublings =
		carrier->failures - 1 < RETRY_MOST ? carrier->failures - 1 : RETRY_MOST;

	/* The other endpoint has its turn before anything is waited for. */
	return carrier->failures < carrier->n_endpoints ? CLOCK_MS : RETRY_US << doublings;
}

static void fail(struct carrier *carrier, uint64_t now_us, int error)
{
	if (carrier->failures == 0 || carrier->state == CARRIER_UP)
		log_info("relay %s: by TCP: %s", carrier->name, strerror(-error));
	carrier->failures++;
	carrier->next_endpoint++;
	disconnect(carrier, now_us + retry_us(carrier));
	carrier->rtt_us = DATAPLANE_UNKNOWN;
}

/* ---- the data plane's side ---- */

/* What comes while there is no connection is lost, as on any path that is down. */
static void on_udp(void *data)
{
	struct carrier *carrier = data;
	uint8_t datagram[TCPFRAME_DATAGRAM_MAX];
	int result = 0;

	for (int i = 0; i < BATCH; i++) {
		ssize_t got =
			recv(carrier->udp_fd, datagram, sizeof(datagram), MSG_DONTWAIT | MSG_TRUNC);

		if (got < 0 && errno == EWOULDBLOCK)
			break;
		if (got <= 0 || (size_t)got > sizeof(datagram) || carrier->state != CARRIER_UP)
			continue;
		result = tcpframe_send(&carrier->out, carrier->tcp_fd, datagram, (size_t)got);
		if (result < 0 && result != -EAGAIN)
			break;
	}
	if (result < 0 && result != -EAGAIN) {
		fail(carrier, clock_now_us(), result);
		changed(carrier);
	} else {
		loop_poll_want_writable(&carrier->tcp_poll, tcpframe_is_waiting(&carrier->out));
	}
}

/* Only the tunnel's own socket is heard: it is connected to it. */
static int open_udp(struct carrier *carrier)
{
	struct addr any_port = carrier->owner->tunnel;
	struct sockaddr_storage sa, tunnel;
	socklen_t length = addr_to_sockaddr(&carrier->owner->tunnel, &tunnel);

	any_port.port = 0;
	(void)addr_to_sockaddr(&any_port, &sa);
	carrier->udp_fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (carrier->udp_fd < 0 || bind(carrier->udp_fd, (struct sockaddr *)&sa, length) != 0 ||
	    connect(carrier->udp_fd, (struct sockaddr *)&tunnel, length) != 0 ||
	    getsockname(carrier->udp_fd, (struct sockaddr *)&sa, &length) != 0)
		return -errno;
	carrier->local = addr_from_sockaddr(&sa);
	return loop_poll_start(carrier->owner->loop, &carrier->udp_poll, carrier->udp_fd, on_udp,
			       carrier);
}

/* ---- the relay's side ---- */

static int come_up(struct carrier *carrier, uint64_t now_us)
{
	int result = open_udp(carrier);

	if (result < 0)
		return result;
	carrier->rtt_us = (uint32_t)(now_us - carrier->began_us);
	carrier->state = CARRIER_UP;
	carrier->failures = 0;
	loop_poll_want_writable(&carrier->tcp_poll, false);
	if (carrier->used)
		log_info("relay %s: connected by TCP, %.1f ms away", carrier->name,
			 carrier->rtt_us / 1000.0);
	return 0;
}

/* 0: connected; -EAGAIN: not yet. */
static int connect_result(int fd)
{
	struct sockaddr_storage sa;
	socklen_t length = sizeof(sa);
	int code = 0;
	socklen_t code_length = sizeof(code);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_length) != 0)
		return -errno;
	if (code)
		return -code;
	return getpeername(fd, (struct sockaddr *)&sa, &length) == 0 ? 0 : -EAGAIN;
}

static int receive(struct carrier *carrier)
{
	uint8_t *datagram;
	int result = tcpframe_flush(&carrier->out, carrier->tcp_fd);

	loop_poll_want_writable(&carrier->tcp_poll, tcpframe_is_waiting(&carrier->out));
	if (result == 0 || result == -EAGAIN)
		result = tcpframe_read(&carrier->in, carrier->tcp_fd);
	if (result < 0)
		return result;
	while ((result = tcpframe_next(&carrier->in, &datagram)) > 0)
		(void)send(carrier->udp_fd, datagram, (size_t)result, MSG_DONTWAIT);
	return result;
}

static void on_tcp(void *data)
{
	struct carrier *carrier = data;
	uint64_t now_us = clock_now_us();
	bool connecting = carrier->state == CARRIER_CONNECTING;
	int result = connecting ? connect_result(carrier->tcp_fd) : receive(carrier);

	if (connecting && result == 0)
		result = come_up(carrier, now_us);
	if (result < 0 && result != -EAGAIN)
		fail(carrier, now_us, result);
	else if (!connecting || result < 0)
		return;
	changed(carrier);
}

static void connect_to(struct carrier *carrier, uint64_t now_us)
{
	struct sockaddr_storage sa;
	socklen_t length;
	int result;

	carrier->endpoint = carrier->endpoints[carrier->next_endpoint % carrier->n_endpoints];
	length = addr_to_sockaddr(&carrier->endpoint, &sa);
	carrier->began_us = now_us;
	carrier->tcp_fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	result = carrier->tcp_fd < 0 ? -errno : tcpframe_set_options(carrier->tcp_fd);
	if (result == 0 && connect(carrier->tcp_fd, (struct sockaddr *)&sa, length) != 0 &&
	    errno != EINPROGRESS)
		result = -errno;
	if (result == 0)
		result = loop_poll_start(carrier->owner->loop, &carrier->tcp_poll, carrier->tcp_fd,
					 on_tcp, carrier);
	if (result < 0) {
		fail(carrier, now_us, result);
		return;
	}
	loop_poll_want_writable(&carrier->tcp_poll, true);
	carrier->state = CARRIER_CONNECTING;
	carrier->due_us = now_us + CONNECT_US;
}

/* ---- which there are ---- */

static void release(struct carrier *carrier)
{
	disconnect(carrier, 0);
	memset(carrier, 0, sizeof(*carrier));
}

static struct carrier *find(const struct overtcp *overtcp, const uint8_t *key)
{
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++) {
		const struct carrier *carrier = &overtcp->carriers[i];

		if (carrier->owner && memcmp(carrier->public_key, key, DATAPLANE_KEY_SIZE) == 0)
			return (struct carrier *)(uintptr_t)carrier;
	}
	return NULL;
}

static struct carrier *add(struct overtcp *overtcp, const struct nat_relay *relay)
{
	struct carrier *carrier = overtcp->carriers;

	while (carrier < overtcp->carriers + NAT_RELAYS_MAX && carrier->owner)
		carrier++;
	if (carrier == overtcp->carriers + NAT_RELAYS_MAX)
		return NULL; /* one that lingers has it: at the next turn */
	carrier->owner = overtcp;
	carrier->tcp_fd = carrier->udp_fd = -1;
	carrier->rtt_us = DATAPLANE_UNKNOWN;
	memcpy(carrier->public_key, relay->public_key, DATAPLANE_KEY_SIZE);
	memcpy(carrier->name, relay->name, sizeof(carrier->name));
	return carrier;
}

static void set_endpoints(struct carrier *carrier, const struct nat_relay *relay)
{
	if (carrier->n_endpoints == relay->n_endpoints &&
	    memcmp(carrier->endpoints, relay->endpoints, sizeof(carrier->endpoints)) == 0)
		return;
	carrier->n_endpoints = relay->n_endpoints;
	memcpy(carrier->endpoints, relay->endpoints, sizeof(carrier->endpoints));
	carrier->failures = 0;
	disconnect(carrier, 0);
}

static void step(struct carrier *carrier, uint64_t now_us)
{
	switch (carrier->state) {
	case CARRIER_IDLE:
		if (!carrier->wanted)
			release(carrier);
		else if (now_us >= carrier->due_us || (carrier->used && carrier->failures == 0))
			connect_to(carrier, now_us);
		break;
	case CARRIER_CONNECTING:
		if (!carrier->wanted)
			release(carrier);
		else if (now_us >= carrier->due_us)
			fail(carrier, now_us, -ETIMEDOUT);
		break;
	case CARRIER_UP:
		if (carrier->wanted && !carrier->used)
			disconnect(carrier, now_us + MEASURE_US);
		else if (!carrier->wanted && now_us - carrier->began_us >= LINGER_US)
			release(carrier);
		break;
	}
}

/* When step() has something to do. */
static uint64_t due_us(const struct carrier *carrier)
{
	if (!carrier->owner)
		return CLOCK_NEVER;
	if (carrier->state != CARRIER_UP)
		return carrier->due_us;
	return carrier->wanted ? CLOCK_NEVER : carrier->began_us + LINGER_US;
}

static void unwant(struct overtcp *overtcp, uint64_t now_us)
{
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++) {
		struct carrier *carrier = &overtcp->carriers[i];

		if (!carrier->owner)
			continue;
		if (carrier->wanted && carrier->state == CARRIER_UP)
			carrier->began_us = now_us;
		carrier->wanted = carrier->used = false;
	}
}

uint64_t overtcp_want(struct overtcp *overtcp, uint64_t now_us, const struct addr *tunnel,
		      const struct overtcp_relay *relays, size_t n)
{
	uint64_t due = CLOCK_NEVER;

	if (!addr_equal(&overtcp->tunnel, tunnel))
		overtcp_restart(overtcp);
	overtcp->tunnel = *tunnel;
	unwant(overtcp, now_us);
	for (size_t i = 0; i < n; i++) {
		struct carrier *carrier = find(overtcp, relays[i].relay->public_key);

		if (!carrier)
			carrier = add(overtcp, relays[i].relay);
		if (!carrier)
			continue;
		set_endpoints(carrier, relays[i].relay);
		carrier->wanted = carrier->n_endpoints > 0;
		carrier->used = relays[i].used;
	}
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++) {
		struct carrier *carrier = &overtcp->carriers[i];

		if (carrier->owner)
			step(carrier, now_us);
		if (due_us(carrier) < due)
			due = due_us(carrier);
	}
	return due;
}

void overtcp_restart(struct overtcp *overtcp)
{
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++) {
		struct carrier *carrier = &overtcp->carriers[i];

		if (!carrier->owner)
			continue;
		carrier->failures = 0;
		carrier->rtt_us = DATAPLANE_UNKNOWN;
		disconnect(carrier, 0);
	}
}

const struct carrier *overtcp_find(const struct overtcp *overtcp,
				   const uint8_t key[DATAPLANE_KEY_SIZE])
{
	return find(overtcp, key);
}

void overtcp_init(struct overtcp *overtcp, struct loop *loop, void (*on_change)(void *data),
		  void *data)
{
	memset(overtcp, 0, sizeof(*overtcp));
	overtcp->loop = loop;
	overtcp->changed = on_change;
	overtcp->data = data;
}

void overtcp_stop(struct overtcp *overtcp)
{
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++)
		if (overtcp->carriers[i].owner)
			release(&overtcp->carriers[i]);
}
