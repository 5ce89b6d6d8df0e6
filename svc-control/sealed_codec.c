#include "svc-control/sealed_codec.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "common/pb.h"
#include "common/text.h"
#include "control.pb-c.h"

#define BUDGET (64u << 10) /* thirty-two candidates take eight */

static bool take_name(const char *text, char *out, size_t size)
{
	if (!text || !text_is_name(text, size))
		return false;
	strcpy(out, text);
	return true;
}

ssize_t sealed_secret_pack(const struct invite_secret *secret, uint8_t *bytes, size_t size)
{
	Lanrage__Control__InviteSecret message = LANRAGE__CONTROL__INVITE_SECRET__INIT;

	message.party_id = pb_view(secret->party_id, sizeof(secret->party_id));
	message.party_name = pb_view_text(secret->party_name);
	message.party_key = pb_view(secret->party_key, 32);
	message.generation = secret->proof.generation;
	message.host = pb_view(secret->host, 32);
	message.beacon_key = pb_view(secret->beacon_key, 32);
	message.seed = pb_view(secret->seed, 32);
	message.expires_s = secret->proof.expires_s;
	message.uses = secret->proof.uses;
	message.host_signature = pb_view(secret->proof.host_signature, 64);
	message.prefix_ip = pb_view(secret->prefix.addr.ip, 4);
	message.prefix_length = secret->prefix.length;
	message.prefix_signature = pb_view(secret->prefix_signature, 64);
	return pb_pack_into(&message.base, bytes, size);
}

static bool take_prefix(struct addr_prefix *prefix, const ProtobufCBinaryData *ip, uint32_t length)
{
	uint32_t value;

	if (ip->len != 4 || length < 8 || length > 30 ||
	    addr_from_bytes(&prefix->addr, ip->data, 4, 0) < 0)
		return false;
	value = addr_ipv4_value(&prefix->addr);
	prefix->length = (uint8_t)length;
	return (value & (0xffffffffu >> length)) == 0;
}

static bool take_secret(struct invite_secret *secret, const Lanrage__Control__InviteSecret *message)
{
	secret->proof.generation = message->generation;
	secret->proof.expires_s = message->expires_s;
	secret->proof.uses = message->uses;
	return pb_take(&message->party_id, secret->party_id, sizeof(secret->party_id)) &&
	       take_name(message->party_name, secret->party_name, sizeof(secret->party_name)) &&
	       pb_take(&message->party_key, secret->party_key, 32) &&
	       pb_take(&message->host, secret->host, 32) &&
	       pb_take(&message->beacon_key, secret->beacon_key, 32) &&
	       pb_take(&message->seed, secret->seed, 32) &&
	       pb_take(&message->host_signature, secret->proof.host_signature, 64) &&
	       pb_take(&message->prefix_signature, secret->prefix_signature, 64) &&
	       take_prefix(&secret->prefix, &message->prefix_ip, message->prefix_length);
}

int sealed_secret_unpack(struct invite_secret *secret, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__InviteSecret *message = pb_unpack(
		&memory, BUDGET, &lanrage__control__invite_secret__descriptor, bytes, length);
	uint8_t secret_key[64];
	bool good;

	memset(secret, 0, sizeof(*secret));
	good = message && take_secret(secret, message);
	pb_free(&memory);
	if (!good) {
		sodium_memzero(secret, sizeof(*secret));
		return -EBADMSG;
	}
	/* the invite's key is not sent: the seed gives it */
	crypto_sign_seed_keypair(secret->proof.invite_key, secret_key, secret->seed);
	sodium_memzero(secret_key, sizeof(secret_key));
	return 0;
}

static void proof_view(const struct invite_proof *proof, Lanrage__Control__InviteProof *message)
{
	lanrage__control__invite_proof__init(message);
	message->invite_key = pb_view(proof->invite_key, 32);
	message->generation = proof->generation;
	message->expires_s = proof->expires_s;
	message->uses = proof->uses;
	message->host_signature = pb_view(proof->host_signature, 64);
	message->invite_signature = pb_view(proof->invite_signature, 64);
}

struct distance_views {
	Lanrage__Control__Distance messages[NAT_RELAYS_MAX];
	Lanrage__Control__Distance *list[NAT_RELAYS_MAX];
};

static void distances_view(const struct announcement *announcement, struct distance_views *views)
{
	for (size_t i = 0; i < announcement->n_distances; i++) {
		const struct nat_distance *distance = &announcement->distances[i];

		lanrage__control__distance__init(&views->messages[i]);
		views->messages[i].relay = pb_view(distance->relay, NAT_RELAY_ID_SIZE);
		views->messages[i].rtt_ms = distance->rtt_ms;
		views->list[i] = &views->messages[i];
	}
}

