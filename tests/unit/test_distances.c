/* What is announced of the distances to relays: when it changes, and above all when it does not. */
#include "svc-nat/distances.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define START (1000 * CLOCK_SECOND)
#define STEPS 14
#define NO    (-1)
#define GONE  (-2)

/* Round trips to a, b and c at one moment; what is announced then, "" for nothing. */
struct step {
	uint64_t at_ms;
	int rtt_ms[3];
	const char *announced; /* NULL: the story is over */
};

static const struct story {
	const char *name;
	struct step steps[STEPS];
} stories[] = {
	{"all at once as soon as all are measured",
	 {{0, {NO, NO, NO}, ""},
	  {20, {20, NO, NO}, ""},
	  {60, {20, 60, NO}, ""},
	  {90, {20, 60, 90}, "a20 b60 c90"}}},
	{"the last one is not waited for, and joins later",
	 {{20, {20, NO, NO}, ""},
	  {60, {20, 60, NO}, ""},
	  {1020, {20, 60, NO}, "a20 b60"},
	  {9000, {20, 60, NO}, "a20 b60"},
	  {10000, {20, 60, 400}, "a20 b60 c400"}}},
	{"a second look, once, and then only what is clearly wrong",
	 {{0, {28, 60, 90}, "a28 b60 c90"},
	  {3000, {25, 60, 90}, "a28 b60 c90"},
	  {5000, {25, 61, 90}, "a25 b61 c90"},
	  {6000, {20, 66, 100}, "a25 b61 c90"},	 /* 5 ms is not more than 5 */
	  {7000, {19, 73, 108}, "a19 b73 c108"}, /* a is wrong: all are renewed */
	  {8000, {60, 73, 200}, "a19 b73 c108"}, /* once a minute */
	  {66999, {60, 73, 200}, "a19 b73 c108"},
	  {67000, {60, 73, 200}, "a60 b73 c200"},
	  {130000, {60, 80, 170}, "a60 b73 c200"}, /* less than a fifth */
	  {131000, {60, 80, 159}, "a60 b80 c159"}}},
	{"gone at once, back soon",
	 {{0, {20, 60, 90}, "a20 b60 c90"},
	  {5000, {20, 60, 90}, "a20 b60 c90"},
	  {6000, {20, GONE, 90}, "a20 c90"},
	  {7000, {20, 60, 90}, "a20 b60 c90"},
	  {8000, {GONE, GONE, GONE}, ""}}},
};

static size_t see(const struct step *step, struct distances_seen seen[3])
{
	size_t n = 0;

	for (size_t i = 0; i < 3; i++) {
		if (step->rtt_ms[i] == GONE)
			continue;
		memset(&seen[n], 0, sizeof(seen[n]));
		seen[n].public_key[0] = (uint8_t)('a' + i);
		seen[n++].rtt_us = step->rtt_ms[i] == NO ? DATAPLANE_UNKNOWN
							 : (uint32_t)step->rtt_ms[i] * 1000;
	}
	return n;
}

static const char *text_of(const struct distances *distances)
{
	static char text[128];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < distances->n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%c%u", i ? " " : "",
				       distances->list[i].relay[0], distances->list[i].rtt_ms);
	return text;
}

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct distances distances = {0};

		for (const struct step *step = stories[i].steps;
		     step < stories[i].steps + STEPS && step->announced; step++) {
			uint64_t now_us = START + step->at_ms * CLOCK_MS;
			struct nat_distance before[NAT_RELAYS_MAX];
			struct distances_seen seen[3];
			size_t n = see(step, seen);
			bool changed;

			memcpy(before, distances.list, sizeof(before));
			changed = distances_update(&distances, now_us, seen, n);
			if (strcmp(text_of(&distances), step->announced) != 0)
				print_message("%s, at %d ms\n", stories[i].name, (int)step->at_ms);
			assert_string_equal(text_of(&distances), step->announced);
			assert_int_equal(changed,
					 memcmp(before, distances.list, sizeof(before)) != 0);
			assert_true(distances_due_us(&distances, now_us) > now_us);
			assert_false(distances_update(&distances, now_us, seen, n));
		}
	}
}

/* An hour of jitter, measured every second: a handful of announcements, not a storm. */
static void test_jitter(void **state)
{
	struct distances distances = {0};
	struct distances_seen seen[NAT_RELAYS_MAX];
	unsigned changes = 0;

	(void)state;
	srand(7);
	for (unsigned second = 0; second < 3600; second++) {
		memset(seen, 0, sizeof(seen));
		for (unsigned i = 0; i < NAT_RELAYS_MAX; i++) {
			seen[i].public_key[0] = (uint8_t)(i + 1);
			seen[i].rtt_us = 10000 * (i + 1) + (uint32_t)rand() % 4000;
		}
		changes += distances_update(&distances, START + second * CLOCK_SECOND, seen,
					    NAT_RELAYS_MAX);
	}
	assert_int_equal(distances.n, NAT_RELAYS_MAX);
	assert_in_range(changes, 1, 2);
	/* and when it is wild, one a minute */
	for (unsigned second = 0; second < 3600; second++) {
		for (unsigned i = 0; i < NAT_RELAYS_MAX; i++)
			seen[i].rtt_us = (uint32_t)rand() % 300000;
		changes += distances_update(&distances, START + (3600 + second) * CLOCK_SECOND,
					    seen, NAT_RELAYS_MAX);
	}
	assert_in_range(changes, 55, 63);
}

/* Keys that begin alike: nobody could tell which one is meant. */
static void test_alike(void **state)
{
	struct distances distances = {0};
	struct distances_seen seen[3] = {{.rtt_us = 1000}, {.rtt_us = 2000}, {.rtt_us = 3499}};

	(void)state;
	seen[0].public_key[DATAPLANE_KEY_SIZE - 1] = 1;
	seen[1].public_key[DATAPLANE_KEY_SIZE - 1] = 2;
	seen[2].public_key[0] = 'c';
	assert_false(distances_update(&distances, START, seen, 3));
	assert_true(distances_update(&distances, START + DISTANCES_GATHER_US, seen, 3));
	assert_string_equal(text_of(&distances), "c3");
	assert_int_equal(distances_find(distances.list, distances.n, seen[2].public_key), 3);
	assert_int_equal(distances_find(distances.list, distances.n, seen[0].public_key),
			 DISTANCES_NONE);
	seen[2].rtt_us = UINT32_MAX - 1;
	distances_update(&distances, START + 60 * CLOCK_SECOND, seen, 3);
	assert_int_equal(distances.list[0].rtt_ms, NAT_DISTANCE_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
