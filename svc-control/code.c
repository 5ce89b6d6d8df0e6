#include "svc-control/code.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define ARGON2_PASSES 2
#define ARGON2_MEMORY (64u << 20)

static void code_set_character(struct code *code, size_t i, char c)
{
	/* two dashes: after the fourth and the eighth character */
	code->text[i + i / 4] = c;
}

void code_make(struct code *code)
{
	uint8_t random[CODE_LENGTH];

	memset(code, 0, sizeof(*code));
	randombytes_buf(random, sizeof(random));
	for (size_t i = 0; i < CODE_LENGTH; i++)
		code_set_character(code, i, alphabet[random[i] & 31]);
	code->text[4] = '-';
	code->text[9] = '-';
	sodium_memzero(random, sizeof(random));
}

/* The character as the alphabet writes it, or 0. */
static char code_character(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		return '0';
	if (c == 'I' || c == 'L')
		return '1';
	return c && strchr(alphabet, c) ? c : 0;
}

/* Splits `lanrage://HOST:PORT/CODE`; returns the part after the last slash, NULL if malformed. */
static const char *code_split_link(const char *text, char url[CONTROL_URL_MAX])
{
	const char *scheme = "ws";
	const char *rest = text + strlen("lanrage://");
	const char *slash;

	if (strncmp(text, "lanrages://", 11) == 0) {
		scheme = "wss";
		rest = text + 11;
	}
	slash = strchr(rest, '/');
	if (!slash || slash == rest || strcspn(rest, " @?#\"'<>") < (size_t)(slash - rest))
		return NULL;
	if ((size_t)(slash - rest) == strlen(CODE_LOCAL) &&
	    strncmp(rest, CODE_LOCAL, strlen(CODE_LOCAL)) == 0)
		snprintf(url, CONTROL_URL_MAX, "%s", CODE_LOCAL);
	else if (snprintf(url, CONTROL_URL_MAX, "%s://%.*s", scheme, (int)(slash - rest), rest) >=
		 CONTROL_URL_MAX)
		return NULL;
	return slash + 1;
}

int code_parse(struct code *code, char url[CONTROL_URL_MAX], const char *text)
{
	char own_url[CONTROL_URL_MAX] = "";
	size_t n = 0;

	memset(code, 0, sizeof(*code));
	while (*text == ' ')
		text++;
	if (strncmp(text, "lanrage://", 10) == 0 || strncmp(text, "lanrages://", 11) == 0)
		text = code_split_link(text, own_url);
	for (; text && *text; text++) {
		char c = code_character(*text);

		if (*text == '-' || *text == ' ')
			continue;
		if (!c || n == CODE_LENGTH)
			return -EINVAL;
		code_set_character(code, n++, c);
	}
	if (n != CODE_LENGTH)
		return -EINVAL;
	code->text[4] = '-';
	code->text[9] = '-';
	if (url)
		memcpy(url, own_url, CONTROL_URL_MAX);
	return 0;
}

char *code_link(const struct code *code, const char *url, char link[CONTROL_CODE_MAX])
{
	const char *scheme = NULL;
	size_t length;

	link[0] = 0;
	if (strncmp(url, "ws://", 5) == 0) {
		scheme = "lanrage";
		url += 5;
	} else if (strncmp(url, "wss://", 6) == 0) {
		scheme = "lanrages";
		url += 6;
	} else if (strcmp(url, CODE_LOCAL) == 0) {
		scheme = "lanrage";
	}
	if (!scheme)
		return link;
	length = strcspn(url, "/");
	if (snprintf(link, CONTROL_CODE_MAX, "%s://%.*s/%s", scheme, (int)length, url,
		     code->text) >= CONTROL_CODE_MAX)
		link[0] = 0;
	return link;
}

int code_derive(const struct code *code, struct code_keys *keys)
{
	/* Fixed: the code is the only secret, and both sides must come to the same id. */
	static const uint8_t salt[crypto_pwhash_SALTBYTES] = "lanrage code v1";
	uint8_t out[CODE_LOOKUP_SIZE + CODE_KEY_SIZE];

	if (crypto_pwhash(out, sizeof(out), code->text, strlen(code->text), salt, ARGON2_PASSES,
			  ARGON2_MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	memcpy(keys->lookup_id, out, CODE_LOOKUP_SIZE);
	memcpy(keys->key, out + CODE_LOOKUP_SIZE, CODE_KEY_SIZE);
	sodium_memzero(out, sizeof(out));
	return 0;
}
