/* A stream of frames, cut in any places: every datagram lies inside the buffer and is not empty. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svc-nat/tcpframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void take_all(struct tcpframe_in *in, bool *over)
{
	uint8_t *datagram;
	int result;

	while ((result = tcpframe_next(in, &datagram)) > 0) {
		if (datagram < in->bytes || datagram + result > in->bytes + sizeof(in->bytes) ||
		    result > TCPFRAME_DATAGRAM_MAX)
			abort();
		datagram[result - 1] ^= 1; /* may be written to */
	}
	*over = result < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct tcpframe_in in;
	bool over = false;
	int pair[2];

	if (length == 0 || length > 60000 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		return 0;
	memset(&in, 0, sizeof(in));
	for (size_t at = 1; at < length && !over;) {
		size_t piece = bytes[0] + 1u < length - at ? bytes[0] + 1u : length - at;
		ssize_t put = write(pair[0], bytes + at, piece);

		if (put > 0)
			at += (size_t)put;
		if (tcpframe_read(&in, pair[1]) == 0)
			take_all(&in, &over);
		else if (put <= 0)
			abort(); /* whole frames are always taken out, so there is room */
	}
	close(pair[0]);
	close(pair[1]);
	return 0;
}
