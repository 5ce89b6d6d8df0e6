/* news.h - what happened that a channel should hear of, out of two looks at the live state. Pure.
 *
 * A part of the state that cannot be had at the moment (null) is left as it was last known, so a
 * service that restarts is no news. What is there at the first look is none either, nor is who is
 * found in a party within NEWS_SETTLE_US of joining it: they were there before.
 */
#ifndef LANRAGE_DISCORD_NEWS_H
#define LANRAGE_DISCORD_NEWS_H

#include <jansson.h>
#include <stdint.h>

#include "common/clock.h"

#define NEWS_SETTLE_US (10 * CLOCK_SECOND)

enum news_kind {
	NEWS_BEGUN,	  /* this machine began a party: who, what */
	NEWS_JOINED,	  /* came to one: who, what */
	NEWS_LEFT,	  /* who, what */
	NEWS_REMOVED,	  /* the host removed this machine: who, what */
	NEWS_CAME,	  /* a member: who */
	NEWS_WENT,	  /* who */
	NEWS_KICKED,	  /* this machine, the host, removed it: who */
	NEWS_GAME_BEGUN,  /* who, game, where: the server or "" */
	NEWS_GAME_ENDED,  /* who, game, seconds */
	NEWS_SERVER_UP,	  /* who, what, game, where: the address */
	NEWS_SERVER_DOWN, /* who, what */
	NEWS_KINDS,
};

/* Texts are borrowed, and never NULL. */
struct news_item {
	enum news_kind kind;
	const char *who, *what, *game, *where;
	uint64_t seconds;
};

/* Zero-initialise. */
struct news {
	json_t *party;	  /* null: in none; NULL, here and below: not known yet */
	json_t *peers;	  /* by id */
	json_t *servers;  /* own ones, by id */
	json_t *sessions; /* of games, by id */
	uint64_t joined_us;
};

typedef void (*news_tell)(void *data, const struct news_item *item);

/* state as live.h says; sessions: a list as GET metrics/sessions answers, newest first, or NULL;
 * removed: the id of the member that this machine, the host, removes or has removed, or "". */
void news_take(struct news *news, const json_t *state, const json_t *sessions, const char *removed,
	       uint64_t now_us, news_tell tell, void *data);
void news_clear(struct news *news);

#endif
