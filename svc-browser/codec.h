/* codec.h - the interface of svc-browser: its requests as checked plain structs.
 *
 * Same rules as svc-dataplane/codec.h. Texts are valid UTF-8 without control characters.
 */
#ifndef LANRAGE_BROWSER_CODEC_H
#define LANRAGE_BROWSER_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"

#define BROWSER_ID_MAX	    64 /* bytes with the NUL, as all below */
#define BROWSER_NAME_MAX    128
#define BROWSER_WORD_MAX    64
#define BROWSER_TAGS_MAX    8
#define BROWSER_SERVERS_MAX 256

enum browser_request {
	BROWSER_LIST = 1, /* struct browser_filter -> struct browser_servers; by api */
	BROWSER_REGISTER, /* struct browser_server -> (); by api. The same id again updates it and
			   * counts as its heartbeat. -ENOSPC */
	BROWSER_REMOVE,	  /* struct browser_server, of which only id counts -> (); -ENOENT */
};

struct browser_server {
	char id[BROWSER_ID_MAX];
	char name[BROWSER_NAME_MAX];
	char game[BROWSER_WORD_MAX];
	struct addr address; /* with the game's port */
	uint32_t players, max_players;
	char map[BROWSER_WORD_MAX];
	char mode[BROWSER_WORD_MAX];
	bool password;
	size_t n_tags;
	char tags[BROWSER_TAGS_MAX][BROWSER_WORD_MAX];
	uint64_t created_s, last_heartbeat_s; /* since 1970; set by the registry */
};

struct browser_filter {
	char game[BROWSER_WORD_MAX]; /* empty: any */
};

struct browser_servers {
	size_t n_servers;
	struct browser_server *servers;
};

ssize_t browser_filter_encode(const struct browser_filter *filter, uint8_t **bytes);
int browser_filter_decode(struct browser_filter *filter, const uint8_t *bytes, size_t length);
ssize_t browser_server_encode(const struct browser_server *server, uint8_t **bytes);
int browser_server_decode(struct browser_server *server, const uint8_t *bytes, size_t length);
ssize_t browser_servers_encode(const struct browser_servers *servers, uint8_t **bytes);
int browser_servers_decode(struct browser_servers *servers, const uint8_t *bytes, size_t length);
void browser_servers_clear(struct browser_servers *servers);

#endif
