#include "svc-nat/relay/packetloop.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-nat/relay/stream.h"
#include "svc-nat/stun.h"

#define BATCH	      64
#define DATAGRAM_MAX  2048	/* longer ones are dropped: no path carries them */
#define OWN_MAX	      640	/* what the machine itself sends: STUN answers are the longest */
#define SOCKET_BUFFER (2 << 20) /* a burst, not a standing queue */
#define ROUNDS	      16	/* batches from one socket before the other has its turn */
#define FAMILIES      2
#define SOURCES	      (FAMILIES + 2) /* TCP and wake_fd too */

/* One family's socket and what waits to leave by it. */
struct port {
	int fd;	      /* -1: family not served */
	int other_fd; /* another port of the same address, for STUN; -1: none */
	unsigned queued;
	struct mmsghdr messages[BATCH];
	struct iovec slices[BATCH];
	struct sockaddr_storage to[BATCH];
	uint8_t own[BATCH][OWN_MAX];
};

struct packetloop {
	struct port ports[FAMILIES]; /* IPv4, IPv6 */
	struct streams *streams;
	uint64_t sweep_us; /* the next, of streams */
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool running;
	atomic_bool stopping;
	pthread_mutex_t lock; /* over forward */
	struct forward *forward;
	uint64_t cpu_ns, cpu_wall_us; /* at the last reading of the load */

	struct mmsghdr messages[BATCH];
	struct iovec slices[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t datagrams[BATCH][DATAGRAM_MAX];
	unsigned n_framed; /* of them in use by what came by TCP */
};

/* --- sockets --- */

/* Fragment rather than drop: stock members know nothing of the second half of the path. And no
 * ICMP message, which anybody can forge, may change what we send. */
static int socket_set_options(int fd, int family)
{
	int on = 1, size = SOCKET_BUFFER, omit = IP_PMTUDISC_OMIT, omit6 = IPV6_PMTUDISC_OMIT;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit, sizeof(omit));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &omit6, sizeof(omit6));
}

/* Only sends: what comes to it is never read. Its number is the kernel's choice. */
static int open_other(const struct addr *listen)
{
	struct addr any_port = *listen;
	struct sockaddr_storage sa;
	socklen_t length;
	int fd, none = 0;

	any_port.port = 0;
	length = addr_to_sockaddr(&any_port, &sa);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none));
	if (socket_set_options(fd, sa.ss_family) == 0 &&
	    bind(fd, (struct sockaddr *)&sa, length) == 0)
		return fd;
	close(fd);
	return -1;
}

static int port_open(struct port *port, const struct addr *listen, struct error *error)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(listen, &sa);
	char text[ADDR_TEXT_SIZE];

	port->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->fd < 0 || socket_set_options(port->fd, sa.ss_family) != 0)
		return error_set(error, -errno, "cannot open a UDP socket for %s: %s",
				 addr_format(listen, text), strerror(errno));
	port->other_fd = open_other(listen);
	if (bind(port->fd, (struct sockaddr *)&sa, length) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return error_set(error, -errno,
				 "UDP port %s is in use: stop the other program or choose another "
				 "--listen",
				 addr_format(listen, text));
	return error_set(error, -errno, "cannot listen at %s: %s", addr_format(listen, text),
			 strerror(errno));
}

