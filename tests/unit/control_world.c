#include "tests/unit/control_world.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void world_path(const struct world *world, const char *name, char path[128])
{
	assert_in_range(snprintf(path, 128, "%s/%s", world->directory, name), 1, 127);
}

void person_init(struct person *person, const struct world *world, const char *name,
		 uint16_t number)
{
	struct error error;
	char path[128], file[32];

	memset(person, 0, sizeof(*person));
	snprintf(file, sizeof(file), "identity-%u", number);
	world_path(world, file, path);
	assert_int_equal(keyholder_start(&person->keyholder, path, 1, &error), 0);
	snprintf(person->name, sizeof(person->name), "%s", name);
	randombytes_buf(person->wireguard_key, sizeof(person->wireguard_key));
	person->number = number;
	person->lease = number;
	person->address = addr_ipv4(0x0a420000u + number, 0);
}

void person_accept(struct person *person, const struct world *world)
{
	person->has_proof = true;
	invite_use(&person->proof, &world->secret, person->keyholder.identity,
		   person->wireguard_key);
}

void person_join(struct person *person, const struct world *world, const char *name,
		 uint16_t number)
{
	person_init(person, world, name, number);
	person_accept(person, world);
}

void person_deinit(struct person *person)
{
	keyholder_stop(&person->keyholder);
}

static void world_make_party(struct world *world)
{
	struct invite_secret *secret = &world->secret;

	randombytes_buf(world->trust.party_id, sizeof(world->trust.party_id));
	randombytes_buf(world->trust.party_key, sizeof(world->trust.party_key));
	world->trust.generation = 1;
	world->trust.has_key = true;
	memcpy(world->trust.host, world->host.keyholder.identity, 32);
	memcpy(world->trust.signer, world->host.keyholder.identity, 32);
	memcpy(secret->party_id, world->trust.party_id, sizeof(secret->party_id));
	memcpy(secret->party_key, world->trust.party_key, 32);
	memcpy(secret->host, world->trust.host, 32);
	strcpy(secret->party_name, "friday");
	assert_int_equal(addr_prefix_parse(&secret->prefix, "10.66.0.0/16"), 0);
	secret->proof.generation = 1;
	assert_int_equal(invite_sign_prefix(secret, &world->host.keyholder), 0);
	assert_int_equal(invite_make(secret, &world->host.keyholder, WORLD_NOW_S + 3600, 0), 0);
}

struct database_party person_record(const struct person *person, const struct world *world)
{
	struct database_party record = {.trust = world->trust,
					.prefix = world->secret.prefix,
					.has_proof = person->has_proof,
					.proof = person->proof};

	strcpy(record.name, world->secret.party_name);
	memcpy(record.own_name, person->name, sizeof(record.own_name));
	strcpy(record.server_url, "ws://198.51.100.7:8667");
	return record;
}

void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	strcpy(world->directory, "/tmp/lanrage-world-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	person_init(&world->host, world, "hanna", 1);
	world_make_party(world);
	world->record = person_record(&world->host, world);
}

void world_deinit(struct world *world)
{
	char command[128];

	person_deinit(&world->host);
	snprintf(command, sizeof(command), "rm -rf %s", world->directory);
	assert_int_equal(system(command), 0);
}

struct announcement person_announcement(struct person *person, const struct world *world)
{
	struct announcement announcement = {
		.generation = world->trust.generation,
		.sequence = ++person->sequence,
		.expires_s = WORLD_NOW_S + 86400,
		.number = person->number,
		.address = person->address,
		.lease = person->lease,
		.n_candidates = 1,
		.n_relays = 1,
		.mapping = NAT_ENDPOINT_INDEPENDENT,
		.filtering = NAT_ADDRESS_AND_PORT_DEPENDENT,
		.has_proof = person->has_proof,
		.proof = person->proof,
		.has_voucher = person->has_voucher,
	};

	memcpy(announcement.voucher, person->voucher, sizeof(announcement.voucher));
	memcpy(announcement.party_id, world->trust.party_id, sizeof(announcement.party_id));
	memcpy(announcement.identity, person->keyholder.identity, 32);
	memcpy(announcement.wireguard_key, person->wireguard_key, 32);
	memcpy(announcement.name, person->name, sizeof(announcement.name));
	announcement.candidates[0].address = addr_ipv4(0xc6336400u + person->number % 200u, 5555);
	announcement.candidates[0].kind = NAT_CANDIDATE_STUN;
	memset(announcement.relays[0], 9, DATAPLANE_KEY_SIZE);
	return announcement;
}

void person_seal(const struct person *person, const struct world *world,
		 const struct announcement *announcement, struct rendezvous_bytes *sealed)
{
	uint8_t said[ANNOUNCEMENT_SAID_MAX], bytes[ANNOUNCEMENT_SEALED_MAX];
	ssize_t n = announcement_say(announcement, &person->keyholder, said);
	size_t length;

	assert_true(n > 0);
	length = announcement_seal(&world->trust, said, (size_t)n, bytes);
	free(sealed->bytes);
	assert_int_equal(rendezvous_bytes_set(sealed, bytes, length), 0);
}

void frame_init(struct rendezvous_party *frame, const struct world *world, uint64_t change)
{
	memset(frame, 0, sizeof(*frame));
	memcpy(frame->party_id, world->trust.party_id, sizeof(frame->party_id));
	memcpy(frame->host, world->trust.host, 32);
	frame->prefix = world->secret.prefix;
	frame->generation = world->trust.generation;
	frame->change = change;
}

struct rendezvous_member *frame_add(struct rendezvous_party *frame, const struct person *person)
{
	struct rendezvous_member *member = &frame->members[frame->n_members++];

	assert_true(frame->n_members <= RENDEZVOUS_MEMBERS_PER_FRAME);
	memcpy(member->identity, person->keyholder.identity, 32);
	member->number = person->number;
	member->lease = person->lease;
	member->address = person->address;
	memcpy(member->wireguard_key, person->wireguard_key, 32);
	member->online = true;
	member->change = frame->change;
	return member;
}

struct rendezvous_member *frame_announce(struct rendezvous_party *frame, struct person *person,
					 const struct world *world)
{
	struct rendezvous_member *member = frame_add(frame, person);
	struct announcement announcement = person_announcement(person, world);

	person_seal(person, world, &announcement, &member->sealed);
	return member;
}

void frame_clear(struct rendezvous_party *frame)
{
	for (size_t i = 0; i < frame->n_members; i++)
		free(frame->members[i].sealed.bytes);
	frame->n_members = 0;
}
