/* The judgement of paths: probe windows, states, schedules, and the choice as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-dataplane/path.h"

#define MS  CLOCK_MS
#define S   CLOCK_SECOND
#define NOW (100000 * S)

/* --- probe windows --- */

static void test_window_measures(void **unused)
{
	struct probe_window window = {0};
	uint64_t now = NOW;

	(void)unused;
	assert_int_equal(probe_window_loss(&window, false), DATAPLANE_UNKNOWN);
	for (int i = 0; i < 100; i++) {
		uint32_t sequence = probe_window_sent(&window, now);

		assert_int_equal(sequence, i);
		assert_true(probe_window_answered(&window, sequence, now + 30 * MS));
		assert_false(probe_window_answered(&window, sequence, now + 31 * MS));
		now += 250 * MS;
	}
	assert_int_equal(window.srtt_us, 30 * MS);
	assert_int_equal(window.jitter_us, 0);
	assert_int_equal(probe_window_loss(&window, false), 0);
	assert_false(probe_window_answered(&window, 100, now)); /* never sent */
	assert_false(probe_window_answered(&window, 35, now));	/* out of the window */
}

static void test_window_misses(void **unused)
{
	struct probe_window window = {0};
	uint64_t now = NOW;
	uint32_t sequence = 0, late;

	(void)unused;
	for (int i = 0; i < 20; i++, now += 250 * MS) {
		sequence = probe_window_sent(&window, now);
		probe_window_answered(&window, sequence, now + 30 * MS);
	}
	late = probe_window_sent(&window, now);
	assert_int_equal(probe_window_overdue_us(&window, now),
			 now + probe_window_timeout_us(&window));
	assert_int_equal(probe_window_judge(&window, now + 10 * MS), 0);
	now += 200 * MS;
	assert_int_equal(probe_window_judge(&window, now), 1);
	assert_int_equal(probe_window_overdue_us(&window, now), CLOCK_NEVER);
	probe_window_sent(&window, now);
	assert_int_equal(probe_window_judge(&window, now), 1); /* the new one is in flight */
	assert_int_equal(probe_window_judge(&window, now + 200 * MS), 2);
	assert_int_equal(probe_window_loss(&window, false), 2 * 1000 / 22);
	assert_int_equal(probe_window_loss(&window, true), 0);
	/* Late is better than never. */
	assert_true(probe_window_answered(&window, late, now + 300 * MS));
	assert_int_equal(probe_window_missed(&window), 1);
	probe_window_begin(&window, window.next);
	assert_int_equal(probe_window_loss(&window, false), DATAPLANE_UNKNOWN);
	assert_int_equal(probe_window_missed(&window), 0);
}

static void test_window_jitter(void **unused)
{
	struct probe_window window = {0};
	uint64_t now = NOW;

	(void)unused;
	for (int i = 0; i < 300; i++, now += 250 * MS)
		probe_window_answered(&window, probe_window_sent(&window, now),
				      now + (i % 2 ? 40 : 20) * MS);
	assert_in_range(window.jitter_us, 19 * MS, 20 * MS);
	assert_in_range(window.srtt_us, 27 * MS, 33 * MS);
	assert_true(probe_window_timeout_us(&window) > 40 * MS);
}

/* --- states --- */

static const struct path_pace calm = {0};

/* A path that has answered probes for a while. */
static struct path working_path(enum dataplane_path_kind kind, uint32_t rtt_ms, unsigned answers)
{
	struct path path;
	uint64_t now = NOW - 250 * MS * answers;

	path_init(&path, 1, kind, DATAPLANE_ORIGIN_PLAN);
	path.usable = true;
	path_prove(&path, now);
	for (unsigned i = 0; i < answers; i++, now += 250 * MS) {
		uint32_t sequence = probe_window_sent(&path.probes, now);

		path.probe_us = now;
		path_received(&path, 100, now + rtt_ms * MS);
		path_probe_answered(&path, sequence, now + rtt_ms * MS);
	}
	return path;
}

static void lose_probes(struct path *path, uint64_t now, int count)
{
	while (count-- > 0)
		probe_window_sent(&path->probes, now - 2 * S);
}

