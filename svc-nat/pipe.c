#include "svc-nat/pipe.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "svc-dataplane/stunpipe.h"

#define BATCH 64 /* messages read before others get their turn */

static void on_readable(void *data)
{
	struct pipe *pipe = data;

	for (int i = 0; i < BATCH; i++) {
		struct stunpipe_header header;
		uint8_t message[STUNPIPE_MESSAGE_MAX];
		struct iovec parts[2] = {
			{.iov_base = &header, .iov_len = sizeof(header)},
			{.iov_base = message, .iov_len = sizeof(message)},
		};
		struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
		ssize_t got = recvmsg(pipe->fd, &whole, MSG_DONTWAIT);

		if (got < 0)
			break;
		if ((size_t)got < sizeof(header) || (whole.msg_flags & MSG_TRUNC) ||
		    header.length != (size_t)got - sizeof(header))
			continue;
		pipe->received(pipe->data, &header.addr, header.sent_us, header.received_us,
			       message, header.length);
	}
	pipe->settled(pipe->data);
}

int pipe_start(struct pipe *pipe, struct loop *loop, int fd, pipe_received received,
	       void (*settled)(void *data), void *data)
{
	pipe->fd = fd < 0 ? -1 : fd;
	pipe->received = received;
	pipe->settled = settled;
	pipe->data = data;
	return fd < 0 ? 0 : loop_poll_start(loop, &pipe->poll, fd, on_readable, pipe);
}

void pipe_stop(struct pipe *pipe)
{
	loop_poll_stop(&pipe->poll);
	pipe->fd = -1;
}

bool pipe_is_open(const struct pipe *pipe)
{
	return pipe->fd >= 0;
}

void pipe_send(struct pipe *pipe, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct stunpipe_header header = {.addr = *to, .length = (uint32_t)length};
	struct iovec parts[2] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)bytes, .iov_len = length},
	};
	struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};

	if (pipe->fd >= 0)
		(void)sendmsg(pipe->fd, &whole, MSG_DONTWAIT | MSG_NOSIGNAL);
}
