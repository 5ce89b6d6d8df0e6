#include "svc-nat/dump.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#define ATTRIBUTES 16

static int keep_attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **table = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES)
		table[type] = attribute;
	return MNL_CB_OK;
}

/* The fixed head of a message, or NULL where it is shorter. */
static const void *head_of(const struct nlmsghdr *message, size_t size)
{
	return mnl_nlmsg_get_payload_len(message) >= size ? mnl_nlmsg_get_payload(message) : NULL;
}

static void read_address(struct dump *dump, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = head_of(message, sizeof(*info));
	const struct nlattr *table[ATTRIBUTES] = {0};
	const struct nlattr *address;
	struct host_address *host = &dump->list[dump->n];
	uint32_t flags;

	if (!info || dump->n == DUMP_ADDRESSES_MAX)
		return;
	flags = info->ifa_flags;
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
	dump->index[dump->n++] = info->ifa_index;
}

static void read_link(struct dump *dump, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = head_of(message, sizeof(*info));
	const struct nlattr *table[ATTRIBUTES] = {0};
	const unsigned carries = IFF_UP | IFF_RUNNING;
	const struct nlattr *name;

	if (!info)
		return;
	mnl_attr_parse(message, sizeof(*info), keep_attribute, table);
	name = table[IFLA_IFNAME];
	if (name && mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0)
		name = NULL;
	for (size_t i = 0; i < dump->n; i++) {
		struct host_address *host = &dump->list[i];

		if (dump->index[i] != (unsigned)info->ifi_index)
			continue;
		host->up = (info->ifi_flags & carries) == carries;
		if (name)
			strncpy(host->interface, mnl_attr_get_str(name),
				sizeof(host->interface) - 1);
	}
}

static uint64_t hash(uint64_t seed, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		seed = (seed ^ at[i]) * 0x100000001b3ull; /* FNV-1a */
	return seed;
}

/* The digest is a sum, so that their order does not count. What changes by itself, as lifetimes do,
 * is left out. */
static void read_route(struct dump *dump, const struct nlmsghdr *message)
{
	static const uint16_t counting[] = {RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY,
					    RTA_PREFSRC};
	const struct rtmsg *info = head_of(message, sizeof(*info));
	const struct nlattr *table[ATTRIBUTES] = {0};
	uint64_t digest = 0xcbf29ce484222325ull;

	if (!info || info->rtm_table != RT_TABLE_MAIN ||
	    info->rtm_protocol == DATAPLANE_ROUTE_PROTOCOL)
		return;
	mnl_attr_parse(message, sizeof(*info), keep_attribute, table);
	digest = hash(digest, &info->rtm_family, sizeof(info->rtm_family));
	digest = hash(digest, &info->rtm_dst_len, sizeof(info->rtm_dst_len));
	for (size_t i = 0; i < sizeof(counting) / sizeof(counting[0]); i++) {
		const struct nlattr *attribute = table[counting[i]];

		if (attribute)
			digest = hash(digest, attribute, attribute->nla_len);
	}
	dump->routes += digest;
}

/* 1, or a negative errno. */
static int read_error(const struct nlmsghdr *message)
{
	const struct nlmsgerr *failure = head_of(message, sizeof(*failure));

	if (!failure)
		return -EBADMSG;
	return failure->error < 0 ? failure->error : 1;
}

static size_t padded(uint32_t length)
{
	return ((size_t)length + 3) & ~(size_t)3;
}

/* libmnl's own check takes a length above 2^31 for a negative one that fits, and lets the last
 * message end in padding that is not there. */
static bool fits(const struct nlmsghdr *message, size_t left)
{
	return left >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= left && padded(message->nlmsg_len) <= left;
}

void dump_init(struct dump *dump)
{
	dump->interrupted = false;
	dump->routes = 0;
	dump->n = 0;
}

int dump_read(struct dump *dump, const void *bytes, size_t length, uint32_t sequence, uint32_t port)
{
	const uint8_t *at = bytes;
	size_t step;

	for (size_t left = length; fits((const void *)at, left); at += step, left -= step) {
		const struct nlmsghdr *message = (const void *)at;

		step = padded(message->nlmsg_len);
		if (message->nlmsg_seq != sequence || message->nlmsg_pid != port)
			continue; /* of a dump given up before */
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			dump->interrupted = true;
		switch (message->nlmsg_type) {
		case NLMSG_DONE: return 1;
		case NLMSG_ERROR: return read_error(message);
		case RTM_NEWADDR: read_address(dump, message); break;
		case RTM_NEWLINK: read_link(dump, message); break;
		case RTM_NEWROUTE: read_route(dump, message); break;
		default: break;
		}
	}
	return 0;
}