static void test_death(void **unused)
{
	struct path path = working_path(DATAPLANE_PATH_DIRECT, 20, 10);

	(void)unused;
	lose_probes(&path, NOW, 2);
	assert_false(path_judge(&path, true, &calm, NOW));
	assert_int_equal(path.streak, 0);
	lose_probes(&path, NOW, 1);
	assert_true(path_judge(&path, true, &calm, NOW));
	assert_int_equal(path.state, DATAPLANE_PATH_DEAD);
	assert_int_equal(path.deaths, 1);
	/* An answer brings it back, with a clean record. */
	assert_true(
		path_probe_answered(&path, probe_window_sent(&path.probes, NOW), NOW + 20 * MS));
	assert_int_equal(path.state, DATAPLANE_PATH_WORKING);
	assert_int_equal(probe_window_loss(&path.probes, false), 0);
}

static void test_death_by_silence(void **unused)
{
	struct path path = working_path(DATAPLANE_PATH_DIRECT, 20, 10);

	(void)unused;
	path_sent(&path, 100, true, NOW);
	path_sent(&path, 100, true, NOW + 400 * MS);
	assert_int_equal(path_judge_due_us(&path, true, NOW), NOW + 520 * MS);
	assert_false(path_judge(&path, true, &calm, NOW + 519 * MS));
	assert_false(
		path_judge(&path, false, &calm, NOW + 521 * MS)); /* a spare one owes nothing */
	assert_true(path_judge(&path, true, &calm, NOW + 521 * MS));
}

/* A line that always loses some takes more misses in a row to be called dead. */
static void test_lossy_threshold(void **unused)
{
	struct path path = working_path(DATAPLANE_PATH_DIRECT, 20, 10);

	(void)unused;
	for (int i = 0; i < 4; i++) {
		lose_probes(&path, NOW, 1);
		path_probe_answered(&path, probe_window_sent(&path.probes, NOW), NOW + 20 * MS);
		path_probe_answered(&path, probe_window_sent(&path.probes, NOW), NOW + 20 * MS);
	}
	lose_probes(&path, NOW, 3);
	assert_false(path_judge(&path, true, &calm, NOW));
	lose_probes(&path, NOW, 1);
	assert_true(path_judge(&path, true, &calm, NOW));
}

static void test_never_answers(void **unused)
{
	struct path path;
	uint64_t now = NOW;

	(void)unused;
	path_init(&path, 1, DATAPLANE_PATH_DIRECT, DATAPLANE_ORIGIN_PLAN);
	path_sent(&path, 148, false, now);
	assert_int_equal(path.state, DATAPLANE_PATH_TRYING);
	assert_false(path_judge(&path, false, &calm, now + PATH_GIVE_UP_US - 1));
	assert_true(path_judge(&path, false, &calm, now + PATH_GIVE_UP_US));
	assert_int_equal(path.deaths, 0); /* it never lived */
}

static void test_admission(void **unused)
{
	struct path path;
	unsigned admitted = 0;

	(void)unused;
	path_init(&path, 1, DATAPLANE_PATH_DIRECT, DATAPLANE_ORIGIN_PEER);
	for (int i = 0; i < 10000; i++)
		admitted += path_admit(&path, NOW + (unsigned)i * MS);
	assert_in_range(admitted, 200, 211);
	path_prove(&path, NOW);
	assert_true(path_admit(&path, NOW));
	assert_false(path_is_proven(&path, NOW + PATH_PROOF_US));
}

static void test_block(void **unused)
{
	struct path path = working_path(DATAPLANE_PATH_RELAY, 20, 4);

	(void)unused;
	path_block(&path, NOW);
	assert_int_equal(path.state, DATAPLANE_PATH_DEAD);
	assert_true(path_is_blocked(&path, NOW + 249 * MS));
	assert_false(path_is_blocked(&path, NOW + 250 * MS));
	for (int i = 0; i < 10; i++)
		path_block(&path, NOW);
	assert_true(path_is_blocked(&path, NOW + 5 * S - 1));
	assert_false(path_is_blocked(&path, NOW + 5 * S));
}

/* --- schedule --- */

