/* uapi_sockets.h - the sockets on which wg(8) talks to a userspace WireGuard.
 *
 * RUN/wireguard/INTERFACE.sock is always there. /var/run/wireguard/INTERFACE.sock, where wg looks,
 * is one for the whole machine, although many instances may run on it, one per network namespace:
 * whoever is alive keeps it, the others get a warning. Both are for root only.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_UAPI_SOCKETS_H
#define LANRAGE_DEPLOY_LAUNCHER_UAPI_SOCKETS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

struct uapi_sockets {
	int own;
	int system; /* -1 when another process has it */
	/* What we made at the system path, so that we remove nothing else. */
	char system_path[64];
	dev_t device;
	ino_t inode;
};

/* system: whether to try for the system path too. */
int uapi_sockets_open(struct uapi_sockets *sockets, const char *run, const char *interface,
		      bool system, struct error *error);
/* Removes the system socket if it is still ours. The own one goes with its directory. */
void uapi_sockets_close(struct uapi_sockets *sockets);

#endif
