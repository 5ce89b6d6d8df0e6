#include "svc-api/login.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_SIZE 16
#define MAC_SIZE   32
#define MAC_TEXT   (2 * MAC_SIZE)

void login_init(struct login *login, const char *token)
{
	static const char purpose[] = "LANrage API session cookie";

	memset(login, 0, sizeof(*login));
	crypto_generichash(login->key, sizeof(login->key), (const uint8_t *)purpose,
			   sizeof(purpose), (const uint8_t *)token,
			   strlen(token) < crypto_generichash_KEYBYTES_MAX
				   ? strlen(token)
				   : crypto_generichash_KEYBYTES_MAX);
}

/* ---- codes */

void login_make_code(struct login *login, uint32_t uid, uint64_t now_us, char code[LOGIN_CODE_SIZE])
{
	struct login_code *oldest = &login->codes[0];
	uint8_t bytes[(LOGIN_CODE_SIZE - 1) / 2];

	for (size_t i = 1; i < LOGIN_CODES_MAX && *oldest->text; i++)
		if (!*login->codes[i].text || login->codes[i].made_us < oldest->made_us)
			oldest = &login->codes[i];
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(oldest->text, sizeof(oldest->text), bytes, sizeof(bytes));
	oldest->made_us = now_us;
	oldest->uid = uid;
	memcpy(code, oldest->text, LOGIN_CODE_SIZE);
}

static bool is_for(const struct login_code *code, uint32_t uid)
{
	return code->uid == LOGIN_ANYBODY || code->uid == uid || uid == 0;
}

bool login_redeem(struct login *login, const char *code, uint32_t uid, uint64_t now_us)
{
	if (strlen(code) != LOGIN_CODE_SIZE - 1)
		return false;
	for (size_t i = 0; i < LOGIN_CODES_MAX; i++) {
		struct login_code *known = &login->codes[i];

		if (!*known->text || sodium_memcmp(known->text, code, LOGIN_CODE_SIZE - 1) != 0)
			continue;
		if (!is_for(known, uid))
			return false;
		sodium_memzero(known->text, sizeof(known->text));
		return now_us - known->made_us <= LOGIN_CODE_S * 1000000ull;
	}
	return false;
}

/* ---- cookies: `END.NONCE.MAC`; the MAC is over what precedes it */

static void make_mac(const struct login *login, const char *text, size_t length,
		     char mac[MAC_TEXT + 1])
{
	uint8_t bytes[MAC_SIZE];

	crypto_generichash(bytes, sizeof(bytes), (const uint8_t *)text, length, login->key,
			   sizeof(login->key));
	sodium_bin2hex(mac, MAC_TEXT + 1, bytes, sizeof(bytes));
}

void login_make_cookie(const struct login *login, uint64_t wall_s, char value[LOGIN_COOKIE_SIZE])
{
	uint8_t nonce[NONCE_SIZE];
	char nonce_text[2 * NONCE_SIZE + 1], mac[MAC_TEXT + 1];
	int n;

	randombytes_buf(nonce, sizeof(nonce));
	n = snprintf(value, LOGIN_COOKIE_SIZE, "%" PRIu64 ".%s", wall_s + LOGIN_SESSION_S,
		     sodium_bin2hex(nonce_text, sizeof(nonce_text), nonce, sizeof(nonce)));
	make_mac(login, value, (size_t)n, mac);
	(void)snprintf(value + n, LOGIN_COOKIE_SIZE - (size_t)n, ".%s", mac);
}

bool login_check_cookie(const struct login *login, const char *value, uint64_t wall_s)
{
	const char *dot = strrchr(value, '.');
	char mac[MAC_TEXT + 1];
	uint64_t end_s;

	if (!dot || strlen(value) >= LOGIN_COOKIE_SIZE || strlen(dot + 1) != MAC_TEXT)
		return false;
	make_mac(login, value, (size_t)(dot - value), mac);
	if (sodium_memcmp(mac, dot + 1, MAC_TEXT) != 0)
		return false;
	end_s = strtoull(value, NULL, 10);
	return wall_s < end_s && end_s - wall_s <= LOGIN_SESSION_S;
}
