#include "svc-nat/relay/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svc-nat/tcpframe.h"

#define FAMILIES    2
#define BACKLOG	    64
#define BATCH	    64 /* descriptors served in one go */
#define ACCEPTS	    16
#define IDLE_US	    (2 * CLOCK_SECOND) /* a bound one is seen to be bound every second */
#define PLACE_BITS  9		       /* STREAM_MOST */
#define SERIAL_BITS 35
#define NET64	    8 /* bytes of an IPv6 address that tell sources apart */

struct connection {
	int fd;
	struct addr peer;    /* at the other end of TCP */
	struct addr address; /* as the machine knows it */
	uint64_t bound_us;   /* was bound then, or came */
	bool broken;	     /* to be ended */
	struct tcpframe_in in;
	struct tcpframe_out out;
};

struct streams {
	int epoll_fd;
	int listeners[FAMILIES]; /* -1: none */
	bool paused;		 /* no descriptors left: accepts again after the next sweep */
	bool any_broken;
	uint64_t serial;
	unsigned n;
	struct connection *places[STREAM_MOST];
};

_Static_assert(STREAM_MOST == 1u << PLACE_BITS, "a place is PLACE_BITS");

/* --- addresses that stand for connections --- */

static struct addr address_of(uint64_t serial, unsigned place)
{
	uint64_t number = serial << PLACE_BITS | place;

	return addr_ipv4(0xf0000000u | (uint32_t)(number >> 16), (uint16_t)number);
}

bool streams_is_one(const struct addr *address)
{
	return address->family == ADDR_IPV4 && address->ip[0] >= 0xf0;
}

static struct connection *find(const struct streams *streams, const struct addr *address)
{
	struct connection *connection = streams->places[address->port % STREAM_MOST];

	return connection && addr_equal(&connection->address, address) ? connection : NULL;
}

/* --- life --- */

int streams_new(struct streams **out)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return -ENOMEM;
	streams->listeners[0] = streams->listeners[1] = -1;
	randombytes_buf(&streams->serial, sizeof(streams->serial));
	streams->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (streams->epoll_fd < 0) {
		int result = -errno;

		free(streams);
		return result;
	}
	*out = streams;
	return 0;
}

static void connection_end(struct streams *streams, unsigned place)
{
	struct connection *connection = streams->places[place];

	close(connection->fd); /* which takes it out of the epoll set */
	free(connection);
	streams->places[place] = NULL;
	streams->n--;
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	for (unsigned i = 0; i < STREAM_MOST; i++)
		if (streams->places[i])
			connection_end(streams, i);
	for (int i = 0; i < FAMILIES; i++)
		if (streams->listeners[i] >= 0)
			close(streams->listeners[i]);
	close(streams->epoll_fd);
	free(streams);
}

int streams_fd(const struct streams *streams)
{
	return streams->epoll_fd;
}

unsigned streams_count(const struct streams *streams)
{
	return streams->n;
}

/* source: what epoll tells of it. */
static int watch(const struct streams *streams, int operation, int fd, uint32_t events,
		 void *source)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(streams->epoll_fd, operation, fd, &event) == 0 ? 0 : -errno;
}

