#include "svc-dataplane/frame.h"

#include <errno.h>
#include <string.h>

#define PROBE_SIZE	  (12 + 4 * FRAME_CLASSES)
#define ADDRESS_SIZE	  20 /* family, zero, port, ip */
#define PROBE_REPLY_SIZE  (PROBE_SIZE + ADDRESS_SIZE)
#define TICKET_REPLY_SIZE (8 + ADDRESS_SIZE)
#define UNBOUND_SIZE	  4
#define NOTE_HEADER_SIZE  6
#define REPORT_SIZE	  8

static void put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, (uint16_t)(value >> 16));
	put16(bytes + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* A link-local scope is the observer's own interface index and means nothing here: not carried. */
static void put_address(uint8_t *bytes, const struct addr *address)
{
	memset(bytes, 0, ADDRESS_SIZE);
	bytes[0] = address->family;
	put16(bytes + 2, address->port);
	memcpy(bytes + 4, address->ip, addr_ip_length(address));
}

static int get_address(struct addr *address, const uint8_t *bytes)
{
	memset(address, 0, sizeof(*address));
	switch (bytes[0]) {
	case ADDR_NONE: return 0;
	case ADDR_IPV4: return addr_from_bytes(address, bytes + 4, 4, get16(bytes + 2));
	case ADDR_IPV6: return addr_from_bytes(address, bytes + 4, 16, get16(bytes + 2));
	default: return -EBADMSG;
	}
}

static int parse_probe(struct frame *frame, const uint8_t *body, size_t length)
{
	struct frame_probe *probe = &frame->probe;
	bool reply = frame->type == FRAME_PROBE_REPLY;

	if (length < (reply ? PROBE_REPLY_SIZE : PROBE_SIZE))
		return -EBADMSG;
	probe->path = get32(body);
	probe->sequence = get32(body + 4);
	probe->flags = get32(body + 8);
	for (size_t i = 0; i < FRAME_CLASSES; i++)
		probe->data[i] = get32(body + 12 + 4 * i);
	return reply ? get_address(&probe->observed, body + PROBE_SIZE) : 0;
}

static int parse_ticket_reply(struct frame *frame, const uint8_t *body, size_t length)
{
	struct frame_ticket_reply *reply = &frame->ticket_reply;

	if (length < TICKET_REPLY_SIZE)
		return -EBADMSG;
	if (body[0] >= FRAME_TICKET_STATUSES)
		return -EBADMSG;
	reply->status = (enum frame_ticket_status)body[0];
	reply->slot = body[1];
	reply->number = get16(body + 2);
	reply->valid_s = get32(body + 4);
	return get_address(&reply->observed, body + 8);
}

static int parse_note(struct frame *frame, const uint8_t *body, size_t length)
{
	struct frame_note *note = &frame->note;

	if (length <= NOTE_HEADER_SIZE || length > NOTE_HEADER_SIZE + FRAME_NOTE_PART)
		return -EBADMSG;
	note->id = get32(body);
	note->index = body[4];
	note->count = body[5];
	note->bytes = body + NOTE_HEADER_SIZE;
	note->length = length - NOTE_HEADER_SIZE;
	return note->index < note->count ? 0 : -EBADMSG;
}

static int parse_report(struct frame *frame, const uint8_t *body, size_t length)
{
	uint32_t kind;

	if (length < REPORT_SIZE)
		return -EBADMSG;
	kind = get32(body + 4);
	if (kind == 0 || kind >= FRAME_REPORT_KINDS)
		return -ENOTSUP;
	frame->report.path = get32(body);
	frame->report.kind = (enum frame_report_kind)kind;
	return 0;
}

static int parse_body(struct frame *frame, const uint8_t *body, size_t length)
{
	switch (frame->type) {
	case FRAME_PROBE:
	case FRAME_PROBE_REPLY: return parse_probe(frame, body, length);
	case FRAME_TICKET:
		frame->ticket.bytes = body;
		frame->ticket.length = length;
		return length > 0 ? 0 : -EBADMSG;
	case FRAME_TICKET_REPLY: return parse_ticket_reply(frame, body, length);
	case FRAME_UNBOUND:
		if (length < UNBOUND_SIZE)
			return -EBADMSG;
		frame->unbound.slot = body[0];
		frame->unbound.number = get16(body + 2);
		return 0;
	case FRAME_NOTE: return parse_note(frame, body, length);
	case FRAME_REPORT: return parse_report(frame, body, length);
	case FRAME_TYPES: break;
	}
	return -ENOTSUP;
}

bool frame_is(const uint8_t *plaintext, size_t length)
{
	return length > 0 && plaintext[0] == FRAME_MAGIC;
}

int frame_parse(struct frame *frame, const uint8_t *plaintext, size_t length)
{
	size_t body;

	if (length < FRAME_HEADER_SIZE || !frame_is(plaintext, length))
		return -EBADMSG;
	body = get16(plaintext + 2);
	if (body > length - FRAME_HEADER_SIZE)
		return -EBADMSG;
	if (plaintext[1] == 0 || plaintext[1] >= FRAME_TYPES)
		return -ENOTSUP;
	memset(frame, 0, sizeof(*frame));
	frame->type = (enum frame_type)plaintext[1];
	return parse_body(frame, plaintext + FRAME_HEADER_SIZE, body);
}

static size_t body_size(const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_PROBE: return PROBE_SIZE;
	case FRAME_PROBE_REPLY: return PROBE_REPLY_SIZE;
	case FRAME_TICKET: return frame->ticket.length;
	case FRAME_TICKET_REPLY: return TICKET_REPLY_SIZE;
	case FRAME_UNBOUND: return UNBOUND_SIZE;
	case FRAME_NOTE: return NOTE_HEADER_SIZE + frame->note.length;
	case FRAME_REPORT: return REPORT_SIZE;
	case FRAME_TYPES: break;
	}
	return SIZE_MAX;
}

