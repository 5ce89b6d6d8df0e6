#include "svc-control/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "svc-control/invite.h"
#include "svc-control/websocket.h"

static int check_name(const char *value, struct error *error)
{
	if (text_is_name(value, CONTROL_NAME_MAX))
		return 0;
	return error_set(error, -EINVAL,
			 "a name has 1 to %d bytes and no control characters or direction marks",
			 CONTROL_NAME_MAX - 1);
}

static int check_url(const char *value, struct error *error)
{
	struct websocket_url url;

	if (strlen(value) >= CONTROL_URL_MAX)
		return error_set(error, -EINVAL, "that address is too long");
	return websocket_url_parse(&url, value, error);
}

static int check_switch(const char *value, struct error *error)
{
	if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)
		return 0;
	return error_set(error, -EINVAL, "say on or off");
}

static int check_ttl(const char *value, struct error *error)
{
	uint32_t seconds;

	if (settings_parse_duration(value, &seconds) == 0 && seconds >= INVITE_TTL_MIN_S &&
	    seconds <= INVITE_TTL_MAX_S)
		return 0;
	return error_set(error, -EINVAL,
			 "say how long in minutes, hours or days, from 1m to 30d, "
			 "for example 2h");
}

static void default_name(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	char host[CONTROL_NAME_MAX] = "";

	(void)config;
	if (gethostname(host, sizeof(host) - 1) < 0 || !text_is_name(host, sizeof(host)))
		strcpy(host, "player");
	snprintf(value, CONTROL_SETTING_MAX, "%s", host);
}

static void default_url(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	const char *url = config_get(config, "server", "url", "");

	/* one that cannot even be shown is none; a wrong one is shown, and logged when it is used
	 */
	snprintf(value, CONTROL_SETTING_MAX, "%s",
		 strlen(url) < CONTROL_URL_MAX && text_is_clean(url) ? url : "");
}

static void default_on(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	(void)config;
	strcpy(value, "on");
}

static void default_off(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	(void)config;
	strcpy(value, "off");
}

static void default_ttl(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	(void)config;
	strcpy(value, "24h");
}

static const char *const doublings[DATAPLANE_DOUBLINGS] = {"auto", "on", "off"};

static int check_doubling(const char *value, struct error *error)
{
	for (size_t i = 0; i < DATAPLANE_DOUBLINGS; i++)
		if (strcmp(value, doublings[i]) == 0)
			return 0;
	return error_set(error, -EINVAL, "say auto, on or off");
}

static void default_doubling(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	(void)config;
	strcpy(value, doublings[DATAPLANE_DOUBLING_AUTO]);
}

static const struct setting {
	const char *key;
	const char *description;
	int (*check)(const char *value, struct error *error);
	void (*fallback)(const struct config *config, char value[CONTROL_SETTING_MAX]);
} known[] = {
	{SETTING_PEER_NAME, "your name in the next party you create or join", check_name,
	 default_name},
	{SETTING_SERVER_URL, "the server where parties meet, ws://HOST:PORT or wss://HOST:PORT",
	 check_url, default_url},
	{SETTING_UP, "connect to the party: on or off", check_switch, default_on},
	{SETTING_INVITE_TTL, "how long a new code is good, for example 2h", check_ttl, default_ttl},
	{SETTING_DOUBLING,
	 "send short packets along two paths, so that none is missed: auto (while the path in use "
	 "is bad), on or off",
	 check_doubling, default_doubling},
	{SETTING_TSO, "hand over TCP packets of the party in batches: on, or off if a driver fails",
	 check_switch, default_on},
	{SETTING_USO, "the same for UDP packets", check_switch, default_on},
	{SETTING_GSO, "send encrypted packets in batches: on, or off if a network card fails",
	 check_switch, default_on},
	{SETTING_GRO, "receive encrypted packets in batches: on or off", check_switch, default_on},
	{SETTING_LAN, "games find each other as on a LAN: on or off", check_switch, default_on},
	{SETTING_MDNS, "let mDNS through to the party as well: on or off", check_switch,
	 default_off},
	{SETTING_SSDP, "let SSDP (UPnP) through to the party as well: on or off", check_switch,
	 default_off},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static const struct setting *settings_find(const char *key)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (strcmp(known[i].key, key) == 0)
			return &known[i];
	return NULL;
}

