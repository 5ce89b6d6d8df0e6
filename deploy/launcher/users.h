/* users.h - the system users and groups of the suite, made where they are missing.
 *
 * Each service has a user and group lanrage-NAME, without shell or home. Group `lanrage`: may read
 * the API's token and the logs. Group `lanrage-ipc`: the services, which go through each other's
 * run directories. Packages create them beforehand; run from a build directory the launcher does.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_USERS_H
#define LANRAGE_DEPLOY_LAUNCHER_USERS_H

#include <sys/types.h>

#include "common/error.h"
#include "common/service.h"

struct users {
	uid_t uid[SERVICE_COUNT];
	gid_t gid[SERVICE_COUNT];
	gid_t token_gid; /* lanrage */
	gid_t ipc_gid;	 /* lanrage-ipc */
};

/* Looks all of them up; creates what is missing by useradd(8) and groupadd(8). Launchers that start
 * at the same moment wait for each other. Blocks for as long as those programs take. */
int users_ensure(struct users *users, struct error *error);

#endif
