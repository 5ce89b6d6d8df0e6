#include "deploy/launcher/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "deploy/launcher/roster.h"

#define STOP_GRACE_US	(3 * CLOCK_SECOND)
#define STOP_STAGGER_US (500 * CLOCK_MS)

/* ---- state ---- */

/* The one place where a service's state changes. */
static void transition(struct supervisor *supervisor, int id, enum status_state state,
		       const char *why)
{
	struct status_service *status = &supervisor->status.services[id];
	struct supervised *service = &supervisor->services[id];
	char line[256];

	snprintf(line, sizeof(line), "service %s: %s -> %s: %s", roster[id].name,
		 launcher_status_state_name(status->state), launcher_status_state_name(state), why);
	/* An end that nobody asked for is what an administrator looks for. */
	bool bad = state == STATUS_BACKOFF && !service->asked;
	log_write(bad ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s", line);
	journal_note(&service->journal, line);
	status->state = state;
	status->pid = service->pid;
	supervisor->changed = true;
}

static void write_status(struct supervisor *supervisor)
{
	char text[STATUS_TEXT_MAX];
	static struct log_limit limit;

	int length = launcher_status_format(&supervisor->status, text, sizeof(text));
	int r = length < 0 ? length
			   : folders_write(supervisor->folders->run_fd, "services.json", text,
					   (size_t)length, 0644, 0);
	if (r != 0 && log_limit_pass(&limit, clock_now_us(), 10 * CLOCK_SECOND))
		log_err("services.json: cannot be written: %s", strerror(-r));
	supervisor->changed = false;
}

/* ---- starting ---- */

static void begin_backoff(struct supervisor *supervisor, int id, const char *words,
			  uint64_t lived_us)
{
	struct supervised *service = &supervisor->services[id];
	struct status_service *status = &supervisor->status.services[id];
	uint64_t now_us = clock_now_us();
	char why[192];

	uint64_t delay_us = service->asked ? 0 : launcher_backoff_next(&service->backoff, lived_us);
	snprintf(status->last_exit, sizeof(status->last_exit), "%s", words);
	if (delay_us == 0)
		snprintf(why, sizeof(why), "%s; starts again at once", words);
	else
		snprintf(why, sizeof(why), "%s; starts again in %.1f s", words,
			 (double)delay_us / (double)CLOCK_SECOND);
	service->due_us = now_us + delay_us;
	transition(supervisor, id, STATUS_BACKOFF, why);
	service->asked = false;
}

static void start(struct supervisor *supervisor, int id)
{
	struct supervised *service = &supervisor->services[id];
	struct status_service *status = &supervisor->status.services[id];
	struct error error = {0};
	char why[64];
	int output = -1;

	if (service->started)
		status->restarts++;
	service->started = true;
	int r = journal_attach(&service->journal, &output);
	if (r == 0) {
		r = process_start(supervisor->common, (enum service_id)id, output, &service->pid,
				  &error);
		close(output);
	} else {
		error_set(&error, r, "cannot make a pipe: %s", strerror(-r));
	}
	if (r != 0) {
		service->pid = 0;
		journal_detach(&service->journal);
		log_err("service %s: %s", roster[id].name, error.text);
		journal_note(&service->journal, error.text);
		begin_backoff(supervisor, id, "could not be started", 0);
		return;
	}
	status->started_at_us = clock_now_us();
	snprintf(why, sizeof(why), "process %ld", (long)service->pid);
	transition(supervisor, id, STATUS_RUNNING, why);
}

static void start_due(struct supervisor *supervisor, uint64_t now_us)
{
	for (int id = 0; id < SERVICE_COUNT; id++) {
		enum status_state state = supervisor->status.services[id].state;
		if (state == STATUS_STARTING ||
		    (state == STATUS_BACKOFF && now_us >= supervisor->services[id].due_us))
			start(supervisor, id);
	}
}

/* ---- ending ---- */

static void terminate(struct supervised *service, uint64_t now_us)
{
	if (service->kill_us != CLOCK_NEVER)
		return; /* has had it; a second one brings the end no nearer */
	kill(service->pid, SIGTERM);
	service->kill_us = now_us + STOP_GRACE_US;
}

/* Those that did not heed SIGTERM. */
static void kill_overdue(struct supervisor *supervisor, uint64_t now_us)
{
	for (int id = 0; id < SERVICE_COUNT; id++) {
		struct supervised *service = &supervisor->services[id];
		if (service->pid == 0 || now_us < service->kill_us)
			continue;
		log_warning("service %s: does not stop: killed", roster[id].name);
		kill(service->pid, SIGKILL);
		service->kill_us = now_us + STOP_GRACE_US;
	}
}

static void ended(struct supervisor *supervisor, int id, const siginfo_t *info)
{
	struct supervised *service = &supervisor->services[id];
	struct status_service *status = &supervisor->status.services[id];
	char words[STATUS_WORDS_MAX];

	launcher_status_exit_words(info->si_code, info->si_status, words);
	journal_detach(&service->journal);
	service->pid = 0;
	service->kill_us = CLOCK_NEVER;
	if (supervisor->stopping) {
		snprintf(status->last_exit, sizeof(status->last_exit), "%s", words);
		transition(supervisor, id, STATUS_STOPPED, words);
	} else {
		begin_backoff(supervisor, id, words, clock_now_us() - status->started_at_us);
	}
}

/* Looks before it reaps: as long as the process is a zombie, its number, and so its group's, is
 * nobody else's. */
static void reap(struct supervisor *supervisor)
{
	for (int id = 0; id < SERVICE_COUNT; id++) {
		pid_t pid = supervisor->services[id].pid;
		siginfo_t info = {0};
		if (pid == 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0)
			continue;
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ended(supervisor, id, &info);
	}
}

static void begin_stop(struct supervisor *supervisor, const char *signal_name)
{
	if (supervisor->stopping)
		return;
	log_notice("stopping: %s", signal_name);
	supervisor->stopping = true;
	supervisor->stop_next = SERVICE_COUNT - 1;
	supervisor->stop_next_us = 0;
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (supervisor->services[id].pid == 0)
			transition(supervisor, id, STATUS_STOPPED, "lanraged is stopping");
}

/* Passes the turn on as far as it goes now. */
static void step_stop(struct supervisor *supervisor, uint64_t now_us)
{
	while (supervisor->stop_next >= 0) {
		struct supervised *service = &supervisor->services[supervisor->stop_next];
		if (service->pid != 0 && service->kill_us == CLOCK_NEVER)
			supervisor->stop_next_us = now_us + STOP_STAGGER_US;
		if (service->pid != 0) {
			terminate(service, now_us);
			if (now_us < supervisor->stop_next_us)
				return;
		}
		supervisor->stop_next--;
	}
}

static bool all_ended(const struct supervisor *supervisor)
{
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (supervisor->services[id].pid != 0)
			return false;
	return true;
}

/* ---- requests ---- */

static int restart(void *data, enum service_id id, struct error *error)
{
	struct supervisor *supervisor = data;
	struct supervised *service = &supervisor->services[id];

	if (supervisor->stopping)
		return error_set(error, -ESHUTDOWN, "lanraged is stopping");
	log_notice("service %s: restart asked for", roster[id].name);
	service->backoff.step = 0;
	if (service->pid == 0) {
		service->due_us = 0;
		return 0;
	}
	service->asked = true;
	terminate(service, clock_now_us());
	return 0;
}

/* ---- the loop ---- */

static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

int supervise_signals(void)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(handled_signals) / sizeof(handled_signals[0]); i++)
		sigaddset(&set, handled_signals[i]);
	/* nohup(1) has our parent ask to survive the terminal. */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
		sigdelset(&set, SIGHUP);
	/* An ignored SIGCHLD would have the kernel reap for us. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;
	bool child = false;

	while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			child = true;
		else if (info.ssi_signo == SIGTERM)
			begin_stop(supervisor, "SIGTERM");
		else
			begin_stop(supervisor, info.ssi_signo == SIGINT ? "SIGINT" : "SIGHUP");
	}
	if (child)
		reap(supervisor);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Milliseconds for poll(), rounded up. */
