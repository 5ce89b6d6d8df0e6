/* choice.h - which of what the API lists somebody means. Pure.
 *
 * Names are other people's choice: two game servers may have the same, and one may be called what
 * another has, or had, as its id. So what looks like the id of a member's server (ID@MEMBER) is
 * never a name, and of the rest an id goes before a name.
 */
#ifndef LANRAGE_CLI_CHOICE_H
#define LANRAGE_CLI_CHOICE_H

#include <jansson.h>
#include <stdbool.h>

/* The game servers that a word means: the one with that id, else all of that name, whose letters
 * (ASCII, as where servers are searched) may be large or small. A new array. */
json_t *choice_servers(const json_t *servers, const char *word);
/* Does the name of one of them mean it alone? Else only its id does. */
bool choice_is_named(const json_t *servers, const json_t *server);
bool choice_runs(const json_t *session);
/* The game sessions that run. A new array. */
json_t *choice_running(const json_t *sessions);

#endif
