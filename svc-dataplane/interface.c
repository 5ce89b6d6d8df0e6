#include "svc-dataplane/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "svc-dataplane/engine.h"

#define BUFFER_SIZE   32768
#define ROUTE_METRIC  5	 /* ahead of what network managers use */
#define ATTRIBUTES    32 /* types beyond are of no interest */
#define ADDRESSES_MAX 64
#define ROUTES_MAX    (2 * DATAPLANE_MEMBERS_MAX)
/* Routes shorter than this are ways to everywhere (a VPN halves the default route): no overlap. */
#define DEFAULT_BELOW 8

/* One conversation with the kernel. */
struct link {
	struct mnl_socket *socket;
	uint32_t sequence;
	unsigned index;
	const char *name;
	char buffer[BUFFER_SIZE];
};

static int link_open(struct link *link, const char *name, struct error *error)
{
	link->name = name;
	link->sequence = (uint32_t)time(NULL);
	link->index = if_nametoindex(name);
	if (!link->index)
		return error_set(error, -errno, "interface %s: %s", name, strerror(errno));
	link->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!link->socket)
		return error_set(error, -errno, "cannot open netlink: %s", strerror(errno));
	if (mnl_socket_bind(link->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = -errno;

		mnl_socket_close(link->socket);
		return error_set(error, code, "cannot bind netlink: %s", strerror(-code));
	}
	return 0;
}

static void link_close(struct link *link)
{
	mnl_socket_close(link->socket);
}

static struct nlmsghdr *message_start(struct link *link, uint16_t type, int flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(link->buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = ++link->sequence;
	return message;
}

/* Sends the message and runs each for every answer until done. */
static int exchange(struct link *link, struct nlmsghdr *message, mnl_cb_t each, void *data)
{
	unsigned port = mnl_socket_get_portid(link->socket);

	if (mnl_socket_sendto(link->socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(link->socket, link->buffer, BUFFER_SIZE);
		int more;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		more = mnl_cb_run(link->buffer, (size_t)got, link->sequence, port, each, data);
		if (more < 0)
			return -errno;
		if (more == MNL_CB_STOP)
			return 0;
	}
}

static int change(struct link *link, struct nlmsghdr *message)
{
	message->nlmsg_flags |= NLM_F_ACK;
	return exchange(link, message, NULL, NULL);
}

/* A dump that something changed under is taken again. */
static int dump(struct link *link, uint16_t type, unsigned char family, mnl_cb_t each, void *data,
		void (*reset)(void *data))
{
	int result = -EINTR;

	for (int tries = 0; tries < 5 && result == -EINTR; tries++) {
		struct nlmsghdr *message = message_start(link, type, NLM_F_DUMP);
		struct rtgenmsg *general =
			mnl_nlmsg_put_extra_header(message, sizeof(struct rtgenmsg));

		general->rtgen_family = family;
		reset(data);
		result = exchange(link, message, each, data);
	}
	return result;
}

static int keep_attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **table = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES)
		table[type] = attribute;
	return MNL_CB_OK;
}

static struct addr attribute_addr(const struct nlattr *attribute)
{
	struct addr addr = {0};

	if (attribute)
		(void)addr_from_bytes(&addr, mnl_attr_get_payload(attribute),
				      mnl_attr_get_payload_len(attribute), 0);
	return addr;
}

static uint32_t attribute_u32(const struct nlattr *attribute)
{
	return attribute && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0
		       ? mnl_attr_get_u32(attribute)
		       : 0;
}

/* ---- the link ---- */

static int set_link(struct link *link, bool up, uint32_t mtu)
{
	struct nlmsghdr *message = message_start(link, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_index = (int)link->index;
	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	if (mtu)
		mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return change(link, message);
}

/* No link-local IPv6 address: the party is IPv4, and its chatter would go nowhere. A kernel without
 * IPv6 refuses, which is as good. */
static void set_no_ipv6_address(struct link *link)
{
	struct nlmsghdr *message = message_start(link, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	struct nlattr *families, *ipv6;

	info->ifi_index = (int)link->index;
	families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	ipv6 = mnl_attr_nest_start(message, AF_INET6);
	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, ipv6);
	mnl_attr_nest_end(message, families);
	(void)change(link, message);
}

/* ---- addresses ---- */

struct address {
	struct addr addr;
	uint8_t prefix_length;
	bool no_route; /* IFA_F_NOPREFIXROUTE */
};

struct addresses {
	unsigned index;
	size_t n;
	struct address list[ADDRESSES_MAX];
};

static void addresses_reset(void *data)
{
	struct addresses *found = data;

	found->n = 0;
}

static int addresses_each(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[ATTRIBUTES] = {0};
	struct addresses *found = data;
	struct address *address;

	if (message->nlmsg_type != RTM_NEWADDR || info->ifa_index != found->index ||
	    found->n == ADDRESSES_MAX)
		return MNL_CB_OK;
	(void)mnl_attr_parse(message, sizeof(*info), keep_attribute, table);
	address = &found->list[found->n++];
	*address = (struct address){.prefix_length = info->ifa_prefixlen};
	/* With a far end, IFA_ADDRESS is that one. */
	address->addr = attribute_addr(table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS]);
	address->no_route = attribute_u32(table[IFA_FLAGS]) & IFA_F_NOPREFIXROUTE;
	return MNL_CB_OK;
}

