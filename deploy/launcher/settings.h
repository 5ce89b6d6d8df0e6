/* settings.h - what the launcher needs from lanraged.conf, checked before anything is touched.
 *
 * Also checks values that a service would otherwise only stumble over later, again and again:
 * a typing error is refused here, once, in words. Pure.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_SETTINGS_H
#define LANRAGE_DEPLOY_LAUNCHER_SETTINGS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/config.h"
#include "common/error.h"
#include "common/log.h"

struct settings {
	char interface[IFNAMSIZ]; /* [dataplane] interface= */
	bool kernel;		  /* [dataplane] backend=kernel */
	uint16_t listen_port;	  /* [dataplane] listen_port=; 0: not set */
	char api[ADDR_TEXT_SIZE]; /* [api] listen= */
	enum log_level level;	  /* [log] level= */
};

/* Unknown keys and bad values are -EINVAL with words that name file (path), section and key. */
int launcher_settings_read(struct settings *settings, const struct config *config, const char *path,
			   struct error *error);

#endif
