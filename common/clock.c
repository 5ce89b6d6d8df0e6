#include "common/clock.h"

#include <time.h>

static uint64_t clock_read(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * CLOCK_SECOND + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_now_us(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

uint64_t clock_wall_us(void)
{
	return clock_read(CLOCK_REALTIME);
}

char *clock_rfc3339(uint64_t wall_us, char text[CLOCK_RFC3339_SIZE])
{
	time_t seconds = (time_t)(wall_us / CLOCK_SECOND);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}
