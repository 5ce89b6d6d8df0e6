/* service.h - a rendezvous server as one object on a loop.
 *
 * lanrage-server is this and a command line. svc-control's local mode is this inside of another
 * process: the same engine and protocol. State is kept below one directory, which the caller has
 * made and locked.
 */
#ifndef LANRAGE_SERVER_SERVICE_H
#define LANRAGE_SERVER_SERVICE_H

#include "common/config.h"
#include "common/error.h"
#include "common/loop.h"
#include "svc-control/rendezvous_codec.h"
#include "svc-control/websocket.h"

#define SERVER_DEFAULT_PORT 3478

/* Every key of the server's configuration file; the program refuses a file with any other. */
extern const char *const server_config_keys[];

struct server;

struct server_options {
	struct addr listen; /* an unspecified address stands for both families */
	const char *state;  /* directory */
	/* may be NULL; borrowed for the server's life */
	const struct config *config;
};

/* A party that met elsewhere before: at a host that left, or at a server that is no more. */
struct server_party {
	uint8_t id[RENDEZVOUS_PARTY_ID_SIZE];
	uint8_t host[RENDEZVOUS_KEY_SIZE];
	struct addr_prefix prefix;
	uint32_t generation;
	size_t n_records; /* of generations, in order, the last one is `generation` */
	const struct rendezvous_generation *records;
	size_t n_members; /* present ones; leases as they have them, sealed may be empty */
	const struct rendezvous_member *members;
};

/* loop and websocket are borrowed. */
int server_new(struct server **server, struct loop *loop, struct websocket *websocket,
	       const struct server_options *options, struct error *error);
/* Makes the party known with its leases, unless it is known already (0, and nothing changes). For
 * local mode, whose callers are the party's host. -EINVAL: leases that contradict each other. */
int server_adopt(struct server *server, const struct server_party *party);
/* Closes everything without a word to the clients. NULL is fine. */
void server_free(struct server *server);

#endif
