/* engine_private.h - an engine from the inside, for the files that make it up: engine.c (packets
 * and time), handshake.c (messages from strangers), desired.c (party and plan), manual.c (`wg
 * set`), snapshot.c (engine_state).
 */
#ifndef LANRAGE_DATAPLANE_ENGINE_PRIVATE_H
#define LANRAGE_DATAPLANE_ENGINE_PRIVATE_H

#include "svc-dataplane/context.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/peertable.h"
#include "svc-dataplane/reach.h"

struct engine {
	struct context context;
	struct peertable peers;
	struct dataplane_revision party; /* in force */
	struct dataplane_plan plan;	 /* own copy: members may come after it */
	uint64_t now_us;		 /* latest seen: time never goes back in here */
	uint64_t sweep_us;		 /* when to look for relays nobody needs any more */
};

/* What time it is: callers on different clocks' readings may disagree by a little. Notices a pause.
 */
uint64_t engine_clock(struct engine *engine, uint64_t now_us);

/* handshake.c: types 1 to 3. */
void handshake_receive(struct engine *engine, uint64_t now_us, const struct addr *from,
		       const uint8_t *bytes, enum message_type type);
/* engine.c: carries what a relay has learned to the peers. */
void engine_relay_news(struct engine *engine, uint64_t now_us, struct relaylink *relay);
/* desired.c */
void desired_deinit(struct engine *engine);
/* Frees relays that neither the plan nor a peer's active path needs. */
void desired_sweep_relays(struct engine *engine, bool force);

#endif
