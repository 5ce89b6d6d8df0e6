/* config.h - INI files: `[section]`, `key = value`, `#` and `;` comments (read by inih).
 *
 * The whole file is read at once into a flat list; look-ups return borrowed strings. An unknown
 * section or key is reported by config_check(), so a typing error is not silently ignored.
 */
#ifndef LANRAGE_COMMON_CONFIG_H
#define LANRAGE_COMMON_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define CONFIG_FILE_MAX 65536

struct config;

/* path NULL or not existing (when must_exist is 0): an empty configuration. The error names file
 * and line. */
int config_read(struct config **config, const char *path, int must_exist, struct error *error);
void config_free(struct config *config);

/* fallback (borrowed, may be NULL) when the key is absent or empty. */
const char *config_get(const struct config *config, const char *section, const char *key,
		       const char *fallback);
/* -EINVAL with words when present but not a number in [low, high]. */
int config_get_number(const struct config *config, const char *section, const char *key, long low,
		      long high, long fallback, long *value, struct error *error);
/* known: `section.key` strings, NULL at the end. -EINVAL names the first unknown key. */
int config_check(const struct config *config, const char *const *known, struct error *error);

/* Every key of lanraged.conf; the launcher refuses a file with any other. */
extern const char *const config_lanraged_keys[];

#endif