static int put_address(struct link *link, uint16_t type, const struct address *address)
{
	int flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	struct nlmsghdr *message = message_start(link, type, flags);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	size_t length = addr_ip_length(&address->addr);

	info->ifa_family = address->addr.family == ADDR_IPV4 ? AF_INET : AF_INET6;
	info->ifa_prefixlen = address->prefix_length;
	info->ifa_index = link->index;
	mnl_attr_put(message, IFA_LOCAL, length, address->addr.ip);
	mnl_attr_put(message, IFA_ADDRESS, length, address->addr.ip);
	if (type == RTM_NEWADDR) {
		mnl_attr_put_u32(message, IFA_BROADCAST,
				 interface_broadcast(&address->addr, address->prefix_length));
		mnl_attr_put_u32(message, IFA_FLAGS,
				 address->no_route ? (uint32_t)IFA_F_NOPREFIXROUTE : 0);
	}
	return change(link, message);
}

static bool address_equal(const struct address *a, const struct address *b)
{
	return addr_equal(&a->addr, &b->addr) && a->prefix_length == b->prefix_length &&
	       a->no_route == b->no_route;
}

/* Leaves exactly the wanted address (NULL: none). */
static int set_address(struct link *link, const struct address *wanted)
{
	struct addresses found = {.index = link->index};
	bool there = false;
	int result;

	result = dump(link, RTM_GETADDR, AF_UNSPEC, addresses_each, &found, addresses_reset);
	for (size_t i = 0; i < found.n && result == 0; i++) {
		if (wanted && address_equal(&found.list[i], wanted))
			there = true;
		else
			result = put_address(link, RTM_DELADDR, &found.list[i]);
		if (result == -EADDRNOTAVAIL) /* a secondary one that went with its primary */
			result = 0;
	}
	if (result < 0 || !wanted || there)
		return result;
	return put_address(link, RTM_NEWADDR, wanted);
}

/* ---- routes ---- */

struct routes {
	unsigned index;
	struct addr_prefix party; /* none: no check for overlap */
	struct addr_prefix other; /* an overlapping route of another interface */
	bool collides;
	bool anywhere; /* there is a default route, by another interface */
	size_t n;
	struct addr_prefix list[ROUTES_MAX]; /* ours, but the one to the whole prefix */
	size_t n_wanted;
	struct addr_prefix wanted[DATAPLANE_MEMBERS_MAX + 2];
};

static void routes_reset(void *data)
{
	struct routes *found = data;

	found->n = 0;
	found->collides = false;
	found->anywhere = false;
}

static bool overlap(const struct addr_prefix *a, const struct addr_prefix *b)
{
	return addr_prefix_contains(a, &b->addr) || addr_prefix_contains(b, &a->addr);
}

static int routes_each(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[ATTRIBUTES] = {0};
	struct routes *found = data;
	struct addr_prefix to = {.length = info->rtm_dst_len};

	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_family != AF_INET ||
	    info->rtm_table != RT_TABLE_MAIN)
		return MNL_CB_OK;
	(void)mnl_attr_parse(message, sizeof(*info), keep_attribute, table);
	to.addr = attribute_addr(table[RTA_DST]);
	if (attribute_u32(table[RTA_OIF]) == found->index) {
		if (info->rtm_protocol == DATAPLANE_ROUTE_PROTOCOL && found->n < ROUTES_MAX)
			found->list[found->n++] = to;
	} else if (to.length == 0) {
		found->anywhere |= info->rtm_type == RTN_UNICAST;
	} else if (to.length >= DEFAULT_BELOW && !addr_is_none(&found->party.addr) &&
		   overlap(&to, &found->party)) {
		found->collides = true;
		found->other = to;
	}
	return MNL_CB_OK;
}

static int put_route(struct link *link, uint16_t type, const struct addr_prefix *to,
		     const struct addr *from)
{
	int flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	struct nlmsghdr *message = message_start(link, type, flags);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_dst_len = to->length;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = DATAPLANE_ROUTE_PROTOCOL;
	info->rtm_scope = RT_SCOPE_LINK;
	info->rtm_type = RTN_UNICAST;
	mnl_attr_put(message, RTA_DST, 4, to->addr.ip);
	mnl_attr_put_u32(message, RTA_OIF, link->index);
	mnl_attr_put_u32(message, RTA_PRIORITY, ROUTE_METRIC);
	if (from)
		mnl_attr_put(message, RTA_PREFSRC, 4, from->ip);
	return change(link, message);
}

