#include "svc-api/cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t came;

static void note(int number)
{
	(void)number;
	came = 1;
}

void interrupt_catch(void)
{
	struct sigaction action = {.sa_handler = note};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

bool interrupt_came(void)
{
	return came;
}

bool interrupt_sleep(uint32_t ms)
{
	return interrupt_wait(-1, ms);
}

bool interrupt_wait(int fd, uint32_t ms)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	sigset_t caught, before;
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	/* One that comes between the look and the sleep would be slept over. */
	(void)sigemptyset(&caught);
	(void)sigaddset(&caught, SIGINT);
	(void)sigaddset(&caught, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &caught, &before);
	if (!came)
		(void)ppoll(&readable, 1, &time, &before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return !came;
}
