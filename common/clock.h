/* clock.h - the two clocks. Pure modules take `now_us` as an argument and never call these. */
#ifndef LANRAGE_COMMON_CLOCK_H
#define LANRAGE_COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_MS     1000ULL
#define CLOCK_SECOND 1000000ULL
#define CLOCK_NEVER  UINT64_MAX

/* Microseconds of CLOCK_BOOTTIME: never goes back, counts through suspend. */
uint64_t clock_now_us(void);
/* Microseconds since 1970 of CLOCK_REALTIME: may jump. */
uint64_t clock_wall_us(void);

#define CLOCK_RFC3339_SIZE 32
/* `2026-01-31T12:00:00Z` (RFC 3339, seconds, UTC). Returns text. */
char *clock_rfc3339(uint64_t wall_us, char text[CLOCK_RFC3339_SIZE]);

#endif
