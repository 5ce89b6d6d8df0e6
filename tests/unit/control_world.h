/* control_world.h - a party to test with: a host, people it invited, what they and the server say.
 *
 * Everything is real (key holders, signatures, seals, the database) but the server, whose words are
 * made here. Everything lives in one temporary directory.
 */
#ifndef LANRAGE_TESTS_CONTROL_WORLD_H
#define LANRAGE_TESTS_CONTROL_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "svc-control/announcement.h"
#include "svc-control/database.h"
#include "svc-control/invite.h"
#include "svc-control/keyholder.h"
#include "svc-control/rendezvous_codec.h"

#define WORLD_NOW_S 1800000000u

/* Somebody with an identity, as the server and the others see it. */
struct person {
	struct keyholder keyholder;
	char name[CONTROL_NAME_MAX];
	uint8_t wireguard_key[32];
	uint16_t number; /* also the last part of the address, and the lease */
	uint32_t lease;
	struct addr address;
	bool has_proof;
	struct invite_proof proof;
	bool has_voucher;
	uint8_t voucher[64];
	uint64_t sequence; /* of the latest announcement */
};

struct world {
	char directory[64];
	struct person host;
	struct announcement_trust trust;
	struct invite_secret secret;  /* an invite of any number of uses */
	struct database_party record; /* as the host holds it */
};

/* Makes the directory, the host (number 1) and the party 10.66.0.0/16. */
void world_init(struct world *world);
void world_deinit(struct world *world);
/* A path in the directory. */
void world_path(const struct world *world, const char *name, char path[128]);

/* An identity; its key holder runs until person_deinit(). */
void person_init(struct person *person, const struct world *world, const char *name,
		 uint16_t number);
/* Uses the world's invite. */
void person_accept(struct person *person, const struct world *world);
/* Both of the above. */
void person_join(struct person *person, const struct world *world, const char *name,
		 uint16_t number);
void person_deinit(struct person *person);
/* The record of a member that joined, for party_enter(). */
struct database_party person_record(const struct person *person, const struct world *world);

/* What a person would announce next; the sequence goes up. */
struct announcement person_announcement(struct person *person, const struct world *world);
/* Seals it into *sealed (malloc'd). */
void person_seal(const struct person *person, const struct world *world,
		 const struct announcement *announcement, struct rendezvous_bytes *sealed);

/* A frame of the server about the world's party. */
void frame_init(struct rendezvous_party *frame, const struct world *world, uint64_t change);
/* A member that is present, online, with no announcement. Returns it, to be changed. */
struct rendezvous_member *frame_add(struct rendezvous_party *frame, const struct person *person);
/* With its next announcement. */
struct rendezvous_member *frame_announce(struct rendezvous_party *frame, struct person *person,
					 const struct world *world);
void frame_clear(struct rendezvous_party *frame);

#endif
