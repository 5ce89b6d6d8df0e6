#include "svc-control/announce.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/service.h"

#define RETRY_MS 10000

static void announce_start(struct control *control, uint64_t ms);

/* Where nat says we can be reached; nothing yet is fine, too: the relays' turn comes with the next.
 */
static void announce_fill_reach(const struct control *control, struct announcement *announcement)
{
	const struct nat_state *nat = &control->handover.nat_state;

	if (!control->handover.has_nat_state)
		return;
	/* the others would refuse all of it for one address that nobody can send to */
	for (size_t i = 0; i < nat->n_candidates; i++)
		if (addr_is_sendable(&nat->candidates[i].address))
			announcement->candidates[announcement->n_candidates++] = nat->candidates[i];
	announcement->n_relays = nat->n_chosen_relays;
	memcpy(announcement->relays, nat->chosen_relays, sizeof(announcement->relays));
	announcement->mapping = nat->mapping;
	announcement->filtering = nat->filtering;
	announcement->n_distances = nat->n_distances;
	memcpy(announcement->distances, nat->distances, sizeof(announcement->distances));
}

/* Says it, here and for good: the sequence is spent, and the party knows what this member said. */
static int announce_say(struct control *control, bool leaves)
{
	uint64_t wall_us = clock_wall_us();
	struct announcement announcement;
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	ssize_t length;
	int r;

	party_fill_announcement(&control->party, &announcement, control->wireguard_key,
				wall_us / CLOCK_SECOND);
	announce_fill_reach(control, &announcement);
	announcement.shared_length = control->announce.shared_length;
	memcpy(announcement.shared, control->announce.shared, announcement.shared_length);
	announcement.left = leaves;
	/* From the clock, so that even a lost database does not begin below what others hold. */
	r = database_next_sequence(control->database, wall_us / CLOCK_MS, &announcement.sequence);
	if (r < 0)
		return r;
	length = announcement_say(&announcement, &control->keyholder, said);
	if (length < 0)
		return (int)length;
	party_say(&control->party, &announcement, said, (size_t)length);
	return 0;
}

static void announce_answered(void *data, const struct error *error,
			      const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	control->announce.asking = false;
	if (complaint_is_new(&control->announce.complaint, error))
		log_warning("server: announcement not taken: %s", error->text);
	if (error && error->code != -ENOTCONN) {
		announce_start(control, RETRY_MS);
	} else if (control->announce.again) {
		announce_soon(control);
	}
}

static void announce_send(struct control *control)
{
	const struct database_party *record = &control->party.record;
	const struct database_member *self = &party_self(&control->party)->known;
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_ANNOUNCE};
	uint8_t sealed[ANNOUNCEMENT_SEALED_MAX];

	memcpy(frame.party_id, record->trust.party_id, sizeof(frame.party_id));
	frame.announce.sealed.bytes = sealed;
	frame.announce.sealed.length =
		announcement_seal(&record->trust, self->said, self->said_length, sealed);
	control->announce.asking = true;
	control->announce.again = false;
	rendezvous_request(control->rendezvous, &frame, announce_answered, control);
}

static bool announce_is_possible(const struct control *control)
{
	return control->party.settled && party_self(&control->party) &&
	       control->has_wireguard_key && party_can_announce(&control->party);
}

static void announce_now(void *data)
{
	struct control *control = data;
	int r;

	control->announce.pending = false;
	announce_start(control, ANNOUNCE_RENEW_MS);
	if (!announce_is_possible(control) || control->operation.kind == OPERATION_LEAVE)
		return; /* the farewell was the last word */
	control->announce.next_us = clock_now_us() + ANNOUNCE_INTERVAL_MS * CLOCK_MS;
	r = announce_say(control, false);
	if (r < 0)
		log_err("announcement: cannot be made: %s", strerror(-r));
	else if (rendezvous_state(control->rendezvous) == CONTROL_SERVER_CONNECTED)
		announce_send(control);
	else
		gossip_announce(control);
}

void announce_share(struct control *control, const struct control_shared *shared)
{
	struct announce *announce = &control->announce;

	if (announce->shared_length == shared->length &&
	    memcmp(announce->shared, shared->bytes, shared->length) == 0)
		return;
	announce->shared_length = shared->length;
	memcpy(announce->shared, shared->bytes, shared->length);
	announce_soon(control);
}

void announce_farewell(struct control *control)
{
	if (announce_is_possible(control) && announce_say(control, true) == 0)
		gossip_announce(control);
}

static void announce_start(struct control *control, uint64_t ms)
{
	loop_timer_start(&control->loop, &control->announce.timer, ms, 0, announce_now, control);
}

void announce_init(struct control *control)
{
	memset(&control->announce, 0, sizeof(control->announce));
}

void announce_deinit(struct control *control)
{
	loop_timer_stop(&control->announce.timer);
}

void announce_soon(struct control *control)
{
	struct announce *announce = &control->announce;
	uint64_t now_us = clock_now_us();
	uint64_t wait_us = announce->next_us > now_us ? announce->next_us - now_us : 0;

	announce->again = announce->asking;
	if (announce->pending || announce->asking)
		return;
	announce->pending = true;
	announce_start(control, (wait_us + CLOCK_MS - 1) / CLOCK_MS);
}
