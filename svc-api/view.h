/* view.h - from what the services say to the JSON that users and programs see. Pure.
 *
 * One function per document; the shapes are contracts (README.md). What is not known is null, never
 * invented. Times are milliseconds or seconds with three decimals, ids are the first 8 bytes of an
 * identity in hex, addresses come without a prefix length. Every text is made clean once more.
 * All return a new reference, or NULL without memory.
 */
#ifndef LANRAGE_API_VIEW_H
#define LANRAGE_API_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "svc-api/snapshot.h"
#include "svc-browser/codec.h"
#include "svc-metrics/codec.h"

#define VIEW_ID_SIZE 17 /* 16 hex digits and the NUL */

/* {party, self, server, relay, nat, services} */
json_t *view_status(const struct snapshot *snapshot);
/* What `lanrage doctor` looks at: {up, local, interface, server, relays, nat, candidates} */
json_t *view_network(const struct snapshot *snapshot);
/* The others, as a list. */
json_t *view_peers(const struct snapshot *snapshot);
/* {rtt_ms, path, endpoint, relay}; snapshot for the relay's name. */
json_t *view_probe(const struct dataplane_probe_result *result, const struct snapshot *snapshot);
/* {code, link, expires_at} */
json_t *view_invite(const struct control_invite *invite);
/* {key: value}; key NULL: all. NULL also where there is no such key. */
json_t *view_settings(const struct control_settings *settings, const char *key);
/* [{key, value, default, description}] */
json_t *view_settings_described(const struct control_settings *settings);
json_t *view_servers(const struct browser_servers *servers);
json_t *view_server(const struct browser_server *server);
json_t *view_system(const struct metrics_system *system);

/* ---- pieces */

/* Cleaned; null for "". */
json_t *view_text(const char *text);
/* `203.0.113.7:5555` or null. */
json_t *view_endpoint(const struct addr *addr);
/* `10.66.0.2` or null. */
json_t *view_ip(const struct addr *addr);
/* From a dataplane measurement in µs; null for DATAPLANE_UNKNOWN. */
json_t *view_ms(uint32_t us);
/* null for UINT64_MAX, which is every codec's unknown. */
json_t *view_count(uint64_t count);
json_t *view_behaviour(enum nat_behaviour behaviour);
const char *view_relay_state(enum dataplane_relay_state state);
char *view_id(const uint8_t *bytes, char text[VIEW_ID_SIZE]);

#endif
