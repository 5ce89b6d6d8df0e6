#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deploy/launcher/request.h"
#include "deploy/launcher/roster.h"

static int parse(struct request *request, const char *text)
{
	struct error error = {0};
	int r = launcher_request_parse(request, (const uint8_t *)text, strlen(text), &error);

	assert_int_equal(error.code, r);
	return r;
}

static void knows_every_service(void **state)
{
	struct request request;
	char text[64];

	(void)state;
	for (int id = 0; id < SERVICE_COUNT; id++) {
		strcpy(text, "restart ");
		strcat(text, roster[id].name);
		assert_int_equal(parse(&request, text), 0);
		assert_int_equal(request.verb, REQUEST_RESTART);
		assert_int_equal(request.service, id);
		strcat(text, "\n");
		assert_int_equal(parse(&request, text), 0);
		assert_int_equal(request.service, id);
	}
}

static void refuses_all_else(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"restart",
		"restart ",
		"restart\nnat",
		"stop nat",
		"RESTART nat",
		"restart  nat",
		" restart nat",
		"restart nat ",
		"restart na",
		"restart nat\n\n",
		"restart nat\r\n",
		"restart natx",
		"restart ../nat",
	};
	struct request request;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(&request, bad[i]), -EINVAL);
}

static void refuses_hostile_bytes(void **state)
{
	static const uint8_t zero[] = "restart nat\0";
	uint8_t bytes[REQUEST_MAX + 1];
	struct request request;
	struct error error;

	(void)state;
	assert_int_equal(launcher_request_parse(&request, zero, sizeof(zero) - 1, &error), -EINVAL);
	assert_int_equal(launcher_request_parse(&request, NULL, 0, &error), -EINVAL);
	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, "restart ", 8);
	assert_int_equal(launcher_request_parse(&request, bytes, REQUEST_MAX, &error), -EINVAL);
	assert_null(strchr(error.text, 0xff));
	assert_int_equal(launcher_request_parse(&request, bytes, REQUEST_MAX + 1, &error), -EINVAL);
	assert_non_null(strstr(error.text, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_service),
		cmocka_unit_test(refuses_all_else),
		cmocka_unit_test(refuses_hostile_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
