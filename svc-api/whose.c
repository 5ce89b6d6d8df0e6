#include "svc-api/whose.h"

#include <arpa/inet.h>
#include <string.h>

#define LINE_SIZE 256 /* a line has 150 */

uint32_t whose_in(FILE *table, const struct addr *from, uint16_t port)
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof(line), table)) {
		unsigned int ip, local_port, remote_port, uid;

		/* Number, both ends, state, queues, timer, retransmissions, owner. Addresses are
		 * written as if the bytes of each were a number of this machine.
		 */
		if (sscanf(line, "%*u: %8x:%4x %*8x:%4x %*x %*x:%*x %*x:%*x %*x %u", &ip,
			   &local_port, &remote_port, &uid) == 4 &&
		    ntohl(ip) == addr_ipv4_value(from) && local_port == from->port &&
		    remote_port == port)
			return uid;
	}
	return WHOSE_UNKNOWN;
}

uint32_t whose_connection(const struct addr *from, uint16_t port)
{
	FILE *table = from->family == ADDR_IPV4 ? fopen("/proc/net/tcp", "re") : NULL;
	uint32_t uid = table ? whose_in(table, from, port) : WHOSE_UNKNOWN;

	if (table)
		(void)fclose(table);
	return uid;
}
