/* Routes, and the bodies they take. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/routes.h"

static enum routes_verdict find(const char *method, const char *path, const struct route **route,
				const char **parameter, char allow[48])
{
	static struct target target; /* the parameter points into it */

	assert_int_equal(target_parse(&target, path, NULL), 0);
	return routes_find(routes, method, &target, route, parameter, allow);
}

static void every_route_is_found_by_its_own_path(void **state)
{
	const struct route *route;
	const char *parameter;
	char allow[48];

	(void)state;
	for (const struct route *r = routes; r->method; r++) {
		assert_int_equal(find(r->method, r->path, &route, &parameter, allow), ROUTES_FOUND);
		assert_ptr_equal(route, r);
		assert_true(parameter == NULL || strcmp(parameter, "*") == 0);
	}
}

static void tells_a_wrong_path_from_a_wrong_method(void **state)
{
	const struct route *route;
	const char *parameter;
	char allow[48];

	(void)state;
	assert_int_equal(find("GET", "/api/v1/nothing", &route, &parameter, allow), ROUTES_NO_PATH);
	assert_int_equal(find("GET", "/api/v1", &route, &parameter, allow), ROUTES_NO_PATH);
	assert_int_equal(find("GET", "/api/v1/status/x", &route, &parameter, allow),
			 ROUTES_NO_PATH);
	assert_int_equal(find("GET", "/API/v1/status", &route, &parameter, allow), ROUTES_NO_PATH);
	assert_int_equal(find("DELETE", "/api/v1/settings", &route, &parameter, allow),
			 ROUTES_NO_METHOD);
	assert_string_equal(allow, "GET, PATCH");
	assert_int_equal(find("HEAD", "/api/v1/status", &route, &parameter, allow), ROUTES_FOUND);
	assert_int_equal(find("POST", "/api/v1/peers/kira%2Fx/ping", &route, &parameter, allow),
			 ROUTES_FOUND);
	assert_string_equal(parameter, "kira/x");
	assert_int_equal(find("POST", "/api/v1/peers//ping", &route, &parameter, allow),
			 ROUTES_NO_PATH);
}

static const struct route *route_of(const char *method, const char *path)
{
	const struct route *route;
	const char *parameter;
	char allow[48];

	assert_int_equal(find(method, path, &route, &parameter, allow), ROUTES_FOUND);
	return route;
}

static void unknown_parameters_are_named(void **state)
{
	struct target target;

	(void)state;
	assert_int_equal(target_parse(&target, "/api/v1/servers", "game=x"), 0);
	assert_null(routes_unknown_parameter(route_of("GET", "/api/v1/servers"), &target));
	assert_string_equal(routes_unknown_parameter(route_of("GET", "/api/v1/peers"), &target),
			    "game");
	assert_int_equal(target_parse(&target, "/api/v1/servers", "sort=name&limit=1&offset=2"), 0);
	assert_null(routes_unknown_parameter(route_of("GET", "/api/v1/servers"), &target));
}

/* Refused, with words that have this in them. */
static void refused(const char *path, const char *bytes, const char *words)
{
	const char *method = strcmp(path, "/api/v1/settings") == 0 ? "PATCH" : "POST";
	struct error error = {0};
	json_t *json;

	assert_int_equal(
		body_parse(&json, route_of(method, path)->body, bytes, strlen(bytes), &error), -22);
	assert_null(json);
	if (!strstr(error.text, words))
		fail_msg("%s: said \"%s\", not \"%s\"", bytes, error.text, words);
}

#define IMPORT "{\"format\": \"lanrage-settings\", \"version\": 1, \"settings\": "

