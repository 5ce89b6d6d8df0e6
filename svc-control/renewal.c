#include "svc-control/renewal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-control/generation.h"
#include "svc-control/service.h"

#define TAKE_OVER_MS 100 /* until the old host's last words to the others are through */

void renewal_init(struct control *control)
{
	memset(&control->renewal, 0, sizeof(control->renewal));
}

void renewal_deinit(struct control *control)
{
	loop_timer_stop(&control->renewal.take_over);
}

static bool is_own(const struct control *control, const uint8_t identity[32])
{
	return memcmp(identity, control->keyholder.identity, 32) == 0;
}

/* ---- bringing the server up to date */

/* Key and voucher for one member; false if it cannot be made. */
static bool renewal_fill_share(struct control *control, uint32_t generation,
			       const uint8_t party_key[32], const struct party_member *member,
			       struct rendezvous_share *share)
{
	uint8_t voucher[GENERATION_VOUCHER_SIZE];

	share->number = member->known.number;
	return generation_vouch(voucher, control->party.record.trust.party_id, generation,
				member->known.identity, &control->keyholder) == 0 &&
	       generation_seal_share(share->box, party_key, voucher, member->known.identity) == 0;
}

/* Shares for every other member but one that is removed, as many frames as it takes. */
static void renewal_put_shares(struct control *control, uint32_t generation,
			       const uint8_t party_key[32], const uint8_t removed[32])
{
	const struct party *party = &control->party;
	struct rendezvous_share shares[RENDEZVOUS_SHARES_PER_FRAME];
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_PUT_SHARES};

	memcpy(frame.party_id, party->record.trust.party_id, sizeof(frame.party_id));
	frame.put_shares.generation = generation;
	frame.put_shares.shares = shares;
	for (size_t i = 0; i < party->n_members; i++) {
		const struct party_member *member = &party->members[i];

		if (party_member_counts(party, member) &&
		    memcmp(member->known.identity, removed, 32) != 0 &&
		    renewal_fill_share(control, generation, party_key, member,
				       &shares[frame.put_shares.n_shares]))
			frame.put_shares.n_shares++;
		if (frame.put_shares.n_shares == RENDEZVOUS_SHARES_PER_FRAME ||
		    (i + 1 == party->n_members && frame.put_shares.n_shares)) {
			rendezvous_request(control->rendezvous, &frame, NULL, NULL);
			frame.put_shares.n_shares = 0;
		}
	}
}

static void renewal_tell_server(struct control *control);

static void renewal_told(void *data, const struct error *error,
			 const struct rendezvous_server_frame *frame)
{
	struct control *control = data;
	struct renewal *renewal = &control->renewal;

	(void)frame;
	renewal->asking = false;
	if (complaint_is_new(&renewal->complaint, error))
		log_warning(
			"party %s: the server does not take over generation %u: %s; the members "
			"tell each other",
			control->party.record.name, renewal->server_generation + 1, error->text);
	if (!error) {
		renewal->confirmed = ++renewal->server_generation;
		renewal_tell_server(control);
	}
}

/* The record that the server lacks next; before the latest, the shares go ahead. */
static void renewal_tell_server(struct control *control)
{
	struct renewal *renewal = &control->renewal;
	const struct announcement_trust *trust = &control->party.record.trust;
	static const uint8_t nobody[32];
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_RENEW};
	const struct rendezvous_generation *records;
	size_t n;

	if (renewal->asking || renewal->server_generation == 0 || !control->party.settled ||
	    rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED ||
	    renewal->server_generation > trust->generation)
		return;
	if (!renewal->shares_put && renewal->server_generation + 1 >= trust->generation &&
	    trust->generation > 1 && trust->has_key && is_own(control, trust->signer)) {
		renewal_put_shares(control, trust->generation, trust->party_key, nobody);
		renewal->shares_put = true;
	}
	records = party_records(&control->party, renewal->server_generation, &n);
	if (n == 0)
		return;
	memcpy(frame.party_id, trust->party_id, sizeof(frame.party_id));
	frame.renew = records[0];
	renewal->asking = true;
	rendezvous_request(control->rendezvous, &frame, renewal_told, control);
}

void renewal_forget_server(struct control *control)
{
	control->renewal.server_generation = 0;
	control->renewal.confirmed = 0;
	control->renewal.shares_put = false;
	control->renewal.asking = false;
}

void renewal_server_has(struct control *control, uint32_t generation)
{
	struct renewal *renewal = &control->renewal;

	if (renewal->asking)
		return;
	if (generation < renewal->confirmed) {
		if (renewal->went_back != renewal->confirmed)
			log_warning("party %s: the server goes back to generation %u after it took "
				    "over %u; ignored",
				    control->party.record.name, generation, renewal->confirmed);
		renewal->went_back = renewal->confirmed;
		renewal->server_generation = generation;
		return;
	}
	renewal->server_generation = generation;
	renewal_tell_server(control);
}

/* ---- following */

static void renewal_take_over(void *data);