/* Where no route leads to everybody, the kernel refuses to send there at all. */
static void want_everybody(struct routes *routes)
{
	routes->wanted[routes->n_wanted++] = (struct addr_prefix){addr_ipv4(UINT32_MAX, 0), 32};
	routes->wanted[routes->n_wanted++] = (struct addr_prefix){addr_ipv4(0xe0000000u, 0), 4};
}

static void want_routes(struct routes *routes, const struct dataplane_party *party)
{
	for (size_t i = 0; routes->collides && i < party->n_members; i++)
		routes->wanted[routes->n_wanted++] =
			(struct addr_prefix){party->members[i].address, 32};
	if (party->lan & DATAPLANE_LAN_DISCOVERY && !routes->anywhere)
		want_everybody(routes);
}

static bool is_wanted(const struct routes *routes, const struct addr_prefix *to)
{
	for (size_t i = 0; i < routes->n_wanted; i++) {
		if (routes->wanted[i].length == to->length &&
		    addr_equal_ip(&routes->wanted[i].addr, &to->addr))
			return true;
	}
	return false;
}

/* Leaves exactly those wanted. from: the address of packets that go there. */
static int set_routes(struct link *link, const struct routes *routes, const struct addr *from)
{
	int result = 0;

	for (size_t i = 0; i < routes->n && result == 0; i++) {
		if (!is_wanted(routes, &routes->list[i]))
			result = put_route(link, RTM_DELROUTE, &routes->list[i], NULL);
		if (result == -ESRCH) /* it went with the address */
			result = 0;
	}
	for (size_t i = 0; i < routes->n_wanted && result == 0; i++)
		result = put_route(link, RTM_NEWROUTE, &routes->wanted[i], from);
	return result;
}

/* ---- the whole ---- */

uint32_t interface_broadcast(const struct addr *address, uint8_t prefix_length)
{
	uint32_t hosts = prefix_length >= 32 ? 0 : UINT32_MAX >> prefix_length;

	return htonl(addr_ipv4_value(address) | hosts);
}

static struct addr_prefix party_prefix(const struct dataplane_party *party)
{
	uint32_t mask = ~(UINT32_MAX >> party->prefix_length);

	return (struct addr_prefix){addr_ipv4(addr_ipv4_value(&party->address) & mask, 0),
				    party->prefix_length};
}

static int find_routes(struct link *link, struct routes *found)
{
	found->index = link->index;
	return dump(link, RTM_GETROUTE, AF_INET, routes_each, found, routes_reset);
}

static void log_collision(const struct link *link, const struct routes *found)
{
	char ours[ADDR_TEXT_SIZE], theirs[ADDR_TEXT_SIZE];

	log_warning(
		"interface %s: the party's %s overlaps this machine's own route to %s: using one "
		"route for each member",
		link->name, addr_prefix_format(&found->party, ours),
		addr_prefix_format(&found->other, theirs));
}

static int apply(struct link *link, const struct dataplane_party *party, struct routes *found,
		 const char **step)
{
	struct address address = {.addr = party->address, .prefix_length = party->prefix_length};
	int result;

	found->party = party_prefix(party);
	set_no_ipv6_address(link);
	*step = "read the routes";
	result = find_routes(link, found);
	if (result < 0)
		return result;
	address.no_route = found->collides;
	*step = "set the address";
	result = set_address(link, &address);
	if (result < 0)
		return result;
	*step = "set MTU and state";
	result = set_link(link, true, ENGINE_MTU);
	if (result < 0)
		return result;
	*step = "set the routes to members";
	want_routes(found, party);
	return set_routes(link, found, &party->address);
}

int interface_apply(const char *name, const struct dataplane_party *party, bool *collides,
		    struct error *error)
{
	struct routes *found = calloc(1, sizeof(*found));
	struct link link;
	const char *step = "";
	int result;

	if (!found)
		return error_set(error, -ENOMEM, "out of memory");
	result = link_open(&link, name, error);
	if (result == 0) {
		result = apply(&link, party, found, &step);
		link_close(&link);
		if (result < 0)
			error_set(error, result, "interface %s: cannot %s: %s", name, step,
				  strerror(-result));
		else if (found->collides && !*collides)
			log_collision(&link, found);
		*collides = found->collides;
	}
	free(found);
	return result;
}

int interface_clear(const char *name, struct error *error)
{
	struct routes *found = calloc(1, sizeof(*found));
	struct link link;
	int result;

	if (!found)
		return error_set(error, -ENOMEM, "out of memory");
	result = link_open(&link, name, error);
	if (result == 0) {
		result = find_routes(&link, found);
		if (result == 0)
			result = set_routes(&link, found, NULL);
		if (result == 0)
			result = set_address(&link, NULL);
		if (result == 0)
			result = set_link(&link, false, 0);
		link_close(&link);
		if (result < 0)
			error_set(error, result, "interface %s: cannot clear it: %s", name,
				  strerror(-result));
	}
	free(found);
	return result;
}
