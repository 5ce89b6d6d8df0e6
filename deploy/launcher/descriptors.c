#include "deploy/launcher/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "deploy/launcher/tap.h"

/* After a launcher that was killed: its data plane dies with it, but not in the same instant. */
#define PATIENCE_US (3 * CLOCK_SECOND)

static int open_engine(struct descriptors *descriptors, const struct settings *settings,
		       const struct folders *folders, struct error *error)
{
	uint64_t patience_us = folders->unclean ? PATIENCE_US : 0;

	descriptors->tap = tap_open(settings->interface, patience_us, error);
	if (descriptors->tap < 0)
		return descriptors->tap;
	return ports_open(&descriptors->ports, settings->listen_port, folders->state_fd,
			  patience_us, error);
}

int descriptors_open(struct descriptors *descriptors, const struct settings *settings,
		     const struct folders *folders, struct error *error)
{
	uint64_t patience_us = folders->unclean ? PATIENCE_US : 0;

	*descriptors = (struct descriptors){.tap = -1,
					    .ports = {-1, -1, 0},
					    .uapi = {.own = -1, .system = -1},
					    .stun = {-1, -1}};
	int r = ports_check_api(settings->api, patience_us, error);
	if (r == 0 && !settings->kernel)
		r = open_engine(descriptors, settings, folders, error);
	if (r == 0)
		r = uapi_sockets_open(&descriptors->uapi, folders->run, settings->interface,
				      !settings->kernel, error);
	if (r == 0 && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
				 descriptors->stun) != 0)
		r = error_set(error, -errno, "cannot make a socket: %s", strerror(errno));
	if (r != 0)
		descriptors_close(descriptors);
	return r;
}

void descriptors_close(struct descriptors *descriptors)
{
	const int fds[] = {descriptors->tap, descriptors->ports.udp4, descriptors->ports.udp6,
			   descriptors->stun[0], descriptors->stun[1]};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	uapi_sockets_close(&descriptors->uapi);
}

static size_t add(struct descriptor *list, size_t count, const char *name, int fd)
{
	if (fd < 0)
		return count;
	list[count] = (struct descriptor){name, fd};
	return count + 1;
}

size_t descriptors_for(const struct descriptors *descriptors, enum service_id id,
		       struct descriptor list[DESCRIPTORS_MAX])
{
	size_t count = 0;

	if (id == SERVICE_NAT)
		return add(list, count, "stun", descriptors->stun[1]);
	if (id != SERVICE_DATAPLANE)
		return 0;
	count = add(list, count, "tap", descriptors->tap);
	count = add(list, count, "udp4", descriptors->ports.udp4);
	count = add(list, count, "udp6", descriptors->ports.udp6);
	count = add(list, count, "uapi", descriptors->uapi.own);
	count = add(list, count, "uapi-system", descriptors->uapi.system);
	return add(list, count, "stun", descriptors->stun[0]);
}
