/* service.h - one relay: its state directory, its packet thread and its session with the server,
 * wired together on one libuv loop. */
#ifndef LANRAGE_NAT_RELAY_SERVICE_H
#define LANRAGE_NAT_RELAY_SERVICE_H

#include <stddef.h>

#include "common/addr.h"
#include "common/error.h"
#include "svc-nat/relay/registration.h"

struct relay_options {
	struct addr listen;
	const char *server;
	const char *state;
	const char *config; /* NULL: none */
	size_t n_public;
	struct addr public_addrs[REGISTRATION_ENDPOINTS];
};

/* Runs until SIGTERM or SIGINT. 0, or a negative errno with words when it could not start. */
int relay_service_run(const struct relay_options *options, struct error *error);

#endif
