/*
 * wire: a cable between two network namespaces, with the faults of a real one.
 *
 *     wire NETNS_A IF_A NETNS_B IF_B CONTROL
 *
 * It makes a TAP device in each namespace and carries Ethernet frames between them: "up" from A to
 * B, "down" back. Each direction has its own settings, changed at any moment through the Unix
 * stream socket CONTROL. A command is one line, sent in one write; the answer is one line that
 * begins with "ok" or "error":
 *
 *     set up|down|both KEY VALUE [KEY VALUE ...]
 *     far up|down|both ADDRESS MS
 *     get up|down
 *
 * `far` makes the way from and to one IPv4 address longer than the rest, by MS more on top of the
 * delay: places are not all equally far from each other.
 *
 *     key         unit    meaning default delay_ms    ms      time every packet spends in the wire
 * 0 jitter_ms   ms      uniform within +/- this around delay_ms                              0
 *     reorder     0|1     let jitter change the order of packets                               0
 *     loss        %       packets lost at random                                               0
 *     rate_mbit   Mbit/s  speed, counted over whole Ethernet frames; 0 is unlimited            0
 *     queue_ms    ms      what may wait in front of a limited rate before the tail is dropped  50
 *     max_size    bytes   longer IP packets vanish without an ICMP error; 0 is off             0
 *     blackhole   0|1     everything vanishes                                                  0
 *
 * With reorder 0 a packet also waits for the one before it, so jitter takes dense traffic near the
 * upper edge.
 *
 * ARP, IPv6 neighbour discovery and link-local multicast pass at once and are never lost: they
 * belong to the first hop, not to the path, and losing them would turn a silent path into an error
 * at the sender.
 *
 * It prints "ready" when both devices exist and ends when its standard input does, so that it never
 * outlives its owner.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX	 1600  /* 1500 of IP, Ethernet header, VLAN tags */
#define QUEUE_FRAMES_MAX 32768 /* per direction: 50 MB, 0.4 s at 1 Gbit/s of full frames */
#define BATCH		 64    /* frames read from one device before the other has its turn */
#define CLIENTS_MAX	 16
#define FAR_MAX		 32 /* addresses with a delay of their own */
#define ETHERNET_HEADER	 14
#define NS_PER_MS	 1000000.0
#define NS_PER_S	 1000000000ull

struct frame {
	uint64_t due_ns;
	uint64_t number; /* order of arrival, decides between frames due at one time */
	struct frame *next_free;
	size_t len;
	uint8_t data[FRAME_MAX];
};

struct settings {
	double delay_ms, jitter_ms, loss, rate_mbit, queue_ms;
	double max_size, reorder, blackhole;
};

/* A way that is longer than the others; order holds within it. */
struct far {
	uint8_t address[4];
	double more_ms;
	uint64_t last_due_ns;
};

struct counters {
	uint64_t frames, bytes, lost, overflowed, oversized, blackholed;
};

/* One way through the wire. queue is a binary heap, the frame due first on top. */
struct direction {
	const char *name;
	int from_fd, to_fd;
	struct settings settings;
	struct counters counters;
	uint64_t busy_until_ns; /* when the limited rate has sent all it accepted */
	uint64_t last_due_ns;
	size_t n_far;
	struct far far[FAR_MAX];
	uint64_t arrivals;
	size_t queued;
	struct frame *queue[QUEUE_FRAMES_MAX];
};

static struct direction up = {.name = "up", .settings.queue_ms = 50};
static struct direction down = {.name = "down", .settings.queue_ms = 50};
static struct frame *free_frames;
static uint64_t random_state;

static void die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* A number in [0, 1), from a xorshift64* generator. */
static double random_unit(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (double)((random_state * 0x2545f4914f6cdd1dull) >> 11) / 9007199254740992.0;
}

/* ---- frames and the queue ---- */

static struct frame *frame_take(void)
{
	struct frame *f = free_frames;

	if (f) {
		free_frames = f->next_free;
		return f;
	}
	f = malloc(sizeof(*f));
	if (!f)
		die("malloc");
	return f;
}

static void frame_give_back(struct frame *f)
{
	f->next_free = free_frames;
	free_frames = f;
}

