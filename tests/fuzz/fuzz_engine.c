/* Datagrams into an engine: raw ones from strangers, and sealed ones from a peer and a relay that
 * have lost their minds.
 *
 * The input is a list of records: a byte that says what, a byte of length, the bytes.
 *   0 raw datagram from a stranger      4 time passes (length * 10 ms)
 *   1 raw datagram from the peer        5 raw inner packet from the interface
 *   2 plaintext sealed by the peer      6 the peer's own initiation, one byte changed
 *   3 plaintext sealed by the relay     7 the engine's own last datagram, sent back
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/frame.h"
#include "svc-dataplane/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A remote end that speaks real sessions: the peer or the relay. */
struct remote {
	struct addr address;
	struct noise_identity identity;
	struct session session;
	uint64_t replay[SESSION_REPLAY_WORDS(2048)];
	struct message_response response;
	bool answered;
};

static struct {
	struct engine *engine;
	uint64_t now_us;
	uint8_t key[32];
	struct remote peer, relay;
	struct addr stranger;
	uint8_t last[2048];
	size_t last_length;
	uint64_t random;
} world;

static uint32_t next_random(void)
{
	world.random = world.random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(world.random >> 32);
}

static void fill_random(void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)bytes)[i] = (uint8_t)next_random();
}

static const char *random_name(void)
{
	return "fuzz";
}

static struct randombytes_implementation same_every_time = {
	.implementation_name = random_name,
	.random = next_random,
	.buf = fill_random,
};

/* What the engine sends it: handshakes are answered later, data confirms the keys. */
static void remote_receive(struct remote *remote, const uint8_t *bytes, size_t length)
{
	uint8_t copy[2048];
	struct noise_initiation opened;
	struct session_opened data;
	struct session_events events;

	if (length > sizeof(copy) || message_tag_get(bytes).number != 0)
		return;
	memcpy(copy, bytes, length);
	if (message_type(copy, length) == MESSAGE_DATA)
		session_open(&remote->session, world.now_us, copy, length, &data, &events);
	else if (message_type(copy, length) == MESSAGE_INITIATION &&
		 noise_initiation_open(&opened, &remote->identity, (void *)copy) == 0 &&
		 session_accept_initiation(&remote->session, world.now_us, &opened, (void *)copy, 1,
					   &remote->response, &events) == 0)
		remote->answered = true;
}

static uint8_t *on_room(void *data)
{
	static uint8_t room[ENGINE_DATAGRAM_MAX];

	(void)data;
	return room;
}

static void on_send(void *data, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		    size_t length)
{
	(void)data;
	(void)ecn;
	if (length <= sizeof(world.last)) {
		memcpy(world.last, bytes, length);
		world.last_length = length;
	}
	if (addr_equal(to, &world.peer.address))
		remote_receive(&world.peer, bytes, length);
	if (addr_equal(to, &world.relay.address))
		remote_receive(&world.relay, bytes, length);
}

static void on_deliver(void *data, uint8_t *packet, size_t length)
{
	(void)data;
	if (length < 20 || (packet[0] >> 4 != 4 && packet[0] >> 4 != 6))
		abort();
}

static void on_changed(void *data, enum dataplane_event event, const uint8_t *key)
{
	(void)data;
	(void)event;
	(void)key;
}

static void on_probed(void *data, uint64_t cookie, int error,
		      const struct dataplane_probe_result *result)
{
	(void)data;
	(void)cookie;
	(void)error;
	(void)result;
}

static void on_noted(void *data, const uint8_t *key, const uint8_t *bytes, size_t length)
{
	(void)data;
	(void)key;
	(void)bytes;
	if (length == 0 || length > DATAPLANE_NOTE_MAX)
		abort();
}

static void on_reserve(void *data, uint64_t until_s)
{
	(void)data;
	(void)until_s;
}

static uint64_t on_wall(void *data)
{
	(void)data;
	return 1700000000ull * CLOCK_SECOND + world.now_us;
}

static void on_random(void *data, void *bytes, size_t length)
{
	(void)data;
	fill_random(bytes, length);
}

static void receive(const struct addr *from, const uint8_t *bytes, size_t length)
{
	uint8_t copy[2048];

	memcpy(copy, bytes, length);
	engine_receive(world.engine, world.now_us, from, length & 3, copy, length);
}

static void receive_response(struct remote *remote)
{
	if (!remote->answered)
		return;
	remote->answered = false;
	receive(&remote->address, (uint8_t *)&remote->response, sizeof(remote->response));
}

static void receive_sealed(struct remote *remote, const uint8_t *bytes, size_t length)
{
	uint8_t message[MESSAGE_DATA_HEADROOM + 256 + ENGINE_TAILROOM] = {0};
	struct session_events events;
	ptrdiff_t sealed;

	memcpy(message + MESSAGE_DATA_HEADROOM, bytes, length);
	sealed = session_seal(&remote->session, world.now_us, message, length, ENGINE_MTU, &events);
	if (sealed > 0)
		receive(&remote->address, message, (size_t)sealed);
}

