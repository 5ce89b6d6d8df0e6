/* The ends of the logs, and what the launcher says of the services. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "svc-api/logtail.h"
#include "svc-api/supervision.h"

static char run[] = "/tmp/lanrage-logtail-XXXXXX";

static void write_log(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/logs/%s.log", run, name);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static int make_run(void **state)
{
	char path[64];

	(void)state;
	if (!mkdtemp(run))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/logs", run);
	return mkdir(path, 0755);
}

static int remove_run(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", run);
	return system(command);
}

static void lines_of_all_services_come_in_order(void **state)
{
	struct logtail tail;
	struct error error;

	(void)state;
	write_log("nat", "<6>2026-01-31T12:00:00.100Z lanrage-nat: one\n"
			 "<4>2026-01-31T12:00:00.300Z lanrage-nat: three\n"
			 "a trace\033\n");
	write_log("api", "<5>2026-01-31T12:00:00Z lanraged: zero\n"
			 "<6>2026-01-31T12:00:00.200Z lanrage-api: two\n"
			 "<2>2026-01-31T12:00:00.400Z lanrage-api: four");
	assert_int_equal(logtail_read(&tail, run, NULL, 100, &error), 0);
	assert_int_equal(tail.n, 6);
	assert_string_equal(tail.lines[0], "2026-01-31T12:00:00Z lanraged: zero");
	assert_string_equal(tail.lines[1], "2026-01-31T12:00:00.100Z lanrage-nat: one");
	assert_string_equal(tail.lines[2], "2026-01-31T12:00:00.200Z lanrage-api: two");
	assert_string_equal(tail.lines[3], "2026-01-31T12:00:00.300Z warning lanrage-nat: three");
	assert_string_equal(tail.lines[4], "a trace?");
	assert_string_equal(tail.lines[5], "2026-01-31T12:00:00.400Z error lanrage-api: four");
	logtail_clear(&tail);
	assert_int_equal(logtail_read(&tail, run, NULL, 2, &error), 0);
	assert_int_equal(tail.n, 2);
	assert_string_equal(tail.lines[0], "a trace?");
	logtail_clear(&tail);
}

static void only_the_end_of_a_long_log_is_read(void **state)
{
	char path[64];
	struct logtail tail;
	struct error error;
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/logs/nat.log", run);
	file = fopen(path, "w");
	for (int i = 0; i < 40000; i++)
		(void)fprintf(file, "line %d\n", i);
	(void)fclose(file);
	assert_int_equal(logtail_read(&tail, run, "nat", LOGTAIL_LINES_MAX, &error), 0);
	assert_int_equal(tail.n, LOGTAIL_LINES_MAX);
	assert_string_equal(tail.lines[tail.n - 1], "line 39999");
	logtail_clear(&tail);
	assert_int_equal(logtail_read(&tail, run, "nat", 0, &error), 0);
	assert_int_equal(tail.n, 0);
	logtail_clear(&tail);
}

static void missing_logs_are_named(void **state)
{
	struct logtail tail;
	struct error error;

	(void)state;
	assert_int_equal(logtail_read(&tail, run, "bogus", 5, &error), -2);
	assert_non_null(strstr(error.text, "no service bogus"));
	assert_int_equal(logtail_read(&tail, run, "control", 5, &error), -2);
	assert_int_equal(logtail_read(&tail, run, "../token", 5, &error), -2);
	assert_int_equal(logtail_read(&tail, "/nowhere", NULL, 5, &error), -2);
}

static void services_json_is_read(void **state)
{
	static const char text[] =
		"{\"services\": {\"nat\": {\"state\": \"running\", \"pid\": 7, \"restarts\": 2,"
		" \"started_at_us\": 9}, \"control\": {\"state\": \"backoff\", \"pid\": null,"
		" \"restarts\": -1, \"started_at_us\": \"x\"}}}";
	struct supervision supervision;

	(void)state;
	supervision_parse(&supervision, text, sizeof(text) - 1);
	assert_true(supervision.known);
	assert_string_equal(supervision.services[SERVICE_NAT].state, "running");
	assert_int_equal(supervision.services[SERVICE_NAT].pid, 7);
	assert_int_equal(supervision.services[SERVICE_NAT].restarts, 2);
	assert_true(supervision.services[SERVICE_CONTROL].pid == SUPERVISION_UNKNOWN);
	assert_true(supervision.services[SERVICE_CONTROL].restarts == SUPERVISION_UNKNOWN);
	assert_string_equal(supervision.services[SERVICE_API].state, "");
	supervision_parse(&supervision, "{", 1);
	assert_false(supervision.known);
	supervision_read(&supervision, "/nowhere");
	assert_false(supervision.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_all_services_come_in_order),
		cmocka_unit_test(only_the_end_of_a_long_log_is_read),
		cmocka_unit_test(missing_logs_are_named),
		cmocka_unit_test(services_json_is_read),
	};

	return cmocka_run_group_tests(tests, make_run, remove_run);
}
