/* ipc.h - frames of Discord's local socket (its documentation, RPC over IPC). Pure.
 *
 *      0               4               8
 *      | opcode, LE    | length, LE    | length bytes of JSON |
 *
 * Whoever listens there is not trusted: a frame has IPC_BODY_MAX bytes at most, and an opcode that
 * there is.
 */
#ifndef LANRAGE_CLI_IPC_H
#define LANRAGE_CLI_IPC_H

#include <stddef.h>
#include <stdint.h>

#define IPC_HEADER_SIZE 8
#define IPC_BODY_MAX	65536

enum ipc_opcode { IPC_HANDSHAKE, IPC_FRAME, IPC_CLOSE, IPC_PING, IPC_PONG, IPC_OPCODES };

struct ipc_frame {
	enum ipc_opcode opcode;
	const char *body; /* borrowed; not a C string */
	size_t length;
};

/* Bytes of which no frame has been made yet. Zero-initialise. */
struct ipc_reader {
	size_t length, taken; /* taken: of the frame that was last handed out */
	uint8_t bytes[IPC_HEADER_SIZE + IPC_BODY_MAX];
};

/* Where to put what is read next, and how much fits: never 0 after ipc_next() returned 0. */
uint8_t *ipc_room(struct ipc_reader *reader, size_t *room);
/* n bytes were put there. */
void ipc_filled(struct ipc_reader *reader, size_t n);
/* 1: *frame, borrowed until the next call; 0: more must come; -EPROTO: that is no such protocol. */
int ipc_next(struct ipc_reader *reader, struct ipc_frame *frame);
/* The header of a frame. */
void ipc_header(enum ipc_opcode opcode, uint32_t length, uint8_t header[IPC_HEADER_SIZE]);

#endif
