/* Any file as lanraged.conf, and what the launcher makes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"
#include "deploy/launcher/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	struct config *config = NULL;
	struct settings settings = {0};
	struct error error = {0};
	char path[32];
	long number;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	if (config_read(&config, path, 1, &error) == 0) {
		(void)config_check(config, config_lanraged_keys, &error);
		if (config_get_number(config, "dataplane", "listen_port", 0, 65535, 0, &number,
				      &error) == 0 &&
		    (number < 0 || number > 65535))
			abort();
		if (!config_get(config, "api", "listen", "x"))
			abort();
		if (launcher_settings_read(&settings, config, path, &error) == 0 &&
		    (!*settings.interface || !*settings.api))
			abort();
	} else if (config || error.code >= 0 || !error.text[0]) {
		abort();
	}
	config_free(config);
	(void)close(fd);
	return 0;
}
