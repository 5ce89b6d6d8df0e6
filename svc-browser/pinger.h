/* pinger.h - svc-dataplane as seen from here: it pings members, which is all that is asked of it.
 *
 * A ping is one authenticated probe along the way the game's packets go, so what is measured is
 * what a player gets. latency.h says who is pinged and when; no timer runs while there is nobody.
 */
#ifndef LANRAGE_BROWSER_PINGER_H
#define LANRAGE_BROWSER_PINGER_H

#include "common/bus.h"
#include "common/loop.h"
#include "svc-browser/latency.h"

#define PINGER_WAITING_MAX 4 /* BROWSER_MEASURE_MS is long enough for so many */

struct pinger_waiting {
	struct bus_call *call; /* NULL: a free place */
	uint8_t identity[DATAPLANE_KEY_SIZE];
};

struct pinger {
	struct loop *loop;
	struct bus *bus;
	bool stopped;
	struct latency latency;
	struct loop_timer timer;
	struct pinger_waiting waiting[PINGER_WAITING_MAX];
};

/* loop and bus are borrowed. */
void pinger_start(struct pinger *pinger, struct loop *loop, struct bus *bus);
/* Before bus_free(), which must not find anything else to be asked. */
void pinger_stop(struct pinger *pinger);
/* Who has servers now. */
void pinger_keep(struct pinger *pinger, const struct latency_member *members, size_t n);
/* Answers the call with a struct browser_measurement, once one has been made; one that is going on
 * will do. */
void pinger_measure(struct pinger *pinger, const uint8_t identity[DATAPLANE_KEY_SIZE],
		    struct bus_call *call);

#endif
