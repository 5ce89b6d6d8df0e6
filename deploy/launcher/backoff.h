/* backoff.h - how long to wait before a service that ended is started again.
 *
 * The first end costs nothing: at once. Further ones wait 0.1, 0.5, 1, 2 and then 5 s each, so that
 * a service that cannot start does not eat the machine. A life of 60 s wipes the slate clean.
 * Pure: the caller says how long the service lived.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_BACKOFF_H
#define LANRAGE_DEPLOY_LAUNCHER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FORGET_US (60 * 1000000ULL)

/* Zero-initialise. */
struct backoff {
	unsigned int step;
};

/* The service ended after lived_us: how long to wait, in microseconds. */
uint64_t launcher_backoff_next(struct backoff *backoff, uint64_t lived_us);

#endif
