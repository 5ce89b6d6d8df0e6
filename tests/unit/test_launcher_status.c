#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deploy/launcher/status.h"

static struct status example(void)
{
	struct status status = {
		.api = "127.0.0.1:8666",
		.launcher_pid = 41,
		.launcher_wall_us = 1769860800123456ULL,
	};

	for (int id = 0; id < SERVICE_COUNT; id++)
		status.services[id] = (struct status_service){
			.state = STATUS_RUNNING, .pid = 50 + id, .started_at_us = 7000001};
	status.services[SERVICE_NAT].restarts = 3;
	strcpy(status.services[SERVICE_NAT].last_exit, "killed by SIGKILL");
	status.services[SERVICE_CONTROL].state = STATUS_BACKOFF;
	status.services[SERVICE_METRICS].state = STATUS_STARTING;
	status.services[SERVICE_API].state = STATUS_STOPPED;
	return status;
}

static const char golden[] =
	"{\n"
	"  \"api\": \"127.0.0.1:8666\",\n"
	"  \"launcher\": {\"pid\": 41, \"started_at\": \"2026-01-31T12:00:00Z\"},\n"
	"  \"services\": {\n"
	"    \"dataplane\": {\"state\": \"running\", \"pid\": 50, \"started_at_us\": 7000001, "
	"\"restarts\": 0, \"last_exit\": null},\n"
	"    \"nat\": {\"state\": \"running\", \"pid\": 51, \"started_at_us\": 7000001, "
	"\"restarts\": 3, \"last_exit\": \"killed by SIGKILL\"},\n"
	"    \"control\": {\"state\": \"backoff\", \"pid\": null, \"started_at_us\": null, "
	"\"restarts\": 0, \"last_exit\": null},\n"
	"    \"metrics\": {\"state\": \"starting\", \"pid\": null, \"started_at_us\": null, "
	"\"restarts\": 0, \"last_exit\": null},\n"
	"    \"browser\": {\"state\": \"running\", \"pid\": 54, \"started_at_us\": 7000001, "
	"\"restarts\": 0, \"last_exit\": null},\n"
	"    \"api\": {\"state\": \"stopped\", \"pid\": null, \"started_at_us\": null, "
	"\"restarts\": 0, \"last_exit\": null}\n"
	"  }\n"
	"}\n";

static void writes_the_golden_text(void **state)
{
	struct status status = example();
	char text[STATUS_TEXT_MAX];

	(void)state;
	assert_int_equal(launcher_status_format(&status, text, sizeof(text)), sizeof(golden) - 1);
	assert_string_equal(text, golden);
}

static void says_when_there_is_no_room(void **state)
{
	struct status status = example();
	char text[STATUS_TEXT_MAX];

	(void)state;
	for (size_t size = 1; size <= sizeof(golden) - 1; size++)
		assert_int_equal(launcher_status_format(&status, text, size), -ENOSPC);
	assert_int_equal(launcher_status_format(&status, text, sizeof(golden)), sizeof(golden) - 1);
}

static void the_longest_fits(void **state)
{
	struct status status = example();
	char text[STATUS_TEXT_MAX];

	(void)state;
	memset(status.api, 'x', sizeof(status.api) - 1);
	status.launcher_pid = INT32_MAX;
	for (int id = 0; id < SERVICE_COUNT; id++) {
		struct status_service *service = &status.services[id];
		*service = (struct status_service){STATUS_RUNNING, INT32_MAX, UINT32_MAX,
						   UINT64_MAX, ""};
		memset(service->last_exit, 'x', sizeof(service->last_exit) - 1);
	}
	assert_true(launcher_status_format(&status, text, sizeof(text)) > 0);
}

static void puts_exits_in_words(void **state)
{
	char words[STATUS_WORDS_MAX];

	(void)state;
	launcher_status_exit_words(CLD_EXITED, 3, words);
	assert_string_equal(words, "exited with status 3");
	launcher_status_exit_words(CLD_KILLED, SIGKILL, words);
	assert_string_equal(words, "killed by SIGKILL");
	launcher_status_exit_words(CLD_DUMPED, SIGSEGV, words);
	assert_string_equal(words, "killed by SIGSEGV");
	launcher_status_exit_words(CLD_KILLED, 60, words);
	assert_string_equal(words, "killed by signal 60");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_golden_text),
		cmocka_unit_test(says_when_there_is_no_room),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(puts_exits_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
