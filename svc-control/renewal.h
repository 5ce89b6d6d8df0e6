/* renewal.h - beginning a generation of the party's key, and following one that began.
 *
 * A kick, a host that leaves, and a new host that takes over each begin a generation
 * (generation.h). It counts for this member from the moment it is stored; members hear of it
 * through the tunnel at once, and the server is brought to the same generation whenever it is there
 * and behind, by whichever member meets it first. So a kick works while the server is away, and a
 * server that ignores one keeps nobody in.
 */
#ifndef LANRAGE_CONTROL_RENEWAL_H
#define LANRAGE_CONTROL_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/loop.h"
#include "svc-control/complaint.h"
#include "svc-control/rendezvous_codec.h"

struct control;
struct control_kick;

struct renewal {
	uint32_t server_generation; /* of the party, as the server said in this session; 0: not yet
				     */
	uint32_t confirmed;	    /* what it took from us in this session */
	uint32_t went_back;	    /* the generation that it took and forgot; named already */
	bool asking;
	struct complaint complaint;
	bool shares_put;	     /* of the latest generation, in this session */
	struct loop_timer take_over; /* a moment after having become host */
};

void renewal_init(struct control *control);
void renewal_deinit(struct control *control);

/* CONTROL_KICK. Answers `call` itself. */
void renewal_kick(struct control *control, struct bus_call *call, const struct control_kick *kick);
/* Hands the party over before its host leaves: tells server and members. Nothing without another
 * member. */
void renewal_hand_over(struct control *control);

/* Records that came from the server or a member, with the last one's key and a voucher (each may be
 * NULL). The members' own proofs decide; lies are logged. */
void renewal_take(struct control *control, const struct rendezvous_generation *records, size_t n,
		  const uint8_t *key, const uint8_t *voucher);
/* Likewise, as the server pushes them. */
void renewal_pushed(struct control *control, const struct rendezvous_generations *pushed);

/* A session with the server ended or began. */
void renewal_forget_server(struct control *control);
/* The server says which generation the party has. */
void renewal_server_has(struct control *control, uint32_t generation);

#endif
