/* database.h - what svc-control must not forget, in STATE/control/control.db (SQLite, WAL).
 *
 * Every change is a transaction that is on disk when the function returns (synchronous FULL), so a
 * kill at any moment leaves the state before or after it, never between. Group several changes with
 * database_begin() and database_commit(); groups nest, and one failure inside undoes the outermost.
 * Functions return 0 or a negative errno (common/sql.h); the words are logged once. A database of a
 * later version or one that is damaged is refused at opening, and left as it is; one of version 2
 * is brought up to this one, in one transaction. An empty file is damage too: a new database is
 * made aside and moved into place with its tables. The file is 0600: it holds the party's key.
 */
#ifndef LANRAGE_CONTROL_DATABASE_H
#define LANRAGE_CONTROL_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-control/announcement.h"
#include "svc-control/codec.h"

struct database;

/* -EPROTONOSUPPORT: of a later version; -EBADMSG: damaged or no database; else as in sql.h. */
int database_open(struct database **database, const char *path, struct error *error);
/* NULL is fine. */
void database_close(struct database *database);

int database_begin(struct database *database);
/* Fails, and undoes all, when anything failed or was rolled back since the outermost begin. */
int database_commit(struct database *database);
void database_rollback(struct database *database);

/* -ENOENT: never set. */
int database_get_setting(struct database *database, const char *key,
			 char value[CONTROL_SETTING_MAX]);
/* value NULL: back to the default. */
int database_set_setting(struct database *database, const char *key, const char *value);

/* Saved configurations: a name, when, and settings. Setting one begins it anew, without settings.
 * Removing: -ENOENT. Both lists are in the order of names and keys. */
int database_set_configuration(struct database *database, const char *name, uint64_t saved_s);
int database_add_configured(struct database *database, const char *name, const char *key,
			    const char *value);
int database_remove_configuration(struct database *database, const char *name);
int database_each_configuration(struct database *database,
				void (*each)(void *data, const char *name, uint64_t saved_s),
				void *data);
/* Of one configuration; none where there is no such. */
int database_each_configured(struct database *database, const char *name,
			     void (*each)(void *data, const char *key, const char *value),
			     void *data);

/* A number that only grows, given once: stored before it is returned. At least `floor`. */
int database_next_sequence(struct database *database, uint64_t floor, uint64_t *sequence);

/* The party this machine is in; one at most. */
struct database_party {
	struct announcement_trust trust;
	char name[CONTROL_NAME_MAX];
	char own_name[CONTROL_NAME_MAX];
	char server_url[CONTROL_URL_MAX]; /* where it was made or joined */
	bool local;			  /* without a server: the host's machine is it */
	uint8_t beacon_key[32];		  /* by which that is found (beacon.h) */
	struct addr_prefix prefix;
	bool has_proof;		   /* these two as in struct announcement */
	struct invite_proof proof; /* own */
	bool has_voucher;
	uint8_t voucher[64];
	uint64_t change; /* of the server's numbering, as applied */
};
/* -ENOENT: in no party. */
int database_get_party(struct database *database, struct database_party *party);
int database_set_party(struct database *database, const struct database_party *party);
/* The party, its members and generations; settings, the sequence and the cache stay. */
int database_remove_party(struct database *database);

/* A member as last known; kept when it leaves, for its sequence. */
struct database_member {
	uint8_t identity[32];
	uint8_t wireguard_key[32];
	uint16_t number;
	uint32_t lease;
	struct addr address;
	bool present;
	bool listed;	   /* the server named it; else only members did */
	uint64_t sequence; /* highest accepted announcement; 0: none */
	size_t said_length;
	uint8_t said[ANNOUNCEMENT_SAID_MAX]; /* that announcement */
};
int database_set_member(struct database *database, const struct database_member *member);
int database_remove_member(struct database *database, const uint8_t identity[32]);
int database_each_member(struct database *database,
			 void (*each)(void *data, const struct database_member *member),
			 void *data);

/* Records of generations, by number. */
int database_add_record(struct database *database, const struct rendezvous_generation *record);
/* In the order of their numbers. */
int database_each_record(struct database *database,
			 void (*each)(void *data, const struct rendezvous_generation *record),
			 void *data);

/* Small things worth keeping over a restart, by name. *length: in: room, out: bytes. -ENOENT,
 * -EMSGSIZE (no room). Setting no bytes removes it. */
int database_get_cache(struct database *database, const char *name, uint8_t *bytes, size_t *length);
int database_set_cache(struct database *database, const char *name, const uint8_t *bytes,
		       size_t length);

#endif
