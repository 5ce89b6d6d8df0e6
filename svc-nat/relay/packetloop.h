/* packetloop.h - the relay's sockets, UDP and TCP (stream.h), and the thread that moves datagrams
 * through a struct forward.
 *
 * One thread, one epoll: a batch in by recvmmsg, through the machine, out by sendmmsg. Forwarded
 * bytes are sent from the buffers they were received in. Nothing waits for a batch to fill.
 *
 * The machine belongs to this thread; others enter by packetloop_with().
 */
#ifndef LANRAGE_NAT_RELAY_PACKETLOOP_H
#define LANRAGE_NAT_RELAY_PACKETLOOP_H

#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "svc-nat/relay/forward.h"

struct packetloop;

/* Binds: [::] means both families, every other address its own. Errors have words. */
int packetloop_new(struct packetloop **loop, const struct addr *listen, struct error *error);
/* Stops the thread. The machine is the caller's to free afterwards. */
void packetloop_free(struct packetloop *loop);

/* For forward_new(); wall_s is the real clock. */
struct forward_ops packetloop_ops(struct packetloop *loop);
/* From here on the machine belongs to the thread. */
int packetloop_start(struct packetloop *loop, struct forward *forward);
/* Calls work with the machine, while the thread stands still: be quick, do not send. */
void packetloop_with(struct packetloop *loop,
		     void (*work)(void *data, struct forward *forward, uint64_t now_us),
		     void *data);
/* Share of a processor used by the thread since the last call, in thousandths. */
uint32_t packetloop_load_permille(struct packetloop *loop);

#endif
