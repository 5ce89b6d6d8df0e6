#include "svc-control/schema.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "svc-control/invite.h"
#include "svc-control/party.h"

const char *const schema_type_names[SCHEMA_TYPES] = {
	[SCHEMA_TEXT] = "text",	      [SCHEMA_NAME] = "name",	      [SCHEMA_URL] = "url",
	[SCHEMA_NETWORK] = "network", [SCHEMA_SWITCH] = "switch",     [SCHEMA_CHOICE] = "choice",
	[SCHEMA_INTEGER] = "integer", [SCHEMA_DURATION] = "duration",
};

static const char *const switch_choices[] = {"on", "off", NULL};
/* In the order of enum dataplane_doubling. */
static const char *const doubling_choices[] = {"auto", "on", "off", NULL};
static const char *const webhook_forms[] = {"https://discord.com/api/webhooks/#/*",
					    "https://discordapp.com/api/webhooks/#/*", NULL};
static const char *const invite_forms[] = {"https://discord.gg/*", "https://discord.com/invite/*",
					   NULL};
static const char *const number_forms[] = {"#", NULL};

static void find_host_name(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	char host[CONTROL_NAME_MAX] = "";

	(void)config;
	if (gethostname(host, sizeof(host) - 1) < 0 || !text_is_name(host, sizeof(host)))
		strcpy(host, "player");
	(void)snprintf(value, CONTROL_SETTING_MAX, "%s", host);
}

/* A configured value that cannot even be shown is none; a wrong one is shown, and complained of
 * when it is used. */
static void find_configured(const struct config *config, const char *section, const char *key,
			    const char *otherwise, size_t size, char value[CONTROL_SETTING_MAX])
{
	const char *text = config_get(config, section, key, otherwise);

	(void)snprintf(value, CONTROL_SETTING_MAX, "%s",
		       strlen(text) < size && text_is_clean(text) ? text : otherwise);
}

static void find_url(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	find_configured(config, "server", "url", "", CONTROL_URL_MAX, value);
}

static void find_subnet(const struct config *config, char value[CONTROL_SETTING_MAX])
{
	find_configured(config, "party", "subnet", PARTY_PREFIX_DEFAULT, CONTROL_NAME_MAX, value);
}

#define SWITCH(name, in, default_value, words)                                                  \
	{                                                                                       \
		.key = (name), .group = (in), .type = SCHEMA_SWITCH, .choices = switch_choices, \
		.fallback = (default_value), .description = (words), .applies = SCHEMA_AT_ONCE  \
	}

const struct schema_setting schema_settings[] = {
	{.key = SETTING_PEER_NAME,
	 .group = "party",
	 .type = SCHEMA_NAME,
	 .min = 1,
	 .max = CONTROL_NAME_MAX - 1,
	 .unit = "bytes",
	 .find_fallback = find_host_name,
	 .origin = "this machine's name",
	 .description = "your name in the next party you create or join",
	 .applies = SCHEMA_NEXT_PARTY},
	SWITCH(SETTING_UP, "party", "on", "connect to the party"),
	{.key = SETTING_SUBNET,
	 .group = "party",
	 .type = SCHEMA_NETWORK,
	 .min = PARTY_PREFIX_MIN,
	 .max = PARTY_PREFIX_MAX,
	 .unit = "bits",
	 .find_fallback = find_subnet,
	 .origin = "`[party] subnet=`, else " PARTY_PREFIX_DEFAULT,
	 .description = "the addresses of the next party you create, for example 10.66.0.0/16",
	 .applies = SCHEMA_NEXT_PARTY},
	{.key = SETTING_INVITE_TTL,
	 .group = "party",
	 .type = SCHEMA_DURATION,
	 .min = INVITE_TTL_MIN_S,
	 .max = INVITE_TTL_MAX_S,
	 .unit = "s",
	 .fallback = "24h",
	 .description = "how long a new code is good, for example 2h",
	 .applies = SCHEMA_AT_ONCE},
	{.key = SETTING_SERVER_URL,
	 .group = "server",
	 .type = SCHEMA_URL,
	 .find_fallback = find_url,
	 .origin = "`[server] url=`, else none",
	 .description = "the server where parties meet, ws://HOST:PORT or wss://HOST:PORT; a party "
			"stays at the one where it was made",
	 .applies = SCHEMA_NEXT_PARTY},
	{.key = SETTING_DOUBLING,
	 .group = "tunnel",
	 .type = SCHEMA_CHOICE,
	 .choices = doubling_choices,
	 .fallback = "auto",
	 .description = "send short packets along two paths, so that none is missed; auto: while "
			"the path in use is bad",
	 .applies = SCHEMA_AT_ONCE},
	SWITCH(SETTING_TSO, "tunnel", "on",
	       "hand over TCP packets of the party in batches; off if a driver fails"),
	SWITCH(SETTING_USO, "tunnel", "on",
	       "hand over UDP packets of the party in batches; off if a driver fails"),
	SWITCH(SETTING_GSO, "tunnel", "on",
	       "send encrypted packets in batches; off if a network card fails"),
	SWITCH(SETTING_GRO, "tunnel", "on",
	       "receive encrypted packets in batches; off if a network card fails"),
	SWITCH(SETTING_LAN, "lan", "on", "games find each other as on a LAN"),
	SWITCH(SETTING_MDNS, "lan", "off", "let mDNS through to the party as well"),
	SWITCH(SETTING_SSDP, "lan", "off", "let SSDP (UPnP) through to the party as well"),
	SWITCH(SETTING_DISCORD, "discord", "off", "tell a Discord channel about the party"),
	{.key = SETTING_DISCORD_WEBHOOK,
	 .group = "discord",
	 .type = SCHEMA_TEXT,
	 .forms = webhook_forms,
	 .fallback = "",
	 .description = "the address at which Discord takes messages for a channel; whoever knows "
			"it can write there",
	 .applies = SCHEMA_AT_ONCE,
	 .secret = true},
	{.key = SETTING_DISCORD_INVITE,
	 .group = "discord",
	 .type = SCHEMA_URL,
	 .forms = invite_forms,
	 .fallback = "",
	 .description = "a link by which friends come to your Discord server",
	 .applies = SCHEMA_AT_ONCE},
	SWITCH(SETTING_DISCORD_PRESENCE, "discord", "off",
	       "show the party in your Discord profile"),
	{.key = SETTING_DISCORD_APP,
	 .group = "discord",
	 .type = SCHEMA_TEXT,
	 .forms = number_forms,
	 .fallback = "",
	 .description = "the number of the Discord application under whose name that is shown",
	 .applies = SCHEMA_AT_ONCE},
};
const size_t schema_count = sizeof(schema_settings) / sizeof(schema_settings[0]);

const struct schema_setting *schema_find(const char *key)
{
	for (size_t i = 0; i < schema_count; i++)
		if (strcmp(schema_settings[i].key, key) == 0)
			return &schema_settings[i];
	return NULL;
}

void schema_fallback(const struct schema_setting *setting, const struct config *config,
		     char value[CONTROL_SETTING_MAX])
{
	if (setting->find_fallback)
		setting->find_fallback(config, value);
	else
		(void)snprintf(value, CONTROL_SETTING_MAX, "%s", setting->fallback);
}
