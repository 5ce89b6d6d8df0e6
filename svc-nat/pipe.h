/* pipe.h - svc-nat's end of the STUN pipe (svc-dataplane/stunpipe.h): messages in and out of the
 * tunnel's own sockets, with the times at which they passed there. */
#ifndef LANRAGE_NAT_PIPE_H
#define LANRAGE_NAT_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/loop.h"

/* Borrowed until return. */
typedef void (*pipe_received)(void *data, const struct addr *from, uint64_t sent_us,
			      uint64_t received_us, const uint8_t *bytes, size_t length);

struct pipe {
	int fd; /* borrowed; -1: none was passed */
	struct loop_poll poll;
	pipe_received received;
	/* After a batch of messages, so that what they changed is acted on once. */
	void (*settled)(void *data);
	void *data;
};

/* fd below 0: a pipe on which nothing comes or goes. */
int pipe_start(struct pipe *pipe, struct loop *loop, int fd, pipe_received received,
	       void (*settled)(void *data), void *data);
void pipe_stop(struct pipe *pipe);
bool pipe_is_open(const struct pipe *pipe);
/* May lose the message: the dataplane may be away, and STUN repeats itself. */
void pipe_send(struct pipe *pipe, const struct addr *to, const uint8_t *bytes, size_t length);

#endif
