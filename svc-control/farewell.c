#include "svc-control/farewell.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "svc-control/service.h"

#define CACHE "farewell"

/* As stored: the party's id, then the URL without its NUL. */
void farewell_init(struct control *control)
{
	struct farewell *farewell = &control->farewell;
	uint8_t bytes[CONTROL_PARTY_ID_SIZE + CONTROL_URL_MAX - 1];
	size_t length = sizeof(bytes);

	memset(farewell, 0, sizeof(*farewell));
	if (database_get_cache(control->database, CACHE, bytes, &length) < 0 ||
	    length < CONTROL_PARTY_ID_SIZE)
		return;
	memcpy(farewell->party.party_id, bytes, CONTROL_PARTY_ID_SIZE);
	memcpy(farewell->party.server_url, bytes + CONTROL_PARTY_ID_SIZE,
	       length - CONTROL_PARTY_ID_SIZE);
	farewell->owed = true;
}

static void farewell_store(struct control *control)
{
	const struct farewell_party *party = &control->farewell.party;
	uint8_t bytes[CONTROL_PARTY_ID_SIZE + CONTROL_URL_MAX];
	size_t length = strlen(party->server_url);

	memcpy(bytes, party->party_id, CONTROL_PARTY_ID_SIZE);
	memcpy(bytes + CONTROL_PARTY_ID_SIZE, party->server_url, length);
	database_set_cache(control->database, CACHE, bytes,
			   control->farewell.owed ? CONTROL_PARTY_ID_SIZE + length : 0);
}

static void farewell_clear(struct control *control)
{
	if (!control->farewell.owed)
		return;
	control->farewell.owed = false;
	farewell_store(control);
}

static void farewell_answered(void *data, const struct error *error,
			      const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	/* a refusal is as good: the server does not know us as a member */
	if (memcmp(control->farewell.asked, control->farewell.party.party_id,
		   CONTROL_PARTY_ID_SIZE) != 0)
		return;
	if (!error || error->code == -ENOENT || error->code == -EPERM)
		farewell_clear(control);
	else
		log_info("server: a party was left, which it does not know yet: %s", error->text);
}

void farewell_server_ready(struct control *control)
{
	struct farewell *farewell = &control->farewell;
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_LEAVE_PARTY};

	if (!farewell->owed || rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED ||
	    strcmp(rendezvous_url(control->rendezvous), farewell->party.server_url) != 0)
		return;
	memcpy(frame.party_id, farewell->party.party_id, sizeof(frame.party_id));
	memcpy(farewell->asked, farewell->party.party_id, sizeof(farewell->asked));
	rendezvous_request(control->rendezvous, &frame, farewell_answered, control);
}

void farewell_owe(struct control *control, const struct farewell_party *party)
{
	control->farewell.owed = true;
	control->farewell.party = *party;
	farewell_store(control);
	farewell_server_ready(control);
}

void farewell_cancel(struct control *control, const uint8_t party_id[CONTROL_PARTY_ID_SIZE])
{
	if (memcmp(control->farewell.party.party_id, party_id, CONTROL_PARTY_ID_SIZE) == 0)
		farewell_clear(control);
}
