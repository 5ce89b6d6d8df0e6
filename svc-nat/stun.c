#include "svc-nat/stun.h"

#include <errno.h>
#include <string.h>

/* RFC 8489 section 18.3, RFC 5780 section 9.1 */
enum attribute {
	MAPPED_ADDRESS = 0x0001,
	CHANGE_REQUEST = 0x0003,
	USERNAME = 0x0006,
	MESSAGE_INTEGRITY = 0x0008,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000a,
	REALM = 0x0014,
	NONCE = 0x0015,
	MESSAGE_INTEGRITY_SHA256 = 0x001c,
	PASSWORD_ALGORITHM = 0x001d,
	USERHASH = 0x001e,
	XOR_MAPPED_ADDRESS = 0x0020,
	PADDING = 0x0026,
	FINGERPRINT = 0x8028,
	RESPONSE_ORIGIN = 0x802b,
	OTHER_ADDRESS = 0x802c,
};

#define COMPREHENSION_OPTIONAL 0x8000
#define FINGERPRINT_XOR	       0x5354554eu
#define FINGERPRINT_SIZE       8
#define CHANGE_IP	       0x04
#define CHANGE_PORT	       0x02
#define FAMILY_IPV4	       1
#define FAMILY_IPV6	       2

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, (uint16_t)(value >> 16));
	put16(p + 2, (uint16_t)value);
}

