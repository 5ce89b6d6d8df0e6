/* The relay as a pure machine, with members that hold real WireGuard sessions.
 *
 *     members (struct member) --- hand over datagrams with a source ---> forward
 *     world.out               <--- what the relay sends, in order ------
 *
 * Time stands still unless a test moves world.now_us; nothing is lost unless a test drops it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-dataplane/frame.h"
#include "svc-dataplane/messages.h"
#include "svc-dataplane/session.h"
#include "svc-dataplane/tai64n.h"
#include "svc-nat/relay/binding.h"
#include "svc-nat/relay/forward.h"
#include "svc-nat/relay/statefile.h"
#include "svc-nat/relay/ticket.h"
#include "svc-nat/stun.h"

#define OUT_MAX	    4096
#define MESSAGE_MAX 2048

struct datagram {
	struct addr to;
	size_t length;
	uint8_t bytes[MESSAGE_MAX];
};

struct world {
	struct forward *forward;
	struct forward_ops ops;
	struct noise_identity relay; /* only its public half is used */
	uint8_t relay_private[32];
	uint8_t signing_public[32], signing_secret[64];
	uint64_t now_us, wall_s;
	struct tai64n tai64n;
	uint32_t next_index;
	size_t n_out;
	struct datagram out[OUT_MAX];
};

/* A member's tunnel to the relay; also used between two members. */
struct tunnel_end {
	struct session session;
	uint64_t replay[SESSION_REPLAY_WORDS(64)];
};

struct member {
	struct noise_identity identity;
	struct addr addr;
	struct tunnel_end relay;
	uint8_t slot;
	uint16_t number;
};

static const struct forward_limits default_limits = {
	.members = 64,
	.newcomers = 32,
	.member = {.bytes_per_second = 100000000 / 8, .packets_per_second = 20000},
};

static void world_send(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct world *world = data;

	assert_true(world->n_out < OUT_MAX);
	assert_true(length <= MESSAGE_MAX);
	world->out[world->n_out].to = *to;
	world->out[world->n_out].length = length;
	memcpy(world->out[world->n_out].bytes, bytes, length);
	world->n_out++;
}

static uint64_t world_wall_s(void *data)
{
	return ((struct world *)data)->wall_s;
}

static void world_restart(struct world *world, const struct forward_limits *limits)
{
	forward_free(world->forward);
	assert_int_equal(forward_new(&world->forward, &world->ops, world->relay_private, limits),
			 0);
	forward_trust(world->forward, world->signing_public);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_true(sodium_init() >= 0);
	world->now_us = 1000 * CLOCK_SECOND;
	world->wall_s = 1800000000;
	world->ops =
		(struct forward_ops){.send = world_send, .wall_s = world_wall_s, .data = world};
	noise_private_key_new(world->relay_private);
	assert_int_equal(noise_identity_init(&world->relay, world->relay_private), 0);
	crypto_sign_keypair(world->signing_public, world->signing_secret);
	tai64n_init(&world->tai64n, 0);
	world_restart(world, &default_limits);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	forward_free(world->forward);
	free(world);
	return 0;
}

/* Hands a copy to the relay, in memory of exactly its size. */
static void give(struct world *world, const struct addr *from, const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	memcpy(copy, bytes, length);
	world->n_out = 0;
	forward_receive(world->forward, world->now_us, from, copy, length);
	free(copy);
}

static void pass(struct world *world, uint64_t us)
{
	world->now_us += us;
	world->wall_s += us / CLOCK_SECOND;
	world->n_out = 0;
	forward_poll(world->forward, world->now_us);
}

static struct forward_stats stats_of(const struct world *world)
{
	struct forward_stats stats;

	forward_stats(world->forward, &stats);
	return stats;
}

/* --- members --- */

static struct addr address(uint8_t last, uint16_t port)
{
	return addr_ipv4(0xcb007100u | last, port);
}

static void member_init(struct world *world, struct member *member, struct addr addr)
{
	uint8_t key[32];

	memset(member, 0, sizeof(*member));
	noise_private_key_new(key);
	assert_int_equal(noise_identity_init(&member->identity, key), 0);
	assert_int_equal(session_init(&member->relay.session, &member->identity,
				      world->relay.public_key, NULL, member->relay.replay,
				      SESSION_REPLAY_WORDS(64), 1),
			 0);
	member->addr = addr;
}

static void initiation(struct world *world, struct session *session,
		       struct message_initiation *message)
{
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE];
	struct session_events events;

	world->now_us += 100 * CLOCK_MS;
	tai64n_next(&world->tai64n, world->wall_s * CLOCK_SECOND, timestamp);
	assert_int_equal(session_initiate(session, world->now_us, ++world->next_index, timestamp,
					  message, &events),
			 0);
}

/* Sends a packet to the relay, 0 bytes for a keepalive, from any address. */
static void member_say(struct world *world, struct member *member, const struct addr *from,
		       const void *packet, size_t length)
{
	uint8_t message[MESSAGE_MAX];
	struct session_events events;
	ptrdiff_t sealed;

	if (length > 0)
		memcpy(message + MESSAGE_DATA_HEADROOM, packet, length);
	sealed =
		session_seal(&member->relay.session, world->now_us, message, length, 1420, &events);
	assert_true(sealed > 0);
	give(world, from, message, (size_t)sealed);
}

static void member_keepalive(struct world *world, struct member *member)
{
	member_say(world, member, &member->addr, NULL, 0);
}

/* Handshake with the relay; the address is bound once the keepalive is there. */
static void member_bind(struct world *world, struct member *member)
{
	struct message_initiation message;
	struct session_events events;

	initiation(world, &member->relay.session, &message);
	give(world, &member->addr, &message, sizeof(message));
	assert_int_equal(world->n_out, 1);
	assert_true(addr_equal(&world->out[0].to, &member->addr));
	assert_int_equal(world->out[0].length, sizeof(struct message_response));
	assert_int_equal(session_accept_response(&member->relay.session, world->now_us,
						 (const void *)world->out[0].bytes, &events),
			 0);
	member_keepalive(world, member);
}

