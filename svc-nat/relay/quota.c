#include "svc-nat/relay/quota.h"

#define SECOND_NS 1000000000ULL
#define US_NS	  1000ULL

const struct bucket_limit quota_sources[SOURCE_USES] = {
	[SOURCE_HANDSHAKE] = SOURCE_HANDSHAKES,
	[SOURCE_STUN] = SOURCE_STUNS,
};

bool quota_take(struct quota *quota, const struct quota_limit *limit, uint64_t now_us,
		size_t length)
{
	uint64_t now_ns = now_us * US_NS;
	uint64_t bytes_ns = quota->bytes_ns > now_ns ? quota->bytes_ns : now_ns;
	uint64_t packets_ns = quota->packets_ns > now_ns ? quota->packets_ns : now_ns;

	if (bytes_ns - now_ns > QUOTA_BURST_US * US_NS ||
	    packets_ns - now_ns > QUOTA_BURST_US * US_NS)
		return false;
	quota->bytes_ns = bytes_ns + length * SECOND_NS / limit->bytes_per_second;
	quota->packets_ns = packets_ns + SECOND_NS / limit->packets_per_second;
	return true;
}
