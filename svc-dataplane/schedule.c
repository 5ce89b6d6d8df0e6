#include "svc-dataplane/schedule.h"

#include <errno.h>
#include <stdlib.h>

#include "svc-dataplane/tunnel.h"

void schedule_deinit(struct schedule *schedule)
{
	free(schedule->heap);
	*schedule = (struct schedule){0};
}

int schedule_reserve(struct schedule *schedule, size_t count)
{
	struct tunnel **heap;

	if (count <= schedule->size)
		return 0;
	count = count < 16 ? 16 : count * 2;
	heap = realloc(schedule->heap, count * sizeof(struct tunnel *));
	if (!heap)
		return -ENOMEM;
	schedule->heap = heap;
	schedule->size = count;
	return 0;
}

static void place(struct schedule *schedule, size_t at, struct tunnel *tunnel)
{
	schedule->heap[at] = tunnel;
	tunnel->position = at;
}

static size_t rise(struct schedule *schedule, size_t at, struct tunnel *tunnel)
{
	while (at > 0 && schedule->heap[(at - 1) / 2]->due_us > tunnel->due_us) {
		place(schedule, at, schedule->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	return at;
}

static size_t sink(struct schedule *schedule, size_t at, struct tunnel *tunnel)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= schedule->count)
			return at;
		if (child + 1 < schedule->count &&
		    schedule->heap[child + 1]->due_us < schedule->heap[child]->due_us)
			child++;
		if (schedule->heap[child]->due_us >= tunnel->due_us)
			return at;
		place(schedule, at, schedule->heap[child]);
		at = child;
	}
}

static void settle(struct schedule *schedule, size_t at, struct tunnel *tunnel)
{
	at = rise(schedule, at, tunnel);
	place(schedule, sink(schedule, at, tunnel), tunnel);
}

void schedule_add(struct schedule *schedule, struct tunnel *tunnel, uint64_t due_us)
{
	tunnel->due_us = due_us;
	schedule->count++;
	settle(schedule, schedule->count - 1, tunnel);
}

void schedule_remove(struct schedule *schedule, struct tunnel *tunnel)
{
	struct tunnel *last = schedule->heap[--schedule->count];

	if (last != tunnel)
		settle(schedule, tunnel->position, last);
}

void schedule_set(struct schedule *schedule, struct tunnel *tunnel, uint64_t due_us)
{
	tunnel->due_us = due_us;
	settle(schedule, tunnel->position, tunnel);
}

struct tunnel *schedule_first(const struct schedule *schedule)
{
	return schedule->count ? schedule->heap[0] : NULL;
}
