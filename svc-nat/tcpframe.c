#include "svc-nat/tcpframe.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

int tcpframe_set_options(int fd)
{
	int on = 1, unsent = TCPFRAME_UNSENT;
	unsigned timeout = TCPFRAME_TIMEOUT_MS;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout)) != 0)
		return -errno;
	return 0;
}

/* Of a call that failed. */
static int again_or_error(void)
{
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

int tcpframe_read(struct tcpframe_in *in, int fd)
{
	ssize_t got;

	memmove(in->bytes, in->bytes + in->from, in->to - in->from);
	in->to -= in->from;
	in->from = 0;
	got = recv(fd, in->bytes + in->to, sizeof(in->bytes) - in->to, MSG_DONTWAIT);
	if (got < 0)
		return again_or_error();
	if (got == 0)
		return -ECONNRESET;
	in->to += (size_t)got;
	return 0;
}

int tcpframe_next(struct tcpframe_in *in, uint8_t **datagram)
{
	const uint8_t *bytes = in->bytes + in->from;
	size_t there = in->to - in->from, length;

	if (there < TCPFRAME_HEADER)
		return 0;
	length = (size_t)bytes[0] << 8 | bytes[1];
	if (length == 0 || length > TCPFRAME_DATAGRAM_MAX)
		return -EPROTO;
	if (there < TCPFRAME_HEADER + length)
		return 0;
	*datagram = in->bytes + in->from + TCPFRAME_HEADER;
	in->from += TCPFRAME_HEADER + length;
	return (int)length;
}

bool tcpframe_is_waiting(const struct tcpframe_out *out)
{
	return out->from < out->to;
}

int tcpframe_flush(struct tcpframe_out *out, int fd)
{
	while (tcpframe_is_waiting(out)) {
		ssize_t sent = send(fd, out->bytes + out->from, out->to - out->from,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0)
			return again_or_error();
		out->from += (size_t)sent;
	}
	return 0;
}

int tcpframe_send(struct tcpframe_out *out, int fd, const uint8_t *datagram, size_t length)
{
	uint8_t header[TCPFRAME_HEADER] = {(uint8_t)(length >> 8), (uint8_t)length};
	struct iovec parts[2] = {
		{.iov_base = header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)datagram, .iov_len = length},
	};
	struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;
	int result;

	if (length == 0 || length > TCPFRAME_DATAGRAM_MAX)
		return -EMSGSIZE;
	result = tcpframe_flush(out, fd);
	if (result < 0)
		return result;
	sent = sendmsg(fd, &whole, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return again_or_error();
	if ((size_t)sent == sizeof(header) + length)
		return 0;
	memcpy(out->bytes, header, sizeof(header));
	memcpy(out->bytes + sizeof(header), datagram, length);
	out->from = (size_t)sent;
	out->to = sizeof(header) + length;
	return 0;
}
