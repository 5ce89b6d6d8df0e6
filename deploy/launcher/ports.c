#include "deploy/launcher/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"
#include "deploy/launcher/folders.h"

#define PORT_FILE "port"
/* RFC 6335 section 6: the dynamic ports. */
#define PORT_LOW   49152
#define PORT_TRIES 32

static int open_udp(int family, uint16_t port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const int on = 1;
	int r;

	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		r = bind(fd, (const struct sockaddr *)&six, sizeof(six));
	} else {
		r = bind(fd, (const struct sockaddr *)&four, sizeof(four));
	}
	if (r != 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* 0, or -EADDRINUSE when either family's port is taken. */
static int open_pair(struct ports *ports, uint16_t port)
{
	ports->udp4 = open_udp(AF_INET, port);
	if (ports->udp4 < 0)
		return ports->udp4;
	ports->udp6 = open_udp(AF_INET6, port);
	if (ports->udp6 == -EADDRINUSE || ports->udp6 == -EACCES) {
		close(ports->udp4);
		ports->udp4 = -1;
		return ports->udp6;
	}
	if (ports->udp6 < 0) {
		log_notice("udp: no IPv6 on this machine: %s", strerror(-ports->udp6));
		ports->udp6 = -1;
	}
	ports->number = port;
	return 0;
}

static int open_patiently(struct ports *ports, uint16_t port, uint64_t patience_us)
{
	uint64_t until_us = clock_now_us() + patience_us;
	int r = open_pair(ports, port);

	while (r == -EADDRINUSE && clock_now_us() < until_us) {
		usleep(20000);
		r = open_pair(ports, port);
	}
	return r;
}

static uint16_t stored_port(int state_directory)
{
	char text[16] = "";

	int fd = openat(state_directory, PORT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	long port = n > 0 ? strtol(text, NULL, 10) : 0;
	return port >= 1024 && port <= 65535 ? (uint16_t)port : 0;
}

static int open_random(struct ports *ports)
{
	uint16_t draw;
	int r = -EADDRINUSE;

	for (int i = 0; r == -EADDRINUSE && i < PORT_TRIES; i++) {
		if (getrandom(&draw, sizeof(draw), 0) != (ssize_t)sizeof(draw))
			return -EIO;
		r = open_pair(ports, (uint16_t)(PORT_LOW + draw % (65536 - PORT_LOW)));
	}
	return r;
}

/* The stored port, or one that is free; whichever it is, it is the stored one afterwards. */
static int open_own(struct ports *ports, int state_directory, uint64_t patience_us)
{
	char text[16];
	int r = -EADDRINUSE;

	uint16_t stored = stored_port(state_directory);
	if (stored != 0)
		r = open_patiently(ports, stored, patience_us);
	if (r == -EADDRINUSE)
		r = open_random(ports);
	if (r != 0 || ports->number == stored)
		return r;
	if (stored != 0)
		log_warning(
			"udp: port %u, used last time, is taken by another program; now port %u",
			stored, ports->number);
	int n = snprintf(text, sizeof(text), "%u\n", ports->number);
	if (folders_write(state_directory, PORT_FILE, text, (size_t)n, 0644, 0) != 0)
		log_warning("udp: port %u cannot be stored: the next start will use another",
			    ports->number);
	return 0;
}

int ports_open(struct ports *ports, uint16_t wanted, int state_directory, uint64_t patience_us,
	       struct error *error)
{
	int r = wanted != 0 ? open_patiently(ports, wanted, patience_us)
			    : open_own(ports, state_directory, patience_us);

	if (r == -EADDRINUSE && wanted != 0)
		return error_set(
			error, r,
			"UDP port %u is in use: set another as [dataplane] listen_port=, or "
			"leave it out and one is chosen (ss -lunp names the program)",
			wanted);
	if (r != 0)
		return error_set(error, r, "cannot open a UDP socket: %s", strerror(-r));
	log_info("udp: port %u", ports->number);
	return 0;
}

static int try_tcp(const struct addr *addr)
{
	struct sockaddr_storage name;
	socklen_t length = addr_to_sockaddr(addr, &name);
	const int on = 1;
	int r = 0;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Connections that linger are no listener. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&name, length) != 0 || listen(fd, 1) != 0)
		r = -errno;
	close(fd);
	return r;
}

int ports_check_api(const char *api, uint64_t patience_us, struct error *error)
{
	uint64_t until_us = clock_now_us() + patience_us;
	struct addr addr;

	int r = addr_parse(&addr, api);
	if (r == 0)
		r = try_tcp(&addr);
	while (r == -EADDRINUSE && clock_now_us() < until_us) {
		usleep(20000);
		r = try_tcp(&addr);
	}
	if (r == -EADDRINUSE)
		return error_set(error, r,
				 "another program listens at %s, where the API should: end it (ss "
				 "-ltnp names it), or set another address as [api] listen=",
				 api);
	if (r != 0) /* the loopback interface may come up later */
		log_warning("api: cannot listen at %s: %s", api, strerror(-r));
	return 0;
}
