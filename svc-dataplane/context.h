/* context.h - what all tunnels of one engine share: the way out, the identity, the tables.
 *
 * Owned by the engine, borrowed by everything inside it.
 */
#ifndef LANRAGE_DATAPLANE_CONTEXT_H
#define LANRAGE_DATAPLANE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bucket.h"
#include "svc-dataplane/allowedips.h"
#include "svc-dataplane/cookie.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/index.h"
#include "svc-dataplane/noise.h"
#include "svc-dataplane/reflexive.h"
#include "svc-dataplane/schedule.h"
#include "svc-dataplane/sources.h"
#include "svc-dataplane/staging.h"
#include "svc-dataplane/tai64n.h"

#define CONTEXT_GOOD_SIZE 1024
/* Those that the plan names, and those it named before that still carry a peer's data. */
#define CONTEXT_RELAYS_MAX (2 * DATAPLANE_RELAYS_MAX)

/* Handshakes from strangers that are taken up without asking for a cookie, and with one: of all,
 * and of one address. */
#define CONTEXT_HANDSHAKES	  BUCKET_PER_SECOND(300, 600)
#define CONTEXT_HANDSHAKES_PROVEN BUCKET_PER_SECOND(600, 600)
#define CONTEXT_HANDSHAKES_SOURCE BUCKET_PER_SECOND(50, 100)
/* Of one address that a peer or a relay has shown to be its own. */
#define CONTEXT_HANDSHAKES_KNOWN BUCKET_PER_SECOND(500, 1000)

/* What sources_take() counts here. */
enum context_source { CONTEXT_SOURCE_PROVEN, CONTEXT_SOURCE_KNOWN, CONTEXT_SOURCES };

struct relaylink;

struct context {
	struct engine_ops ops;
	struct noise_identity identity;
	struct cookie_checker checker;
	struct mac1_seen seen;
	struct tai64n timestamps;
	struct index_table indices;
	struct schedule schedule;
	struct allowedips allowed; /* owners: struct peer */
	struct staging staging;
	struct reflexive reflexive;
	struct bucket handshakes, handshakes_proven;
	struct sources *sources; /* owned */
	enum dataplane_doubling doubling;
	struct addr good[CONTEXT_GOOD_SIZE]; /* direct-mapped; a newer address takes the place */
	uint32_t good_key;
	size_t n_tunnels;
	size_t n_relays;
	struct relaylink *relays[CONTEXT_RELAYS_MAX];
};

int context_init(struct context *context, const struct engine_ops *ops, const uint8_t *private_key,
		 uint64_t reserved_s);
void context_deinit(struct context *context);
int context_set_private_key(struct context *context, const uint8_t *private_key);

/* The next timestamp for an initiation; has the mark stored before it is used. */
void context_timestamp(struct context *context, uint8_t timestamp[NOISE_TIMESTAMP_SIZE]);
uint32_t context_random(struct context *context);
uint8_t *context_room(struct context *context);
void context_send(struct context *context, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		  size_t length);
void context_changed(struct context *context, enum dataplane_event event, const uint8_t *key);
/* Somebody authentic saw us at this address. */
void context_observed(struct context *context, const struct addr *address, uint64_t now_us);

/* Addresses proven to be a peer's or a relay's: they have a limit of their own. */
void context_good_note(struct context *context, const struct addr *address);
bool context_good_is(const struct context *context, const struct addr *address);

#endif
