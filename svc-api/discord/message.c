#include "svc-api/discord/message.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "svc-api/clean.h"

#define SUPPRESS_EMBEDS 4   /* a message flag */
#define NAME_MAX_BYTES	128 /* with the NUL: no name of ours is longer */
#define ESCAPED_MAX	(2 * NAME_MAX_BYTES)

/* Discord takes a backslash before any punctuation away again. Escaping all of it, and not only
 * what is markup today, also keeps `discord.gg/x` and `https://x` from becoming links. */
static const char *escape(const char *name, char out[ESCAPED_MAX])
{
	char cleaned[NAME_MAX_BYTES];
	size_t n = 0;

	clean_text(name, strlen(name), cleaned, sizeof(cleaned));
	for (const char *at = cleaned; *at; at++) {
		if ((unsigned char)*at < 0x80 && ispunct((unsigned char)*at))
			out[n++] = '\\';
		out[n++] = *at;
	}
	out[n] = '\0';
	return out;
}

static const char *const forms[NEWS_KINDS] = {
	[NEWS_BEGUN] = "**%s** began the party **%s**.",
	[NEWS_JOINED] = "**%s** came to the party **%s**.",
	[NEWS_LEFT] = "**%s** left the party **%s**.",
	[NEWS_REMOVED] = "**%s** was removed from the party **%s**.",
	[NEWS_CAME] = "**%s** came.",
	[NEWS_WENT] = "**%s** left.",
	[NEWS_KICKED] = "**%s** was removed.",
	[NEWS_GAME_BEGUN] = "**%s** plays **%s**%s%s%s.",
	[NEWS_GAME_ENDED] = "**%s** played **%s** for %s.",
	[NEWS_SERVER_UP] = "**%s** runs **%s** (%s): connect to %s",
	[NEWS_SERVER_DOWN] = "**%s** no longer runs **%s**.",
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
char *message_line(const struct news_item *item, char text[MESSAGE_LINE_MAX])
{
	char who[ESCAPED_MAX], what[ESCAPED_MAX], game[ESCAPED_MAX], where[ESCAPED_MAX];
	char time[DURATION_TEXT_SIZE];
	const char *form = forms[item->kind];

	escape(item->who, who);
	escape(item->what, what);
	escape(item->game, game);
	escape(item->where, where);
	switch (item->kind) {
	case NEWS_GAME_BEGUN:
		(void)snprintf(text, MESSAGE_LINE_MAX, form, who, game, *where ? " on **" : "",
			       where, *where ? "**" : "");
		break;
	case NEWS_GAME_ENDED:
		(void)snprintf(text, MESSAGE_LINE_MAX, form, who, game,
			       duration_format(item->seconds, time));
		break;
	case NEWS_SERVER_UP:
		(void)snprintf(text, MESSAGE_LINE_MAX, form, who, what, game, where);
		break;
	default: (void)snprintf(text, MESSAGE_LINE_MAX, form, who, what); break;
	}
	return text;
}
#pragma GCC diagnostic pop

size_t message_units(const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if ((byte & 0xc0) != 0x80) /* the first of a character */
			n += byte >= 0xf0 ? 2 : 1;
	}
	return n;
}

char *message_body(const char *content)
{
	json_t *json = json_pack("{s:s, s:{s:[]}, s:i}", "content", content, "allowed_mentions",
				 "parse", "flags", SUPPRESS_EMBEDS);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}