static void test_probe_schedule(void **unused)
{
	struct path direct = working_path(DATAPLANE_PATH_DIRECT, 20, 10);
	struct path relay = working_path(DATAPLANE_PATH_RELAY, 20, 10);
	struct path_pace playing = {.playing = true, .changed_us = NOW},
			 idle = {.changed_us = NOW - 60 * S}, fresh = {.changed_us = NOW};
	struct path candidate;

	(void)unused;
	direct.gap_us = relay.gap_us = 0;
	direct.probe_us = relay.probe_us = NOW;
	assert_int_equal(path_probe_due_us(&direct, true, &playing, NOW), NOW + 250 * MS);
	assert_int_equal(path_probe_due_us(&direct, true, &fresh, NOW), NOW + 1 * S);
	assert_int_equal(path_probe_due_us(&direct, true, &idle, NOW), NOW + 15 * S);
	assert_int_equal(path_probe_due_us(&relay, true, &idle, NOW), NOW + 25 * S);
	/* A spare relay is kept in sight; one that the plan names no more is to be left. */
	assert_int_equal(path_probe_due_us(&relay, false, &playing, NOW), NOW + 25 * S);
	relay.planned = true;
	assert_int_equal(path_probe_due_us(&relay, false, &playing, NOW), NOW + 2 * S);
	assert_int_equal(path_probe_due_us(&relay, false, &idle, NOW), NOW + 25 * S);
	/* A steady stream that stops is asked about before the next probe would be due. */
	direct.gap_us = 10 * MS;
	direct.receive_us = NOW + 20 * MS;
	assert_int_equal(path_probe_due_us(&direct, true, &playing, NOW), NOW + 120 * MS);
	/* A missed probe is followed up fast. */
	lose_probes(&direct, NOW, 1);
	path_judge(&direct, true, &calm, NOW);
	assert_int_equal(path_probe_due_us(&direct, true, &idle, NOW), NOW + 60 * MS);
	path_init(&candidate, 2, DATAPLANE_PATH_DIRECT, DATAPLANE_ORIGIN_PLAN);
	assert_int_equal(path_probe_due_us(&candidate, false, &idle, NOW), NOW);
	path_sent(&candidate, 64, false, NOW);
	candidate.probe_us = NOW;
	assert_int_equal(path_probe_due_us(&candidate, false, &idle, NOW), NOW + 200 * MS);
	assert_int_equal(path_probe_due_us(&candidate, false, &idle, NOW + 3 * S), NOW + 1 * S);
	candidate.usable = false;
	assert_int_equal(path_probe_due_us(&candidate, false, &idle, NOW), CLOCK_NEVER);
}

/* --- choice --- */

enum look { NONE, DEAD, SILENT, HEARD, UNUSABLE, YOUNG, GOOD, HEALED };
struct made {
	enum dataplane_path_kind kind;
	enum look look;
	uint32_t rtt_ms;
};
#define DIRECT DATAPLANE_PATH_DIRECT
#define RELAY  DATAPLANE_PATH_RELAY

static struct path make_path(const struct made *made)
{
	struct path path = working_path(made->kind, made->rtt_ms, made->look == YOUNG ? 1 : 20);

	switch (made->look) {
	case DEAD: path_set_state(&path, DATAPLANE_PATH_DEAD, NOW - S); break;
	case SILENT: lose_probes(&path, NOW, 1); break;
	case UNUSABLE: path.usable = false; break;
	case HEARD:
		path_init(&path, 1, made->kind, DATAPLANE_ORIGIN_PEER);
		path.usable = true;
		path_received(&path, 100, NOW - S);
		break;
	case HEALED:
		path.died_us = NOW - S;
		path.deaths = 1;
		break;
	default: break;
	}
	probe_window_judge(&path.probes, NOW);
	return path;
}

struct choice {
	const char *name;
	struct made paths[3];
	ptrdiff_t active;
	uint64_t optimised_ago_us;
	ptrdiff_t expected;
	enum path_reason reason;
};

