/* message.h - what Discord is told, in words and in the form that Execute Webhook takes. Pure.
 *
 * A thing worth telling is one line; several lines make one message. Names come from other people:
 * Discord's markdown in them is escaped, and no message ever mentions anybody (allowed_mentions) or
 * unfolds what a link leads to (flags). The name under which the messages stand is the webhook's
 * own, which its owner chose.
 */
#ifndef LANRAGE_DISCORD_MESSAGE_H
#define LANRAGE_DISCORD_MESSAGE_H

#include <stddef.h>

#include "svc-api/discord/news.h"

#define MESSAGE_LINE_MAX    1280 /* bytes with the NUL: no line is cut by it */
#define MESSAGE_CONTENT_MAX 2000 /* of what Discord counts, in one message */

/* The line, without an end. Returns text. */
char *message_line(const struct news_item *item, char text[MESSAGE_LINE_MAX]);
/* How much of MESSAGE_CONTENT_MAX a text takes: in UTF-16's units, the strictest way to count. */
size_t message_units(const char *text);
/* The body of the request, to be freed; NULL without memory. content is at most
 * MESSAGE_CONTENT_MAX. */
char *message_body(const char *content);

#endif
