/* The kernel's list of addresses and links, from bytes as the kernel writes them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "svc-nat/dump.h"

#define SEQUENCE 7
#define PORT	 42

static struct dump dump;
static _Alignas(8) uint8_t bytes[4096];
static size_t used;

static int set_up(void **state)
{
	(void)state;
	dump_init(&dump);
	memset(bytes, 0, sizeof(bytes));
	used = 0;
	return 0;
}

static struct nlmsghdr *begin(uint16_t type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes + used);

	message->nlmsg_type = type;
	message->nlmsg_seq = SEQUENCE;
	message->nlmsg_pid = PORT;
	return message;
}

static void end(const struct nlmsghdr *message)
{
	used += (size_t)MNL_ALIGN((int)message->nlmsg_len);
}

static void put_address(unsigned index, uint32_t ip, uint32_t flags)
{
	struct nlmsghdr *message = begin(RTM_NEWADDR);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifa_family = AF_INET;
	info->ifa_prefixlen = 24;
	info->ifa_index = index;
	mnl_attr_put_u32(message, IFA_LOCAL, ip);
	mnl_attr_put_u32(message, IFA_FLAGS, flags);
	end(message);
}

static void put_link(int index, const char *name, unsigned flags)
{
	struct nlmsghdr *message = begin(RTM_NEWLINK);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_index = index;
	info->ifi_flags = flags;
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	end(message);
}

static int take(void)
{
	return dump_read(&dump, bytes, used, SEQUENCE, PORT);
}

static void test_addresses_and_links(void **state)
{
	(void)state;
	put_address(2, 0x0100000a, 0);
	put_address(3, 0x0200000a, IFA_F_TENTATIVE);
	put_link(2, "eth0", IFF_UP | IFF_RUNNING);
	put_link(3, "eth1", IFF_UP);
	put_link(9, "other", IFF_UP);
	assert_int_equal(take(), 0);
	assert_int_equal(dump.n, 2);
	assert_string_equal(dump.list[0].interface, "eth0");
	assert_true(dump.list[0].up && !dump.list[0].tentative);
	assert_int_equal(dump.list[0].prefix_length, 24);
	assert_string_equal(dump.list[1].interface, "eth1");
	assert_true(!dump.list[1].up && dump.list[1].tentative);
}

static void test_ends(void **state)
{
	struct nlmsghdr *message;
	struct nlmsgerr *failure;

	(void)state;
	end(begin(NLMSG_DONE));
	put_address(2, 1, 0);
	assert_int_equal(take(), 1);
	assert_int_equal(dump.n, 0);
	set_up(NULL);
	message = begin(NLMSG_ERROR);
	failure = mnl_nlmsg_put_extra_header(message, sizeof(*failure));
	failure->error = -EACCES;
	end(message);
	assert_int_equal(take(), -EACCES);
	failure->error = 5; /* no errno */
	assert_int_equal(take(), 1);
	set_up(NULL);
	end(begin(NLMSG_ERROR)); /* and nothing behind it */
	assert_int_equal(take(), -EBADMSG);
}

static void test_others_and_interruptions(void **state)
{
	(void)state;
	put_address(2, 1, 0);
	assert_int_equal(dump_read(&dump, bytes, used, SEQUENCE + 1, PORT), 0);
	assert_int_equal(dump_read(&dump, bytes, used, SEQUENCE, PORT + 1), 0);
	assert_int_equal(dump.n, 0);
	((struct nlmsghdr *)(void *)bytes)->nlmsg_flags = NLM_F_DUMP_INTR;
	assert_int_equal(take(), 0);
	assert_true(dump.interrupted);
}

static void test_lengths_that_lie(void **state)
{
	static const uint32_t lengths[] = {0,		1,	     15,	 16,
					   17,		4000,	     0x7fffffff, 0x80000000u,
					   0xff000000u, 0xfffffff0u, 0xffffffffu};
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)bytes;

	(void)state;
	put_address(2, 1, 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		message->nlmsg_len = lengths[i];
		assert_int_equal(take(), 0);
		assert_int_equal(dump.n, 0);
	}
	message->nlmsg_len = (uint32_t)used;
	for (size_t n = 0; n < used; n++)
		assert_int_equal(dump_read(&dump, bytes, n, SEQUENCE, PORT), 0);
	assert_int_equal(dump.n, 0);
	assert_int_equal(take(), 0);
	assert_int_equal(dump.n, 1);
}

static void test_more_than_there_is_room_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DUMP_ADDRESSES_MAX + 10; i++) {
		used = 0;
		put_address(i + 1, i, 0);
		assert_int_equal(take(), 0);
	}
	assert_int_equal(dump.n, DUMP_ADDRESSES_MAX);
}

static void put_route(uint32_t to, unsigned index, uint8_t table, uint8_t protocol)
{
	struct nlmsghdr *message = begin(RTM_NEWROUTE);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_dst_len = to ? 16 : 0;
	info->rtm_table = table;
	info->rtm_protocol = protocol;
	if (to)
		mnl_attr_put_u32(message, RTA_DST, to);
	mnl_attr_put_u32(message, RTA_OIF, index);
	end(message);
}

static uint64_t routes_read(void)
{
	uint64_t routes;

	(void)dump_read(&dump, bytes, used, SEQUENCE, PORT);
	routes = dump.routes;
	set_up(NULL);
	return routes;
}

/* In any order; those of other tables and of the tunnel do not count. */
static void test_routes_as_a_digest(void **state)
{
	uint64_t first, second;

	(void)state;
	assert_int_equal(routes_read(), 0);
	put_route(0, 2, RT_TABLE_MAIN, RTPROT_DHCP);
	put_route(0x0a420000, 2, RT_TABLE_MAIN, RTPROT_STATIC);
	first = routes_read();
	put_route(0x0a420000, 2, RT_TABLE_MAIN, RTPROT_BOOT);
	put_route(0, 2, RT_TABLE_MAIN, RTPROT_DHCP);
	put_route(0x0a430000, 2, RT_TABLE_LOCAL, RTPROT_KERNEL);
	put_route(0x0a440000, 3, RT_TABLE_MAIN, 76);
	second = routes_read();
	assert_true(first != 0 && first == second);
	put_route(0, 3, RT_TABLE_MAIN, RTPROT_DHCP); /* another way out */
	put_route(0x0a420000, 2, RT_TABLE_MAIN, RTPROT_STATIC);
	assert_true(routes_read() != first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_addresses_and_links, set_up),
		cmocka_unit_test_setup(test_ends, set_up),
		cmocka_unit_test_setup(test_others_and_interruptions, set_up),
		cmocka_unit_test_setup(test_lengths_that_lie, set_up),
		cmocka_unit_test_setup(test_more_than_there_is_room_for, set_up),
		cmocka_unit_test_setup(test_routes_as_a_digest, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
