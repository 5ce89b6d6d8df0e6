/* bus_probe.c - a connection to an own socket, to see whether somebody who comes now is served.
 *
 * It speaks nng's protocol (SP over IPC) by itself instead of dialing with nng: that waits for ever
 * for a receive that was under way when the receiver closed the connection (1.5.2), and closes no
 * other one any more. A connection that is closed from here is closed by the other end, for nng.
 *
 *     0 'S' 'P' 0 protocol(2) 0 0                              each way, first
 *     1 length(8) request id(4, highest bit set) envelope      a request, and its reply
 */
#include <errno.h>
#include <nng/nng.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/bus_private.h"
#include "ipc.pb-c.h"

#define HELLO_SIZE  8
#define HEADER_SIZE (1 + 8 + 4)
#define REPLY_MAX   256
#define REQUEST_ID  0x80000001u
#define PING_ID	    1

static void put(uint8_t *bytes, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

int bus_probe_open(struct bus_probe *probe, const struct bus *bus, const char *name,
		   uint16_t protocol)
{
	uint8_t hello[HELLO_SIZE] = {0, 'S', 'P', 0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[SERVICE_URL_MAX];
	int result = 0;

	bus_listener_path(bus, name, path);
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	put(hello + 4, protocol, 2);
	probe->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->fd < 0)
		return -errno;
	if (connect(probe->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    send(probe->fd, hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello)) {
		result = -errno;
		bus_probe_close(probe);
	}
	return result;
}

void bus_probe_ping(const struct bus_probe *probe)
{
	Lanrage__Ipc__Request message = LANRAGE__IPC__REQUEST__INIT;
	uint8_t header[HEADER_SIZE] = {1};
	struct iovec parts[2] = {{.iov_base = header, .iov_len = sizeof(header)}};
	struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
	nng_msg *msg;

	message.id = PING_ID;
	message.type = BUS_REQUEST_PING;
	msg = probe->fd < 0 ? NULL : bus_pack(&message.base);
	if (!msg)
		return;
	parts[1] = (struct iovec){.iov_base = nng_msg_body(msg), .iov_len = nng_msg_len(msg)};
	put(header + 1, 4 + parts[1].iov_len, 8);
	put(header + 9, REQUEST_ID, 4);
	(void)sendmsg(probe->fd, &whole, MSG_NOSIGNAL); /* what is lost is not answered */
	nng_msg_free(msg);
}

bool bus_probe_is_answered(const struct bus_probe *probe)
{
	uint8_t expected[HEADER_SIZE] = {1}, bytes[HELLO_SIZE + HEADER_SIZE + REPLY_MAX];
	ssize_t got = probe->fd < 0 ? -1 : recv(probe->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct envelope reply;
	bool good;

	if (got < HELLO_SIZE + HEADER_SIZE)
		return false;
	put(expected + 1, (uint64_t)got - HELLO_SIZE - 9, 8);
	put(expected + 9, REQUEST_ID, 4);
	if (memcmp(bytes + HELLO_SIZE, expected, HEADER_SIZE) != 0 ||
	    envelope_decode_reply(&reply, bytes + HELLO_SIZE + HEADER_SIZE,
				  (size_t)got - HELLO_SIZE - HEADER_SIZE) < 0)
		return false;
	good = reply.id == PING_ID && reply.error.code == 0;
	envelope_free(&reply);
	return good;
}

void bus_probe_close(struct bus_probe *probe)
{
	if (probe->fd >= 0)
		(void)close(probe->fd);
	probe->fd = -1;
}