static void bodies_are_refused_with_the_fields_name(void **state)
{
	(void)state;
	refused("/api/v1/party", "", "name: missing");
	refused("/api/v1/party", "{", "line 1, column 1");
	refused("/api/v1/party", "[]", "object");
	refused("/api/v1/party", "\"name\"", "not valid JSON");
	refused("/api/v1/party", "{\"name\": 5}", "name: must be a text");
	refused("/api/v1/party", "{\"name\": null}", "name: must be a text");
	refused("/api/v1/party", "{\"name\": \"a\", \"name\": \"b\"}", "not valid JSON");
	refused("/api/v1/party", "{\"name\": \"a\", \"local\": 1}", "local: must be true or false");
	refused("/api/v1/party", "{\"name\": \"a\", \"colour\": 1}",
		"colour: no such field; this takes name, own_name, local");
	refused("/api/v1/party", "{\"name\": \"a\\u001b[31m\"}", "name: must not have control");
	refused("/api/v1/party", "{\"name\": \"a\\u0000\"}", "not valid JSON");
	refused("/api/v1/party", "{\"name\": \"\xff\"}", "not valid JSON");
	refused("/api/v1/party", "{\"\\u001b[31m\": 1}", "?[31m: no such field");
	refused("/api/v1/party/leave", "{\"name\": \"a\"}", "this takes none");
	/* Nobody's name ends what happened and begins what to do. */
	refused("/api/v1/party/leave", "{\"a; b\": 1}", "a, b: no such field; this takes none");
	refused("/api/v1/party/invite", "{\"ttl_s\": -1}", "ttl_s: must be a whole number");
	refused("/api/v1/party/invite", "{\"ttl_s\": 4294967296}", "ttl_s: must be");
	refused("/api/v1/party/invite", "{\"ttl_s\": 1.5}", "ttl_s: must be");
	refused("/api/v1/party/invite", "[[[[[]]]]]", "nested deeper");
	refused("/api/v1/settings", "{\"up\": []}", "up: must be a text, true or false");
	refused("/api/v1/settings", "{\"up\": 1.5}", "up: must be a text, true or false");
	refused("/api/v1/settings", "{\"up\": {\"a\": 1}}", "up: must be a text, true or false");
	refused("/api/v1/settings", "{\"up\": \"\\u202e\"}", "up: must not have control");
	refused("/api/v1/settings/reset", "{\"keys\": \"up\"}", "keys: must be a list");
	refused("/api/v1/settings/import", "{}", "format: missing");
	refused("/api/v1/settings/import", IMPORT "1.5}", "settings: must be an object");
	refused("/api/v1/settings/import", IMPORT "{\"up\": []}}", "up: must be a text, true");
	refused("/api/v1/settings/import", IMPORT "{\"\\u001b\": []}}", "?: must be a text, true");
	refused("/api/v1/servers",
		"{\"name\": \"a\", \"game\": \"b\", \"address\": \"c\", \"tags\": [1]}",
		"tags: must be a text");
	refused("/api/v1/servers",
		"{\"name\": \"a\", \"game\": \"b\", \"address\": \"c\", \"tags\": {}}",
		"tags: must be a list");
}

/* Where JSON is broken, the parser would say near what. */
static void what_was_sent_is_not_in_the_words(void **state)
{
	static const char *const bodies[] = {"{\"a\" \"hunter2\"}", "{\"a\": \"hunter2}",
					     "{\"a\": hunter2}", "{\"a\": \"hunter2\\x\"}",
					     "{\"a\": [\"hunter2\"]}"};
	const struct body_field *fields = route_of("PATCH", "/api/v1/settings")->body;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct error error = {0};
		json_t *json;

		assert_int_equal(body_parse(&json, fields, bodies[i], strlen(bodies[i]), &error),
				 -EINVAL);
		if (strstr(error.text, "hunter2"))
			fail_msg("%s", error.text);
	}
}

static void accepted(const char *method, const char *path, const char *bytes)
{
	struct error error = {0};
	json_t *json;

	if (body_parse(&json, route_of(method, path)->body, bytes, strlen(bytes), &error) < 0)
		fail_msg("%s: %s", bytes, error.text);
	json_decref(json);
}

