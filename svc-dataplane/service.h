/* service.h - the dataplane as a process: loop, bus, `wg` sockets, packet thread, stored state.
 *
 * The service thread runs the loop; everything here is called on it. The packet thread is reached
 * through packetloop_call() only. State is level-triggered: service_set_party() and
 * service_set_plan() take the whole desired state and may be repeated at will.
 *
 * The interface keeps address and routes when the process ends, however it ends; only a party
 * that is down takes them away.
 */
#ifndef LANRAGE_DATAPLANE_SERVICE_H
#define LANRAGE_DATAPLANE_SERVICE_H

#include "common/bus.h"
#include "common/service.h"
#include "svc-dataplane/codec.h"
#include "svc-dataplane/lanservice.h"
#include "svc-dataplane/packetloop.h"
#include "svc-dataplane/resume.h"
#include "svc-dataplane/uapi.h"

struct probe_call {
	struct bus_call *call; /* NULL: free */
	uint64_t cookie;
};

struct dataplane {
	struct service service;
	struct loop loop;
	struct bus *bus;
	struct resume resume;

	struct device device;
	struct underlay *underlay;
	struct stunpipe stun;
	struct discovery *discovery;
	struct packetloop *packets;
	struct lanservice lan;
	unsigned offloads_failing; /* in the self-test */
	unsigned offloads_off;	   /* as last set; packet thread */
	struct loop_wake wake;
	struct uapi_device uapi_device;
	struct uapi_server uapi;

	struct dataplane_party party; /* in force, for the interface */
	enum dataplane_interface_state interface_state;
	char interface_reason[DATAPLANE_REASON_MAX];
	bool interface_collides;
	struct loop_timer interface_timer; /* runs while setting it up fails */
	struct loop_timer paths_timer;	   /* runs while paths changed since they were stored */
	bool paths_changed;
	_Atomic uint64_t mark_wanted_s; /* to move the stored mark beyond; 0: nothing to do */

	uint64_t last_cookie;
	struct probe_call probes[BUS_CALLS_MAX];
};

/* dispatch.c */
extern const struct bus_method dispatch_methods[];

/* Everything up to the running loop. Negative errno with words, then only exit is left. */
int service_start(struct dataplane *dataplane, int argc, char **argv, struct error *error);
/* Until SIGTERM. */
void service_run(struct dataplane *dataplane);
/* Frees everything and wipes keys. */
void service_stop(struct dataplane *dataplane);

/* party and plan are taken over (emptied) when 0 is returned; body is what is stored of them.
 * -ESTALE for an older revision; -EEXIST, -ENOMEM. That the interface could not be set up is no
 * error here but part of the state, and is tried again. */
int service_set_party(struct dataplane *dataplane, struct dataplane_party *party,
		      const uint8_t *body, size_t length);
int service_set_plan(struct dataplane *dataplane, const struct dataplane_plan *plan,
		     const uint8_t *body, size_t length);
/* Checks every path, and the interface's routes against the machine's own. */
void service_moved(struct dataplane *dataplane);
/* To be cleared. */
int service_state(struct dataplane *dataplane, struct dataplane_state *state);
void service_key(struct dataplane *dataplane, struct dataplane_key *key);
/* As engine_send_note(). */
int service_send_note(struct dataplane *dataplane, const struct dataplane_note *note);
/* To be cleared. */
int service_take_notes(struct dataplane *dataplane, const struct dataplane_take_notes *wish,
		       struct dataplane_notes *notes);
/* Answers the call, now or within a second or so. */
void service_probe(struct dataplane *dataplane, struct bus_call *call,
		   const struct dataplane_key *key);

#endif
