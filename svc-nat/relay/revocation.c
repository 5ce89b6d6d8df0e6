#include "svc-nat/relay/revocation.h"

#include <string.h>

static bool concerns(const struct revocation *revocation, const uint8_t scope[TICKET_SCOPE_SIZE],
		     const uint8_t member_key[32])
{
	return revocation->until_s != 0 && memcmp(revocation->member_key, member_key, 32) == 0 &&
	       memcmp(revocation->scope, scope, TICKET_SCOPE_SIZE) == 0;
}

void revocations_add(struct revocations *revocations, const struct revocation *revocation)
{
	struct revocation *place = &revocations->list[0];

	for (size_t i = 0; i < REVOCATIONS_MAX; i++) {
		struct revocation *entry = &revocations->list[i];

		if (concerns(entry, revocation->scope, revocation->member_key)) {
			place = entry;
			break;
		}
		if (entry->until_s < place->until_s)
			place = entry;
	}
	*place = *revocation;
}

bool revocations_cover(const struct revocations *revocations, const struct ticket *ticket,
		       uint64_t wall_s)
{
	for (size_t i = 0; i < REVOCATIONS_MAX; i++) {
		const struct revocation *entry = &revocations->list[i];

		if (concerns(entry, ticket->scope, ticket->member_key))
			return entry->until_s > wall_s && ticket->generation < entry->generation;
	}
	return false;
}
