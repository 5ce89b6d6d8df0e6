/* tap.h - the interface that games see, as a TAP device.
 *
 * A TAP rather than a TUN, because its interface has BROADCAST and MULTICAST set, which games look
 * for; with IFF_NOARP nothing but IP goes over it. It exists as long as a descriptor is open, and
 * takes its addresses and routes with it. The data plane brings it up.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_TAP_H
#define LANRAGE_DEPLOY_LAUNCHER_TAP_H

#include <stdint.h>

#include "common/error.h"

/* Makes the interface (down, non-blocking, with virtio-net headers) and returns its descriptor. A
 * name that is taken is tried again for patience_us: the last holder may be dying. */
int tap_open(const char *name, uint64_t patience_us, struct error *error);

#endif
