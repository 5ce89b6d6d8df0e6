/* fragment.h - one IPv4 packet into fragments (RFC 791 section 3.2) that fit a smaller link.
 *
 * Only for packets to everybody, whose sender cannot be told of the smaller link: so the DF bit is
 * disregarded. A fragment may be cut again. Packets with options stay whole and do not fit.
 */
#ifndef LANRAGE_DATAPLANE_FRAGMENT_H
#define LANRAGE_DATAPLANE_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

struct fragment {
	const uint8_t *packet; /* borrowed */
	size_t length, at;     /* at: of the payload, what was handed out */
};

/* -EMSGSIZE for one with options, -EBADMSG for no whole IPv4 packet. */
int fragment_begin(struct fragment *fragment, const uint8_t *packet, size_t length);
/* Writes the next of at most mtu bytes (28 or more) to out; its length, 0 after the last. */
size_t fragment_next(struct fragment *fragment, size_t mtu, uint8_t *out);

#endif
