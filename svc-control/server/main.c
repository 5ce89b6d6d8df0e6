/* lanrage-server: where parties meet. See README.md. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/version.h"
#include "svc-control/server/service.h"

#define FILES_WANTED 16384

static const char usage[] =
	"usage: lanrage-server --listen ADDR:PORT --state DIR [--config FILE] [--store sqlite]\n"
	"\n"
	"The rendezvous server of LANrage: members of a party find each other here. Serves\n"
	"WebSocket on the TCP port and answers STUN on the UDP port of the same number.\n"
	"\n"
	"  --listen ADDR:PORT   0.0.0.0:PORT or [::]:PORT: all addresses of both families\n"
	"  --state DIR          what must be kept; created when missing\n"
	"  --config FILE        INI: [server] names= trusted_proxy=, [tls] cert= key=,\n"
	"                       [limits] ..., [relays] identities=, [log] level=\n"
	"  --store sqlite       the only one there is\n";

struct arguments {
	struct addr listen;
	const char *state, *config;
};

static void wrong_usage(const char *why, const char *value)
{
	fprintf(stderr, "lanrage-server: %s%s\n%s", why, value, usage);
	exit(2);
}

static void parse(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
						{"state", required_argument, NULL, 's'},
						{"config", required_argument, NULL, 'c'},
						{"store", required_argument, NULL, 'b'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'v'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			if (addr_parse(&arguments->listen, optarg) < 0 ||
			    arguments->listen.port == 0)
				wrong_usage("--listen needs ADDR:PORT, not ", optarg);
			break;
		case 's': arguments->state = optarg; break;
		case 'c': arguments->config = optarg; break;
		case 'b':
			if (strcmp(optarg, "sqlite") != 0)
				wrong_usage("no such store: ", optarg);
			break;
		case 'h': fputs(usage, stdout); exit(0);
		case 'v': puts("lanrage-server " LANRAGE_VERSION); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (optind < argc)
		wrong_usage("unexpected argument: ", argv[optind]);
	if (addr_is_none(&arguments->listen) || !arguments->state)
		wrong_usage("--listen and --state are needed", "");
}

/* Creates the state directory and locks it against a second server; returns the lock. */
static int open_state(const char *state, struct error *error)
{
	char path[PATH_MAX];
	int fd;

	if (mkdir(state, 0700) < 0 && errno != EEXIST)
		return error_set(error, -errno, "cannot create %.120s: %s; choose another --state",
				 state, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/lock", state) >= (int)sizeof(path))
		return error_set(error, -ENAMETOOLONG, "the state directory's path is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(
			error, -errno,
			"cannot write to %.120s: %s; choose another --state, or let this user "
			"write there",
			state, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return error_set(error, -EBUSY,
				 "another lanrage-server uses %.120s; stop it or choose another "
				 "--state",
				 state);
	}
	return fd;
}

static int read_config(struct config **config, const char *path, struct error *error)
{
	enum log_level level = LOG_LEVEL_INFO;
	const char *text;
	int result = config_read(config, path, path != NULL, error);

	if (result == 0)
		result = config_check(*config, server_config_keys, error);
	if (result < 0)
		return result;
	text = config_get(*config, "log", "level", "info");
	if (log_level_parse(text, &level) < 0)
		return error_set(error, -EINVAL, "[log] level=%.40s is not known", text);
	log_init("lanrage-server", level);
	return 0;
}

/* A descriptor for each connection; libwebsockets allots tables by this limit. */
static void set_files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(const struct arguments *arguments, struct config *config, struct error *error)
{
	struct server_options options = {
		.listen = arguments->listen, .state = arguments->state, .config = config};
	struct websocket *websocket = NULL;
	struct server *server = NULL;
	char listen[ADDR_TEXT_SIZE];
	struct loop loop;
	int result = loop_init(&loop);

	if (result < 0)
		return error_set(error, result, "cannot start: %s", strerror(-result));
	result = websocket_new(&websocket, &loop, error);
	if (result == 0)
		result = server_new(&server, &loop, websocket, &options, error);
	if (result == 0) {
		log_notice("server: listening on %s", addr_format(&arguments->listen, listen));
		loop_run(&loop);
		log_notice("server: stopped");
	}
	server_free(server);
	websocket_free(websocket);
	loop_deinit(&loop);
	return result;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct config *config = NULL;
	struct error error = {0};
	int lock = -1, result;

	parse(&arguments, argc, argv);
	log_init("lanrage-server", LOG_LEVEL_INFO);
	umask(077);
	if (sodium_init() < 0)
		return 1;
	set_files_limit();
	result = read_config(&config, arguments.config, &error);
	if (result == 0)
		result = lock = open_state(arguments.state, &error);
	if (result >= 0)
		result = serve(&arguments, config, &error);
	if (result < 0)
		fprintf(stderr, "lanrage-server: %s\n", error.text);
	config_free(config);
	if (lock >= 0)
		close(lock);
	return result < 0;
}
