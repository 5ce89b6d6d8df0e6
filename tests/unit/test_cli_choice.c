/* Which of what the API lists somebody means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/cli/choice.h"

/* Own ids have no @; the last ones are called what others are, or nothing. */
static const char list[] = "[{\"id\": \"arena\", \"name\": \"Own arena\"},"
			   " {\"id\": \"a@01\", \"name\": \"Twins\"},"
			   " {\"id\": \"a@02\", \"name\": \"tWINS\"},"
			   " {\"id\": \"b@02\", \"name\": \"K\xc3\xa4se\"},"
			   " {\"id\": \"c@03\", \"name\": \"arena\"},"
			   " {\"id\": \"d@03\", \"name\": \"\"},"
			   " {\"id\": \"e@03\"},"
			   " {\"id\": \"f@03\", \"name\": \"gone@0123456789abcdef\"},"
			   " {\"id\": \"g@03\", \"name\": \"dm@0123456789abcde\"}]";

static json_t *load(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

/* The ids of an array that is taken over, a blank behind each. */
static void expect(json_t *array, const char *ids)
{
	char text[256] = "";
	size_t i;
	json_t *entry;

	json_array_foreach(array, i, entry)
	{
		const json_t *id = json_object_get(entry, "id");
		size_t used = strlen(text);

		if (json_is_string(id))
			snprintf(text + used, sizeof(text) - used, "%s ", json_string_value(id));
		else
			snprintf(text + used, sizeof(text) - used, "%d ",
				 (int)json_integer_value(id));
	}
	json_decref(array);
	assert_string_equal(text, ids);
}

static void a_word_means_an_id_or_a_name(void **state)
{
	static const struct {
		const char *word, *ids;
	} rows[] = {
		{"Own arena", "arena "},
		{"OWN ARENA", "arena "},
		{"arena", "arena "}, /* the id, whoever is called so */
		{"Arena", "c@03 "},
		{"a@01", "a@01 "},
		{"A@01", ""}, /* ids are as they are */
		{"twins", "a@01 a@02 "},
		{"Twins", "a@01 a@02 "},
		{"k\xc3\xa4SE", "b@02 "},
		{"twin", ""},
		{"twins ", ""},
		{"nobody", ""},
		{"gone@0123456789abcdef", ""},
		{"dm@0123456789abcde", "g@03 "},
		{"\xff", ""},
	};
	json_t *servers = load(list);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(choice_servers(servers, rows[i].word), rows[i].ids);
	expect(choice_servers(NULL, "arena"), "");
	json_decref(servers);
}

static void a_name_is_enough_where_it_means_one(void **state)
{
	static const bool named[] = {true, false, false, true, false, false, false, false, true};
	json_t *servers = load(list), *server;
	size_t i;

	(void)state;
	json_array_foreach(servers, i, server)
	{
		if (choice_is_named(servers, server) != named[i])
			fail_msg("the %zuth", i);
	}
	json_decref(servers);
}

/* What leads to a server, its name or else its id, leads to it and no other. */
static void what_is_shown_leads_there(void **state)
{
	json_t *servers = load(list), *server;
	size_t i;

	(void)state;
	json_array_foreach(servers, i, server)
	{
		const char *key = choice_is_named(servers, server) ? "name" : "id";
		json_t *found =
			choice_servers(servers, json_string_value(json_object_get(server, key)));

		assert_int_equal(json_array_size(found), 1);
		assert_ptr_equal(json_array_get(found, 0), server);
		json_decref(found);
	}
	json_decref(servers);
}

static void those_that_run(void **state)
{
	json_t *sessions = load("[{\"id\": 3, \"ended_at\": null},"
				" {\"id\": 2, \"ended_at\": \"2026-01-01T00:00:00Z\"},"
				" {\"id\": 1, \"ended_at\": null}, {\"id\": 0}]");

	(void)state;
	expect(choice_running(sessions), "3 1 ");
	expect(choice_running(NULL), "");
	json_decref(sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_means_an_id_or_a_name),
		cmocka_unit_test(a_name_is_enough_where_it_means_one),
		cmocka_unit_test(what_is_shown_leads_there),
		cmocka_unit_test(those_that_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