static void write_probe(const struct frame *frame, uint8_t *body)
{
	const struct frame_probe *probe = &frame->probe;

	put32(body, probe->path);
	put32(body + 4, probe->sequence);
	put32(body + 8, probe->flags);
	for (size_t i = 0; i < FRAME_CLASSES; i++)
		put32(body + 12 + 4 * i, probe->data[i]);
	if (frame->type == FRAME_PROBE_REPLY)
		put_address(body + PROBE_SIZE, &probe->observed);
}

static void write_body(const struct frame *frame, uint8_t *body)
{
	switch (frame->type) {
	case FRAME_PROBE:
	case FRAME_PROBE_REPLY: write_probe(frame, body); break;
	case FRAME_TICKET: memcpy(body, frame->ticket.bytes, frame->ticket.length); break;
	case FRAME_TICKET_REPLY:
		body[0] = (uint8_t)frame->ticket_reply.status;
		body[1] = frame->ticket_reply.slot;
		put16(body + 2, frame->ticket_reply.number);
		put32(body + 4, frame->ticket_reply.valid_s);
		put_address(body + 8, &frame->ticket_reply.observed);
		break;
	case FRAME_UNBOUND:
		body[0] = frame->unbound.slot;
		put16(body + 2, frame->unbound.number);
		break;
	case FRAME_NOTE:
		put32(body, frame->note.id);
		body[4] = frame->note.index;
		body[5] = frame->note.count;
		memcpy(body + NOTE_HEADER_SIZE, frame->note.bytes, frame->note.length);
		break;
	case FRAME_REPORT:
		put32(body, frame->report.path);
		put32(body + 4, frame->report.kind);
		break;
	case FRAME_TYPES: break;
	}
}

int frame_write(const struct frame *frame, size_t padding, uint8_t *bytes, size_t size)
{
	size_t body = body_size(frame);
	size_t room = (size < FRAME_MAX ? size : FRAME_MAX);

	if (frame->type != FRAME_PROBE)
		padding = 0;
	if (room < FRAME_HEADER_SIZE || body > room - FRAME_HEADER_SIZE ||
	    padding > room - FRAME_HEADER_SIZE - body)
		return -EMSGSIZE;
	memset(bytes, 0, FRAME_HEADER_SIZE + body + padding);
	bytes[0] = FRAME_MAGIC;
	bytes[1] = (uint8_t)frame->type;
	put16(bytes + 2, (uint16_t)(body + padding));
	write_body(frame, bytes + FRAME_HEADER_SIZE);
	return (int)(FRAME_HEADER_SIZE + body + padding);
}

const char *frame_ticket_status_text(enum frame_ticket_status status)
{
	switch (status) {
	case FRAME_TICKET_ACCEPTED: return "accepted";
	case FRAME_TICKET_MALFORMED: return "the ticket is malformed";
	case FRAME_TICKET_BAD_SIGNATURE: return "no server this relay trusts signed the ticket";
	case FRAME_TICKET_WRONG_KEY: return "the ticket is for another relay or another member";
	case FRAME_TICKET_EXPIRED: return "the ticket has expired";
	case FRAME_TICKET_REVOKED: return "its member was removed from the party";
	case FRAME_TICKET_FULL: return "the relay is full";
	case FRAME_TICKET_STATUSES: break;
	}
	return "unknown answer";
}
