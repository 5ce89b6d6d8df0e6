#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

/* Sends stderr into a pipe while `write_lines` runs; what came out is in text. */
static void capture(void (*write_lines)(void), char *text, size_t size)
{
	int saved = dup(STDERR_FILENO);
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	write_lines();
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	n = read(ends[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(ends[0]);
}

static void write_levels(void)
{
	log_init("lanrage-test", LOG_LEVEL_NOTICE);
	log_info("not shown");
	errno = EBUSY;
	log_warning("peer %s: lost", "kira\nx <3>forged");
}

static void test_line(void **state)
{
	char text[4096];

	(void)state;
	capture(write_levels, text, sizeof(text));
	assert_int_equal(errno, EBUSY);
	assert_memory_equal(text, "<4>20", 5);
	assert_non_null(strstr(text, "Z lanrage-test: peer kira?x <3>forged: lost\n"));
	assert_null(strstr(text, "not shown"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void write_long(void)
{
	static char words[10000];

	memset(words, 'w', sizeof(words) - 1);
	log_err("%s", words);
}

static void test_long_line_is_cut(void **state)
{
	char text[16384];

	(void)state;
	capture(write_long, text, sizeof(text));
	assert_true(strlen(text) < 4096); /* PIPE_BUF: written in one piece */
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_levels(void **state)
{
	enum log_level level;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
}

static void test_limit(void **state)
{
	struct log_limit limit = {0};

	(void)state;
	assert_true(log_limit_pass(&limit, 1000, 500));
	assert_false(log_limit_pass(&limit, 1499, 500));
	assert_false(log_limit_pass(&limit, 1499, 500));
	assert_int_equal(limit.held, 2);
	assert_true(log_limit_pass(&limit, 1500, 500));
	assert_int_equal(limit.held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
