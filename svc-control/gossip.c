#include "svc-control/gossip.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/gossip_codec.h"
#include "svc-control/service.h"

#define SUMMARY_INTERVAL_US CLOCK_SECOND
#define ANSWERS_MAX	    32 /* announcements in answer to one summary */
#define REPEAT_MS	    200
#define REPEATS		    25
#define QUESTION_MS	    500
#define QUESTIONS	    6

static void gossip_begin_note(const struct control *control, struct gossip_note *note)
{
	const struct announcement_trust *trust = &control->party.record.trust;

	memset(note, 0, sizeof(*note));
	memcpy(note->party_id, trust->party_id, sizeof(note->party_id));
	note->generation = trust->generation;
	note->wants_voucher = !party_can_announce(&control->party);
}

static void gossip_send(struct control *control, const uint8_t key[DATAPLANE_KEY_SIZE],
			const struct gossip_note *note)
{
	struct dataplane_note out = {0};
	uint8_t *bytes;
	ssize_t length = gossip_pack(note, out.bytes);

	if (length < 0)
		return;
	memcpy(out.public_key, key, sizeof(out.public_key));
	out.length = (size_t)length;
	length = dataplane_note_encode(&out, &bytes);
	sodium_memzero(&out, sizeof(out));
	if (length < 0)
		return;
	/* no session, no note: the next handshake makes up for it */
	bus_request(control->bus, SERVICE_DATAPLANE, DATAPLANE_SEND_NOTE, bytes, (size_t)length,
		    BUS_TIMEOUT_MS, NULL, NULL);
	sodium_memzero(bytes, (size_t)length);
	free(bytes);
}

/* Everybody but oneself. */
static struct party_member *gossip_next(struct control *control, size_t *at)
{
	struct party *party = &control->party;

	while (party->settled && *at < party->n_members) {
		struct party_member *member = &party->members[(*at)++];

		if (party_member_counts(party, member))
			return member;
	}
	return NULL;
}

/* ---- summaries */

/* except: who is left out, or NULL. */
static void gossip_fill_summary(const struct control *control, const struct party_member *except,
				struct gossip_note *note)
{
	const struct party *party = &control->party;
	/* of a party that does not fit, another part each time */
	size_t first = party->n_members > GOSSIP_HEARD_MAX
			       ? randombytes_uniform((uint32_t)party->n_members)
			       : 0;

	note->has_summary = true;
	for (size_t i = 0; i < party->n_members && note->n_heard < GOSSIP_HEARD_MAX; i++) {
		const struct party_member *member = &party->members[(first + i) % party->n_members];
		const struct database_member *known = &member->known;
		struct gossip_heard *heard = &note->heard[note->n_heard];

		if (known->sequence == 0 || member == except)
			continue;
		memcpy(heard->id, known->identity, GOSSIP_ID_SIZE);
		heard->sequence = known->sequence;
		note->n_heard++;
	}
}

static void gossip_send_summary(struct control *control, struct party_member *member)
{
	uint64_t now_us = clock_now_us();
	struct gossip_note note;

	if (member->summary_us && now_us - member->summary_us < SUMMARY_INTERVAL_US)
		return;
	member->summary_us = now_us;
	gossip_begin_note(control, &note);
	gossip_fill_summary(control, NULL, &note);
	gossip_send(control, member->known.wireguard_key, &note);
}

static void gossip_question(void *data)
{
	struct control *control = data;
	struct party_member *member;
	struct gossip_note note;
	bool open = false;
	size_t at = 0;

	if (control->gossip.questions == 0) {
		control_party_changed(control, party_end_doubts(&control->party));
		return;
	}
	control->gossip.questions--;
	while ((member = gossip_next(control, &at))) {
		if (!member->doubted)
			continue;
		gossip_begin_note(control, &note);
		gossip_fill_summary(control, member, &note);
		gossip_send(control, member->known.wireguard_key, &note);
		open = true;
	}
	if (open)
		loop_timer_start(&control->loop, &control->gossip.doubt, QUESTION_MS, 0,
				 gossip_question, control);
}

void gossip_doubt(struct control *control)
{
	control->gossip.questions = QUESTIONS;
	gossip_question(control);
}

void gossip_greet(struct control *control, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	struct party_member *member = party_member_by_key(&control->party, key);

	if (control->party.settled && member)
		gossip_send_summary(control, member);
}

