/* codec.h - the interface of svc-control: its requests and events as checked plain structs.
 *
 * Same rules as svc-dataplane/codec.h. Texts are valid UTF-8 without control characters or
 * bidirectional marks; decoding refuses others.
 */
#ifndef LANRAGE_CONTROL_CODEC_H
#define LANRAGE_CONTROL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "svc-nat/codec.h"

#define CONTROL_NAME_MAX      64  /* bytes with the NUL: a member's or a party's name */
#define CONTROL_CODE_MAX      256 /* bytes with the NUL: a code or a link */
#define CONTROL_URL_MAX	      256
#define CONTROL_REASON_MAX    160
#define CONTROL_SETTING_MAX   1024
#define CONTROL_PARTY_ID_SIZE 16
#define CONTROL_SETTINGS_MAX  64
#define CONTROL_WORD_MAX      32 /* bytes with the NUL: a group, a type, a choice, a unit */
#define CONTROL_CHOICES_MAX   8
#define CONTROL_TITLE_MAX     65   /* bytes with the NUL: a saved configuration's name */
#define CONTROL_SAVED_MAX     32   /* how many of those */
#define CONTROL_SHARED_MAX    1536 /* fits an announcement beside everything else */

enum control_request {
	CONTROL_GET_STATUS = 1, /* () -> struct control_status; by api, metrics, browser */
	CONTROL_CREATE_PARTY,	/* struct control_create -> struct control_invite; by api */
	CONTROL_JOIN_PARTY,	/* struct control_join -> struct control_status; by api */
	CONTROL_LEAVE_PARTY,	/* () -> (); by api */
	CONTROL_MAKE_INVITE,	/* struct control_invite_wish -> struct control_invite; by api */
	CONTROL_SET_UP,		/* struct control_up -> (); by api: connect, disconnect */
	CONTROL_GET_SETTINGS,	/* () -> struct control_settings; by api, metrics, browser, nat */
	CONTROL_SET_SETTINGS,	/* struct control_changes -> struct control_settings: those that
				 * changed, and those named where the rest stays; by api. All of them,
				 * stored together, or   none: -EINVAL, -ENOENT (no such key) with
				 * words   that begin with   the key */
	CONTROL_REVOKE_INVITE,	/* struct control_code -> (); by api. -ENOENT: no such open code */
	CONTROL_KICK,		/* struct control_kick -> (); by api: done when every member that is
				 * reachable was told. -ENOENT: no such member */
	CONTROL_SET_SHARED,	/* struct control_shared -> (); by browser: for the other members'
				 * browsers; takes the place of what was shared before */
	CONTROL_GET_SHARED,	/* () -> struct control_shared_list: of the other members; by
				 * browser */
	CONTROL_GET_SAVED,	/* () -> struct control_configurations; these by api */
	CONTROL_SAVE,		/* struct control_title -> (): the settings of now, but the secret
				 * ones, under that name. -ENOSPC: CONTROL_SAVED_MAX there are */
	CONTROL_USE_SAVED,	/* struct control_title -> struct control_settings: as
				 * CONTROL_SET_SETTINGS. -ENOENT: no such configuration */
	CONTROL_FORGET_SAVED,	/* struct control_title -> (). -ENOENT */
	CONTROL_GET_SECRET, /* struct control_title: its key -> struct control_secret; by api, for
			     * what it does itself (svc-api/discord), never to show. -ENOENT: no
			     * such setting, or none that is secret */
};
/* CREATE, JOIN and MAKE_INVITE may take up to 5 s waiting for the server and 5 s more for the
 * interface: ask with CONTROL_SLOW_TIMEOUT_MS. Errors carry words meant for the user. -EALREADY: in
 * a party; -ENOTCONN: server away; -ENOENT: no such code; -EPERM: not the host. */
#define CONTROL_SLOW_TIMEOUT_MS 12000

enum control_event {
	CONTROL_EVENT_STATUS = 1, /* (): control_status changed */
	CONTROL_EVENT_SETTINGS,	  /* (): a setting changed */
	CONTROL_EVENT_SHARED,	  /* (): what a member shares changed, or who is a member */
};

struct control_create {
	char name[CONTROL_NAME_MAX];
	char own_name[CONTROL_NAME_MAX]; /* empty: the setting peer_name, else the host name */
	bool local;
};

struct control_join {
	char code[CONTROL_CODE_MAX];
	char own_name[CONTROL_NAME_MAX];
};

struct control_invite_wish {
	bool once;
	uint32_t ttl_s; /* 0: the default, 24 h */
};

