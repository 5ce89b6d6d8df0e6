/* Who may ask, and what a request's path and query mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/auth.h"
#include "svc-api/http.h"
#include "svc-api/target.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct auth ours(void)
{
	struct auth auth = {.port = 8666};

	assert_int_equal(auth_set_token(auth.token, TOKEN "\n"), 0);
	return auth;
}

static enum auth_verdict source(const char *host, const char *origin)
{
	struct auth auth = ours();
	struct auth_headers headers = {.host = host, .origin = origin};

	return auth_check_source(&auth, &headers);
}

static void only_loopback_hosts_with_our_port_are_ours(void **state)
{
	static const char *const foreign[] = {"evil.example:8666",
					      "127.0.0.1",
					      "127.0.0.1:8667",
					      "localhost",
					      "128.0.0.1:8666",
					      "127.0.0.1.evil:8666",
					      "localhost.:8666",
					      "",
					      ":8666",
					      "127.0.0.1:8666:8666",
					      "127.1:8666",
					      "[::1]:8666",
					      "127.0.0.1:08666",
					      "10.66.0.2:8666",
					      "2130706433:8666",
					      "0x7f000001:8666",
					      "localhost:8666 ",
					      "a@127.0.0.1:8666",
					      "127.0.0.1:8666/evil"};

	(void)state;
	assert_int_equal(source("127.0.0.1:8666", NULL), AUTH_OK);
	assert_int_equal(source("LocalHost:8666", NULL), AUTH_OK);
	assert_int_equal(source("127.8.8.8:8666", NULL), AUTH_OK);
	assert_int_equal(source(NULL, NULL), AUTH_FOREIGN_HOST);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (source(foreign[i], NULL) != AUTH_FOREIGN_HOST)
			fail_msg("%s was taken for ours", foreign[i]);
}

static void port_80_may_be_left_out(void **state)
{
	struct auth auth = {.port = 80};
	struct auth_headers headers = {.host = "localhost", .origin = "http://localhost"};

	(void)state;
	assert_int_equal(auth_check_source(&auth, &headers), AUTH_OK);
}

static void only_our_own_page_is_a_good_origin(void **state)
{
	static const char *const foreign[] = {"http://evil.example",
					      "null",
					      "",
					      "https://127.0.0.1:8666",
					      "http://127.0.0.1:8667",
					      "http://127.0.0.1:8666.evil",
					      "127.0.0.1:8666",
					      "http://",
					      "http://localhost:8666/"};

	(void)state;
	assert_int_equal(source("127.0.0.1:8666", "http://127.0.0.1:8666"), AUTH_OK);
	assert_int_equal(source("127.0.0.1:8666", "http://localhost:8666"), AUTH_OK);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (source("127.0.0.1:8666", foreign[i]) != AUTH_FOREIGN_ORIGIN)
			fail_msg("%s was taken for ours", foreign[i]);
}

static enum auth_verdict token(const char *authorization, const char *header)
{
	struct auth auth = ours();
	struct auth_headers headers = {.authorization = authorization, .token = header};

	return auth_check_token(&auth, &headers, AUTH_READ, 0);
}

static void the_token_comes_in_either_header(void **state)
{
	(void)state;
	assert_int_equal(token("Bearer " TOKEN, NULL), AUTH_OK);
	assert_int_equal(token("bearer " TOKEN, NULL), AUTH_OK);
	assert_int_equal(token(NULL, TOKEN), AUTH_OK);
	assert_int_equal(token(NULL, NULL), AUTH_NO_TOKEN);
	assert_int_equal(token("Basic " TOKEN, NULL), AUTH_NO_TOKEN);
	assert_int_equal(token("Bearer", NULL), AUTH_NO_TOKEN);
	assert_int_equal(token("Bearer ", NULL), AUTH_WRONG_TOKEN);
	assert_int_equal(token("Bearer " TOKEN "0", NULL), AUTH_WRONG_TOKEN);
	assert_int_equal(token(NULL, ""), AUTH_WRONG_TOKEN);
	/* The one that is looked at decides. */
	assert_int_equal(token("Bearer " TOKEN, "wrong"), AUTH_WRONG_TOKEN);
}

static void an_empty_token_lets_nobody_in(void **state)
{
	struct auth auth = {.port = 8666};
	struct auth_headers headers = {.token = ""};

	(void)state;
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_READ, 0), AUTH_WRONG_TOKEN);
	assert_int_equal(auth_set_token(auth.token, "\n"), -22);
	assert_int_equal(auth_set_token(auth.token, "short"), -22);
	assert_int_equal(auth_set_token(auth.token, "0123456789abcdef 0123456789abcdef"), -22);
}

