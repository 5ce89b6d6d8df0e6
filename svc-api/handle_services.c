/* handle_services.c - starting one service again, which the launcher does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "svc-api/handlers.h"
#include "svc-api/routes.h"

#define LAUNCHER_WAIT_S 2
#define ANSWER_MAX	256

/* Asks at RUN/launcher.sock (deploy/launcher/request.h). Returns the answer's length, or a negative
 * errno. */
static ssize_t ask_launcher(const char *run, const char *question, char answer[ANSWER_MAX])
{
	struct timeval wait = {.tv_sec = LAUNCHER_WAIT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/launcher.sock", run) >=
	    (int)sizeof(address.sun_path))
		errno = ENAMETOOLONG;
	else if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		 send(fd, question, strlen(question), MSG_NOSIGNAL) >= 0)
		n = recv(fd, answer, ANSWER_MAX - 1, 0);
	n = n < 0 ? -errno : n;
	close(fd);
	if (n >= 0)
		answer[n] = '\0';
	return n;
}

static bool is_service(const char *name)
{
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		if (strcmp(service_names[i], name) == 0)
			return true;
	return false;
}

/* The answer comes before the API itself goes, where it is the one. */
void handle_restart(const struct request *request, struct reply *reply)
{
	char question[64], answer[ANSWER_MAX];
	ssize_t n;

	if (!is_service(request->parameter)) {
		reply_error(reply, 404, "not_found",
			    "there is no such service; they are dataplane, nat, control, metrics, "
			    "browser and api");
		return;
	}
	(void)snprintf(question, sizeof(question), "restart %s", request->parameter);
	n = ask_launcher(request->api->service->run, question, answer);
	if (n < 0)
		reply_error(reply, 503, "no_launcher",
			    "the launcher does not answer (%s); under another supervisor, use that "
			    "to restart a service",
			    strerror((int)-n));
	else if (strcmp(answer, "ok") != 0)
		reply_error(reply, 409, "busy", "the launcher: %s; try again in a few seconds",
			    answer);
	else
		reply_json(reply, 202, json_pack("{s:s}", "service", request->parameter));
}
