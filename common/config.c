#include "common/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

struct entry {
	char *name; /* section.key */
	char *value;
	struct entry *next;
};

struct config {
	char *path;
	struct entry *entries;
	int failed;
};

const char *const config_lanraged_keys[] = {"server.url",
					    "api.listen",
					    "dataplane.interface",
					    "dataplane.backend",
					    "dataplane.listen_port",
					    "nat.relays",
					    "party.subnet",
					    "log.level",
					    NULL};

static int config_add(void *data, const char *section, const char *name, const char *value)
{
	struct config *config = data;
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry || asprintf(&entry->name, "%s.%s", section, name) < 0) {
		free(entry);
		config->failed = 1;
		return 0;
	}
	entry->value = strdup(value ? value : "");
	entry->next = config->entries;
	config->entries = entry;
	return entry->value != NULL;
}

static int config_read_text(char *text, size_t size, const char *path, int must_exist,
			    struct error *error)
{
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file && errno == ENOENT && !must_exist)
		return 0;
	if (!file)
		return error_set(error, -errno,
				 "cannot read %.150s: %s; name a configuration file that is there",
				 path, strerror(errno));
	length = fread(text, 1, size, file);
	fclose(file);
	if (length == size)
		return error_set(error, -EFBIG, "%s is too large: at most %d bytes", path,
				 CONFIG_FILE_MAX);
	text[length] = 0;
	if (strlen(text) != length)
		return error_set(error, -EINVAL, "%s is no text: it has a zero byte at %zu", path,
				 strlen(text));
	return 0;
}

int config_read(struct config **out, const char *path, int must_exist, struct error *error)
{
	struct config *config = calloc(1, sizeof(*config));
	char *text = calloc(1, CONFIG_FILE_MAX + 1);
	int r = 0, line;

	if (!config || !text) {
		r = error_set(error, -ENOMEM, "out of memory");
		goto out;
	}
	config->path = strdup(path ? path : "(no file)");
	if (path)
		r = config_read_text(text, CONFIG_FILE_MAX + 1, path, must_exist, error);
	if (r < 0)
		goto out;
	/* By default inih cuts lines at 200 bytes, which a list of relays exceeds, and takes an
	 * indented line for a value of its own. */
	ini_allow_multiline = false;
	ini_use_stack = false;
	ini_max_line = ini_initial_alloc = CONFIG_FILE_MAX + 3;
	line = ini_parse_string(text, config_add, config);
	if (line != 0)
		r = error_set(error, -EINVAL,
			      "%s:%d: not understood; write [section] and key = value lines", path,
			      line < 0 ? 0 : line);
out:
	free(text);
	if (r < 0) {
		config_free(config);
		config = NULL;
	}
	*out = config;
	return r;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	while (config->entries) {
		struct entry *entry = config->entries;

		config->entries = entry->next;
		free(entry->name);
		free(entry->value);
		free(entry);
	}
	free(config->path);
	free(config);
}

const char *config_get(const struct config *config, const char *section, const char *key,
		       const char *fallback)
{
	size_t n = strlen(section);

	for (const struct entry *entry = config->entries; entry; entry = entry->next)
		if (strncmp(entry->name, section, n) == 0 && entry->name[n] == '.' &&
		    strcmp(entry->name + n + 1, key) == 0)
			return *entry->value ? entry->value : fallback;
	return fallback;
}

int config_get_number(const struct config *config, const char *section, const char *key, long low,
		      long high, long fallback, long *value, struct error *error)
{
	const char *text = config_get(config, section, key, NULL);
	char *end;

	*value = fallback;
	if (!text)
		return 0;
	errno = 0;
	*value = strtol(text, &end, 10);
	if (errno || end == text || *end || *value < low || *value > high)
		return error_set(error, -EINVAL, "%s: [%s] %s=%s is no number from %ld to %ld",
				 config->path, section, key, text, low, high);
	return 0;
}

int config_check(const struct config *config, const char *const *known, struct error *error)
{
	for (const struct entry *entry = config->entries; entry; entry = entry->next) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], entry->name) != 0)
			i++;
		if (!known[i])
			return error_set(error, -EINVAL,
					 "%s: unknown setting %s; check its section and spelling",
					 config->path, entry->name);
	}
	return 0;
}
