/* Times as people write and read them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/duration.h"

static void what_is_written_is_read(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t seconds;
	} rows[] = {
		{"90", 0, 90},
		{"90s", 0, 90},
		{"15m", 0, 900},
		{"2h", 0, 7200},
		{"7d", 0, 604800},
		{"1h30m", 0, 5400},
		{"1h30", 0, 3630},
		{"0", 0, 0},
		{"4294967295", 0, UINT32_MAX},
		{"71582788m15s", 0, UINT32_MAX},
		{"71582788m16s", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"h", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 h", -EINVAL, 0},
		{"1w", -EINVAL, 0},
		{"1hh", -EINVAL, 0},
		{"1.5h", -EINVAL, 0},
		{"4294967296", -EINVAL, 0},
		{"71582789m", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"99999999999999999999", -EINVAL, 0},
		{"49711d", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t seconds = 0;

		if (duration_parse(rows[i].text, &seconds) != rows[i].result ||
		    seconds != rows[i].seconds)
			fail_msg("%s: %u", rows[i].text, seconds);
	}
}

static void counts_have_no_unit(void **state)
{
	uint32_t count = 0;

	(void)state;
	assert_int_equal(duration_parse_count("4294967295", &count), 0);
	assert_int_equal(count, UINT32_MAX);
	assert_int_equal(duration_parse_count("3s", &count), -EINVAL);
	assert_int_equal(duration_parse_count("", &count), -EINVAL);
}

static void writing_is_exact(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {{0, "0s"},
		    {1, "1s"},
		    {59, "59s"},
		    {60, "1m"},
		    {90, "90s"},
		    {3600, "1h"},
		    {5400, "90m"},
		    {86400, "1d"},
		    {90000, "25h"},
		    {2592000, "30d"},
		    {UINT64_MAX, "18446744073709551615s"}};
	char text[DURATION_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(duration_write(rows[i].seconds, text), rows[i].text);
}

static void showing_is_short(void **state)
{
	char text[DURATION_TEXT_SIZE];

	(void)state;
	assert_string_equal(duration_format(59, text), "59 s");
	assert_string_equal(duration_format(3599, text), "59 min");
	assert_string_equal(duration_format(12000, text), "3 h 20 min");
	assert_string_equal(duration_format(187200, text), "2 d 4 h");
	assert_string_equal(duration_format(UINT64_MAX, text), "213503982334601 d 7 h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(counts_have_no_unit),
		cmocka_unit_test(writing_is_exact),
		cmocka_unit_test(showing_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
