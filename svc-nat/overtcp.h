/* overtcp.h - the way to relays by TCP, for a network that passes no UDP.
 *
 * The data plane knows UDP only. A relay that is reached by TCP gets a carrier: a UDP socket on the
 * loopback interface, whose address the plan gives as the relay's, and a connection to the relay.
 * What the tunnel's socket sends there goes into the connection (tcpframe.h), and what comes out of
 * it goes back. It is sealed before and after; the carrier reads nothing of it.
 *
 *     data plane -- UDP, 127.0.0.1 -- carrier -- TCP -- relay
 *
 * While TCP is wanted, every relay is connected to, which measures it; those in use are kept
 * connected, the others measured again once a minute. One that fails is tried again after a
 * second, doubling to half a minute.
 */
#ifndef LANRAGE_NAT_OVERTCP_H
#define LANRAGE_NAT_OVERTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/loop.h"
#include "svc-nat/codec.h"
#include "svc-nat/tcpframe.h"

struct overtcp;

enum carrier_state {
	CARRIER_IDLE,
	CARRIER_CONNECTING,
	CARRIER_UP,
};

struct carrier {
	struct overtcp *owner; /* NULL: this place is free */
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	char name[DATAPLANE_NAME_MAX];
	size_t n_endpoints;
	struct addr endpoints[2];
	size_t next_endpoint; /* to be tried */
	struct addr endpoint; /* the present one */

	enum carrier_state state;
	bool wanted;
	bool used;	   /* stays connected */
	uint64_t due_us;   /* IDLE: when to connect; CONNECTING: when to give up */
	uint64_t began_us; /* connecting; UP and not wanted: since when */
	unsigned failures; /* in a row */
	uint32_t rtt_us;   /* of the last handshake; DATAPLANE_UNKNOWN */
	int tcp_fd, udp_fd;
	struct addr local; /* of udp_fd; another one with every connection */
	struct loop_poll tcp_poll, udp_poll;
	struct tcpframe_in in;
	struct tcpframe_out out;
};

struct overtcp {
	struct loop *loop;
	void (*changed)(void *data); /* a carrier came up, went down, or was measured */
	void *data;
	struct addr tunnel;
	struct carrier carriers[NAT_RELAYS_MAX];
};

void overtcp_init(struct overtcp *overtcp, struct loop *loop, void (*changed)(void *data),
		  void *data);
void overtcp_stop(struct overtcp *overtcp);

/* A relay that may be reached by TCP. */
struct overtcp_relay {
	const struct nat_relay *relay;
	bool used; /* keep it connected */
};
/* What is wanted now; the others' connections end. tunnel: where the data plane's socket is, on the
 * loopback interface. Returns when to be called again at the latest. */
uint64_t overtcp_want(struct overtcp *overtcp, uint64_t now_us, const struct addr *tunnel,
		      const struct overtcp_relay *relays, size_t n);
/* Another network: connections of the old one are dead, whatever TCP believes. */
void overtcp_restart(struct overtcp *overtcp);

/* The relay's carrier, or NULL. Up: the data plane reaches it at `local`. */
const struct carrier *overtcp_find(const struct overtcp *overtcp,
				   const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
