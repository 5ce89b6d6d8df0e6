#include "svc-api/doorman.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"

#define DESCRIPTORS_MAX 1024
/* More than civetweb has threads and places in its queue (http.c). */
#define GUESTS_MAX 512

enum guest_state { GUEST_IDLE = 0, GUEST_BUSY, GUEST_READER, GUEST_STATES };

static const uint64_t limits_us[GUEST_STATES] = {
	[GUEST_IDLE] = DOORMAN_IDLE_MS * CLOCK_MS,
	[GUEST_BUSY] = DOORMAN_BUSY_MS * CLOCK_MS,
	[GUEST_READER] = CLOCK_NEVER,
};

struct guest {
	struct addr from;
	enum guest_state state;
	uint64_t since_us;
	int fd; /* as of the last look; -1: not seen there */
	bool cut;
};

struct doorman {
	pthread_mutex_t mutex;
	uint16_t port;
	size_t n_connections; /* with a thread */
	size_t n_guests; /* that are known: busy, readers, and idle ones that were looked for */
	struct guest guests[GUESTS_MAX];
};

int doorman_new(struct doorman **doorman, uint16_t port)
{
	*doorman = calloc(1, sizeof(**doorman));
	if (!*doorman)
		return -ENOMEM;
	pthread_mutex_init(&(*doorman)->mutex, NULL);
	(*doorman)->port = port;
	return 0;
}

void doorman_free(struct doorman *doorman)
{
	if (!doorman)
		return;
	pthread_mutex_destroy(&doorman->mutex);
	free(doorman);
}

static void lock(struct doorman *doorman)
{
	pthread_mutex_lock(&doorman->mutex);
}

static void unlock(struct doorman *doorman)
{
	pthread_mutex_unlock(&doorman->mutex);
}

/* ---- guests; with the lock held, as all until the last part */

static struct guest *find(struct doorman *doorman, const struct addr *from)
{
	for (size_t i = 0; i < doorman->n_guests; i++)
		if (addr_equal(&doorman->guests[i].from, from))
			return &doorman->guests[i];
	return NULL;
}

/* Known or new; NULL: there are too many. */
static struct guest *have(struct doorman *doorman, const struct addr *from, uint64_t now_us)
{
	struct guest *guest = find(doorman, from);

	if (guest || doorman->n_guests == GUESTS_MAX)
		return guest;
	guest = &doorman->guests[doorman->n_guests++];
	*guest = (struct guest){.from = *from, .since_us = now_us, .fd = -1};
	return guest;
}

static void forget(struct doorman *doorman, struct guest *guest)
{
	*guest = doorman->guests[--doorman->n_guests];
}

static size_t count(const struct doorman *doorman, enum guest_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < doorman->n_guests; i++)
		n += doorman->guests[i].state == state && !doorman->guests[i].cut;
	return n;
}

/* ---- looking and cutting */

/* None where it is no connection to our port. */
static struct addr other_end(int fd, uint16_t port)
{
	struct sockaddr_storage own = {0}, other = {0};
	socklen_t own_size = sizeof(own), other_size = sizeof(other);

	if (getpeername(fd, (struct sockaddr *)&other, &other_size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &own_size) < 0 ||
	    addr_from_sockaddr(&own).port != port)
		return (struct addr){0};
	return addr_from_sockaddr(&other);
}

/* Those that are seen for the first time are idle, because who is not was told of. */
static void look(struct doorman *doorman, uint64_t now_us)
{
	for (size_t i = 0; i < doorman->n_guests; i++)
		doorman->guests[i].fd = -1;
	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
		struct addr from = other_end(fd, doorman->port);
		struct guest *guest = addr_is_none(&from) ? NULL : have(doorman, &from, now_us);

		if (guest)
			guest->fd = fd;
	}
	for (size_t i = doorman->n_guests; i-- > 0;)
		if (doorman->guests[i].fd < 0 && doorman->guests[i].state == GUEST_IDLE)
			forget(doorman, &doorman->guests[i]);
}

/* After a look. */
static void cut(struct guest *guest)
{
	guest->cut = true;
	if (guest->fd >= 0)
		(void)shutdown(guest->fd, SHUT_RDWR);
}

static struct guest *longest_idle(struct doorman *doorman)
{
	struct guest *longest = NULL;

	for (size_t i = 0; i < doorman->n_guests; i++) {
		struct guest *guest = &doorman->guests[i];

		if (guest->state == GUEST_IDLE && !guest->cut &&
		    (!longest || guest->since_us < longest->since_us))
			longest = guest;
	}
	return longest;
}

static void make_room(struct doorman *doorman, uint64_t now_us)
{
	static struct log_limit limit;

	look(doorman, now_us);
	if (count(doorman, GUEST_IDLE) <= DOORMAN_IDLE_MAX)
		return;
	if (log_limit_pass(&limit, now_us, 60 * CLOCK_SECOND))
		log_warning("web server: more than %d connections that ask nothing: those that "
			    "have been there for longest are cut",
			    DOORMAN_IDLE_MAX);
	while (count(doorman, GUEST_IDLE) > DOORMAN_IDLE_MAX)
		cut(longest_idle(doorman));
}

/* ---- what happens */

void doorman_enter(struct doorman *doorman, uint64_t now_us)
{
	lock(doorman);
	if (++doorman->n_connections > DOORMAN_IDLE_MAX)
		make_room(doorman, now_us);
	unlock(doorman);
}

static void become(struct doorman *doorman, const struct addr *from, enum guest_state state,
		   uint64_t now_us)
{
	struct guest *guest = have(doorman, from, now_us);

	if (!guest)
		return;
	guest->state = state;
	guest->since_us = now_us;
}

void doorman_set_busy(struct doorman *doorman, const struct addr *from, uint64_t now_us)
{
	lock(doorman);
	become(doorman, from, GUEST_BUSY, now_us);
	unlock(doorman);
}

void doorman_set_idle(struct doorman *doorman, const struct addr *from, uint64_t now_us)
{
	lock(doorman);
	become(doorman, from, GUEST_IDLE, now_us);
	unlock(doorman);
}

bool doorman_set_reader(struct doorman *doorman, const struct addr *from, uint64_t now_us)
{
	bool room;

	lock(doorman);
	room = count(doorman, GUEST_READER) < DOORMAN_READERS_MAX;
	if (room)
		become(doorman, from, GUEST_READER, now_us);
	unlock(doorman);
	return room;
}

void doorman_cut(struct doorman *doorman, const struct addr *from)
{
	struct guest *guest;

	lock(doorman);
	look(doorman, clock_now_us());
	guest = find(doorman, from);
	if (guest)
		cut(guest);
	unlock(doorman);
}

void doorman_leave(struct doorman *doorman, const struct addr *from)
{
	struct guest *guest;

	lock(doorman);
	guest = find(doorman, from);
	if (guest)
		forget(doorman, guest);
	doorman->n_connections--;
	unlock(doorman);
}

void doorman_sweep(struct doorman *doorman, uint64_t now_us)
{
	lock(doorman);
	if (doorman->n_connections > 0)
		look(doorman, now_us);
	for (size_t i = 0; i < doorman->n_guests; i++) {
		struct guest *guest = &doorman->guests[i];

		if (!guest->cut && now_us - guest->since_us > limits_us[guest->state])
			cut(guest);
	}
	unlock(doorman);
}
