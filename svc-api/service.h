/* service.h - svc-api put together: the loop with its bus, and the web server beside it. */
#ifndef LANRAGE_API_SERVICE_H
#define LANRAGE_API_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/bucket.h"
#include "common/service.h"
#include "svc-api/auth.h"
#include "svc-api/discord/poster.h"
#include "svc-api/doorman.h"
#include "svc-api/events.h"
#include "svc-api/gather.h"

/* How long after its own start the API says "starting" instead of showing gaps. */
#define API_STARTING_MS 5000

/* What the web server's threads share. */
struct api {
	const struct service *service; /* borrowed */
	struct gather *gather;
	struct doorman *doorman;
	struct events *events;
	struct poster *poster;
	uint64_t started_us;
	pthread_mutex_t mutex; /* of the next three */
	struct auth auth;      /* only auth.login changes */
	struct bucket requests, strangers;
	atomic_uint seen; /* BUS_FROM(...) of every service that has ever answered */
};

/* Runs until SIGTERM. Returns the exit status. */
int api_run(const struct service *service);

#endif
