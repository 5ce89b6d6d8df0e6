/* svc-nat's own way of choosing relays, without the rest of LANrage, so that many places can be
 * tried at once: behaviour.c measures, distances.c says what is announced of it, pairs.c chooses.
 *
 *   relay-pairs measure SECONDS ADDRESS:PORT...
 *       measures the relays by STUN and prints what a member there would announce: one line with a
 *       number of milliseconds, or -, for each
 *   relay-pairs choose
 *       reads such lines, one member each, and prints for each pair of members: their two numbers,
 *       the relay the one chose and the relay the other chose, all counted from 0
 */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "svc-nat/behaviour.h"
#include "svc-nat/distances.h"
#include "svc-nat/pairs.h"

#define SENT_MAX    256
#define MEMBERS_MAX 64

static struct sent {
	uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE];
	uint64_t at_us;
} sent[SENT_MAX];
static size_t n_sent;
static int fd;

static void die(const char *what)
{
	fprintf(stderr, "relay-pairs: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The relay that is counted so. */
static void key_of(size_t relay, uint8_t key[DATAPLANE_KEY_SIZE])
{
	memset(key, (int)(relay + 1), DATAPLANE_KEY_SIZE);
}

/* ---- measuring, as the dataplane's packet thread does for svc-nat ---- */

static void on_send(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct sockaddr_storage address;
	socklen_t size = addr_to_sockaddr(to, &address);
	struct sent *entry = &sent[n_sent++ % SENT_MAX];
	struct stun_message message;

	(void)data;
	if (stun_parse(&message, bytes, length) < 0)
		return;
	memcpy(entry->transaction_id, message.transaction_id, sizeof(entry->transaction_id));
	entry->at_us = clock_now_us();
	(void)!sendto(fd, bytes, length, 0, (struct sockaddr *)&address, size);
}

static void on_random(void *data, void *bytes, size_t length)
{
	(void)data;
	randombytes_buf(bytes, length);
}

/* 0: not ours. */
static uint64_t sent_us(const uint8_t *bytes, size_t length)
{
	struct stun_message message;

	if (stun_parse(&message, bytes, length) < 0)
		return 0;
	for (size_t i = 0; i < SENT_MAX; i++) {
		if (memcmp(sent[i].transaction_id, message.transaction_id,
			   sizeof(message.transaction_id)) == 0)
			return sent[i].at_us;
	}
	return 0;
}

static void receive(struct behaviour *behaviour)
{
	uint8_t bytes[2048];
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&address, &size);
	uint64_t now_us = clock_now_us();
	struct addr from;

	from = addr_from_sockaddr(&address);
	if (n > 0)
		behaviour_receive(behaviour, now_us, &from, sent_us(bytes, (size_t)n), now_us,
				  bytes, (size_t)n);
}

static void update(struct distances *distances, const struct behaviour *behaviour,
		   const struct addr *relays, size_t n)
{
	struct distances_seen seen[NAT_RELAYS_MAX];

	for (size_t i = 0; i < n; i++) {
		key_of(i, seen[i].public_key);
		seen[i].rtt_us = behaviour_rtt_us(behaviour, &relays[i]);
	}
	distances_update(distances, clock_now_us(), seen, n);
}

static void measure(uint64_t seconds, const struct addr *relays, size_t n)
{
	const struct behaviour_ops ops = {.send = on_send, .random = on_random};
	static struct behaviour behaviour;
	struct distances distances = {0};
	struct addr own = addr_ipv4(0xc0a80001, 1);
	uint64_t end_us = clock_now_us() + seconds * CLOCK_SECOND;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	behaviour_init(&behaviour, &ops);
	behaviour_set_own(&behaviour, clock_now_us(), &own, 1);
	behaviour_set_servers(&behaviour, clock_now_us(), true, relays, n);
	while (clock_now_us() < end_us) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};

		behaviour_poll(&behaviour, clock_now_us());
		if (poll(&ready, 1, 20) > 0)
			receive(&behaviour);
		update(&distances, &behaviour, relays, n);
	}
	close(fd);
	for (size_t i = 0; i < n; i++) {
		uint8_t key[DATAPLANE_KEY_SIZE];
		uint16_t rtt_ms;

		key_of(i, key);
		rtt_ms = distances_find(distances.list, distances.n, key);
		if (rtt_ms == DISTANCES_NONE)
			printf("- ");
		else
			printf("%u ", rtt_ms);
	}
	printf("\n");
}

/* ---- choosing ---- */

static size_t read_member(char *line, struct nat_member *member)
{
	size_t n = 0;

	for (char *rest, *word = strtok_r(line, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest), n++) {
		uint8_t key[DATAPLANE_KEY_SIZE];
		struct nat_distance *distance = &member->distances[member->n_distances];

		if (n == NAT_RELAYS_MAX)
			exit(2);
		if (strcmp(word, "-") == 0)
			continue;
		key_of(n, key);
		memcpy(distance->relay, key, NAT_RELAY_ID_SIZE);
		distance->rtt_ms = (uint16_t)strtoul(word, NULL, 10);
		member->n_distances++;
	}
	return n;
}

/* The relay that `self` chooses for `other`; -1: none. */
static int choice(const struct nat_member *self, struct nat_member *other, struct nat_relay *relays,
		  size_t n_relays)
{
	const struct nat_desired desired = {.active = true,
					    .n_relays = n_relays,
					    .relays = relays,
					    .n_members = 1,
					    .members = other};
	struct pairs pairs = {0};
	const struct pair *pair;
	int chosen = -1;

	if (pairs_choose(&pairs, clock_now_us(), &desired, self->distances, self->n_distances) < 0)
		die("pairs");
	pair = pairs_find(&pairs, other->public_key);
	if (pair)
		chosen = pair->relays[0][0] - 1;
	pairs_clear(&pairs);
	return chosen;
}

static void choose(void)
{
	static struct nat_member members[MEMBERS_MAX];
	static struct nat_relay relays[NAT_RELAYS_MAX];
	size_t n = 0, n_relays = 0;
	char line[512];

	for (size_t i = 0; i < NAT_RELAYS_MAX; i++)
		key_of(i, relays[i].public_key);
	for (; n < MEMBERS_MAX && fgets(line, sizeof(line), stdin); n++) {
		memset(members[n].public_key, (int)(n + 1), DATAPLANE_KEY_SIZE);
		n_relays = read_member(line, &members[n]);
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++)
			printf("%zu %zu %d %d\n", i, k,
			       choice(&members[i], &members[k], relays, n_relays),
			       choice(&members[k], &members[i], relays, n_relays));
	}
}

int main(int argc, char **argv)
{
	struct addr relays[NAT_RELAYS_MAX];
	size_t n = 0;

	if (sodium_init() < 0)
		return 1;
	if (argc == 2 && strcmp(argv[1], "choose") == 0) {
		choose();
		return 0;
	}
	if (argc < 4 || argc > 3 + NAT_RELAYS_MAX || strcmp(argv[1], "measure") != 0) {
		fprintf(stderr, "usage: relay-pairs measure SECONDS ADDRESS:PORT... | choose\n");
		return 2;
	}
	for (; n < (size_t)argc - 3; n++) {
		if (addr_parse(&relays[n], argv[3 + n]) < 0)
			die(argv[3 + n]);
	}
	measure(strtoul(argv[2], NULL, 10), relays, n);
	return 0;
}