static void listens_on_loopback_only(void **state)
{
	static const char *const refused[] = {"0.0.0.0:8666", "192.168.1.2:8666", "[::1]:8666",
					      "127.0.0.1",    "localhost:8666",	  ""};
	struct error error;
	struct addr listen;

	(void)state;
	assert_int_equal(http_parse_listen("127.0.0.1:8666", &listen, &error), 0);
	assert_int_equal(listen.port, 8666);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(http_parse_listen(refused[i], &listen, &error), -22);
		assert_non_null(strstr(error.text, "127.0.0.1:8666"));
	}
}

static void paths_and_queries_are_decoded(void **state)
{
	struct target target;

	(void)state;
	assert_int_equal(target_parse(&target, "/api/v1/peers/a%2Fb%20%C3%A4/ping",
				      "game=Quake%203&x&lines=5"),
			 0);
	assert_int_equal(target.n_segments, 5);
	assert_string_equal(target.segments[3], "a/b \xc3\xa4");
	assert_string_equal(target_parameter(&target, "game", ""), "Quake 3");
	assert_string_equal(target_parameter(&target, "x", "-"), "");
	assert_string_equal(target_parameter(&target, "lines", ""), "5");
	assert_null(target_parameter(&target, "y", NULL));
	assert_int_equal(target_parse(&target, "/", NULL), 0);
	assert_int_equal(target.n_segments, 0);
}

static void numbers_of_queries(void **state)
{
	unsigned long number = 7;
	struct target target;

	(void)state;
	assert_int_equal(target_parse(&target, "/", "a=5&b=-1&c=&d=5x&e=99999999999999999999"), 0);
	assert_int_equal(target_number(&target, "none", 9, &number), 0);
	assert_int_equal(number, 7);
	for (const char *name = "b\0c\0d\0e\0"; *name; name += 2)
		assert_int_equal(target_number(&target, name, 9, &number), -EINVAL);
	assert_int_equal(target_number(&target, "a", 4, &number), -EINVAL);
	assert_int_equal(number, 7);
	assert_int_equal(target_number(&target, "a", 5, &number), 0);
	assert_int_equal(number, 5);
}

static void test_pages(void **state)
{
	struct target target;
	struct target_page page;

	(void)state;
	assert_int_equal(target_parse(&target, "/a", NULL), 0);
	assert_int_equal(target_page(&target, &page), 0);
	assert_true(page.limit == SIZE_MAX && page.offset == 0);
	assert_int_equal(target_parse(&target, "/a", "limit=1000&offset=7"), 0);
	assert_int_equal(target_page(&target, &page), 0);
	assert_true(page.limit == 1000 && page.offset == 7);
	for (size_t i = 0; i < 4; i++) {
		static const char *const bad[] = {"limit=0", "limit=1001", "offset=-1", "limit="};

		assert_int_equal(target_parse(&target, "/a", bad[i]), 0);
		assert_int_equal(target_page(&target, &page), -EINVAL);
	}
}

static void malformed_paths_are_refused(void **state)
{
	static const char *const refused[] = {"",     "api",	    "/a/",    "/%",
					      "/%4",  "/%zz",	    "/a%00b", "/%1b[31m",
					      "/%ff", "/%E2%80%AE", "*",      "/1/2/3/4/5/6/7/8/9"};
	struct target target;
	char long_path[400];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (target_parse(&target, refused[i], NULL) == 0)
			fail_msg("%s was accepted", refused[i]);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(target_parse(&target, long_path, NULL), -22);
	assert_int_equal(target_parse(&target, "/", "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"), -22);
	assert_int_equal(target_parse(&target, "/", "a=%"), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(only_loopback_hosts_with_our_port_are_ours),
		cmocka_unit_test(port_80_may_be_left_out),
		cmocka_unit_test(only_our_own_page_is_a_good_origin),
		cmocka_unit_test(the_token_comes_in_either_header),
		cmocka_unit_test(an_empty_token_lets_nobody_in),
		cmocka_unit_test(listens_on_loopback_only),
		cmocka_unit_test(paths_and_queries_are_decoded),
		cmocka_unit_test(numbers_of_queries),
		cmocka_unit_test(malformed_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