/* The only datagram the relay sent goes to this member inside its relay session. */
static void member_hear(struct world *world, struct member *member, struct frame *frame)
{
	struct session_opened opened;
	struct session_events events;

	assert_int_equal(world->n_out, 1);
	assert_int_equal(session_open(&member->relay.session, world->now_us, world->out[0].bytes,
				      world->out[0].length, &opened, &events),
			 0);
	assert_int_equal(frame_parse(frame, opened.packet, opened.length), 0);
}

static struct ticket ticket_for(const struct world *world, const struct member *member,
				uint8_t party, uint16_t number)
{
	struct ticket ticket = {
		.number = number, .generation = 1, .expires_s = world->wall_s + TICKET_LIFETIME_S};

	ticket_scope(&party, 1, ticket.scope);
	memcpy(ticket.relay_key, world->relay.public_key, 32);
	memcpy(ticket.member_key, member->identity.public_key, 32);
	return ticket;
}

static enum frame_ticket_status show_bytes(struct world *world, struct member *member,
					   const uint8_t *bytes, size_t length, struct frame *reply)
{
	struct frame frame = {.type = FRAME_TICKET, .ticket = {bytes, length}};
	uint8_t packet[FRAME_MAX];
	int written = frame_write(&frame, 0, packet, sizeof(packet));

	assert_true(written > 0);
	member_say(world, member, &member->addr, packet, (size_t)written);
	member_hear(world, member, reply);
	assert_int_equal(reply->type, FRAME_TICKET_REPLY);
	return reply->ticket_reply.status;
}

static enum frame_ticket_status show(struct world *world, struct member *member,
				     const struct ticket *ticket, struct frame *reply)
{
	uint8_t bytes[TICKET_SIZE];

	ticket_sign(ticket, world->signing_secret, bytes);
	return show_bytes(world, member, bytes, sizeof(bytes), reply);
}

/* A member of a party at the relay. */
static void member_join(struct world *world, struct member *member, struct addr addr, uint8_t party,
			uint16_t number)
{
	struct ticket ticket;
	struct frame reply;

	member_init(world, member, addr);
	member_bind(world, member);
	ticket = ticket_for(world, member, party, number);
	assert_int_equal(show(world, member, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	assert_int_equal(reply.ticket_reply.number, number);
	assert_true(reply.ticket_reply.slot > 0);
	member->slot = reply.ticket_reply.slot;
	member->number = number;
}

/* Something that looks like WireGuard, tagged. */
static size_t opaque(uint8_t *bytes, enum message_type type, size_t length, uint8_t slot,
		     uint16_t number)
{
	static const size_t sizes[] = {0, 148, 92, 64};

	if (type != MESSAGE_DATA)
		length = sizes[type];
	randombytes_buf(bytes, length);
	bytes[0] = (uint8_t)type;
	message_tag_set(bytes, slot, number);
	return length;
}

/* Whether a tagged packet from this address to that number comes out at `to`, byte for byte. */
static bool reaches(struct world *world, const struct addr *from, uint8_t slot, uint16_t number,
		    const struct addr *to)
{
	uint8_t bytes[256];
	size_t length = opaque(bytes, MESSAGE_DATA, sizeof(bytes), slot, number);

	give(world, from, bytes, length);
	message_tag_clear(bytes);
	for (size_t i = 0; i < world->n_out; i++)
		if (world->out[i].length == length &&
		    memcmp(world->out[i].bytes, bytes, length) == 0)
			return addr_equal(&world->out[i].to, to);
	return false;
}

/* --- binding and tickets --- */

static void test_handshake_binds_the_address(void **state)
{
	struct world *world = *state;
	struct member a;

	member_init(world, &a, address(1, 1000));
	member_bind(world, &a);
	assert_int_equal(world->n_out, 0);
	assert_int_equal(stats_of(world).newcomers, 1);
	assert_int_equal(stats_of(world).members, 0);
}

static void test_ticket_accepted(void **state)
{
	struct world *world = *state;
	struct member a;
	struct ticket ticket;
	struct frame reply;

	member_init(world, &a, address(1, 1000));
	member_bind(world, &a);
	ticket = ticket_for(world, &a, 7, 42);
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	assert_int_equal(reply.ticket_reply.number, 42);
	assert_int_equal(reply.ticket_reply.valid_s, TICKET_LIFETIME_S);
	assert_in_range(reply.ticket_reply.slot, 1, 255);
	assert_true(addr_equal(&reply.ticket_reply.observed, &a.addr));
	assert_true(world->out[0].length < 192 + 32); /* not longer than what it answers */
	assert_int_equal(stats_of(world).members, 1);
	assert_int_equal(stats_of(world).newcomers, 0);

	/* Shown again, or renewed: the same slot. */
	ticket.expires_s += 3600;
	a.slot = reply.ticket_reply.slot;
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	assert_int_equal(reply.ticket_reply.slot, a.slot);
	assert_int_equal(reply.ticket_reply.valid_s, TICKET_LIFETIME_S + 3600);

	/* Another party: another slot. */
	ticket = ticket_for(world, &a, 8, 1);
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	assert_int_not_equal(reply.ticket_reply.slot, a.slot);
	assert_int_equal(stats_of(world).members, 1);
}

static void test_ticket_refusals(void **state)
{
	struct world *world = *state;
	struct member a, b;
	struct ticket good, bad;
	struct frame reply;
	uint8_t bytes[TICKET_SIZE], other_public[32], other_secret[64];

	member_init(world, &a, address(1, 1000));
	member_init(world, &b, address(2, 1000));
	member_bind(world, &a);
	good = ticket_for(world, &a, 7, 42);

	ticket_sign(&good, world->signing_secret, bytes);
	bytes[0] = 2; /* version */
	assert_int_equal(show_bytes(world, &a, bytes, sizeof(bytes), &reply),
			 FRAME_TICKET_MALFORMED);
	ticket_sign(&good, world->signing_secret, bytes);
	assert_int_equal(show_bytes(world, &a, bytes, sizeof(bytes) - 1, &reply),
			 FRAME_TICKET_MALFORMED);
	bad = good;
	bad.number = 0;
	assert_int_equal(show(world, &a, &bad, &reply), FRAME_TICKET_MALFORMED);

	ticket_sign(&good, world->signing_secret, bytes);
	bytes[3] ^= 1; /* the number */
	assert_int_equal(show_bytes(world, &a, bytes, sizeof(bytes), &reply),
			 FRAME_TICKET_BAD_SIGNATURE);
	crypto_sign_keypair(other_public, other_secret);
	ticket_sign(&good, other_secret, bytes);
	assert_int_equal(show_bytes(world, &a, bytes, sizeof(bytes), &reply),
			 FRAME_TICKET_BAD_SIGNATURE);

	bad = good;
	bad.relay_key[0] ^= 1;
	assert_int_equal(show(world, &a, &bad, &reply), FRAME_TICKET_WRONG_KEY);
	bad = ticket_for(world, &b, 7, 42);
	assert_int_equal(show(world, &a, &bad, &reply), FRAME_TICKET_WRONG_KEY);

	bad = good;
	bad.expires_s = world->wall_s;
	assert_int_equal(show(world, &a, &bad, &reply), FRAME_TICKET_EXPIRED);

	assert_int_equal(stats_of(world).members, 0);
	assert_int_equal(show(world, &a, &good, &reply), FRAME_TICKET_ACCEPTED);
}

static void test_no_ticket_is_good_without_a_server(void **state)
{
	struct world *world = *state;
	struct member a;
	struct ticket ticket;
	struct frame reply;
	const struct forward_limits *limits = &default_limits;

	forward_free(world->forward);
	assert_int_equal(forward_new(&world->forward, &world->ops, world->relay_private, limits),
			 0);
	member_init(world, &a, address(1, 1000));
	member_bind(world, &a);
	ticket = ticket_for(world, &a, 7, 42);
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_BAD_SIGNATURE);
}

static void test_full(void **state)
{
	struct world *world = *state;
	struct forward_limits limits = default_limits;
	struct member a, b;
	struct ticket ticket;
	struct frame reply;

	limits.members = 1;
	world_restart(world, &limits);
	member_join(world, &a, address(1, 1000), 7, 1);
	member_init(world, &b, address(2, 1000));
	member_bind(world, &b);
	ticket = ticket_for(world, &b, 7, 2);
	assert_int_equal(show(world, &b, &ticket, &reply), FRAME_TICKET_FULL);

	/* And no binding has more than so many slots. */
	for (uint8_t party = 20; party < 20 + ROUTE_SLOTS - 1; party++) {
		pass(world, CLOCK_SECOND);
		ticket = ticket_for(world, &a, party, 1);
		assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	}
	ticket = ticket_for(world, &a, 100, 1);
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_FULL);
}

