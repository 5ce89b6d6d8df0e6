/* view_sessions.c - game sessions, and what the ways to the others were like meanwhile. */
#include "common/clock.h"
#include "common/text.h"
#include "svc-api/member.h"
#include "svc-api/view.h"

static json_t *view_time(uint64_t wall_s)
{
	char text[CLOCK_RFC3339_SIZE];

	return wall_s > UINT64_MAX / CLOCK_SECOND
		       ? json_null()
		       : json_string(clock_rfc3339(wall_s * CLOCK_SECOND, text));
}

static json_t *view_row(const struct metrics_session *session)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", view_count(session->id), "game",
			 view_text(session->game.game), "server", view_text(session->game.server),
			 "started_at", view_time(session->started_s), "ended_at",
			 view_time(session->ended_s), "duration_s",
			 view_count(session->duration_s));
}

static json_t *view_session_peer(const struct metrics_session_peer *peer,
				 const struct control_status *control)
{
	const struct control_member *member = member_of_key(control, peer->public_key);
	char id[TEXT_ID_SIZE], key[TEXT_ID_SIZE];

	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 member ? json_string(text_id(member->identity, id)) : json_null(), "name",
			 member ? view_text(member->name) : json_null(), "key",
			 text_id(peer->public_key, key), "samples", view_count(peer->samples),
			 "rtt_ms", view_ms(peer->rtt_us), "rtt_min_ms", view_ms(peer->rtt_min_us),
			 "rtt_max_ms", view_ms(peer->rtt_max_us), "rtt_p95_ms",
			 view_ms(peer->rtt_p95_us), "jitter_ms", view_ms(peer->jitter_us),
			 "loss_pct", view_percent(peer->loss_permille), "quality",
			 view_score(peer->quality));
}

json_t *view_session(const struct metrics_session *session, const struct control_status *control)
{
	json_t *json = view_row(session), *peers = json_array();

	for (size_t i = 0; i < session->n_peers; i++)
		json_array_append_new(peers, view_session_peer(&session->peers[i], control));
	json_object_set_new(json, "peers", peers);
	return json;
}

json_t *view_sessions(const struct metrics_sessions *sessions)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sessions->n_sessions; i++)
		json_array_append_new(list, view_row(&sessions->sessions[i]));
	return list;
}