static int watch(struct packetloop *loop, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* UDP and TCP of one family. */
static int family_open(struct packetloop *loop, const struct addr *listen, struct error *error)
{
	struct port *port = &loop->ports[listen->family == ADDR_IPV6];
	int result = port_open(port, listen, error);

	if (result == 0)
		result = streams_listen(loop->streams, listen, error);
	if (result == 0 && watch(loop, port->fd) != 0)
		result = error_set(error, -errno, "epoll: %s", strerror(errno));
	return result;
}

static int ports_open(struct packetloop *loop, const struct addr *listen, struct error *error)
{
	struct addr both = addr_ipv4(0, listen->port);
	int result = family_open(loop, listen, error);

	if (result == 0 && listen->family == ADDR_IPV6 && addr_is_unspecified(listen))
		result = family_open(loop, &both, error);
	return result;
}

int packetloop_new(struct packetloop **out, const struct addr *listen, struct error *error)
{
	struct packetloop *loop = calloc(1, sizeof(*loop));
	int result;

	if (!loop)
		return error_set(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&loop->lock, NULL);
	loop->ports[0].fd = loop->ports[1].fd = -1;
	loop->ports[0].other_fd = loop->ports[1].other_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	result = streams_new(&loop->streams);
	if (result < 0)
		result = error_set(error, result, "cannot serve TCP: %s", strerror(-result));
	else if (loop->epoll_fd < 0 || loop->wake_fd < 0 || watch(loop, loop->wake_fd) != 0 ||
		 watch(loop, streams_fd(loop->streams)) != 0)
		result = error_set(error, -errno, "epoll: %s", strerror(errno));
	else
		result = ports_open(loop, listen, error);
	if (result != 0) {
		packetloop_free(loop);
		return result;
	}
	*out = loop;
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void packetloop_free(struct packetloop *loop)
{
	uint64_t one = 1;

	if (!loop)
		return;
	if (loop->running) {
		atomic_store(&loop->stopping, true);
		if (write(loop->wake_fd, &one, sizeof(one)) != sizeof(one))
			log_warning("packet thread: cannot be woken: %s", strerror(errno));
		pthread_join(loop->thread, NULL);
	}
	close_if_open(loop->ports[0].fd);
	close_if_open(loop->ports[1].fd);
	close_if_open(loop->ports[0].other_fd);
	close_if_open(loop->ports[1].other_fd);
	close_if_open(loop->epoll_fd);
	close_if_open(loop->wake_fd);
	streams_free(loop->streams);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

/* --- out --- */

/* What cannot be sent now is lost, like any datagram; the next may go elsewhere and pass. */
static void port_flush(struct port *port)
{
	unsigned sent = 0;

	while (sent < port->queued) {
		int count = sendmmsg(port->fd, port->messages + sent, port->queued - sent, 0);

		if (count > 0)
			sent += (unsigned)count;
		else if (errno == EAGAIN || errno == ENOBUFS)
			break;
		else if (errno != EINTR)
			sent++;
	}
	port->queued = 0;
}

static void flush(struct packetloop *loop)
{
	for (int i = 0; i < FAMILIES; i++)
		port_flush(&loop->ports[i]);
}

/* Runs of equal length to one address are where UDP_SEGMENT will join datagrams. */
static void queue_send(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct packetloop *loop = data;
	struct port *port = &loop->ports[to->family == ADDR_IPV6 ? 1 : 0];
	const uint8_t *first = loop->datagrams[0];
	uint8_t *own;
	unsigned i;

	if (streams_is_one(to)) {
		streams_send(loop->streams, to, bytes, length);
		return;
	}
	if (port->fd < 0)
		return;
	if (port->queued == BATCH)
		port_flush(port);
	i = port->queued;
	/* Anything outside the receive buffers is gone after this call. */
	if ((uintptr_t)bytes < (uintptr_t)first ||
	    (uintptr_t)bytes >= (uintptr_t)first + sizeof(loop->datagrams)) {
		own = port->own[i];
		if (length > OWN_MAX)
			return;
		memcpy(own, bytes, length);
		bytes = own;
	}
	port->slices[i] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	port->messages[i].msg_hdr = (struct msghdr){
		.msg_name = &port->to[i],
		.msg_namelen = addr_to_sockaddr(to, &port->to[i]),
		.msg_iov = &port->slices[i],
		.msg_iovlen = 1,
	};
	port->queued++;
}

/* Rare and limited per source: sent at once. */
static void send_other(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct packetloop *loop = data;
	const struct port *port = &loop->ports[to->family == ADDR_IPV6 ? 1 : 0];
	struct sockaddr_storage sa;
	socklen_t sa_length = addr_to_sockaddr(to, &sa);

	if (port->other_fd >= 0)
		(void)sendto(port->other_fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (struct sockaddr *)&sa, sa_length);
}

static uint64_t wall_s(void *data)
{
	(void)data;
	return clock_wall_us() / CLOCK_SECOND;
}

struct forward_ops packetloop_ops(struct packetloop *loop)
{
	return (struct forward_ops){
		.send = queue_send, .send_other = send_other, .wall_s = wall_s, .data = loop};
}

/* --- in --- */

static void batch_prepare(struct packetloop *loop)
{
	for (unsigned i = 0; i < BATCH; i++) {
		loop->slices[i] = (struct iovec){loop->datagrams[i], DATAGRAM_MAX};
		loop->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &loop->from[i],
			.msg_namelen = sizeof(loop->from[i]),
			.msg_iov = &loop->slices[i],
			.msg_iovlen = 1,
		};
	}
}

static void batch_forward(struct packetloop *loop, unsigned count)
{
	uint64_t now_us = clock_now_us();

	pthread_mutex_lock(&loop->lock);
	for (unsigned i = 0; i < count; i++) {
		struct msghdr *header = &loop->messages[i].msg_hdr;
		struct addr from = addr_from_sockaddr(&loop->from[i]);

		/* UDP_GRO will hand over several datagrams here at once. */
		if (!(header->msg_flags & MSG_TRUNC))
			forward_receive(loop->forward, now_us, &from, loop->datagrams[i],
					loop->messages[i].msg_len);
		header->msg_namelen = sizeof(loop->from[i]);
	}
	pthread_mutex_unlock(&loop->lock);
	flush(loop);
}

static void port_receive(struct packetloop *loop, const struct port *port)
{
	int count = BATCH;

	for (int round = 0; round < ROUNDS && count == BATCH; round++) {
		count = recvmmsg(port->fd, loop->messages, BATCH, MSG_DONTWAIT, NULL);
		if (count > 0)
			batch_forward(loop, (unsigned)count);
	}
}

/* What may leave by UDP has to be in a buffer that stays until the next flush. */
static void receive_framed(void *data, const struct addr *from, uint8_t *bytes, size_t length)
{
	struct packetloop *loop = data;
	uint8_t *datagram;

	if (length > DATAGRAM_MAX || stun_is(bytes, length))
		return; /* STUN would tell it the address that stands for the connection */
	if (loop->n_framed == BATCH) {
		flush(loop);
		loop->n_framed = 0;
	}
	datagram = loop->datagrams[loop->n_framed++];
	memcpy(datagram, bytes, length);
	forward_receive(loop->forward, clock_now_us(), from, datagram, length);
}

static void streams_receive(struct packetloop *loop)
{
	pthread_mutex_lock(&loop->lock);
	streams_serve(loop->streams, clock_now_us(), receive_framed, loop);
	pthread_mutex_unlock(&loop->lock);
	flush(loop);
	loop->n_framed = 0;
}

static bool is_bound(void *data, const struct addr *address)
{
	struct packetloop *loop = data;

	return forward_is_bound(loop->forward, address);
}

/* Returns how long to wait. */
static uint64_t poll_machine(struct packetloop *loop)
{
	uint64_t now_us = clock_now_us(), next_us;

	pthread_mutex_lock(&loop->lock);
	next_us = forward_poll(loop->forward, now_us);
	if (now_us >= loop->sweep_us) {
		streams_sweep(loop->streams, now_us, is_bound, loop);
		loop->sweep_us = now_us + CLOCK_SECOND;
	}
	pthread_mutex_unlock(&loop->lock);
	flush(loop);
	if (streams_count(loop->streams) > 0 && loop->sweep_us < next_us)
		next_us = loop->sweep_us;
	return next_us > now_us ? next_us - now_us : 0;
}

static void serve(struct packetloop *loop, int fd)
{
	for (int family = 0; family < FAMILIES; family++)
		if (fd == loop->ports[family].fd)
			port_receive(loop, &loop->ports[family]);
	if (fd == streams_fd(loop->streams))
		streams_receive(loop);
}

static void *thread_main(void *data)
{
	struct packetloop *loop = data;
	struct epoll_event events[SOURCES];

	batch_prepare(loop);
	while (!atomic_load(&loop->stopping)) {
		uint64_t wait_us = poll_machine(loop);
		int count = epoll_wait(loop->epoll_fd, events, SOURCES,
				       (int)((wait_us + 999) / CLOCK_MS));

		for (int i = 0; i < count; i++)
			serve(loop, events[i].data.fd);
	}
	return NULL;
}

int packetloop_start(struct packetloop *loop, struct forward *forward)
{
	sigset_t all, before;
	int result;

	loop->forward = forward;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&loop->thread, NULL, thread_main, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	loop->running = result == 0;
	return -result;
}

void packetloop_with(struct packetloop *loop,
		     void (*work)(void *data, struct forward *forward, uint64_t now_us), void *data)
{
	pthread_mutex_lock(&loop->lock);
	work(data, loop->forward, clock_now_us());
	pthread_mutex_unlock(&loop->lock);
}

uint32_t packetloop_load_permille(struct packetloop *loop)
{
	uint64_t now_us = clock_now_us(), cpu_ns, load = 0;
	struct timespec spent;
	clockid_t clock;

	if (!loop->running || pthread_getcpuclockid(loop->thread, &clock) != 0 ||
	    clock_gettime(clock, &spent) != 0)
		return 0;
	cpu_ns = (uint64_t)spent.tv_sec * 1000000000ULL + (uint64_t)spent.tv_nsec;
	if (loop->cpu_wall_us != 0 && now_us > loop->cpu_wall_us)
		load = (cpu_ns - loop->cpu_ns) / (now_us - loop->cpu_wall_us);
	loop->cpu_ns = cpu_ns;
	loop->cpu_wall_us = now_us;
	return load > 1000 ? 1000 : (uint32_t)load;
}
