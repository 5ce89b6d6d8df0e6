/* gossip_codec.h - what members tell each other through the tunnel, to and from bytes.
 *
 * Notes come from members, who are authenticated but may be anything else: unpacking checks every
 * count, size and range. pack returns the length or -EMSGSIZE; unpack 0 or -EBADMSG. A note may
 * hold the party's key: wipe it after use.
 */
#ifndef LANRAGE_CONTROL_GOSSIP_CODEC_H
#define LANRAGE_CONTROL_GOSSIP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "svc-control/announcement.h"
#include "svc-control/generation.h"
#include "svc-dataplane/codec.h"

#define GOSSIP_ID_SIZE	   8   /* of an identity: its first bytes */
#define GOSSIP_HEARD_MAX   256 /* members in a summary */
#define GOSSIP_RECORDS_MAX 16

struct gossip_heard {
	uint8_t id[GOSSIP_ID_SIZE];
	uint64_t sequence; /* of the latest announcement */
};

struct gossip_note {
	uint8_t party_id[CONTROL_PARTY_ID_SIZE];
	uint32_t generation; /* the sender's */
	bool wants_voucher;
	bool has_summary;
	size_t n_heard;
	struct gossip_heard heard[GOSSIP_HEARD_MAX];
	size_t said_length; /* 0: no announcement */
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	size_t n_records; /* 0: no renewal */
	struct rendezvous_generation records[GOSSIP_RECORDS_MAX];
	bool has_key;
	uint8_t key[32]; /* of the generation that the last record begins */
	bool has_voucher;
	uint8_t voucher[GENERATION_VOUCHER_SIZE]; /* for the receiver */
};

ssize_t gossip_pack(const struct gossip_note *note, uint8_t bytes[DATAPLANE_NOTE_MAX]);
int gossip_unpack(struct gossip_note *note, const uint8_t *bytes, size_t length);

#endif
