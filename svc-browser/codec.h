/* codec.h - the interface of svc-browser: its requests as checked plain structs; and its file.
 *
 * Same rules as svc-dataplane/codec.h. Texts are valid UTF-8 without control characters or
 * bidirectional marks; decoding refuses others.
 *
 * Ids. Whoever registers a server chooses its id, without `@`. On its own machine the server goes
 * by that id; to the other members it is `ID@MEMBER`, MEMBER being the first 8 bytes of the host's
 * identity in hex, the id that `lanrage peers` shows. So two members may choose the same id, and
 * neither can take the other's place.
 */
#ifndef LANRAGE_BROWSER_CODEC_H
#define LANRAGE_BROWSER_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "svc-control/codec.h"

#define BROWSER_OWN_ID_MAX     64 /* bytes with the NUL, as all below: as it was chosen */
#define BROWSER_ID_MAX	       96 /* with the member's */
#define BROWSER_NAME_MAX       128
#define BROWSER_WORD_MAX       64
#define BROWSER_TAGS_MAX       8
#define BROWSER_SERVERS_MAX    512
#define BROWSER_OWN_MAX	       16
#define BROWSER_FAVOURITES_MAX 256
#define BROWSER_PLAYERS_MAX    65535
#define BROWSER_UNKNOWN	       UINT32_MAX

enum browser_request {
	BROWSER_LIST = 1,  /* struct browser_filter -> struct browser_servers; all by api */
	BROWSER_REGISTER,  /* struct browser_server -> the same as it is listed now. It runs on this
			    * machine. The same id again updates it and counts as its heartbeat.
			    * -EINVAL: bad id, name or game; -EADDRNOTAVAIL: not this machine's
			    * address in the party; -ENOSPC; -EMSGSIZE: too much to share */
	BROWSER_REMOVE,	   /* struct browser_wish -> (); this and the rest: -ENOENT */
	BROWSER_GET,	   /* struct browser_wish -> struct browser_server */
	BROWSER_HEARTBEAT, /* struct browser_wish -> struct browser_server; -EPERM: another's */
	BROWSER_SET_PLAYERS,	/* struct browser_wish -> struct browser_server, and a heartbeat;
				 * max_players BROWSER_UNKNOWN: as it was. -EPERM */
	BROWSER_SET_FAVOURITE,	/* struct browser_wish -> (). Whether there is such a server now
				 * matters only to add one. -ENOSPC; -EIO: it would not last */
	BROWSER_GET_FAVOURITES, /* () -> struct browser_favourites */
	BROWSER_GET_STATISTICS, /* () -> struct browser_statistics */
	BROWSER_MEASURE,	/* struct browser_wish -> struct browser_measurement, within
				 * BROWSER_MEASURE_MS: the way to the member it runs on, now.
				 * -ELOOP: on this machine; -ENOSPC: not among the members that
				 * are measured; -EBUSY */
};
/* Three seconds for each of the four that may be waiting, and for the one that is going on. */
#define BROWSER_MEASURE_MS 16000

/* How far away a server's member is (latency.h). */
enum browser_trend {
	BROWSER_TREND_UNKNOWN = 0,
	BROWSER_TREND_STEADY,
	BROWSER_TREND_RISING,
	BROWSER_TREND_FALLING,
	BROWSER_TRENDS,
};

struct browser_latency {
	uint32_t measurements; /* 0: unknown, and nothing below counts */
	uint32_t us;	       /* the last one's median */
	uint32_t ema_us;
	uint32_t age_s; /* of the last one */
	enum browser_trend trend;
};

struct browser_server {
	char id[BROWSER_ID_MAX];
	char name[BROWSER_NAME_MAX];
	char game[BROWSER_WORD_MAX];
	uint8_t host[DATAPLANE_KEY_SIZE]; /* identity of the member it runs on; zero: not known */
	char host_name[CONTROL_NAME_MAX];
	struct addr address; /* with the game's port. In REGISTER, no address but a port: at this
			      * machine's address in the party, whatever that is */
	uint32_t players, max_players; /* at most BROWSER_PLAYERS_MAX, or BROWSER_UNKNOWN */
	char map[BROWSER_WORD_MAX];
	char mode[BROWSER_WORD_MAX];
	bool password;
	size_t n_tags;
	char tags[BROWSER_TAGS_MAX][BROWSER_WORD_MAX];
	/* Set by the registry: */
	uint64_t created_s; /* since 1970; 0: not known */
	uint32_t heartbeat_age_s;
	bool own; /* registered on this machine */
	bool favourite;
	struct browser_latency latency; /* unknown for the own ones: nothing to measure */
};

