#include "svc-nat/mtu.h"

#include <string.h>

#include "common/clock.h"

#define COPY_US	      (200 * CLOCK_MS)
#define ROUND_COPIES  2u
#define LENGTH_OFFSET (STUN_TRANSACTION_ID_SIZE - 2) /* of the id, where the length stands */
#define STEP	      4u			     /* a STUN message is whole words */

/* What lines are known for: IPv6's least, tunnels, LTE, PPPoE, Ethernet. */
static const uint16_t usual[MTU_ROUND] = {576,	1280, 1360, 1400, 1420,
					  1440, 1460, 1480, 1492, MTU_MOST};

static unsigned headers(const struct mtu *mtu)
{
	return (mtu->server.family == ADDR_IPV6 ? 40 : 20) + 8;
}

void mtu_begin(struct mtu *mtu, uint64_t now_us, const struct addr *server,
	       const uint8_t id[STUN_TRANSACTION_ID_SIZE])
{
	memset(mtu, 0, sizeof(*mtu));
	mtu->server = *server;
	memcpy(mtu->id, id, sizeof(mtu->id));
	mtu->refused = MTU_MOST + STEP;
	mtu->n = MTU_ROUND;
	memcpy(mtu->lengths, usual, sizeof(usual));
	mtu->due_us = now_us;
}

uint64_t mtu_due_us(const struct mtu *mtu)
{
	return addr_is_none(&mtu->server) || mtu->done ? CLOCK_NEVER : mtu->due_us;
}

/* Evenly between what passed and what did not. False: there is nothing between. */
static bool next_round(struct mtu *mtu)
{
	unsigned from = mtu->proven, steps = (mtu->refused - from - 1u) / STEP;
	unsigned apart = (steps + MTU_ROUND) / (MTU_ROUND + 1);

	if (++mtu->round == MTU_ROUNDS || steps == 0 || mtu->proven == 0)
		return false;
	apart = apart ? apart : 1;
	for (mtu->n = 0; mtu->n < MTU_ROUND && (mtu->n + 1) * apart <= steps; mtu->n++)
		mtu->lengths[mtu->n] = (uint16_t)(from + (mtu->n + 1) * apart * STEP);
	return mtu->n > 0;
}

void mtu_refuse(struct mtu *mtu, size_t i)
{
	if (mtu->lengths[i] > mtu->proven && mtu->lengths[i] < mtu->refused)
		mtu->refused = mtu->lengths[i];
}

/* What was not answered did not pass. */
static void close_round(struct mtu *mtu)
{
	mtu->copies = 0;
	for (size_t i = 0; i < mtu->n; i++)
		mtu_refuse(mtu, i);
	mtu->done = !next_round(mtu);
}

bool mtu_poll(struct mtu *mtu, uint64_t now_us)
{
	if (now_us < mtu_due_us(mtu))
		return false;
	if (mtu->copies == ROUND_COPIES)
		close_round(mtu);
	if (mtu->done)
		return false;
	mtu->copies++;
	mtu->due_us = now_us + COPY_US;
	return true;
}

size_t mtu_request(const struct mtu *mtu, size_t i, uint8_t bytes[STUN_REQUEST_MAX])
{
	unsigned fixed = STUN_HEADER_SIZE + 4 + 8; /* PADDING's own head, FINGERPRINT */
	struct stun_message request = {.class = STUN_REQUEST,
				       .method = STUN_METHOD_BINDING,
				       .padding =
					       (uint16_t)(mtu->lengths[i] - headers(mtu) - fixed)};
	int length;

	memcpy(request.transaction_id, mtu->id, sizeof(mtu->id));
	request.transaction_id[LENGTH_OFFSET] ^= (uint8_t)(mtu->lengths[i] >> 8);
	request.transaction_id[LENGTH_OFFSET + 1] ^= (uint8_t)mtu->lengths[i];
	length = stun_write(&request, bytes, STUN_REQUEST_MAX);
	return length > 0 ? (size_t)length : 0;
}

bool mtu_receive(struct mtu *mtu, const struct addr *from, const uint8_t *bytes, size_t length)
{
	struct stun_message message;
	const uint8_t *id = message.transaction_id;
	unsigned asked;

	if (addr_is_none(&mtu->server) || !addr_equal(from, &mtu->server) ||
	    stun_parse(&message, bytes, length) < 0 || message.class != STUN_SUCCESS ||
	    memcmp(id, mtu->id, LENGTH_OFFSET) != 0)
		return false;
	asked = (unsigned)(id[LENGTH_OFFSET] ^ mtu->id[LENGTH_OFFSET]) << 8 |
		(unsigned)(id[LENGTH_OFFSET + 1] ^ mtu->id[LENGTH_OFFSET + 1]);
	for (size_t i = 0; i < mtu->n; i++) {
		if (mtu->lengths[i] != asked)
			continue;
		if (asked > mtu->proven)
			mtu->proven = (uint16_t)asked;
		if (mtu->proven >= mtu->refused) /* the network changed its mind */
			mtu->refused = MTU_MOST + STEP;
		if (mtu->proven == MTU_MOST)
			mtu->done = true;
		return true;
	}
	return false;
}
