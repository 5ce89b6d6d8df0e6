/* tunnel.h - a session with its indices and its place in the schedule: what peers and relays have
 * in common. It is the first member of struct peer and struct relaylink; kind says of which.
 */
#ifndef LANRAGE_DATAPLANE_TUNNEL_H
#define LANRAGE_DATAPLANE_TUNNEL_H

#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/context.h"
#include "svc-dataplane/session.h"

enum tunnel_kind { TUNNEL_PEER, TUNNEL_RELAY };

struct tunnel {
	struct context *context;
	enum tunnel_kind kind;
	struct session session;
	uint64_t *replay; /* owned; the session's windows */
	size_t replay_words;
	uint64_t due_us; /* schedule.h */
	size_t position;
	uint64_t handshake_wall_us; /* when the last handshake was completed; 0: never */
};

/* replay_window: in packets. preshared_key NULL: none. -ENOMEM; -EINVAL for a bad key. */
int tunnel_init(struct tunnel *tunnel, struct context *context, enum tunnel_kind kind,
		const uint8_t *public_key, const uint8_t *preshared_key, size_t replay_window);
void tunnel_deinit(struct tunnel *tunnel);
/* After a change of our own key: everything from the start. */
int tunnel_restart(struct tunnel *tunnel);

const uint8_t *tunnel_key(const struct tunnel *tunnel);
/* Brings the due time forward if this is earlier. */
void tunnel_due(struct tunnel *tunnel, uint64_t due_us);
/* Frees the indices that ended. After every call that fills events. */
void tunnel_retire(struct tunnel *tunnel, const struct session_events *events);
/* A fresh index, entered in the table. -ENOSPC. */
int tunnel_index_new(struct tunnel *tunnel, uint32_t *index);
/* Creates an initiation. Errors as session_initiate. */
int tunnel_initiate(struct tunnel *tunnel, uint64_t now_us, struct message_initiation *message);
uint64_t tunnel_handshake_age_us(const struct tunnel *tunnel, uint64_t now_us);

#endif