/* A number that may stand in players and max_players. */
bool browser_players_are_possible(uint32_t players);
/* Players known, and all places taken. */
bool browser_server_is_full(const struct browser_server *server);

/* What is left out: "" and false leave nothing out. Letters match without case. */
enum browser_sort {
	BROWSER_SORT_NONE = 0, /* the own ones, then by member */
	BROWSER_SORT_NAME,
	BROWSER_SORT_GAME,
	BROWSER_SORT_PLAYERS,
	BROWSER_SORT_LATENCY,
	BROWSER_SORTS,
};

struct browser_filter {
	char game[BROWSER_WORD_MAX];
	char search[BROWSER_WORD_MAX]; /* part of the name, game, map or host's name */
	size_t n_tags;
	char tags[BROWSER_TAGS_MAX][BROWSER_WORD_MAX]; /* any of them */
	bool hide_full, hide_empty, hide_password;     /* unknown is neither full nor empty */
	bool favourites;			       /* only those */
	enum browser_sort sort;
};

struct browser_servers {
	size_t n_servers;
	struct browser_server *servers;
};

struct browser_wish {
	char id[BROWSER_ID_MAX]; /* ID or ID@MEMBER */
	uint32_t players, max_players;
	bool favourite;
};

/* latency as it is known now, measured with these pings. Without an answer it is unknown; where
 * there is no path, none is sent. */
struct browser_measurement {
	struct browser_latency latency;
	uint32_t sent, answers;
};

/* All, in order of choice; a favourite whose server is away is an id alone. */
struct browser_favourites {
	size_t n_ids;
	char ids[BROWSER_FAVOURITES_MAX][BROWSER_ID_MAX];
	struct browser_servers servers; /* those of them that are listed now */
};

struct browser_game {
	char name[BROWSER_WORD_MAX];
	uint32_t servers;
	uint32_t players; /* as below */
};

/* Sums of players are over the servers that tell theirs, so they are the least there may be, and
 * BROWSER_UNKNOWN where none does; one that does not tell is neither full nor empty. Games whose
 * names differ in case only are one. */
struct browser_statistics {
	uint32_t servers, players, max_players;
	uint32_t favourites; /* that are listed now */
	uint32_t full, empty, with_password;
	size_t n_games;
	struct browser_game *games; /* most servers first, then by name */
};

/* What outlives the process: the own servers and the ids of favourites. */
struct browser_kept {
	uint64_t saved_s; /* since 1970: the ages count from then */
	size_t n_servers;
	struct browser_server servers[BROWSER_OWN_MAX];
	size_t n_favourites;
	char favourites[BROWSER_FAVOURITES_MAX][BROWSER_ID_MAX];
};

ssize_t browser_filter_encode(const struct browser_filter *filter, uint8_t **bytes);
int browser_filter_decode(struct browser_filter *filter, const uint8_t *bytes, size_t length);
ssize_t browser_server_encode(const struct browser_server *server, uint8_t **bytes);
int browser_server_decode(struct browser_server *server, const uint8_t *bytes, size_t length);
ssize_t browser_servers_encode(const struct browser_servers *servers, uint8_t **bytes);
int browser_servers_decode(struct browser_servers *servers, const uint8_t *bytes, size_t length);
void browser_servers_clear(struct browser_servers *servers);
ssize_t browser_wish_encode(const struct browser_wish *wish, uint8_t **bytes);
int browser_wish_decode(struct browser_wish *wish, const uint8_t *bytes, size_t length);
ssize_t browser_measurement_encode(const struct browser_measurement *measurement, uint8_t **bytes);
int browser_measurement_decode(struct browser_measurement *measurement, const uint8_t *bytes,
			       size_t length);
ssize_t browser_favourites_encode(const struct browser_favourites *favourites, uint8_t **bytes);
int browser_favourites_decode(struct browser_favourites *favourites, const uint8_t *bytes,
			      size_t length);
void browser_favourites_clear(struct browser_favourites *favourites);
ssize_t browser_statistics_encode(const struct browser_statistics *statistics, uint8_t **bytes);
int browser_statistics_decode(struct browser_statistics *statistics, const uint8_t *bytes,
			      size_t length);
void browser_statistics_clear(struct browser_statistics *statistics);
ssize_t browser_kept_encode(const struct browser_kept *kept, uint8_t **bytes);
int browser_kept_decode(struct browser_kept *kept, const uint8_t *bytes, size_t length);

#endif
