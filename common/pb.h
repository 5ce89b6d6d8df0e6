/* pb.h - protobuf-c messages to bytes and back, for the codecs, which take bytes from others.
 *
 * Unpacking counts what it allocates against a budget, because two bytes can become a hundred: what
 * a body may cost is bounded by its kind. A body must be exactly as long as what it means, which
 * refuses texts with a NUL inside (protobuf-c cuts them off silently), fields given twice and
 * overlong numbers, but not the fields of a later version. All memory is wiped as it goes, since
 * bodies carry keys and codes. What the fields mean is the codecs' affair.
 */
#ifndef LANRAGE_COMMON_PB_H
#define LANRAGE_COMMON_PB_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pb_memory {
	size_t left;
	ProtobufCMessage *message;
};

/* The message, of the descriptor's type, or NULL: malformed or beyond the budget. It is in *memory
 * until pb_free(), which is due after NULL as well. */
const void *pb_unpack(struct pb_memory *memory, size_t budget,
		      const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
		      size_t length);
void pb_free(struct pb_memory *memory);

/* Into malloc'd *bytes. Returns the length or -ENOMEM. */
ssize_t pb_pack(const ProtobufCMessage *message, uint8_t **bytes);
/* Into the caller's memory. Returns the length or -EMSGSIZE. */
ssize_t pb_pack_into(const ProtobufCMessage *message, uint8_t *bytes, size_t size);

/* Borrowed views for packing: protobuf-c wants non-const pointers but only reads. */
ProtobufCBinaryData pb_view(const uint8_t *bytes, size_t length);
char *pb_view_text(const char *text);

/* Copies a field that must have exactly this length. */
bool pb_take(const ProtobufCBinaryData *data, uint8_t *out, size_t length);
/* Copies a text that is clean (common/text.h) and fits into size bytes with its NUL. */
bool pb_take_text(const char *text, char *out, size_t size);

#endif
