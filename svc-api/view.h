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

#include "svc-api/discord/poster.h"
#include "svc-api/snapshot.h"
#include "svc-browser/codec.h"
#include "svc-metrics/codec.h"

/* {party, self, server, relay, nat, services} */
json_t *view_status(const struct snapshot *snapshot);
/* What `lanrage doctor` looks at: {notice, up, local, problem, clock_ahead_s, interface, server,
 * relays, nat, candidates}; problem: {cause, text, remedy} of this machine, or null */
json_t *view_network(const struct snapshot *snapshot);
/* The others, as a list. */
json_t *view_peers(const struct snapshot *snapshot);
/* {peer, path, cause, text, remedy}; cause and remedy null for one that is reached directly and
 * well. control, nat and dataplane have answered. */
json_t *view_why(const struct snapshot *snapshot, const struct control_member *member);
/* The same of a name that nobody goes by. */
json_t *view_why_absent(const char *name, enum nat_cause cause);
/* {rtt_ms, path, endpoint, relay}; snapshot for the relay's name. */
json_t *view_probe(const struct dataplane_probe_result *result, const struct snapshot *snapshot);
/* {udp, mapping, filtering, public, ipv4, ipv6, mtu, port_mapping, servers, relays, firewall};
 * control NULL: does not answer. */
json_t *view_netcheck(const struct nat_netcheck *check, const struct control_status *control);
/* {code, link, expires_at} */
json_t *view_invite(const struct control_invite *invite);
/* {key: value}; key NULL: all. NULL also where there is no such key. A secret's value is null. */
json_t *view_settings(const struct control_settings *settings, const char *key);
/* {key, group, type, value, default, description, choices, min, max, unit, applies, secret, set};
 * NULL also where there is no such key. */
json_t *view_setting(const struct control_settings *settings, const char *key);
/* A list of the same. */
json_t *view_settings_described(const struct control_settings *settings);
/* {changed: {key: value}, later: {key: when}}; later: those that do not take effect at once. */
json_t *view_changed(const struct control_settings *changed);
/* {format, version, settings, omitted}: what is not at its default, and which secrets are not in
 * it. */
json_t *view_export(const struct control_settings *settings);
#define VIEW_EXPORT_FORMAT  "lanrage-settings"
#define VIEW_EXPORT_VERSION 1
/* [{name, saved_at, active, settings: {key: value}}] */
json_t *view_configurations(const struct control_configurations *list);
/* {enabled, webhook_set, invite, presence, app_id, sent, dropped, waiting, last_sent_at, problem}
 */
json_t *view_discord(const struct control_settings *settings, const struct poster_state *state);
/* {sent, status, problem} */
json_t *view_discord_test(const struct answer *answer);
/* How to make a webhook and put it in, step by step. */
json_t *view_discord_instructions(void);
/* Game servers; wall_us is the time of now. */
json_t *view_servers(const struct browser_servers *servers, uint64_t wall_us);
json_t *view_server(const struct browser_server *server, uint64_t wall_us);
/* [{id, present, server}]; server null for one that is away */
json_t *view_favourites(const struct browser_favourites *favourites, uint64_t wall_us);
/* {total_servers, total_players, max_players, unique_games, games: {game: {servers, players}},
 * favourites, full, empty, with_password} */
json_t *view_statistics(const struct browser_statistics *statistics);
/* [{game, servers, players}] */
json_t *view_games(const struct browser_statistics *statistics);
/* {id, latency_ms, latency_ema_ms, latency_trend, answers, sent} */
json_t *view_measurement(const char *id, const struct browser_measurement *measurement);
/* {id, name, game, address, password, own, host, online}; member: that runs it, or NULL;
 * online: as the rendezvous server says, null where nobody says */
json_t *view_join(const struct browser_server *server, const struct control_member *member);
/* Of metrics, with wall_us, the time of now, for showing when that was. */
json_t *view_system(const struct metrics_system *system, uint64_t wall_us);
/* A list of buckets, oldest first, and so the next. */
json_t *view_system_history(const struct metrics_system_history *history);
json_t *view_peer_history(const struct metrics_peer_history *history);
/* What of LAN discovery is on, and its packets so far. */
json_t *view_lan(const struct dataplane_state *state);
/* NULL: it is off. */
json_t *view_lan_check(const struct dataplane_lan_check *check);
/* The other members, measured or not, then whoever else was measured. control NULL: no answer. */
json_t *view_metrics_peers(const struct metrics_peers *peers, const struct control_status *control,
			   uint64_t wall_us);
/* The same of one, with terms and paths; member NULL: none now. snapshot for relays' names. */
json_t *view_metrics_peer(const struct metrics_peer_detail *detail,
			  const struct control_member *member, const struct snapshot *snapshot,
			  uint64_t wall_us);
/* {quality, grade, worst, peers: [{name, id, key, quality, grade, trend, terms}]} */
json_t *view_quality(const struct metrics_peers *peers, const struct control_status *control);
/* system NULL: unknown. */
json_t *view_summary(const struct metrics_peers *peers, const struct metrics_system *system);
/* control NULL: no answer, and peers have no names. */
json_t *view_session(const struct metrics_session *session, const struct control_status *control);
/* A list of the same, without peers. */
json_t *view_sessions(const struct metrics_sessions *sessions);

/* ---- pieces */

/* Cleaned; null for "". */
json_t *view_text(const char *text);
/* `203.0.113.7:5555` or null. */
json_t *view_endpoint(const struct addr *addr);
/* `10.66.0.2` or null. */
json_t *view_ip(const struct addr *addr);
/* From a dataplane measurement in µs; null for DATAPLANE_UNKNOWN. */
json_t *view_ms(uint32_t us);
/* null for UINT32_MAX and UINT64_MAX, which are every codec's unknown. */
json_t *view_percent(uint32_t permille);
json_t *view_seconds(uint64_t us);
json_t *view_count(uint64_t count);
/* null for METRICS_UNKNOWN_SCORE, and its grade. */
json_t *view_score(uint32_t score);
json_t *view_grade(uint32_t score);
json_t *view_trend(enum metrics_trend trend);
/* Sets quality, grade and trend of an object. */
void view_set_quality(json_t *json, const struct metrics_quality *quality);
/* {latency, loss, jitter} */
json_t *view_terms(const struct metrics_quality *quality);
/* {cause, text, remedy} */
json_t *view_cause(enum nat_cause cause);
json_t *view_behaviour(enum nat_behaviour behaviour);
const char *view_relay_state(enum dataplane_relay_state state);
/* Sets sampled_at and age_s of an object. */
void view_sampled(json_t *json, uint64_t age_us, uint64_t wall_us);
/* Where a path leads: for a relay by TCP to the relay, not to its carrier (svc-nat/overtcp.h). */
json_t *view_path_endpoint(const struct snapshot *snapshot, enum dataplane_path_kind kind,
			   const uint8_t key[DATAPLANE_KEY_SIZE], const struct addr *endpoint);
/* The name of a path's relay; null for a direct path and an unknown relay. */
json_t *view_relay(const struct snapshot *snapshot, enum dataplane_path_kind kind,
		   const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
