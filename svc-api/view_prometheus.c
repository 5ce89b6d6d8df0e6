#include "svc-api/view_prometheus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/version.h"
#include "svc-api/clean.h"
#include "svc-api/member.h"
#include "svc-metrics/quality.h"

/* A metric is told of when its first sample comes. */
struct metric {
	FILE *out;
	const char *name, *type, *help;
	bool begun;
};

static void begin(struct metric *metric)
{
	if (!metric->begun)
		(void)fprintf(metric->out, "# HELP %s %s\n# TYPE %s %s\n", metric->name,
			      metric->help, metric->name, metric->type);
	metric->begun = true;
}

/* labels: `{a="b"}` or "". */
static void put_count(struct metric *metric, const char *labels, uint64_t value)
{
	if (value == METRICS_UNKNOWN)
		return;
	begin(metric);
	(void)fprintf(metric->out, "%s%s %" PRIu64 "\n", metric->name, labels, value);
}

/* 32-bit measures, whose unknown is their largest value. */
static void put_measure(struct metric *metric, const char *labels, uint32_t value, double per_unit)
{
	if (value == DATAPLANE_UNKNOWN)
		return;
	begin(metric);
	(void)fprintf(metric->out, "%s%s %.9g\n", metric->name, labels, value / per_unit);
}

/* ---- labels */

#define LABEL_MAX  (2 * CONTROL_NAME_MAX + 1)
#define LABELS_MAX (LABEL_MAX + 64)

/* Backslash and quote are escaped; what is not clean, line ends above all, is not let through. */
static void escape(const char *text, char out[LABEL_MAX])
{
	char cleaned[CONTROL_NAME_MAX];
	size_t n = 0;

	clean_text(text, strlen(text), cleaned, sizeof(cleaned));
	for (const char *at = cleaned; *at && n + 2 < LABEL_MAX; at++) {
		if (*at == '\\' || *at == '"')
			out[n++] = '\\';
		out[n++] = *at;
	}
	out[n] = '\0';
}

static const char *peer_labels(const struct snapshot *snapshot, const struct metrics_peer *peer,
			       char labels[LABELS_MAX])
{
	const struct control_member *member = member_of_key(snapshot->control, peer->public_key);
	char name[LABEL_MAX] = "", id[TEXT_ID_SIZE];

	if (member)
		escape(member->name, name);
	(void)snprintf(labels, LABELS_MAX, "{peer=\"%s\",id=\"%s\"}", name,
		       text_id(member ? member->identity : peer->public_key, id));
	return labels;
}

/* ---- services */

static void put_version(FILE *out)
{
	struct metric info = {out, "lanrage_info", "gauge", "Always 1; the label is the version.",
			      false};

	put_count(&info, "{version=\"" LANRAGE_VERSION "\"}", 1);
}

static void put_services(const struct snapshot *snapshot, FILE *out)
{
	struct metric up = {out, "lanrage_up", "gauge", "Whether the service answers.", false};
	struct metric restarts = {out, "lanrage_service_restarts_total", "counter",
				  "How often the launcher has started it again.", false};
	char labels[64];

	for (int id = 0; id < SERVICE_COUNT; id++) {
		bool answers = id == SERVICE_API || snapshot->answered & BUS_FROM(id);

		(void)snprintf(labels, sizeof(labels), "{service=\"%s\"}", service_names[id]);
		put_count(&up, labels, answers);
	}
	for (int id = 0; id < SERVICE_COUNT; id++) {
		(void)snprintf(labels, sizeof(labels), "{service=\"%s\"}", service_names[id]);
		put_count(&restarts, labels, snapshot->supervision.services[id].restarts);
	}
}

static void put_party(const struct snapshot *snapshot, FILE *out)
{
	struct metric members = {out, "lanrage_party_members", "gauge",
				 "Members of the party, with this machine; 0 in none.", false};

	if (snapshot->control)
		put_count(&members, "", snapshot->control->n_members);
}

/* ---- peers */

enum peer_metric {
	CONNECTED,
	DIRECT,
	RTT,
	JITTER,
	LOSS,
	RX,
	TX,
	QUALITY,
	PEER_METRICS,
};

