/* handle_servers.c - game servers in lists: all, the favourite ones, their games, their numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

static bool ask_browser(const struct request *request, struct reply *reply, uint32_t type,
			uint8_t *bytes, ssize_t length, struct gather_ask *ask)
{
	*ask = (struct gather_ask){.to = SERVICE_BROWSER,
				   .type = type,
				   .timeout_ms = BUS_TIMEOUT_MS,
				   .repeatable = true};
	return ask_one(request, reply, ask, bytes, length);
}

/* ---- the list */

static bool take_text(const struct target_parameter *from, char out[BROWSER_WORD_MAX],
		      struct reply *reply)
{
	if (strlen(from->value) < BROWSER_WORD_MAX) {
		(void)snprintf(out, BROWSER_WORD_MAX, "%s", from->value);
		return true;
	}
	reply_error(reply, 400, "bad_value", "%s: at most %d bytes", from->name,
		    BROWSER_WORD_MAX - 1);
	return false;
}

static bool take_flag(const struct target_parameter *from, bool *flag, struct reply *reply)
{
	*flag = strcmp(from->value, "1") == 0 || strcmp(from->value, "true") == 0;
	if (*flag || strcmp(from->value, "0") == 0 || strcmp(from->value, "false") == 0)
		return true;
	reply_error(reply, 400, "bad_value", "%s: must be true or false", from->name);
	return false;
}

/* One or several with commas between. */
static bool take_tags(const struct target_parameter *from, struct browser_filter *filter,
		      struct reply *reply)
{
	for (const char *at = from->value; *at;) {
		size_t length = strcspn(at, ",");

		if (length >= BROWSER_WORD_MAX || filter->n_tags == BROWSER_TAGS_MAX) {
			reply_error(reply, 400, "bad_value", "tag: at most %d, of %d bytes each",
				    BROWSER_TAGS_MAX, BROWSER_WORD_MAX - 1);
			return false;
		}
		if (length)
			(void)snprintf(filter->tags[filter->n_tags++], BROWSER_WORD_MAX, "%.*s",
				       (int)length, at);
		at += length;
		at += *at == ',';
	}
	return true;
}

static bool take_sort(const struct target_parameter *from, enum browser_sort *sort,
		      struct reply *reply)
{
	static const char *const names[BROWSER_SORTS] = {"", "name", "game", "players", "latency"};

	for (int i = BROWSER_SORT_NAME; i < BROWSER_SORTS; i++)
		if (strcmp(from->value, names[i]) == 0) {
			*sort = (enum browser_sort)i;
			return true;
		}
	reply_error(reply, 400, "bad_value", "sort: must be name, game, players or latency");
	return false;
}

static bool take_parameter(const struct target_parameter *from, struct browser_filter *filter,
			   struct reply *reply)
{
	if (strcmp(from->name, "game") == 0)
		return take_text(from, filter->game, reply);
	if (strcmp(from->name, "search") == 0)
		return take_text(from, filter->search, reply);
	if (strcmp(from->name, "tag") == 0)
		return take_tags(from, filter, reply);
	if (strcmp(from->name, "hide_full") == 0)
		return take_flag(from, &filter->hide_full, reply);
	if (strcmp(from->name, "hide_empty") == 0)
		return take_flag(from, &filter->hide_empty, reply);
	if (strcmp(from->name, "hide_password") == 0)
		return take_flag(from, &filter->hide_password, reply);
	if (strcmp(from->name, "favourite") == 0)
		return take_flag(from, &filter->favourites, reply);
	return strcmp(from->name, "sort") != 0 || take_sort(from, &filter->sort, reply);
}

static bool take_page(const struct request *request, struct target_page *page, struct reply *reply)
{
	if (target_page(request->target, page) == 0)
		return true;
	reply_error(reply, 400, "bad_value",
		    "limit or offset: must be whole numbers, the limit from 1 to %d",
		    TARGET_PAGE_MAX);
	return false;
}

void handle_servers(const struct request *request, struct reply *reply)
{
	const struct target *target = request->target;
	struct browser_filter filter = {.game = ""};
	struct browser_servers servers;
	struct target_page page;
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	for (size_t i = 0; i < target->n_parameters; i++)
		if (!take_parameter(&target->parameters[i], &filter, reply))
			return;
	if (!take_page(request, &page, reply))
		return;
	length = browser_filter_encode(&filter, &bytes);
	if (!ask_browser(request, reply, BROWSER_LIST, bytes, length, &ask))
		return;
	if (browser_servers_decode(&servers, ask.answer, ask.answer_length) == 0) {
		reply_page(reply, view_servers(&servers, clock_wall_us()), &page);
		browser_servers_clear(&servers);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

void handle_favourites(const struct request *request, struct reply *reply)
{
	struct browser_favourites favourites;
	struct target_page page;
	struct gather_ask ask;

	if (!take_page(request, &page, reply) ||
	    !ask_browser(request, reply, BROWSER_GET_FAVOURITES, NULL, 0, &ask))
		return;
	if (browser_favourites_decode(&favourites, ask.answer, ask.answer_length) == 0) {
		reply_page(reply, view_favourites(&favourites, clock_wall_us()), &page);
		browser_favourites_clear(&favourites);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

/* ---- numbers */

/* To be cleared; false with the reply made. */
static bool ask_for_statistics(const struct request *request, struct reply *reply,
			       struct browser_statistics *statistics)
{
	struct gather_ask ask;
	bool good;

	if (!ask_browser(request, reply, BROWSER_GET_STATISTICS, NULL, 0, &ask))
		return false;
	good = browser_statistics_decode(statistics, ask.answer, ask.answer_length) == 0;
	if (!good)
		ask_malformed(&ask, reply);
	free(ask.answer);
	return good;
}

void handle_statistics(const struct request *request, struct reply *reply)
{
	struct browser_statistics statistics;

	if (!ask_for_statistics(request, reply, &statistics))
		return;
	reply_json(reply, 200, view_statistics(&statistics));
	browser_statistics_clear(&statistics);
}

void handle_games(const struct request *request, struct reply *reply)
{
	struct browser_statistics statistics;
	struct target_page page;

	if (!take_page(request, &page, reply) || !ask_for_statistics(request, reply, &statistics))
		return;
	reply_page(reply, view_games(&statistics), &page);
	browser_statistics_clear(&statistics);
}