static void test_number_goes_to_the_later_ticket(void **state)
{
	struct world *world = *state;
	struct member a, b, c;
	struct ticket later, earlier;
	struct frame reply;

	member_join(world, &a, address(1, 1000), 7, 5);
	member_join(world, &c, address(3, 1000), 7, 6);
	member_init(world, &b, address(2, 1000));
	member_bind(world, &b);
	earlier = ticket_for(world, &b, 7, 5);
	earlier.expires_s -= 100;
	assert_int_equal(show(world, &b, &earlier, &reply), FRAME_TICKET_EXPIRED);
	assert_true(reaches(world, &c.addr, c.slot, 5, &a.addr));
	later = ticket_for(world, &b, 7, 5);
	later.expires_s += 100;
	assert_int_equal(show(world, &b, &later, &reply), FRAME_TICKET_ACCEPTED);
	assert_true(reaches(world, &c.addr, c.slot, 5, &b.addr));
	assert_false(reaches(world, &a.addr, a.slot, 6, &c.addr));
	assert_int_equal(stats_of(world).members, 2);
}

static void test_guest(void **state)
{
	struct world *world = *state;
	struct member sponsor, guest;
	struct ticket ticket;
	struct frame reply;

	member_join(world, &sponsor, address(1, 1000), 7, 1);
	member_init(world, &guest, address(2, 1000));
	ticket = ticket_for(world, &guest, 8, 9);
	assert_int_equal(show(world, &sponsor, &ticket, &reply), FRAME_TICKET_WRONG_KEY);
	ticket = ticket_for(world, &guest, 7, 9);
	assert_int_equal(show(world, &sponsor, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	assert_int_equal(reply.ticket_reply.slot, 0);
	assert_int_equal(reply.ticket_reply.number, 9);
	assert_false(reaches(world, &sponsor.addr, sponsor.slot, 9, &guest.addr));

	/* It comes an hour later and needs nothing but its handshake. */
	for (int minute = 0; minute < 60; minute++) {
		member_bind(world, &sponsor);
		pass(world, 60 * CLOCK_SECOND);
	}
	member_bind(world, &guest);
	assert_true(reaches(world, &sponsor.addr, sponsor.slot, 9, &guest.addr));
	/* It goes and comes back. */
	for (int minute = 0; minute < 4; minute++) {
		member_bind(world, &sponsor);
		pass(world, 60 * CLOCK_SECOND);
	}
	assert_false(reaches(world, &sponsor.addr, sponsor.slot, 9, &guest.addr));
	guest.addr = address(3, 7);
	member_bind(world, &guest);
	assert_true(reaches(world, &sponsor.addr, sponsor.slot, 9, &guest.addr));
}

/* --- forwarding --- */

static void test_forwards_exact_bytes(void **state)
{
	struct world *world = *state;
	static const size_t sizes[] = {32, 33, 128, 1280, 1452, 1500};
	struct member a, b;
	uint8_t bytes[MESSAGE_MAX];

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 65535);
	for (int type = MESSAGE_INITIATION; type <= MESSAGE_DATA; type++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t length =
				opaque(bytes, (enum message_type)type, sizes[i], a.slot, b.number);

			give(world, &a.addr, bytes, length);
			assert_int_equal(world->n_out, 1);
			assert_true(addr_equal(&world->out[0].to, &b.addr));
			assert_int_equal(world->out[0].length, length);
			assert_int_equal(world->out[0].bytes[0], type);
			assert_memory_equal(world->out[0].bytes + 1, "\0\0\0", 3);
			assert_memory_equal(world->out[0].bytes + 4, bytes + 4, length - 4);
		}
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));
}

