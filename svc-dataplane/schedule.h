/* schedule.h - which tunnel is due next: a binary heap of tunnels by their due time.
 *
 * A due time may be too early but never too late: packets that push a deadline back leave the heap
 * alone, and the tunnel is asked again when its old time comes.
 */
#ifndef LANRAGE_DATAPLANE_SCHEDULE_H
#define LANRAGE_DATAPLANE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct tunnel;

/* All zeros is empty without room. */
struct schedule {
	struct tunnel **heap; /* borrowed tunnels */
	size_t count;
	size_t size;
};

void schedule_deinit(struct schedule *schedule);
/* Room for so many tunnels. -ENOMEM. */
int schedule_reserve(struct schedule *schedule, size_t count);
void schedule_add(struct schedule *schedule, struct tunnel *tunnel, uint64_t due_us);
void schedule_remove(struct schedule *schedule, struct tunnel *tunnel);
/* Sets a new due time, earlier or later. */
void schedule_set(struct schedule *schedule, struct tunnel *tunnel, uint64_t due_us);
/* The earliest, NULL if there is none. */
struct tunnel *schedule_first(const struct schedule *schedule);

#endif