static const struct gossip_heard *gossip_find_heard(const struct gossip_note *note,
						    const uint8_t identity[32])
{
	for (size_t i = 0; i < note->n_heard; i++)
		if (memcmp(note->heard[i].id, identity, GOSSIP_ID_SIZE) == 0)
			return &note->heard[i];
	return NULL;
}

static void gossip_send_said(struct control *control, const struct party_member *to,
			     const struct party_member *about)
{
	struct gossip_note note;

	gossip_begin_note(control, &note);
	note.said_length = about->known.said_length;
	memcpy(note.said, about->known.said, about->known.said_length);
	gossip_send(control, to->known.wireguard_key, &note);
}

/* True if the other one has something newer, or of somebody never heard of. */
static bool gossip_is_behind(const struct control *control, const struct gossip_note *note)
{
	const struct party *party = &control->party;
	size_t found = 0;

	if (note->generation > party->record.trust.generation)
		return true;
	for (size_t i = 0; i < party->n_members; i++) {
		const struct database_member *known = &party->members[i].known;
		const struct gossip_heard *heard = gossip_find_heard(note, known->identity);

		found += heard != NULL;
		if (heard && heard->sequence > known->sequence)
			return true;
	}
	return found < note->n_heard;
}

static void gossip_answer_summary(struct control *control, struct party_member *from,
				  const struct gossip_note *note)
{
	const struct party *party = &control->party;
	unsigned answers = 0;

	for (size_t i = 0; i < party->n_members && answers < ANSWERS_MAX; i++) {
		const struct party_member *about = &party->members[i];
		const struct gossip_heard *heard = gossip_find_heard(note, about->known.identity);

		/* what was said in an earlier generation proves nothing in this one */
		if (!about->announced ||
		    about->announcement.generation != party->record.trust.generation ||
		    (heard && heard->sequence >= about->known.sequence))
			continue;
		gossip_send_said(control, from, about);
		answers++;
	}
	if (gossip_is_behind(control, note))
		gossip_send_summary(control, from);
}

void gossip_announce(struct control *control)
{
	const struct party_member *self = party_self(&control->party);
	const struct party_member *to;
	size_t at = 0;

	while (self && self->known.said_length && (to = gossip_next(control, &at)))
		gossip_send_said(control, to, self);
}

/* ---- generations */

/* The records that lead from a generation to the latest. False: not known here. */
static bool gossip_fill_records(const struct control *control, uint32_t after,
				struct gossip_note *note)
{
	const struct announcement_trust *trust = &control->party.record.trust;
	const struct rendezvous_generation *records;

	records = party_records(&control->party, after, &note->n_records);
	if (note->n_records == 0)
		return false;
	if (note->n_records > GOSSIP_RECORDS_MAX) {
		note->n_records = GOSSIP_RECORDS_MAX; /* the rest when it has these */
	} else {
		note->has_key = trust->has_key;
		memcpy(note->key, trust->party_key, sizeof(note->key));
	}
	memcpy(note->records, records, note->n_records * sizeof(*records));
	return true;
}

static void gossip_fill_voucher(struct control *control, const uint8_t identity[32],
				uint32_t number, struct gossip_note *note)
{
	note->has_voucher = generation_vouch(note->voucher, note->party_id, number, identity,
					     &control->keyholder) == 0;
}

static void gossip_send_renewal(struct control *control, const struct party_member *to,
				uint32_t after)
{
	const struct announcement_trust *trust = &control->party.record.trust;
	struct gossip_note note;

	gossip_begin_note(control, &note);
	if (gossip_fill_records(control, after, &note)) {
		if (note.has_key && memcmp(trust->signer, control->keyholder.identity, 32) == 0)
			gossip_fill_voucher(control, to->known.identity, trust->generation, &note);
		gossip_send(control, to->known.wireguard_key, &note);
	}
	sodium_memzero(&note, sizeof(note));
}

static void gossip_repeat(void *data)
{
	struct control *control = data;
	uint32_t generation = control->party.record.trust.generation;
	struct party_member *member;
	bool open = false;
	size_t at = 0;

	while ((member = gossip_next(control, &at))) {
		if (member->has_generation >= generation)
			continue;
		gossip_send_renewal(control, member,
				    member->has_generation ? member->has_generation
							   : generation - 1);
		open = true;
	}
	if (open && control->gossip.repeats-- > 0)
		loop_timer_start(&control->loop, &control->gossip.timer, REPEAT_MS, 0,
				 gossip_repeat, control);
}

void gossip_renew(struct control *control)
{
	control->gossip.repeats = REPEATS;
	gossip_repeat(control);
}

