/* The replay window: the edges by table, the rest against a plain model. */
#include "svc-dataplane/messages.h"
#include "svc-dataplane/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define WINDOW REPLAY_WINDOW

static uint64_t words[REPLAY_WORDS(WINDOW)];

static void test_edges(void **state)
{
	static const struct {
		uint64_t counter;
		bool accepted;
	} steps[] = {
		{0, true},
		{0, false},
		{1, true},
		{1, false},
		{9, true},
		{8, true},
		{7, true},
		{7, false},
		{WINDOW, true},
		{WINDOW - 1, true},
		{WINDOW - 1, false},
		{2, true},  /* within */
		{1, false}, /* seen */
		{0, false}, /* just outside */
		{WINDOW + 16, true},
		{3, false}, /* left behind, unseen */
		{16, false},
		{17, true}, /* the oldest in the window */
		{17, false},
		{5 * (uint64_t)WINDOW, true}, /* a jump over everything */
		{WINDOW + 17, false},
		{4 * (uint64_t)WINDOW, false},
		{4 * (uint64_t)WINDOW + 1, true},
		{5 * (uint64_t)WINDOW - 1, true},
		{REJECT_AFTER_MESSAGES - 1, true},
		{REJECT_AFTER_MESSAGES - 1, false},
		{REJECT_AFTER_MESSAGES, false},
		{UINT64_MAX, false},
		{REJECT_AFTER_MESSAGES - WINDOW, true},
		{REJECT_AFTER_MESSAGES - WINDOW - 1, false},
	};
	struct replay replay;

	(void)state;
	replay_init(&replay, words, REPLAY_WORDS(WINDOW));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(replay_check(&replay, steps[i].counter), steps[i].accepted);
		assert_int_equal(replay_accept(&replay, steps[i].counter), steps[i].accepted);
	}
	replay_reset(&replay);
	assert_true(replay_accept(&replay, 0));
}

/* The first counter need not be 0, and those before it are still good. */
static void test_starts_late(void **state)
{
	struct replay replay;

	(void)state;
	replay_init(&replay, words, REPLAY_WORDS(WINDOW));
	assert_true(replay_accept(&replay, 100000));
	assert_false(replay_accept(&replay, 100000));
	assert_true(replay_accept(&replay, 99999));
	assert_true(replay_accept(&replay, 100000 - WINDOW + 1));
	assert_false(replay_accept(&replay, 100000 - WINDOW));
}

/* Forgetting to check does not move the window: only accept does. */
static void test_check_is_pure(void **state)
{
	struct replay replay;

	(void)state;
	replay_init(&replay, words, REPLAY_WORDS(WINDOW));
	assert_true(replay_accept(&replay, 5));
	assert_true(replay_check(&replay, 1u << 30));
	assert_true(replay_check(&replay, 1u << 30));
	assert_true(replay_accept(&replay, 4));
}

/* Random walks over several window sizes, against a model that remembers every counter. */
static void test_against_model(void **state)
{
	static const uint32_t windows[] = {64, 128, REPLAY_WINDOW_RELAY, 8192};
	enum { SPAN = 1 << 18 };
	uint8_t *seen = calloc(1, SPAN);

	(void)state;
	assert_non_null(seen);
	for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
		uint64_t newest = 0, window = windows[w];
		bool started = false;
		struct replay replay;

		memset(seen, 0, SPAN);
		srandom((unsigned)w);
		replay_init(&replay, words, REPLAY_WORDS(window));
		for (uint64_t i = 0; i < SPAN; i++) {
			uint64_t spread = random() % 50 ? window / 2 : window * 3;
			uint64_t counter = i / 2 + (uint64_t)random() % (spread + 1);
			bool fits = !started || counter > newest || newest - counter < window;

			if (counter >= SPAN)
				continue;
			assert_int_equal(replay_accept(&replay, counter), fits && !seen[counter]);
			if (fits)
				seen[counter] = 1;
			if (counter > newest)
				newest = counter;
			started = true;
		}
	}
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_starts_late),
		cmocka_unit_test(test_check_is_pure),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
