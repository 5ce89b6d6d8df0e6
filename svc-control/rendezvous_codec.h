/* rendezvous_codec.h - the rendezvous protocol's frames as checked plain structs.
 *
 * Used by both sides: the member's client (rendezvous.c), the server (server/), the relay's
 * registration (svc-nat/relay/). rendezvous_codec.c is the only file that sees the generated types
 * of proto/rendezvous.proto, whose comments say what each field means. Decoding checks all lengths,
 * ranges and counts; strings are valid UTF-8 without control characters.
 *
 * Decoded frames own memory: free with the matching _clear(). Encoders fill *bytes with a malloc'd
 * buffer and return its length or a negative errno. decode: 0, -EBADMSG, -ENOMEM.
 */
#ifndef LANRAGE_CONTROL_RENDEZVOUS_CODEC_H
#define LANRAGE_CONTROL_RENDEZVOUS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "svc-nat/relay/ticket.h"

#define RENDEZVOUS_FRAME_MAX	     65536
#define RENDEZVOUS_PATH		     "/rendezvous"
#define RENDEZVOUS_SUBPROTOCOL	     "lanrage.1"
#define RENDEZVOUS_PROTOCOL	     1
#define RENDEZVOUS_KEY_SIZE	     32
#define RENDEZVOUS_NONCE_SIZE	     32
#define RENDEZVOUS_SIGNATURE_SIZE    64
#define RENDEZVOUS_PARTY_ID_SIZE     16
#define RENDEZVOUS_LOOKUP_SIZE	     16
#define RENDEZVOUS_SEALED_MAX	     4096 /* an announcement */
#define RENDEZVOUS_INVITE_MAX	     1024
#define RENDEZVOUS_TEXT_MAX	     256
#define RENDEZVOUS_REGION_MAX	     33	 /* with the NUL */
#define RENDEZVOUS_ADDRESS_MAX	     128 /* "host:port" with the NUL */
#define RENDEZVOUS_RELAYS_MAX	     16
#define RENDEZVOUS_MEMBERS_PER_FRAME 12 /* a whole party comes in several frames */

#define RENDEZVOUS_SHARE_SIZE	     144 /* crypto_box_seal of a party key and a voucher */
#define RENDEZVOUS_SHARES_PER_FRAME  256
#define RENDEZVOUS_RECORD_SIZE	     164 /* struct rendezvous_generation as bytes */
#define RENDEZVOUS_RECORDS_PER_FRAME 32
#define RENDEZVOUS_REVOKED_PER_FRAME 256

struct rendezvous_bytes {
	uint8_t *bytes; /* malloc'd; NULL when length is 0 */
	size_t length;
};

/* The record that begins a generation of a party's key. */
struct rendezvous_generation {
	uint32_t number;			      /* 2 and up */
	uint8_t removed[RENDEZVOUS_KEY_SIZE];	      /* identity; zero: nobody */
	uint8_t host[RENDEZVOUS_KEY_SIZE];	      /* of this generation */
	uint8_t key_id[RENDEZVOUS_KEY_SIZE];	      /* of the new party key */
	uint8_t signature[RENDEZVOUS_SIGNATURE_SIZE]; /* by the host of the one before */
};

struct rendezvous_share {
	uint16_t number; /* the member's, never 0 */
	uint8_t box[RENDEZVOUS_SHARE_SIZE];
};

enum rendezvous_client_type {
	RENDEZVOUS_LOGIN = 1,
	RENDEZVOUS_CREATE_PARTY,
	RENDEZVOUS_PUT_INVITE,
	RENDEZVOUS_GET_INVITE,
	RENDEZVOUS_REVOKE_INVITE,
	RENDEZVOUS_JOIN_PARTY,
	RENDEZVOUS_LEAVE_PARTY,
	RENDEZVOUS_ANNOUNCE,
	RENDEZVOUS_RESUME,
	RENDEZVOUS_GET_TICKETS,
	RENDEZVOUS_RELAY_REGISTER,
	RENDEZVOUS_PING,
	RENDEZVOUS_PUT_SHARES,
	RENDEZVOUS_RENEW,
	RENDEZVOUS_MOVE_LEASE,
};

