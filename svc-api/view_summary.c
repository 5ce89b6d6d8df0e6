/* view_summary.c - all peers and this machine in a few numbers, and the quality of every way. */
#include "common/text.h"
#include "svc-api/member.h"
#include "svc-api/view.h"
#include "svc-metrics/quality.h"

/* Of what is known: the mean of some 32-bit measure over connected peers, and the sum of a count.
 */
struct sum {
	uint64_t total;
	size_t n;
};

static void add(struct sum *sum, uint64_t value, uint64_t unknown)
{
	if (value == unknown)
		return;
	sum->total += value;
	sum->n++;
}

static uint32_t mean_of(const struct sum *sum)
{
	return sum->n ? (uint32_t)((sum->total + sum->n / 2) / sum->n) : DATAPLANE_UNKNOWN;
}

static json_t *view_total(const struct sum *sum)
{
	return view_count(sum->n ? sum->total : METRICS_UNKNOWN);
}

struct totals {
	int present, connected, direct, relay;
	struct sum rtt, jitter, loss, rx, tx, rx_rate, tx_rate;
};

static void add_peer(struct totals *totals, const struct metrics_sample *now)
{
	const struct metrics_measures *measures = &now->measures;

	totals->present += now->state != METRICS_PEER_GONE;
	add(&totals->rx, measures->rx_bytes, METRICS_UNKNOWN);
	add(&totals->tx, measures->tx_bytes, METRICS_UNKNOWN);
	add(&totals->rx_rate, measures->rx_bytes_per_s, METRICS_UNKNOWN);
	add(&totals->tx_rate, measures->tx_bytes_per_s, METRICS_UNKNOWN);
	if (now->state != METRICS_PEER_CONNECTED)
		return;
	totals->connected++;
	totals->direct += now->path == METRICS_PATH_DIRECT;
	totals->relay += now->path == METRICS_PATH_RELAY;
	add(&totals->rtt, measures->rtt_us, DATAPLANE_UNKNOWN);
	add(&totals->jitter, measures->jitter_us, DATAPLANE_UNKNOWN);
	add(&totals->loss, measures->loss_permille, DATAPLANE_UNKNOWN);
}

json_t *view_summary(const struct metrics_peers *peers, const struct metrics_system *system)
{
	const struct metrics_peer *worst;
	uint32_t score = quality_of_network(peers, &worst);
	struct totals totals = {0};

	for (size_t i = 0; i < peers->n_peers; i++)
		add_peer(&totals, &peers->peers[i].now);
	return json_pack(
		"{s:{s:i, s:i, s:i, s:i}, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o}",
		"peers", "total", totals.present, "connected", totals.connected, "direct",
		totals.direct, "relay", totals.relay, "rtt_ms", view_ms(mean_of(&totals.rtt)),
		"jitter_ms", view_ms(mean_of(&totals.jitter)), "loss_pct",
		view_percent(mean_of(&totals.loss)), "rx_bytes", view_total(&totals.rx), "tx_bytes",
		view_total(&totals.tx), "rx_bytes_per_s", view_total(&totals.rx_rate),
		"tx_bytes_per_s", view_total(&totals.tx_rate), "quality", view_score(score),
		"grade", view_grade(score), "cpu_pct",
		system ? view_percent(system->cpu_permille) : json_null(), "memory_total_bytes",
		system ? view_count(system->memory_total) : json_null(), "memory_available_bytes",
		system ? view_count(system->memory_available) : json_null(), "sessions_running",
		view_count(peers->sessions_running));
}

/* ---- quality */

json_t *view_score(uint32_t score)
{
	return score == METRICS_UNKNOWN_SCORE ? json_null() : json_integer(score);
}

json_t *view_grade(uint32_t score)
{
	const char *grade = quality_grade(score);

	return grade ? json_string(grade) : json_null();
}

json_t *view_trend(enum metrics_trend trend)
{
	switch (trend) {
	case METRICS_TREND_STEADY: return json_string("steady");
	case METRICS_TREND_BETTER: return json_string("better");
	case METRICS_TREND_WORSE: return json_string("worse");
	case METRICS_TREND_UNKNOWN:
	case METRICS_TRENDS: break;
	}
	return json_null();
}

void view_set_quality(json_t *json, const struct metrics_quality *quality)
{
	json_object_set_new(json, "quality", view_score(quality->score));
	json_object_set_new(json, "grade", view_grade(quality->score));
	json_object_set_new(json, "trend", view_trend(quality->trend));
}

json_t *view_terms(const struct metrics_quality *quality)
{
	return json_pack("{s:o, s:o, s:o}", "latency", view_score(quality->latency), "loss",
			 view_score(quality->loss), "jitter", view_score(quality->jitter));
}

static json_t *view_whom(const struct metrics_peer *peer, const struct control_status *control)
{
	const struct control_member *member = member_of_key(control, peer->public_key);
	char id[TEXT_ID_SIZE], key[TEXT_ID_SIZE];

	return json_pack("{s:o, s:o, s:s}", "name", member ? view_text(member->name) : json_null(),
			 "id", member ? json_string(text_id(member->identity, id)) : json_null(),
			 "key", text_id(peer->public_key, key));
}

json_t *view_quality(const struct metrics_peers *peers, const struct control_status *control)
{
	const struct metrics_peer *worst;
	uint32_t score = quality_of_network(peers, &worst);
	json_t *list = json_array();

	for (size_t i = 0; i < peers->n_peers; i++) {
		const struct metrics_peer *peer = &peers->peers[i];
		json_t *row;

		if (peer->now.state == METRICS_PEER_GONE)
			continue;
		row = view_whom(peer, control);
		view_set_quality(row, &peer->quality);
		json_object_set_new(row, "terms", view_terms(&peer->quality));
		json_array_append_new(list, row);
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "quality", view_score(score), "grade",
			 view_grade(score), "worst",
			 worst ? view_whom(worst, control) : json_null(), "peers", list);
}
