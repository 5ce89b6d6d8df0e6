#include "deploy/launcher/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The name becomes part of paths under /proc/sys/net and RUN/wireguard, and the kernel expands a
 * '%' in it: only what is harmless everywhere. "all" and "default" are directories in /proc/sys. */
static bool is_interface_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= IFNAMSIZ || name[0] == '.' || name[0] == '-')
		return false;
	if (strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
	       length;
}

static int read_dataplane(struct settings *settings, const struct config *config, const char *path,
			  struct error *error)
{
	const char *name = config_get(config, "dataplane", "interface", "lanrage0");
	const char *backend = config_get(config, "dataplane", "backend", "engine");
	long port = 0;

	if (!is_interface_name(name))
		return error_set(
			error, -EINVAL,
			"%.100s: [dataplane] interface=%.40s: an interface name has 1 to 15 "
			"letters, digits, '_', '-' or '.'",
			path, name);
	snprintf(settings->interface, sizeof(settings->interface), "%s", name);
	settings->kernel = strcmp(backend, "kernel") == 0;
	if (!settings->kernel && strcmp(backend, "engine") != 0)
		return error_set(error, -EINVAL,
				 "%.100s: [dataplane] backend=%.40s: write engine or kernel", path,
				 backend);
	int r = config_get_number(config, "dataplane", "listen_port", 1, 65535, 0, &port, error);
	settings->listen_port = (uint16_t)port;
	return r;
}

static int read_api(struct settings *settings, const struct config *config, const char *path,
		    struct error *error)
{
	const char *listen = config_get(config, "api", "listen", "127.0.0.1:8666");
	struct addr addr;

	if (addr_parse(&addr, listen) != 0 || addr.port == 0)
		return error_set(error, -EINVAL,
				 "%.100s: [api] listen=%.60s: write ADDRESS:PORT, for example "
				 "127.0.0.1:8666",
				 path, listen);
	if (addr.family != ADDR_IPV4 || !addr_is_loopback(&addr))
		return error_set(
			error, -EINVAL,
			"%.100s: [api] listen=%.60s: only an IPv4 loopback address is allowed, for "
			"example 127.0.0.1:8666",
			path, listen);
	addr_format(&addr, settings->api);
	return 0;
}

/* What it names is the affair of the service that dials it. */
static bool is_server_url(const char *url)
{
	size_t scheme = strncmp(url, "ws://", 5) == 0 ? 5 : strncmp(url, "wss://", 6) == 0 ? 6 : 0;

	return scheme != 0 && url[scheme] != '\0' && strpbrk(url, " \t\"'<>") == NULL;
}

static int read_rest(struct settings *settings, const struct config *config, const char *path,
		     struct error *error)
{
	const char *level = config_get(config, "log", "level", "info");
	const char *subnet = config_get(config, "party", "subnet", NULL);
	const char *url = config_get(config, "server", "url", NULL);
	struct addr_prefix prefix;

	if (log_level_parse(level, &settings->level) != 0)
		return error_set(
			error, -EINVAL,
			"%.100s: [log] level=%.40s: write err, warning, notice, info or debug",
			path, level);
	if (url != NULL && !is_server_url(url))
		return error_set(error, -EINVAL,
				 "%.100s: [server] url=%.60s: write ws://ADDRESS:PORT or "
				 "wss://ADDRESS:PORT, without blanks",
				 path, url);
	if (subnet != NULL && addr_prefix_parse(&prefix, subnet) != 0)
		return error_set(error, -EINVAL,
				 "%.100s: [party] subnet=%.60s: write ADDRESS/BITS, for example "
				 "10.66.0.0/16",
				 path, subnet);
	return 0;
}

int launcher_settings_read(struct settings *settings, const struct config *config, const char *path,
			   struct error *error)
{
	int r = config_check(config, config_lanraged_keys, error);

	if (r == 0)
		r = read_dataplane(settings, config, path, error);
	if (r == 0)
		r = read_api(settings, config, path, error);
	if (r == 0)
		r = read_rest(settings, config, path, error);
	return r;
}