struct rendezvous_client_frame {
	uint64_t request_id;
	enum rendezvous_client_type type;
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE]; /* of every body that names a party */
	union {
		struct {
			uint8_t identity[RENDEZVOUS_KEY_SIZE];
			char server_address[RENDEZVOUS_ADDRESS_MAX];
			uint8_t client_nonce[RENDEZVOUS_NONCE_SIZE];
			uint8_t signature[RENDEZVOUS_SIGNATURE_SIZE];
			uint32_t protocol;
		} login;
		struct {
			struct addr_prefix prefix; /* IPv4, /8../24 */
			uint32_t generation;
			uint8_t wireguard_key[RENDEZVOUS_KEY_SIZE];
		} create_party;
		struct {
			uint8_t lookup_id[RENDEZVOUS_LOOKUP_SIZE];
			uint8_t invite_key[RENDEZVOUS_KEY_SIZE];
			struct rendezvous_bytes sealed;
			uint64_t expires_s;
			uint32_t uses;
		} put_invite;
		struct {
			uint8_t lookup_id[RENDEZVOUS_LOOKUP_SIZE];
		} get_invite, revoke_invite;
		struct {
			bool has_invite; /* false: a known member comes back */
			uint8_t invite_key[RENDEZVOUS_KEY_SIZE];
			uint8_t signature[RENDEZVOUS_SIGNATURE_SIZE];
			uint8_t wireguard_key[RENDEZVOUS_KEY_SIZE];
		} join_party;
		struct {
			struct rendezvous_bytes sealed;
		} announce;
		struct {
			uint64_t change;
			uint32_t generation;
			bool want_share;
		} resume;
		struct {
			uint32_t generation;
			size_t n_shares;
			struct rendezvous_share *shares; /* malloc'd */
		} put_shares;
		struct rendezvous_generation renew;
		struct {
			uint8_t relay_key[RENDEZVOUS_KEY_SIZE];
			size_t n_endpoints;
			struct addr endpoints[2];
			uint16_t port;
			char region[RENDEZVOUS_REGION_MAX];
			uint32_t load_permille;
			uint32_t members;
			bool draining;
		} relay_register;
	};
};

enum rendezvous_server_type {
	RENDEZVOUS_CHALLENGE = 1,
	RENDEZVOUS_WELCOME,
	RENDEZVOUS_ERROR,
	RENDEZVOUS_PARTY,
	RENDEZVOUS_INVITE,
	RENDEZVOUS_TICKETS,
	RENDEZVOUS_DONE,
	RENDEZVOUS_GENERATIONS,
	RENDEZVOUS_REVOKED,
};

enum rendezvous_error {
	RENDEZVOUS_ERROR_UNSPECIFIED = 0,
	RENDEZVOUS_ERROR_MALFORMED,
	RENDEZVOUS_ERROR_NOT_LOGGED_IN,
	RENDEZVOUS_ERROR_BAD_SIGNATURE,
	RENDEZVOUS_ERROR_NO_SUCH_PARTY,
	RENDEZVOUS_ERROR_NO_SUCH_INVITE,
	RENDEZVOUS_ERROR_NOT_A_MEMBER,
	RENDEZVOUS_ERROR_NOT_THE_HOST,
	RENDEZVOUS_ERROR_FULL,
	RENDEZVOUS_ERROR_TOO_MANY,
	RENDEZVOUS_ERROR_EXISTS,
	RENDEZVOUS_ERROR_INTERNAL,
	RENDEZVOUS_ERRORS,
};

struct rendezvous_member {
	uint8_t identity[RENDEZVOUS_KEY_SIZE];
	uint16_t number; /* never 0 */
	uint32_t lease;
	struct addr address;
	uint8_t wireguard_key[RENDEZVOUS_KEY_SIZE];
	bool online;
	bool left;
	struct rendezvous_bytes sealed;
	uint64_t change;
	bool has_invite_key;
	uint8_t invite_key[RENDEZVOUS_KEY_SIZE];
};

struct rendezvous_party {
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
	uint8_t host[RENDEZVOUS_KEY_SIZE];
	struct addr_prefix prefix;
	uint32_t generation;
	uint64_t change;
	bool whole; /* first frame of a whole picture: forget members not named from here on */
	bool more;  /* the picture goes on in the next frame */
	size_t n_members;
	struct rendezvous_member members[RENDEZVOUS_MEMBERS_PER_FRAME];
};

struct rendezvous_relay {
	uint8_t relay_key[RENDEZVOUS_KEY_SIZE];
	size_t n_endpoints;
	struct addr endpoints[2];
	char region[RENDEZVOUS_REGION_MAX];
	uint32_t load_permille;
	size_t ticket_length; /* 0 or TICKET_SIZE */
	uint8_t ticket[TICKET_SIZE];
};

