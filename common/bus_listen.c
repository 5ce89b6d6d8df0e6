/* bus_listen.c - an own socket of nng's that listens, and whether anything has happened to it.
 *
 * That somebody came shows neither on the listening descriptor nor by a pipe: a deaf listener's
 * connections are accepted and shaken hands with, and then kept for ever. nng's statistics tell,
 * because the listener counts what it takes, what goes, and the error that makes it deaf. Reading
 * them wakes no thread.
 */
#include <nng/nng.h>
#include <nng/transport/ipc/ipc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus_private.h"

void bus_listener_path(const struct bus *bus, const char *name, char path[SERVICE_URL_MAX])
{
	char url[SERVICE_URL_MAX];

	service_url(bus->service, bus->service->id, name, url);
	(void)strcpy(path, url + strlen("ipc://"));
}

int bus_listener_open(struct bus_listener *own, const char *name, int (*open_socket)(nng_socket *))
{
	int r = open_socket(&own->socket);

	if (r != 0)
		return r;
	own->name = name; /* which says that the socket is open */
	own->probe.fd = -1;
	(void)nng_socket_set_size(own->socket, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	return 0;
}

static void listener_stop(struct bus *bus, struct bus_listener *own)
{
	char path[SERVICE_URL_MAX];

	if (own->listening)
		(void)nng_listener_close(own->listener);
	own->listening = false;
	bus_listener_path(bus, own->name, path);
	/* We hold the lock of the directory, so a socket there is ours or a dead one's. */
	(void)unlink(path);
}

static bool find_file(const struct bus *bus, const struct bus_listener *own, struct stat *file)
{
	char path[SERVICE_URL_MAX];

	bus_listener_path(bus, own->name, path);
	return lstat(path, file) == 0;
}

int bus_listener_start(struct bus *bus, struct bus_listener *own)
{
	char url[SERVICE_URL_MAX];
	struct stat file = {0};
	int r;

	listener_stop(bus, own);
	service_url(bus->service, bus->service->id, own->name, url);
	r = nng_listener_create(&own->listener, own->socket, url);
	if (r != 0)
		return r;
	own->listening = true;
	r = nng_listener_set_int(own->listener, NNG_OPT_IPC_PERMISSIONS, 0660);
	if (r == 0)
		r = nng_listener_start(own->listener, 0);
	(void)find_file(bus, own, &file);
	own->device = file.st_dev;
	own->inode = file.st_ino;
	own->events = 0;
	return r;
}

void bus_listener_close(struct bus *bus, struct bus_listener *own)
{
	if (!own->name)
		return;
	bus_probe_close(&own->probe);
	listener_stop(bus, own);
	(void)nng_close(own->socket);
}

/* "pipes" also goes down, and one that is rejected was accepted before. */
static bool counts_events(nng_stat *stat)
{
	const char *name = nng_stat_name(stat);

	return nng_stat_type(stat) == NNG_STAT_COUNTER && strcmp(name, "pipes") != 0 &&
	       strcmp(name, "reject") != 0;
}

/* nng_stat_find_listener() of nng 1.5.2 finds the first one, whichever was asked for. */
static bool is_of(nng_stat *stat, nng_listener listener)
{
	nng_stat *id = nng_stat_find(stat, "id");

	return strcmp(nng_stat_name(stat), "listener") == 0 && id &&
	       nng_stat_value(id) == (uint64_t)nng_listener_id(listener);
}

/* How many came, went and failed. False: this nng does not count. */
static bool count_events(const struct bus_listener *own, uint64_t *count)
{
	nng_stat *all, *stat;
	bool found;

	*count = 0;
	if (nng_stats_get(&all) != 0)
		return false;
	stat = nng_stat_child(all);
	while (stat && !is_of(stat, own->listener))
		stat = nng_stat_next(stat);
	found = stat != NULL;
	for (stat = found ? nng_stat_child(stat) : NULL; stat; stat = nng_stat_next(stat))
		*count += counts_events(stat) ? nng_stat_value(stat) : 0;
	nng_stats_free(all);
	return found;
}

bool bus_listener_is_touched(const struct bus *bus, const struct bus_listener *own)
{
	struct stat file;
	uint64_t events;

	return !find_file(bus, own, &file) || file.st_dev != own->device ||
	       file.st_ino != own->inode || !count_events(own, &events) || events != own->events;
}

void bus_listener_begin_check(struct bus_listener *own, unsigned own_events)
{
	/* Read first: whoever comes while the check is under way is another check's matter. */
	(void)count_events(own, &own->events);
	own->events += own_events;
}
