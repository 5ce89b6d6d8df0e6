/* lanraged - starts the suite as root, keeps it running, and leaves nothing behind. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "common/version.h"
#include "deploy/launcher/descriptors.h"
#include "deploy/launcher/folders.h"
#include "deploy/launcher/process.h"
#include "deploy/launcher/settings.h"
#include "deploy/launcher/supervise.h"
#include "deploy/launcher/users.h"

struct options {
	const char *state;
	const char *run;
	const char *config; /* NULL: none */
};

static void usage(FILE *stream)
{
	fputs("usage: lanraged --state DIR --run DIR [--config FILE]\n"
	      "Runs LANrage in the foreground, as root, until SIGTERM.\n"
	      "Without --state and --run: $LANRAGE_STATE and $LANRAGE_RUN, else /var/lib/lanrage\n"
	      "and /run/lanrage.\n",
	      stream);
}

static const char *default_directory(const char *variable, const char *fallback)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0' ? value : fallback;
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{"state", required_argument, NULL, 's'},  {"run", required_argument, NULL, 'r'},
		{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},	  {NULL, 0, NULL, 0}};
	int option;

	options->state = default_directory("LANRAGE_STATE", "/var/lib/lanrage");
	options->run = default_directory("LANRAGE_RUN", "/run/lanrage");
	options->config = NULL;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's': options->state = optarg; break;
		case 'r': options->run = optarg; break;
		case 'c': options->config = optarg; break;
		case 'h': usage(stdout); exit(0);
		case 'v': puts("lanraged " LANRAGE_VERSION); exit(0);
		default: usage(stderr); exit(2);
		}
	}
	if (optind != argc || options->state[0] == '\0' || options->run[0] == '\0') {
		usage(stderr);
		exit(2);
	}
}

static int read_settings(struct settings *settings, const char *path, struct error *error)
{
	struct config *config = NULL;

	int r = config_read(&config, path, path != NULL, error);
	if (r == 0)
		r = launcher_settings_read(settings, config, path != NULL ? path : "", error);
	config_free(config);
	return r;
}

/* Everything between the folders, which are ours now, and the services' end. */
static int run_services(const struct options *options, const struct settings *settings,
			struct folders *folders, int signals, struct error *error)
{
	static struct process_common common;
	static struct supervisor supervisor;
	static char config_copy[PATH_MAX + 16];
	struct descriptors descriptors;
	struct users users;

	int r = process_find_programs(&common, error);
	if (r == 0)
		r = users_ensure(&users, error);
	if (r == 0)
		r = folders_prepare(folders, &users, error);
	if (r == 0)
		r = folders_write_tokens(folders, &users, error);
	if (r == 0 && options->config != NULL)
		r = folders_copy_config(folders, &users, options->config, error);
	if (r == 0)
		r = descriptors_open(&descriptors, settings, folders, error);
	if (r != 0)
		return r;

	snprintf(config_copy, sizeof(config_copy), "%s/lanraged.conf", folders->run);
	common.run = folders->run;
	common.state = folders->state;
	common.config = options->config != NULL ? config_copy : NULL;
	common.users = &users;
	common.descriptors = &descriptors;
	r = supervise_init(&supervisor, signals, settings, folders, &common, error);
	if (r == 0) {
		supervise_run(&supervisor);
		supervise_deinit(&supervisor);
	}
	descriptors_close(&descriptors);
	return r;
}

int main(int argc, char **argv)
{
	struct settings settings = {0};
	static struct folders folders;
	struct options options;
	struct error error = {0};

	log_init("lanraged", LOG_LEVEL_INFO);
	parse_options(&options, argc, argv);
	umask(0022);
	int signals = -1;
	int r = read_settings(&settings, options.config, &error);
	if (r == 0 && geteuid() != 0)
		r = error_set(&error, -EPERM, "must be started as root (sudo lanraged …)");
	if (r == 0) {
		log_init("lanraged", settings.level);
		r = signals = supervise_signals();
		if (r < 0)
			error_set(&error, r, "cannot set up signals: %s", strerror(-r));
	}
	if (r >= 0)
		r = folders_open(&folders, options.run, options.state, &error);
	if (r == 0) {
		r = run_services(&options, &settings, &folders, signals, &error);
		folders_clean(&folders);
		folders_close(&folders);
	}
	if (r < 0)
		log_err("%s", error.text);
	return r < 0 ? 1 : 0;
}