/* ITU V.42, four bits at a time: the table is small enough to stay in the cache. */
static uint32_t crc32(const uint8_t *bytes, size_t length)
{
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
					   0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
					   0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* ---- reading */

bool stun_is(const uint8_t *bytes, size_t length)
{
	return length >= STUN_HEADER_SIZE && (bytes[0] & 0xc0) == 0 &&
	       get32(bytes + 4) == STUN_MAGIC_COOKIE && length % 4 == 0 &&
	       (size_t)get16(bytes + 2) + STUN_HEADER_SIZE == length;
}

/* RFC 8489 section 5: the class's two bits lie inside the method's twelve. */
static void read_type(struct stun_message *message, uint16_t type)
{
	message->class = (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
	message->method = (uint16_t)((type >> 2 & 0xf80) | (type >> 1 & 0x70) | (type & 0xf));
}

/* Section 14.1 and 14.2: a reserved byte, family, port, address; with xor: under cookie and id. */
static int read_address(struct addr *out, const uint8_t *value, size_t length, const uint8_t * xor)
{
	uint8_t ip[16];
	size_t ip_length = length - 4;
	uint16_t port;

	if (length < 4 || !((value[1] == FAMILY_IPV4 && length == 8) ||
			    (value[1] == FAMILY_IPV6 && length == 20)))
		return -EBADMSG;
	port = get16(value + 2);
	memcpy(ip, value + 4, ip_length);
	if (xor) {
		port = (uint16_t)(port ^ get16(xor));
		for (size_t i = 0; i < ip_length; i++)
			ip[i] ^= xor[i];
	}
	return addr_from_bytes(out, ip, ip_length, port) < 0 ? -EBADMSG : 0;
}

/* Section 14.8 */
static int read_error(struct stun_message *message, const uint8_t *value, size_t length)
{
	if (length < 4 || (value[2] & 7) < 3 || (value[2] & 7) > 6 || value[3] > 99)
		return -EBADMSG;
	message->error_code = (uint16_t)((value[2] & 7) * 100 + value[3]);
	return 0;
}

static int read_change_request(struct stun_message *message, const uint8_t *value, size_t length)
{
	if (length != 4)
		return -EBADMSG;
	message->change_ip = value[3] & CHANGE_IP;
	message->change_port = value[3] & CHANGE_PORT;
	return 0;
}

static void note_unknown(struct stun_message *message, uint16_t type)
{
	if (!(type & COMPREHENSION_OPTIONAL) &&
	    message->n_unknown < sizeof(message->unknown) / sizeof(message->unknown[0]))
		message->unknown[message->n_unknown++] = type;
}

/* What an error response says was unknown to the other end; more than fit are left out. */
static int read_unknown(struct stun_message *message, const uint8_t *value, size_t length)
{
	if (length % 2)
		return -EBADMSG;
	for (size_t i = 0; i < length; i += 2)
		note_unknown(message, get16(value + i));
	return 0;
}

struct reader {
	const uint8_t *bytes;	/* the whole message */
	struct addr xor_mapped; /* preferred to the plain one, whichever comes first */
	bool error_seen;
	bool change_seen;
	bool unknown_seen;
	bool padding_seen;
};

/* Of an attribute that occurs twice only the first counts (section 14). */
static int read_attribute(struct reader *reader, struct stun_message *message, uint16_t type,
			  const uint8_t *value, size_t length)
{
	const uint8_t * xor = reader->bytes + 4;

	switch (type) {
	case XOR_MAPPED_ADDRESS:
		return addr_is_none(&reader->xor_mapped)
			       ? read_address(&reader->xor_mapped, value, length, xor)
			       : 0;
	case MAPPED_ADDRESS:
		return addr_is_none(&message->mapped)
			       ? read_address(&message->mapped, value, length, NULL)
			       : 0;
	case OTHER_ADDRESS:
		return addr_is_none(&message->other)
			       ? read_address(&message->other, value, length, NULL)
			       : 0;
	case RESPONSE_ORIGIN:
		return addr_is_none(&message->response_origin)
			       ? read_address(&message->response_origin, value, length, NULL)
			       : 0;
	case CHANGE_REQUEST:
		if (reader->change_seen)
			return 0;
		reader->change_seen = true;
		return read_change_request(message, value, length);
	case ERROR_CODE:
		if (reader->error_seen)
			return 0;
		reader->error_seen = true;
		return read_error(message, value, length);
	case UNKNOWN_ATTRIBUTES:
		if (reader->unknown_seen || message->class != STUN_ERROR)
			return 0;
		reader->unknown_seen = true;
		return read_unknown(message, value, length);
	case PADDING:
		if (!reader->padding_seen)
			message->padding = (uint16_t)length;
		reader->padding_seen = true;
		return 0;
	/* understood, but nobody here asks for credentials */
	case MESSAGE_INTEGRITY: return length == 20 ? 0 : -EBADMSG;
	case MESSAGE_INTEGRITY_SHA256:
		return length >= 16 && length <= 32 && length % 4 == 0 ? 0 : -EBADMSG;
	case USERNAME:
	case REALM:
	case NONCE:
	case PASSWORD_ALGORITHM:
	case USERHASH: return 0;
	default: note_unknown(message, type); return 0;
	}
}

static bool fingerprint_is_right(const uint8_t *bytes, size_t at, size_t length)
{
	return at + FINGERPRINT_SIZE == length && get16(bytes + at + 2) == 4 &&
	       get32(bytes + at + 4) == (crc32(bytes, at) ^ FINGERPRINT_XOR);
}

int stun_parse(struct stun_message *message, const uint8_t *bytes, size_t length)
{
	struct reader reader = {.bytes = bytes};
	bool integrity_seen = false;
	size_t at = STUN_HEADER_SIZE;

	memset(message, 0, sizeof(*message));
	if (!stun_is(bytes, length))
		return -EBADMSG;
	read_type(message, get16(bytes));
	memcpy(message->transaction_id, bytes + 8, STUN_TRANSACTION_ID_SIZE);
	/* lengths are multiples of four, so four bytes are there whenever any are */
	while (at < length) {
		uint16_t type = get16(bytes + at);
		size_t value_length = get16(bytes + at + 2);

		if (type == FINGERPRINT) {
			if (!fingerprint_is_right(bytes, at, length))
				return -EBADMSG;
			break;
		}
		if (value_length > length - at - 4)
			return -EBADMSG;
		/* section 14.5: what follows the integrity attributes is not protected: ignored */
		if (!integrity_seen &&
		    read_attribute(&reader, message, type, bytes + at + 4, value_length) < 0)
			return -EBADMSG;
		integrity_seen |= type == MESSAGE_INTEGRITY || type == MESSAGE_INTEGRITY_SHA256;
		at += 4 + (value_length + 3) / 4 * 4;
	}
	if (!addr_is_none(&reader.xor_mapped))
		message->mapped = reader.xor_mapped;
	return 0;
}

/* ---- writing */

struct writer {
	uint8_t *bytes;
	size_t size;
	size_t length;
	bool full;
};

/* The place for an attribute's value, padding zeroed; NULL when there is no room. */
static uint8_t *put_attribute(struct writer *writer, uint16_t type, size_t length)
{
	size_t padded = (length + 3) / 4 * 4;
	uint8_t *at = writer->bytes + writer->length;

	if (writer->full || padded + 4 > writer->size - writer->length) {
		writer->full = true;
		return NULL;
	}
	put16(at, type);
	put16(at + 2, (uint16_t)length);
	memset(at + 4, 0, padded);
	writer->length += padded + 4;
	return at + 4;
}

static void put_address(struct writer *writer, uint16_t type, const struct addr *addr,
			bool under_xor)
{
	size_t ip_length = addr_ip_length(addr);
	const uint8_t * xor = writer->bytes + 4;
	uint8_t *value;

	if (ip_length == 0)
		return;
	value = put_attribute(writer, type, 4 + ip_length);
	if (!value)
		return;
	value[1] = ip_length == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
	put16(value + 2, addr->port);
	memcpy(value + 4, addr->ip, ip_length);
	if (!under_xor)
		return;
	for (size_t i = 0; i < 2; i++)
		value[2 + i] ^= xor[i];
	for (size_t i = 0; i < ip_length; i++)
		value[4 + i] ^= xor[i];
}

static void put_error(struct writer *writer, const struct stun_message *message)
{
	uint8_t *value;

	if (message->error_code == 0)
		return;
	value = put_attribute(writer, ERROR_CODE, 4);
	if (!value)
		return;
	value[2] = (uint8_t)(message->error_code / 100);
	value[3] = (uint8_t)(message->error_code % 100);
}

static void put_unknown(struct writer *writer, const struct stun_message *message)
{
	uint8_t *value;

	if (message->class != STUN_ERROR || message->n_unknown == 0)
		return;
	value = put_attribute(writer, UNKNOWN_ATTRIBUTES, 2 * message->n_unknown);
	for (size_t i = 0; value && i < message->n_unknown; i++)
		put16(value + 2 * i, message->unknown[i]);
}

static void put_change_request(struct writer *writer, const struct stun_message *message)
{
	uint8_t *value;

	if (!message->change_ip && !message->change_port)
		return;
	value = put_attribute(writer, CHANGE_REQUEST, 4);
	if (value)
		value[3] = (uint8_t)((message->change_ip ? CHANGE_IP : 0) |
				     (message->change_port ? CHANGE_PORT : 0));
}

/* The header's length covers the fingerprint, which covers the header (section 14.7). */
static void put_fingerprint(struct writer *writer)
{
	uint8_t *value = put_attribute(writer, FINGERPRINT, 4);

	if (!value)
		return;
	put16(writer->bytes + 2, (uint16_t)(writer->length - STUN_HEADER_SIZE));
	put32(value, crc32(writer->bytes, writer->length - FINGERPRINT_SIZE) ^ FINGERPRINT_XOR);
}

static uint16_t type_of(const struct stun_message *message)
{
	unsigned int method = message->method, class = message->class;

	return (uint16_t)((method & 0xf80) << 2 | (method & 0x70) << 1 | (method & 0xf) |
			  (class & 2) << 7 | (class & 1) << 4);
}

int stun_write(const struct stun_message *message, uint8_t *bytes, size_t size)
{
	struct writer writer = {.bytes = bytes, .size = size, .length = STUN_HEADER_SIZE};

	if (size < STUN_HEADER_SIZE)
		return -EMSGSIZE;
	put16(bytes, type_of(message));
	put16(bytes + 2, 0);
	put32(bytes + 4, STUN_MAGIC_COOKIE);
	memcpy(bytes + 8, message->transaction_id, STUN_TRANSACTION_ID_SIZE);
	put_error(&writer, message);
	put_unknown(&writer, message);
	put_change_request(&writer, message);
	put_address(&writer, XOR_MAPPED_ADDRESS, &message->mapped, true);
	put_address(&writer, RESPONSE_ORIGIN, &message->response_origin, false);
	put_address(&writer, OTHER_ADDRESS, &message->other, false);
	if (message->padding)
		(void)put_attribute(&writer, PADDING, message->padding);
	put_fingerprint(&writer);
	return writer.full ? -EMSGSIZE : (int)writer.length;
}

/* ---- answering */

size_t stun_answer(const uint8_t *request, size_t length, const struct addr *from, bool *other_port,
		   uint8_t *answer, size_t size)
{
	struct stun_message in, out;
	int written;

	if (stun_parse(&in, request, length) < 0 || in.class != STUN_REQUEST ||
	    in.method != STUN_METHOD_BINDING)
		return 0;
	memset(&out, 0, sizeof(out));
	out.method = STUN_METHOD_BINDING;
	memcpy(out.transaction_id, in.transaction_id, sizeof(out.transaction_id));
	if (other_port)
		*other_port = in.change_port;
	/* With one address to answer from, a wish for another one is not understood either (RFC
	 * 5780 section 6.1): an ordinary answer would be mistaken for a friendly NAT. */
	if (in.change_ip || (in.change_port && !other_port)) {
		in.unknown[0] = CHANGE_REQUEST;
		in.n_unknown = 1;
	}
	if (in.n_unknown > 0) {
		if (other_port)
			*other_port = false;
		out.class = STUN_ERROR;
		out.error_code = 420;
		memcpy(out.unknown, in.unknown, sizeof(out.unknown));
		out.n_unknown = in.n_unknown;
	} else {
		out.class = STUN_SUCCESS;
		out.mapped = *from;
	}
	written = stun_write(&out, answer, size);
	return written < 0 ? 0 : (size_t)written;
}
