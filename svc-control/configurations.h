/* configurations.h - settings saved under a name, to be gone back to as a whole.
 *
 * A configuration holds what was not at its default when it was saved, so a default that changes
 * with the machine stays the machine's. Secret settings are never in one, and using one leaves them
 * as they are. At most CONTROL_SAVED_MAX of them. Errors come with words.
 */
#ifndef LANRAGE_CONTROL_CONFIGURATIONS_H
#define LANRAGE_CONTROL_CONFIGURATIONS_H

#include "svc-control/settings.h"

/* In the order of names. Free with control_configurations_clear(). */
int configurations_list(const struct settings *settings, struct control_configurations *list);
/* The settings of now; takes the place of one of that name. -EINVAL: no name; -ENOSPC. */
int configurations_save(const struct settings *settings, const char *name, uint64_t wall_s,
			struct error *error);
/* The change that brings it into force (settings_change). Free with control_changes_clear(), after
 * a failure too. -ENOENT. */
int configurations_read(const struct settings *settings, const char *name,
			struct control_changes *changes, struct error *error);
/* -ENOENT. */
int configurations_forget(const struct settings *settings, const char *name, struct error *error);

#endif
