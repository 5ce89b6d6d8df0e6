/* complaint.h - what the server refuses or leaves unanswered, named once.
 *
 * The server is asked the same things again and again, at every change and every few seconds when
 * it failed. What fails again in the same way is not logged again until it went well once. One of
 * these for each thing that is asked; zero-initialised it has no complaint.
 */
#ifndef LANRAGE_CONTROL_COMPLAINT_H
#define LANRAGE_CONTROL_COMPLAINT_H

#include <stdbool.h>

#include "common/error.h"

struct complaint {
	int code; /* 0: none */
};

/* True if this is to be logged. error NULL: it went well. A connection that broke (-ENOTCONN) is
 * the session's to tell, and changes nothing here. */
bool complaint_is_new(struct complaint *complaint, const struct error *error);

#endif