struct control_invite {
	char code[CONTROL_CODE_MAX]; /* KQ7M-3ZT9-HX2F */
	char link[CONTROL_CODE_MAX];
	uint64_t expires_s; /* since 1970 */
};

struct control_code {
	char code[CONTROL_CODE_MAX]; /* code or link */
};

struct control_kick {
	uint8_t identity[DATAPLANE_KEY_SIZE];
};

struct control_shared {
	uint8_t identity[DATAPLANE_KEY_SIZE]; /* whose; zero in SET_SHARED */
	size_t length;
	uint8_t bytes[CONTROL_SHARED_MAX];
};

struct control_shared_list {
	size_t n_members;
	struct control_shared *members;
};

struct control_up {
	bool up;
};

enum control_server_state {
	CONTROL_SERVER_NONE = 0, /* none configured */
	CONTROL_SERVER_CONNECTING,
	CONTROL_SERVER_CONNECTED,
	CONTROL_SERVER_AWAY, /* reason says why; tried again */
	CONTROL_SERVER_STATES,
};

/* What kind of failure `reason` tells of. */
enum control_server_trouble {
	CONTROL_TROUBLE_NONE = 0,
	CONTROL_TROUBLE_SILENT,	 /* no answer, refused, lost */
	CONTROL_TROUBLE_NAME,	 /* its name cannot be looked up */
	CONTROL_TROUBLE_FOREIGN, /* something answers that is no server of ours */
	CONTROL_TROUBLES,
};

/* How far this machine's clock may be from the server's: from the first on it is worth mending,
 * from the second on what members say to each other begins to look expired. */
#define CONTROL_CLOCK_WRONG_S	600
#define CONTROL_CLOCK_HARMFUL_S 86400
#define CONTROL_CLOCK_UNKNOWN	INT64_MIN

struct control_member {
	uint8_t identity[DATAPLANE_KEY_SIZE];
	uint8_t wireguard_key[DATAPLANE_KEY_SIZE];
	char name[CONTROL_NAME_MAX]; /* empty until its announcement was opened */
	struct addr address;
	bool online; /* as the server says */
	bool host;
	bool self;
	bool announced;	  /* its announcement passed every check */
	bool clock_wrong; /* that is dated CONTROL_CLOCK_HARMFUL_S or more ahead of our clock */
	uint32_t lease;	  /* how long it has been a member: lower is longer */
	enum dataplane_backend backend;
	enum nat_behaviour mapping, filtering;
};

struct control_status {
	bool in_party;
	uint8_t party_id[CONTROL_PARTY_ID_SIZE];
	char party_name[CONTROL_NAME_MAX];
	bool up;    /* wanted; the dataplane says what is */
	bool local; /* the party has no server */
	uint8_t identity[DATAPLANE_KEY_SIZE];
	char own_name[CONTROL_NAME_MAX];
	struct addr address; /* none: no lease yet */
	uint8_t prefix_length;
	char server_url[CONTROL_URL_MAX];
	enum control_server_state server_state;
	char server_reason[CONTROL_REASON_MAX];
	enum control_server_trouble server_trouble;
	int64_t clock_ahead_s; /* of the server's, as of the last login; CONTROL_CLOCK_UNKNOWN */
	bool removed;	       /* in no party, because the last one's host removed us */
	/* What the user should know and did not ask for: removed from a party, now its host; "". */
	char notice[CONTROL_REASON_MAX];
	uint32_t generation; /* of the party's key: one more at each kick */
	size_t n_members;    /* with oneself */
	struct control_member *members;
};

/* One setting and everything there is to say about it (schema.h). */
struct control_setting {
	char key[CONTROL_NAME_MAX];
	char group[CONTROL_WORD_MAX];
	char type[CONTROL_WORD_MAX];
	char value[CONTROL_SETTING_MAX]; /* in force; "" of a secret one, always */
	char fallback[CONTROL_SETTING_MAX];
	char description[CONTROL_REASON_MAX];
	size_t n_choices;
	char choices[CONTROL_CHOICES_MAX][CONTROL_WORD_MAX];
	bool bounded; /* min and max count */
	int64_t min, max;
	char unit[CONTROL_WORD_MAX];
	char applies[CONTROL_WORD_MAX];
	bool secret;
	bool set; /* stored; else the default is in force */
};

struct control_settings {
	size_t n_settings;
	struct control_setting *settings;
};

