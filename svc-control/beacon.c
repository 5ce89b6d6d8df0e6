#include "svc-control/beacon.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

static const uint8_t magic[8] = "LANrage1";

void beacon_pack(const struct beacon *beacon, uint8_t bytes[BEACON_SIZE])
{
	memset(bytes, 0, BEACON_SIZE);
	memcpy(bytes, magic, sizeof(magic));
	bytes[8] = (uint8_t)beacon->type;
	bytes[14] = (uint8_t)(beacon->port >> 8);
	bytes[15] = (uint8_t)beacon->port;
	memcpy(bytes + 16, beacon->nonce, BEACON_NONCE_SIZE);
	memcpy(bytes + 32, beacon->mac, BEACON_MAC_SIZE);
}

int beacon_unpack(struct beacon *beacon, const uint8_t *bytes, size_t length)
{
	static const uint8_t zero[5];

	if (length != BEACON_SIZE || memcmp(bytes, magic, sizeof(magic)) != 0 ||
	    memcmp(bytes + 9, zero, sizeof(zero)) != 0)
		return -EBADMSG;
	beacon->type = bytes[8];
	beacon->port = (uint16_t)(bytes[14] << 8 | bytes[15]);
	memcpy(beacon->nonce, bytes + 16, BEACON_NONCE_SIZE);
	memcpy(beacon->mac, bytes + 32, BEACON_MAC_SIZE);
	if (beacon->type == BEACON_QUERY)
		return beacon->port == 0 && sodium_is_zero(beacon->mac, BEACON_MAC_SIZE) ? 0
											 : -EBADMSG;
	return beacon->type == BEACON_HERE && beacon->port != 0 ? 0 : -EBADMSG;
}

static void beacon_mac(const struct beacon *beacon, const uint8_t key[BEACON_KEY_SIZE],
		       const struct addr *host, uint8_t mac[BEACON_MAC_SIZE])
{
	static const uint8_t use[] = "lanrage beacon 1";
	const uint8_t port[2] = {(uint8_t)(beacon->port >> 8), (uint8_t)beacon->port};
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, BEACON_KEY_SIZE, BEACON_MAC_SIZE);
	crypto_generichash_update(&state, use, sizeof(use) - 1);
	crypto_generichash_update(&state, beacon->nonce, BEACON_NONCE_SIZE);
	crypto_generichash_update(&state, port, sizeof(port));
	crypto_generichash_update(&state, host->ip, addr_ip_length(host));
	crypto_generichash_final(&state, mac, BEACON_MAC_SIZE);
}

void beacon_sign(struct beacon *beacon, const uint8_t key[BEACON_KEY_SIZE], const struct addr *host)
{
	beacon_mac(beacon, key, host, beacon->mac);
}

bool beacon_is_from(const struct beacon *beacon, const uint8_t key[BEACON_KEY_SIZE],
		    const struct addr *host)
{
	uint8_t mac[BEACON_MAC_SIZE];

	beacon_mac(beacon, key, host, mac);
	return sodium_memcmp(mac, beacon->mac, sizeof(mac)) == 0;
}
