/* service.h - svc-nat put together: the nouns and the wires between them.
 *
 * One struct nat per process. Whatever happens ends in one turn, which draws all conclusions anew
 * from what is known; each noun keeps what it must not forget.
 *
 *   kernel: addresses --+                    +--> behaviour (asks by the pipe)
 *   STUN: pipe ---------+--> service_turn ---+--> candidates --> report --> control
 *   dataplane: state ---+                    +--> relays --> distances --> report --> control
 *                       |                    |       +--> pairs --> plan --> neighbour -->
 * dataplane control: desired ---+                    +--> why --> report --> api
 */
#ifndef LANRAGE_NAT_SERVICE_H
#define LANRAGE_NAT_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-nat/addresses.h"
#include "svc-nat/behaviour.h"
#include "svc-nat/candidates.h"
#include "svc-nat/check.h"
#include "svc-nat/codec.h"
#include "svc-nat/distances.h"
#include "svc-nat/drops.h"
#include "svc-nat/neighbour.h"
#include "svc-nat/overtcp.h"
#include "svc-nat/pairs.h"
#include "svc-nat/pipe.h"
#include "svc-nat/plan.h"
#include "svc-nat/relays.h"
#include "svc-nat/report.h"
#include "svc-nat/why.h"

struct nat {
	const struct service *service; /* borrowed */
	struct loop loop;
	struct bus *bus;
	struct addresses addresses;
	struct pipe pipe;
	struct neighbour neighbour; /* the dataplane */
	struct behaviour behaviour;
	struct drops drops;
	struct overtcp overtcp;
	struct relays relays;
	struct distances distances;
	struct pairs pairs;
	struct why why;
	struct report report;
	struct check check;

	bool has_desired; /* control has spoken */
	struct nat_desired desired;
	size_t n_candidates;
	struct nat_candidate candidates[DATAPLANE_CANDIDATES_MAX]; /* zero behind n_candidates */
	size_t n_reasons;
	struct nat_reason *reasons;
	enum nat_cause here;

	size_t n_reached;   /* peers and relays, as of the last state of the dataplane */
	size_t n_reflexive; /* as of the last state of the dataplane */
	struct addr reflexive[DATAPLANE_REFLEXIVE_MAX];
	struct behaviour_family logged[BEHAVIOUR_FAMILIES];
	bool mute;	       /* nobody answers by UDP */
	uint64_t mute_answers; /* as counted by behaviour, at the last turn */
	bool dirty;	       /* something was learnt since the last conclusions */
	uint64_t think_us;     /* when they may become others by themselves */
	uint64_t active_us;    /* since when there is something to plan */
	struct loop_timer timer;
};

/* Runs until SIGTERM. Returns the exit status. */
int service_run(const struct service *service);

/* Takes *desired over (and empties it). -ESTALE when a newer one is in force. */
int service_set_desired(struct nat *nat, struct nat_desired *desired);
/* Draws all conclusions that are due. */
void service_turn(struct nat *nat);
/* By STUN or as the dataplane measured it, the lesser; DATAPLANE_UNKNOWN. */
uint32_t service_relay_rtt_us(const struct nat *nat, const struct nat_relay *relay);

/* dispatch.c */
extern const struct bus_method nat_methods[];

#endif
