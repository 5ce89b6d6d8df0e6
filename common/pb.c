#include "common/pb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct piece {
	size_t size;
	_Alignas(max_align_t) uint8_t bytes[];
};

static void *piece_take(void *data, size_t size)
{
	struct pb_memory *memory = data;
	struct piece *piece;

	if (size > memory->left || sizeof(*piece) > memory->left - size)
		return NULL;
	piece = malloc(sizeof(*piece) + size);
	if (!piece)
		return NULL;
	piece->size = size;
	memory->left -= sizeof(*piece) + size;
	return piece->bytes;
}

static void piece_free(void *data, void *pointer)
{
	struct pb_memory *memory = data;
	struct piece *piece;

	if (!pointer)
		return;
	piece = (struct piece *)(void *)((uint8_t *)pointer - offsetof(struct piece, bytes));
	memory->left += sizeof(*piece) + piece->size;
	explicit_bzero(piece->bytes, piece->size);
	free(piece);
}

static ProtobufCAllocator allocator_of(struct pb_memory *memory)
{
	ProtobufCAllocator allocator = {
		.alloc = piece_take, .free = piece_free, .allocator_data = memory};

	return allocator;
}

const void *pb_unpack(struct pb_memory *memory, size_t budget,
		      const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
		      size_t length)
{
	ProtobufCAllocator allocator = allocator_of(memory);

	memory->left = budget;
	memory->message = protobuf_c_message_unpack(descriptor, &allocator, length, bytes);
	if (!memory->message || protobuf_c_message_get_packed_size(memory->message) != length)
		return NULL;
	return memory->message;
}

void pb_free(struct pb_memory *memory)
{
	ProtobufCAllocator allocator = allocator_of(memory);

	if (memory->message)
		protobuf_c_message_free_unpacked(memory->message, &allocator);
	memory->message = NULL;
}

ssize_t pb_pack(const ProtobufCMessage *message, uint8_t **bytes)
{
	size_t length = protobuf_c_message_get_packed_size(message);

	*bytes = malloc(length ? length : 1);
	if (!*bytes)
		return -ENOMEM;
	return (ssize_t)protobuf_c_message_pack(message, *bytes);
}

ssize_t pb_pack_into(const ProtobufCMessage *message, uint8_t *bytes, size_t size)
{
	if (protobuf_c_message_get_packed_size(message) > size)
		return -EMSGSIZE;
	return (ssize_t)protobuf_c_message_pack(message, bytes);
}

ProtobufCBinaryData pb_view(const uint8_t *bytes, size_t length)
{
	ProtobufCBinaryData data = {.len = length, .data = (uint8_t *)(uintptr_t)bytes};

	return data;
}

char *pb_view_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

bool pb_take(const ProtobufCBinaryData *data, uint8_t *out, size_t length)
{
	if (data->len != length)
		return false;
	if (length)
		memcpy(out, data->data, length);
	return true;
}

bool pb_take_text(const char *text, char *out, size_t size)
{
	size_t length = strlen(text);

	if (length >= size || !text_is_clean(text))
		return false;
	memcpy(out, text, length + 1);
	return true;
}
