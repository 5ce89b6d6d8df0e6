/* Whether a login was meant for this server, and the URLs that clients dial. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/server/authority.h"
#include "svc-control/websocket.h"

static void test_authorities(void **state)
{
	static const struct {
		const char *header, *signed_for, *names;
		bool matches;
	} table[] = {
		{"play.example:8667", "play.example:8667", NULL, true},
		{"Play.Example:8667", "play.example:8667", "", true},
		{"play.example.:8667", "play.example:8667", NULL, true},
		{"play.example", "play.example:443", NULL, true},
		{"play.example", "play.example:80", NULL, true},
		{"play.example", "play.example:8667", NULL, false},
		{"play.example:8667", "play.example", NULL, false},
		{"play.example:8667", "play.example:8668", NULL, false},
		{"play.example:8667", "evil.example:8667", NULL, false},
		{"evil.example:8667", "play.example:8667", NULL, false},
		{"[2001:db8::1]:8667", "[2001:db8::1]:8667", NULL, true},
		{"[2001:DB8::1]", "[2001:db8::1]:443", NULL, true},
		{"[2001:db8::1]:8667", "[2001:db8::2]:8667", NULL, false},
		{"a:1", "a:1", "b, a", true},
		{"a:1", "a:1", "b,a:1", true},
		{"a:1", "a:1", "b,a:2", false},
		{"a:1", "a:1", "b", false},
		{"aa:1", "aa:1", "a", false},
		{"", "", NULL, false},
		{":1", ":1", NULL, false},
		{"a:1x", "a:1x", NULL, false},
		{"a:99999999999", "a:99999999999", NULL, false},
		{"a:65537", "a:1", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (authority_matches(table[i].header, table[i].signed_for, table[i].names) !=
		    table[i].matches)
			fail_msg("row %zu: %s", i, table[i].header);
}

static void test_urls(void **state)
{
	static const struct {
		const char *text;
		bool tls;
		const char *host, *authority, *path;
		uint16_t port;
	} table[] = {
		{"ws://play.example:8667", false, "play.example", "play.example:8667",
		 "/rendezvous", 8667},
		{"wss://Play.Example", true, "play.example", "play.example:443", "/rendezvous",
		 443},
		{"ws://10.0.0.1/", false, "10.0.0.1", "10.0.0.1:80", "/rendezvous", 80},
		{"wss://play.example/lan/rendezvous", true, "play.example", "play.example:443",
		 "/lan/rendezvous", 443},
		{"ws://[2001:DB8::1]:8667", false, "2001:db8::1", "[2001:db8::1]:8667",
		 "/rendezvous", 8667},
		{"wss://[::1]", true, "::1", "[::1]:443", "/rendezvous", 443},
	};
	struct websocket_url url;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (websocket_url_parse(&url, table[i].text, &error) != 0)
			fail_msg("%s: %s", table[i].text, error.text);
		assert_int_equal(url.tls, table[i].tls);
		assert_string_equal(url.host, table[i].host);
		assert_string_equal(url.authority, table[i].authority);
		assert_string_equal(url.path, table[i].path);
		assert_int_equal(url.port, table[i].port);
	}
}

static void test_bad_urls(void **state)
{
	static const char *const table[] = {
		"",
		"play.example",
		"http://play.example",
		"ws:/play.example",
		"ws://",
		"ws://:80",
		"ws://a:",
		"ws://a:0",
		"ws://a:65536",
		"ws://a:123456",
		"ws://a:8x",
		"ws://user@host",
		"ws://host name",
		"ws://a/b c",
		"ws://a/b#c",
		"ws://a?b",
		"ws://[::1",
		"ws://[::1]x",
		"ws://[play.example]",
		"ws://"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct websocket_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct error error = {0};

		if (websocket_url_parse(&url, table[i], &error) != -EINVAL)
			fail_msg("%s was accepted", table[i]);
		assert_int_not_equal(error.text[0], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_bad_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
