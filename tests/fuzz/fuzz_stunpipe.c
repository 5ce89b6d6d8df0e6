/* The pipe between svc-nat and the data plane, from both ends: whatever a datagram in it holds,
 * what passes is STUN to an address that can be sent to. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svc-dataplane/stunpipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static int ends[2] = {-1, -1};
	static uint64_t now_us = 1000000;
	static struct stunpipe pipe;
	uint8_t message[STUNPIPE_MESSAGE_MAX];
	struct addr to;
	ssize_t n;

	if (ends[0] < 0) {
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) != 0)
			abort();
		stunpipe_init(&pipe, ends[0]);
	}
	now_us += 10000;
	if (length == 0 || length > 65536 || send(ends[1], bytes, length, 0) < 0)
		return 0;
	n = stunpipe_read(&pipe, now_us, &to, message);
	if (n > 0) {
		if (!stunpipe_is_stun(message, (size_t)n) || !addr_is_sendable(&to) || to.port == 0)
			abort();
		stunpipe_sent(&pipe, now_us, message);
		(void)stunpipe_write(&pipe, now_us, &to, message, (size_t)n);
	}
	while (recv(ends[1], message, sizeof(message), 0) >= 0)
		;
	return 0;
}