static int time_to_wait(const struct supervisor *supervisor, uint64_t now_us)
{
	uint64_t next_us = clients_next_us(&supervisor->clients);

	if (supervisor->stopping && supervisor->stop_next >= 0)
		next_us = earlier(next_us, supervisor->stop_next_us);
	for (int id = 0; id < SERVICE_COUNT; id++) {
		const struct supervised *service = &supervisor->services[id];
		if (service->pid != 0)
			next_us = earlier(next_us, service->kill_us);
		else if (supervisor->status.services[id].state == STATUS_BACKOFF)
			next_us = earlier(next_us, service->due_us);
	}
	if (next_us == CLOCK_NEVER)
		return -1;
	uint64_t wait_ms = next_us <= now_us ? 0 : (next_us - now_us + CLOCK_MS - 1) / CLOCK_MS;
	return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

static void wait_and_serve(struct supervisor *supervisor)
{
	struct pollfd fds[1 + SERVICE_COUNT + CLIENTS_POLLFDS];
	struct pollfd *journals = &fds[1], *clients = &fds[1 + SERVICE_COUNT];

	fds[0] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
	for (int id = 0; id < SERVICE_COUNT; id++)
		journals[id] = (struct pollfd){.fd = supervisor->services[id].journal.pipe,
					       .events = POLLIN};
	clients_poll(&supervisor->clients, clients);
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), time_to_wait(supervisor, clock_now_us())) < 0)
		return;
	/* Lines before ends, so that a last word is not read from a pipe that is gone. */
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (journals[id].revents != 0)
			journal_move(&supervisor->services[id].journal);
	clients_serve(&supervisor->clients, clients, clock_now_us());
	if (fds[0].revents != 0)
		take_signals(supervisor);
}

