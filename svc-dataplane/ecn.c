#include "svc-dataplane/ecn.h"

#include "svc-dataplane/checksum.h"
#include "svc-dataplane/header.h"

enum { NOT_ECT, ECT_1, ECT_0, CE }; /* RFC 3168 section 5 */

uint8_t ecn_of(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? packet[IPV4_TOS] & 3 : packet[1] >> 4 & 3;
}

static void set(uint8_t *packet, uint8_t bits)
{
	if (packet[0] >> 4 == 6) {
		packet[1] = (uint8_t)((packet[1] & 0xcf) | bits << 4);
		return;
	}
	packet[IPV4_TOS] = (uint8_t)((packet[IPV4_TOS] & 0xfc) | bits);
	checksum_set_ipv4(packet);
}

/* Figure 4 of the RFC. */
bool ecn_leave(uint8_t *packet, uint8_t outer)
{
	uint8_t inner = ecn_of(packet);

	if (inner == NOT_ECT)
		return outer != CE;
	if (outer == CE && inner != CE)
		set(packet, CE);
	else if (outer == ECT_1 && inner == ECT_0)
		set(packet, ECT_1);
	return true;
}