static void test_between_families(void **state)
{
	struct world *world = *state;
	struct member a, b;
	struct addr six;

	assert_int_equal(addr_parse(&six, "[2001:db8::7]:4000"), 0);
	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, six, 7, 2);
	assert_true(reaches(world, &a.addr, a.slot, 2, &six));
	assert_true(reaches(world, &six, b.slot, 1, &a.addr));
}

static void test_half_a_tag_is_none(void **state)
{
	struct world *world = *state;
	struct member a, b;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	assert_false(reaches(world, &a.addr, 0, 2, &b.addr));
	assert_int_equal(world->n_out, 0);
	assert_false(reaches(world, &a.addr, a.slot, 0, &b.addr));
	assert_int_equal(world->n_out, 0);
}

static void test_unbound_is_said_ten_times_a_second(void **state)
{
	struct world *world = *state;
	struct member a;
	struct frame frame;
	uint8_t keepalive[32];
	unsigned said = 0;

	member_join(world, &a, address(1, 1000), 7, 1);
	assert_false(reaches(world, &a.addr, a.slot, 300, &a.addr));
	member_hear(world, &a, &frame);
	assert_int_equal(frame.type, FRAME_UNBOUND);
	assert_int_equal(frame.unbound.slot, a.slot);
	assert_int_equal(frame.unbound.number, 300);
	/* A slot it does not have. */
	assert_false(reaches(world, &a.addr, 200, 300, &a.addr));
	member_hear(world, &a, &frame);
	assert_int_equal(frame.unbound.slot, 200);

	/* Not to a packet shorter than the answer: its source may be forged. */
	pass(world, 2 * CLOCK_SECOND);
	give(world, &a.addr, keepalive, opaque(keepalive, MESSAGE_DATA, 32, a.slot, 300));
	assert_int_equal(world->n_out, 0);
	for (int ms = 0; ms < 3000; ms += 10) {
		reaches(world, &a.addr, a.slot, 300, &a.addr);
		said += (unsigned)world->n_out;
		world->now_us += 10 * CLOCK_MS;
	}
	assert_in_range(said, 30, 40); /* a burst of ten and ten a second */
}

static void test_parties_are_apart(void **state)
{
	struct world *world = *state;
	struct member a1, a2, b1, b2;

	member_join(world, &a1, address(1, 1000), 7, 1);
	member_join(world, &a2, address(2, 1000), 7, 2);
	member_join(world, &b1, address(3, 1000), 8, 1);
	member_join(world, &b2, address(4, 1000), 8, 2);
	assert_true(reaches(world, &a1.addr, a1.slot, 2, &a2.addr));
	assert_true(reaches(world, &b1.addr, b1.slot, 2, &b2.addr));
	for (unsigned slot = 0; slot < 256; slot++)
		for (uint16_t number = 1; number < 4; number++) {
			assert_false(reaches(world, &a1.addr, (uint8_t)slot, number, &b1.addr));
			assert_false(reaches(world, &a1.addr, (uint8_t)slot, number, &b2.addr));
		}
}

static void test_without_a_ticket_nothing_is_forwarded(void **state)
{
	struct world *world = *state;
	struct member a, stranger;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_init(world, &stranger, address(2, 1000));
	assert_false(reaches(world, &stranger.addr, a.slot, 1, &a.addr));
	assert_int_equal(world->n_out, 0);
	member_bind(world, &stranger);
	for (unsigned slot = 1; slot < 256; slot++)
		assert_false(reaches(world, &stranger.addr, (uint8_t)slot, 1, &a.addr));
}

static void test_quota(void **state)
{
	struct world *world = *state;
	struct forward_limits limits = default_limits;
	struct member a, b;
	unsigned passed = 0;

	limits.member =
		(struct quota_limit){.bytes_per_second = 256 * 1000, .packets_per_second = 100000};
	world_restart(world, &limits);
	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	pass(world, CLOCK_SECOND);
	for (int ms = 0; ms < 2000; ms++) { /* four times as much as may be */
		for (int i = 0; i < 4; i++)
			passed += reaches(world, &a.addr, a.slot, 2, &b.addr);
		world->now_us += CLOCK_MS;
	}
	assert_in_range(passed, 2000, 2300);
	assert_true(stats_of(world).over_quota > 5000);
	/* The other has its own. */
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));
}

/* --- roaming and hijacking --- */

static void test_roams_by_authenticated_packets(void **state)
{
	struct world *world = *state;
	struct member a, b;
	struct addr old = address(1, 1000), new = address(1, 2222);

	member_join(world, &a, old, 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	assert_false(reaches(world, &new, a.slot, 2, &b.addr));
	a.addr = new;
	member_keepalive(world, &a);
	assert_true(reaches(world, &new, a.slot, 2, &b.addr));
	assert_true(reaches(world, &b.addr, b.slot, 1, &new));
	assert_false(reaches(world, &old, a.slot, 2, &b.addr));
}

static void test_unauthenticated_packets_move_nothing(void **state)
{
	struct world *world = *state;
	struct member a, b;
	struct addr thief = address(66, 6);
	struct message_initiation captured;
	uint8_t message[MESSAGE_DATA_MIN + 16], forged[MESSAGE_DATA_MIN];
	struct session_events events;
	ptrdiff_t length;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);

	/* A copy of a packet that has arrived. */
	length = session_seal(&a.relay.session, world->now_us, message, 0, 1420, &events);
	give(world, &a.addr, message, (size_t)length);
	give(world, &thief, message, (size_t)length);
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));

	/* A forged one with a good index. */
	memcpy(forged, message, sizeof(forged));
	message_le64_set(((struct message_data *)forged)->counter, 999);
	give(world, &thief, forged, sizeof(forged));
	assert_int_equal(world->n_out, 0);
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));

	/* An initiation of its own that never arrived, sent by the thief: it is answered, to the
	 * thief, who can do nothing with the answer. */
	initiation(world, &a.relay.session, &captured);
	give(world, &thief, &captured, sizeof(captured));
	assert_int_equal(world->n_out, 1);
	assert_true(addr_equal(&world->out[0].to, &thief));
	assert_true(world->out[0].length < sizeof(captured));
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));
	assert_false(reaches(world, &thief, a.slot, 2, &b.addr));
	/* And the true one still works with its keys. */
	member_keepalive(world, &a);
	assert_true(reaches(world, &a.addr, a.slot, 2, &b.addr));
}

