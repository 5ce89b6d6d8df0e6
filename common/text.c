#include "common/text.h"

#include <stdio.h>
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

/* Of what is clean: the characters that show nothing by themselves. */
static bool character_is_invisible(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x20, 0x20},	  {0xa0, 0xa0},	    {0xad, 0xad},	{0x34f, 0x34f},
		{0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5},	{0x180b, 0x180f},
		{0x2000, 0x200f}, {0x202f, 0x202f}, {0x205f, 0x206f},	{0x2800, 0x2800},
		{0x3000, 0x3000}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},	{0xfeff, 0xfeff},
		{0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static bool text_shows_something(const char *text)
{
	const uint8_t *s = (const uint8_t *)text;
	uint32_t value;

	for (size_t length; *s; s += length) {
		length = text_decode(s, &value);
		if (length == 0)
			return false;
		if (!character_is_invisible(value))
			return true;
	}
	return false;
}

bool text_is_name(const char *text, size_t size)
{
	return strlen(text) < size && text_is_clean(text) && text_shows_something(text);
}

char *text_id(const uint8_t *bytes, char text[TEXT_ID_SIZE])
{
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}
