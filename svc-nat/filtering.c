#include "svc-nat/filtering.h"

#include <string.h>

#include "common/clock.h"

#define RTO_US	   (100 * CLOCK_MS)
#define GIVE_UP_US (600 * CLOCK_MS) /* after the last copy */

void filtering_begin(struct filtering *filtering, uint64_t now_us, uint64_t epoch,
		     const struct addr *server, const uint8_t id[STUN_TRANSACTION_ID_SIZE])
{
	filtering->epoch = epoch;
	filtering->server = *server;
	memcpy(filtering->transaction_id, id, STUN_TRANSACTION_ID_SIZE);
	filtering->tries = 0;
	filtering->due_us = now_us;
}

bool filtering_is_under_way(const struct filtering *filtering)
{
	return !addr_is_none(&filtering->server);
}

uint64_t filtering_due_us(const struct filtering *filtering)
{
	return filtering_is_under_way(filtering) ? filtering->due_us : CLOCK_NEVER;
}

static void end(struct filtering *filtering, enum nat_behaviour result)
{
	memset(&filtering->server, 0, sizeof(filtering->server));
	filtering->result = result;
}

size_t filtering_poll(struct filtering *filtering, uint64_t now_us, uint8_t *bytes, size_t size)
{
	struct stun_message request = {
		.class = STUN_REQUEST, .method = STUN_METHOD_BINDING, .change_port = true};
	int length;

	if (now_us < filtering_due_us(filtering))
		return 0;
	if (filtering->tries == FILTERING_TRIES) {
		end(filtering, NAT_ADDRESS_AND_PORT_DEPENDENT);
		return 0;
	}
	memcpy(request.transaction_id, filtering->transaction_id, STUN_TRANSACTION_ID_SIZE);
	filtering->due_us = now_us + (RTO_US << filtering->tries);
	if (++filtering->tries == FILTERING_TRIES)
		filtering->due_us = now_us + GIVE_UP_US;
	length = stun_write(&request, bytes, size);
	return length > 0 ? (size_t)length : 0;
}

bool filtering_receive(struct filtering *filtering, const struct addr *from,
		       const struct stun_message *message)
{
	if (!filtering_is_under_way(filtering) ||
	    memcmp(message->transaction_id, filtering->transaction_id, STUN_TRANSACTION_ID_SIZE) !=
		    0 ||
	    !addr_equal_ip(from, &filtering->server))
		return false;
	if (message->class == STUN_SUCCESS && from->port != filtering->server.port)
		end(filtering, NAT_PORT_INDEPENDENT);
	else
		end(filtering, NAT_UNKNOWN); /* it cannot, or does not know the wish */
	return true;
}
