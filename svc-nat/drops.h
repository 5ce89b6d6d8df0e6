/* drops.h - whether this machine's own packet filter throws away what comes in.
 *
 * The kernel counts the IP packets that arrived and those that it handed on (/proc/net/snmp and
 * snmp6, RFC 4293). What is missing between the two was dropped by a packet filter. Other traffic
 * is dropped too, so only the time in which STUN servers are being asked counts: where about as
 * many packets vanish as requests were sent, and no answer comes, those were the answers.
 * Needs no privilege. Everything but drops_read() is pure.
 */
#ifndef LANRAGE_NAT_DROPS_H
#define LANRAGE_NAT_DROPS_H

#include <stdbool.h>
#include <stdint.h>

#define DROPS_LEAST 4u /* requests, before anything is concluded */

struct drops {
	bool asking;
	uint64_t vanished_before, copies_before; /* when asking began */
	uint64_t vanished, copies;		 /* in all times of asking since an answer came */
	uint64_t answers;
};

/* From the files' texts; "" for one that is not there. */
uint64_t drops_count(const char *snmp, const char *snmp6);
/* Of this machine, now. */
uint64_t drops_read(void);

/* copies and answers: as counted by behaviour.h. Whether asking began or ended: the moment to
 * drops_read() and call drops_update(). */
bool drops_is_due(const struct drops *drops, bool asking, uint64_t answers);
void drops_update(struct drops *drops, bool asking, uint64_t copies, uint64_t answers,
		  uint64_t vanished);
/* The answers vanish in this machine. */
bool drops_are_ours(const struct drops *drops);

#endif