static bool frame_before(const struct frame *a, const struct frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void queue_push(struct direction *d, struct frame *f)
{
	size_t i = d->queued++;

	while (i > 0 && frame_before(f, d->queue[(i - 1) / 2])) {
		d->queue[i] = d->queue[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	d->queue[i] = f;
}

static struct frame *queue_pop(struct direction *d)
{
	struct frame *top = d->queue[0], *last = d->queue[--d->queued];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= d->queued)
			break;
		if (child + 1 < d->queued && frame_before(d->queue[child + 1], d->queue[child]))
			child++;
		if (!frame_before(d->queue[child], last))
			break;
		d->queue[i] = d->queue[child];
		i = child;
	}
	d->queue[i] = last;
	return top;
}

/* ---- what a wire does to a frame ---- */

static bool ip6_is_first_hop(const uint8_t *ip)
{
	bool link_local_group = ip[24] == 0xff && (ip[25] & 15) == 2; /* ff02::/16 */
	bool neighbour_discovery =
		ip[6] == 58 && ip[40] >= 133 && ip[40] <= 137; /* RFC 4861 section 4 */
	return link_local_group || neighbour_discovery;
}

static bool ip4_is_first_hop(const uint8_t *ip)
{
	return ip[16] == 224 && !ip[17] && !ip[18]; /* 224.0.0.0/24 */
}

/* Length of the IP packet in a frame that uses the path, or 0 for what belongs to the first hop. */
static size_t path_ip_length(const struct frame *f)
{
	const uint8_t *ip = f->data + ETHERNET_HEADER;
	unsigned ethertype;

	if (f->len < ETHERNET_HEADER + 20)
		return 0;
	ethertype = (unsigned)f->data[12] << 8 | f->data[13];
	if (ethertype == 0x0800)
		return ip4_is_first_hop(ip) ? 0 : (size_t)ip[2] << 8 | ip[3];
	if (ethertype != 0x86dd || f->len < ETHERNET_HEADER + 41 || ip6_is_first_hop(ip))
		return 0;
	return 40 + ((size_t)ip[4] << 8 | ip[5]);
}

/* When the last bit of the frame has passed the rate limit, or 0 if the queue in front of it is
 * full. */
static uint64_t rate_departure(struct direction *d, size_t len, uint64_t now)
{
	const struct settings *s = &d->settings;
	uint64_t start = d->busy_until_ns > now ? d->busy_until_ns : now;

	if (s->rate_mbit <= 0)
		return now;
	if ((double)(start - now) > s->queue_ms * NS_PER_MS)
		return 0;
	d->busy_until_ns = start + (uint64_t)((double)len * 8000.0 / s->rate_mbit);
	return d->busy_until_ns;
}

static struct far *far_find(struct direction *d, const uint8_t *address)
{
	for (size_t i = 0; i < d->n_far; i++)
		if (!memcmp(d->far[i].address, address, 4))
			return &d->far[i];
	return NULL;
}

/* The frame's way, if it is a longer one; the frame holds a whole IP header. */
static struct far *far_of(struct direction *d, const struct frame *f)
{
	const uint8_t *ip = f->data + ETHERNET_HEADER;
	struct far *far;

	if (d->n_far == 0 || f->data[12] != 8 || f->data[13] != 0)
		return NULL;
	far = far_find(d, ip + 16);
	return far ? far : far_find(d, ip + 12);
}

static uint64_t delayed(struct direction *d, const struct frame *f, uint64_t departure)
{
	const struct settings *s = &d->settings;
	struct far *far = far_of(d, f);
	uint64_t *last_due_ns = far ? &far->last_due_ns : &d->last_due_ns;
	double delay_ms = s->delay_ms + (far ? far->more_ms : 0);
	uint64_t due;

	if (s->jitter_ms > 0)
		delay_ms += (2 * random_unit() - 1) * s->jitter_ms;
	due = departure + (delay_ms > 0 ? (uint64_t)(delay_ms * NS_PER_MS) : 0);
	if (s->reorder <= 0 && due < *last_due_ns && d->queued)
		due = *last_due_ns;
	if (due > *last_due_ns)
		*last_due_ns = due;
	return due;
}

/* Decides the fate of a frame: true with f->due_ns set, or false and counted as dropped. */
static bool direction_admit(struct direction *d, struct frame *f, uint64_t now)
{
	const struct settings *s = &d->settings;
	size_t ip_bytes = path_ip_length(f);
	uint64_t *drop = NULL, departure = 0;

	f->due_ns = now;
	if (!ip_bytes)
		return true;
	if (s->blackhole > 0)
		drop = &d->counters.blackholed;
	else if (s->max_size > 0 && (double)ip_bytes > s->max_size)
		drop = &d->counters.oversized;
	else if (s->loss > 0 && random_unit() * 100 < s->loss)
		drop = &d->counters.lost;
	else if (d->queued == QUEUE_FRAMES_MAX || !(departure = rate_departure(d, f->len, now)))
		drop = &d->counters.overflowed;
	if (drop) {
		++*drop;
		return false;
	}
	f->due_ns = delayed(d, f, departure);
	f->number = d->arrivals++;
	return true;
}

/* A device that is down refuses the frame: lost, like at an unplugged port. */
static void direction_deliver(struct direction *d, const struct frame *f)
{
	if (write(d->to_fd, f->data, f->len) != (ssize_t)f->len)
		return;
	d->counters.frames++;
	d->counters.bytes += f->len;
}

static void direction_read(struct direction *d)
{
	for (int i = 0; i < BATCH; i++) {
		struct frame *f = frame_take();
		ssize_t n = read(d->from_fd, f->data, sizeof(f->data));
		uint64_t now;

		if (n <= 0) {
			frame_give_back(f);
			return;
		}
		f->len = (size_t)n;
		now = now_ns();
		if (!direction_admit(d, f, now)) {
			frame_give_back(f);
		} else if (f->due_ns <= now) {
			direction_deliver(d, f);
			frame_give_back(f);
		} else {
			queue_push(d, f);
		}
	}
}

static void direction_deliver_due(struct direction *d)
{
	while (d->queued && d->queue[0]->due_ns <= now_ns()) {
		struct frame *f = queue_pop(d);
		direction_deliver(d, f);
		frame_give_back(f);
	}
}

/* ---- control socket ---- */

static double *settings_field(struct settings *s, const char *key)
{
	struct {
		const char *key;
		double *field;
	} fields[] = {
		{"delay_ms", &s->delay_ms},   {"jitter_ms", &s->jitter_ms},
		{"reorder", &s->reorder},     {"loss", &s->loss},
		{"rate_mbit", &s->rate_mbit}, {"queue_ms", &s->queue_ms},
		{"max_size", &s->max_size},   {"blackhole", &s->blackhole},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(key, fields[i].key))
			return fields[i].field;
	return NULL;
}

/* Reads "KEY VALUE ..." from the strtok_r cursor into s; returns false at the first word it cannot
 * use. */
static bool settings_parse(struct settings *s, char **cursor)
{
	for (char *key; (key = strtok_r(NULL, " \n", cursor));) {
		char *value = strtok_r(NULL, " \n", cursor), *end;
		double *field = settings_field(s, key);
		if (!field || !value)
			return false;
		*field = strtod(value, &end);
		if (*end || !(*field >= 0 && *field < 1e9))
			return false;
	}
	return true;
}

static bool command_set(const char *which, char **cursor)
{
	bool set_up = !strcmp(which, "up") || !strcmp(which, "both");
	bool set_down = !strcmp(which, "down") || !strcmp(which, "both");
	struct settings wanted_up = up.settings, wanted_down = down.settings;
	char *second_cursor, words[512];

	if (!set_up && !set_down)
		return false;
	snprintf(words, sizeof(words), "set %s", *cursor ? *cursor : "");
	strtok_r(words, " \n", &second_cursor);
	if (!settings_parse(&wanted_up, cursor) || !settings_parse(&wanted_down, &second_cursor))
		return false;
	if (set_up)
		up.settings = wanted_up;
	if (set_down)
		down.settings = wanted_down;
	return true;
}

static bool far_set(struct direction *d, const struct in_addr *address, double more_ms)
{
	struct far *far = far_find(d, (const uint8_t *)address);

	if (!far && d->n_far == FAR_MAX)
		return false;
	if (!far) {
		far = &d->far[d->n_far++];
		memset(far, 0, sizeof(*far));
		memcpy(far->address, address, sizeof(far->address));
	}
	far->more_ms = more_ms;
	return true;
}

static bool command_far(const char *which, char **cursor)
{
	const char *address = strtok_r(NULL, " \n", cursor), *more = strtok_r(NULL, " \n", cursor);
	bool both = !strcmp(which, "both");
	struct in_addr parsed;
	double more_ms;
	char *end;

	if (!address || !more || inet_pton(AF_INET, address, &parsed) != 1)
		return false;
	more_ms = strtod(more, &end);
	if (*end || !(more_ms >= 0 && more_ms < 1e6))
		return false;
	if (!both && strcmp(which, "up") != 0 && strcmp(which, "down") != 0)
		return false;
	return (!(both || !strcmp(which, "up")) || far_set(&up, &parsed, more_ms)) &&
	       (!(both || !strcmp(which, "down")) || far_set(&down, &parsed, more_ms));
}

static int describe(const struct direction *d, char *out, size_t size)
{
	const struct settings *s = &d->settings;
	const struct counters *c = &d->counters;

	return snprintf(out, size,
			"ok delay_ms %g jitter_ms %g reorder %g loss %g rate_mbit %g queue_ms %g "
			"max_size %g blackhole %g "
			"frames %lu bytes %lu lost %lu overflowed %lu oversized %lu blackholed %lu "
			"queued %zu\n",
			s->delay_ms, s->jitter_ms, s->reorder, s->loss, s->rate_mbit, s->queue_ms,
			s->max_size, s->blackhole, c->frames, c->bytes, c->lost, c->overflowed,
			c->oversized, c->blackholed, d->queued);
}

static void client_serve(int fd)
{
	char line[512], answer[512], *cursor;
	const char *verb, *which;
	ssize_t n = read(fd, line, sizeof(line) - 1);
	int len;

	if (n <= 0) {
		close(fd);
		return;
	}
	line[n] = 0;
	verb = strtok_r(line, " \n", &cursor);
	which = strtok_r(NULL, " \n", &cursor);
	if (verb && which && !strcmp(verb, "get") &&
	    (!strcmp(which, "up") || !strcmp(which, "down")))
		len = describe(strcmp(which, "up") ? &down : &up, answer, sizeof(answer));
	else if (verb && which && !strcmp(verb, "set") && command_set(which, &cursor))
		len = snprintf(answer, sizeof(answer), "ok\n");
	else if (verb && which && !strcmp(verb, "far") && command_far(which, &cursor))
		len = snprintf(answer, sizeof(answer), "ok\n");
	else
		len = snprintf(answer, sizeof(answer),
			       "error: use 'set up|down|both KEY VALUE ...', 'far up|down|both "
			       "ADDRESS MS' or 'get up|down'\n");
	if (send(fd, answer, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		close(fd);
}

/* ---- devices and sockets ---- */

static int tap_open(const char *netns, const char *ifname)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	char path[256];
	int ns_fd, fd;

	if (strlen(ifname) >= IFNAMSIZ) {
		errno = ENAMETOOLONG;
		die(ifname);
	}
	memcpy(request.ifr_name, ifname, strlen(ifname) + 1);
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ns_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ns_fd < 0 || setns(ns_fd, CLONE_NEWNET) < 0)
		die(path);
	close(ns_fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun");
	if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOFFLOAD, 0) < 0)
		die(ifname);
	return fd;
}

