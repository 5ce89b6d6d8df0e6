#include "svc-api/cli/place.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say_not_running(const struct place *place, struct error *error)
{
	return error_set(error, -ESRCH,
			 "LANrage is not running (in %.100s): start it with `sudo make up` or "
			 "`sudo systemctl start lanrage`",
			 place->run);
}

/* A launcher that was killed leaves its file behind. */
static bool launcher_lives(const json_t *services)
{
	json_int_t pid =
		json_integer_value(json_object_get(json_object_get(services, "launcher"), "pid"));

	return pid > 0 && pid <= INT_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

int place_take_api(struct place *place, const json_t *services)
{
	const char *api = json_string_value(json_object_get(services, "api"));

	if (!api || strlen(api) >= sizeof(place->api) ||
	    strspn(api, "0123456789abcdefABCDEF.:[]") != strlen(api))
		return -EINVAL;
	(void)snprintf(place->api, sizeof(place->api), "%s", api);
	return 0;
}

int place_find(struct place *place, const char *run, struct error *error)
{
	const char *variable = getenv("LANRAGE_RUN");
	char path[PATH_MAX];

	*place = (struct place){.run = run};
	if (!run)
		place->run = variable && *variable ? variable : PLACE_RUN_DEFAULT;
	(void)snprintf(path, sizeof(path), "%s/services.json", place->run);
	place->services = json_load_file(path, 0, NULL);
	if (!launcher_lives(place->services))
		return say_not_running(place, error);
	if (place_take_api(place, place->services) < 0)
		return error_set(error, -EINVAL,
				 "%.160s names no address of the API; restart LANrage to have it "
				 "written anew",
				 path);
	return 0;
}

static int say_unreadable(const char *path, int code, struct error *error)
{
	if (code == EACCES)
		return error_set(error, -EACCES,
				 "this user may not use LANrage: say sudo, or join the group once "
				 "with `sudo usermod -aG lanrage $USER` and log in again");
	if (code == ENOENT)
		return error_set(error, -EAGAIN, "LANrage is starting; try again in a few seconds");
	return error_set(error, -code, "cannot read %.160s: %s", path, strerror(code));
}

int place_read_token(struct place *place, struct error *error)
{
	char path[PATH_MAX];
	FILE *file;
	char *line;

	(void)snprintf(path, sizeof(path), "%s/token", place->run);
	file = fopen(path, "re");
	if (!file)
		return say_unreadable(path, errno, error);
	line = fgets(place->token, sizeof(place->token), file);
	(void)fclose(file);
	place->token[line ? strcspn(place->token, "\r\n") : 0] = '\0';
	return *place->token ? 0 : say_unreadable(path, EIO, error);
}

void place_clear(struct place *place)
{
	json_decref(place->services);
	explicit_bzero(place->token, sizeof(place->token));
	place->services = NULL;
}
