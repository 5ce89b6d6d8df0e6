/* How long a packet may be: made-up ways of every length, with and without loss. */
#include "svc-nat/mtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "common/clock.h"

#define START (1000 * CLOCK_SECOND)

static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {1, 2, 3};

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

/* What a server says to a request that arrived. */
static size_t say(const uint8_t *request, size_t length, uint8_t answer[STUN_MESSAGE_MAX])
{
	struct addr from = parse("198.51.100.9:4000");

	return stun_answer(request, length, &from, NULL, answer, STUN_MESSAGE_MAX);
}

/* A way that takes so much, out of a link that takes so much; every lose-th packet is lost. */
static uint16_t measure(const char *server, size_t way, size_t link, unsigned lose)
{
	struct addr addr = parse(server);
	size_t headers = addr.family == ADDR_IPV6 ? 48 : 28;
	unsigned sent = 0;
	struct mtu mtu;
	uint64_t now_us = START;

	mtu_begin(&mtu, now_us, &addr, id);
	while (mtu_due_us(&mtu) != CLOCK_NEVER) {
		now_us = mtu_due_us(&mtu);
		if (!mtu_poll(&mtu, now_us))
			continue;
		for (size_t i = 0; i < mtu.n; i++) {
			uint8_t bytes[STUN_REQUEST_MAX], answer[STUN_MESSAGE_MAX];
			size_t length = mtu_request(&mtu, i, bytes);

			assert_int_equal(length + headers, mtu.lengths[i]);
			if (length + headers > link)
				mtu_refuse(&mtu, i);
			else if (length + headers <= way && (lose == 0 || ++sent % lose))
				assert_true(mtu_receive(&mtu, &addr, answer,
							say(bytes, length, answer)));
		}
	}
	assert_true(now_us - START < 2 * CLOCK_SECOND);
	return mtu.proven;
}

static void test_every_length(void **state)
{
	(void)state;
	for (size_t way = 576; way <= 1600; way++) {
		uint16_t expected = (uint16_t)(way < MTU_MOST ? way / 4 * 4 : MTU_MOST);

		assert_int_equal(measure("192.0.2.1:1", way, 9000, 0), expected);
		assert_int_equal(measure("192.0.2.1:1", way, way, 0), expected);
	}
	assert_int_equal(measure("[2001:db8::1]:1", 1280, 1500, 0), 1280);
	assert_int_equal(measure("192.0.2.1:1", 575, 1500, 0), 0);
	/* with loss it may be less than it is, never more */
	for (unsigned lose = 2; lose < 9; lose++)
		assert_in_range(measure("192.0.2.1:1", 1460, 1500, lose), 576, 1460);
}

static void test_answers_of_others(void **state)
{
	struct addr server = parse("192.0.2.1:1"), other = parse("192.0.2.1:2");
	uint8_t bytes[STUN_REQUEST_MAX], answer[STUN_MESSAGE_MAX];
	struct mtu mtu = {0};
	size_t length;

	(void)state;
	assert_false(mtu_receive(&mtu, &server, bytes, 0)); /* not begun */
	assert_true(mtu_due_us(&mtu) == CLOCK_NEVER);
	mtu_begin(&mtu, START, &server, id);
	assert_true(mtu_poll(&mtu, START));
	length = say(bytes, mtu_request(&mtu, 0, bytes), answer);
	assert_false(mtu_receive(&mtu, &other, answer, length));
	assert_false(mtu_receive(&mtu, &server, answer, length - 1));
	answer[8] ^= 1; /* another id, and a wrong fingerprint */
	assert_false(mtu_receive(&mtu, &server, answer, length));
	assert_false(mtu_receive(&mtu, &server, bytes, mtu_request(&mtu, 0, bytes)));
	assert_int_equal(mtu.proven, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_answers_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
