#include "deploy/launcher/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define DEVICE "/dev/net/tun"

static int device_error(int code, struct error *error)
{
	switch (code) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return error_set(error, -code,
				 DEVICE " is missing: load the module (modprobe tun), or pass the "
					"device into the container");
	case EPERM:
	case EACCES:
		return error_set(error, -code,
				 "no permission for " DEVICE ": start lanraged as root with "
				 "CAP_NET_ADMIN; a container needs the device and that capability");
	default: return error_set(error, -code, "cannot use " DEVICE ": %s", strerror(code));
	}
}

/* IFF_TUN_EXCL: never attaches to a device that somebody else has made. */
static int make_interface(int fd, const char *name, uint64_t patience_us, struct error *error)
{
	uint64_t until_us = clock_now_us() + patience_us;
	struct ifreq request = {0};

	for (;;) {
		request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
		snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
		if (ioctl(fd, TUNSETIFF, &request) == 0)
			return 0;
		if (errno != EBUSY && errno != EINVAL)
			return device_error(errno, error);
		if (clock_now_us() >= until_us)
			return error_set(error, -errno,
					 "an interface %s exists already: set another name as "
					 "[dataplane] interface=, or remove it (ip link del %s)",
					 name, name);
		usleep(20000);
	}
}

static int set_noarp(const char *name, struct error *error)
{
	struct ifreq request = {0};
	int r = 0;

	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		return error_set(error, -errno, "cannot make a socket: %s", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(control, SIOCGIFFLAGS, &request) != 0)
		r = -errno;
	request.ifr_flags |= IFF_NOARP;
	if (r == 0 && ioctl(control, SIOCSIFFLAGS, &request) != 0)
		r = -errno;
	close(control);
	if (r != 0)
		error_set(error, r, "cannot set up interface %s: %s", name, strerror(-r));
	return r;
}

/* No link-local address and no router solicitations of the kernel's own on it. Not worth failing
 * for: in a container /proc/sys may be read-only, or IPv6 may be off. */
static void set_ipv6(const char *name, const char *key, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name, key);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_debug("interface %s: %s not set: %s", name, key, strerror(errno));
	if (fd >= 0)
		close(fd);
}

int tap_open(const char *name, uint64_t patience_us, struct error *error)
{
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return device_error(errno, error);
	int r = make_interface(fd, name, patience_us, error);
	if (r == 0)
		r = set_noarp(name, error);
	if (r != 0) {
		close(fd);
		return r;
	}
	set_ipv6(name, "addr_gen_mode", "1");
	set_ipv6(name, "accept_ra", "0");
	return fd;
}
