/* Where two members meet: both ends reckon alike, the sum is the smallest, and a choice holds. */
#include "svc-nat/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "svc-nat/distances.h"

#define START  (1000 * CLOCK_SECOND)
#define RELAYS 5
#define PAIRS  100
#define NO     (-1)

static struct nat_relay relays[NAT_RELAYS_MAX];
static struct nat_member member;
static struct nat_desired desired;

static void make_relays(size_t n)
{
	memset(relays, 0, sizeof(relays));
	memset(&member, 0, sizeof(member));
	for (size_t i = 0; i < n; i++)
		relays[i].public_key[0] = (uint8_t)('a' + i);
	member.public_key[0] = 1;
	desired = (struct nat_desired){
		.active = true,
		.n_relays = n,
		.relays = relays,
		.n_members = 1,
		.members = &member,
	};
}

/* NO: not announced. */
static size_t announce(struct nat_distance *list, const int *rtt_ms, size_t n)
{
	size_t at = 0;

	memset(list, 0, NAT_RELAYS_MAX * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		if (rtt_ms[i] == NO)
			continue;
		list[at].relay[0] = (uint8_t)('a' + i);
		list[at++].rtt_ms = (uint16_t)rtt_ms[i];
	}
	return at;
}

struct step {
	uint64_t at_s;
	int own[3], its[3];
	const char *met; /* "ab": at a, with b as the spare; NULL: the story is over */
};

static const struct story {
	const char *name;
	struct step steps[8];
} stories[] = {
	{"the smallest sum, not the nearest to either", {{0, {10, 90, 40}, {90, 10, 40}, "ca"}}},
	{"equal sums go by key", {{0, {30, 10, 20}, {10, 30, 20}, "ab"}}},
	{"one that does not tell is met where it is bound",
	 {{0, {10, 20, 30}, {NO, NO, NO}, ""}, {1, {NO, NO, NO}, {1, 2, 3}, ""}}},
	{"only what both name counts", {{0, {10, NO, 30}, {10, 20, NO}, "a"}}},
	{"numbers still come in: the smallest is taken",
	 {{0, {50, 52, 90}, {50, 50, 90}, "ab"}, {5, {50, 48, 90}, {50, 50, 90}, "ba"}}},
	{"later, a little nearer is no reason",
	 {{0, {50, 55, 90}, {50, 50, 90}, "ab"},
	  {60, {50, 35, 90}, {50, 50, 90}, "ab"},
	  {61, {50, 29, 90}, {50, 50, 90}, "ba"},
	  {62, {50, 51, 90}, {50, 50, 90}, "ba"},
	  {63, {50, 51, 21}, {50, 50, 50}, "ca"}}},
	{"gone at either end: the best of the rest, at once; and back",
	 {{0, {10, 20, 30}, {10, 20, 30}, "ab"},
	  {60, {NO, 20, 30}, {10, 20, 30}, "bc"},
	  {70, {10, 20, 30}, {10, 20, 30}, "ab"},
	  {130, {10, 20, 30}, {NO, NO, 30}, "c"}}},
};

static void test_stories(void **state)
{
	struct nat_distance own[NAT_RELAYS_MAX];

	(void)state;
	make_relays(3);
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct pairs pairs = {0};

		for (const struct step *step = stories[i].steps; step->met; step++) {
			size_t n_own = announce(own, step->own, 3);
			const struct pair *pair;
			char met[PAIRS_RELAYS + 1] = "";

			member.n_distances = announce(member.distances, step->its, 3);
			assert_int_equal(pairs_choose(&pairs, START + step->at_s * CLOCK_SECOND,
						      &desired, own, n_own),
					 0);
			pair = pairs_find(&pairs, member.public_key);
			for (size_t k = 0; pair && k < pair->n_relays; k++)
				met[k] = (char)pair->relays[k][0];
			if (strcmp(met, step->met) != 0)
				print_message("%s, at %d s\n", stories[i].name, (int)step->at_s);
			assert_string_equal(met, step->met);
		}
		pairs_clear(&pairs);
	}
}