/* What the user wrote: programs may give a switch as a truth value and a number as one. */
enum control_kind {
	CONTROL_KIND_TEXT = 0,
	CONTROL_KIND_SWITCH, /* value is on or off */
	CONTROL_KIND_NUMBER, /* value is in decimal digits */
	CONTROL_KINDS,
};

struct control_change {
	char key[CONTROL_NAME_MAX];
	char value[CONTROL_SETTING_MAX]; /* "": back to the default */
	enum control_kind kind;
};

/* What becomes of the settings that are not named. */
enum control_rest {
	CONTROL_REST_STAYS = 0,
	CONTROL_REST_DEFAULT,	/* back to their defaults; secret ones stay, and may not be named */
	CONTROL_REST_FORGOTTEN, /* secret ones as well */
	CONTROL_RESTS,
};

struct control_changes {
	enum control_rest rest;
	size_t n_changes;
	struct control_change *changes;
};

struct control_title {
	char name[CONTROL_TITLE_MAX];
};

/* A secret setting's value; whoever has one wipes it. */
struct control_secret {
	char value[CONTROL_SETTING_MAX]; /* "" where it is not set */
};

/* Settings saved under a name. */
struct control_configuration {
	char name[CONTROL_TITLE_MAX];
	uint64_t saved_s;		 /* since 1970 */
	bool active;			 /* what is in force now equals it, but for secret ones */
	struct control_changes settings; /* those that were not at their defaults */
};

struct control_configurations {
	size_t n_configurations;
	struct control_configuration *configurations;
};

ssize_t control_create_encode(const struct control_create *create, uint8_t **bytes);
int control_create_decode(struct control_create *create, const uint8_t *bytes, size_t length);
ssize_t control_join_encode(const struct control_join *join, uint8_t **bytes);
int control_join_decode(struct control_join *join, const uint8_t *bytes, size_t length);
ssize_t control_invite_wish_encode(const struct control_invite_wish *wish, uint8_t **bytes);
int control_invite_wish_decode(struct control_invite_wish *wish, const uint8_t *bytes,
			       size_t length);
ssize_t control_invite_encode(const struct control_invite *invite, uint8_t **bytes);
int control_invite_decode(struct control_invite *invite, const uint8_t *bytes, size_t length);
ssize_t control_code_encode(const struct control_code *code, uint8_t **bytes);
int control_code_decode(struct control_code *code, const uint8_t *bytes, size_t length);
ssize_t control_kick_encode(const struct control_kick *kick, uint8_t **bytes);
int control_kick_decode(struct control_kick *kick, const uint8_t *bytes, size_t length);
ssize_t control_shared_encode(const struct control_shared *shared, uint8_t **bytes);
int control_shared_decode(struct control_shared *shared, const uint8_t *bytes, size_t length);
ssize_t control_shared_list_encode(const struct control_shared_list *list, uint8_t **bytes);
int control_shared_list_decode(struct control_shared_list *list, const uint8_t *bytes,
			       size_t length);
void control_shared_list_clear(struct control_shared_list *list);
ssize_t control_up_encode(const struct control_up *up, uint8_t **bytes);
int control_up_decode(struct control_up *up, const uint8_t *bytes, size_t length);
ssize_t control_status_encode(const struct control_status *status, uint8_t **bytes);
int control_status_decode(struct control_status *status, const uint8_t *bytes, size_t length);
void control_status_clear(struct control_status *status);
ssize_t control_settings_encode(const struct control_settings *settings, uint8_t **bytes);
int control_settings_decode(struct control_settings *settings, const uint8_t *bytes, size_t length);
void control_settings_clear(struct control_settings *settings);
/* By its key; NULL: it is not among them. */
const struct control_setting *control_settings_find(const struct control_settings *settings,
						    const char *key);
ssize_t control_changes_encode(const struct control_changes *changes, uint8_t **bytes);
int control_changes_decode(struct control_changes *changes, const uint8_t *bytes, size_t length);
/* Wipes the values. */
void control_changes_clear(struct control_changes *changes);
ssize_t control_title_encode(const struct control_title *title, uint8_t **bytes);
int control_title_decode(struct control_title *title, const uint8_t *bytes, size_t length);
ssize_t control_secret_encode(const struct control_secret *secret, uint8_t **bytes);
int control_secret_decode(struct control_secret *secret, const uint8_t *bytes, size_t length);
ssize_t control_configurations_encode(const struct control_configurations *list, uint8_t **bytes);
int control_configurations_decode(struct control_configurations *list, const uint8_t *bytes,
				  size_t length);
void control_configurations_clear(struct control_configurations *list);

#endif
