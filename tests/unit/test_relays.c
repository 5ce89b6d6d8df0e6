/* The choice of relays: a story of measurements per case, and who is chosen after each. */
#include "svc-nat/relays.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define START (1000 * CLOCK_SECOND)
#define STEPS 8
#define NO    (-1)

/* One relay at one moment; rtt_ms NO: not measured. */
struct measure {
	int rtt_ms;
	const char *flags; /* s: silent, b: bound, f: failed */
};

struct step {
	uint64_t at_ms;
	struct measure a, b, c;
	const char *chosen; /* best first; NULL: the story is over */
};

static const struct story {
	const char *name;
	struct step steps[STEPS];
} stories[] = {
	{"the first to answer is taken at once, the next fills up",
	 {{0, {NO, ""}, {NO, ""}, {NO, ""}, ""},
	  {20, {NO, ""}, {20, ""}, {NO, ""}, "b"},
	  {40, {NO, ""}, {20, ""}, {40, ""}, "bc"},
	  {60, {60, ""}, {20, ""}, {40, ""}, "bc"},
	  {90, {60, ""}, {20, ""}, {40, ""}, "bc"}}},
	{"nobody answers: the order given, after a while",
	 {{0, {NO, ""}, {NO, ""}, {NO, ""}, ""},
	  {299, {NO, ""}, {NO, ""}, {NO, ""}, ""},
	  {300, {NO, ""}, {NO, ""}, {NO, ""}, "ab"},
	  {500, {NO, ""}, {NO, ""}, {80, ""}, "ca"},
	  {600, {90, ""}, {NO, ""}, {80, ""}, "ca"}}},
	{"a little nearer is no reason to move",
	 {{0, {30, ""}, {40, ""}, {50, ""}, "ab"},
	  {1000, {30, ""}, {40, ""}, {33, ""}, "ab"}, /* a fifth nearer than b needs less */
	  {2000, {10, ""}, {40, ""}, {36, ""}, "ab"},
	  {3000, {10, ""}, {40, ""}, {31, ""}, "ac"},
	  {4000, {10, ""}, {8, ""}, {31, ""}, "ab"}, /* not 5 ms nearer than a */
	  {5000, {20, ""}, {8, ""}, {31, ""}, "ba"}}},
	{"microseconds between two near ones",
	 {{0, {1, ""}, {5, ""}, {9, ""}, "ab"},
	  {1000, {5, ""}, {1, ""}, {2, ""}, "ab"},
	  {2000, {5, ""}, {2, ""}, {1, ""}, "ab"}}},
	{"a dead one is left at once, and not taken back at once",
	 {{0, {10, "b"}, {20, "b"}, {90, ""}, "ab"},
	  {1000, {10, "f"}, {20, "b"}, {90, ""}, "bc"},
	  {2000, {10, ""}, {20, "b"}, {90, "b"}, "bc"}, /* no longer planned, so no failure seen */
	  {10000, {10, ""}, {20, "b"}, {90, "b"}, "bc"},
	  {12000, {10, ""}, {20, "b"}, {90, "b"}, "ab"},
	  {13000, {10, "f"}, {20, "b"}, {90, ""}, "bc"}, /* again: twice as long */
	  {30000, {10, ""}, {20, "b"}, {90, "b"}, "bc"},
	  {34000, {10, ""}, {20, "b"}, {90, "b"}, "ab"}}},
	{"silent to STUN, but bound: it works",
	 {{0, {10, "b"}, {20, "b"}, {90, ""}, "ab"},
	  {1000, {10, "sb"}, {20, "b"}, {90, ""}, "ab"},
	  {2000, {10, "s"}, {20, "b"}, {90, ""}, "bc"},
	  {3000, {10, ""}, {20, "b"}, {90, "b"}, "ab"}}},
	{"away for tunnel and STUN alike, and back: no need to wait",
	 {{0, {10, "b"}, {20, "b"}, {90, ""}, "ab"},
	  {1000, {10, "f"}, {20, "b"}, {90, ""}, "bc"},
	  {5000, {10, "s"}, {20, "b"}, {90, "b"}, "bc"},
	  {9000, {10, ""}, {20, "b"}, {90, "b"}, "ab"}}},
	{"all dead: kept, for want of others",
	 {{0, {10, "b"}, {20, "b"}, {30, ""}, "ab"},
	  {1000, {10, "f"}, {20, "f"}, {30, "f"}, "ab"},
	  {2000, {10, "f"}, {20, "f"}, {30, "s"}, "ab"},
	  {3000, {10, "f"}, {20, "b"}, {30, "s"}, "ba"}}},
};