ssize_t sealed_announcement_pack(const struct announcement *announcement, uint8_t *bytes,
				 size_t size)
{
	Lanrage__Control__Announcement message = LANRAGE__CONTROL__ANNOUNCEMENT__INIT;
	Lanrage__Control__Candidate candidates[DATAPLANE_CANDIDATES_MAX];
	Lanrage__Control__Candidate *candidate_list[DATAPLANE_CANDIDATES_MAX];
	ProtobufCBinaryData relays[NAT_MEMBER_RELAYS_MAX];
	struct distance_views distances;
	Lanrage__Control__InviteProof proof;

	message.party_id = pb_view(announcement->party_id, sizeof(announcement->party_id));
	message.generation = announcement->generation;
	message.sequence = announcement->sequence;
	message.expires_s = announcement->expires_s;
	message.identity = pb_view(announcement->identity, 32);
	message.wireguard_key = pb_view(announcement->wireguard_key, 32);
	message.name = pb_view_text(announcement->name);
	message.backend = announcement->backend;
	message.number = announcement->number;
	message.address = pb_view(announcement->address.ip, addr_ip_length(&announcement->address));
	message.lease = announcement->lease;
	message.mapping = announcement->mapping;
	message.filtering = announcement->filtering;
	for (size_t i = 0; i < announcement->n_candidates; i++) {
		const struct nat_candidate *candidate = &announcement->candidates[i];

		lanrage__control__candidate__init(&candidates[i]);
		candidates[i].ip =
			pb_view(candidate->address.ip, addr_ip_length(&candidate->address));
		candidates[i].port = candidate->address.port;
		candidates[i].kind = candidate->kind;
		candidate_list[i] = &candidates[i];
	}
	message.n_candidates = announcement->n_candidates;
	message.candidates = candidate_list;
	for (size_t i = 0; i < announcement->n_relays; i++)
		relays[i] = pb_view(announcement->relays[i], DATAPLANE_KEY_SIZE);
	message.n_relays = announcement->n_relays;
	message.relays = relays;
	distances_view(announcement, &distances);
	message.n_distances = announcement->n_distances;
	message.distances = distances.list;
	if (announcement->has_proof) {
		proof_view(&announcement->proof, &proof);
		message.proof = &proof;
	}
	if (announcement->has_voucher)
		message.voucher = pb_view(announcement->voucher, sizeof(announcement->voucher));
	message.shared = pb_view(announcement->shared, announcement->shared_length);
	message.left = announcement->left;
	return pb_pack_into(&message.base, bytes, size);
}

/* The neighbours refuse a whole party for one key of zeros. */
static bool take_key(const ProtobufCBinaryData *data, uint8_t key[DATAPLANE_KEY_SIZE])
{
	return pb_take(data, key, DATAPLANE_KEY_SIZE) && !sodium_is_zero(key, DATAPLANE_KEY_SIZE);
}

static bool take_candidates(struct announcement *announcement,
			    const Lanrage__Control__Announcement *message)
{
	if (message->n_candidates > DATAPLANE_CANDIDATES_MAX)
		return false;
	for (size_t i = 0; i < message->n_candidates; i++) {
		const Lanrage__Control__Candidate *from = message->candidates[i];
		struct nat_candidate *to = &announcement->candidates[i];

		if (from->port == 0 || from->port > UINT16_MAX ||
		    from->kind >= NAT_CANDIDATE_KINDS ||
		    addr_from_bytes(&to->address, from->ip.data, from->ip.len,
				    (uint16_t)from->port) < 0 ||
		    !addr_is_sendable(&to->address))
			return false;
		to->kind = (enum nat_candidate_kind)from->kind;
	}
	announcement->n_candidates = message->n_candidates;
	return true;
}

static bool take_relays(struct announcement *announcement,
			const Lanrage__Control__Announcement *message)
{
	if (message->n_relays > NAT_MEMBER_RELAYS_MAX)
		return false;
	for (size_t i = 0; i < message->n_relays; i++)
		if (!take_key(&message->relays[i], announcement->relays[i]))
			return false;
	announcement->n_relays = message->n_relays;
	return true;
}

static bool take_distances(struct announcement *announcement,
			   const Lanrage__Control__Announcement *message)
{
	if (message->n_distances > NAT_RELAYS_MAX)
		return false;
	for (size_t i = 0; i < message->n_distances; i++) {
		const Lanrage__Control__Distance *from = message->distances[i];
		struct nat_distance *to = &announcement->distances[i];

		if (!pb_take(&from->relay, to->relay, NAT_RELAY_ID_SIZE) ||
		    from->rtt_ms > NAT_DISTANCE_MAX_MS)
			return false;
		to->rtt_ms = (uint16_t)from->rtt_ms;
	}
	announcement->n_distances = message->n_distances;
	return true;
}

