/* farewell.h - tells the server of a party that this machine has left, however late.
 *
 * The server may be away when a party is left, or lose the answer to a join that was given up. Not
 * telling it would show the others a member for ever; so the debt is stored, and paid when that
 * server is next there. One at a time: a newer one replaces it.
 */
#ifndef LANRAGE_CONTROL_FAREWELL_H
#define LANRAGE_CONTROL_FAREWELL_H

#include <stdbool.h>
#include <stdint.h>

#include "svc-control/codec.h"

struct control;

struct farewell_party {
	uint8_t party_id[CONTROL_PARTY_ID_SIZE];
	char server_url[CONTROL_URL_MAX];
};

struct farewell {
	bool owed;
	struct farewell_party party;
	uint8_t asked[CONTROL_PARTY_ID_SIZE]; /* which one the server was told last */
};

/* Loads what is still owed. */
void farewell_init(struct control *control);
void farewell_owe(struct control *control, const struct farewell_party *party);
/* It is to be a member again. */
void farewell_cancel(struct control *control, const uint8_t party_id[CONTROL_PARTY_ID_SIZE]);
/* Pays what is owed to this server. */
void farewell_server_ready(struct control *control);

#endif
