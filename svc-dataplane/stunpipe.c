#include "svc-dataplane/stunpipe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define STUN_HEADER_SIZE 20
#define STUN_ID_OFFSET	 8

static const uint8_t stun_cookie[4] = {0x21, 0x12, 0xa4, 0x42};
#define RATE BUCKET_PER_SECOND(STUNPIPE_RATE, STUNPIPE_BURST)

bool stunpipe_is_stun(const uint8_t *bytes, size_t length)
{
	size_t attributes;

	if (length < STUN_HEADER_SIZE || (bytes[0] & 0xc0) != 0 ||
	    memcmp(bytes + 4, stun_cookie, sizeof(stun_cookie)) != 0)
		return false;
	attributes = (size_t)bytes[2] << 8 | bytes[3];
	return attributes % 4 == 0 && STUN_HEADER_SIZE + attributes == length;
}

/* RFC 8489 section 5: the class bits are 0x0110 of the type; both zero is a request. */
static bool is_request(const uint8_t *message)
{
	return (message[0] & 0x01) == 0 && (message[1] & 0x10) == 0;
}

void stunpipe_init(struct stunpipe *pipe, int fd)
{
	memset(pipe, 0, sizeof(*pipe));
	pipe->fd = fd;
}

ssize_t stunpipe_read(struct stunpipe *pipe, uint64_t now_us, struct addr *to,
		      uint8_t message[STUNPIPE_MESSAGE_MAX])
{
	struct stunpipe_header header;
	struct iovec parts[2] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = message, .iov_len = STUNPIPE_MESSAGE_MAX},
	};
	struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t got = recvmsg(pipe->fd, &whole, MSG_DONTWAIT);

	if (got < 0)
		return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if ((size_t)got < sizeof(header) || (whole.msg_flags & MSG_TRUNC) ||
	    header.length != (size_t)got - sizeof(header) ||
	    !stunpipe_is_stun(message, header.length) || !addr_is_sendable(&header.addr) ||
	    header.addr.port == 0 || !bucket_take(&pipe->out, RATE, now_us))
		return 0;
	*to = header.addr;
	return (ssize_t)header.length;
}

void stunpipe_sent(struct stunpipe *pipe, uint64_t now_us, const uint8_t *message)
{
	const uint8_t *id = message + STUN_ID_OFFSET;
	unsigned slot = pipe->next;

	if (!is_request(message))
		return;
	/* A retransmission keeps its slot: the answer is taken as one to the latest copy. */
	for (unsigned i = 0; i < STUNPIPE_REQUESTS; i++) {
		if (pipe->requests[i].sent_us &&
		    memcmp(pipe->requests[i].id, id, STUNPIPE_ID_SIZE) == 0)
			slot = i;
	}
	if (slot == pipe->next)
		pipe->next = (pipe->next + 1) % STUNPIPE_REQUESTS;
	memcpy(pipe->requests[slot].id, id, STUNPIPE_ID_SIZE);
	pipe->requests[slot].sent_us = now_us;
}

static uint64_t sent_at(const struct stunpipe *pipe, const uint8_t *message)
{
	for (unsigned i = 0; i < STUNPIPE_REQUESTS; i++) {
		if (pipe->requests[i].sent_us &&
		    memcmp(pipe->requests[i].id, message + STUN_ID_OFFSET, STUNPIPE_ID_SIZE) == 0)
			return pipe->requests[i].sent_us;
	}
	return 0;
}

bool stunpipe_write(struct stunpipe *pipe, uint64_t now_us, const struct addr *from,
		    const uint8_t *message, size_t length)
{
	struct stunpipe_header header = {.addr = *from, .received_us = now_us};
	struct iovec parts[2] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)message, .iov_len = length},
	};
	struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};

	if (length > STUNPIPE_MESSAGE_MAX || !bucket_take(&pipe->in, RATE, now_us))
		return false;
	header.sent_us = sent_at(pipe, message);
	header.length = (uint32_t)length;
	return sendmsg(pipe->fd, &whole, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
