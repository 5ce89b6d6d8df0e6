/* What a channel is told, in which words, when, and what becomes of it where Discord says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "svc-api/discord/queue.h"

/* ---- news */

static struct news news;
static char told[4096];
static uint64_t now_us;

static int set_up(void **state)
{
	(void)state;
	news_clear(&news);
	*told = '\0';
	now_us = 1000 * CLOCK_SECOND;
	return 0;
}

static void tell(void *data, const struct news_item *item)
{
	char line[MESSAGE_LINE_MAX];

	(void)data;
	message_line(item, line);
	assert_true(strlen(told) + strlen(line) + 2 < sizeof(told));
	strcat(strcat(told, line), "\n");
}

/* One look, and what is told of it. NULL: unknown. */
static void look(const char *party, const char *peers, const char *servers, const char *sessions,
		 const char *wanted)
{
	static const char *const null = "null";
	char text[4096];
	json_t *state, *list = sessions ? json_loads(sessions, 0, NULL) : NULL;

	(void)snprintf(text, sizeof(text),
		       "{\"status\": {\"party\": %s, \"self\": {\"id\": %s, \"name\": \"kira\"}}, "
		       "\"peers\": %s, \"servers\": %s, \"network\": {\"problem\": null}}",
		       party ? party : null, party ? "\"00\"" : null, peers ? peers : null,
		       servers ? servers : null);
	state = json_loads(text, 0, NULL);
	assert_non_null(state);
	*told = '\0';
	news_take(&news, state, list, "", now_us, tell, NULL);
	assert_string_equal(told, wanted);
	json_decref(state);
	json_decref(list);
}

#define PARTY(host, members) \
	"{\"id\": \"ab\", \"name\": \"friday\", \"host\": \"" host "\", \"members\": " #members "}"
#define LEE "\"02\": {\"name\": \"lee\"}"
#define MO  "\"03\": {\"name\": \"mo\"}"

static void a_party_from_its_begin_to_its_end(void **state)
{
	(void)state;
	look("null", "{}", "{}", "[]", "");
	look(PARTY("kira", 1), "{}", "{}", "[]", "**kira** began the party **friday**.\n");
	look(PARTY("kira", 2), "{" LEE "}", "{}", "[]", "**lee** came.\n");
	look(PARTY("kira", 2), "{" MO "}", "{}", "[]", "**lee** left.\n**mo** came.\n");
	look(PARTY("kira", 2), "{" MO "}", "{}", "[]", "");
	look("null", "{" MO "}", "{}", "[]", "**kira** left the party **friday**.\n");
	look("null", "{}", "{}", "[]", "");
}

static void a_party_that_is_being_made(void **state)
{
	(void)state;
	look("null", "{}", "{}", "[]", "");
	look("{\"id\": \"ab\", \"name\": \"friday\", \"host\": null, \"members\": 0}", "{}", "{}",
	     "[]", "");
	look(PARTY("kira", 1), "{}", "{}", "[]", "**kira** began the party **friday**.\n");
}

static void who_was_there_before_has_not_come(void **state)
{
	(void)state;
	look("null", "{}", "{}", "[]", "");
	look(PARTY("lee", 1), "{}", "{}", "[]", "**kira** came to the party **friday**.\n");
	look(PARTY("lee", 2), "{" LEE "}", "{}", "[]", "");
	now_us += NEWS_SETTLE_US;
	look(PARTY("lee", 3), "{" LEE ", " MO "}", "{}", "[]", "**mo** came.\n");
	look(PARTY("lee", 2), "{" LEE "}", "{}", "[]", "**mo** left.\n");
}

static void the_first_look_is_no_news(void **state)
{
	(void)state;
	look(PARTY("kira", 2), "{" LEE "}", "{\"a@00\": {\"own\": true, \"name\": \"a\"}}",
	     "[{\"id\": 1, \"game\": \"doom\", \"ended_at\": null}]", "");
}

static void what_is_unknown_is_no_news(void **state)
{
	const char *servers = "{\"a@00\": {\"own\": true, \"name\": \"a\"}}";

	(void)state;
	look(PARTY("kira", 2), "{" LEE "}", servers, "[]", "");
	look(NULL, NULL, NULL, NULL, "");
	look(PARTY("kira", 2), NULL, NULL, NULL, "");
	look(PARTY("kira", 2), "{" LEE "}", servers, "[]", "");
}

static void a_removed_member(void **state)
{
	json_t *before = json_loads("{\"status\": {\"party\": " PARTY(
					    "kira", 2) ", \"self\": {\"id\": \"00\", \"name\": "
						       "\"kira\"}}, \"peers\": {" LEE "}}",
				    0, NULL);
	json_t *after = json_loads("{\"status\": {\"party\": " PARTY(
					   "kira", 1) ", \"self\": {\"id\": \"00\", \"name\": "
						      "\"kira\"}}, \"peers\": {}}",
				   0, NULL);

	(void)state;
	news_take(&news, before, NULL, "", now_us, tell, NULL);
	news_take(&news, after, NULL, "02", now_us, tell, NULL);
	assert_string_equal(told, "**lee** was removed.\n");
	json_decref(before);
	json_decref(after);
}