static int open_listener(const struct addr *address)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(address, &sa);
	int on = 1, result;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (address->family == ADDR_IPV4 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, (struct sockaddr *)&sa, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

int streams_listen(struct streams *streams, const struct addr *address, struct error *error)
{
	int *listener = &streams->listeners[address->family == ADDR_IPV6];
	char text[ADDR_TEXT_SIZE];
	int fd = open_listener(address), result;

	if (fd == -EADDRINUSE)
		return error_set(error, fd,
				 "TCP port %s is in use: stop the other program or choose another "
				 "--listen (members whose network passes no UDP come by TCP)",
				 addr_format(address, text));
	if (fd < 0)
		return error_set(error, fd, "cannot listen by TCP at %s: %s",
				 addr_format(address, text), strerror(-fd));
	*listener = fd;
	result = watch(streams, EPOLL_CTL_ADD, fd, EPOLLIN, listener);
	if (result < 0)
		return error_set(error, result, "epoll: %s", strerror(-result));
	return 0;
}

/* It ends after this round, in which its event may be yet to come. */
static void breaks(struct streams *streams, struct connection *connection)
{
	connection->broken = streams->any_broken = true;
}

/* --- who may come --- */

static bool is_same_source(const struct addr *a, const struct addr *b)
{
	return a->family == b->family &&
	       memcmp(a->ip, b->ip, a->family == ADDR_IPV6 ? NET64 : 4) == 0;
}

/* STREAM_MOST: none. Then the one that was unbound for longest goes; the newcomer comes again. */
static unsigned find_place(struct streams *streams, uint64_t now_us, const struct addr *peer)
{
	unsigned from_source = 0, free_place = STREAM_MOST, oldest = STREAM_MOST;

	for (unsigned i = 0; i < STREAM_MOST; i++) {
		const struct connection *connection = streams->places[i];

		if (!connection) {
			free_place = i;
			continue;
		}
		from_source += is_same_source(&connection->peer, peer);
		if (now_us - connection->bound_us > IDLE_US &&
		    (oldest == STREAM_MOST ||
		     connection->bound_us < streams->places[oldest]->bound_us))
			oldest = i;
	}
	if (from_source >= STREAM_PER_SOURCE)
		return STREAM_MOST;
	if (free_place == STREAM_MOST && oldest != STREAM_MOST)
		breaks(streams, streams->places[oldest]);
	return free_place;
}

static void take(struct streams *streams, uint64_t now_us, int fd, const struct addr *peer)
{
	unsigned place = find_place(streams, now_us, peer);
	struct connection *connection;

	if (place == STREAM_MOST || tcpframe_set_options(fd) < 0) {
		close(fd);
		return;
	}
	connection = calloc(1, sizeof(*connection));
	if (!connection || watch(streams, EPOLL_CTL_ADD, fd, EPOLLIN, connection) < 0) {
		free(connection);
		close(fd);
		return;
	}
	connection->fd = fd;
	connection->peer = *peer;
	connection->bound_us = now_us;
	streams->serial = (streams->serial + 1) & ((1ull << SERIAL_BITS) - 1);
	connection->address = address_of(streams->serial, place);
	streams->places[place] = connection;
	streams->n++;
}

static void pause_listeners(struct streams *streams, bool paused)
{
	for (int i = 0; i < FAMILIES; i++)
		if (streams->listeners[i] >= 0)
			(void)watch(streams, EPOLL_CTL_MOD, streams->listeners[i],
				    paused ? 0 : EPOLLIN, &streams->listeners[i]);
	streams->paused = paused;
}

static void accept_some(struct streams *streams, uint64_t now_us, int listener)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage sa;
		socklen_t length = sizeof(sa);
		int fd = accept4(listener, (struct sockaddr *)&sa, &length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct addr peer;

		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			pause_listeners(streams, true);
		if (fd < 0)
			return;
		peer = addr_from_sockaddr(&sa);
		take(streams, now_us, fd, &peer);
	}
}

/* --- what comes and goes --- */

static void want_writable(const struct streams *streams, struct connection *connection)
{
	uint32_t events = EPOLLIN | (tcpframe_is_waiting(&connection->out) ? EPOLLOUT : 0u);

	(void)watch(streams, EPOLL_CTL_MOD, connection->fd, events, connection);
}

static void connection_serve(struct streams *streams, struct connection *connection,
			     uint32_t events, streams_each each, void *data)
{
	uint8_t *datagram;
	int result = 0;

	if (connection->broken)
		return;
	if (events & EPOLLOUT) {
		result = tcpframe_flush(&connection->out, connection->fd);
		if (result == 0)
			want_writable(streams, connection);
	}
	if ((result == 0 || result == -EAGAIN) && events & ~(uint32_t)EPOLLOUT) {
		result = tcpframe_read(&connection->in, connection->fd);
		if (result == 0)
			while ((result = tcpframe_next(&connection->in, &datagram)) > 0)
				each(data, &connection->address, datagram, (size_t)result);
	}
	if (result < 0 && result != -EAGAIN)
		breaks(streams, connection);
}

static void end_broken(struct streams *streams)
{
	if (!streams->any_broken)
		return;
	for (unsigned i = 0; i < STREAM_MOST; i++)
		if (streams->places[i] && streams->places[i]->broken)
			connection_end(streams, i);
	streams->any_broken = false;
}

static bool is_listener(const struct streams *streams, const void *source)
{
	return source == &streams->listeners[0] || source == &streams->listeners[1];
}

void streams_serve(struct streams *streams, uint64_t now_us, streams_each each, void *data)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(streams->epoll_fd, events, BATCH, 0);

	for (int i = 0; i < n; i++) {
		if (is_listener(streams, events[i].data.ptr))
			accept_some(streams, now_us, *(const int *)events[i].data.ptr);
		else
			connection_serve(streams, events[i].data.ptr, events[i].events, each, data);
	}
	end_broken(streams);
}

void streams_send(struct streams *streams, const struct addr *to, const uint8_t *bytes,
		  size_t length)
{
	struct connection *connection = find(streams, to);
	bool waited;
	int result;

	if (!connection || connection->broken)
		return;
	waited = tcpframe_is_waiting(&connection->out);
	result = tcpframe_send(&connection->out, connection->fd, bytes, length);
	if (result < 0 && result != -EAGAIN && result != -EMSGSIZE)
		breaks(streams, connection);
	else if (tcpframe_is_waiting(&connection->out) != waited)
		want_writable(streams, connection);
}

void streams_sweep(struct streams *streams, uint64_t now_us,
		   bool (*is_bound)(void *data, const struct addr *address), void *data)
{
	for (unsigned i = 0; i < STREAM_MOST; i++) {
		struct connection *connection = streams->places[i];

		if (!connection)
			continue;
		if (is_bound(data, &connection->address))
			connection->bound_us = now_us;
		else if (now_us - connection->bound_us >= STREAM_UNBOUND_US)
			breaks(streams, connection);
	}
	end_broken(streams);
	if (streams->paused)
		pause_listeners(streams, false);
}