static void test_forged_source_takes_nobodys_address(void **state)
{
	struct world *world = *state;
	struct member victim, b, thief;

	member_join(world, &victim, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	member_join(world, &thief, address(3, 1000), 8, 1);

	/* Authentic, but from an address that is the victim's: the source is forged. */
	member_say(world, &thief, &victim.addr, NULL, 0);
	assert_true(reaches(world, &victim.addr, victim.slot, 2, &b.addr));
	assert_true(reaches(world, &b.addr, b.slot, 1, &victim.addr));

	/* Whoever does receive there is let in: a NAT has given the port to somebody else. */
	thief.addr = victim.addr;
	member_bind(world, &thief);
	assert_false(reaches(world, &victim.addr, victim.slot, 2, &b.addr));
	assert_false(reaches(world, &b.addr, b.slot, 1, &victim.addr));
	victim.addr = address(1, 1001);
	member_keepalive(world, &victim);
	assert_true(reaches(world, &b.addr, b.slot, 1, &victim.addr));
}

/* --- time --- */

static void test_newcomers_go_after_ten_seconds(void **state)
{
	struct world *world = *state;
	struct member a;

	member_init(world, &a, address(1, 1000));
	member_bind(world, &a);
	for (int second = 0; second < 9; second++) {
		pass(world, CLOCK_SECOND);
		member_keepalive(world, &a);
	}
	assert_int_equal(stats_of(world).newcomers, 1);
	pass(world, 2 * CLOCK_SECOND);
	assert_int_equal(stats_of(world).newcomers, 0);
	member_bind(world, &a);
	assert_int_equal(stats_of(world).newcomers, 1);
}

static void test_silent_members_go(void **state)
{
	struct world *world = *state;
	struct member a, b;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	pass(world, 100 * CLOCK_SECOND);
	member_keepalive(world, &b);
	pass(world, 79 * CLOCK_SECOND);
	assert_int_equal(stats_of(world).members, 2);
	pass(world, 2 * CLOCK_SECOND);
	assert_int_equal(stats_of(world).members, 1);
	assert_false(reaches(world, &b.addr, b.slot, 1, &a.addr));
}

static void test_tickets_end(void **state)
{
	struct world *world = *state;
	struct member a, b;
	struct ticket ticket;
	struct frame reply;

	member_join(world, &b, address(2, 1000), 7, 2);
	member_init(world, &a, address(1, 1000));
	member_bind(world, &a);
	ticket = ticket_for(world, &a, 7, 1);
	ticket.expires_s = world->wall_s + 60;
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	a.slot = reply.ticket_reply.slot;
	assert_true(reaches(world, &a.addr, a.slot, 2, &b.addr));
	pass(world, 61 * CLOCK_SECOND);
	assert_false(reaches(world, &a.addr, a.slot, 2, &b.addr));
	assert_false(reaches(world, &b.addr, b.slot, 1, &a.addr));
	/* It has ten seconds to show another. */
	assert_int_equal(stats_of(world).newcomers, 1);
	ticket.expires_s += 3600;
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));
}

static void test_unknown_keys_are_bounded(void **state)
{
	struct world *world = *state;
	struct member a, b, stranger;
	struct message_initiation message;
	unsigned answered = 0, cookies = 0;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	for (unsigned i = 0; i < 1500; i++) {
		struct addr from = addr_ipv4(0x0a000000u + i / 20, (uint16_t)(1024 + i));

		member_init(world, &stranger, from);
		initiation(world, &stranger.relay.session, &message);
		world->now_us -= 99 * CLOCK_MS + 900; /* ten thousand a second */
		give(world, &from, &message, sizeof(message));
		assert_true(world->n_out <= 1);
		if (world->n_out == 1) {
			assert_true(world->out[0].length < sizeof(message));
			answered += world->out[0].bytes[0] == MESSAGE_RESPONSE;
			cookies += world->out[0].bytes[0] == MESSAGE_COOKIE;
		}
		assert_true(stats_of(world).newcomers <= default_limits.newcomers);
	}
	assert_in_range(answered, 450, 600); /* the burst, and then the rate */
	assert_true(cookies > 800);
	assert_int_equal(stats_of(world).members, 2);
	assert_true(reaches(world, &a.addr, a.slot, 2, &b.addr));
}

static void test_cookies_admit_under_load(void **state)
{
	struct world *world = *state;
	struct member a, stranger;
	struct message_initiation message;
	struct mac_keys relay_macs;
	struct cookie_jar jar = {0};
	struct session_events events;

	for (unsigned i = 0; i < 600; i++) {
		struct addr from = addr_ipv4(0x0a000000u + i / 20, (uint16_t)(1024 + i));

		member_init(world, &stranger, from);
		initiation(world, &stranger.relay.session, &message);
		world->now_us -= 100 * CLOCK_MS;
		give(world, &from, &message, sizeof(message));
	}
	member_init(world, &a, address(1, 1000));
	mac_keys_init(&relay_macs, world->relay.public_key);
	initiation(world, &a.relay.session, &message);
	world->now_us -= 100 * CLOCK_MS;
	cookie_jar_stamp(&jar, world->now_us, &message, sizeof(message));
	give(world, &a.addr, &message, sizeof(message));
	assert_int_equal(world->n_out, 1);
	assert_int_equal(world->out[0].length, sizeof(struct message_cookie));
	assert_int_equal(cookie_jar_accept(&jar, world->now_us, &relay_macs,
					   (const void *)world->out[0].bytes),
			 0);
	cookie_jar_stamp(&jar, world->now_us, &message, sizeof(message));
	give(world, &a.addr, &message, sizeof(message));
	assert_int_equal(world->n_out, 1);
	assert_int_equal(session_accept_response(&a.relay.session, world->now_us,
						 (const void *)world->out[0].bytes, &events),
			 0);
}