static struct relays_seen seen_of(char name, const struct measure *measure)
{
	struct relays_seen seen = {
		.rtt_us = measure->rtt_ms == NO ? DATAPLANE_UNKNOWN
						: (uint32_t)measure->rtt_ms * 1000,
		.silent = strchr(measure->flags, 's') != NULL,
		.bound = strchr(measure->flags, 'b') != NULL,
		.failed = strchr(measure->flags, 'f') != NULL,
	};

	seen.public_key[0] = (uint8_t)name;
	return seen;
}

static void choose(struct relays *relays, const struct step *step)
{
	struct relays_seen seen[3] = {seen_of('a', &step->a), seen_of('b', &step->b),
				      seen_of('c', &step->c)};
	struct relays before = *relays;
	bool changed = relays_choose(relays, START + step->at_ms * CLOCK_MS, seen, 3);

	assert_int_equal(changed,
			 before.n_chosen != relays->n_chosen ||
				 memcmp(before.chosen, relays->chosen, sizeof(before.chosen)) != 0);
	/* nothing new: nothing changes */
	assert_false(relays_choose(relays, START + step->at_ms * CLOCK_MS, seen, 3));
}

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct relays relays = {0};

		for (const struct step *step = stories[i].steps;
		     step < stories[i].steps + STEPS && step->chosen; step++) {
			char chosen[NAT_MEMBER_RELAYS_MAX + 1] = "";

			choose(&relays, step);
			for (size_t k = 0; k < relays.n_chosen; k++)
				chosen[k] = (char)relays.chosen[k][0];
			if (strcmp(chosen, step->chosen) != 0)
				print_message("%s, at %d ms\n", stories[i].name, (int)step->at_ms);
			assert_string_equal(chosen, step->chosen);
		}
	}
}

static void test_coming_and_going(void **state)
{
	struct relays relays = {0};
	struct relays_seen a = seen_of('a', &(struct measure){10, ""});

	(void)state;
	assert_false(relays_choose(&relays, START, NULL, 0));
	assert_true(relays_due_us(&relays, START) == CLOCK_NEVER);
	assert_true(relays_choose(&relays, START, &a, 1));
	assert_int_equal(relays.n_chosen, 1);
	assert_true(relays_is_chosen(&relays, a.public_key));
	assert_int_equal(relays_due_us(&relays, START), START + RELAYS_PATIENCE_US);
	assert_true(relays_choose(&relays, START, NULL, 0));
	assert_int_equal(relays.n_chosen, 0);
	assert_false(relays_is_chosen(&relays, a.public_key));
}

static void test_many(void **state)
{
	struct relays relays = {0};
	struct relays_seen seen[NAT_RELAYS_MAX];

	(void)state;
	for (unsigned i = 0; i < NAT_RELAYS_MAX; i++) {
		seen[i] = seen_of((char)('A' + i), &(struct measure){100 - (int)i, ""});
		seen[i].failed = i % 2;
	}
	relays_choose(&relays, START, seen, NAT_RELAYS_MAX);
	assert_int_equal(relays.chosen[0][0], 'A' + 14);
	assert_int_equal(relays.chosen[1][0], 'A' + 12);
	assert_int_equal(relays_due_us(&relays, START + CLOCK_SECOND), START + 10 * CLOCK_SECOND);
	for (unsigned i = 0; i < NAT_RELAYS_MAX; i++)
		assert_int_equal(relays_is_usable(&relays, START, &seen[i]), i % 2 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_coming_and_going),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
