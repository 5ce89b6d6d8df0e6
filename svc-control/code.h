/* code.h - the code that a host gives to a friend, and what it opens.
 *
 * A code is 60 random bits as 12 characters of Crockford's base32 in three groups:
 * `KQ7M-3ZT9-HX2F`. Reading is forgiving: any case, dashes and blanks anywhere or nowhere, O for 0,
 * I and L for 1. A link, `lanrage://HOST:PORT/CODE`, names the server as well; its URL is
 * ws://HOST:PORT, or wss:// when the link begins with `lanrages://`. A party without a server is
 * met on the LAN; its links are `lanrage://local/CODE`, and CODE_LOCAL stands for the URL.
 *
 * Argon2id over the code (64 MiB, 2 passes, a fixed salt that names the use) gives an id under
 * which the server keeps the sealed invite, and the key that opens it. The server sees the id only,
 * so guessing costs it an Argon2id for every try, beside the server's own limits.
 */
#ifndef LANRAGE_CONTROL_CODE_H
#define LANRAGE_CONTROL_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "svc-control/codec.h"

#define CODE_LENGTH	 12
#define CODE_TEXT_SIZE	 (CODE_LENGTH + 2 + 1) /* with dashes and NUL */
#define CODE_LOOKUP_SIZE 16
#define CODE_KEY_SIZE	 32
#define CODE_LOCAL	 "local"

struct code {
	char text[CODE_TEXT_SIZE]; /* canonical form */
};

struct code_keys {
	uint8_t lookup_id[CODE_LOOKUP_SIZE];
	uint8_t key[CODE_KEY_SIZE];
};

void code_make(struct code *code);
/* From a code or a link. url (may be NULL) is set to the server's URL, to "" for a bare code, or
 * to CODE_LOCAL.
 * -EINVAL. */
int code_parse(struct code *code, char url[CONTROL_URL_MAX], const char *text);
/* The link for a code made at the server with this URL (or CODE_LOCAL). Returns link; "" when url
 * is no ws URL. */
char *code_link(const struct code *code, const char *url, char link[CONTROL_CODE_MAX]);
/* Takes 0.1 s and 64 MiB: call it off the loop. -ENOMEM. */
int code_derive(const struct code *code, struct code_keys *keys);

#endif