static void test_one_source_has_its_rate(void **state)
{
	struct world *world = *state;
	struct member stranger;
	struct message_initiation message;
	unsigned answered = 0;

	for (unsigned i = 0; i < 400; i++) {
		member_init(world, &stranger, address(9, (uint16_t)(1024 + i)));
		initiation(world, &stranger.relay.session, &message);
		world->now_us -= 100 * CLOCK_MS;
		give(world, &stranger.addr, &message, sizeof(message));
		answered += (unsigned)world->n_out;
	}
	assert_int_equal(answered, 100);
}

/* --- the relay's own packets --- */

static void test_probe_is_answered(void **state)
{
	struct world *world = *state;
	struct member a;
	struct frame probe = {.type = FRAME_PROBE, .probe = {.path = 5, .sequence = 6, .flags = 1}};
	struct frame reply;
	uint8_t packet[FRAME_MAX];
	int length;

	member_join(world, &a, address(1, 1000), 7, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		length = frame_write(&probe, 0, packet, sizeof(packet));
		member_say(world, &a, &a.addr, packet, (size_t)length);
		member_hear(world, &a, &reply);
		assert_int_equal(reply.type, FRAME_PROBE_REPLY);
		assert_int_equal(reply.probe.path, 5);
		assert_int_equal(reply.probe.sequence, 6);
		assert_int_equal(reply.probe.flags, 1);
		assert_true(addr_equal(&reply.probe.observed, &a.addr));
	}
}

static void test_other_packets_inside_are_ignored(void **state)
{
	struct world *world = *state;
	struct member a;
	uint8_t packet[64] = {0x45};

	member_join(world, &a, address(1, 1000), 7, 1);
	member_say(world, &a, &a.addr, packet, sizeof(packet));
	assert_int_equal(world->n_out, 0);
	packet[0] = FRAME_MAGIC;
	packet[1] = 99;
	member_say(world, &a, &a.addr, packet, sizeof(packet));
	assert_int_equal(world->n_out, 0);
	/* Data that came and went unanswered: the keepalive after ten seconds. */
	pass(world, 11 * CLOCK_SECOND);
	assert_int_equal(world->n_out, 1);
	assert_int_equal(world->out[0].length, MESSAGE_DATA_MIN);
}

static void test_stun(void **state)
{
	struct world *world = *state;
	struct stun_message request = {.class = STUN_REQUEST, .method = STUN_METHOD_BINDING};
	struct stun_message answer;
	struct addr from = address(5, 555);
	uint8_t bytes[STUN_MESSAGE_MAX];
	int length = stun_write(&request, bytes, sizeof(bytes));
	unsigned answered = 0;

	give(world, &from, bytes, (size_t)length);
	assert_int_equal(world->n_out, 1);
	assert_int_equal(stun_parse(&answer, world->out[0].bytes, world->out[0].length), 0);
	assert_true(addr_equal(&answer.mapped, &from));
	for (int i = 0; i < 1000; i++) {
		give(world, &from, bytes, (size_t)length);
		answered += (unsigned)world->n_out;
	}
	assert_true(answered < 120);
	from = address(6, 555);
	give(world, &from, bytes, (size_t)length);
	assert_int_equal(world->n_out, 1);
}

/* --- stock members: no tags --- */

struct pair {
	struct tunnel_end s, d; /* each end of the tunnel between two members */
};

static void pair_init(struct pair *pair, struct member *s, struct member *d)
{
	assert_int_equal(session_init(&pair->s.session, &s->identity, d->identity.public_key, NULL,
				      pair->s.replay, SESSION_REPLAY_WORDS(64), 1),
			 0);
	assert_int_equal(session_init(&pair->d.session, &d->identity, s->identity.public_key, NULL,
				      pair->d.replay, SESSION_REPLAY_WORDS(64), 2),
			 0);
}

/* D's answer to an initiation that came out of the relay. */
static void pair_respond(struct world *world, struct pair *pair, struct member *d,
			 const struct message_initiation *message,
			 struct message_response *response)
{
	struct noise_initiation opened;
	struct session_events events;

	assert_int_equal(noise_initiation_open(&opened, &d->identity, message), 0);
	assert_int_equal(session_accept_initiation(&pair->d.session, world->now_us, &opened,
						   message, ++world->next_index, response, &events),
			 0);
}

static void only_to(struct world *world, const struct addr *to)
{
	assert_int_equal(world->n_out, 1);
	assert_true(addr_equal(&world->out[0].to, to));
}

/* Handshake S -> D over the relay without a tag. */
static void pair_shake(struct world *world, struct pair *pair, struct member *s, struct member *d)
{
	struct message_initiation message;
	struct message_response response;
	struct session_events events;

	initiation(world, &pair->s.session, &message);
	give(world, &s->addr, &message, sizeof(message));
	only_to(world, &d->addr);
	pair_respond(world, pair, d, (const void *)world->out[0].bytes, &response);
	give(world, &d->addr, &response, sizeof(response));
	only_to(world, &s->addr);
	assert_int_equal(session_accept_response(&pair->s.session, world->now_us,
						 (const void *)world->out[0].bytes, &events),
			 0);
}

static bool pair_data(struct world *world, struct tunnel_end *from, struct tunnel_end *to,
		      const struct addr *source, const struct addr *target)
{
	uint8_t message[256] = {0};
	struct session_opened opened;
	struct session_events events;
	ptrdiff_t length = session_seal(&from->session, world->now_us, message, 64, 1420, &events);

	assert_true(length > 0);
	give(world, source, message, (size_t)length);
	if (world->n_out == 0)
		return false;
	only_to(world, target);
	assert_int_equal(world->out[0].length, (size_t)length);
	return session_open(&to->session, world->now_us, world->out[0].bytes, world->out[0].length,
			    &opened, &events) == 0;
}

