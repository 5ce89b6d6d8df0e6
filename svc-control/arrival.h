/* arrival.h - waits until the data plane's interface has the address of the party just entered.
 */
#ifndef LANRAGE_CONTROL_ARRIVAL_H
#define LANRAGE_CONTROL_ARRIVAL_H

#include "common/error.h"
#include "common/loop.h"

#define ARRIVAL_MS 5000

struct control;

/* error: NULL when the interface is up, else words for the user. */
typedef void (*arrival_done)(struct control *control, const struct error *error);

struct arrival {
	arrival_done done; /* NULL: nobody waits */
	bool asking;
	struct loop_timer deadline;
	struct loop_timer again;
};

void arrival_init(struct control *control);
/* One wait at a time; done is called once. */
void arrival_wait(struct control *control, arrival_done done);
/* done is not called any more. */
void arrival_cancel(struct control *control);

#endif
