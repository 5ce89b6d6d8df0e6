/*
 * udpload: the two ends of a load of small UDP packets, and of a measurement of round trips.
 *
 *     udpload sink ADDRESS PORT
 *     udpload source ADDRESS PORT
 *     udpload echo ADDRESS PORT
 *     udpload probe ADDRESS PORT HZ SECONDS BYTES
 *
 * sink and source do trial after trial, as their standard inputs say, one command a line:
 *
 *     sink      start TRIAL                    answers "ok": from now on it counts this trial's
 *               count                          answers how many arrived
 *     source    TRIAL RATE MILLISECONDS BYTES  sends, then answers PACKETS NANOSECONDS
 *
 * The source sends what is due every BURST_NS, each packet by itself (no UDP_SEGMENT), as many
 * games at once would. Woken late, it does not make up for more than one full burst: that would
 * measure the queue in front of the tunnel instead of the tunnel. It then has sent less than it was
 * told, and says so.
 *
 * probe prints the round trip of each packet in microseconds, one a line, and at the end "lost N";
 * an answer that takes longer than LATE_NS after the last packet is lost.
 *
 * RATE is packets a second, BYTES is UDP payload. Each prints "ready" first; sink, source and echo
 * end when their standard input does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST_NS       100000ll
#define BURST_MAX      64 /* packets in one call */
#define SIZE_MAX_BYTES 2048
#define SINK_BUFFER    (8 << 20) /* a sink that waits for a processor loses nothing */
#define LATE_NS	       1000000000ll
#define NS_PER_S       1000000000ll
#define NS_PER_MS      1000000ll

static uint8_t buffers[BURST_MAX][SIZE_MAX_BYTES];
static struct iovec vectors[BURST_MAX];
static struct mmsghdr messages[BURST_MAX];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(int64_t when_ns)
{
	struct timespec when = {when_ns / NS_PER_S, when_ns % NS_PER_S};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		die(address);
	return in;
}

static int bound(const char *address, const char *port)
{
	struct sockaddr_in in = address_of(address, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = SINK_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		die("bind");
	printf("ready\n");
	return fd;
}

static int connected(const char *address, const char *port)
{
	struct sockaddr_in in = address_of(address, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		die("connect");
	printf("ready\n");
	return fd;
}

/* Message i is packet i of size bytes. */
static void prepare(size_t size, bool one_buffer)
{
	for (size_t i = 0; i < BURST_MAX; i++) {
		vectors[i] = (struct iovec){buffers[one_buffer ? 0 : i], size};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
	}
}

/* ---- sink ---- */

/* False at the end of the input. */
static bool sink_command(uint32_t *trial, uint64_t *count)
{
	char line[64];

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "start %u", trial) == 1) {
		*count = 0;
		printf("ok\n");
	} else {
		printf("%llu\n", (unsigned long long)*count);
	}
	return true;
}

static uint64_t sink_receive(int fd, uint32_t trial)
{
	int n = recvmmsg(fd, messages, BURST_MAX, MSG_DONTWAIT, NULL);
	uint64_t mine = 0;
	uint32_t its;

	for (int i = 0; i < n; i++) {
		memcpy(&its, buffers[i], sizeof(its));
		mine += its == trial;
	}
	return mine;
}

static void sink(int fd)
{
	struct pollfd polled[] = {{.fd = fd, .events = POLLIN},
				  {.fd = STDIN_FILENO, .events = POLLIN}};
	uint32_t trial = 0;
	uint64_t count = 0;

	prepare(SIZE_MAX_BYTES, false);
	while (poll(polled, 2, -1) > 0) {
		if (polled[0].revents)
			count += sink_receive(fd, trial);
		else if (!sink_command(&trial, &count))
			return;
	}
}

/* ---- source ---- */

static unsigned send_burst(int fd, unsigned n)
{
	unsigned sent = 0;

	while (sent < n) {
		int did = sendmmsg(fd, messages + sent, n - sent, 0);

		sent += did > 0 ? (unsigned)did : 1; /* refused: a packet lost */
	}
	return sent;
}

