/* error.h - what went wrong, in words a person can act on.
 *
 * Functions return 0 or a negative errno. Where the words matter to somebody outside the function
 * (a CLI user, another process), they also fill a struct error. The text says what happened and
 * what to do; it never holds a key, a code or a token.
 */
#ifndef LANRAGE_COMMON_ERROR_H
#define LANRAGE_COMMON_ERROR_H

#define ERROR_TEXT_MAX 256

struct error {
	int code; /* 0: no error; else a negative errno */
	char text[ERROR_TEXT_MAX];
};

/* Fills *error (may be NULL) and returns code, so that callers can `return error_set(...)`. */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
