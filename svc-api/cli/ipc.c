#include "svc-api/cli/ipc.h"

#include <errno.h>
#include <string.h>

static uint32_t get_le32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static void put_le32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

uint8_t *ipc_room(struct ipc_reader *reader, size_t *room)
{
	*room = sizeof(reader->bytes) - reader->length;
	return reader->bytes + reader->length;
}

void ipc_filled(struct ipc_reader *reader, size_t n)
{
	reader->length += n;
}

int ipc_next(struct ipc_reader *reader, struct ipc_frame *frame)
{
	uint32_t opcode, length;

	reader->length -= reader->taken;
	memmove(reader->bytes, reader->bytes + reader->taken, reader->length);
	reader->taken = 0;
	if (reader->length < IPC_HEADER_SIZE)
		return 0;
	opcode = get_le32(reader->bytes);
	length = get_le32(reader->bytes + 4);
	if (opcode >= IPC_OPCODES || length > IPC_BODY_MAX)
		return -EPROTO;
	if (reader->length < IPC_HEADER_SIZE + length)
		return 0;
	reader->taken = IPC_HEADER_SIZE + length;
	*frame = (struct ipc_frame){.opcode = (enum ipc_opcode)opcode,
				    .body = (const char *)reader->bytes + IPC_HEADER_SIZE,
				    .length = length};
	return 1;
}

void ipc_header(enum ipc_opcode opcode, uint32_t length, uint8_t header[IPC_HEADER_SIZE])
{
	put_le32(header, opcode);
	put_le32(header + 4, length);
}
