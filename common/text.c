#include "common/text.h"

#include <stdint.h>
#include <string.h>

/* Decodes one character; returns its length in bytes, 0 when malformed. */
static size_t text_decode(const uint8_t *s, uint32_t *value)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length;

	if (s[0] < 0x80) {
		*value = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		length = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4;
	else
		return 0;
	*value = s[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*value = *value << 6 | (s[i] & 0x3fu);
	}
	if (*value < least[length] || *value > 0x10ffff || (*value >= 0xd800 && *value <= 0xdfff))
		return 0;
	return length;
}

static bool character_is_clean(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return false;
	if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e))
		return false;
	return !(c >= 0x2066 && c <= 0x2069);
}

bool text_is_clean(const char *text)
{
	const uint8_t *s = (const uint8_t *)text;

	while (*s) {
		uint32_t value;
		size_t length = text_decode(s, &value);

		if (length == 0 || !character_is_clean(value))
			return false;
		s += length;
	}
	return true;
}

bool text_is_name(const char *text, size_t size)
{
	return strlen(text) < size && text[strspn(text, " ")] != 0 && text_is_clean(text);
}
