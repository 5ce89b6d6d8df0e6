/* ports.h - the UDP sockets that carry everything, and their port number; whether the API's is
 * free.
 *
 * A port that is not set is drawn at random once and kept in STATE/port, so that the mappings of
 * routers and the holes in firewalls survive a new start. Both families use the same number.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_PORTS_H
#define LANRAGE_DEPLOY_LAUNCHER_PORTS_H

#include <stdint.h>

#include "common/error.h"

struct ports {
	int udp4;
	int udp6; /* -1 where the machine has no IPv6 */
	uint16_t number;
};

/* wanted: from the configuration, 0 for the stored or a new one. A port in use is tried again for
 * patience_us: the last holder may be dying. */
int ports_open(struct ports *ports, uint16_t wanted, int state_directory, uint64_t patience_us,
	       struct error *error);
/* -EADDRINUSE with words when another program listens where the API should: tried before anything
 * runs, because that program would be handed the token by everybody who asks. api is ADDR:PORT of
 * IPv4. */
int ports_check_api(const char *api, uint64_t patience_us, struct error *error);

#endif
