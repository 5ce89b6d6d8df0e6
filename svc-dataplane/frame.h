/* frame.h - inner control frames: what engines and relays say to each other inside a tunnel.
 *
 * A frame is the plaintext of a WireGuard data message whose first nibble is 0, so it is no IP
 * packet and a stock peer drops it. It is authenticated and sealed like any data. Integers are
 * big-endian. WireGuard pads plaintext with zeros to 16 bytes; `length` says what counts.
 *
 *    0               1               2               3
 *   +---------------+---------------+-------------------------------+
 *   | 0x0c (magic)  | type          | length of what follows        |
 *   +---------------+---------------+-------------------------------+
 *   | body …
 *
 *   PROBE, PROBE_REPLY (28 bytes, then optional zero padding in a PROBE to test a size)
 *     u32 path      the prober's id of the path, echoed
 *     u32 sequence  counts per path, echoed
 *     u32 flags     bit 0: the prober's data goes along this path (its active path); echoed
 *     u32 data[4]   inner packets that came to the sender along this path so far, by the length of
 *                   their messages: below 512, 1024, 1280 bytes, and the rest
 *     a PROBE_REPLY goes back along the path the PROBE came by, and carries besides:
 *     u8 family (4, 6, 0 none), u8 zero, u16 port, 16 bytes ip: the address the PROBE came from;
 *     none when it came over a relay, which alone could tell
 *
 *   TICKET          body = one ticket (svc-nat/relay/ticket.h); member -> relay
 *   TICKET_REPLY    u8 status (enum frame_ticket_status), u8 slot, u16 number (the member's own),
 *                   u32 seconds until the ticket ends, family/port/ip as above: the member's
 *                   address as bound; relay -> member
 *   NOTE            u32 id, u8 index, u8 count, then up to FRAME_NOTE_PART bytes: a part of a note
 *                   (note.h); member -> member
 *   REPORT          u32 path, u32 kind (enum frame_report_kind): what the sender notices of a path
 * of the receiver (by the receiver's id), by another way; member -> member UNBOUND         u8 slot,
 * u8 zero, u16 number: a packet tagged so has nobody to go to; relay -> member, at most 10 a second
 */
#ifndef LANRAGE_DATAPLANE_FRAME_H
#define LANRAGE_DATAPLANE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define FRAME_MAGIC	   0x0c
#define FRAME_HEADER_SIZE  4
#define FRAME_MAX	   1420 /* header and body: as long as an inner packet may be */
#define FRAME_PROBE_ACTIVE 1u
#define FRAME_NOTE_PART	   1024 /* fits any path that carries IPv6 */
#define FRAME_CLASSES	   4	/* of message lengths */

enum frame_type {
	FRAME_PROBE = 1,
	FRAME_PROBE_REPLY,
	FRAME_TICKET,
	FRAME_TICKET_REPLY,
	FRAME_UNBOUND,
	FRAME_NOTE,
	FRAME_REPORT,
	FRAME_TYPES,
};

enum frame_ticket_status {
	FRAME_TICKET_ACCEPTED = 0,
	FRAME_TICKET_MALFORMED,
	FRAME_TICKET_BAD_SIGNATURE, /* no server that this relay trusts signed it */
	FRAME_TICKET_WRONG_KEY,	    /* for another relay or another member */
	FRAME_TICKET_EXPIRED,
	FRAME_TICKET_FULL,    /* no slot or table room left */
	FRAME_TICKET_REVOKED, /* its member was removed from the party */
	FRAME_TICKET_STATUSES,
};

struct frame_probe {
	uint32_t path;
	uint32_t sequence;
	uint32_t flags;
	uint32_t data[FRAME_CLASSES];
	struct addr observed; /* replies only */
};

enum frame_report_kind {
	FRAME_REPORT_SILENT = 1, /* a steady stream along this path has stopped */
	FRAME_REPORT_MOVED, /* the sender's addresses changed: any path may be dead (path: 0) */
	FRAME_REPORT_KINDS,
};

struct frame_report {
	uint32_t path;
	enum frame_report_kind kind;
};

struct frame_note {
	uint32_t id;
	uint8_t index, count;
	const uint8_t *bytes; /* borrowed from the parsed plaintext */
	size_t length;	      /* 1 to FRAME_NOTE_PART */
};

struct frame_ticket_reply {
	enum frame_ticket_status status;
	uint8_t slot;
	uint16_t number;
	uint32_t valid_s;
	struct addr observed;
};

struct frame {
	enum frame_type type;
	union {
		struct frame_probe probe; /* PROBE and PROBE_REPLY */
		struct {
			const uint8_t *bytes; /* borrowed from the parsed plaintext */
			size_t length;
		} ticket;
		struct frame_ticket_reply ticket_reply;
		struct frame_note note;
		struct frame_report report;
		struct {
			uint8_t slot;
			uint16_t number;
		} unbound;
	};
};

/* True if this plaintext is meant to be a frame (first byte is the magic). */
bool frame_is(const uint8_t *plaintext, size_t length);
/* 0; -EBADMSG when malformed; -ENOTSUP for a type of a later version (drop silently). */
int frame_parse(struct frame *frame, const uint8_t *plaintext, size_t length);
/* Writes the frame; returns its length or -EMSGSIZE. padding: zero bytes added inside a PROBE. */
int frame_write(const struct frame *frame, size_t padding, uint8_t *bytes, size_t size);
const char *frame_ticket_status_text(enum frame_ticket_status status);

#endif