/* A relay that control does not name (any more) is none, whatever members say. */
static void test_unknown_relay(void **state)
{
	const int rtt_ms[3] = {10, 20, 30};
	struct nat_distance own[NAT_RELAYS_MAX];
	struct pairs pairs = {0};
	size_t n = announce(own, rtt_ms, 3);

	(void)state;
	make_relays(3);
	member.n_distances = announce(member.distances, rtt_ms, 3);
	desired.relays = relays + 1;
	desired.n_relays = 2;
	assert_int_equal(pairs_choose(&pairs, START, &desired, own, n), 0);
	assert_int_equal(pairs_find(&pairs, member.public_key)->relays[0][0], 'b');
	assert_int_equal(pairs_find(&pairs, member.public_key)->sum_ms, 40);
	desired.n_members = 0;
	assert_int_equal(pairs_choose(&pairs, START, &desired, own, n), 0);
	assert_null(pairs_find(&pairs, member.public_key));
	pairs_clear(&pairs);
}

/* ---- a hundred pairs, five relays, and measurements as they are ---- */

/* One end: what it measures, announces, and makes of the other's announcement. */
struct end {
	uint32_t true_us[RELAYS];
	uint32_t measured_us[RELAYS]; /* as behaviour.c smooths them */
	struct distances distances;
	struct pairs pairs;
};

static uint32_t below(uint32_t limit)
{
	return (uint32_t)rand() % limit;
}

/* Mostly under a millisecond too much, now and then twenty. */
static uint32_t noise_us(void)
{
	return below(10) == 0 ? below(20000) : below(1000);
}

static void measure(struct end *end)
{
	for (size_t i = 0; i < RELAYS; i++) {
		uint32_t rtt_us = end->true_us[i] + noise_us();

		if (end->measured_us[i] != 0 && rtt_us > end->measured_us[i])
			rtt_us = (3 * end->measured_us[i] + rtt_us) / 4;
		end->measured_us[i] = rtt_us;
	}
}

static void tell(struct end *end, uint64_t now_us)
{
	struct distances_seen seen[RELAYS];

	for (size_t i = 0; i < RELAYS; i++) {
		memcpy(seen[i].public_key, relays[i].public_key, DATAPLANE_KEY_SIZE);
		seen[i].rtt_us = end->measured_us[i];
	}
	distances_update(&end->distances, now_us, seen, RELAYS);
}

static const struct pair *hear(struct end *end, const struct end *other, uint64_t now_us)
{
	member.n_distances = other->distances.n;
	memcpy(member.distances, other->distances.list, sizeof(member.distances));
	assert_int_equal(
		pairs_choose(&end->pairs, now_us, &desired, end->distances.list, end->distances.n),
		0);
	return pairs_find(&end->pairs, member.public_key);
}

static uint32_t sum_us(const struct end *a, const struct end *b, size_t relay)
{
	return a->true_us[relay] + b->true_us[relay];
}

static uint32_t least_sum_us(const struct end *a, const struct end *b)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < RELAYS; i++)
		least = sum_us(a, b, i) < least ? sum_us(a, b, i) : least;
	return least;
}

/* Ten minutes of a pair; how far from the best it ended. */
static uint32_t play(struct end *a, struct end *b)
{
	const struct pair *x = NULL, *y = NULL;

	for (uint64_t second = 0; second < 600; second++) {
		uint64_t now_us = START + second * CLOCK_SECOND;

		if (second < 3 || second % 60 == 0) {
			measure(a);
			measure(b);
		}
		tell(a, now_us);
		tell(b, now_us);
		x = hear(a, b, now_us);
		y = hear(b, a, now_us);
		assert_memory_equal(x->relays, y->relays, sizeof(x->relays));
	}
	assert_int_equal(x->n_relays, PAIRS_RELAYS);
	return sum_us(a, b, x->relays[0][0] - (size_t)'a') - least_sum_us(a, b);
}

static void test_hundred_pairs(void **state)
{
	unsigned near = 0;
	uint32_t worst_us = 0;

	(void)state;
	srand(11);
	make_relays(RELAYS);
	for (unsigned i = 0; i < PAIRS; i++) {
		struct end ends[2] = {0};
		uint32_t off_us;

		for (size_t k = 0; k < RELAYS; k++) {
			ends[0].true_us[k] = 2000 + below(150000);
			ends[1].true_us[k] = 2000 + below(150000);
		}
		off_us = play(&ends[0], &ends[1]);
		near += off_us <= 5000;
		worst_us = off_us > worst_us ? off_us : worst_us;
		pairs_clear(&ends[0].pairs);
		pairs_clear(&ends[1].pairs);
	}
	if (getenv("V"))
		print_message("%u of %d within 5 ms, the worst %.1f ms off\n", near, PAIRS,
			      worst_us / 1000.0);
	assert_in_range(near, 99, PAIRS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_unknown_relay),
		cmocka_unit_test(test_hundred_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