static void test_stock_members_talk(void **state)
{
	struct world *world = *state;
	struct member s, d, other;
	struct pair pair;

	member_join(world, &s, address(1, 1000), 7, 1);
	member_join(world, &d, address(2, 1000), 7, 2);
	member_join(world, &other, address(3, 1000), 7, 3);
	pair_init(&pair, &s, &d);
	pair_shake(world, &pair, &s, &d);
	assert_true(pair_data(world, &pair.s, &pair.d, &s.addr, &d.addr));
	assert_true(pair_data(world, &pair.d, &pair.s, &d.addr, &s.addr));
	/* The same indices from anybody else go nowhere. */
	assert_false(pair_data(world, &pair.s, &pair.d, &other.addr, &d.addr));
	/* Their own tunnels to the relay are not disturbed, and roaming reaches them. */
	s.addr = address(1, 1001);
	member_keepalive(world, &s);
	assert_true(pair_data(world, &pair.d, &pair.s, &d.addr, &s.addr));
	/* A key's life later the route is gone. */
	for (int i = 0; i < 20; i++) {
		pass(world, 10 * CLOCK_SECOND);
		if (i % 6 == 5) {
			member_bind(world, &s);
			member_bind(world, &d);
		}
	}
	pair_init(&pair, &s, &d);
	pair_shake(world, &pair, &s, &d);
	assert_true(pair_data(world, &pair.s, &pair.d, &s.addr, &d.addr));
}

static void test_stock_stays_in_its_party(void **state)
{
	struct world *world = *state;
	struct member s, d;
	struct pair pair;
	struct message_initiation message;

	member_join(world, &s, address(1, 1000), 7, 1);
	member_join(world, &d, address(2, 1000), 8, 2);
	pair_init(&pair, &s, &d);
	initiation(world, &pair.s.session, &message);
	give(world, &s.addr, &message, sizeof(message));
	assert_int_equal(world->n_out, 0);
	assert_int_equal(stats_of(world).unroutable, 1);
}

static void test_stock_engine_initiates_with_a_tag(void **state)
{
	struct world *world = *state;
	struct member engine, d;
	struct pair pair;
	struct message_initiation message;
	struct message_response response;
	struct session_events events;

	member_join(world, &engine, address(1, 1000), 7, 1);
	member_join(world, &d, address(2, 1000), 7, 2);
	pair_init(&pair, &engine, &d);
	initiation(world, &pair.s.session, &message);
	message_tag_set(&message, engine.slot, 2);
	give(world, &engine.addr, &message, sizeof(message));
	only_to(world, &d.addr);
	pair_respond(world, &pair, &d, (const void *)world->out[0].bytes, &response);
	give(world, &d.addr, &response, sizeof(response));
	only_to(world, &engine.addr);
	assert_int_equal(session_accept_response(&pair.s.session, world->now_us,
						 (const void *)world->out[0].bytes, &events),
			 0);
	/* Untagged either way: the engine may, the stock member must. */
	assert_true(pair_data(world, &pair.s, &pair.d, &engine.addr, &d.addr));
	assert_true(pair_data(world, &pair.d, &pair.s, &d.addr, &engine.addr));
}

static void test_stock_response_needs_its_initiation(void **state)
{
	struct world *world = *state;
	struct member s, d, other;
	struct pair pair;
	struct message_initiation message;
	struct message_response response;
	struct message_cookie cookie = {.header.type = MESSAGE_COOKIE};

	member_join(world, &s, address(1, 1000), 7, 1);
	member_join(world, &d, address(2, 1000), 7, 2);
	member_join(world, &other, address(3, 1000), 7, 3);
	pair_init(&pair, &s, &d);
	initiation(world, &pair.s.session, &message);
	give(world, &s.addr, &message, sizeof(message));
	only_to(world, &d.addr);
	pair_respond(world, &pair, &d, (const void *)world->out[0].bytes, &response);

	/* From a member it was not forwarded to. */
	give(world, &other.addr, &response, sizeof(response));
	assert_int_equal(world->n_out, 0);
	/* A cookie reply goes the same way, and teaches nothing. */
	memcpy(cookie.receiver, message.sender, sizeof(cookie.receiver));
	give(world, &other.addr, &cookie, sizeof(cookie));
	assert_int_equal(world->n_out, 0);
	give(world, &d.addr, &cookie, sizeof(cookie));
	only_to(world, &s.addr);
	/* Too late. */
	world->now_us += 6 * CLOCK_SECOND;
	give(world, &d.addr, &response, sizeof(response));
	assert_int_equal(world->n_out, 0);
	/* Wrong index. */
	initiation(world, &pair.s.session, &message);
	give(world, &s.addr, &message, sizeof(message));
	response.receiver[0] ^= 0x40;
	give(world, &d.addr, &response, sizeof(response));
	assert_int_equal(world->n_out, 0);
}

static void test_stock_ambiguous_is_dropped(void **state)
{
	struct world *world = *state;
	struct member s1, s2, d;
	struct pair pair1, pair2;
	struct message_initiation message;
	struct message_response response;

	member_join(world, &s1, address(1, 1000), 7, 1);
	member_join(world, &s2, address(2, 1000), 7, 2);
	member_join(world, &d, address(3, 1000), 7, 3);
	pair_init(&pair1, &s1, &d);
	pair_init(&pair2, &s2, &d);
	initiation(world, &pair1.s.session, &message);
	give(world, &s1.addr, &message, sizeof(message));
	pair_respond(world, &pair1, &d, (const void *)world->out[0].bytes, &response);
	world->next_index -= 2; /* both members choose the same index */
	initiation(world, &pair2.s.session, &message);
	give(world, &s2.addr, &message, sizeof(message));
	only_to(world, &d.addr);
	assert_memory_equal(message.sender, response.receiver, 4);
	give(world, &d.addr, &response, sizeof(response));
	assert_int_equal(world->n_out, 0);
}

