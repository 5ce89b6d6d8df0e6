/* sharing.h - how own servers get to the other members' browsers, and theirs here. Pure.
 *
 * Outwards. Every push makes the member's announcement anew, which costs all members, so only what
 * matters is pushed at once (a server more or less, its description, its players), SHARING_GAP_S
 * apart at least; heartbeats alone are told every SHARING_ALIVE_S.
 *
 * Inwards. What svc-control has is taken whole each time. A member's bytes that are not the same as
 * before are news, heard now; the same ones again are as old as they were. The first ones seen of a
 * member that is offline may be of any age, as the server may have kept them, and wait for others.
 * A server's address is its member's virtual address, so nobody can point at another.
 */
#ifndef LANRAGE_BROWSER_SHARING_H
#define LANRAGE_BROWSER_SHARING_H

#include "svc-browser/registry.h"
#include "svc-browser/shared_codec.h"

#define SHARING_GAP_S	    2
#define SHARING_ALIVE_S	    30
#define SHARING_DIGEST_SIZE 16

struct sharing_member {
	uint8_t identity[DATAPLANE_KEY_SIZE];
	uint8_t digest[SHARING_DIGEST_SIZE]; /* of its bytes */
	bool heard;			     /* the bytes came while we were listening */
	uint64_t seen_us, seen_wall_s;	     /* when they did */
};

struct sharing {
	bool pushed, changed, alive; /* pushed: ever; the others: since then */
	uint64_t pushed_us;
	size_t n_members;
	struct sharing_member members[DATAPLANE_MEMBERS_MAX];
};

/* Something that matters changed, or svc-control may have forgotten. */
void sharing_note_change(struct sharing *sharing);
void sharing_note_heartbeat(struct sharing *sharing);
/* When to push: 0 for at once, CLOCK_NEVER. What was never pushed is due, for the process before
 * may have left something. */
uint64_t sharing_due_us(const struct sharing *sharing);
/* What to push; counts as pushed. Nothing to share is a length of 0. edition: never the same twice.
 * -ENOMEM; -EMSGSIZE: sharing_check_room() was not asked. */
int sharing_pack(struct sharing *sharing, const struct registry *registry, uint64_t now_us,
		 uint64_t wall_s, uint64_t edition, struct control_shared *shared);
/* Whether this server would still fit in beside the other own ones, whatever its numbers become.
 * -EMSGSIZE, -ENOMEM. */
int sharing_check_room(const struct registry *registry, const struct browser_server *server);

/* Makes registry's others anew out of what svc-control says. */
void sharing_take(struct sharing *sharing, struct registry *registry,
		  const struct control_status *status, const struct control_shared_list *list,
		  uint64_t now_us, uint64_t wall_s);

#endif