static void check_choice(const struct choice *expected, unsigned planned, unsigned first)
{
	struct path paths[3];
	struct path_choice choice;
	size_t count = 0;

	for (; count < 3 && expected->paths[count].look != NONE; count++) {
		paths[count] = make_path(&expected->paths[count]);
		paths[count].first = count + 1 == first;
		paths[count].planned =
			paths[count].first || count + 1 == planned || (first == 0 && planned == 0);
	}
	choice = path_choose(paths, count, expected->active, NOW - expected->optimised_ago_us, NOW);
	if (choice.path != expected->expected || choice.reason != expected->reason)
		fail_msg("%s: path %d (%s)", expected->name, (int)choice.path,
			 path_reason_text(choice.reason));
}

static void test_choice(void **unused)
{
	static const struct choice cases[] = {
		{"nothing", {{0}}, -1, 60 * S, -1, PATH_KEEP},
		{"the only one", {{RELAY, GOOD, 50}}, -1, 60 * S, 0, PATH_FIRST},
		{"the first heard", {{DIRECT, HEARD, 0}}, -1, 60 * S, 0, PATH_FIRST},
		{"direct before relay",
		 {{RELAY, GOOD, 30}, {DIRECT, GOOD, 40}},
		 -1,
		 60 * S,
		 1,
		 PATH_FIRST},
		{"dead: to the relay", {{DIRECT, DEAD, 20}, {RELAY, GOOD, 90}}, 0, 0, 1, PATH_LOST},
		{"dead: to the best",
		 {{DIRECT, DEAD, 20}, {RELAY, GOOD, 40}, {DIRECT, GOOD, 45}},
		 0,
		 0,
		 2,
		 PATH_LOST},
		{"dead, and so is the rest: to a relay, in hope",
		 {{DIRECT, DEAD, 20}, {RELAY, DEAD, 40}},
		 0,
		 0,
		 1,
		 PATH_LOST},
		{"dead, and so is the relay it was on",
		 {{DIRECT, DEAD, 20}, {RELAY, DEAD, 40}},
		 1,
		 0,
		 1,
		 PATH_KEEP},
		{"dead, heard elsewhere",
		 {{DIRECT, DEAD, 20}, {DIRECT, HEARD, 0}},
		 0,
		 0,
		 1,
		 PATH_LOST},
		{"a relay that no longer forwards",
		 {{RELAY, UNUSABLE, 20}, {RELAY, GOOD, 90}},
		 0,
		 0,
		 1,
		 PATH_LOST},
		{"one missed probe is no death",
		 {{DIRECT, SILENT, 20}, {RELAY, GOOD, 90}},
		 0,
		 60 * S,
		 0,
		 PATH_KEEP},
		{"upgrade, at any time",
		 {{RELAY, GOOD, 50}, {DIRECT, GOOD, 50}},
		 0,
		 0,
		 1,
		 PATH_UPGRADE},
		{"upgrade, a little slower",
		 {{RELAY, GOOD, 50}, {DIRECT, GOOD, 80}},
		 0,
		 0,
		 1,
		 PATH_UPGRADE},
		{"no upgrade on one answer",
		 {{RELAY, GOOD, 50}, {DIRECT, YOUNG, 20}},
		 0,
		 60 * S,
		 0,
		 PATH_KEEP},
		{"no upgrade while it misses",
		 {{RELAY, GOOD, 50}, {DIRECT, SILENT, 20}},
		 0,
		 60 * S,
		 0,
		 PATH_KEEP},
		{"no upgrade to a detour",
		 {{RELAY, GOOD, 50}, {DIRECT, GOOD, 120}},
		 0,
		 60 * S,
		 0,
		 PATH_KEEP},
		{"better, seldom",
		 {{DIRECT, GOOD, 50}, {DIRECT, GOOD, 20}},
		 0,
		 31 * S,
		 1,
		 PATH_BETTER},
		{"better, too soon",
		 {{DIRECT, GOOD, 50}, {DIRECT, GOOD, 20}},
		 0,
		 29 * S,
		 0,
		 PATH_KEEP},
		{"not better enough",
		 {{DIRECT, GOOD, 50}, {DIRECT, GOOD, 45}},
		 0,
		 60 * S,
		 0,
		 PATH_KEEP},
		{"healed, at once",
		 {{DIRECT, GOOD, 50}, {DIRECT, HEALED, 20}},
		 0,
		 2 * S,
		 1,
		 PATH_HEALED},
		{"a relay much better than direct",
		 {{DIRECT, GOOD, 300}, {RELAY, GOOD, 50}},
		 0,
		 60 * S,
		 1,
		 PATH_BETTER},
		{"a relay a little better than direct",
		 {{DIRECT, GOOD, 80}, {RELAY, GOOD, 50}},
		 0,
		 60 * S,
		 0,
		 PATH_KEEP},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_choice(&cases[i], 0, 0);
}

static void test_choice_by_plan(void **unused)
{
	static const struct {
		unsigned planned, first; /* counted from 1; 0: none */
		struct choice choice;
	} cases[] = {
		{1,
		 2,
		 {"the preferred one, at once",
		  {{RELAY, GOOD, 50}, {RELAY, GOOD, 48}},
		  0,
		  0,
		  1,
		  PATH_PLANNED}},
		{1,
		 2,
		 {"a little worse, too: the other end agrees",
		  {{RELAY, GOOD, 50}, {RELAY, GOOD, 60}},
		  0,
		  0,
		  1,
		  PATH_PLANNED}},
		{1,
		 2,
		 {"not when it measures clearly worse",
		  {{RELAY, GOOD, 50}, {RELAY, GOOD, 66}},
		  0,
		  0,
		  0,
		  PATH_KEEP}},
		{1,
		 2,
		 {"nor before it answers",
		  {{RELAY, GOOD, 50}, {RELAY, YOUNG, 20}},
		  0,
		  0,
		  0,
		  PATH_KEEP}},
		{2,
		 1,
		 {"not away from it, but for one much better",
		  {{RELAY, GOOD, 80}, {RELAY, GOOD, 50}},
		  0,
		  31 * S,
		  1,
		  PATH_BETTER}},
		{2,
		 1,
		 {"not away from it for one a little better",
		  {{RELAY, GOOD, 60}, {RELAY, GOOD, 50}},
		  0,
		  31 * S,
		  0,
		  PATH_KEEP}},
		{3,
		 2,
		 {"named no more: to the spare",
		  {{RELAY, GOOD, 20}, {RELAY, YOUNG, 30}, {RELAY, GOOD, 90}},
		  0,
		  0,
		  2,
		  PATH_PLANNED}},
		{0,
		 2,
		 {"named no more, but there is no other",
		  {{RELAY, GOOD, 20}, {RELAY, DEAD, 90}},
		  0,
		  0,
		  0,
		  PATH_KEEP}},
		{1,
		 0,
		 {"nor to one it does not name",
		  {{RELAY, GOOD, 80}, {RELAY, GOOD, 20}},
		  0,
		  31 * S,
		  0,
		  PATH_KEEP}},
		{0,
		 2,
		 {"direct stays", {{DIRECT, GOOD, 50}, {RELAY, GOOD, 40}}, 0, 0, 0, PATH_KEEP}},
		{1,
		 2,
		 {"upgrade all the same",
		  {{RELAY, GOOD, 50}, {RELAY, GOOD, 40}, {DIRECT, GOOD, 50}},
		  0,
		  0,
		  2,
		  PATH_UPGRADE}},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_choice(&cases[i].choice, cases[i].planned, cases[i].first);
}

/* A path that comes and goes must answer ever longer before it gets the data back. */
static void test_flapping(void **unused)
{
	struct path paths[2] = {working_path(RELAY, 50, 20), working_path(DIRECT, 20, 20)};

	(void)unused;
	paths[1].deaths = 4;
	paths[1].died_us = NOW - 10 * S;
	paths[1].streak = 15;
	assert_int_equal(path_choose(paths, 2, 0, 0, NOW).path, 0);
	paths[1].streak = 16;
	assert_int_equal(path_choose(paths, 2, 0, 0, NOW).path, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_measures),
		cmocka_unit_test(test_window_misses),
		cmocka_unit_test(test_window_jitter),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_death_by_silence),
		cmocka_unit_test(test_lossy_threshold),
		cmocka_unit_test(test_never_answers),
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_probe_schedule),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_choice_by_plan),
		cmocka_unit_test(test_flapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
