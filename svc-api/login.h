/* login.h - how the user's browser gets in: a link that works once, then a cookie. Pure, but for
 * random bytes.
 *
 * `lanrage ui` asks for a code and prints a link with it. Whoever opens the link first, within
 * LOGIN_CODE_S, gets a session cookie, and the code is gone; so a link in a history or over a
 * shoulder is worth nothing. One that is handed to another program is seen by everybody who looks
 * at this machine's processes; so it can be made for one user, and only programs of that user, or
 * of root, get in by it (whose.h). The cookie says when it ends, sealed with a key made from the
 * token: nothing is stored, so a session outlives a restart of this service, and ends with the
 * token when the suite is started anew. It is HttpOnly and SameSite=Strict: no script and no
 * foreign page has it, and what changes something needs our own Origin besides (auth.h).
 */
#ifndef LANRAGE_API_LOGIN_H
#define LANRAGE_API_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#define LOGIN_CODE_SIZE	  33 /* 32 hex digits and the NUL */
#define LOGIN_CODES_MAX	  8  /* open at once; one more, and the oldest is gone */
#define LOGIN_CODE_S	  300
#define LOGIN_SESSION_S	  (30 * 86400)
#define LOGIN_COOKIE_SIZE 128 /* of the value, with the NUL */
#define LOGIN_KEY_SIZE	  32
#define LOGIN_ANYBODY	  UINT32_MAX /* no user has this number */

struct login {
	uint8_t key[LOGIN_KEY_SIZE];
	struct login_code {
		char text[LOGIN_CODE_SIZE]; /* "": none */
		uint64_t made_us;
		uint32_t uid; /* or LOGIN_ANYBODY */
	} codes[LOGIN_CODES_MAX];
};

/* Codes and cookies of another token are worth nothing. */
void login_init(struct login *login, const char *token);
/* uid: the user it is for, or LOGIN_ANYBODY. now_us: of the clock that never jumps. */
void login_make_code(struct login *login, uint32_t uid, uint64_t now_us,
		     char code[LOGIN_CODE_SIZE]);
/* True once for each code, in time. uid: who has come with it; with another's it stays good. */
bool login_redeem(struct login *login, const char *code, uint32_t uid, uint64_t now_us);
/* wall_s: seconds since 1970. The value is of letters, digits, `.` and `-`. */
void login_make_cookie(const struct login *login, uint64_t wall_s, char value[LOGIN_COOKIE_SIZE]);
/* Any text. */
bool login_check_cookie(const struct login *login, const char *value, uint64_t wall_s);

#endif
