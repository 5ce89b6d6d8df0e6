/* Who is here, and who hears of which party. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/server/presence.h"

static const uint8_t anna[32] = {1}, ben[32] = {2};
static const uint8_t p[16] = {10}, q[16] = {11};

static void count(void *data, struct presence_entry *entry)
{
	(void)entry;
	++*(size_t *)data;
}

static size_t listeners(struct presence *presence, const uint8_t party[16])
{
	size_t n = 0;

	presence_each(presence, party, count, &n);
	return n;
}

static void test_enter_and_leave(void **state)
{
	struct presence_entry a = {0}, b = {0}, *replaced;
	struct presence *presence;

	(void)state;
	assert_int_equal(presence_new(&presence), 0);
	presence_enter(presence, &a, anna, &replaced);
	assert_null(replaced);
	presence_enter(presence, &b, ben, &replaced);
	assert_null(replaced);
	assert_true(presence_is_here(presence, anna));
	assert_ptr_equal(presence_find(presence, ben), &b);
	assert_true(presence_leave(presence, &a));
	assert_false(presence_is_here(presence, anna));
	assert_false(presence_leave(presence, &a));
	assert_true(presence_leave(presence, &b));
	presence_free(presence);
}

static void test_replaced_without_being_away(void **state)
{
	struct presence_entry first = {0}, second = {0}, *replaced;
	struct presence *presence;

	(void)state;
	presence_new(&presence);
	presence_enter(presence, &first, anna, &replaced);
	assert_int_equal(presence_subscribe(presence, &first, p), 0);
	presence_enter(presence, &second, anna, &replaced);
	assert_ptr_equal(replaced, &first);
	assert_int_equal(listeners(presence, p), 0);
	assert_false(presence_leave(presence, &first));
	assert_ptr_equal(presence_find(presence, anna), &second);
	assert_true(presence_leave(presence, &second));
	presence_free(presence);
}

static void test_subscriptions(void **state)
{
	struct presence_entry a = {0}, b = {0}, *replaced;
	struct presence *presence;

	(void)state;
	presence_new(&presence);
	presence_enter(presence, &a, anna, &replaced);
	presence_enter(presence, &b, ben, &replaced);
	presence_subscribe(presence, &a, p);
	presence_subscribe(presence, &a, p);
	presence_subscribe(presence, &a, q);
	presence_subscribe(presence, &b, p);
	assert_int_equal(listeners(presence, p), 2);
	assert_int_equal(listeners(presence, q), 1);
	presence_unsubscribe(presence, &a, p);
	presence_unsubscribe(presence, &a, p);
	assert_int_equal(listeners(presence, p), 1);
	presence_leave(presence, &a);
	assert_int_equal(listeners(presence, q), 0);
	presence_leave(presence, &b);
	assert_int_equal(listeners(presence, p), 0);
	presence_free(presence);
}

static void test_subscriptions_are_bounded(void **state)
{
	struct presence_entry a = {0}, *replaced;
	struct presence *presence;
	uint8_t party[16] = {0};

	(void)state;
	presence_new(&presence);
	presence_enter(presence, &a, anna, &replaced);
	for (uint8_t i = 0; i < PRESENCE_PARTIES_MAX; i++) {
		party[3] = i;
		assert_int_equal(presence_subscribe(presence, &a, party), 0);
	}
	party[3] = 99;
	assert_int_equal(presence_subscribe(presence, &a, party), -ENOSPC);
	party[3] = 5;
	assert_int_equal(presence_subscribe(presence, &a, party), 0);
	presence_leave(presence, &a);
	presence_free(presence);
}

static void test_many(void **state)
{
	enum { N = 20000 };
	struct presence_entry *entries = calloc(N, sizeof(*entries)), *replaced;
	struct presence *presence;
	uint8_t identity[32] = {0};

	(void)state;
	presence_new(&presence);
	for (uint32_t i = 0; i < N; i++) {
		memcpy(identity, &i, sizeof(i));
		presence_enter(presence, &entries[i], identity, &replaced);
		assert_null(replaced);
		presence_subscribe(presence, &entries[i], i % 2 ? p : q);
	}
	assert_int_equal(listeners(presence, p), N / 2);
	for (uint32_t i = 0; i < N; i += 3)
		assert_true(presence_leave(presence, &entries[i]));
	for (uint32_t i = 0; i < N; i++) {
		memcpy(identity, &i, sizeof(i));
		assert_int_equal(presence_is_here(presence, identity), i % 3 != 0);
	}
	for (uint32_t i = 0; i < N; i++)
		presence_leave(presence, &entries[i]);
	presence_free(presence);
	free(entries);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enter_and_leave),
		cmocka_unit_test(test_replaced_without_being_away),
		cmocka_unit_test(test_subscriptions),
		cmocka_unit_test(test_subscriptions_are_bounded),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
