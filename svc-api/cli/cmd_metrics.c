/* cmd_metrics.c - metrics: this machine, then every peer; or one peer, and each path to it. */
#include <stdio.h>
#include <string.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

/* Names are others' choice; with two blanks between columns this makes 80 at most. */
static const size_t peer_least[] = {10, 0, 0, 0, 0, 0, 0};
#define ANSWERS	     4
#define PEER_COLUMNS (sizeof(peer_least) / sizeof(peer_least[0]))

/* `12.3 kB/s`, or "-" for null. Returns text. */
static char *rate_at(const json_t *object, const char *key, char text[32])
{
	static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s"};
	const json_t *value = json_object_get(object, key);
	double rate = json_number_value(value);
	size_t unit = 0;

	(void)snprintf(text, 32, "-");
	if (!json_is_number(value))
		return text;
	for (; rate >= 999.95 && unit < 3; unit++)
		rate /= 1000;
	(void)snprintf(text, 32, "%.*f %s", unit ? 1 : 0, rate, units[unit]);
	return text;
}

static void print_traffic(const json_t *list, const char *kind)
{
	static const size_t least[] = {12, 0, 0};
	const char *const title[] = {kind, "IN", "OUT"};
	struct table table;
	size_t i;
	json_t *object;

	table_init(&table, 3);
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(list, i, object)
	{
		char in[32], out[32];
		const char *cells[] = {name_of(object), rate_at(object, "rx_bytes_per_s", in),
				       rate_at(object, "tx_bytes_per_s", out)};

		table_add(&table, cells);
	}
	(void)putchar('\n');
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

/* The path where there is one, else why there is none. */
static const char *path_words(const json_t *peer)
{
	const char *state = text_at(peer, "state");

	return strcmp(state, "connected") == 0 ? text_at(peer, "path") : state;
}

/* `89 excellent`, or "-". Returns text. */
static char *quality_words(const json_t *peer, char text[32])
{
	const json_t *quality = json_object_get(peer, "quality");

	(void)snprintf(text, 32, "-");
	if (json_is_integer(quality))
		(void)snprintf(text, 32, "%d %.16s", (int)json_integer_value(quality),
			       text_at(peer, "grade"));
	return text;
}

static void add_peer(struct table *table, const json_t *peer)
{
	char rtt[32], jitter[32], loss[32], quality[32];
	const char *cells[PEER_COLUMNS] = {name_of(peer),
					   path_words(peer),
					   measure_at(peer, "rtt_ms", "ms", rtt),
					   measure_at(peer, "jitter_ms", "ms", jitter),
					   measure_at(peer, "loss_pct", "%", loss),
					   quality_words(peer, quality),
					   text_at(peer, "trend")};

	table_add(table, cells);
	table_paint(table, 1, terminal_paint_of(cells[1]));
}

static void print_peers(const json_t *peers)
{
	static const char *const title[PEER_COLUMNS] = {"PEER", "PATH",	   "PING", "JITTER",
							"LOSS", "QUALITY", "TREND"};
	struct table table;
	size_t i;
	json_t *peer;

	table_init(&table, PEER_COLUMNS);
	table.least = peer_least;
	table_add_title(&table, title);
	json_array_foreach(peers, i, peer) add_peer(&table, peer);
	(void)putchar('\n');
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

static json_int_t count_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_lan(const json_t *lan)
{
	if (json_is_true(json_object_get(lan, "discovery")))
		say_field("to everybody",
			  "%" JSON_INTEGER_FORMAT " packets sent, %" JSON_INTEGER_FORMAT
			  " received, %" JSON_INTEGER_FORMAT " beyond the limits",
			  count_at(lan, "sent"), count_at(lan, "received"),
			  count_at(lan, "capped") + count_at(lan, "capped_received"));
}

/* `120 MiB of 512 MiB free`, or "-". Returns text. */
static char *memory_words(const json_t *system, char text[64])
{
	const double mib = 1024.0 * 1024.0;
	const json_t *total = json_object_get(system, "memory_total_bytes"),
		     *available = json_object_get(system, "memory_available_bytes");

	(void)snprintf(text, 64, "-");
	if (json_is_number(total) && json_is_number(available))
		(void)snprintf(text, 64, "%.0f MiB of %.0f MiB free",
			       json_number_value(available) / mib, json_number_value(total) / mib);
	return text;
}

static void print_system(const json_t *system, const json_t *lan)
{
	char cpu[32], memory[64];

	say_field("processor", "%s", measure_at(system, "cpu_pct", "%", cpu));
	say_field("memory", "%s", memory_words(system, memory));
	print_lan(lan);
	print_traffic(json_object_get(system, "interfaces"), "INTERFACE");
}

/* The mean of all ways, and where to look first. */
static void print_quality(const json_t *quality)
{
	const json_t *worst = json_object_get(quality, "worst");
	char words[32];

	say_field("quality", "%s%s%s", quality_words(quality, words),
		  json_is_object(worst) ? ", the worst is " : "",
		  json_is_object(worst) ? name_of(worst) : "");
}

static void print(const struct invocation *invocation, json_t *system, json_t *lan, json_t *peers,
		  json_t *quality)
{
	if (wants_json(invocation)) {
		json_object_set(system, "lan", lan);
		json_object_set(system, "peers", peers);
		json_object_set(system, "quality", quality);
		say_own_json(json_incref(system));
		return;
	}
	print_quality(quality);
	print_system(system, lan);
	if (json_array_size(peers) == 0)
		return;
	print_traffic(peers, "PEER");
	print_peers(peers);
}

static int print_all(const struct invocation *invocation)
{
	static const char *const paths[ANSWERS] = {"metrics/system", "metrics/lan", "metrics/peers",
						   "metrics/quality"};
	struct answer answers[ANSWERS];
	size_t n = 0;

	while (n < ANSWERS && say_ask(invocation, "GET", paths[n], NULL, &answers[n]) == 0)
		n++;
	if (n == ANSWERS)
		print(invocation, answers[0].json, answers[1].json, answers[2].json,
		      answers[3].json);
	for (size_t i = 0; i < n; i++)
		client_clear(&answers[i]);
	return n == ANSWERS ? 0 : 1;
}

/* ---- one peer */

static void print_paths(const json_t *paths)
{
	static const char *const title[] = {"PATH", "AT", "STATE", "PING", "JITTER", "LOSS"};
	static const size_t least[] = {0, 12, 0, 0, 0, 0};
	struct table table;
	size_t i;
	json_t *path;

	table_init(&table, sizeof(title) / sizeof(title[0]));
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(paths, i, path)
	{
		bool relayed = strcmp(text_at(path, "path"), "relay") == 0;
		char rtt[32], jitter[32], loss[32];
		const char *cells[] = {text_at(path, "path"),
				       text_at(path, relayed ? "relay" : "endpoint"),
				       json_is_true(json_object_get(path, "active"))
					       ? "in use"
					       : text_at(path, "state"),
				       measure_at(path, "rtt_ms", "ms", rtt),
				       measure_at(path, "jitter_ms", "ms", jitter),
				       measure_at(path, "loss_pct", "%", loss)};

		table_add(&table, cells);
	}
	(void)putchar('\n');
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

static char *term_at(const json_t *terms, const char *key, char text[32])
{
	const json_t *term = json_object_get(terms, key);

	(void)snprintf(text, 32, "-");
	if (json_is_integer(term))
		(void)snprintf(text, 32, "%d", (int)json_integer_value(term));
	return text;
}

static void print_peer(const json_t *peer)
{
	const json_t *terms = json_object_get(peer, "terms");
	char a[32], b[32], c[32];

	say_field("peer", "%s", name_of(peer));
	say_field("path", "%s", path_words(peer));
	say_field("ping", "%s", measure_at(peer, "rtt_ms", "ms", a));
	say_field("jitter", "%s", measure_at(peer, "jitter_ms", "ms", a));
	say_field("loss", "%s", measure_at(peer, "loss_pct", "%", a));
	say_field("traffic", "in %s, out %s", rate_at(peer, "rx_bytes_per_s", a),
		  rate_at(peer, "tx_bytes_per_s", b));
	say_field("quality", "%s", quality_words(peer, a));
	say_field("made of", "latency %s, loss %s, jitter %s", term_at(terms, "latency", a),
		  term_at(terms, "loss", b), term_at(terms, "jitter", c));
	say_field("trend", "%s", text_at(peer, "trend"));
	if (json_array_size(json_object_get(peer, "paths")) > 0)
		print_paths(json_object_get(peer, "paths"));
}

int command_metrics(const struct invocation *invocation)
{
	return invocation->n_arguments > 0 ? say_answer_of(invocation, "GET", "metrics/peers/",
							   invocation->arguments[0], "", print_peer)
					   : print_all(invocation);
}
