/* duration.h - times as people write and read them: settings, options, what is shown. Pure. */
#ifndef LANRAGE_COMMON_DURATION_H
#define LANRAGE_COMMON_DURATION_H

#include <stddef.h>
#include <stdint.h>

#define DURATION_TEXT_SIZE 32

/* `90` or `90s`, `15m`, `2h`, `7d`, and sums such as `1h30m`. -EINVAL. */
int duration_parse(const char *text, uint32_t *seconds);
/* A plain number. -EINVAL. */
int duration_parse_count(const char *text, uint32_t *count);
/* What duration_parse() reads, exactly: `90s`, `1m`, `24h`, `30d`, in the largest unit that it is a
 * whole number of. Returns text. */
char *duration_write(uint64_t seconds, char text[DURATION_TEXT_SIZE]);
/* To be read, and rounded down: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. Returns text. */
char *duration_format(uint64_t seconds, char text[DURATION_TEXT_SIZE]);

#endif
