/* commands.h - the commands' functions, by noun: cmd_NOUN.c, and what they share.
 *
 * Each returns the exit status: 0 success, 1 refused or failed, 2 usage. What was asked for goes to
 * stdout, everything else to stderr.
 */
#ifndef LANRAGE_CLI_COMMANDS_H
#define LANRAGE_CLI_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "svc-api/cli/arguments.h"
#include "svc-api/cli/client.h"
#include "svc-api/cli/place.h"

/* cmd_status.c */
int command_status(const struct invocation *invocation);
int command_up(const struct invocation *invocation);
int command_down(const struct invocation *invocation);
/* cmd_ui.c */
int command_ui(const struct invocation *invocation);
/* cmd_discord.c */
int command_discord(const struct invocation *invocation);
int command_discord_test(const struct invocation *invocation);
/* cmd_presence.c */
int command_presence(const struct invocation *invocation);
/* cmd_doctor.c */
int command_doctor(const struct invocation *invocation);
/* cmd_party.c */
int command_create(const struct invocation *invocation);
int command_party_list(const struct invocation *invocation);
int command_join(const struct invocation *invocation);
int command_leave(const struct invocation *invocation);
int command_kick(const struct invocation *invocation);
int command_invite(const struct invocation *invocation);
/* cmd_peers.c */
int command_peers(const struct invocation *invocation);
/* cmd_ping.c */
int command_ping(const struct invocation *invocation);
/* cmd_why.c */
int command_why(const struct invocation *invocation);
/* cmd_netcheck.c */
int command_netcheck(const struct invocation *invocation);
/* cmd_metrics.c */
int command_metrics(const struct invocation *invocation);
/* cmd_sessions.c */
int command_sessions(const struct invocation *invocation);
int command_sessions_begin(const struct invocation *invocation);
int command_sessions_end(const struct invocation *invocation);
int command_sessions_show(const struct invocation *invocation);
/* cmd_settings.c */
int command_settings(const struct invocation *invocation);
int command_settings_reset(const struct invocation *invocation);
int command_settings_export(const struct invocation *invocation);
int command_settings_import(const struct invocation *invocation);
int command_settings_saved(const struct invocation *invocation);
int command_settings_save(const struct invocation *invocation);
int command_settings_use(const struct invocation *invocation);
int command_settings_forget(const struct invocation *invocation);
/* cmd_logs.c */
int command_logs(const struct invocation *invocation);
/* cmd_help.c */
int command_help(const struct invocation *invocation);
/* cmd_servers.c */
int command_servers(const struct invocation *invocation);
int command_servers_join(const struct invocation *invocation);
int command_restart(const struct invocation *invocation);

/* ---- shared (say.c) */

bool wants_json(const struct invocation *invocation);
/* Prints words on stderr; returns 1. */
int say_error(const struct error *error);
/* Asks the API; prints the words of a refusal. body is taken over. 0 or 1; clear answer after 0. */
int say_ask(const struct invocation *invocation, const char *method, const char *path, json_t *body,
	    struct answer *answer);
/* Asks, and prints the answer: as it came with --json, else by print (NULL: nothing). body is taken
 * over. Returns the exit status. */
int say_answer(const struct invocation *invocation, const char *method, const char *path,
	       json_t *body, void (*print)(const json_t *json));
/* The same without a body, of a path with somebody's word in it: before, word, after. */
int say_answer_of(const struct invocation *invocation, const char *method, const char *before,
		  const char *word, const char *after, void (*print)(const json_t *json));
/* The API's answer as it came, and a newline. */
void say_json(const struct answer *answer);
/* JSON made here. json is taken over. */
void say_own_json(json_t *json);
/* A line of `label  text`, cleaned, labels aligned; NULL or "" becomes `-`. */
void say_field(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- writing JSON */

/* Puts a word of the command line (NULL: none) into a body. One that is no UTF-8 cannot be: false,
 * with the words said, and the body is gone. */
bool add_text(json_t *body, const char *key, const char *word);
/* Those words; returns 1. */
int say_no_utf8(const char *key);

/* ---- reading JSON: what is missing or null is "" or NULL-safe */

/* The text at a key; "" where it is none. */
const char *text_at(const json_t *object, const char *key);
/* A member's name; the key of one that has left the party. */
const char *name_of(const json_t *peer);
/* `12`, or "" for null. Returns text. */
char *integer_at(const json_t *object, const char *key, char text[24]);
/* `12.3 ms`, or "-" for null. Returns text. */
char *measure_at(const json_t *object, const char *key, const char *unit, char text[32]);

#endif
