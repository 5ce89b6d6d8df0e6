/* What goes wrong in the same way again and again is named once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "svc-control/complaint.h"

static void test_complaints(void **state)
{
	static const struct {
		int code; /* 0: it went well */
		bool new;
	} rows[] = {
		{0, false},	     {-ETIMEDOUT, true}, {-ETIMEDOUT, false},
		{-ENOTCONN, false}, /* says nothing about what is asked */
		{-ETIMEDOUT, false}, {-EPROTO, true},	 {-EPROTO, false},
		{0, false},	     {-EPROTO, true},
	};
	struct complaint complaint = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {.code = rows[i].code};

		assert_int_equal(complaint_is_new(&complaint, rows[i].code ? &error : NULL),
				 rows[i].new);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_complaints)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