struct rendezvous_generations {
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
	size_t n_records;
	struct rendezvous_generation records[RENDEZVOUS_RECORDS_PER_FRAME];
	bool more;
	bool has_share;
	uint8_t share[RENDEZVOUS_SHARE_SIZE];
};

struct rendezvous_revocation {
	uint8_t scope[TICKET_SCOPE_SIZE];
	uint8_t member_key[RENDEZVOUS_KEY_SIZE];
	uint32_t generation; /* tickets below this one are no longer good */
	uint64_t until_s;
};

struct rendezvous_server_frame {
	uint64_t request_id; /* 0: pushed */
	enum rendezvous_server_type type;
	union {
		struct {
			uint8_t server_nonce[RENDEZVOUS_NONCE_SIZE];
		} challenge;
		struct {
			uint8_t ticket_key[RENDEZVOUS_KEY_SIZE];
			struct addr observed;
			uint16_t stun_port;
			uint64_t time_s;
		} welcome;
		struct {
			enum rendezvous_error code;
			char text[RENDEZVOUS_TEXT_MAX];
			uint32_t retry_after_s;
		} error;
		struct rendezvous_party party;
		struct {
			uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
			uint8_t invite_key[RENDEZVOUS_KEY_SIZE];
			struct rendezvous_bytes sealed;
			uint64_t expires_s;
		} invite;
		struct {
			uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
			size_t n_relays;
			struct rendezvous_relay relays[RENDEZVOUS_RELAYS_MAX];
		} tickets;
		struct rendezvous_generations generations;
		struct {
			size_t n_revocations;
			struct rendezvous_revocation *revocations; /* malloc'd */
		} revoked;
	};
};

ssize_t rendezvous_client_encode(const struct rendezvous_client_frame *frame, uint8_t **bytes);
int rendezvous_client_decode(struct rendezvous_client_frame *frame, const uint8_t *bytes,
			     size_t length);
void rendezvous_client_clear(struct rendezvous_client_frame *frame);

ssize_t rendezvous_server_encode(const struct rendezvous_server_frame *frame, uint8_t **bytes);
int rendezvous_server_decode(struct rendezvous_server_frame *frame, const uint8_t *bytes,
			     size_t length);
void rendezvous_server_clear(struct rendezvous_server_frame *frame);

/* Copies bytes into *out (malloc). -ENOMEM. */
int rendezvous_bytes_set(struct rendezvous_bytes *out, const uint8_t *bytes, size_t length);

/* What Login signs; returns the length written (at most RENDEZVOUS_LOGIN_TEXT_MAX). */
#define RENDEZVOUS_LOGIN_TEXT_MAX (16 + 2 + RENDEZVOUS_ADDRESS_MAX + 2 * RENDEZVOUS_NONCE_SIZE)
size_t rendezvous_login_text(const char *server_address,
			     const uint8_t server_nonce[RENDEZVOUS_NONCE_SIZE],
			     const uint8_t client_nonce[RENDEZVOUS_NONCE_SIZE],
			     uint8_t text[RENDEZVOUS_LOGIN_TEXT_MAX]);
/* What JoinParty signs with the invite's seed. */
#define RENDEZVOUS_JOIN_TEXT_SIZE (14 + RENDEZVOUS_PARTY_ID_SIZE + 2 * RENDEZVOUS_KEY_SIZE)
void rendezvous_join_text(const uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE],
			  const uint8_t identity[RENDEZVOUS_KEY_SIZE],
			  const uint8_t wireguard_key[RENDEZVOUS_KEY_SIZE],
			  uint8_t text[RENDEZVOUS_JOIN_TEXT_SIZE]);
/* A generation's record to and from its bytes. unpack: -EBADMSG. */
void rendezvous_generation_pack(const struct rendezvous_generation *generation,
				uint8_t bytes[RENDEZVOUS_RECORD_SIZE]);
int rendezvous_generation_unpack(struct rendezvous_generation *generation, const uint8_t *bytes,
				 size_t length);
/* What the host of the generation before signs for it. */
#define RENDEZVOUS_GENERATION_TEXT_SIZE \
	(20 + RENDEZVOUS_PARTY_ID_SIZE + RENDEZVOUS_RECORD_SIZE - RENDEZVOUS_SIGNATURE_SIZE)
void rendezvous_generation_text(const uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE],
				const struct rendezvous_generation *generation,
				uint8_t text[RENDEZVOUS_GENERATION_TEXT_SIZE]);
const char *rendezvous_error_text(enum rendezvous_error error);

#endif
