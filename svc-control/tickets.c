#include "svc-control/tickets.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/service.h"

#define RENEW_MS (TICKET_LIFETIME_S * 1000u / 2)
#define RETRY_MS 10000
#define GRACE_MS 90000 /* in which relays tell a server that was restarted that they are there */
#define CACHE	 "relays"

static void tickets_take_relay(struct nat_relay *to, const struct rendezvous_relay *from)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->public_key, from->relay_key, DATAPLANE_KEY_SIZE);
	if (*from->region)
		snprintf(to->name, sizeof(to->name), "%s", from->region);
	else
		snprintf(to->name, sizeof(to->name), "relay-%02x%02x", from->relay_key[0],
			 from->relay_key[1]);
	to->n_endpoints = from->n_endpoints;
	memcpy(to->endpoints, from->endpoints, sizeof(to->endpoints));
	to->ticket_length = from->ticket_length;
	memcpy(to->ticket, from->ticket, from->ticket_length);
}

static bool tickets_has(const struct tickets *tickets, const struct nat_relay *relay)
{
	for (size_t i = 0; i < tickets->n_relays; i++)
		if (memcmp(tickets->relays[i].public_key, relay->public_key, DATAPLANE_KEY_SIZE) ==
		    0)
			return true;
	return false;
}

/* A server that was restarted does not know its relays for a while; ours are as good as before. One
 * that it named in this session and names no more has gone. */
static void tickets_keep(struct control *control, const struct tickets *before)
{
	struct tickets *tickets = &control->tickets;

	tickets->kept = false;
	if (clock_now_us() - control->session_us > GRACE_MS * CLOCK_MS)
		return;
	for (size_t i = 0; i < before->n_relays && tickets->n_relays < NAT_RELAYS_MAX; i++) {
		if (before->listed[i] || tickets_has(tickets, &before->relays[i]))
			continue;
		tickets->listed[tickets->n_relays] = false;
		tickets->relays[tickets->n_relays++] = before->relays[i];
		tickets->kept = true;
	}
}

/* False for anything but tickets of the party one is in: they may be late, or of a former one. */
static bool tickets_take(struct control *control, const struct rendezvous_server_frame *frame)
{
	struct tickets *tickets = &control->tickets;
	struct tickets before;

	if (frame->type != RENDEZVOUS_TICKETS || !control->party.joined ||
	    memcmp(frame->tickets.party_id, control->party.record.trust.party_id,
		   sizeof(frame->tickets.party_id)) != 0)
		return false;
	before = *tickets;
	tickets->n_relays = 0;
	for (size_t i = 0; i < frame->tickets.n_relays && i < NAT_RELAYS_MAX; i++) {
		const struct rendezvous_relay *from = &frame->tickets.relays[i];

		/* nat refuses them all for one key of zeros */
		if (from->ticket_length != 0 && from->n_endpoints != 0 &&
		    !sodium_is_zero(from->relay_key, sizeof(from->relay_key)))
			tickets_take_relay(&tickets->relays[tickets->n_relays++], from);
	}
	for (size_t i = 0; i < tickets->n_relays; i++)
		tickets->listed[i] = true;
	tickets_keep(control, &before);
	return true;
}

static void tickets_store(struct control *control, const struct rendezvous_server_frame *frame)
{
	uint8_t *bytes;
	ssize_t length = rendezvous_server_encode(frame, &bytes);

	if (length < 0)
		return;
	database_set_cache(control->database, CACHE, bytes, (size_t)length);
	free(bytes);
}

static void tickets_renew(void *data)
{
	tickets_fetch(data);
}

static void tickets_wait(struct control *control, uint64_t ms)
{
	loop_timer_start(&control->loop, &control->tickets.timer, ms, 0, tickets_renew, control);
}

static void tickets_answered(void *data, const struct error *error,
			     const struct rendezvous_server_frame *frame)
{
	static const struct error none = {-EBADMSG, "the answer holds none for this party"};
	struct control *control = data;
	bool taken = !error && tickets_take(control, frame);

	control->tickets.asking = false;
	if (!error && !taken)
		error = &none;
	if (party_self(&control->party) && complaint_is_new(&control->tickets.complaint, error))
		log_info("server: no relay tickets: %s", error->text);
	if (taken) {
		tickets_store(control, frame);
		handover_push(control);
		tickets_wait(control, control->tickets.kept ? GRACE_MS : RENEW_MS);
	} else if (party_self(&control->party)) {
		tickets_wait(control, RETRY_MS);
	}
	if (control->tickets.again)
		tickets_fetch(control);
}

void tickets_new_session(struct control *control)
{
	memset(control->tickets.listed, 0, sizeof(control->tickets.listed));
}

void tickets_fetch(struct control *control)
{
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_GET_TICKETS};

	control->tickets.again = control->tickets.asking;
	if (control->tickets.asking || !party_self(&control->party) ||
	    rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED)
		return;
	control->tickets.asking = true;
	memcpy(frame.party_id, control->party.record.trust.party_id, sizeof(frame.party_id));
	rendezvous_request(control->rendezvous, &frame, tickets_answered, control);
}

void tickets_init(struct control *control)
{
	uint8_t bytes[RENDEZVOUS_FRAME_MAX];
	size_t length = sizeof(bytes);
	struct rendezvous_server_frame frame;

	memset(&control->tickets, 0, sizeof(control->tickets));
	if (database_get_cache(control->database, CACHE, bytes, &length) < 0 ||
	    rendezvous_server_decode(&frame, bytes, length) < 0)
		return;
	tickets_take(control, &frame);
	rendezvous_server_clear(&frame);
}

void tickets_deinit(struct control *control)
{
	loop_timer_stop(&control->tickets.timer);
}

void tickets_forget(struct control *control)
{
	loop_timer_stop(&control->tickets.timer);
	control->tickets.n_relays = 0;
	database_set_cache(control->database, CACHE, NULL, 0);
}
