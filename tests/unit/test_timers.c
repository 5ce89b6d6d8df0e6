/* The timers of section 6, with time set by hand. */
#include "svc-dataplane/messages.h"
#include "svc-dataplane/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define MS     1000ULL
#define SECOND 1000000ULL
#define START  (1000 * SECOND)

static struct timers timers;

static int setup(void **state)
{
	(void)state;
	timers_init(&timers, 42);
	return 0;
}

/* The next thing that happens, and when. */
static unsigned next(uint64_t *now_us)
{
	*now_us = timers_deadline(&timers);
	return *now_us == TIMERS_NEVER ? 0 : timers_poll(&timers, *now_us);
}

static void assert_within(uint64_t value, uint64_t low, uint64_t high)
{
	assert_in_range(value, low, high);
}

static void test_idle(void **state)
{
	(void)state;
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
	assert_int_equal(timers_poll(&timers, START), 0);
}

/* At once, four early retries, then every 5 s until 90 s, then silence. */
static void test_attempt(void **state)
{
	static const uint64_t gaps_ms[] = {250, 500, 1000, 2000};
	uint64_t now = START, last = START;
	unsigned actions, sent = 1;

	(void)state;
	assert_true(timers_handshake_want(&timers, now));
	assert_true(timers_handshake_want(&timers, now)); /* until it is reported sent */
	timers_initiation_sent(&timers, now);
	assert_false(timers_handshake_want(&timers, now));
	assert_true(timers_handshake_underway(&timers));
	while ((actions = next(&now)) == TIMERS_INITIATE) {
		uint64_t gap = sent <= 4 ? gaps_ms[sent - 1] * MS : REKEY_TIMEOUT_US;

		assert_within(now - last, gap, gap + (sent <= 4 ? gap / 8 : 333 * MS));
		timers_initiation_sent(&timers, now);
		last = now;
		sent++;
	}
	assert_int_equal(actions, TIMERS_GIVE_UP);
	assert_within(now, START + 90 * SECOND, START + 96 * SECOND);
	assert_within(sent, 19, 23);
	assert_false(timers_handshake_underway(&timers));
	/* only the wipe is left */
	assert_int_equal(next(&now), TIMERS_WIPE);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
	/* data start anew, quickly */
	assert_true(timers_handshake_want(&timers, now));
	timers_initiation_sent(&timers, now);
	assert_within(timers_deadline(&timers), now + 250 * MS, now + 300 * MS);
}

/* Section 6.4: as long as there is something to send, 90 s begin again, without a new burst. */
static void test_attempt_prolonged(void **state)
{
	uint64_t now = START;
	unsigned sent = 0;

	(void)state;
	timers_handshake_want(&timers, now);
	while (now < START + 300 * SECOND) {
		assert_int_equal(next(&now), TIMERS_INITIATE);
		timers_initiation_sent(&timers, now);
		timers_handshake_want(&timers, now);
		sent++;
	}
	assert_within(sent, 55, 70);
	while (next(&now) == TIMERS_INITIATE)
		timers_initiation_sent(&timers, now);
	assert_within(now, START + 390 * SECOND, START + 401 * SECOND);
}

static void test_done(void **state)
{
	uint64_t now;

	(void)state;
	timers_handshake_want(&timers, START);
	timers_initiation_sent(&timers, START);
	timers_keys_derived(&timers, START + 60 * MS);
	timers_handshake_done(&timers);
	assert_int_equal(next(&now), TIMERS_WIPE);
	assert_int_equal(now, START + 60 * MS + 540 * SECOND);
}

/* Two attempts in a row keep the distance that receivers ask for. */
static void test_gap(void **state)
{
	(void)state;
	timers_handshake_want(&timers, START);
	timers_initiation_sent(&timers, START);
	timers_handshake_done(&timers);
	assert_false(timers_handshake_want(&timers, START + 5 * MS));
	assert_int_equal(timers_deadline(&timers), START + 25 * MS);
	assert_int_equal(timers_poll(&timers, START + 25 * MS), TIMERS_INITIATE);
	/* repeated until it is sent */
	assert_int_equal(timers_poll(&timers, START + 26 * MS), TIMERS_INITIATE);
}

/* Section 6.5: data received and nothing to say for 10 s. */
static void test_keepalive(void **state)
{
	uint64_t now;

	(void)state;
	timers_received(&timers, START, true);
	assert_int_equal(timers_deadline(&timers), START + 10 * SECOND);
	timers_sent(&timers, START + SECOND, true); /* an answer is as good */
	timers_received(&timers, START + 2 * SECOND, false);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);

	/* keepalives are not answered, or two idle peers would never rest */
	timers_received(&timers, START + 3 * SECOND, false);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);

	/* one keepalive answers all data before it */
	timers_received(&timers, START, true);
	timers_received(&timers, START + 4 * SECOND, true);
	assert_int_equal(next(&now), TIMERS_KEEPALIVE);
	assert_int_equal(now, START + 10 * SECOND);
	timers_sent(&timers, now, false);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
}

/* Section 6.5: data sent and nothing heard for 15 s. */
static void test_unanswered(void **state)
{
	uint64_t now;

	(void)state;
	timers_sent(&timers, START, true);
	timers_sent(&timers, START + 9 * SECOND, true); /* counts from the first */
	assert_int_equal(next(&now), TIMERS_INITIATE);
	assert_within(now, START + 15 * SECOND, START + 15333 * MS);
	timers_handshake_done(&timers);

	timers_sent(&timers, START, true);
	timers_received(&timers, START + SECOND, false);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
	timers_sent(&timers, START, false); /* keepalives want no answer */
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
}

static void test_persistent(void **state)
{
	uint64_t now;

	(void)state;
	timers_set_persistent(&timers, START, 25 * SECOND);
	assert_int_equal(next(&now), TIMERS_KEEPALIVE);
	assert_int_equal(now, START);
	assert_int_equal(timers_deadline(&timers), START + 25 * SECOND);
	timers_received(&timers, START + 20 * SECOND, false);
	assert_int_equal(timers_deadline(&timers), START + 45 * SECOND);
	timers_set_persistent(&timers, START + 21 * SECOND, 25 * SECOND); /* unchanged */
	assert_int_equal(timers_deadline(&timers), START + 45 * SECOND);
	timers_stop(&timers);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
	timers_sent(&timers, START + 50 * SECOND, false);
	assert_int_equal(timers_deadline(&timers), START + 75 * SECOND);
	timers_set_persistent(&timers, START + 51 * SECOND, 0);
	assert_int_equal(timers_deadline(&timers), TIMERS_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_idle, setup),
		cmocka_unit_test_setup(test_attempt, setup),
		cmocka_unit_test_setup(test_attempt_prolonged, setup),
		cmocka_unit_test_setup(test_done, setup),
		cmocka_unit_test_setup(test_gap, setup),
		cmocka_unit_test_setup(test_keepalive, setup),
		cmocka_unit_test_setup(test_unanswered, setup),
		cmocka_unit_test_setup(test_persistent, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
