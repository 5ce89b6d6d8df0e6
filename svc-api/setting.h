/* setting.h - control's settings, for handlers: fetched, and changed all or none. */
#ifndef LANRAGE_API_SETTING_H
#define LANRAGE_API_SETTING_H

#include <jansson.h>
#include <stdbool.h>

#include "svc-control/codec.h"

struct gather_ask;
struct request;
struct reply;

/* False with the reply made; else free with control_settings_clear(). */
bool setting_fetch(const struct request *request, struct control_settings *settings,
		   struct reply *reply);
bool setting_is_on(const struct control_settings *settings, const char *key);
/* For what this process does itself: never into a reply or a log, and wiped after use. */
bool setting_fetch_secret(const struct request *request, const char *key,
			  struct control_secret *secret, struct reply *reply);
/* What a client wrote, {key: value} as checked by BODY_VALUE, as changes. False with the reply
 * made; else free with control_changes_clear(). */
bool setting_take(const json_t *values, struct control_changes *changes, struct reply *reply);
/* Asks for them and replies with what changed (view_changed), or with why not. */
void setting_change(const struct request *request, const struct control_changes *changes,
		    struct reply *reply);
/* The same of one; true when it was done, and no reply is made then. value "": back to default. */
bool setting_change_one(const struct request *request, const char *key, const char *value,
			struct reply *reply);
/* The reply to an answer of changed settings, which is taken over. */
void setting_reply_changed(struct gather_ask *ask, struct reply *reply);
/* 404 in words. */
void setting_say_unknown(struct reply *reply, const char *key);

#endif
