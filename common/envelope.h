/* envelope.h - the envelope of every message on the bus (proto/ipc.proto), taken apart and checked.
 *
 * Takes any bytes. Unpacking is bounded: what an envelope may cost beside its own bytes is a few
 * hundred more. For the bus alone, its tests and its fuzz target.
 */
#ifndef LANRAGE_COMMON_ENVELOPE_H
#define LANRAGE_COMMON_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/pb.h"

#define ENVELOPE_STATUS_MIN (-4095) /* MAX_ERRNO: a reply's status is 0 or a negative errno */

struct envelope {
	uint64_t id;	    /* requests and replies */
	uint32_t type;	    /* requests and events */
	struct error error; /* replies; code 0 for none */
	uint64_t instance;  /* events, and the next two */
	uint64_t sequence;
	bool repeat;
	const uint8_t *body; /* borrowed from memory; never NULL */
	size_t length;
	struct pb_memory memory;
};

/* 0 or -EBADMSG. After 0, envelope_free() is due. */
int envelope_decode_request(struct envelope *envelope, const uint8_t *bytes, size_t length);
int envelope_decode_reply(struct envelope *envelope, const uint8_t *bytes, size_t length);
int envelope_decode_event(struct envelope *envelope, const uint8_t *bytes, size_t length);
void envelope_free(struct envelope *envelope);

#endif