static int control_open(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, CLIENTS_MAX) < 0)
		die(path);
	return fd;
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Wakes the loop when the next frame of either direction is due. */
static void timer_arm(int timer_fd, uint64_t *armed_ns)
{
	uint64_t due = UINT64_MAX;
	struct itimerspec when = {0};

	if (up.queued)
		due = up.queue[0]->due_ns;
	if (down.queued && down.queue[0]->due_ns < due)
		due = down.queue[0]->due_ns;
	if (due == *armed_ns)
		return;
	*armed_ns = due;
	if (due != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(due / NS_PER_S);
		when.it_value.tv_nsec = (long)(due % NS_PER_S);
	}
	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void run(int epoll_fd, int timer_fd, int control_fd)
{
	uint64_t armed_ns = UINT64_MAX, expirations;
	struct epoll_event events[16];

	for (;;) {
		int n = epoll_wait(epoll_fd, events, 16, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == up.from_fd)
				direction_read(&up);
			else if (fd == down.from_fd)
				direction_read(&down);
			else if (fd == timer_fd)
				(void)!read(timer_fd, &expirations, sizeof(expirations));
			else if (fd == control_fd)
				watch(epoll_fd, accept4(control_fd, NULL, NULL,
							SOCK_CLOEXEC | SOCK_NONBLOCK));
			else if (fd != STDIN_FILENO)
				client_serve(fd);
			else if (read(fd, &expirations, sizeof(expirations)) <= 0)
				return;
		}
		direction_deliver_due(&up);
		direction_deliver_due(&down);
		timer_arm(timer_fd, &armed_ns);
	}
}

int main(int argc, char **argv)
{
	int epoll_fd, timer_fd, control_fd;

	if (argc != 6) {
		fprintf(stderr, "usage: wire NETNS_A IF_A NETNS_B IF_B CONTROL\n");
		return 2;
	}
	if (getrandom(&random_state, sizeof(random_state), 0) != sizeof(random_state))
		die("getrandom");
	random_state |= 1;
	setpriority(PRIO_PROCESS, 0, -10); /* a busy machine must not lengthen the wire */
	control_fd = control_open(argv[5]);
	up.from_fd = down.to_fd = tap_open(argv[1], argv[2]);
	down.from_fd = up.to_fd = tap_open(argv[3], argv[4]);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (watch(epoll_fd, up.from_fd) < 0 || watch(epoll_fd, down.from_fd) < 0 ||
	    watch(epoll_fd, timer_fd) < 0 || watch(epoll_fd, control_fd) < 0)
		die("epoll");
	watch(epoll_fd,
	      STDIN_FILENO); /* a file or /dev/null cannot be watched, and then means nothing */
	puts("ready");
	fflush(stdout);
	run(epoll_fd, timer_fd, control_fd);
	return 0;
}
