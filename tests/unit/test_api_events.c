/* Live events: what changed, and who is told of it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-api/delta.h"
#include "svc-api/events.h"

/* ---- deltas */

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static void deltas_are_json_patches(void **state)
{
	static const struct {
		const char *before, *after, *patch;
	} cases[] = {
		{"{}", "{}", "[]"},
		{"{\"a\": 1}", "{\"a\": 1}", "[]"},
		{"{\"a\": 1}", "{\"a\": null}",
		 "[{\"op\": \"replace\", \"path\": \"/a\", \"value\": null}]"},
		{"{}", "{\"a\": null}", "[{\"op\": \"add\", \"path\": \"/a\", \"value\": null}]"},
		{"{\"a\": {\"b\": 1, \"c\": 2}}", "{\"a\": {\"b\": 1}}",
		 "[{\"op\": \"remove\", \"path\": \"/a/c\"}]"},
		{"{\"a\": {\"b\": [1, 2]}}", "{\"a\": {\"b\": [1, 3]}}",
		 "[{\"op\": \"replace\", \"path\": \"/a/b\", \"value\": [1, 3]}]"},
		{"{\"a\": {}}", "{\"a\": []}",
		 "[{\"op\": \"replace\", \"path\": \"/a\", \"value\": []}]"},
		{"{\"a/b\": 1, \"~\": 1, \"\": 1}", "{\"a/b\": 2, \"~\": 2, \"\": 2}",
		 "[{\"op\": \"replace\", \"path\": \"/a~1b\", \"value\": 2},"
		 " {\"op\": \"replace\", \"path\": \"/~0\", \"value\": 2},"
		 " {\"op\": \"replace\", \"path\": \"/\", \"value\": 2}]"},
		{"{\"a\": {\"x\": 1}, \"b\": 1}", "{\"c\": 1, \"b\": 1}",
		 "[{\"op\": \"remove\", \"path\": \"/a\"},"
		 " {\"op\": \"add\", \"path\": \"/c\", \"value\": 1}]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *before = parse(cases[i].before), *after = parse(cases[i].after);
		json_t *wanted = parse(cases[i].patch), *patch = delta_make(before, after);

		if (!json_equal(patch, wanted))
			fail_msg("%s to %s: %s", cases[i].before, cases[i].after,
				 json_dumps(patch, 0));
		json_decref(before);
		json_decref(after);
		json_decref(wanted);
		json_decref(patch);
	}
}

static void too_deep_is_no_delta(void **state)
{
	json_t *before = parse("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1"
			       "}}}}}}}}}");
	json_t *after = parse("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":2"
			      "}}}}}}}}}");

	(void)state;
	assert_null(delta_make(before, after));
	json_decref(before);
	json_decref(after);
}

/* ---- readers */

#define WAIT_MS 10000

static atomic_int value;

static json_t *look(void *data)
{
	(void)data;
	return json_pack("{s:i}", "value", (int)value);
}

/* The other end of a connection. */
struct ear {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t n;
	char *messages[64];
	bool stuck, cut;
};

static bool hear(void *connection, const char *text, size_t length)
{
	struct ear *ear = connection;
	bool good;

	pthread_mutex_lock(&ear->mutex);
	while (ear->stuck && !ear->cut)
		pthread_cond_wait(&ear->changed, &ear->mutex);
	good = !ear->cut;
	if (good && ear->n < 64) {
		assert_int_equal(strlen(text), length);
		ear->messages[ear->n++] = strdup(text);
	}
	pthread_cond_broadcast(&ear->changed);
	pthread_mutex_unlock(&ear->mutex);
	return good;
}

static void cut(void *connection)
{
	struct ear *ear = connection;

	pthread_mutex_lock(&ear->mutex);
	ear->cut = true;
	pthread_cond_broadcast(&ear->changed);
	pthread_mutex_unlock(&ear->mutex);
}

static void ear_init(struct ear *ear, bool stuck)
{
	*ear = (struct ear){.stuck = stuck};
	pthread_mutex_init(&ear->mutex, NULL);
	pthread_cond_init(&ear->changed, NULL);
}

static void ear_clear(struct ear *ear)
{
	for (size_t i = 0; i < ear->n; i++)
		free(ear->messages[i]);
	pthread_cond_destroy(&ear->changed);
	pthread_mutex_destroy(&ear->mutex);
}

static size_t heard(struct ear *ear)
{
	pthread_mutex_lock(&ear->mutex);
	size_t n = ear->n;
	pthread_mutex_unlock(&ear->mutex);
	return n;
}

static void wait_for(struct ear *ear, size_t n)
{
	for (int ms = 0; ms < WAIT_MS && heard(ear) < n; ms += 2)
		usleep(2000);
	assert_true(heard(ear) >= n);
}

static struct events *start(void)
{
	const struct events_ops ops = {.look = look, .write = hear, .cut = cut};
	struct events *events;

	value = 1;
	assert_int_equal(events_new(&events, &ops), 0);
	return events;
}

static void a_reader_gets_all_and_then_what_changes(void **state)
{
	struct events *events = start();
	struct events_reader *reader, *late;
	struct ear ear, ear2;

	(void)state;
	ear_init(&ear, false);
	ear_init(&ear2, false);
	reader = events_join(events, &ear);
	assert_non_null(reader);
	wait_for(&ear, 1);
	assert_string_equal(ear.messages[0],
			    "{\"type\":\"snapshot\",\"sequence\":1,\"state\":{\"value\":1}}");
	events_kick(events); /* nothing changed: nothing is told */
	value = 2;
	events_kick(events);
	wait_for(&ear, 2);
	assert_string_equal(ear.messages[1],
			    "{\"type\":\"delta\",\"sequence\":2,\"patch\":[{\"op\":\"replace\","
			    "\"path\":\"/value\",\"value\":2}]}");
	late = events_join(events, &ear2);
	wait_for(&ear2, 1);
	assert_string_equal(ear2.messages[0],
			    "{\"type\":\"snapshot\",\"sequence\":2,\"state\":{\"value\":2}}");
	value = 3;
	events_kick(events);
	wait_for(&ear, 3);
	wait_for(&ear2, 2);
	assert_string_equal(ear.messages[2], ear2.messages[1]);
	events_close(events);
	assert_null(events_join(events, &ear));
	events_leave(reader);
	events_leave(late);
	events_free(events);
	ear_clear(&ear);
	ear_clear(&ear2);
}

static void a_slow_reader_is_dropped_and_holds_up_nobody(void **state)
{
	struct events *events = start();
	struct ear slow, quick;
	struct events_reader *readers[2];

	(void)state;
	ear_init(&slow, true);
	ear_init(&quick, false);
	readers[0] = events_join(events, &slow);
	readers[1] = events_join(events, &quick);
	wait_for(&quick, 1);
	for (size_t i = 0; i < EVENTS_BEHIND_MAX + 2; i++) {
		value++;
		events_kick(events);
		wait_for(&quick, i + 2);
	}
	pthread_mutex_lock(&slow.mutex);
	assert_true(slow.cut);
	pthread_mutex_unlock(&slow.mutex);
	assert_int_equal(heard(&slow), 0);
	events_leave(readers[0]);
	value++;
	events_kick(events);
	wait_for(&quick, EVENTS_BEHIND_MAX + 4);
	events_close(events);
	events_leave(readers[1]);
	events_free(events);
	ear_clear(&slow);
	ear_clear(&quick);
}

static atomic_int n_seen, last_seen;

static void seen(void *data, const json_t *state)
{
	(void)data;
	last_seen = (int)json_integer_value(json_object_get(state, "value"));
	n_seen++;
}

static void wait_until_seen(int wanted)
{
	for (int ms = 0; ms < WAIT_MS && last_seen != wanted; ms += 2)
		usleep(2000);
	assert_int_equal(last_seen, wanted);
}

static void one_that_watches_needs_no_reader(void **state)
{
	const struct events_ops ops = {.look = look, .write = hear, .cut = cut, .seen = seen};
	struct events *events;
	int before;

	(void)state;
	value = 5;
	assert_int_equal(events_new(&events, &ops), 0);
	events_kick(events);
	usleep(3 * EVENTS_GAP_MS * 1000);
	assert_int_equal(n_seen, 0); /* nobody looks */
	events_watch(events, true);
	wait_until_seen(5);
	value = 6;
	events_kick(events);
	wait_until_seen(6);
	value = 7; /* without a word: seen by the next look */
	wait_until_seen(7);
	events_watch(events, false);
	usleep(3 * EVENTS_GAP_MS * 1000); /* one may have been under way */
	before = n_seen;
	value = 8;
	events_kick(events);
	usleep(3 * EVENTS_GAP_MS * 1000);
	assert_int_equal(n_seen, before);
	events_close(events);
	events_free(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deltas_are_json_patches),
		cmocka_unit_test(too_deep_is_no_delta),
		cmocka_unit_test(a_reader_gets_all_and_then_what_changes),
		cmocka_unit_test(a_slow_reader_is_dropped_and_holds_up_nobody),
		cmocka_unit_test(one_that_watches_needs_no_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
