/* activity.h - what a Discord profile shows of the party. Pure. */
#ifndef LANRAGE_CLI_ACTIVITY_H
#define LANRAGE_CLI_ACTIVITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ACTIVITY_MEMBERS_MAX 1024 /* of a party (svc-control/party.h) */

/* Of the API's status: null in no party; NULL without memory, or where the status says of none.
 * since_s: since when it has been seen, in seconds since 1970. link: of an open invite, which then
 * is the join secret, or "". */
json_t *activity_make(const json_t *status, uint64_t since_s, const char *link);
/* SET_ACTIVITY, to be freed; NULL without memory. activity is borrowed; null clears it. */
char *activity_command(const json_t *activity, int pid, uint64_t nonce);
/* To be told of whoever says Join in Discord. */
#define ACTIVITY_SUBSCRIBE \
	"{\"cmd\":\"SUBSCRIBE\",\"args\":{},\"evt\":\"ACTIVITY_JOIN\",\"nonce\":\"join\"}"

/* Whether it is a party's link, and nothing in it means anything to a shell or a terminal. */
bool activity_is_link(const char *text);

#endif
