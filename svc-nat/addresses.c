#include "svc-nat/addresses.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-nat/dump.h"

#define BUFFER_SIZE 32768 /* the kernel's dumps fill up to this (libmnl's default is less) */
#define DUMP_TRIES  5
#define RETRY_MS    1000

/* -EINTR: something changed meanwhile, the answer is of no use. The dump is read to its end even
 * then: the kernel starts no other before. */
static int ask(struct addresses *addresses, uint16_t type, struct dump *dump)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	int result = 0;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++addresses->sequence;
	if (type == RTM_GETADDR) {
		struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

		info->ifa_family = AF_UNSPEC;
	} else if (type == RTM_GETROUTE) {
		struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

		info->rtm_family = AF_UNSPEC;
	} else {
		struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

		info->ifi_family = AF_UNSPEC;
	}
	if (mnl_socket_sendto(addresses->reader, message, message->nlmsg_len) < 0)
		return -errno;
	while (result == 0) {
		ssize_t got = mnl_socket_recvfrom(addresses->reader, buffer, sizeof(buffer));

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			result = dump_read(dump, buffer, (size_t)got, addresses->sequence,
					   mnl_socket_get_portid(addresses->reader));
	}
	if (result < 0)
		return result;
	return dump->interrupted ? -EINTR : 0;
}

static int read_once(struct addresses *addresses, struct dump *dump)
{
	int result;

	dump_init(dump);
	result = ask(addresses, RTM_GETADDR, dump);
	if (result == 0)
		result = ask(addresses, RTM_GETLINK, dump);
	return result < 0 ? result : ask(addresses, RTM_GETROUTE, dump);
}

/* 1: the list is another than before; 0: the same; negative errno: not read. */
static int read_all(struct addresses *addresses)
{
	struct dump *dump = malloc(sizeof(*dump));
	int result = dump ? -EINTR : -ENOMEM;

	for (int tries = 0; tries < DUMP_TRIES && result == -EINTR; tries++)
		result = read_once(addresses, dump);
	addresses->read_us = clock_now_us();
	if (result == 0) {
		size_t size = dump->n * sizeof(dump->list[0]);

		result = dump->n != addresses->n || dump->routes != addresses->routes ||
			 memcmp(dump->list, addresses->list, size) != 0;
		addresses->n = dump->n;
		addresses->routes = dump->routes;
		memcpy(addresses->list, dump->list, size);
	}
	free(dump);
	return result;
}

static void read_later(struct addresses *addresses, uint64_t after_ms);

static void read_now(void *data)
{
	struct addresses *addresses = data;
	int result = read_all(addresses);

	addresses->waiting = false;
	if (result < 0) {
		log_warning("addresses: cannot read them, trying again: %s", strerror(-result));
		read_later(addresses, RETRY_MS);
	} else if (result > 0) {
		addresses->changed(addresses->data);
	}
}

static void read_later(struct addresses *addresses, uint64_t after_ms)
{
	addresses->waiting = true;
	loop_timer_start(addresses->loop, &addresses->timer, after_ms, 0, read_now, addresses);
}

static void on_readable(void *data)
{
	struct addresses *addresses = data;
	char buffer[BUFFER_SIZE];
	uint64_t now_us, due_us;

	/* What they say does not matter: ENOBUFS is as good a reason to read again. */
	for (int i = 0; i < 64; i++) {
		if (recv(mnl_socket_get_fd(addresses->monitor), buffer, sizeof(buffer),
			 MSG_DONTWAIT) < 0 &&
		    errno != ENOBUFS)
			break;
	}
	if (addresses->waiting)
		return;
	now_us = clock_now_us();
	due_us = addresses->read_us + ADDRESSES_INTERVAL_MS * CLOCK_MS;
	if (now_us >= due_us)
		read_now(addresses);
	else
		read_later(addresses, (due_us - now_us) / CLOCK_MS + 1);
}

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (socket && mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;

		mnl_socket_close(socket);
		errno = code;
		return NULL;
	}
	return socket;
}

int addresses_start(struct addresses *addresses, struct loop *loop, void (*changed)(void *data),
		    void *data, struct error *error)
{
	int result;

	addresses->loop = loop;
	addresses->changed = changed;
	addresses->data = data;
	/* The monitor first, so that no change falls between reading and listening. */
	addresses->monitor = open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
					 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	if (addresses->monitor)
		addresses->reader = open_socket(0);
	if (!addresses->reader)
		return error_set(error, -errno, "cannot open netlink: %s", strerror(errno));
	result = loop_poll_start(loop, &addresses->poll, mnl_socket_get_fd(addresses->monitor),
				 on_readable, addresses);
	if (result < 0)
		return error_set(error, result, "cannot watch netlink: %s", strerror(-result));
	if (read_all(addresses) < 0)
		read_later(addresses, RETRY_MS);
	return 0;
}

void addresses_stop(struct addresses *addresses)
{
	loop_poll_stop(&addresses->poll);
	loop_timer_stop(&addresses->timer);
	if (addresses->monitor)
		mnl_socket_close(addresses->monitor);
	if (addresses->reader)
		mnl_socket_close(addresses->reader);
	addresses->monitor = addresses->reader = NULL;
}
