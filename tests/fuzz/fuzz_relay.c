/* Datagrams from strangers and members at a relay's forwarding machine.
 *
 * The input is a list of steps, each: u8 what, u8 who, u16 length (big-endian), bytes
 *     what & 3   0  bytes as they are, from source `who`
 *                1  bytes as the plaintext inside member `who`'s tunnel
 *                2  bytes as a data message of member `who` with a tag from the first three
 *                3  `length` seconds pass
 * Sources 0 and 1 are members of one party, 2 of another, 3 a key without a ticket, the rest
 * strangers; member 3 has not been let in. Chance and time are the same in every run.
 *
 * Must hold: at most one datagram out for one in, and only to a source we know; never longer than
 * what came in, but for STUN and for answers to what is authentic; what goes to somebody else than
 * the source has its length and no tag.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-dataplane/frame.h"
#include "svc-dataplane/messages.h"
#include "svc-dataplane/session.h"
#include "svc-nat/relay/forward.h"
#include "svc-nat/relay/ticket.h"
#include "svc-nat/stun.h"

#define MEMBERS	 4
#define SOURCES	 8
#define DATAGRAM 2048

struct member {
	struct noise_identity identity;
	struct session session;
	uint64_t replay[SESSION_REPLAY_WORDS(64)];
};

static struct member members[MEMBERS];
static struct noise_identity relay;
static uint8_t relay_private[32], signing_public[32], signing_secret[64];
static uint64_t random_state, now_us, wall_s;
static struct addr source; /* of the datagram the relay has */
static size_t received, sent;
static bool own_frames, moving;
static uint8_t last[DATAGRAM];

static void check(bool condition)
{
	if (!condition)
		abort();
}

static uint32_t next_random(void)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 32);
}

static void fill_random(void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)next_random();
}

static const char *random_name(void)
{
	return "fixed";
}

static struct randombytes_implementation fixed_random = {
	.implementation_name = random_name,
	.random = next_random,
	.buf = fill_random,
};

static struct addr address_of(unsigned who)
{
	return addr_ipv4(0xcb007101u + who % SOURCES, 5000);
}

static void on_send(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	bool known = false;

	(void)data;
	check(length <= DATAGRAM);
	memcpy(last, bytes, length);
	sent++;
	for (unsigned who = 0; who < SOURCES; who++) {
		struct addr address = address_of(who);

		known |= addr_equal(&address, to);
	}
	check(known);
	if (moving)
		return;
	check(sent <= 1);
	if (!own_frames && !stun_is(bytes, length))
		check(length <= received || received == 0);
	if (!own_frames && !addr_equal(to, &source))
		check(length == received && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0);
}

static uint64_t on_wall_s(void *data)
{
	(void)data;
	return wall_s;
}

static void give(struct forward *forward, unsigned who, const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length + 1);

	memcpy(copy, bytes, length);
	source = address_of(who);
	received = length;
	sent = 0;
	forward_receive(forward, now_us, &source, copy, length);
	free(copy);
}

static void say(struct forward *forward, unsigned who, const uint8_t *packet, size_t length)
{
	struct session_events events;
	uint8_t message[DATAGRAM + 64];
	ptrdiff_t sealed;

	if (length > 0)
		memcpy(message + MESSAGE_DATA_HEADROOM, packet, length);
	sealed = session_seal(&members[who].session, now_us, message, length, DATAGRAM, &events);
	if (sealed <= 0)
		return;
	own_frames = true;
	give(forward, who, message, (size_t)sealed);
	own_frames = false;
}

static void shake(struct forward *forward, unsigned who)
{
	struct member *member = &members[who];
	struct message_initiation message;
	struct session_events events;
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE] = {1};

	check(session_init(&member->session, &member->identity, relay.public_key, NULL,
			   member->replay, SESSION_REPLAY_WORDS(64), 1) == 0);
	check(session_initiate(&member->session, now_us, who + 1, timestamp, &message, &events) ==
	      0);
	give(forward, who, (const uint8_t *)&message, sizeof(message));
	check(sent == 1);
	check(session_accept_response(&member->session, now_us, (const void *)last, &events) == 0);
	say(forward, who, NULL, 0);
}

static void join(struct forward *forward, unsigned who)
{
	struct ticket ticket = {.number = (uint16_t)(who + 1), .expires_s = wall_s + 300};
	struct frame frame = {.type = FRAME_TICKET};
	uint8_t bytes[TICKET_SIZE], packet[FRAME_MAX];

	memcpy(ticket.relay_key, relay.public_key, 32);
	memcpy(ticket.member_key, members[who].identity.public_key, 32);
	ticket.scope[0] = who == 2;
	ticket_sign(&ticket, signing_secret, bytes);
	frame.ticket.bytes = bytes;
	frame.ticket.length = sizeof(bytes);
	say(forward, who, packet, (size_t)frame_write(&frame, 0, packet, sizeof(packet)));
}

static void tagged(struct forward *forward, unsigned who, const uint8_t *bytes, size_t length)
{
	uint8_t message[DATAGRAM];

	if (length < MESSAGE_DATA_MIN)
		return;
	memcpy(message, bytes, length);
	message[0] = MESSAGE_DATA;
	message[1] = bytes[0];
	give(forward, who, message, length);
}

static void step(struct forward *forward, uint8_t what, uint8_t who, size_t length,
		 const uint8_t *bytes)
{
	switch (what & 3) {
	case 0: give(forward, who, bytes, length); break;
	case 1: say(forward, who % MEMBERS, bytes, length); break;
	case 2: tagged(forward, who, bytes, length); break;
	default:
		now_us += length * CLOCK_SECOND;
		wall_s += length;
		moving = true;
		forward_poll(forward, now_us);
		moving = false;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	randombytes_set_implementation(&fixed_random);
	check(sodium_init() >= 0);
	noise_private_key_new(relay_private);
	check(noise_identity_init(&relay, relay_private) == 0);
	crypto_sign_keypair(signing_public, signing_secret);
	for (unsigned who = 0; who < MEMBERS; who++) {
		uint8_t key[32];

		noise_private_key_new(key);
		check(noise_identity_init(&members[who].identity, key) == 0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct forward_ops ops = {.send = on_send, .wall_s = on_wall_s};
	const struct forward_limits limits = {
		.members = 4,
		.newcomers = 2,
		.member = {.bytes_per_second = 1000000, .packets_per_second = 1000}};
	struct forward *forward;

	random_state = 1;
	now_us = 1000 * CLOCK_SECOND;
	wall_s = 1800000000;
	check(forward_new(&forward, &ops, relay_private, &limits) == 0);
	forward_trust(forward, signing_public);
	for (unsigned who = 0; who < MEMBERS; who++) {
		shake(forward, who);
		if (who < 3)
			join(forward, who);
	}
	while (size >= 4) {
		size_t length = (size_t)data[2] << 8 | data[3];
		size_t taken = (data[0] & 3) == 3 ? 0 : length;

		if (taken > size - 4 || taken > DATAGRAM)
			break;
		step(forward, data[0], data[1], length, data + 4);
		data += 4 + taken;
		size -= 4 + taken;
	}
	forward_free(forward);
	return 0;
}
