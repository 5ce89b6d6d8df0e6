/* stun.h - STUN messages (RFC 8489), as far as LANrage needs them: binding requests and answers.
 *
 * Pure: bytes in, bytes out. Used by the client in svc-nat and by the answerers in lanrage-server
 * and lanrage-relay.
 */
#ifndef LANRAGE_NAT_STUN_H
#define LANRAGE_NAT_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define STUN_HEADER_SIZE	 20
#define STUN_TRANSACTION_ID_SIZE 12
#define STUN_MESSAGE_MAX	 548 /* RFC 8489 section 6.1, IPv4 path of unknown MTU */
/* A request may be as long as what a path takes, to measure that; answers are short all the same.
 */
#define STUN_REQUEST_MAX  1500
#define STUN_MAGIC_COOKIE 0x2112a442u

enum stun_class { STUN_REQUEST = 0, STUN_INDICATION = 1, STUN_SUCCESS = 2, STUN_ERROR = 3 };
#define STUN_METHOD_BINDING 1

struct stun_message {
	enum stun_class class;
	uint16_t method;
	uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE];
	struct addr mapped;	     /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS; none: absent */
	struct addr other;	     /* OTHER-ADDRESS (RFC 5780 section 7.4) */
	struct addr response_origin; /* RESPONSE-ORIGIN (RFC 5780 section 7.3) */
	bool change_ip, change_port; /* CHANGE-REQUEST (RFC 5780 section 7.2) */
	uint16_t padding;	     /* PADDING (RFC 5780 section 7.6): its length; 0: none */
	uint16_t error_code;	     /* 0: none */
	uint16_t unknown[8];	     /* comprehension-required attributes not understood */
	size_t n_unknown;
};

/* Well-formed by RFC 8489 section 5 and 6.3: what a demultiplexer checks. */
bool stun_is(const uint8_t *bytes, size_t length);
/* -EBADMSG: malformed. A wrong FINGERPRINT is malformed too. */
int stun_parse(struct stun_message *message, const uint8_t *bytes, size_t length);
/* Writes class, method, id and every address or flag that is set; ends with FINGERPRINT.
 * Returns the length or -EMSGSIZE. */
int stun_write(const struct stun_message *message, uint8_t *bytes, size_t size);

/* An answerer in one step: the answer to a binding request from `from`, to be sent back from the
 * socket it came to. Returns its length, or 0 when there is nothing to say (not a request, or
 * malformed). Never longer than the request plus 56 bytes; callers limit rates per source.
 *
 * An answerer that has a second socket, at another port of the same address, gives other_port: true
 * afterwards means that the request wishes to be answered from there (CHANGE-REQUEST). NULL: it has
 * none, and says so. */
size_t stun_answer(const uint8_t *request, size_t length, const struct addr *from, bool *other_port,
		   uint8_t *answer, size_t size);

#endif
