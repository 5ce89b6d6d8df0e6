/* member.h - the member that a request speaks of, by id or by name. */
#ifndef LANRAGE_API_MEMBER_H
#define LANRAGE_API_MEMBER_H

#include "svc-api/snapshot.h"

struct request;
struct reply;

/* ask_snapshot() of sources with SNAPSHOT_CONTROL, which has answered. */
struct snapshot *member_snapshot(const struct request *request, uint32_t sources,
				 struct reply *reply);
/* By id, else by name, and never this machine itself. NULL with the reply made. */
const struct control_member *member_find(const struct control_status *control, const char *name,
					 struct reply *reply);
/* By WireGuard key; NULL: nobody has it, or control is NULL. */
const struct control_member *member_of_key(const struct control_status *control,
					   const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