static void removed_oneself(void **state)
{
	json_t *after = json_loads("{\"status\": {\"party\": null, \"self\": {\"id\": \"00\", "
				   "\"name\": \"kira\"}}, \"peers\": {}, \"network\": "
				   "{\"problem\": {\"cause\": \"kicked\"}}}",
				   0, NULL);

	(void)state;
	look(PARTY("lee", 2), "{" LEE "}", "{}", "[]", "");
	news_take(&news, after, NULL, "", now_us, tell, NULL);
	assert_string_equal(told, "**kira** was removed from the party **friday**.\n");
	json_decref(after);
}

static void servers_and_games(void **state)
{
	const char *arena = "{\"a@00\": {\"own\": true, \"name\": \"arena\", \"game\": "
			    "\"quake3\", \"address\": \"10.66.0.1:27960\"}, \"b@02\": {\"own\": "
			    "false, \"name\": \"b\"}}";

	(void)state;
	look(PARTY("kira", 1), "{}", "{}", "[]", "");
	look(PARTY("kira", 1), "{}", arena, "[]",
	     "**kira** runs **arena** (quake3): connect to 10\\.66\\.0\\.1\\:27960\n");
	look(PARTY("kira", 1), "{}", "{}", "[]", "**kira** no longer runs **arena**.\n");
	look(PARTY("kira", 1), "{}", "{}",
	     "[{\"id\": 1, \"game\": \"doom\", \"server\": \"arena\", \"ended_at\": null}]",
	     "**kira** plays **doom** on **arena**.\n");
	look(PARTY("kira", 1), "{}", "{}",
	     "[{\"id\": 2, \"game\": \"nexuiz\", \"server\": null, \"ended_at\": null}, {\"id\": "
	     "1, "
	     "\"game\": \"doom\", \"ended_at\": \"x\", \"duration_s\": 4320}]",
	     "**kira** played **doom** for 1 h 12 min.\n**kira** plays **nexuiz**.\n");
}

/* ---- words */

