#include "svc-dataplane/checksum.h"

#include <arpa/inet.h>
#include <string.h>

#include "svc-dataplane/header.h"

/* Adds with the carry brought round, so that nothing is lost however long the sum. */
static inline uint64_t add(uint64_t sum, uint64_t value)
{
	sum += value;
	return sum + (sum < value);
}

static inline uint64_t load64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

#define BLOCK 32

typedef uint64_t block __attribute__((vector_size(BLOCK), aligned(1), may_alias));
typedef uint64_t lanes __attribute__((vector_size(BLOCK)));

/* Whole blocks. The halves of each word are added apart, so no carry is lost: a lane has room for
 * 2^32 of them. */
static inline __attribute__((always_inline)) uint64_t add_blocks(const uint8_t *bytes, size_t count)
{
	const block *from = (const block *)bytes;
	lanes low = {0}, high = {0};

	for (size_t i = 0; i < count; i++) {
		lanes words = from[i];

		low += words & UINT32_MAX;
		high += words >> 32;
	}
	low += high;
	return add(add(low[0], low[1]), add(low[2], low[3]));
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t add_blocks_avx2(const uint8_t *bytes, size_t count)
{
	return add_blocks(bytes, count);
}
#endif

static uint64_t add_all_blocks(const uint8_t *bytes, size_t count)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return add_blocks_avx2(bytes, count);
#endif
	return add_blocks(bytes, count);
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	size_t count = length / BLOCK;
	uint32_t four;
	uint16_t two = 0;

	/* a header is not worth the call */
	if (count > 2) {
		sum = add(sum, add_all_blocks(bytes, count));
		bytes += count * BLOCK;
		length -= count * BLOCK;
	}
	for (; length >= 8; bytes += 8, length -= 8)
		sum = add(sum, load64(bytes));
	if (length & 4) {
		memcpy(&four, bytes, sizeof(four));
		sum = add(sum, four);
		bytes += sizeof(four);
	}
	if (length & 2) {
		memcpy(&two, bytes, sizeof(two));
		sum = add(sum, two);
		bytes += sizeof(two);
	}
	two = 0;
	if (length & 1)
		memcpy(&two, bytes, 1);
	return add(sum, two);
}

uint64_t checksum_add_be16(uint64_t sum, uint16_t value)
{
	return add(sum, htons(value));
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	return (uint16_t)sum;
}

void checksum_set_ipv4(uint8_t *packet)
{
	uint16_t sum;

	memset(packet + IPV4_CHECKSUM, 0, sizeof(sum));
	sum = (uint16_t)~checksum_fold(checksum_add(0, packet, ipv4_header_size(packet)));
	memcpy(packet + IPV4_CHECKSUM, &sum, sizeof(sum));
}

void checksum_adjust(uint8_t *stored, const void *before, const void *after, size_t length,
		     bool udp, bool begun)
{
	uint16_t sum;
	uint64_t total;

	memcpy(&sum, stored, sizeof(sum));
	if (udp && sum == 0 && !begun)
		return;
	total = begun ? sum : (uint16_t)~sum;
	/* what is taken away is added in its complement */
	total += 0xffffu - checksum_fold(checksum_add(0, before, length));
	sum = checksum_fold(checksum_add(total, after, length));
	if (!begun)
		sum = (uint16_t)~sum;
	if (udp && sum == 0 && !begun)
		sum = UINT16_MAX;
	memcpy(stored, &sum, sizeof(sum));
}

void checksum_set_length(uint8_t *packet, size_t length)
{
	if (packet[0] >> 4 == 6) {
		header_set16(packet + IPV6_LENGTH, (uint16_t)(length - IPV6_HEADER));
		return;
	}
	header_set16(packet + IPV4_LENGTH, (uint16_t)length);
	checksum_set_ipv4(packet);
}
