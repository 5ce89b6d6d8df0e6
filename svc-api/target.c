#include "svc-api/target.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte out of `%41`; -1 where malformed or NUL. */
static int escaped_byte(const char *text, size_t length)
{
	int high = length >= 3 ? hex_value(text[1]) : -1;
	int low = length >= 3 ? hex_value(text[2]) : -1;

	return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

static int decode(const char *text, size_t length, char *out, size_t size)
{
	size_t written = 0;

	for (size_t i = 0; i < length; i++) {
		int byte = (unsigned char)text[i];

		if (text[i] == '%') {
			byte = escaped_byte(text + i, length - i);
			i += 2;
		}
		if (byte < 0 || written + 1 >= size)
			return -EINVAL;
		out[written++] = (char)byte;
	}
	out[written] = '\0';
	return text_is_clean(out) ? 0 : -EINVAL;
}

static int parse_path(struct target *target, const char *path)
{
	if (*path != '/')
		return -EINVAL;
	for (const char *at = path + 1; *at;) {
		size_t length = strcspn(at, "/");

		if (target->n_segments == TARGET_SEGMENTS_MAX ||
		    decode(at, length, target->segments[target->n_segments++], TARGET_TEXT_MAX) < 0)
			return -EINVAL;
		at += length;
		if (*at == '/' && at[1] == '\0') /* `/status/` is not `/status` */
			return -EINVAL;
		at += *at == '/';
	}
	return 0;
}

static int parse_query(struct target *target, const char *query)
{
	for (const char *at = query; *at;) {
		size_t length = strcspn(at, "&");
		const char *equals = memchr(at, '=', length);
		size_t name = equals ? (size_t)(equals - at) : length;
		struct target_parameter *to = &target->parameters[target->n_parameters];

		if (target->n_parameters++ == TARGET_PARAMETERS_MAX ||
		    decode(at, name, to->name, sizeof(to->name)) < 0 ||
		    decode(equals ? equals + 1 : "", equals ? length - name - 1 : 0, to->value,
			   sizeof(to->value)) < 0)
			return -EINVAL;
		at += length;
		at += *at == '&';
	}
	return 0;
}

int target_parse(struct target *target, const char *path, const char *query)
{
	target->n_segments = 0;
	target->n_parameters = 0;
	int r = parse_path(target, path);

	return r < 0 || !query ? r : parse_query(target, query);
}

const char *target_parameter(const struct target *target, const char *name, const char *fallback)
{
	for (size_t i = 0; i < target->n_parameters; i++)
		if (strcmp(target->parameters[i].name, name) == 0)
			return target->parameters[i].value;
	return fallback;
}

int target_number(const struct target *target, const char *name, unsigned long max,
		  unsigned long *number)
{
	const char *text = target_parameter(target, name, NULL);
	unsigned long value;
	char *end;

	if (!text)
		return 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value > max)
		return -EINVAL;
	*number = value;
	return 0;
}

int target_page(const struct target *target, struct target_page *page)
{
	unsigned long limit = SIZE_MAX, offset = 0;

	if (target_number(target, "limit", TARGET_PAGE_MAX, &limit) < 0 || limit == 0 ||
	    target_number(target, "offset", UINT32_MAX, &offset) < 0)
		return -EINVAL;
	*page = (struct target_page){.limit = limit, .offset = offset};
	return 0;
}