/* The party has a new generation, or its key came: everybody who works with it is to know. */
static void renewal_spread(struct control *control)
{
	const struct announcement_trust *trust = &control->party.record.trust;

	control->renewal.shares_put = false;
	handover_push(control);
	gossip_renew(control);
	announce_soon(control);
	tickets_fetch(control);
	control_choose_server(control); /* a local party has another host, perhaps */
	control_resume(control);
	control_changed(control);
	if (is_own(control, trust->host) && !is_own(control, trust->signer))
		loop_timer_start(&control->loop, &control->renewal.take_over, TAKE_OVER_MS, 0,
				 renewal_take_over, control);
}

void renewal_take(struct control *control, const struct rendezvous_generation *records, size_t n,
		  const uint8_t *key, const uint8_t *voucher)
{
	bool changed = false;
	int r = 0;

	for (size_t i = 0; i < n && (r == 0 || r == -EALREADY); i++) {
		r = party_renew(&control->party, &records[i]);
		changed |= r == 0;
	}
	if (r == PARTY_REMOVED) {
		membership_removed(control);
		return;
	}
	if (key)
		changed |= party_take_key(&control->party, key, voucher);
	if (changed && control->party.settled)
		renewal_spread(control);
}

void renewal_pushed(struct control *control, const struct rendezvous_generations *pushed)
{
	uint8_t key[32], voucher[GENERATION_VOUCHER_SIZE];
	bool has_share = false;

	if (!control->party.settled ||
	    memcmp(pushed->party_id, control->party.record.trust.party_id,
		   sizeof(pushed->party_id)) != 0)
		return;
	if (pushed->has_share)
		has_share = generation_open_share(key, voucher, pushed->share,
						  &control->keyholder) == 0;
	renewal_take(control, pushed->records, pushed->n_records, has_share ? key : NULL,
		     has_share ? voucher : NULL);
	sodium_memzero(key, sizeof(key));
}

/* ---- beginning */

/* By the host; it stays one. 0 or a negative errno. */
static int renewal_begin(struct control *control, const uint8_t *removed)
{
	struct party *party = &control->party;
	struct rendezvous_generation record;
	uint8_t key[32];
	int r = generation_make(&record, key, &party->record.trust, removed,
				control->keyholder.identity, &control->keyholder);

	if (r == 0)
		r = party_renew(party, &record);
	if (r == 0) {
		party_take_key(party, key, NULL);
		renewal_spread(control);
		renewal_tell_server(control);
	}
	sodium_memzero(key, sizeof(key));
	return r;
}

/* The old host chose the key and may still have it: the first thing to do is another one. */
static void renewal_take_over(void *data)
{
	struct control *control = data;

	if (!control->party.settled || !party_is_host(&control->party) ||
	    is_own(control, control->party.record.trust.signer))
		return;
	log_notice("party %s: this machine is its host now", control->party.record.name);
	snprintf(control->notice, sizeof(control->notice), "you are the host of %s now",
		 control->party.record.name);
	if (renewal_begin(control, NULL) < 0)
		log_err("party %s: cannot begin a generation as its host",
			control->party.record.name);
}

void renewal_kick(struct control *control, struct bus_call *call, const struct control_kick *kick)
{
	const struct party_member *member = party_member(&control->party, kick->identity);
	uint8_t key[DATAPLANE_KEY_SIZE];
	const struct rendezvous_generation *records;
	size_t n;
	int r;

	if (!operation_begin(control, OPERATION_KICK, call))
		return;
	if (!control->party.settled) {
		operation_fail(control, -ENOENT, "you are in no party");
		return;
	}
	if (!party_is_host(&control->party)) {
		operation_fail(control, -EPERM, "only the party's host can remove a member");
		return;
	}
	if (!member || !member->known.present || is_own(control, kick->identity)) {
		operation_fail(control, -ENOENT,
			       is_own(control, kick->identity)
				       ? "you cannot remove yourself; leave with `lanrage leave`"
				       : "the party has no such member; see `lanrage peers`");
		return;
	}
	memcpy(key, member->known.wireguard_key, sizeof(key));
	r = renewal_begin(control, kick->identity);
	if (r < 0) {
		operation_fail(control, r,
			       "the member could not be removed: see `lanrage logs "
			       "control`");
		return;
	}
	records = party_records(&control->party, control->party.record.trust.generation - 1, &n);
	if (n)
		gossip_dismiss(control, key, records);
	operation_answer(control, NULL, 0);
}

void renewal_hand_over(struct control *control)
{
	const struct party *party = &control->party;
	const struct party_member *successor = party_successor(party);
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_RENEW};
	uint8_t key[32];

	if (!party->settled || !party_is_host(party) || !successor)
		return;
	if (generation_make(&frame.renew, key, &party->record.trust, control->keyholder.identity,
			    successor->known.identity, &control->keyholder) < 0) {
		log_err("party %s: cannot hand over to %s", party->record.name,
			successor->announcement.name);
		return;
	}
	log_notice("party %s: handed over to %s", party->record.name, successor->announcement.name);
	memcpy(frame.party_id, party->record.trust.party_id, sizeof(frame.party_id));
	gossip_hand_over(control, &frame.renew, key);
	renewal_put_shares(control, frame.renew.number, key, control->keyholder.identity);
	rendezvous_request(control->rendezvous, &frame, NULL, NULL);
	sodium_memzero(key, sizeof(key));
}