int supervise_init(struct supervisor *supervisor, int signals, const struct settings *settings,
		   const struct folders *folders, const struct process_common *common,
		   struct error *error)
{
	bool echo = getenv("LANRAGE_VERBOSE") != NULL;
	int r = 0;

	*supervisor = (struct supervisor){
		.folders = folders, .common = common, .signals = signals, .stop_next = -1};
	supervisor->clients.listener = -1;
	supervisor->status.launcher_pid = getpid();
	supervisor->status.launcher_wall_us = clock_wall_us();
	snprintf(supervisor->status.api, sizeof(supervisor->status.api), "%s", settings->api);
	for (int id = 0; id < SERVICE_COUNT; id++) {
		supervisor->services[id].kill_us = CLOCK_NEVER;
		supervisor->services[id].journal.file = supervisor->services[id].journal.pipe = -1;
	}
	for (int id = 0; r == 0 && id < SERVICE_COUNT; id++)
		r = journal_open(&supervisor->services[id].journal, folders->logs_fd,
				 roster[id].name, common->users->token_gid, echo, error);
	if (r == 0)
		r = clients_open(&supervisor->clients, folders, common->users, restart, supervisor,
				 error);
	if (r != 0)
		supervise_deinit(supervisor);
	return r;
}

void supervise_run(struct supervisor *supervisor)
{
	write_status(supervisor);
	take_signals(supervisor); /* told to stop before anything runs? */
	while (!supervisor->stopping || !all_ended(supervisor)) {
		uint64_t now_us = clock_now_us();
		if (supervisor->stopping)
			step_stop(supervisor, now_us);
		else
			start_due(supervisor, now_us);
		kill_overdue(supervisor, now_us);
		if (supervisor->changed)
			write_status(supervisor);
		wait_and_serve(supervisor);
	}
}

void supervise_deinit(struct supervisor *supervisor)
{
	clients_close(&supervisor->clients);
	for (int id = 0; id < SERVICE_COUNT; id++)
		journal_close(&supervisor->services[id].journal);
}
