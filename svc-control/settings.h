/* settings.h - the settings in force, and changing them.
 *
 * What there is to set is in schema.h. Values are texts, kept in the database; one that is not
 * stored has its default. A change is of any number of settings: all of them are checked first,
 * then stored in one transaction, so that a refusal, a full disk or a kill at any moment leaves all
 * as they were or all as they should be. A secret one's value is for the code that needs it
 * (settings_get), and in no list.
 */
#ifndef LANRAGE_CONTROL_SETTINGS_H
#define LANRAGE_CONTROL_SETTINGS_H

#include "common/config.h"
#include "common/error.h"
#include "svc-control/codec.h"
#include "svc-control/database.h"
#include "svc-control/schema.h"

struct settings {
	struct database *database;   /* borrowed */
	const struct config *config; /* borrowed */
};

/* The value in force, a secret one's too. -ENOENT: no such setting. */
int settings_get(const struct settings *settings, const char *key, char value[CONTROL_SETTING_MAX]);
/* Pure. -EINVAL with words that begin with the key and never hold the value. */
int settings_check(const struct schema_setting *setting, const char *value, struct error *error);
/* All or nothing. -ENOENT, -EINVAL, or why it could not be stored, with words. */
int settings_change(const struct settings *settings, const struct control_changes *changes,
		    struct error *error);
/* The same of one. */
int settings_set(const struct settings *settings, const char *key, const char *value,
		 struct error *error);
/* All, for showing. Free with control_settings_clear(). -ENOMEM. */
int settings_list(const struct settings *settings, struct control_settings *list);
/* Of `after`, those that are not as in `before`, in place; and those that `changes` names, where
 * that says nothing of the rest. */
void settings_keep_changed(struct control_settings *after, const struct control_settings *before,
			   const struct control_changes *changes);

/* The value of SETTING_DOUBLING in force. */
enum dataplane_doubling settings_doubling(const struct settings *settings);
/* The offloads that are switched off (enum dataplane_offload). */
unsigned settings_offloads_off(const struct settings *settings);
/* What of LAN discovery is on (enum dataplane_lan). */
unsigned settings_lan(const struct settings *settings);

#endif
