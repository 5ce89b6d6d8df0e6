#include "svc-api/clean.h"

#include <stdint.h>
#include <string.h>

#include "common/text.h"

/* How many bytes the character claims to have by its first one; 1 for what begins none. */
static size_t claimed_length(uint8_t first)
{
	if (first >= 0xf0)
		return 4;
	if (first >= 0xe0)
		return 3;
	return first >= 0xc0 ? 2 : 1;
}

char *clean_text(const char *text, size_t length, char *out, size_t size)
{
	size_t written = 0;

	for (size_t i = 0; i < length;) {
		size_t n = claimed_length((uint8_t)text[i]);
		char character[5] = "";

		if (n <= length - i)
			memcpy(character, text + i, n);
		/* Shorter: a NUL among the bytes. */
		if (strlen(character) != n || !text_is_clean(character)) {
			character[0] = text[i] == '\t' ? ' ' : '?';
			n = 1;
		}
		if (written + n >= size)
			break;
		memcpy(out + written, character, n);
		written += n;
		i += n;
	}
	out[written] = '\0';
	return out;
}

char *clean_name(const char *name, char *out, size_t size)
{
	clean_text(name, strlen(name), out, size);
	for (char *at = out; (at = strchr(at, ';'));)
		*at = ',';
	return out;
}
