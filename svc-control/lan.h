/* lan.h - a UDP socket on the local networks: one group, every IPv4 interface but the party's own.
 *
 * Interfaces are looked at afresh at each call that concerns them, so that ones that come and go
 * need no care. Nothing here blocks.
 */
#ifndef LANRAGE_CONTROL_LAN_H
#define LANRAGE_CONTROL_LAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"

/* group: multicast, with the port that its members listen at. Returns a descriptor to be closed, or
 * a negative errno. */
int lan_open_member(const struct addr *group);
/* Likewise, at a port of its own: hears what is sent to it alone. */
int lan_open_asker(void);

/* Becomes a member of the group wherever it is not yet. except: the party's prefix. */
void lan_join(int fd, const struct addr *group, const struct addr_prefix *except);
/* Sends one copy on each interface, for neighbours only (TTL 1). Losses are not reported. */
void lan_send_group(int fd, const struct addr *group, const struct addr_prefix *except,
		    const uint8_t *bytes, size_t length);

/* The length, or a negative errno (-EAGAIN: nothing there). `own` is the address to answer from;
 * both without scope. */
ssize_t lan_receive(int fd, uint8_t *bytes, size_t size, struct addr *from, struct addr *own);
int lan_send(int fd, const struct addr *to, const struct addr *own, const uint8_t *bytes,
	     size_t length);

#endif
