/* binding.h - packets from the party for sockets that are not bound to the party's address.
 *
 * Some programs bind their socket to the address of a card, or to the card itself. Packets to our
 * address in the party would not reach them, and what they send would carry an address that nobody
 * in the party knows. So both are translated, by protocol and port:
 *
 *     in    10.66.0.3:5000 -> 10.66.0.2:27015      becomes   10.66.0.3:5000 -> 192.168.1.10:27015
 *     out   192.168.1.10:27015 -> 10.66.0.3:5000   becomes   10.66.0.2:27015 -> 10.66.0.3:5000
 *
 * Which port is whose, the kernel is asked (sockets.h) when a UDP packet or a TCP SYN comes to a
 * port that was not asked for lately. Only where nothing is known the packet waits for the answer.
 * What leaves says as much of its port.
 *
 * Pure. Addresses are in network order, ports are numbers.
 */
#ifndef LANRAGE_DATAPLANE_BINDING_H
#define LANRAGE_DATAPLANE_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-dataplane/split.h"

#define BINDING_PLACES	 8192 /* of each protocol; ports with the same remainder take turns */
#define BINDING_FRESH_US (5 * CLOCK_SECOND)  /* then it is asked again */
#define BINDING_KNOWN_US (60 * CLOCK_SECOND) /* then it is not known any more */

enum binding_protocol { BINDING_TCP, BINDING_UDP, BINDING_PROTOCOLS };

struct binding_port {
	enum binding_protocol protocol;
	uint16_t port;
};

/* What the kernel says of a port. */
struct binding_answer {
	uint32_t address; /* of the card it is bound to, by address or device; 0: to all, or ours */
	bool device;	  /* by device: not even what is for everybody reaches it by another */
};

struct binding_place {
	uint16_t port;
	bool asked; /* and not answered */
	uint64_t known_us;
	struct binding_answer answer;
};

struct binding {
	uint32_t address; /* ours, in the party; 0: nothing is translated */
	struct binding_place places[BINDING_PROTOCOLS][BINDING_PLACES];
};

enum binding_verdict {
	BINDING_AS_IS,
	BINDING_TO_CARD, /* changed; to be delivered to that address of this machine */
	BINDING_WAIT,	 /* keep it until the kernel has answered */
};

void binding_set(struct binding *binding, uint32_t address);
/* A packet from a member to us, or to everybody. Fragments are as they are. ask: the kernel is to
 * be asked for port, now. */
enum binding_verdict binding_arrives(struct binding *binding, uint64_t now_us, uint8_t *packet,
				     size_t length, struct binding_port *port, bool *ask);
/* The kernel's answer; NULL: it could not be asked. */
void binding_answered(struct binding *binding, uint64_t now_us, const struct binding_port *port,
		      const struct binding_answer *answer);
/* A packet on its way to a member, from an address of this machine: it is from our address in the
 * party now, and what comes back will be for the other. device: it left by another card. */
void binding_leaves(struct binding *binding, uint64_t now_us, bool device, uint8_t *packet,
		    size_t length, const struct split_offload *offload);

#endif
