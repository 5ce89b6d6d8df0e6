/* gossip.h - what members tell each other through the tunnel, past the server.
 *
 * A server that is away, that withholds or that rolls back cannot keep members apart from what they
 * should know, because each tells the others, by notes inside the tunnel (svc-dataplane/codec.h):
 *
 *   summary       how new an announcement it has of each member, at every new handshake
 *   announcement  what a member said, for one whose summary shows that it lacks it
 *   renewal       the records of generations, with the key, for one that is behind
 *
 * A member that the server says has left is asked itself, by a summary without it: if it is there,
 * it answers with its own announcement.
 *
 * Notes are authenticated as coming from a member; what is in them proves itself (announcement.h,
 * generation.h). They may be lost: a renewal is repeated until its receiver shows that it has it, a
 * summary comes with the next handshake. Rates are bounded by answering at most one summary a
 * second with a few notes.
 */
#ifndef LANRAGE_CONTROL_GOSSIP_H
#define LANRAGE_CONTROL_GOSSIP_H

#include "common/loop.h"
#include "svc-control/codec.h"

struct control;
struct rendezvous_generation;

struct gossip {
	struct loop_timer timer; /* repeats a renewal */
	unsigned repeats;	 /* left */
	struct loop_timer doubt; /* repeats the question whether somebody is there */
	unsigned questions;	 /* left */
	bool taking;		 /* the dataplane is being asked for notes */
	bool again;		 /* and more came meanwhile */
	uint64_t instance;	 /* of the dataplane that numbers them */
	uint64_t after;		 /* the last note that was taken */
};

void gossip_init(struct control *control);
void gossip_deinit(struct control *control);
/* The dataplane may have notes for us. */
void gossip_take(struct control *control);
/* Something changed between us and the member with this WireGuard key: a new session, perhaps. */
void gossip_greet(struct control *control, const uint8_t key[DATAPLANE_KEY_SIZE]);
/* Asks those whom the party doubts whether they are there; who is silent has left. */
void gossip_doubt(struct control *control);
/* Tells every member what this one said last. */
void gossip_announce(struct control *control);
/* A generation began: tells every member, until each has it. */
void gossip_renew(struct control *control);
/* Tells a member that is no longer one, without the key. */
void gossip_dismiss(struct control *control, const uint8_t key[DATAPLANE_KEY_SIZE],
		    const struct rendezvous_generation *record);
/* Tells every member that this one hands over: key and vouchers of a generation it is not in. */
void gossip_hand_over(struct control *control, const struct rendezvous_generation *record,
		      const uint8_t party_key[32]);

#endif
