/* schema.h - every setting: its key, what it may be, its default and what it is for.
 *
 * This table is the only place where that is written: the checks (settings.h), the API's
 * description, the command's list and SETTINGS.md are made from it. Only settings that some code
 * reads are in it. Values are texts everywhere. Keys are never renamed: they are in people's
 * databases, exports and scripts.
 */
#ifndef LANRAGE_CONTROL_SCHEMA_H
#define LANRAGE_CONTROL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "svc-control/codec.h"

#define SETTING_PEER_NAME	 "peer_name"
#define SETTING_SERVER_URL	 "server_url"
#define SETTING_UP		 "up"
#define SETTING_INVITE_TTL	 "invite_ttl"
#define SETTING_SUBNET		 "party.subnet"
#define SETTING_DOUBLING	 "doubling"
#define SETTING_TSO		 "offload_tso"
#define SETTING_USO		 "offload_uso"
#define SETTING_GSO		 "offload_gso"
#define SETTING_GRO		 "offload_gro"
#define SETTING_LAN		 "lan.discovery"
#define SETTING_MDNS		 "lan.mdns"
#define SETTING_SSDP		 "lan.ssdp"
#define SETTING_DISCORD		 "discord.enabled"
#define SETTING_DISCORD_WEBHOOK	 "discord.webhook"
#define SETTING_DISCORD_INVITE	 "discord.invite"
#define SETTING_DISCORD_PRESENCE "discord.presence"
#define SETTING_DISCORD_APP	 "discord.app_id"

enum schema_type {
	SCHEMA_TEXT,	 /* clean (common/text.h); with forms: of one of them */
	SCHEMA_NAME,	 /* something to see in it; min to max bytes */
	SCHEMA_URL,	 /* of one of its forms; without forms a server's, ws:// or wss:// */
	SCHEMA_NETWORK,	 /* ADDRESS/BITS of IPv4, min to max bits */
	SCHEMA_SWITCH,	 /* on or off */
	SCHEMA_CHOICE,	 /* one of its choices */
	SCHEMA_INTEGER,	 /* whole, min to max */
	SCHEMA_DURATION, /* `90`, `90s`, `15m`, `2h`, `7d`; min to max seconds */
	SCHEMA_TYPES,
};

#define SCHEMA_AT_ONCE	  "at once"
#define SCHEMA_NEXT_PARTY "next party"

struct schema_setting {
	const char *key;
	const char *group;
	enum schema_type type;
	const char *const *choices; /* NULL-terminated; of a switch and a choice */
	/* NULL-terminated: `#` stands for up to 20 digits, `*` for letters, digits, `-` and `_`. */
	const char *const *forms;
	int64_t min, max; /* both 0: no range */
	const char *unit; /* of these two; "" for none */
	const char *fallback;
	/* Instead, where the default is this machine's or from lanraged.conf; NULL: fallback. */
	void (*find_fallback)(const struct config *config, char value[CONTROL_SETTING_MAX]);
	const char *origin;	 /* in words for SETTINGS.md, where such a default comes from */
	const char *description; /* one sentence, which begins small and has no full stop */
	const char *applies;	 /* SCHEMA_AT_ONCE, SCHEMA_NEXT_PARTY */
	bool secret;		 /* goes in, and never out to a user, a file or a log */
};

/* In the order of groups; a group's settings stand together. */
extern const struct schema_setting schema_settings[];
extern const size_t schema_count;
/* `text`, `switch` and so on. */
extern const char *const schema_type_names[SCHEMA_TYPES];

/* NULL: there is none of that name. */
const struct schema_setting *schema_find(const char *key);
void schema_fallback(const struct schema_setting *setting, const struct config *config,
		     char value[CONTROL_SETTING_MAX]);

#endif
