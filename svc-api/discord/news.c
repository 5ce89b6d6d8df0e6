#include "svc-api/discord/news.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One look, and whom it is told. */
struct look {
	struct news *news;
	const json_t *state;
	const char *self; /* this machine's name */
	const char *removed;
	uint64_t now_us;
	news_tell tell;
	void *data;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void tell(const struct look *look, struct news_item item)
{
	item.what = item.what ? item.what : "";
	item.game = item.game ? item.game : "";
	item.where = item.where ? item.where : "";
	look->tell(look->data, &item);
}

/* Takes now over. */
static void replace(json_t **known, json_t *now)
{
	json_decref(*known);
	*known = now;
}

/* ---- the party */

static bool is_removed(const struct look *look)
{
	const json_t *network = json_object_get(look->state, "network");

	return strcmp(text_of(json_object_get(network, "problem"), "cause"), "kicked") == 0;
}

static void tell_gone(const struct look *look, const json_t *party)
{
	tell(look, (struct news_item){.kind = is_removed(look) ? NEWS_REMOVED : NEWS_LEFT,
				      .who = look->self,
				      .what = text_of(party, "name")});
}

static void tell_entered(const struct look *look, const json_t *party)
{
	bool began = strcmp(text_of(party, "host"), look->self) == 0;

	look->news->joined_us = began ? 0 : look->now_us;
	tell(look, (struct news_item){.kind = began ? NEWS_BEGUN : NEWS_JOINED,
				      .who = look->self,
				      .what = text_of(party, "name")});
}

/* Until it has its address, this machine itself is not among the members, nor known as the host. */
static bool is_incomplete(const json_t *party)
{
	return json_is_object(party) && json_integer_value(json_object_get(party, "members")) == 0;
}

/* Who is in it is not known yet of another party. */
static void take_party(const struct look *look, json_t *party)
{
	struct news *news = look->news;
	bool was = json_is_object(news->party), is = json_is_object(party);
	bool same = was && is && strcmp(text_of(news->party, "id"), text_of(party, "id")) == 0;

	if (was && !same)
		tell_gone(look, news->party);
	if (is && !same && news->party)
		tell_entered(look, party);
	if (!same)
		replace(&news->peers, is && news->party ? json_object() : NULL);
	replace(&news->party, json_incref(party));
}

/* ---- members */

static void take_peers(const struct look *look)
{
	struct news *news = look->news;
	json_t *peers = json_object_get(look->state, "peers"), *peer;
	bool settled = news->joined_us == 0 || look->now_us >= news->joined_us + NEWS_SETTLE_US;
	const char *id;

	if (!json_is_object(news->party) || !json_is_object(peers))
		return;
	json_object_foreach(news->peers, id, peer) if (!json_object_get(peers, id))
		tell(look, (struct news_item){.kind = strcmp(id, look->removed) == 0 ? NEWS_KICKED
										     : NEWS_WENT,
					      .who = text_of(peer, "name")});
	json_object_foreach(peers, id,
			    peer) if (news->peers && settled && !json_object_get(news->peers, id))
		tell(look, (struct news_item){.kind = NEWS_CAME, .who = text_of(peer, "name")});
	replace(&news->peers, json_incref(peers));
}

/* ---- game servers */

static void take_servers(const struct look *look)
{
	json_t *all = json_object_get(look->state, "servers"), *own = json_object(), *server;
	json_t *known = look->news->servers;
	const char *id;

	if (!json_is_object(all)) {
		json_decref(own);
		return;
	}
	json_object_foreach(all, id, server) if (json_is_true(json_object_get(server, "own")))(void)
		json_object_set(own, id, server);
	json_object_foreach(own, id, server) if (known && !json_object_get(known, id))
		tell(look, (struct news_item){.kind = NEWS_SERVER_UP,
					      .who = look->self,
					      .what = text_of(server, "name"),
					      .game = text_of(server, "game"),
					      .where = text_of(server, "address")});
	json_object_foreach(known, id, server) if (!json_object_get(own, id))
		tell(look, (struct news_item){.kind = NEWS_SERVER_DOWN,
					      .who = look->self,
					      .what = text_of(server, "name")});
	replace(&look->news->servers, own);
}

/* ---- game sessions */

static bool is_running(const json_t *session)
{
	return session && json_is_null(json_object_get(session, "ended_at"));
}

static void compare_session(const struct look *look, const json_t *before, const json_t *session)
{
	struct news_item item = {.who = look->self,
				 .game = text_of(session, "game"),
				 .where = text_of(session, "server")};
	const json_t *seconds = json_object_get(session, "duration_s");

	if (!before && is_running(session)) {
		item.kind = NEWS_GAME_BEGUN;
	} else if ((!before || is_running(before)) && !is_running(session)) {
		item.kind = NEWS_GAME_ENDED;
		item.seconds = (uint64_t)json_integer_value(seconds);
	} else {
		return;
	}
	tell(look, item);
}

static void take_sessions(const struct look *look, const json_t *list)
{
	json_t *known = look->news->sessions, *now = json_object();

	/* Oldest first. */
	for (size_t i = json_array_size(list); i > 0; i--) {
		json_t *session = json_array_get(list, i - 1);
		char id[24];

		(void)snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(json_object_get(session, "id")));
		if (known)
			compare_session(look, json_object_get(known, id), session);
		(void)json_object_set(now, id, session);
	}
	replace(&look->news->sessions, now);
}

void news_take(struct news *news, const json_t *state, const json_t *sessions, const char *removed,
	       uint64_t now_us, news_tell told, void *data)
{
	const json_t *status = json_object_get(state, "status");
	const json_t *self = json_object_get(status, "self");
	const struct look look = {.news = news,
				  .state = state,
				  .self = text_of(self, "name"),
				  .removed = removed,
				  .now_us = now_us,
				  .tell = told,
				  .data = data};

	/* Whether it is in a party, and its name, control knows; without it nothing is told. */
	if (!json_is_string(json_object_get(self, "id")))
		return;
	if (is_incomplete(json_object_get(status, "party")))
		return;
	take_party(&look, json_object_get(status, "party"));
	take_peers(&look);
	take_servers(&look);
	if (sessions)
		take_sessions(&look, sessions);
}

void news_clear(struct news *news)
{
	json_decref(news->party);
	json_decref(news->peers);
	json_decref(news->servers);
	json_decref(news->sessions);
	memset(news, 0, sizeof(*news));
}
