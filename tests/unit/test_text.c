/* Which texts from outside may be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static void test_clean(void **state)
{
	static const char *const good[] = {
		"",
		"kira",
		"Jörg",
		"二人",
		"\xf0\x9f\x8e\xae",
		" ",
		"a\xc2\xa0"
		"b",
		"\xef\xbf\xbf",
		"\xf4\x8f\xbf\xbf",
		"\xed\x9f\xbf",
		"\xee\x80\x80",
		"e\xcc\x81",
		"\xe2\x80\x8d",
		"\xe2\x80\xa7",
		"\xe2\x80\xaf",
		"\xe2\x81\xa5",
		"\xe2\x81\xaa",
	};
	static const char *const bad[] = {
		"\n",
		"a\tb",
		"\x1b[2J",
		"\x7f",
		"\xc2\x80",
		"\xc2\x9f", /* controls */
		"\xd8\x9c",
		"\xe2\x80\x8e",
		"\xe2\x80\x8f", /* direction */
		"\xe2\x80\xaa",
		"\xe2\x80\xae",
		"\xe2\x81\xa6",
		"\xe2\x81\xa9",
		"\xe2\x80\xa8",
		"\xe2\x80\xa9", /* separators */
		"\x80",
		"a\xff",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x8e", /* no UTF-8, or cut off */
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",
		"\xed\xbf\xbf", /* surrogates */
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xc3(",
		"\xe2(\xa1",
		"\xe2\x82(",
		"\xf0(\x8c\xbc",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!text_is_clean(good[i]))
			fail_msg("good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (text_is_clean(bad[i]))
			fail_msg("bad %zu", i);
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		bool good;
	} rows[] = {
		{"kira", 5, true},
		{"kira", 4, false},
		{"", 5, false},
		{"   ", 5, false},
		{" k ", 5, true},
		{"k\n", 5, false},
		{"\xc3", 5, false},
		/* nothing to see: blanks of other widths, no width at all, fillers, tags */
		{"\xc2\xa0\xe2\x80\x83\xe3\x80\x80", 16, false},
		{"\xe2\x80\x8b\xe2\x81\xa0\xef\xbb\xbf", 16, false},
		{"\xe3\x85\xa4", 16, false},
		{"\xe2\xa0\x80", 16, false},
		{"\xf3\xa0\x81\xa1", 16, false},
		{"\xef\xb8\x8f\xe2\x80\x8d", 16, false},
		/* something, with one of them in it */
		{"\xe2\x80\x8bk", 16, true},
		{"\xf0\x9f\x8e\xae\xef\xb8\x8f", 16, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (text_is_name(rows[i].text, rows[i].size) != rows[i].good)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
