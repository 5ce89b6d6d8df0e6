/* log.h - one line per thing worth knowing, on stderr.
 *
 * Lines begin with their subject: `peer kira: path direct 203.0.113.7:5555 -> relay eu1: 3 probes
 * lost`. Levels as in syslog; the output is `<level>2026-01-31T12:00:00.123Z program: text`, the
 * form that systemd's journal understands; the launcher writes it to RUN/logs/. Never log a key, a
 * code, a token or a party secret. Bytes below 0x20 in the text are replaced by '?', so a hostile
 * name cannot forge a line. Thread-safe.
 */
#ifndef LANRAGE_COMMON_LOG_H
#define LANRAGE_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* program is borrowed for the life of the process. Default level: info. */
void log_init(const char *program, enum log_level level);
/* "err", "warning", "notice", "info" or "debug"; -EINVAL else. */
int log_level_parse(const char *text, enum log_level *level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)	 log_write(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* A line at most once in every interval; says how many were held back. One static per call site. */
struct log_limit {
	uint64_t next_us;
	uint32_t held;
};
bool log_limit_pass(struct log_limit *limit, uint64_t now_us, uint64_t interval_us);

#endif
