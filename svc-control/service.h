/* service.h - svc-control put together: the nouns and the wires between them.
 *
 * One struct control per process. Ways of a change:
 *
 *   the server says something   rendezvous -> party -> handover -> nat and dataplane
 *   another member says it      gossip -> party, renewal -> handover
 *   nat finds an address        handover -> announce -> rendezvous, or gossip
 *   the user asks               dispatch -> membership, hosting, renewal -> rendezvous, party ->
 * handover
 */
#ifndef LANRAGE_CONTROL_SERVICE_H
#define LANRAGE_CONTROL_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-control/announce.h"
#include "svc-control/arrival.h"
#include "svc-control/complaint.h"
#include "svc-control/database.h"
#include "svc-control/farewell.h"
#include "svc-control/gossip.h"
#include "svc-control/handover.h"
#include "svc-control/hosting.h"
#include "svc-control/keyholder.h"
#include "svc-control/local.h"
#include "svc-control/membership.h"
#include "svc-control/operation.h"
#include "svc-control/party.h"
#include "svc-control/rendezvous.h"
#include "svc-control/renewal.h"
#include "svc-control/settings.h"
#include "svc-control/tickets.h"

struct control {
	const struct service *service; /* borrowed */
	struct loop loop;
	struct bus *bus;
	struct keyholder keyholder;
	struct database *database;
	struct settings settings;
	struct party party;
	struct websocket *websocket;
	struct rendezvous *rendezvous;
	struct handover handover;
	struct announce announce;
	struct operation operation;
	struct arrival arrival;
	struct farewell farewell;
	struct tickets tickets;
	struct gossip gossip;
	struct renewal renewal;
	struct local local;
	char notice[CONTROL_REASON_MAX]; /* of control_status */
	bool removed;			 /* from the last party, by its host */
	bool has_wireguard_key;
	uint8_t wireguard_key[DATAPLANE_KEY_SIZE];
	struct loop_timer wireguard_timer;
	uint64_t session_us; /* when the last session with the server began */
	struct loop_timer resume_timer;
	struct complaint resume_complaint;
	struct loop_timer lease_timer; /* not again before it ends */
	struct complaint lease_complaint;
	struct loop_timer sweep_timer;
	struct loop_poll keyholder_poll;
	bool failed; /* the exit status says so */
};

/* Runs until SIGTERM. Returns the exit status. */
int control_run(const struct service *service);

/* Something that control_status shows has changed. */
void control_changed(struct control *control);
/* The server of the party one is in or about to enter, else the setting's; "" for none. */
void control_server_url(const struct control *control, char url[CONTROL_URL_MAX]);
/* Connects to the server that should be used now, or to none. */
void control_choose_server(struct control *control);
bool control_is_up(const struct control *control);
/* Asks the server for all it has of the party. Nothing without a server: its next session does. */
void control_resume(struct control *control);
/* What party_apply() and its like returned: hands it on. */
void control_party_changed(struct control *control, unsigned changed);

extern const struct bus_method control_methods[];

#endif