int settings_get(const struct settings *settings, const char *key, char value[CONTROL_SETTING_MAX])
{
	const struct setting *setting = settings_find(key);

	if (!setting)
		return -ENOENT;
	if (database_get_setting(settings->database, key, value) < 0)
		setting->fallback(settings->config, value);
	return 0;
}

enum dataplane_doubling settings_doubling(const struct settings *settings)
{
	char value[CONTROL_SETTING_MAX];

	settings_get(settings, SETTING_DOUBLING, value);
	for (size_t i = 0; i < DATAPLANE_DOUBLINGS; i++)
		if (strcmp(value, doublings[i]) == 0)
			return (enum dataplane_doubling)i;
	return DATAPLANE_DOUBLING_AUTO;
}

static bool is_off(const struct settings *settings, const char *key)
{
	char value[CONTROL_SETTING_MAX];

	return settings_get(settings, key, value) == 0 && strcmp(value, "off") == 0;
}

unsigned settings_offloads_off(const struct settings *settings)
{
	return (is_off(settings, SETTING_TSO) ? DATAPLANE_OFFLOAD_TSO : 0u) |
	       (is_off(settings, SETTING_USO) ? DATAPLANE_OFFLOAD_USO : 0u) |
	       (is_off(settings, SETTING_GSO) ? DATAPLANE_OFFLOAD_GSO : 0u) |
	       (is_off(settings, SETTING_GRO) ? DATAPLANE_OFFLOAD_GRO : 0u);
}

unsigned settings_lan(const struct settings *settings)
{
	return (is_off(settings, SETTING_LAN) ? 0u : DATAPLANE_LAN_DISCOVERY) |
	       (is_off(settings, SETTING_MDNS) ? 0u : DATAPLANE_LAN_MDNS) |
	       (is_off(settings, SETTING_SSDP) ? 0u : DATAPLANE_LAN_SSDP);
}

int settings_set(const struct settings *settings, const char *key, const char *value,
		 struct error *error)
{
	const struct setting *setting = settings_find(key);
	int r;

	if (!setting)
		return error_set(error, -ENOENT,
				 "there is no setting of that name; `lanrage settings` lists them");
	r = *value ? setting->check(value, error) : 0;
	if (r < 0)
		return r;
	r = database_set_setting(settings->database, key, *value ? value : NULL);
	if (r < 0)
		error_set(error, r,
			  "the setting could not be stored (%s): check free disk space and the "
			  "state directory",
			  strerror(-r));
	return r;
}

int settings_list(const struct settings *settings, struct control_settings *list)
{
	list->n_settings = 0;
	list->settings = calloc(KNOWN, sizeof(*list->settings));
	if (!list->settings)
		return -ENOMEM;
	for (size_t i = 0; i < KNOWN; i++) {
		struct control_setting *to = &list->settings[list->n_settings++];

		snprintf(to->key, sizeof(to->key), "%s", known[i].key);
		snprintf(to->description, sizeof(to->description), "%s", known[i].description);
		known[i].fallback(settings->config, to->fallback);
		settings_get(settings, known[i].key, to->value);
	}
	return 0;
}

int settings_parse_duration(const char *text, uint32_t *seconds)
{
	unsigned long long value;
	unsigned long factor = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end == 'm')
		factor = 60;
	else if (*end == 'h')
		factor = 3600;
	else if (*end == 'd')
		factor = 86400;
	else if (*end != 's' && *end != 0)
		return -EINVAL;
	if (errno || (*end && end[1]) || value > UINT32_MAX / factor)
		return -EINVAL;
	*seconds = (uint32_t)(value * factor);
	return 0;
}