void gossip_dismiss(struct control *control, const uint8_t key[DATAPLANE_KEY_SIZE],
		    const struct rendezvous_generation *record)
{
	struct gossip_note note;

	gossip_begin_note(control, &note);
	note.records[0] = *record;
	note.n_records = 1;
	gossip_send(control, key, &note);
}

void gossip_hand_over(struct control *control, const struct rendezvous_generation *record,
		      const uint8_t party_key[32])
{
	const struct party_member *to;
	struct gossip_note note;
	size_t at = 0;

	gossip_begin_note(control, &note);
	note.records[0] = *record;
	note.n_records = 1;
	note.has_key = true;
	memcpy(note.key, party_key, sizeof(note.key));
	while ((to = gossip_next(control, &at))) {
		gossip_fill_voucher(control, to->known.identity, record->number, &note);
		gossip_send(control, to->known.wireguard_key, &note);
	}
	sodium_memzero(&note, sizeof(note));
}

/* ---- what comes in */

/* What it said last came from itself: it is there. */
static void gossip_believe(struct control *control, struct party_member *from,
			   const struct gossip_note *note)
{
	if (from->known.said_length == note->said_length &&
	    memcmp(from->known.said, note->said, note->said_length) == 0)
		party_still_here(&control->party, from);
}

static void gossip_hear(struct control *control, const uint8_t key[DATAPLANE_KEY_SIZE],
			const struct gossip_note *note)
{
	struct party *party = &control->party;
	struct party_member *from = party_member_by_key(party, key);
	const struct announcement_trust *trust = &party->record.trust;

	if (!party->settled || !from ||
	    memcmp(note->party_id, trust->party_id, sizeof(note->party_id)) != 0)
		return;
	from->has_generation = note->generation;
	if (note->n_records)
		renewal_take(control, note->records, note->n_records,
			     note->has_key ? note->key : NULL,
			     note->has_voucher ? note->voucher : NULL);
	if (note->said_length)
		control_party_changed(control, party_hear(party, note->said, note->said_length,
							  clock_wall_us() / CLOCK_SECOND));
	/* members may have moved in memory, or gone */
	from = party_member_by_key(party, key);
	if (!party->settled || !from)
		return;
	if (note->said_length)
		gossip_believe(control, from, note);
	if (note->generation < trust->generation)
		gossip_send_renewal(control, from, note->generation);
	else if (note->wants_voucher && note->generation == trust->generation &&
		 memcmp(trust->signer, control->keyholder.identity, 32) == 0)
		gossip_send_renewal(control, from, note->generation - 1);
	else if (note->has_summary)
		gossip_answer_summary(control, from, note);
	if (note->generation > trust->generation)
		gossip_send_summary(control, from);
}

static void gossip_took(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct gossip *gossip = &control->gossip;
	struct dataplane_notes notes;
	struct gossip_note note;
	bool more;

	gossip->taking = false;
	if (error || dataplane_notes_decode(&notes, body, length) < 0)
		return; /* the next event asks again */
	gossip->instance = notes.instance;
	for (size_t i = 0; i < notes.n_notes; i++) {
		gossip->after = notes.notes[i].id;
		if (gossip_unpack(&note, notes.notes[i].bytes, notes.notes[i].length) == 0)
			gossip_hear(control, notes.notes[i].public_key, &note);
		sodium_memzero(&note, sizeof(note));
	}
	more = notes.n_notes > 0;
	if (!more)
		gossip->after = 0;
	dataplane_notes_clear(&notes);
	if (more || gossip->again)
		gossip_take(control);
}

void gossip_take(struct control *control)
{
	struct gossip *gossip = &control->gossip;
	struct dataplane_take_notes wish = {.instance = gossip->instance, .after = gossip->after};
	uint8_t *bytes;
	ssize_t length;

	gossip->again = gossip->taking;
	if (gossip->taking)
		return;
	length = dataplane_take_notes_encode(&wish, &bytes);
	if (length < 0)
		return;
	gossip->taking = true;
	bus_request(control->bus, SERVICE_DATAPLANE, DATAPLANE_TAKE_NOTES, bytes, (size_t)length,
		    BUS_TIMEOUT_MS, gossip_took, control);
	free(bytes);
}

void gossip_init(struct control *control)
{
	memset(&control->gossip, 0, sizeof(control->gossip));
}

void gossip_deinit(struct control *control)
{
	loop_timer_stop(&control->gossip.timer);
	loop_timer_stop(&control->gossip.doubt);
}
