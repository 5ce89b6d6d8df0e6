/* vector.h - golden values written in hexadecimal, and the comparison with what the code made. */
#ifndef LANRAGE_TESTS_VECTORS_VECTOR_H
#define LANRAGE_TESTS_VECTORS_VECTOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <sodium.h>

/* Returns the length. */
static inline size_t vector_read(uint8_t *bytes, size_t size, const char *hex)
{
	size_t length = 0;

	assert_int_equal(sodium_hex2bin(bytes, size, hex, strlen(hex), NULL, &length, NULL), 0);
	return length;
}

static inline void vector_expect(const void *bytes, size_t length, const char *hex)
{
	uint8_t expected[512];

	assert_int_equal(vector_read(expected, sizeof(expected), hex), length);
	assert_memory_equal(bytes, expected, length);
}

#endif
