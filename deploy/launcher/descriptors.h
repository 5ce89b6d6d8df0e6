/* descriptors.h - the long-lived descriptors: opened once, handed to each new process.
 *
 * As the launcher keeps them, a service may die and come back without the interface losing its
 * addresses, or a router its port mapping. The launcher itself never reads or writes them.
 *
 *     dataplane: tap, udp4, udp6, uapi, uapi-system, stun      nat: stun
 *
 * `stun` are the ends of a socketpair of datagrams. udp6 and uapi-system may be missing. With
 * backend=kernel the kernel makes the interface and owns the port: no tap, udp4, udp6, uapi-system.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_DESCRIPTORS_H
#define LANRAGE_DEPLOY_LAUNCHER_DESCRIPTORS_H

#include <stddef.h>

#include "common/error.h"
#include "common/service.h"
#include "deploy/launcher/folders.h"
#include "deploy/launcher/ports.h"
#include "deploy/launcher/settings.h"
#include "deploy/launcher/uapi_sockets.h"

#define DESCRIPTORS_MAX 6 /* of one service */

struct descriptor {
	const char *name;
	int fd;
};

struct descriptors {
	int tap;
	struct ports ports;
	struct uapi_sockets uapi;
	int stun[2]; /* the data plane's end, nat's end */
};

/* On error everything is closed again. */
int descriptors_open(struct descriptors *descriptors, const struct settings *settings,
		     const struct folders *folders, struct error *error);
/* The interface goes with the last descriptor: close when no service runs any more. */
void descriptors_close(struct descriptors *descriptors);
/* What this service gets, in order. Returns how many. */
size_t descriptors_for(const struct descriptors *descriptors, enum service_id id,
		       struct descriptor list[DESCRIPTORS_MAX]);

#endif