static void names_are_harmless(void **state)
{
	struct news_item item = {NEWS_CAME, "", "", "", "", 0};
	char line[MESSAGE_LINE_MAX], long_name[128];
	static const struct {
		const char *name, *line;
	} cases[] = {
		{"**_~`|>#", "**\\*\\*\\_\\~\\`\\|\\>\\#** came."},
		{"@everyone", "**\\@everyone** came."},
		{"<@1> <#2>", "**\\<\\@1\\> \\<\\#2\\>** came."},
		{"[x](https://y.z)", "**\\[x\\]\\(https\\:\\/\\/y\\.z\\)** came."},
		{"a\\", "**a\\\\** came."},
		{"a\nb\033", "**a\\?b\\?** came."},
		{"\xf0\x9f\x98\x80", "**\xf0\x9f\x98\x80** came."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		item.who = cases[i].name;
		assert_string_equal(message_line(&item, line), cases[i].line);
	}
	memset(long_name, '*', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (int kind = 0; kind < NEWS_KINDS; kind++) {
		item = (struct news_item){(enum news_kind)kind,
					  long_name,
					  long_name,
					  long_name,
					  long_name,
					  UINT64_MAX};
		assert_true(strlen(message_line(&item, line)) < MESSAGE_LINE_MAX - 1);
	}
}

static void the_body_mentions_nobody(void **state)
{
	char *body = message_body("\"hi\" \xf0\x9f\x98\x80");

	(void)state;
	assert_string_equal(body, "{\"content\":\"\\\"hi\\\" \xf0\x9f\x98\x80\","
				  "\"allowed_mentions\":{\"parse\":[]},\"flags\":4}");
	free(body);
	assert_int_equal(message_units("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 5);
}

/* ---- what Discord answers */

static void take(struct answer *answer, int status, const char *header, const char *body)
{
	char line[256];

	memset(answer, 0, sizeof(*answer));
	(void)snprintf(line, sizeof(line), "HTTP/2 %d \r\n", status);
	answer_take_header(answer, line, strlen(line));
	while (*header) {
		size_t n = strcspn(header, "\n");

		n += header[n] == '\n';
		answer_take_header(answer, header, n);
		header += n;
	}
	assert_true(answer_take_body(answer, body, strlen(body)));
	answer->status = status;
	answer_finish(answer);
}

static void how_long_to_wait(void **state)
{
	static const struct {
		int status;
		const char *header, *body;
		uint64_t us;
	} cases[] = {
		{429, "Retry-After: 2\r\n", "", 2000000},
		{429, "retry-after:0.35 \r\n", "", 350000},
		{429, "", "{\"retry_after\": 1.5, \"global\": false}", 1500000},
		{429, "Retry-After: 1\r\n", "{\"retry_after\": 0.643}", 1000000},
		{429, "Retry-After: 1\r\n", "{\"retry_after\": 1.643}", 1643000},
		{429, "X-RateLimit-Reset-After: 4.5\r\n", "garbage", 4500000},
		{429, "Retry-After: 99999999999999999999\r\n", "", ANSWER_WAIT_MAX_US},
		{429, "", "{\"retry_after\": 1e300}", ANSWER_WAIT_MAX_US},
		{429, "Retry-After: -1\r\nRetry-After: 1e9\r\nRetry-After:\r\n",
		 "{\"retry_after\": -5}", 0},
		{429, "Retry-After: .5\r\nRetry-After: 1.2.3\r\n", "[]", 0},
		{200, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset-After: 2.25\r\n", "{}",
		 2250000},
		{200, "X-RateLimit-Remaining: 3\r\nX-RateLimit-Reset-After: 2.25\r\n", "{}", 0},
		{500, "Retry-After", "", 0},
	};
	static struct answer answer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take(&answer, cases[i].status, cases[i].header, cases[i].body);
		if (answer_rest_us(&answer) != cases[i].us)
			fail_msg("case %zu: %llu", i, (unsigned long long)answer_rest_us(&answer));
	}
}

static void a_body_is_bounded(void **state)
{
	static char much[ANSWER_BODY_MAX + 1];
	static struct answer answer;

	(void)state;
	assert_true(answer_take_body(&answer, much, 10));
	assert_false(answer_take_body(&answer, much, sizeof(much)));
	assert_int_equal(answer.length, ANSWER_BODY_MAX);
}

/* ---- the queue */

static struct queue queue;

static int set_up_queue(void **state)
{
	queue_drop(&queue);
	memset(&queue, 0, sizeof(queue));
	return set_up(state);
}

static enum queue_verdict done(int status, const char *header)
{
	static struct answer answer;

	take(&answer, status, header, "");
	return queue_done(&queue, &answer, 7, now_us);
}

static void lines_of_half_a_second_are_one_message(void **state)
{
	(void)state;
	assert_int_equal(queue_due_us(&queue), CLOCK_NEVER);
	queue_add(&queue, "one", now_us);
	now_us += QUEUE_GATHER_US - 1;
	queue_add(&queue, "two", now_us);
	assert_null(queue_take(&queue, now_us));
	assert_int_equal(queue_due_us(&queue), ++now_us);
	assert_string_equal(queue_take(&queue, now_us), "one\ntwo");
	queue_add(&queue, "three", now_us);
	assert_string_equal(queue_take(&queue, now_us), "one\ntwo");
	assert_int_equal(queue_waiting(&queue), 3);
	assert_int_equal(done(200, ""), QUEUE_SENT);
	assert_int_equal(queue.sent, 2);
	assert_null(queue_take(&queue, now_us));
	assert_string_equal(queue_take(&queue, now_us + QUEUE_GATHER_US), "three");
}

static void much_becomes_several_messages(void **state)
{
	char line[801];
	const char *content;

	(void)state;
	memset(line, 'x', 800);
	line[800] = '\0';
	for (int i = 0; i < 5; i++)
		queue_add(&queue, line, now_us);
	now_us += QUEUE_GATHER_US;
	for (size_t left = 5; left > 0; left -= left > 1 ? 2 : 1) {
		content = queue_take(&queue, now_us);
		assert_int_equal(message_units(content), left > 1 ? 1601 : 800);
		assert_int_equal(done(204, ""), QUEUE_SENT);
	}
	assert_int_equal(queue.sent, 5);
}

static void what_fails_is_tried_again_later_and_later(void **state)
{
	(void)state;
	queue_add(&queue, "one", now_us);
	now_us += QUEUE_GATHER_US;
	assert_non_null(queue_take(&queue, now_us));
	assert_int_equal(done(500, ""), QUEUE_AGAIN);
	assert_in_range(queue_due_us(&queue), now_us + QUEUE_BACKOFF_US,
			now_us + QUEUE_BACKOFF_US * 3 / 2);
	assert_null(queue_take(&queue, now_us));
	now_us = queue_due_us(&queue);
	assert_string_equal(queue_take(&queue, now_us), "one");
	assert_int_equal(done(0, ""), QUEUE_AGAIN);
	assert_in_range(queue_due_us(&queue), now_us + 2 * QUEUE_BACKOFF_US,
			now_us + 3 * QUEUE_BACKOFF_US);
	now_us = queue_due_us(&queue);
	assert_string_equal(queue_take(&queue, now_us), "one");
	assert_int_equal(done(503, ""), QUEUE_DROPPED);
	assert_int_equal(queue.dropped, 1);
	assert_non_null(strstr(queue.problem, "503"));
	queue_add(&queue, "two", now_us);
	now_us = queue_due_us(&queue);
	assert_string_equal(queue_take(&queue, now_us), "two");
	assert_int_equal(done(200, ""), QUEUE_SENT);
	assert_string_equal(queue.problem, "");
}

static void discord_says_how_long_to_wait(void **state)
{
	(void)state;
	queue_add(&queue, "one", now_us);
	now_us += QUEUE_GATHER_US;
	assert_non_null(queue_take(&queue, now_us));
	assert_int_equal(done(429, "Retry-After: 3.5\r\n"), QUEUE_AGAIN);
	assert_int_equal(queue_due_us(&queue), now_us + 3500000);
	now_us += 3500000;
	assert_non_null(queue_take(&queue, now_us));
	assert_int_equal(done(200, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset-After: 2\r\n"),
			 QUEUE_SENT);
	queue_add(&queue, "two", now_us);
	assert_int_equal(queue_due_us(&queue), now_us + 2000000);
}

static void the_oldest_is_dropped(void **state)
{
	char line[16];

	(void)state;
	for (int i = 0; i < QUEUE_MAX + 3; i++) {
		(void)snprintf(line, sizeof(line), "line %d", i);
		queue_add(&queue, line, now_us);
	}
	assert_int_equal(queue.dropped, 3);
	assert_int_equal(queue_waiting(&queue), QUEUE_MAX);
	now_us += QUEUE_GATHER_US;
	assert_int_equal(strncmp(queue_take(&queue, now_us), "line 3\nline 4\n", 14), 0);
}

static void a_webhook_that_is_gone_gets_nothing_more(void **state)
{
	static const int final[] = {401, 403, 404};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set_up_queue(NULL);
		queue_add(&queue, "one", now_us);
		now_us += QUEUE_GATHER_US;
		assert_non_null(queue_take(&queue, now_us));
		queue_add(&queue, "two", now_us);
		assert_int_equal(done(final[i], ""), QUEUE_GONE);
		queue_add(&queue, "three", now_us);
		assert_int_equal(queue_due_us(&queue), CLOCK_NEVER);
		assert_int_equal(queue.dropped, 3);
		assert_non_null(strstr(queue.problem, "; make a new one"));
		queue_begin(&queue);
		assert_string_equal(queue.problem, "");
		queue_add(&queue, "four", now_us);
		assert_int_equal(queue_due_us(&queue), now_us + QUEUE_GATHER_US);
	}
}

static void what_discord_refuses_is_not_sent_again(void **state)
{
	static const int refused[] = {302, 400, 413};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set_up_queue(NULL);
		queue_add(&queue, "one", now_us);
		now_us += QUEUE_GATHER_US;
		assert_non_null(queue_take(&queue, now_us));
		assert_int_equal(done(refused[i], ""), QUEUE_DROPPED);
		assert_int_equal(queue_due_us(&queue), CLOCK_NEVER);
	}
}

static int tear_down(void **state)
{
	(void)state;
	queue_drop(&queue);
	news_clear(&news);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_party_from_its_begin_to_its_end, set_up),
		cmocka_unit_test_setup(a_party_that_is_being_made, set_up),
		cmocka_unit_test_setup(who_was_there_before_has_not_come, set_up),
		cmocka_unit_test_setup(the_first_look_is_no_news, set_up),
		cmocka_unit_test_setup(what_is_unknown_is_no_news, set_up),
		cmocka_unit_test_setup(a_removed_member, set_up),
		cmocka_unit_test_setup(removed_oneself, set_up),
		cmocka_unit_test_setup(servers_and_games, set_up),
		cmocka_unit_test(names_are_harmless),
		cmocka_unit_test(the_body_mentions_nobody),
		cmocka_unit_test(how_long_to_wait),
		cmocka_unit_test(a_body_is_bounded),
		cmocka_unit_test_setup(lines_of_half_a_second_are_one_message, set_up_queue),
		cmocka_unit_test_setup(much_becomes_several_messages, set_up_queue),
		cmocka_unit_test_setup(what_fails_is_tried_again_later_and_later, set_up_queue),
		cmocka_unit_test_setup(discord_says_how_long_to_wait, set_up_queue),
		cmocka_unit_test_setup(the_oldest_is_dropped, set_up_queue),
		cmocka_unit_test_setup(a_webhook_that_is_gone_gets_nothing_more, set_up_queue),
		cmocka_unit_test_setup(what_discord_refuses_is_not_sent_again, set_up_queue),
	};

	return cmocka_run_group_tests(tests, NULL, tear_down);
}
