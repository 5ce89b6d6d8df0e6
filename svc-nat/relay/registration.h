/* registration.h - the relay's session with its rendezvous server.
 *
 * Challenge -> Login with the relay's own identity -> Welcome -> RelayRegister at once and every
 * 30 s with the load. A lost connection is made again by svc-control/websocket.h with a jittered
 * back-off. The relay works without its server: members it has stay, and tickets signed earlier
 * are good.
 *
 * The key in Welcome signs tickets. Whether it may be trusted is the owner's decision; where it is
 * refused the relay does not register, because members would get tickets that it must refuse.
 */
#ifndef LANRAGE_NAT_RELAY_REGISTRATION_H
#define LANRAGE_NAT_RELAY_REGISTRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "common/loop.h"
#include "svc-control/rendezvous_codec.h"
#include "svc-control/websocket.h"

#define REGISTRATION_INTERVAL_MS 30000
#define REGISTRATION_ANSWER_MS	 10000
#define REGISTRATION_ENDPOINTS	 2

struct registration_config {
	const char *server; /* ws:// or wss:// */
	uint8_t identity_seed[32];
	uint8_t relay_key[RENDEZVOUS_KEY_SIZE];
	uint16_t port;
	size_t n_endpoints; /* 0: the address the connection comes from, with port */
	struct addr endpoints[REGISTRATION_ENDPOINTS];
	char region[RENDEZVOUS_REGION_MAX];
};

struct registration_ops {
	/* 0, or a negative errno to refuse the server's ticket key. */
	int (*ticket_key)(void *data, const uint8_t key[RENDEZVOUS_KEY_SIZE]);
	/* Pushed after each registration and when somebody is removed from a party. */
	void (*revoked)(void *data, const struct rendezvous_revocation *revocations, size_t n);
	void (*load)(void *data, uint32_t *permille, uint32_t *members);
};

struct registration;
/* config is copied; loop, websocket, ops and data are borrowed. -EINVAL for a bad URL, with words.
 */
int registration_new(struct registration **registration, struct loop *loop,
		     struct websocket *websocket, const struct registration_config *config,
		     const struct registration_ops *ops, void *data, struct error *error);
/* NULL is fine. */
void registration_free(struct registration *registration);
void registration_start(struct registration *registration);
/* Tells the server that members should go elsewhere. False when it cannot be told; else
 * registration_drained() becomes true once it has answered. */
bool registration_drain(struct registration *registration);
bool registration_drained(const struct registration *registration);

#endif
