#include "svc-nat/addresses.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define BUFFER_SIZE 32768 /* the kernel's dumps fill up to this (libmnl's default is less) */
#define DUMP_TRIES  5
#define ATTRIBUTES  16
#define RETRY_MS    1000

/* A list being read; indices go along until the links have been asked for. */
struct reading {
	size_t n;
	unsigned index[ADDRESSES_MAX];
	struct host_address list[ADDRESSES_MAX];
};

static int keep_attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **table = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES)
		table[type] = attribute;
	return MNL_CB_OK;
}

static void read_address(const struct nlmsghdr *message, struct reading *reading)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[ATTRIBUTES] = {0};
	const struct nlattr *address;
	struct host_address *host = &reading->list[reading->n];
	uint32_t flags = info->ifa_flags;

	if (message->nlmsg_type != RTM_NEWADDR || reading->n == ADDRESSES_MAX)
		return;
	mnl_attr_parse(message, sizeof(*info), keep_attribute, table);
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	address = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
	memset(host, 0, sizeof(*host));
	if (!address || addr_from_bytes(&host->addr, mnl_attr_get_payload(address),
					mnl_attr_get_payload_len(address), 0) < 0)
		return;
	if (table[IFA_FLAGS] && mnl_attr_validate(table[IFA_FLAGS], MNL_TYPE_U32) >= 0)
		flags = mnl_attr_get_u32(table[IFA_FLAGS]);
	host->prefix_length = info->ifa_prefixlen;
	host->tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0;
	host->deprecated = (flags & IFA_F_DEPRECATED) != 0;
	host->temporary = info->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY) != 0;
	reading->index[reading->n++] = info->ifa_index;
}

static void read_link(const struct nlmsghdr *message, struct reading *reading)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[ATTRIBUTES] = {0};
	const unsigned carries = IFF_UP | IFF_RUNNING;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	mnl_attr_parse(message, sizeof(*info), keep_attribute, table);
	for (size_t i = 0; i < reading->n; i++) {
		struct host_address *host = &reading->list[i];

		if (reading->index[i] != (unsigned)info->ifi_index)
			continue;
		host->up = (info->ifi_flags & carries) == carries;
		if (table[IFLA_IFNAME])
			strncpy(host->interface, mnl_attr_get_str(table[IFLA_IFNAME]),
				sizeof(host->interface) - 1);
	}
}

/* One datagram of a dump. 1: the dump is over; 0: there is more; negative errno. */
static int read_datagram(struct addresses *addresses, const void *bytes, int length,
			 struct reading *reading, bool *interrupted)
{
	unsigned port = mnl_socket_get_portid(addresses->reader);

	for (const struct nlmsghdr *message = bytes; mnl_nlmsg_ok(message, length);
	     message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_seq != addresses->sequence || message->nlmsg_pid != port)
			continue; /* of a dump given up before */
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *failure = mnl_nlmsg_get_payload(message);

			return failure->error ? failure->error : 1;
		}
		if (message->nlmsg_type == RTM_NEWADDR)
			read_address(message, reading);
		else
			read_link(message, reading);
	}
	return 0;
}

/* -EINTR: something changed meanwhile, the answer is of no use. The dump is read to its end even
 * then: the kernel starts no other before. */
static int dump(struct addresses *addresses, uint16_t type, struct reading *reading)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	bool interrupted = false;
	int result = 0;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++addresses->sequence;
	if (type == RTM_GETADDR) {
		struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

		info->ifa_family = AF_UNSPEC;
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
			result = read_datagram(addresses, buffer, (int)got, reading, &interrupted);
	}
	if (result < 0)
		return result;
	return interrupted ? -EINTR : 0;
}

static int read_once(struct addresses *addresses, struct reading *reading)
{
	int result;

	reading->n = 0;
	result = dump(addresses, RTM_GETADDR, reading);
	return result < 0 ? result : dump(addresses, RTM_GETLINK, reading);
}

/* 1: the list is another than before; 0: the same; negative errno: not read. */
static int read_all(struct addresses *addresses)
{
	struct reading *reading = malloc(sizeof(*reading));
	int result = reading ? -EINTR : -ENOMEM;

	for (int tries = 0; tries < DUMP_TRIES && result == -EINTR; tries++)
		result = read_once(addresses, reading);
	addresses->read_us = clock_now_us();
	if (result == 0) {
		size_t size = reading->n * sizeof(reading->list[0]);

		result = reading->n != addresses->n ||
			 memcmp(reading->list, addresses->list, size) != 0;
		addresses->n = reading->n;
		memcpy(addresses->list, reading->list, size);
	}
	free(reading);
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
	addresses->monitor = open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
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
