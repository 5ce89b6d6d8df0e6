/* settings.h - the settings a user may change, each with its default and what it is for.
 *
 * Only settings that some code reads are listed. Values are texts; each has a check that says in
 * words what is wrong. Kept in the database; an unset one has its default, which may come from
 * lanraged.conf.
 */
#ifndef LANRAGE_CONTROL_SETTINGS_H
#define LANRAGE_CONTROL_SETTINGS_H

#include "common/config.h"
#include "common/error.h"
#include "svc-control/codec.h"
#include "svc-control/database.h"

#define SETTING_PEER_NAME  "peer_name"	 /* this machine's name in a party */
#define SETTING_SERVER_URL "server_url"	 /* the rendezvous server */
#define SETTING_UP	   "up"		 /* connect to the party: on or off */
#define SETTING_INVITE_TTL "invite_ttl"	 /* how long a code is good */
#define SETTING_DOUBLING   "doubling"	 /* short packets along two paths */
#define SETTING_TSO	   "offload_tso" /* on or off, each of these (svc-dataplane/codec.h) */
#define SETTING_USO	   "offload_uso"
#define SETTING_GSO	   "offload_gso"
#define SETTING_GRO	   "offload_gro"
#define SETTING_LAN	   "lan.discovery" /* likewise; games find each other */
#define SETTING_MDNS	   "lan.mdns"
#define SETTING_SSDP	   "lan.ssdp"

struct settings {
	struct database *database;   /* borrowed */
	const struct config *config; /* borrowed */
};

/* The value in force. -ENOENT: no such setting. */
int settings_get(const struct settings *settings, const char *key, char value[CONTROL_SETTING_MAX]);
/* An empty value goes back to the default. -ENOENT, -EINVAL with words; nothing changes then. */
int settings_set(const struct settings *settings, const char *key, const char *value,
		 struct error *error);
/* All, for showing. Free with control_settings_clear(). -ENOMEM. */
int settings_list(const struct settings *settings, struct control_settings *list);

/* The value of SETTING_DOUBLING in force. */
enum dataplane_doubling settings_doubling(const struct settings *settings);
/* The offloads that are switched off (enum dataplane_offload). */
unsigned settings_offloads_off(const struct settings *settings);
/* What of LAN discovery is on (enum dataplane_lan). */
unsigned settings_lan(const struct settings *settings);
/* `90`, `90s`, `15m`, `2h`, `7d` in seconds; -EINVAL. */
int settings_parse_duration(const char *text, uint32_t *seconds);

#endif
