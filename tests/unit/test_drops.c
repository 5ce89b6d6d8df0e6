/* What vanishes between the network card and the sockets, and whether those were our answers. */
#include "svc-nat/drops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

static const char snmp[] =
	"Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams "
	"InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout "
	"ReasmReqds ReasmOKs ReasmFails FragOKs\n"
	"Ip: 2 64 1000 1 2 3 4 5 900 800 0 0 0 20 10 0 0\n"
	"Icmp: InMsgs InReceives\n"
	"Icmp: 7 7\n";
static const char snmp6[] = "Ip6InReceives                   \t100\n"
			    "Ip6InHdrErrors                  \t1\n"
			    "Ip6InDelivers                   \t90\n"
			    "Ip6InDeliversX                  \t5\n";

static void test_count(void **state)
{
	(void)state;
	assert_int_equal(drops_count(snmp, ""), 1000 + 10 - 1 - 2 - 3 - 5 - 900 - 20);
	assert_int_equal(drops_count("", snmp6), 9);
	assert_int_equal(drops_count(snmp, snmp6), 88);
	/* whatever the files say */
	assert_int_equal(drops_count("", ""), 0);
	assert_int_equal(drops_count("Ip: InReceives", "Ip6InReceives"), 0);
	assert_int_equal(drops_count("Ip: InReceives\nIp:", "Ip6InReceives -"), 0);
	assert_int_equal(drops_count("Ip: InReceives InDelivers\nIp: 5 9\n", "\n\n"), 0);
	(void)drops_read();
}

/* One time of asking: so many requests, and so many packets that vanished meanwhile. */
static void ask(struct drops *drops, uint64_t copies, uint64_t vanished)
{
	static uint64_t all_copies, all_vanished;

	assert_true(drops_is_due(drops, true, 0));
	drops_update(drops, true, all_copies, 0, all_vanished);
	assert_false(drops_is_due(drops, true, 0));
	all_copies += copies;
	all_vanished += vanished;
	assert_true(drops_is_due(drops, false, 0));
	drops_update(drops, false, all_copies, 0, all_vanished);
	all_vanished += 1000; /* in between it is somebody else's */
}

static void test_conclusion(void **state)
{
	struct drops drops = {0};

	(void)state;
	assert_false(drops_are_ours(&drops));
	ask(&drops, DROPS_LEAST - 1, 50);
	assert_false(drops_are_ours(&drops)); /* too few to tell */
	drops = (struct drops){0};
	ask(&drops, 12, 8);
	assert_false(drops_are_ours(&drops));
	ask(&drops, 12, 12);
	assert_true(drops_are_ours(&drops));
	assert_true(drops_is_due(&drops, false, 1));
	drops_update(&drops, false, 30, 1, 0); /* an answer: nothing of it was true */
	assert_false(drops_are_ours(&drops));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_conclusion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