static bool take_proof(struct invite_proof *proof, const Lanrage__Control__InviteProof *message)
{
	proof->generation = message->generation;
	proof->expires_s = message->expires_s;
	proof->uses = message->uses;
	return pb_take(&message->invite_key, proof->invite_key, 32) &&
	       pb_take(&message->host_signature, proof->host_signature, 64) &&
	       pb_take(&message->invite_signature, proof->invite_signature, 64);
}

static bool take_numbers(struct announcement *announcement,
			 const Lanrage__Control__Announcement *message)
{
	if (message->number == 0 || message->number > UINT16_MAX ||
	    message->backend >= DATAPLANE_BACKEND_COUNT || message->mapping >= NAT_BEHAVIOURS ||
	    message->filtering >= NAT_BEHAVIOURS ||
	    addr_from_bytes(&announcement->address, message->address.data, message->address.len,
			    0) < 0 ||
	    announcement->address.family != ADDR_IPV4)
		return false;
	announcement->generation = message->generation;
	announcement->sequence = message->sequence;
	announcement->expires_s = message->expires_s;
	announcement->number = (uint16_t)message->number;
	announcement->lease = message->lease;
	announcement->backend = (enum dataplane_backend)message->backend;
	announcement->mapping = (enum nat_behaviour)message->mapping;
	announcement->filtering = (enum nat_behaviour)message->filtering;
	return true;
}

static bool take_voucher(struct announcement *announcement,
			 const Lanrage__Control__Announcement *message)
{
	announcement->has_voucher = message->voucher.len > 0;
	return !announcement->has_voucher ||
	       (!message->proof &&
		pb_take(&message->voucher, announcement->voucher, sizeof(announcement->voucher)));
}

static bool take_announcement(struct announcement *announcement,
			      const Lanrage__Control__Announcement *message)
{
	announcement->has_proof = message->proof != NULL;
	announcement->left = message->left;
	if (message->shared.len > sizeof(announcement->shared))
		return false;
	announcement->shared_length = message->shared.len;
	return pb_take(&message->party_id, announcement->party_id,
		       sizeof(announcement->party_id)) &&
	       pb_take(&message->identity, announcement->identity, 32) &&
	       take_key(&message->wireguard_key, announcement->wireguard_key) &&
	       take_name(message->name, announcement->name, sizeof(announcement->name)) &&
	       take_numbers(announcement, message) && take_candidates(announcement, message) &&
	       take_relays(announcement, message) && take_distances(announcement, message) &&
	       take_voucher(announcement, message) &&
	       pb_take(&message->shared, announcement->shared, message->shared.len) &&
	       (!message->proof || take_proof(&announcement->proof, message->proof));
}

int sealed_announcement_unpack(struct announcement *announcement, const uint8_t *bytes,
			       size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Announcement *message = pb_unpack(
		&memory, BUDGET, &lanrage__control__announcement__descriptor, bytes, length);
	bool good;

	memset(announcement, 0, sizeof(*announcement));
	good = message && take_announcement(announcement, message);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t sealed_proof_pack(const struct invite_proof *proof, uint8_t *bytes, size_t size)
{
	Lanrage__Control__InviteProof message;

	proof_view(proof, &message);
	return pb_pack_into(&message.base, bytes, size);
}

int sealed_proof_unpack(struct invite_proof *proof, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__InviteProof *message = pb_unpack(
		&memory, BUDGET, &lanrage__control__invite_proof__descriptor, bytes, length);
	bool good;

	memset(proof, 0, sizeof(*proof));
	good = message && take_proof(proof, message);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t sealed_signed_pack(const uint8_t *payload, size_t payload_length,
			   const uint8_t signature[64], uint8_t *bytes, size_t size)
{
	Lanrage__Control__Signed message = LANRAGE__CONTROL__SIGNED__INIT;

	message.payload = pb_view(payload, payload_length);
	message.signature = pb_view(signature, 64);
	return pb_pack_into(&message.base, bytes, size);
}

int sealed_signed_unpack(uint8_t *payload, size_t size, size_t *payload_length,
			 uint8_t signature[64], const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Signed *message =
		pb_unpack(&memory, BUDGET, &lanrage__control__signed__descriptor, bytes, length);
	bool good;

	good = message && message->payload.len <= size &&
	       pb_take(&message->payload, payload, message->payload.len) &&
	       pb_take(&message->signature, signature, 64);
	*payload_length = good ? message->payload.len : 0;
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}