static void settings_are_texts_truths_numbers_and_null(void **state)
{
	(void)state;
	accepted("PATCH", "/api/v1/settings",
		 "{\"a\": \"x\", \"b\": true, \"c\": false, \"d\": -7, \"e\": null, \"f\": \"\"}");
	accepted("POST", "/api/v1/settings/import", IMPORT "{\"a\": 1, \"b\": null}}");
	accepted("POST", "/api/v1/settings/reset", "");
}

static void long_texts_are_refused(void **state)
{
	char bytes[200];

	(void)state;
	(void)snprintf(bytes, sizeof(bytes), "{\"name\": \"%063d\"}", 0);
	struct error error;
	json_t *json;
	assert_int_equal(body_parse(&json, route_of("POST", "/api/v1/party")->body, bytes,
				    strlen(bytes), &error),
			 0);
	json_decref(json);
	(void)snprintf(bytes, sizeof(bytes), "{\"name\": \"%064d\"}", 0);
	refused("/api/v1/party", bytes, "name: at most 63 bytes");
}

static void good_bodies_give_their_values(void **state)
{
	static const char bytes[] = "{\"name\": \"a [[[[[[ b\\\"\", \"local\": true, "
				    "\"own_name\": null}";
	struct error error;
	json_t *json;
	char name[8];

	(void)state;
	assert_int_equal(body_parse(&json, route_of("POST", "/api/v1/party")->body, bytes,
				    sizeof(bytes) - 1, &error),
			 0);
	assert_string_equal(body_text(json, "name"), "a [[[[[[ b\"");
	assert_string_equal(body_text(json, "own_name"), "");
	assert_true(body_bool(json, "local"));
	assert_int_equal(body_number(json, "ttl_s"), 0);
	body_copy(json, "name", name, sizeof(name));
	assert_string_equal(name, "a [[[[[");
	json_decref(json);
	assert_int_equal(body_parse(&json, NULL, "", 0, &error), 0);
	json_decref(json);
}

/* ---- errors */

static void errors_become_statuses_with_words(void **state)
{
	static const struct {
		int error, status;
		const char *code;
	} expected[] = {
		{-EINVAL, 400, "bad_value"},	 {-EPERM, 403, "not_allowed"},
		{-ENOENT, 404, "not_found"},	 {-EALREADY, 409, "already_in_party"},
		{-ENOTCONN, 503, "server_away"}, {-ETIMEDOUT, 504, "timeout"},
		{-EIO, 502, "service_failed"},
	};
	struct reply reply = {0};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		error_set(&error, expected[i].error, "words\033");
		reply_failure(&reply, SERVICE_CONTROL, &error);
		const json_t *said = json_object_get(reply.json, "error");

		assert_int_equal(reply.status, expected[i].status);
		assert_string_equal(json_string_value(json_object_get(said, "code")),
				    expected[i].code);
		assert_non_null(
			strstr(json_string_value(json_object_get(said, "message")), "words?"));
	}
	error_set(&error, -EHOSTDOWN, "the service did not answer in time");
	reply_failure(&reply, SERVICE_NAT, &error);
	assert_int_equal(reply.status, 504);
	assert_non_null(strstr(
		json_string_value(json_object_get(json_object_get(reply.json, "error"), "message")),
		"lanrage-nat does not answer"));
	assert_non_null(strstr(
		json_string_value(json_object_get(json_object_get(reply.json, "error"), "hint")),
		"see `lanrage doctor`"));
	reply_error(&reply, 404, "not_found", "there is nothing: no hint");
	assert_true(json_is_null(json_object_get(json_object_get(reply.json, "error"), "hint")));
	reply_clear(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_found_by_its_own_path),
		cmocka_unit_test(tells_a_wrong_path_from_a_wrong_method),
		cmocka_unit_test(unknown_parameters_are_named),
		cmocka_unit_test(bodies_are_refused_with_the_fields_name),
		cmocka_unit_test(what_was_sent_is_not_in_the_words),
		cmocka_unit_test(settings_are_texts_truths_numbers_and_null),
		cmocka_unit_test(long_texts_are_refused),
		cmocka_unit_test(good_bodies_give_their_values),
		cmocka_unit_test(errors_become_statuses_with_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