static void send_trial(int fd, uint32_t trial, double rate, int64_t length_ns, size_t size)
{
	int64_t start = now_ns(), now = start;
	uint64_t sent = 0;
	double forgiven = 0; /* packets that were due while nobody let us run */

	memcpy(buffers[0], &trial, sizeof(trial));
	prepare(size, true);
	while (now < start + length_ns) {
		double due = (double)(now - start) * rate / NS_PER_S - forgiven - (double)sent;

		if (due > BURST_MAX) {
			forgiven += due - BURST_MAX;
			due = BURST_MAX;
		}
		if (due >= 1)
			sent += send_burst(fd, (unsigned)due);
		sleep_until(start + ((now - start) / BURST_NS + 1) * BURST_NS);
		now = now_ns();
	}
	printf("%llu %lld\n", (unsigned long long)sent, (long long)(now - start));
}

static void source(int fd)
{
	char line[128];
	unsigned trial, ms, size;
	double rate;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%u %lf %u %u", &trial, &rate, &ms, &size) != 4 ||
		    size < sizeof(trial) || size > SIZE_MAX_BYTES)
			die("command");
		send_trial(fd, trial, rate, ms * NS_PER_MS, size);
	}
}

/* ---- round trips ---- */

static void echo(int fd)
{
	struct pollfd polled[] = {{.fd = fd, .events = POLLIN},
				  {.fd = STDIN_FILENO, .events = POLLIN}};
	struct sockaddr_in from;

	while (poll(polled, 2, -1) > 0 && !polled[1].revents) {
		socklen_t length = sizeof(from);
		ssize_t size = recvfrom(fd, buffers[0], SIZE_MAX_BYTES, MSG_DONTWAIT,
					(struct sockaddr *)&from, &length);

		if (size >= 0)
			sendto(fd, buffers[0], (size_t)size, 0, (struct sockaddr *)&from, length);
	}
}

static bool probe_receive(int fd)
{
	int64_t sent_ns;

	if (recv(fd, buffers[0], SIZE_MAX_BYTES, MSG_DONTWAIT) < (ssize_t)sizeof(sent_ns))
		return false;
	memcpy(&sent_ns, buffers[0], sizeof(sent_ns));
	printf("%.1f\n", (double)(now_ns() - sent_ns) / 1000);
	return true;
}

static void probe_send(int fd, size_t size)
{
	int64_t sent_ns = now_ns();

	memcpy(buffers[0], &sent_ns, sizeof(sent_ns));
	if (send(fd, buffers[0], size, 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
		die("send");
}

static void probe(int fd, double hz, double seconds, size_t size)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	uint64_t all = (uint64_t)(hz * seconds), sent = 0, received = 0;
	int64_t start = now_ns();

	while (received < all) {
		int64_t due = start + (int64_t)((double)sent * NS_PER_S / hz);
		int64_t left = (sent < all ? due : due + LATE_NS) - now_ns();

		if (left <= 0 && sent == all)
			break;
		if (left <= 0) {
			probe_send(fd, size);
			sent++;
			continue;
		}
		struct timespec timeout = {left / NS_PER_S, left % NS_PER_S};
		if (ppoll(&polled, 1, &timeout, NULL) > 0)
			received += probe_receive(fd);
	}
	printf("lost %llu\n", (unsigned long long)(all - received));
}

int main(int argc, char **argv)
{
	const char *role = argc > 3 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_TIMERSLACK, 1);
	if (strcmp(role, "sink") == 0)
		sink(bound(argv[2], argv[3]));
	else if (strcmp(role, "source") == 0)
		source(connected(argv[2], argv[3]));
	else if (strcmp(role, "echo") == 0)
		echo(bound(argv[2], argv[3]));
	else if (strcmp(role, "probe") == 0 && argc == 7)
		probe(connected(argv[2], argv[3]), atof(argv[4]), atof(argv[5]),
		      (size_t)atoi(argv[6]));
	else
		return 2;
	return 0;
}