/* --- restarts --- */

static void save_and_restart(struct world *world, uint64_t age_s)
{
	struct forward_saved saved, read;
	uint8_t *bytes;
	uint64_t saved_s;
	ptrdiff_t length;

	assert_int_equal(forward_save(world->forward, world->now_us, &saved), 0);
	length = statefile_encode(&saved, world->wall_s, &bytes);
	assert_true(length > 0);
	forward_saved_clear(&saved);
	assert_int_equal(statefile_decode(&read, &saved_s, bytes, (size_t)length), 0);
	assert_int_equal(saved_s, world->wall_s);
	free(bytes);
	world_restart(world, &default_limits);
	world->now_us += age_s * CLOCK_SECOND;
	world->wall_s += age_s;
	forward_restore(world->forward, world->now_us, age_s * CLOCK_SECOND, &read);
	forward_saved_clear(&read);
}

static void test_restart_keeps_bindings(void **state)
{
	struct world *world = *state;
	struct member a, b, s, d;
	struct addr thief = address(66, 6);
	struct pair pair;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	member_join(world, &s, address(3, 1000), 8, 1);
	member_join(world, &d, address(4, 1000), 8, 2);
	pair_init(&pair, &s, &d);
	pair_shake(world, &pair, &s, &d);
	save_and_restart(world, 20);
	assert_int_equal(stats_of(world).members, 4);
	assert_true(reaches(world, &a.addr, a.slot, 2, &b.addr));
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));
	assert_true(pair_data(world, &pair.s, &pair.d, &s.addr, &d.addr));
	assert_true(pair_data(world, &pair.d, &pair.s, &d.addr, &s.addr));
	assert_false(reaches(world, &thief, a.slot, 2, &b.addr));

	/* The old keys are gone; a handshake goes on where it was, ticket and slot included. */
	member_keepalive(world, &a);
	assert_int_equal(world->n_out, 0);
	a.addr = address(1, 3333);
	member_bind(world, &a);
	assert_true(reaches(world, &a.addr, a.slot, 2, &b.addr));
	assert_true(reaches(world, &b.addr, b.slot, 1, &a.addr));

	/* Whoever does not come back is forgotten. */
	pass(world, 155 * CLOCK_SECOND);
	assert_int_equal(stats_of(world).members, 4);
	pass(world, 10 * CLOCK_SECOND);
	assert_int_equal(stats_of(world).members, 1);
}

static void test_restart_forgets_ended_tickets(void **state)
{
	struct world *world = *state;
	struct member a;
	struct ticket ticket;
	struct frame reply;

	member_init(world, &a, address(1, 1000));
	member_bind(world, &a);
	ticket = ticket_for(world, &a, 7, 1);
	ticket.expires_s = world->wall_s + 30;
	assert_int_equal(show(world, &a, &ticket, &reply), FRAME_TICKET_ACCEPTED);
	save_and_restart(world, 31);
	assert_int_equal(stats_of(world).members, 0);
	assert_int_equal(stats_of(world).newcomers, 0);
}

static void test_saved_bytes_are_checked(void **state)
{
	struct world *world = *state;
	struct forward_saved saved, read;
	struct member a, b;
	uint8_t *bytes;
	uint64_t saved_s;
	ptrdiff_t length;

	member_join(world, &a, address(1, 1000), 7, 1);
	member_join(world, &b, address(2, 1000), 7, 2);
	assert_int_equal(forward_save(world->forward, world->now_us, &saved), 0);
	length = statefile_encode(&saved, world->wall_s, &bytes);
	forward_saved_clear(&saved);
	for (size_t cut = 0; cut < (size_t)length; cut++) {
		uint8_t *copy = malloc(cut + 1);

		memcpy(copy, bytes, cut);
		assert_int_not_equal(statefile_decode(&read, &saved_s, copy, cut), 0);
		free(copy);
	}
	for (int i = 0; i < 2000; i++) {
		uint8_t old = bytes[randombytes_uniform((uint32_t)length)];
		size_t at = randombytes_uniform((uint32_t)length);

		(void)old;
		bytes[at] ^= (uint8_t)(1 + randombytes_uniform(255));
		if (statefile_decode(&read, &saved_s, bytes, (size_t)length) == 0) {
			world_restart(world, &default_limits);
			forward_restore(world->forward, world->now_us, 0, &read);
			forward_saved_clear(&read);
		}
	}
	free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_handshake_binds_the_address),
		TEST(test_ticket_accepted),
		TEST(test_ticket_refusals),
		TEST(test_no_ticket_is_good_without_a_server),
		TEST(test_full),
		TEST(test_number_goes_to_the_later_ticket),
		TEST(test_guest),
		TEST(test_forwards_exact_bytes),
		TEST(test_between_families),
		TEST(test_half_a_tag_is_none),
		TEST(test_unbound_is_said_ten_times_a_second),
		TEST(test_parties_are_apart),
		TEST(test_without_a_ticket_nothing_is_forwarded),
		TEST(test_quota),
		TEST(test_roams_by_authenticated_packets),
		TEST(test_unauthenticated_packets_move_nothing),
		TEST(test_forged_source_takes_nobodys_address),
		TEST(test_newcomers_go_after_ten_seconds),
		TEST(test_silent_members_go),
		TEST(test_tickets_end),
		TEST(test_unknown_keys_are_bounded),
		TEST(test_cookies_admit_under_load),
		TEST(test_one_source_has_its_rate),
		TEST(test_probe_is_answered),
		TEST(test_other_packets_inside_are_ignored),
		TEST(test_stun),
		TEST(test_stock_members_talk),
		TEST(test_stock_stays_in_its_party),
		TEST(test_stock_engine_initiates_with_a_tag),
		TEST(test_stock_response_needs_its_initiation),
		TEST(test_stock_ambiguous_is_dropped),
		TEST(test_restart_keeps_bindings),
		TEST(test_restart_forgets_ended_tickets),
		TEST(test_saved_bytes_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
