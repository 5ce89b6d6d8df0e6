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
}

/* Returns the length or a negative errno. */
static ssize_t announce_make(struct control *control, uint8_t sealed[ANNOUNCEMENT_SEALED_MAX])
{
	uint64_t wall_us = clock_wall_us();
	struct announcement announcement;
	int r;

	party_fill_announcement(&control->party, &announcement, control->wireguard_key,
				wall_us / CLOCK_SECOND);
	announce_fill_reach(control, &announcement);
	/* From the clock, so that even a lost database does not begin below what others hold. */
	r = database_next_sequence(control->database, wall_us / CLOCK_MS, &announcement.sequence);
	if (r < 0)
		return r;
	return announcement_seal(&announcement, &control->party.record.trust, &control->keyholder,
				 sealed);
}

static void announce_answered(void *data, const struct error *error,
			      const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	control->announce.asking = false;
	if (error && error->code != -ENOTCONN) {
		log_warning("server: announcement not taken: %s", error->text);
		announce_start(control, RETRY_MS);
	} else if (control->announce.again) {
		announce_soon(control);
	}
}

static void announce_send(struct control *control)
{
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_ANNOUNCE};
	uint8_t sealed[ANNOUNCEMENT_SEALED_MAX];
	ssize_t length = announce_make(control, sealed);

	if (length < 0) {
		log_err("announcement: cannot be made: %s", strerror((int)-length));
		return;
	}
	memcpy(frame.party_id, control->party.record.trust.party_id, sizeof(frame.party_id));
	frame.announce.sealed.bytes = sealed;
	frame.announce.sealed.length = (size_t)length;
	control->announce.next_us = clock_now_us() + ANNOUNCE_INTERVAL_MS * CLOCK_MS;
	control->announce.asking = true;
	control->announce.again = false;
	rendezvous_request(control->rendezvous, &frame, announce_answered, control);
}

static void announce_now(void *data)
{
	struct control *control = data;

	control->announce.pending = false;
	announce_start(control, ANNOUNCE_RENEW_MS);
	if (party_self(&control->party) && control->has_wireguard_key &&
	    rendezvous_state(control->rendezvous) == CONTROL_SERVER_CONNECTED)
		announce_send(control);
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
