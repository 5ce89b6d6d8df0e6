#include "common/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t factor_of(char unit)
{
	switch (unit) {
	case '\0':
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	default: return 0;
	}
}

static int parse_digits(const char **text, uint64_t *value)
{
	const char *at = *text;

	*value = 0;
	while (*at >= '0' && *at <= '9') {
		*value = *value * 10 + (uint64_t)(*at++ - '0');
		if (*value > UINT32_MAX)
			return -EINVAL;
	}
	if (at == *text)
		return -EINVAL;
	*text = at;
	return 0;
}

int duration_parse(const char *text, uint32_t *seconds)
{
	uint64_t total = 0;

	do {
		uint64_t value;

		if (parse_digits(&text, &value) < 0 || factor_of(*text) == 0)
			return -EINVAL;
		total += value * factor_of(*text);
		text += *text != '\0';
	} while (*text && total <= UINT32_MAX);
	if (total > UINT32_MAX)
		return -EINVAL;
	*seconds = (uint32_t)total;
	return 0;
}

int duration_parse_count(const char *text, uint32_t *count)
{
	uint64_t value;

	if (parse_digits(&text, &value) < 0 || *text)
		return -EINVAL;
	*count = (uint32_t)value;
	return 0;
}

char *duration_write(uint64_t seconds, char text[DURATION_TEXT_SIZE])
{
	static const char units[] = {'d', 'h', 'm', 's'};
	size_t i = seconds == 0 ? 3 : 0;

	while (seconds % factor_of(units[i]) != 0)
		i++;
	(void)snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 "%c", seconds / factor_of(units[i]),
		       units[i]);
	return text;
}

char *duration_format(uint64_t seconds, char text[DURATION_TEXT_SIZE])
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (days > 0)
		(void)snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 " d %" PRIu64 " h", days,
			       hours % 24);
	else if (hours > 0)
		(void)snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 " h %" PRIu64 " min", hours,
			       minutes % 60);
	else if (minutes > 0)
		(void)snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 " min", minutes);
	else
		(void)snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 " s", seconds);
	return text;
}
