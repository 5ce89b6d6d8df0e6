/* Codes: what a host says aloud must be read back whatever a friend types. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/code.h"

static void test_made_codes_are_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		char url[CONTROL_URL_MAX];
		struct code made, read;

		code_make(&made);
		assert_int_equal(strlen(made.text), CODE_TEXT_SIZE - 1);
		assert_int_equal(made.text[4], '-');
		assert_int_equal(made.text[9], '-');
		assert_null(strpbrk(made.text, "ILOU"));
		assert_int_equal(code_parse(&read, url, made.text), 0);
		assert_string_equal(read.text, made.text);
		assert_string_equal(url, "");
	}
}

static void test_reading_is_forgiving(void **state)
{
	static const char *const good[] = {"KQ7M-3ZT9-HX20", "kq7m3zt9hx20", " kq7m 3zt9 hx2o",
					   "KQ7M3ZT9-HX2O", "K-Q-7-M-3-Z-T-9-H-X-2-0"};
	static const char *const bad[] = {"",
					  "KQ7M-3ZT9-HX2",
					  "KQ7M-3ZT9-HX2FF",
					  "KQ7M-3ZT9-HX2U",
					  "KQ7M_3ZT9_HX2F",
					  "lanrage://",
					  "lanrage:///KQ7M-3ZT9-HX2F",
					  "lanrage://host:1/",
					  "lanrage://a@b:1/KQ7M-3ZT9-HX2F",
					  "lanrage://a b:1/KQ7M-3ZT9-HX2F",
					  "http://host:1/KQ7M-3ZT9-HX2F",
					  "KQ7M-3ZT9-HX2\xc3\xa4"};
	struct code code;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(code_parse(&code, NULL, good[i]), 0);
		assert_string_equal(code.text, "KQ7M-3ZT9-HX20");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(code_parse(&code, NULL, bad[i]), -EINVAL);
	assert_int_equal(code_parse(&code, NULL, "1l1I-0oO0-1111"), 0);
	assert_string_equal(code.text, "1111-0000-1111");
}

static void test_links_carry_the_server(void **state)
{
	static const struct {
		const char *url, *link;
	} pairs[] = {
		{"ws://198.51.100.7:8667", "lanrage://198.51.100.7:8667/KQ7M-3ZT9-HX2F"},
		{"wss://play.example.org:443", "lanrages://play.example.org:443/KQ7M-3ZT9-HX2F"},
		{"ws://[2001:db8::1]:8667", "lanrage://[2001:db8::1]:8667/KQ7M-3ZT9-HX2F"},
		{CODE_LOCAL, "lanrage://local/KQ7M-3ZT9-HX2F"},
	};
	char url[CONTROL_URL_MAX], link[CONTROL_CODE_MAX];
	struct code code, read;

	(void)state;
	assert_int_equal(code_parse(&code, NULL, "KQ7M-3ZT9-HX2F"), 0);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_string_equal(code_link(&code, pairs[i].url, link), pairs[i].link);
		assert_int_equal(code_parse(&read, url, link), 0);
		assert_string_equal(read.text, code.text);
		assert_string_equal(url, pairs[i].url);
	}
	assert_string_equal(code_link(&code, "http://x", link), "");
}

static void test_a_link_too_long_is_refused(void **state)
{
	char link[1200] = "lanrage://";
	char url[CONTROL_URL_MAX];
	struct code code;

	(void)state;
	memset(link + 10, 'h', 1000);
	strcpy(link + 1010, ":1/KQ7M-3ZT9-HX2F");
	assert_int_equal(code_parse(&code, url, link), -EINVAL);
}

static void test_keys_follow_from_the_code_alone(void **state)
{
	struct code_keys a, b, c;
	struct code code;

	(void)state;
	code_parse(&code, NULL, "KQ7M-3ZT9-HX2F");
	assert_int_equal(code_derive(&code, &a), 0);
	code_parse(&code, NULL, "kq7m3zt9hx2f");
	assert_int_equal(code_derive(&code, &b), 0);
	code_parse(&code, NULL, "KQ7M-3ZT9-HX2G");
	assert_int_equal(code_derive(&code, &c), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(a.lookup_id, c.lookup_id, sizeof(a.lookup_id));
	assert_memory_not_equal(a.key, c.key, sizeof(a.key));
	assert_memory_not_equal(a.key, a.lookup_id, sizeof(a.lookup_id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_codes_are_read_back),
		cmocka_unit_test(test_reading_is_forgiving),
		cmocka_unit_test(test_links_carry_the_server),
		cmocka_unit_test(test_a_link_too_long_is_refused),
		cmocka_unit_test(test_keys_follow_from_the_code_alone),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
