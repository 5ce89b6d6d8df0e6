/* One-time links and sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "svc-api/auth.h"
#include "svc-api/whose.h"

#define TOKEN	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_TOKEN "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SCRAPE	    "2123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WALL_S	    1800000000ull

static void a_link_works_once_and_in_time(void **state)
{
	struct login login;
	char code[LOGIN_CODE_SIZE], late[LOGIN_CODE_SIZE];

	(void)state;
	login_init(&login, TOKEN);
	login_make_code(&login, LOGIN_ANYBODY, 5, code);
	login_make_code(&login, LOGIN_ANYBODY, 5, late);
	assert_string_not_equal(code, late);
	assert_int_equal(strlen(code), LOGIN_CODE_SIZE - 1);
	assert_false(login_redeem(&login, "", 1000, 6));
	assert_false(login_redeem(&login, "00000000000000000000000000000000", 1000, 6));
	assert_true(login_redeem(&login, code, 1000, 6));
	assert_false(login_redeem(&login, code, 1000, 6));
	assert_false(login_redeem(&login, late, 1000, 6 + LOGIN_CODE_S * CLOCK_SECOND));
	assert_false(login_redeem(&login, late, 1000, 6));
}

static void a_link_for_one_user_is_of_no_use_to_another(void **state)
{
	struct login login;
	char code[LOGIN_CODE_SIZE];

	(void)state;
	login_init(&login, TOKEN);
	login_make_code(&login, 1000, 5, code);
	assert_false(login_redeem(&login, code, 1001, 6));
	assert_false(login_redeem(&login, code, WHOSE_UNKNOWN, 6));
	assert_true(login_redeem(&login, code, 1000, 6));
	login_make_code(&login, 1000, 5, code);
	assert_true(login_redeem(&login, code, 0, 6));
	login_make_code(&login, LOGIN_ANYBODY, 5, code);
	assert_true(login_redeem(&login, code, WHOSE_UNKNOWN, 6));
}

static void the_kernel_s_table_says_whose_a_connection_is(void **state)
{
	static const char table[] = "  sl  local_address rem_address   st tx_queue rx_queue tr "
				    "tm->when retrnsmt   uid\n"
				    "   0: 0100007F:21DA 00000000:0000 0A 00000000:00000000 "
				    "00:00000000 00000000     0 0\n"
				    "   1: 0100007F:21DA 0100007F:C350 01 00000000:00000000 "
				    "00:00000000 00000000     7 0\n"
				    "   2: 0100007F:C350 0100007F:21DB 01 00000000:00000000 "
				    "00:00000000 00000000     8 0\n"
				    "   x: garbage\n"
				    " 123: 0200007F:C350 0100007F:21DA 01 00000000:00000000 "
				    "00:00000000 00000000     9 0\n"
				    " 124: 0100007F:C350 0100007F:21DA 01 00000000:00000000 "
				    "02:00000AFF 00000000  1000 0\n";
	struct addr from = addr_ipv4(0x7f000001, 50000), other = addr_ipv4(0x7f000001, 50001);
	FILE *file = fmemopen((void *)table, sizeof(table) - 1, "r");

	(void)state;
	assert_non_null(file);
	assert_int_equal(whose_in(file, &from, 8666), 1000);
	rewind(file);
	assert_int_equal(whose_in(file, &other, 8666), WHOSE_UNKNOWN);
	fclose(file);
}

static void the_oldest_link_makes_room(void **state)
{
	struct login login;
	char codes[LOGIN_CODES_MAX + 1][LOGIN_CODE_SIZE];

	(void)state;
	login_init(&login, TOKEN);
	for (size_t i = 0; i <= LOGIN_CODES_MAX; i++)
		login_make_code(&login, LOGIN_ANYBODY, i, codes[i]);
	assert_false(login_redeem(&login, codes[0], 1000, 20));
	for (size_t i = 1; i <= LOGIN_CODES_MAX; i++)
		assert_true(login_redeem(&login, codes[i], 1000, 20));
}

static void a_cookie_is_good_for_its_token_and_time(void **state)
{
	struct login login, other;
	char value[LOGIN_COOKIE_SIZE], forged[LOGIN_COOKIE_SIZE];

	(void)state;
	login_init(&login, TOKEN);
	login_init(&other, OTHER_TOKEN);
	login_make_cookie(&login, WALL_S, value);
	assert_true(login_check_cookie(&login, value, WALL_S));
	assert_true(login_check_cookie(&login, value, WALL_S + LOGIN_SESSION_S - 1));
	assert_false(login_check_cookie(&login, value, WALL_S + LOGIN_SESSION_S));
	/* A clock that was set back makes no session longer than it was given. */
	assert_false(login_check_cookie(&login, value, WALL_S - 1));
	assert_false(login_check_cookie(&other, value, WALL_S));
	for (size_t i = 0; i < strlen(value); i++) {
		strcpy(forged, value);
		forged[i] = forged[i] == '1' ? '2' : '1';
		assert_false(login_check_cookie(&login, forged, WALL_S));
	}
	assert_false(login_check_cookie(&login, "", WALL_S));
	assert_false(login_check_cookie(&login, "..", WALL_S));
}

static struct auth ours(void)
{
	struct auth auth = {.port = 8666, .token = TOKEN, .scrape_token = SCRAPE};

	auth_init(&auth);
	return auth;
}

static void a_session_changes_nothing_without_our_origin(void **state)
{
	struct auth auth = ours();
	char header[AUTH_COOKIE_SIZE], cookie[AUTH_COOKIE_SIZE + 16];
	struct auth_headers headers = {.cookie = cookie};

	(void)state;
	auth_set_cookie(&auth, WALL_S, header);
	assert_non_null(strstr(header, "; HttpOnly; SameSite=Strict\r\n"));
	assert_memory_equal(header, "Set-Cookie: lanrage_8666=", 25);
	*strchr(header + 12, ';') = '\0';
	(void)snprintf(cookie, sizeof(cookie), "a=b; %s; c=d", header + 12);
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_READ, WALL_S), AUTH_OK);
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_CHANGE, WALL_S),
			 AUTH_FOREIGN_ORIGIN);
	headers.origin = "http://127.0.0.1:8666"; /* whose it is, auth_check_source() says */
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_CHANGE, WALL_S), AUTH_OK);
	/* A token that is there decides. */
	headers.token = "wrong";
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_READ, WALL_S), AUTH_WRONG_TOKEN);
	headers.token = NULL;
	auth.port = 8667;
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_READ, WALL_S), AUTH_NO_TOKEN);
}

static void the_scrape_token_reads_the_metrics_text_only(void **state)
{
	struct auth auth = ours();
	struct auth_headers headers = {.authorization = "Bearer " SCRAPE};

	(void)state;
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_SCRAPE, WALL_S), AUTH_OK);
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_READ, WALL_S), AUTH_WRONG_TOKEN);
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_CHANGE, WALL_S), AUTH_WRONG_TOKEN);
	*auth.scrape_token = '\0';
	headers.authorization = "Bearer ";
	assert_int_equal(auth_check_token(&auth, &headers, AUTH_SCRAPE, WALL_S), AUTH_WRONG_TOKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_works_once_and_in_time),
		cmocka_unit_test(a_link_for_one_user_is_of_no_use_to_another),
		cmocka_unit_test(the_kernel_s_table_says_whose_a_connection_is),
		cmocka_unit_test(the_oldest_link_makes_room),
		cmocka_unit_test(a_cookie_is_good_for_its_token_and_time),
		cmocka_unit_test(a_session_changes_nothing_without_our_origin),
		cmocka_unit_test(the_scrape_token_reads_the_metrics_text_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