static const struct {
	const char *name, *type, *help;
} peer_metrics[PEER_METRICS] = {
	[CONNECTED] = {"lanrage_peer_connected", "gauge", "Whether there is a session with it."},
	[DIRECT] = {"lanrage_peer_direct", "gauge", "Whether it is reached without a relay."},
	[RTT] = {"lanrage_peer_rtt_seconds", "gauge", "Round trip along the active path."},
	[JITTER] = {"lanrage_peer_jitter_seconds", "gauge", "How much that varies."},
	[LOSS] = {"lanrage_peer_loss_ratio", "gauge", "Lost probes along the active path."},
	[RX] = {"lanrage_peer_rx_bytes_total", "counter", "Bytes received from it."},
	[TX] = {"lanrage_peer_tx_bytes_total", "counter", "Bytes sent to it."},
	[QUALITY] = {"lanrage_peer_quality", "gauge", "How good the way is for a game, 0 to 100."},
};

static void put_peer(struct metric *metric, enum peer_metric which, const char *labels,
		     const struct metrics_peer *peer)
{
	const struct metrics_measures *measures = &peer->now.measures;

	switch (which) {
	case CONNECTED:
		if (peer->now.state != METRICS_PEER_UNKNOWN)
			put_count(metric, labels, peer->now.state == METRICS_PEER_CONNECTED);
		break;
	case DIRECT:
		if (peer->now.path != METRICS_PATH_UNKNOWN)
			put_count(metric, labels, peer->now.path == METRICS_PATH_DIRECT);
		break;
	case RTT: put_measure(metric, labels, measures->rtt_us, 1e6); break;
	case JITTER: put_measure(metric, labels, measures->jitter_us, 1e6); break;
	case LOSS: put_measure(metric, labels, measures->loss_permille, 1e3); break;
	case RX: put_count(metric, labels, measures->rx_bytes); break;
	case TX: put_count(metric, labels, measures->tx_bytes); break;
	case QUALITY: put_measure(metric, labels, peer->quality.score, 1); break;
	case PEER_METRICS: break;
	}
}

static void put_peers(const struct snapshot *snapshot, FILE *out)
{
	const struct metrics_peers *peers = snapshot->peers;
	struct metric network = {out, "lanrage_network_quality", "gauge",
				 "Mean quality over the connected peers.", false};
	const struct metrics_peer *worst;
	char labels[LABELS_MAX];

	for (int which = 0; which < PEER_METRICS; which++) {
		struct metric metric = {out, peer_metrics[which].name, peer_metrics[which].type,
					peer_metrics[which].help, false};

		for (size_t i = 0; i < peers->n_peers; i++)
			if (peers->peers[i].now.state != METRICS_PEER_GONE)
				put_peer(&metric, (enum peer_metric)which,
					 peer_labels(snapshot, &peers->peers[i], labels),
					 &peers->peers[i]);
	}
	put_measure(&network, "", quality_of_network(peers, &worst), 1);
}

/* ---- this machine */

static void put_system(const struct metrics_system *system, FILE *out)
{
	struct metric cpu = {out, "lanrage_cpu_ratio", "gauge", "Processors busy.", false};
	struct metric total = {out, "lanrage_memory_total_bytes", "gauge", "All memory.", false};
	struct metric available = {out, "lanrage_memory_available_bytes", "gauge",
				   "Memory that programs may still take.", false};

	put_measure(&cpu, "", system->cpu_permille, 1e3);
	put_count(&total, "", system->memory_total);
	put_count(&available, "", system->memory_available);
}

static void put_lan(const struct dataplane_lan_counters *lan, FILE *out)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} rows[] = {
		{"lanrage_lan_sent_total", "Packets to everybody, handed to the members.",
		 lan->sent},
		{"lanrage_lan_same_total", "Second copies of what left by several interfaces.",
		 lan->same},
		{"lanrage_lan_refused_total", "Of kinds that stay at home.", lan->refused},
		{"lanrage_lan_capped_total", "Beyond the limits.", lan->capped},
		{"lanrage_lan_received_total", "From members, delivered.", lan->received},
		{"lanrage_lan_refused_received_total",
		 "From members, of kinds that should have stayed at home.", lan->refused_received},
		{"lanrage_lan_capped_received_total", "From members, beyond the limits.",
		 lan->capped_received},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct metric metric = {out, rows[i].name, "counter", rows[i].help, false};

		put_count(&metric, "", rows[i].value);
	}
}

char *view_prometheus(const struct snapshot *snapshot)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	put_version(out);
	put_services(snapshot, out);
	put_party(snapshot, out);
	if (snapshot->peers)
		put_peers(snapshot, out);
	if (snapshot->system)
		put_system(snapshot->system, out);
	if (snapshot->dataplane)
		put_lan(&snapshot->dataplane->lan_counters, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
