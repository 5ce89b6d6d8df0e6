#include "svc-control/gossip_codec.h"

#include <errno.h>
#include <string.h>

#include "common/pb.h"
#include "control.pb-c.h"

#define BUDGET (64u << 10)

struct note_message {
	Lanrage__Control__Note note;
	Lanrage__Control__Summary summary;
	Lanrage__Control__Heard heard[GOSSIP_HEARD_MAX], *heard_list[GOSSIP_HEARD_MAX];
	Lanrage__Control__Renewal renewal;
	ProtobufCBinaryData record_list[GOSSIP_RECORDS_MAX];
	uint8_t records[GOSSIP_RECORDS_MAX][RENDEZVOUS_RECORD_SIZE];
};

static void summary_view(const struct gossip_note *note, struct note_message *message)
{
	lanrage__control__summary__init(&message->summary);
	for (size_t i = 0; i < note->n_heard; i++) {
		lanrage__control__heard__init(&message->heard[i]);
		message->heard[i].identity = pb_view(note->heard[i].id, GOSSIP_ID_SIZE);
		message->heard[i].sequence = note->heard[i].sequence;
		message->heard_list[i] = &message->heard[i];
	}
	message->summary.n_members = note->n_heard;
	message->summary.members = message->heard_list;
	message->note.summary = &message->summary;
}

static void renewal_view(const struct gossip_note *note, struct note_message *message)
{
	lanrage__control__renewal__init(&message->renewal);
	for (size_t i = 0; i < note->n_records; i++) {
		rendezvous_generation_pack(&note->records[i], message->records[i]);
		message->record_list[i] = pb_view(message->records[i], RENDEZVOUS_RECORD_SIZE);
	}
	message->renewal.n_records = note->n_records;
	message->renewal.records = message->record_list;
	if (note->has_key)
		message->renewal.party_key = pb_view(note->key, sizeof(note->key));
	if (note->has_voucher)
		message->renewal.voucher = pb_view(note->voucher, sizeof(note->voucher));
	message->note.renewal = &message->renewal;
}

ssize_t gossip_pack(const struct gossip_note *note, uint8_t bytes[DATAPLANE_NOTE_MAX])
{
	struct note_message message;

	lanrage__control__note__init(&message.note);
	message.note.party_id = pb_view(note->party_id, sizeof(note->party_id));
	message.note.generation = note->generation;
	message.note.wants_voucher = note->wants_voucher;
	message.note.announcement = pb_view(note->said, note->said_length);
	if (note->has_summary)
		summary_view(note, &message);
	if (note->n_records)
		renewal_view(note, &message);
	return pb_pack_into(&message.note.base, bytes, DATAPLANE_NOTE_MAX);
}

static bool take_summary(struct gossip_note *note, const Lanrage__Control__Summary *message)
{
	note->has_summary = true;
	if (message->n_members > GOSSIP_HEARD_MAX)
		return false;
	note->n_heard = message->n_members;
	for (size_t i = 0; i < note->n_heard; i++) {
		note->heard[i].sequence = message->members[i]->sequence;
		if (!pb_take(&message->members[i]->identity, note->heard[i].id, GOSSIP_ID_SIZE))
			return false;
	}
	return true;
}

static bool take_renewal(struct gossip_note *note, const Lanrage__Control__Renewal *message)
{
	if (message->n_records == 0 || message->n_records > GOSSIP_RECORDS_MAX)
		return false;
	note->n_records = message->n_records;
	for (size_t i = 0; i < note->n_records; i++)
		if (rendezvous_generation_unpack(&note->records[i], message->records[i].data,
						 message->records[i].len) < 0)
			return false;
	note->has_key = message->party_key.len > 0;
	note->has_voucher = message->voucher.len > 0;
	return (!note->has_key || pb_take(&message->party_key, note->key, sizeof(note->key))) &&
	       (!note->has_voucher ||
		pb_take(&message->voucher, note->voucher, sizeof(note->voucher)));
}

static bool take_note(struct gossip_note *note, const Lanrage__Control__Note *message)
{
	note->generation = message->generation;
	note->wants_voucher = message->wants_voucher;
	if (message->announcement.len > sizeof(note->said))
		return false;
	note->said_length = message->announcement.len;
	return pb_take(&message->party_id, note->party_id, sizeof(note->party_id)) &&
	       pb_take(&message->announcement, note->said, note->said_length) &&
	       (!message->summary || take_summary(note, message->summary)) &&
	       (!message->renewal || take_renewal(note, message->renewal));
}

int gossip_unpack(struct gossip_note *note, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Note *message =
		pb_unpack(&memory, BUDGET, &lanrage__control__note__descriptor, bytes, length);
	bool good;

	memset(note, 0, sizeof(*note));
	good = message && take_note(note, message);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}
