/* roster.h - the six services the launcher runs, in the order in which it starts them.
 *
 * Requests between services go up this order (api asks browser, … nat asks dataplane), so each
 * starts after the ones it asks, and stops before them.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_ROSTER_H
#define LANRAGE_DEPLOY_LAUNCHER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/service.h"

struct roster_entry {
	const char *name;   /* "dataplane": of its directories, its log and its status */
	const char *user;   /* "lanrage-dataplane": of its user, its group and its program */
	bool network_admin; /* runs with CAP_NET_ADMIN and CAP_NET_RAW; all others with nothing */
	bool reads_token;   /* is in the group that may read RUN/token */
};

/* Indexed by enum service_id. */
extern const struct roster_entry roster[SERVICE_COUNT];

/* The service of this name (length bytes, no terminator needed), or -ENOENT. */
int roster_find(const char *name, size_t length);

#endif
