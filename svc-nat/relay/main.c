#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/version.h"
#include "svc-nat/relay/service.h"

static const char usage_text[] =
	"usage: lanrage-relay --listen ADDR:PORT --server ws://ADDR:PORT --state DIR\n"
	"                     [--public ADDR:PORT] [--config FILE]\n"
	"  --listen   UDP address to serve; [::]:PORT serves IPv4 and IPv6\n"
	"  --server   rendezvous server to register at\n"
	"  --state    directory for keys and bindings; made if missing\n"
	"  --public   address members shall use, where it is not the one --server sees\n"
	"             (twice: one for IPv4, one for IPv6)\n"
	"  --config   INI file: [relay] members= member_mbit= member_pps= region=, [log] level=\n";

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "lanrage-relay: %s%s%s\n%s", what, value ? ": " : "", value ? value : "",
		usage_text);
	return 2;
}

static int parse_listen(struct relay_options *options, const char *text)
{
	if (addr_parse(&options->listen, text) != 0 || options->listen.port == 0)
		return usage_error("--listen is not ADDR:PORT", text);
	return 0;
}

static int parse_public(struct relay_options *options, const char *text)
{
	struct addr addr;

	if (addr_parse(&addr, text) != 0 || addr.port == 0 || !addr_is_sendable(&addr))
		return usage_error("--public is not ADDR:PORT", text);
	if (options->n_public == REGISTRATION_ENDPOINTS)
		return usage_error("--public is given too often", NULL);
	options->public_addrs[options->n_public++] = addr;
	return 0;
}

static int parse_option(struct relay_options *options, int option)
{
	struct websocket_url url;
	struct error error;

	switch (option) {
	case 'l': return parse_listen(options, optarg);
	case 'p': return parse_public(options, optarg);
	case 's':
		options->server = optarg;
		if (websocket_url_parse(&url, optarg, &error) != 0)
			return usage_error("--server", error.text);
		return 0;
	case 'd': options->state = optarg; return 0;
	case 'c': options->config = optarg; return 0;
	case 'h': fputs(usage_text, stdout); exit(0);
	case 'v': puts("lanrage-relay " LANRAGE_VERSION); exit(0);
	default: return usage_error("unknown or incomplete option", NULL);
	}
}

static int parse(struct relay_options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"listen", required_argument, NULL, 'l'}, {"server", required_argument, NULL, 's'},
		{"state", required_argument, NULL, 'd'},  {"public", required_argument, NULL, 'p'},
		{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},	  {NULL, 0, NULL, 0},
	};
	int option, result;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		result = parse_option(options, option);
		if (result != 0)
			return result;
	}
	if (optind < argc)
		return usage_error("unexpected argument", argv[optind]);
	if (options->listen.port == 0 || !options->server || !options->state || !*options->state)
		return usage_error("--listen, --server and --state are needed", NULL);
	return 0;
}

int main(int argc, char **argv)
{
	struct relay_options options = {0};
	struct error error = {0};
	int result;

	log_init("lanrage-relay", LOG_LEVEL_INFO);
	result = parse(&options, argc, argv);
	if (result != 0)
		return result;
	if (relay_service_run(&options, &error) != 0) {
		log_err("relay: %s", error.text);
		return 1;
	}
	return 0;
}