/* The first four bytes say what the packet stands for. */
static void transmit(const uint8_t *bytes, size_t length)
{
	uint8_t buffer[256 + ENGINE_TAILROOM];
	struct split_offload offload;

	if (length < 4)
		return;
	offload = (struct split_offload){
		.kind = bytes[0] % 3,
		.checksum = bytes[0] & 0x80,
		.start = bytes[1],
		.offset = bytes[2],
		.segment = bytes[3],
	};
	memcpy(buffer, bytes + 4, length - 4);
	engine_transmit(world.engine, world.now_us, buffer, length - 4, &offload);
}

static void receive_initiation(const uint8_t *bytes, size_t length)
{
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE] = {0x40};
	struct message_initiation message;
	struct session_events events;

	timestamp[7] = (uint8_t)next_random();
	if (session_initiate(&world.peer.session, world.now_us, 2, timestamp, &message, &events) <
	    0)
		return;
	if (length > 1)
		((uint8_t *)&message)[bytes[0] % sizeof(message)] ^= bytes[1];
	receive(&world.peer.address, (uint8_t *)&message, sizeof(message));
}

static void remote_init(struct remote *remote, const char *address)
{
	uint8_t private_key[32];

	fill_random(private_key, sizeof(private_key));
	if (addr_parse(&remote->address, address) < 0 ||
	    noise_identity_init(&remote->identity, private_key) < 0 ||
	    session_init(&remote->session, &remote->identity, world.key, NULL, remote->replay,
			 SESSION_REPLAY_WORDS(2048), 1) < 0)
		abort();
}

static void set_up(void)
{
	struct engine_ops ops = {.room = on_room,
				 .send = on_send,
				 .deliver = on_deliver,
				 .changed = on_changed,
				 .probed = on_probed,
				 .reserve_timestamp = on_reserve,
				 .wall_us = on_wall,
				 .random = on_random,
				 .noted = on_noted};
	struct dataplane_member member = {.number = 2, .name = "peer"};
	struct dataplane_relay relay = {.name = "relay", .n_endpoints = 1, .ticket_length = 4};
	struct dataplane_peer_plan peer = {.n_candidates = 1, .n_relays = 1};
	struct dataplane_party party = {
		.revision = {1, 1}, .up = true, .number = 1, .n_members = 1, .members = &member};
	struct dataplane_plan plan = {
		.revision = {1, 1}, .n_relays = 1, .relays = &relay, .n_peers = 1, .peers = &peer};
	uint8_t private_key[32];

	world.now_us = 1000 * CLOCK_SECOND;
	world.random = 1;
	fill_random(private_key, sizeof(private_key));
	if (engine_new(&world.engine, &ops, private_key, 0) < 0)
		abort();
	engine_public_key(world.engine, world.key);
	remote_init(&world.peer, "203.0.113.2:2000");
	remote_init(&world.relay, "198.51.100.1:7777");
	addr_parse(&world.stranger, "192.0.2.9:9999");
	memcpy(member.public_key, world.peer.identity.public_key, 32);
	memcpy(peer.public_key, member.public_key, 32);
	member.address = addr_ipv4(0x0a420002, 0);
	peer.candidates[0] = world.peer.address;
	memcpy(relay.public_key, world.relay.identity.public_key, 32);
	memcpy(peer.relays[0], relay.public_key, 32);
	relay.endpoints[0] = world.relay.address;
	if (engine_set_party(world.engine, world.now_us, &party) < 0 ||
	    engine_set_plan(world.engine, world.now_us, &plan) < 0)
		abort();
	receive_response(&world.relay);
	world.now_us += CLOCK_SECOND;
	engine_poll(world.engine, world.now_us);
	receive_response(&world.peer);
}

static void run_record(uint8_t what, const uint8_t *bytes, size_t length)
{
	switch (what % 8) {
	case 0: receive(&world.stranger, bytes, length); break;
	case 1: receive(&world.peer.address, bytes, length); break;
	case 2: receive_sealed(&world.peer, bytes, length); break;
	case 3: receive_sealed(&world.relay, bytes, length); break;
	case 4: world.now_us += length * 10 * CLOCK_MS; break;
	case 5: transmit(bytes, length); break;
	case 6: receive_initiation(bytes, length); break;
	case 7: receive(&world.peer.address, world.last, world.last_length); break;
	}
	if (engine_poll(world.engine, world.now_us) <= world.now_us)
		abort(); /* it would spin */
	receive_response(&world.relay);
	receive_response(&world.peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dataplane_state state;

	randombytes_set_implementation(&same_every_time);
	if (sodium_init() < 0)
		return 0;
	log_init("fuzz_engine", LOG_LEVEL_ERR);
	memset(&world, 0, sizeof(world));
	set_up();
	for (size_t at = 0; at + 2 <= size;) {
		size_t length = data[at + 1];
		uint8_t what = data[at];

		at += 2;
		length = length < size - at ? length : size - at;
		run_record(what, data + at, length);
		at += what % 8 == 4 ? 0 : length; /* passing time takes no bytes */
	}
	if (engine_state(world.engine, world.now_us, &state) == 0)
		dataplane_state_clear(&state);
	engine_free(world.engine);
	return 0;
}
