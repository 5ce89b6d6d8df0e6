#include "svc-control/rendezvous_codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "rendezvous.pb-c.h"

/* protobuf-c's names, short enough to read */
#define CLIENT(name) LANRAGE__RENDEZVOUS__CLIENT_FRAME__BODY_##name
#define SERVER(name) LANRAGE__RENDEZVOUS__SERVER_FRAME__BODY_##name
typedef Lanrage__Rendezvous__ClientFrame client_message;
typedef Lanrage__Rendezvous__ServerFrame server_message;
typedef Lanrage__Rendezvous__Address address_message;
typedef Lanrage__Rendezvous__Member member_message;
typedef Lanrage__Rendezvous__Relay relay_message;

_Static_assert(CLIENT(LOGIN) == RENDEZVOUS_LOGIN + 1 &&
		       CLIENT(MOVE_LEASE) == RENDEZVOUS_MOVE_LEASE + 1,
	       "client types follow the field numbers");
_Static_assert(SERVER(CHALLENGE) == RENDEZVOUS_CHALLENGE + 1 &&
		       SERVER(REVOKED) == RENDEZVOUS_REVOKED + 1,
	       "server types follow the field numbers");

/* ---- unpacking within a budget
 *
 * Two bytes of input can be an empty member, which costs two hundred bytes of memory: what one
 * frame may allocate is bounded, whatever it says. */

#define UNPACK_BUDGET (8 * RENDEZVOUS_FRAME_MAX)

static void *budget_alloc(void *data, size_t size)
{
	size_t *left = data;

	if (size > *left)
		return NULL;
	*left -= size;
	return malloc(size);
}

static void budget_free(void *data, void *pointer)
{
	(void)data;
	free(pointer);
}

/* protobuf_c_message_free_unpacked() with the plain allocator fits budget_alloc's malloc. A frame
 * must be as long as what it means: that refuses NUL bytes inside strings, fields given twice and
 * overlong numbers, but not fields of a later protocol. */
static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
				size_t length)
{
	size_t left = UNPACK_BUDGET;
	ProtobufCAllocator allocator = {
		.alloc = budget_alloc, .free = budget_free, .allocator_data = &left};
	ProtobufCMessage *message;

	if (length == 0 || length > RENDEZVOUS_FRAME_MAX)
		return NULL;
	message = protobuf_c_message_unpack(descriptor, &allocator, length, bytes);
	if (message && protobuf_c_message_get_packed_size(message) != length) {
		protobuf_c_message_free_unpacked(message, NULL);
		return NULL;
	}
	return message;
}

/* ---- fields */

static bool take(const ProtobufCBinaryData *data, uint8_t *out, size_t length)
{
	if (data->len != length)
		return false;
	memcpy(out, data->data, length);
	return true;
}

/* -EBADMSG when longer than max. */
static int take_bytes(const ProtobufCBinaryData *data, struct rendezvous_bytes *out, size_t max)
{
	if (data->len > max)
		return -EBADMSG;
	return rendezvous_bytes_set(out, data->data, data->len);
}

static bool take_text(const char *text, char *out, size_t size)
{
	size_t length = strlen(text);

	if (length >= size || !text_is_clean(text))
		return false;
	memcpy(out, text, length + 1);
	return true;
}

static bool take_address(const address_message *message, struct addr *out)
{
	return message && message->port <= UINT16_MAX &&
	       addr_from_bytes(out, message->ip.data, message->ip.len, (uint16_t)message->port) ==
		       0;
}

static bool take_endpoints(address_message *const *messages, size_t n, struct addr *out,
			   size_t *n_out)
{
	if (n > 2)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!take_address(messages[i], &out[i]) || !addr_is_sendable(&out[i]) ||
		    out[i].port == 0)
			return false;
	*n_out = n;
	return true;
}

static bool take_prefix(const ProtobufCBinaryData *ip, uint32_t length, struct addr_prefix *out)
{
	if (ip->len != 4 || length < 8 || length > 24 ||
	    addr_from_bytes(&out->addr, ip->data, 4, 0) < 0)
		return false;
	out->length = (uint8_t)length;
	return (addr_ipv4_value(&out->addr) & (UINT32_MAX >> length)) == 0;
}

/* Borrowed views for packing: protobuf-c takes non-const pointers but only reads. */
static ProtobufCBinaryData view(const uint8_t *bytes, size_t length)
{
	ProtobufCBinaryData data = {.len = length, .data = (uint8_t *)(uintptr_t)bytes};

	return data;
}

static ProtobufCBinaryData view_bytes(const struct rendezvous_bytes *bytes)
{
	return view(bytes->bytes, bytes->length);
}

static char *view_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void view_address(const struct addr *addr, address_message *message)
{
	lanrage__rendezvous__address__init(message);
	message->ip = view(addr->ip, addr_ip_length(addr));
	message->port = addr->port;
}

/* ---- what a client says */

static bool take_login(struct rendezvous_client_frame *frame,
		       const Lanrage__Rendezvous__Login *message)
{
	frame->login.protocol = message->protocol;
	return take(&message->identity, frame->login.identity, RENDEZVOUS_KEY_SIZE) &&
	       take_text(message->server_address, frame->login.server_address,
			 RENDEZVOUS_ADDRESS_MAX) &&
	       frame->login.server_address[0] &&
	       take(&message->client_nonce, frame->login.client_nonce, RENDEZVOUS_NONCE_SIZE) &&
	       take(&message->signature, frame->login.signature, RENDEZVOUS_SIGNATURE_SIZE);
}

static bool take_party_id(struct rendezvous_client_frame *frame, const ProtobufCBinaryData *id)
{
	return take(id, frame->party_id, RENDEZVOUS_PARTY_ID_SIZE);
}

static bool take_create_party(struct rendezvous_client_frame *frame,
			      const Lanrage__Rendezvous__CreateParty *message)
{
	frame->create_party.generation = message->generation;
	return take_party_id(frame, &message->party_id) &&
	       take_prefix(&message->prefix_ip, message->prefix_length,
			   &frame->create_party.prefix) &&
	       take(&message->wireguard_key, frame->create_party.wireguard_key,
		    RENDEZVOUS_KEY_SIZE);
}

static int take_put_invite(struct rendezvous_client_frame *frame,
			   const Lanrage__Rendezvous__PutInvite *message)
{
	frame->put_invite.expires_s = message->expires_s;
	frame->put_invite.uses = message->uses;
	if (!take_party_id(frame, &message->party_id) ||
	    !take(&message->lookup_id, frame->put_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE) ||
	    !take(&message->invite_key, frame->put_invite.invite_key, RENDEZVOUS_KEY_SIZE) ||
	    message->sealed.len == 0)
		return -EBADMSG;
	return take_bytes(&message->sealed, &frame->put_invite.sealed, RENDEZVOUS_INVITE_MAX);
}

static bool take_join_party(struct rendezvous_client_frame *frame,
			    const Lanrage__Rendezvous__JoinParty *message)
{
	if (!take_party_id(frame, &message->party_id) ||
	    !take(&message->wireguard_key, frame->join_party.wireguard_key, RENDEZVOUS_KEY_SIZE))
		return false;
	if (message->invite_key.len == 0 && message->signature.len == 0)
		return true;
	frame->join_party.has_invite = true;
	return take(&message->invite_key, frame->join_party.invite_key, RENDEZVOUS_KEY_SIZE) &&
	       take(&message->signature, frame->join_party.signature, RENDEZVOUS_SIGNATURE_SIZE);
}

static bool take_relay_register(struct rendezvous_client_frame *frame,
				const Lanrage__Rendezvous__RelayRegister *message)
{
	if (message->port == 0 || message->port > UINT16_MAX || message->load_permille > 1000)
		return false;
	frame->relay_register.port = (uint16_t)message->port;
	frame->relay_register.load_permille = message->load_permille;
	frame->relay_register.members = message->members;
	frame->relay_register.draining = message->draining;
	return take(&message->relay_key, frame->relay_register.relay_key, RENDEZVOUS_KEY_SIZE) &&
	       take_endpoints(message->endpoints, message->n_endpoints,
			      frame->relay_register.endpoints,
			      &frame->relay_register.n_endpoints) &&
	       take_text(message->region, frame->relay_register.region, RENDEZVOUS_REGION_MAX);
}

static int take_announce(struct rendezvous_client_frame *frame,
			 const Lanrage__Rendezvous__Announce *message)
{
	if (!take_party_id(frame, &message->party_id) || message->sealed.len == 0)
		return -EBADMSG;
	return take_bytes(&message->sealed, &frame->announce.sealed, RENDEZVOUS_SEALED_MAX);
}

static bool take_revoke_invite(struct rendezvous_client_frame *frame,
			       const Lanrage__Rendezvous__RevokeInvite *message)
{
	return take_party_id(frame, &message->party_id) &&
	       take(&message->lookup_id, frame->revoke_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE);
}

static bool take_resume(struct rendezvous_client_frame *frame,
			const Lanrage__Rendezvous__Resume *message)
{
	frame->resume.change = message->change;
	frame->resume.generation = message->generation;
	frame->resume.want_share = message->want_share;
	return take_party_id(frame, &message->party_id);
}

static int take_put_shares(struct rendezvous_client_frame *frame,
			   const Lanrage__Rendezvous__PutShares *message)
{
	frame->put_shares.generation = message->generation;
	if (!take_party_id(frame, &message->party_id) ||
	    message->n_shares > RENDEZVOUS_SHARES_PER_FRAME)
		return -EBADMSG;
	frame->put_shares.shares = calloc(message->n_shares + 1, sizeof(*frame->put_shares.shares));
	if (!frame->put_shares.shares)
		return -ENOMEM;
	for (size_t i = 0; i < message->n_shares; i++) {
		const Lanrage__Rendezvous__Share *from = message->shares[i];
		struct rendezvous_share *to = &frame->put_shares.shares[i];

		if (from->number == 0 || from->number > UINT16_MAX ||
		    !take(&from->box, to->box, sizeof(to->box)))
			return -EBADMSG;
		to->number = (uint16_t)from->number;
	}
	frame->put_shares.n_shares = message->n_shares;
	return 0;
}

static bool take_renew(struct rendezvous_client_frame *frame,
		       const Lanrage__Rendezvous__Renew *message)
{
	return take_party_id(frame, &message->party_id) &&
	       rendezvous_generation_unpack(&frame->renew, message->record.data,
					    message->record.len) == 0;
}

static int good(bool ok)
{
	return ok ? 0 : -EBADMSG;
}

static int take_client_body(struct rendezvous_client_frame *frame, const client_message *m)
{
	switch (frame->type) {
	case RENDEZVOUS_LOGIN: return good(take_login(frame, m->login));
	case RENDEZVOUS_CREATE_PARTY: return good(take_create_party(frame, m->create_party));
	case RENDEZVOUS_PUT_INVITE: return take_put_invite(frame, m->put_invite);
	case RENDEZVOUS_GET_INVITE:
		return good(take(&m->get_invite->lookup_id, frame->get_invite.lookup_id,
				 RENDEZVOUS_LOOKUP_SIZE));
	case RENDEZVOUS_REVOKE_INVITE: return good(take_revoke_invite(frame, m->revoke_invite));
	case RENDEZVOUS_JOIN_PARTY: return good(take_join_party(frame, m->join_party));
	case RENDEZVOUS_LEAVE_PARTY: return good(take_party_id(frame, &m->leave_party->party_id));
	case RENDEZVOUS_ANNOUNCE: return take_announce(frame, m->announce);
	case RENDEZVOUS_RESUME: return good(take_resume(frame, m->resume));
	case RENDEZVOUS_GET_TICKETS: return good(take_party_id(frame, &m->get_tickets->party_id));
	case RENDEZVOUS_RELAY_REGISTER: return good(take_relay_register(frame, m->relay_register));
	case RENDEZVOUS_PING: return 0;
	case RENDEZVOUS_PUT_SHARES: return take_put_shares(frame, m->put_shares);
	case RENDEZVOUS_RENEW: return good(take_renew(frame, m->renew));
	case RENDEZVOUS_MOVE_LEASE: return good(take_party_id(frame, &m->move_lease->party_id));
	}
	return -EBADMSG;
}

int rendezvous_client_decode(struct rendezvous_client_frame *frame, const uint8_t *bytes,
			     size_t length)
{
	client_message *message;
	int result = -EBADMSG;

	memset(frame, 0, sizeof(*frame));
	message = (client_message *)unpack(&lanrage__rendezvous__client_frame__descriptor, bytes,
					   length);
	if (!message)
		return -EBADMSG;
	frame->request_id = message->request_id;
	if (message->body_case >= CLIENT(LOGIN) && message->body_case <= CLIENT(MOVE_LEASE)) {
		frame->type = (enum rendezvous_client_type)(message->body_case - 1);
		result = good(message->request_id != 0);
		if (result == 0)
			result = take_client_body(frame, message);
	}
	protobuf_c_message_free_unpacked(&message->base, NULL);
	if (result < 0)
		rendezvous_client_clear(frame);
	return result;
}

static void bytes_clear(struct rendezvous_bytes *bytes)
{
	free(bytes->bytes);
	bytes->bytes = NULL;
	bytes->length = 0;
}

void rendezvous_client_clear(struct rendezvous_client_frame *frame)
{
	if (frame->type == RENDEZVOUS_PUT_INVITE)
		bytes_clear(&frame->put_invite.sealed);
	else if (frame->type == RENDEZVOUS_ANNOUNCE)
		bytes_clear(&frame->announce.sealed);
	else if (frame->type == RENDEZVOUS_PUT_SHARES)
		free(frame->put_shares.shares);
	memset(frame, 0, sizeof(*frame));
}

/* Packs a message whose parts are all borrowed. */
static ssize_t pack(const ProtobufCMessage *message, uint8_t **bytes)
{
	size_t length = protobuf_c_message_get_packed_size(message);

	*bytes = NULL;
	if (length > RENDEZVOUS_FRAME_MAX)
		return -EMSGSIZE;
	*bytes = malloc(length ? length : 1);
	if (!*bytes)
		return -ENOMEM;
	return (ssize_t)protobuf_c_message_pack(message, *bytes);
}

/* One body on the stack of the encoder. */
union client_body {
	Lanrage__Rendezvous__Login login;
	Lanrage__Rendezvous__CreateParty create_party;
	Lanrage__Rendezvous__PutInvite put_invite;
	Lanrage__Rendezvous__GetInvite get_invite;
	Lanrage__Rendezvous__RevokeInvite revoke_invite;
	Lanrage__Rendezvous__JoinParty join_party;
	Lanrage__Rendezvous__LeaveParty leave_party;
	Lanrage__Rendezvous__Announce announce;
	Lanrage__Rendezvous__Resume resume;
	Lanrage__Rendezvous__GetTickets get_tickets;
	struct {
		Lanrage__Rendezvous__RelayRegister message;
		address_message addresses[2];
		address_message *list[2];
	} relay_register;
	Lanrage__Rendezvous__Ping ping;
	struct {
		Lanrage__Rendezvous__PutShares message;
		Lanrage__Rendezvous__Share shares[RENDEZVOUS_SHARES_PER_FRAME];
		Lanrage__Rendezvous__Share *list[RENDEZVOUS_SHARES_PER_FRAME];
	} put_shares;
	struct {
		Lanrage__Rendezvous__Renew message;
		uint8_t record[RENDEZVOUS_RECORD_SIZE];
	} renew;
	Lanrage__Rendezvous__MoveLease move_lease;
};

static void view_login(const struct rendezvous_client_frame *frame,
		       Lanrage__Rendezvous__Login *message)
{
	lanrage__rendezvous__login__init(message);
	message->identity = view(frame->login.identity, RENDEZVOUS_KEY_SIZE);
	message->server_address = view_text(frame->login.server_address);
	message->client_nonce = view(frame->login.client_nonce, RENDEZVOUS_NONCE_SIZE);
	message->signature = view(frame->login.signature, RENDEZVOUS_SIGNATURE_SIZE);
	message->protocol = frame->login.protocol;
}

static ProtobufCBinaryData view_party_id(const struct rendezvous_client_frame *frame)
{
	return view(frame->party_id, RENDEZVOUS_PARTY_ID_SIZE);
}

static void view_create_party(const struct rendezvous_client_frame *frame,
			      Lanrage__Rendezvous__CreateParty *message)
{
	lanrage__rendezvous__create_party__init(message);
	message->party_id = view_party_id(frame);
	message->prefix_ip = view(frame->create_party.prefix.addr.ip, 4);
	message->prefix_length = frame->create_party.prefix.length;
	message->generation = frame->create_party.generation;
	message->wireguard_key = view(frame->create_party.wireguard_key, RENDEZVOUS_KEY_SIZE);
}

static void view_put_invite(const struct rendezvous_client_frame *frame,
			    Lanrage__Rendezvous__PutInvite *message)
{
	lanrage__rendezvous__put_invite__init(message);
	message->party_id = view_party_id(frame);
	message->lookup_id = view(frame->put_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	message->invite_key = view(frame->put_invite.invite_key, RENDEZVOUS_KEY_SIZE);
	message->sealed = view_bytes(&frame->put_invite.sealed);
	message->expires_s = frame->put_invite.expires_s;
	message->uses = frame->put_invite.uses;
}

static void view_join_party(const struct rendezvous_client_frame *frame,
			    Lanrage__Rendezvous__JoinParty *message)
{
	lanrage__rendezvous__join_party__init(message);
	message->party_id = view_party_id(frame);
	message->wireguard_key = view(frame->join_party.wireguard_key, RENDEZVOUS_KEY_SIZE);
	if (frame->join_party.has_invite) {
		message->invite_key = view(frame->join_party.invite_key, RENDEZVOUS_KEY_SIZE);
		message->signature = view(frame->join_party.signature, RENDEZVOUS_SIGNATURE_SIZE);
	}
}

static void view_relay_register(const struct rendezvous_client_frame *frame,
				union client_body *body)
{
	Lanrage__Rendezvous__RelayRegister *message = &body->relay_register.message;

	lanrage__rendezvous__relay_register__init(message);
	for (size_t i = 0; i < frame->relay_register.n_endpoints && i < 2; i++) {
		view_address(&frame->relay_register.endpoints[i],
			     &body->relay_register.addresses[i]);
		body->relay_register.list[i] = &body->relay_register.addresses[i];
		message->n_endpoints = i + 1;
	}
	message->endpoints = body->relay_register.list;
	message->relay_key = view(frame->relay_register.relay_key, RENDEZVOUS_KEY_SIZE);
	message->port = frame->relay_register.port;
	message->region = view_text(frame->relay_register.region);
	message->load_permille = frame->relay_register.load_permille;
	message->members = frame->relay_register.members;
	message->draining = frame->relay_register.draining;
}

static void view_put_shares(const struct rendezvous_client_frame *frame, union client_body *body)
{
	Lanrage__Rendezvous__PutShares *message = &body->put_shares.message;

	lanrage__rendezvous__put_shares__init(message);
	message->party_id = view_party_id(frame);
	message->generation = frame->put_shares.generation;
	for (size_t i = 0; i < frame->put_shares.n_shares; i++) {
		const struct rendezvous_share *share = &frame->put_shares.shares[i];

		lanrage__rendezvous__share__init(&body->put_shares.shares[i]);
		body->put_shares.shares[i].number = share->number;
		body->put_shares.shares[i].box = view(share->box, sizeof(share->box));
		body->put_shares.list[i] = &body->put_shares.shares[i];
	}
	message->n_shares = frame->put_shares.n_shares;
	message->shares = body->put_shares.list;
}

static void view_renew(const struct rendezvous_client_frame *frame, union client_body *body)
{
	lanrage__rendezvous__renew__init(&body->renew.message);
	rendezvous_generation_pack(&frame->renew, body->renew.record);
	body->renew.message.party_id = view_party_id(frame);
	body->renew.message.record = view(body->renew.record, sizeof(body->renew.record));
}

/* The bodies that are little more than ids. */
static void view_small(const struct rendezvous_client_frame *frame, union client_body *body)
{
	switch (frame->type) {
	case RENDEZVOUS_GET_INVITE:
		lanrage__rendezvous__get_invite__init(&body->get_invite);
		body->get_invite.lookup_id =
			view(frame->get_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE);
		break;
	case RENDEZVOUS_REVOKE_INVITE:
		lanrage__rendezvous__revoke_invite__init(&body->revoke_invite);
		body->revoke_invite.party_id = view_party_id(frame);
		body->revoke_invite.lookup_id =
			view(frame->revoke_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE);
		break;
	case RENDEZVOUS_LEAVE_PARTY:
		lanrage__rendezvous__leave_party__init(&body->leave_party);
		body->leave_party.party_id = view_party_id(frame);
		break;
	case RENDEZVOUS_ANNOUNCE:
		lanrage__rendezvous__announce__init(&body->announce);
		body->announce.party_id = view_party_id(frame);
		body->announce.sealed = view_bytes(&frame->announce.sealed);
		break;
	case RENDEZVOUS_RESUME:
		lanrage__rendezvous__resume__init(&body->resume);
		body->resume.party_id = view_party_id(frame);
		body->resume.change = frame->resume.change;
		body->resume.generation = frame->resume.generation;
		body->resume.want_share = frame->resume.want_share;
		break;
	case RENDEZVOUS_GET_TICKETS:
		lanrage__rendezvous__get_tickets__init(&body->get_tickets);
		body->get_tickets.party_id = view_party_id(frame);
		break;
	case RENDEZVOUS_MOVE_LEASE:
		lanrage__rendezvous__move_lease__init(&body->move_lease);
		body->move_lease.party_id = view_party_id(frame);
		break;
	default: lanrage__rendezvous__ping__init(&body->ping); break;
	}
}

ssize_t rendezvous_client_encode(const struct rendezvous_client_frame *frame, uint8_t **bytes)
{
	client_message message = LANRAGE__RENDEZVOUS__CLIENT_FRAME__INIT;
	union client_body body;

	*bytes = NULL;
	switch (frame->type) {
	case RENDEZVOUS_LOGIN: view_login(frame, &body.login); break;
	case RENDEZVOUS_CREATE_PARTY: view_create_party(frame, &body.create_party); break;
	case RENDEZVOUS_PUT_INVITE: view_put_invite(frame, &body.put_invite); break;
	case RENDEZVOUS_JOIN_PARTY: view_join_party(frame, &body.join_party); break;
	case RENDEZVOUS_RELAY_REGISTER: view_relay_register(frame, &body); break;
	case RENDEZVOUS_PUT_SHARES:
		if (frame->put_shares.n_shares > RENDEZVOUS_SHARES_PER_FRAME)
			return -EINVAL;
		view_put_shares(frame, &body);
		break;
	case RENDEZVOUS_RENEW: view_renew(frame, &body); break;
	case RENDEZVOUS_GET_INVITE:
	case RENDEZVOUS_REVOKE_INVITE:
	case RENDEZVOUS_LEAVE_PARTY:
	case RENDEZVOUS_ANNOUNCE:
	case RENDEZVOUS_RESUME:
	case RENDEZVOUS_GET_TICKETS:
	case RENDEZVOUS_MOVE_LEASE:
	case RENDEZVOUS_PING: view_small(frame, &body); break;
	default: return -EINVAL;
	}
	message.request_id = frame->request_id;
	message.body_case = (Lanrage__Rendezvous__ClientFrame__BodyCase)(frame->type + 1);
	/* every member of the union starts where the union starts */
	message.login = &body.login;
	return pack(&message.base, bytes);
}

/* ---- what a server says */

static int take_member(struct rendezvous_member *member, const member_message *message)
{
	if (!take(&message->identity, member->identity, RENDEZVOUS_KEY_SIZE) ||
	    !take(&message->wireguard_key, member->wireguard_key, RENDEZVOUS_KEY_SIZE) ||
	    message->number == 0 || message->number > UINT16_MAX || message->address.len != 4 ||
	    addr_from_bytes(&member->address, message->address.data, 4, 0) < 0)
		return -EBADMSG;
	member->has_invite_key = message->invite_key.len != 0;
	if (member->has_invite_key &&
	    !take(&message->invite_key, member->invite_key, RENDEZVOUS_KEY_SIZE))
		return -EBADMSG;
	member->number = (uint16_t)message->number;
	member->lease = message->lease;
	member->online = message->online;
	member->left = message->left;
	member->change = message->change;
	return take_bytes(&message->sealed, &member->sealed, RENDEZVOUS_SEALED_MAX);
}

static int take_party(struct rendezvous_party *party, const Lanrage__Rendezvous__Party *message)
{
	if (!take(&message->party_id, party->party_id, RENDEZVOUS_PARTY_ID_SIZE) ||
	    !take(&message->host, party->host, RENDEZVOUS_KEY_SIZE) ||
	    !take_prefix(&message->prefix_ip, message->prefix_length, &party->prefix) ||
	    message->n_members > RENDEZVOUS_MEMBERS_PER_FRAME)
		return -EBADMSG;
	party->generation = message->generation;
	party->change = message->change;
	party->whole = message->whole;
	party->more = message->more;
	for (size_t i = 0; i < message->n_members; i++) {
		int result = take_member(&party->members[i], message->members[i]);

		if (result < 0)
			return result;
		party->n_members = i + 1;
	}
	return 0;
}

static bool take_relay(struct rendezvous_relay *relay, const relay_message *message)
{
	if (message->ticket.len != 0 && !take(&message->ticket, relay->ticket, TICKET_SIZE))
		return false;
	relay->ticket_length = message->ticket.len;
	relay->load_permille = message->load_permille;
	return message->load_permille <= 1000 &&
	       take(&message->relay_key, relay->relay_key, RENDEZVOUS_KEY_SIZE) &&
	       take_endpoints(message->endpoints, message->n_endpoints, relay->endpoints,
			      &relay->n_endpoints) &&
	       take_text(message->region, relay->region, RENDEZVOUS_REGION_MAX);
}

static bool take_tickets(struct rendezvous_server_frame *frame,
			 const Lanrage__Rendezvous__Tickets *message)
{
	if (message->n_relays > RENDEZVOUS_RELAYS_MAX ||
	    !take(&message->party_id, frame->tickets.party_id, RENDEZVOUS_PARTY_ID_SIZE))
		return false;
	for (size_t i = 0; i < message->n_relays; i++)
		if (!take_relay(&frame->tickets.relays[i], message->relays[i]))
			return false;
	frame->tickets.n_relays = message->n_relays;
	return true;
}

static bool take_welcome(struct rendezvous_server_frame *frame,
			 const Lanrage__Rendezvous__Welcome *message)
{
	if (message->stun_port > UINT16_MAX)
		return false;
	frame->welcome.stun_port = (uint16_t)message->stun_port;
	frame->welcome.time_s = message->time_s;
	return take(&message->ticket_key, frame->welcome.ticket_key, RENDEZVOUS_KEY_SIZE) &&
	       take_address(message->observed, &frame->welcome.observed);
}

static bool take_error(struct rendezvous_server_frame *frame,
		       const Lanrage__Rendezvous__Error *message)
{
	/* a code of a later protocol is still an error */
	frame->error.code = message->code < RENDEZVOUS_ERRORS ? (enum rendezvous_error)message->code
							      : RENDEZVOUS_ERROR_UNSPECIFIED;
	frame->error.retry_after_s = message->retry_after_s;
	return take_text(message->text, frame->error.text, RENDEZVOUS_TEXT_MAX);
}

static int take_invite(struct rendezvous_server_frame *frame,
		       const Lanrage__Rendezvous__Invite *message)
{
	frame->invite.expires_s = message->expires_s;
	if (!take(&message->party_id, frame->invite.party_id, RENDEZVOUS_PARTY_ID_SIZE) ||
	    !take(&message->invite_key, frame->invite.invite_key, RENDEZVOUS_KEY_SIZE) ||
	    message->sealed.len == 0)
		return -EBADMSG;
	return take_bytes(&message->sealed, &frame->invite.sealed, RENDEZVOUS_INVITE_MAX);
}

static bool take_generations(struct rendezvous_generations *generations,
			     const Lanrage__Rendezvous__Generations *message)
{
	if (message->n_records > RENDEZVOUS_RECORDS_PER_FRAME ||
	    !take(&message->party_id, generations->party_id, RENDEZVOUS_PARTY_ID_SIZE))
		return false;
	for (size_t i = 0; i < message->n_records; i++)
		if (rendezvous_generation_unpack(&generations->records[i], message->records[i].data,
						 message->records[i].len) < 0)
			return false;
	generations->n_records = message->n_records;
	generations->more = message->more;
	generations->has_share = message->share.len != 0;
	return !generations->has_share ||
	       take(&message->share, generations->share, RENDEZVOUS_SHARE_SIZE);
}

static int take_revoked(struct rendezvous_server_frame *frame,
			const Lanrage__Rendezvous__Revoked *message)
{
	if (message->n_revocations > RENDEZVOUS_REVOKED_PER_FRAME)
		return -EBADMSG;
	frame->revoked.revocations =
		calloc(message->n_revocations + 1, sizeof(*frame->revoked.revocations));
	if (!frame->revoked.revocations)
		return -ENOMEM;
	for (size_t i = 0; i < message->n_revocations; i++) {
		const Lanrage__Rendezvous__Revocation *from = message->revocations[i];
		struct rendezvous_revocation *to = &frame->revoked.revocations[i];

		to->generation = from->generation;
		to->until_s = from->until_s;
		if (!take(&from->scope, to->scope, sizeof(to->scope)) ||
		    !take(&from->member_key, to->member_key, sizeof(to->member_key)))
			return -EBADMSG;
	}
	frame->revoked.n_revocations = message->n_revocations;
	return 0;
}

static int take_server_body(struct rendezvous_server_frame *frame, const server_message *m)
{
	switch (frame->type) {
	case RENDEZVOUS_CHALLENGE:
		return good(take(&m->challenge->server_nonce, frame->challenge.server_nonce,
				 RENDEZVOUS_NONCE_SIZE));
	case RENDEZVOUS_WELCOME: return good(take_welcome(frame, m->welcome));
	case RENDEZVOUS_ERROR: return good(take_error(frame, m->error));
	case RENDEZVOUS_PARTY: return take_party(&frame->party, m->party);
	case RENDEZVOUS_INVITE: return take_invite(frame, m->invite);
	case RENDEZVOUS_TICKETS: return good(take_tickets(frame, m->tickets));
	case RENDEZVOUS_DONE: return 0;
	case RENDEZVOUS_GENERATIONS:
		return good(take_generations(&frame->generations, m->generations));
	case RENDEZVOUS_REVOKED: return take_revoked(frame, m->revoked);
	}
	return -EBADMSG;
}

int rendezvous_server_decode(struct rendezvous_server_frame *frame, const uint8_t *bytes,
			     size_t length)
{
	server_message *message;
	int result = -EBADMSG;

	memset(frame, 0, sizeof(*frame));
	message = (server_message *)unpack(&lanrage__rendezvous__server_frame__descriptor, bytes,
					   length);
	if (!message)
		return -EBADMSG;
	frame->request_id = message->request_id;
	if (message->body_case >= SERVER(CHALLENGE) && message->body_case <= SERVER(REVOKED)) {
		frame->type = (enum rendezvous_server_type)(message->body_case - 1);
		result = take_server_body(frame, message);
	}
	protobuf_c_message_free_unpacked(&message->base, NULL);
	if (result < 0)
		rendezvous_server_clear(frame);
	return result;
}

void rendezvous_server_clear(struct rendezvous_server_frame *frame)
{
	if (frame->type == RENDEZVOUS_PARTY)
		for (size_t i = 0; i < frame->party.n_members; i++)
			bytes_clear(&frame->party.members[i].sealed);
	else if (frame->type == RENDEZVOUS_INVITE)
		bytes_clear(&frame->invite.sealed);
	else if (frame->type == RENDEZVOUS_REVOKED)
		free(frame->revoked.revocations);
	memset(frame, 0, sizeof(*frame));
}

static void view_member(const struct rendezvous_member *member, member_message *message)
{
	lanrage__rendezvous__member__init(message);
	message->identity = view(member->identity, RENDEZVOUS_KEY_SIZE);
	message->number = member->number;
	message->lease = member->lease;
	message->address = view(member->address.ip, 4);
	message->wireguard_key = view(member->wireguard_key, RENDEZVOUS_KEY_SIZE);
	message->online = member->online;
	message->left = member->left;
	message->sealed = view_bytes(&member->sealed);
	message->change = member->change;
	if (member->has_invite_key)
		message->invite_key = view(member->invite_key, RENDEZVOUS_KEY_SIZE);
}

static ssize_t encode_party(server_message *frame, const struct rendezvous_party *party,
			    uint8_t **bytes)
{
	Lanrage__Rendezvous__Party message = LANRAGE__RENDEZVOUS__PARTY__INIT;
	member_message members[RENDEZVOUS_MEMBERS_PER_FRAME];
	member_message *list[RENDEZVOUS_MEMBERS_PER_FRAME];

	if (party->n_members > RENDEZVOUS_MEMBERS_PER_FRAME)
		return -EINVAL;
	message.party_id = view(party->party_id, RENDEZVOUS_PARTY_ID_SIZE);
	message.host = view(party->host, RENDEZVOUS_KEY_SIZE);
	message.prefix_ip = view(party->prefix.addr.ip, 4);
	message.prefix_length = party->prefix.length;
	message.generation = party->generation;
	message.change = party->change;
	message.whole = party->whole;
	message.more = party->more;
	for (size_t i = 0; i < party->n_members; i++) {
		view_member(&party->members[i], &members[i]);
		list[i] = &members[i];
	}
	message.n_members = party->n_members;
	message.members = list;
	frame->party = &message;
	return pack(&frame->base, bytes);
}

struct relay_view {
	relay_message message;
	address_message addresses[2];
	address_message *list[2];
};

static void view_relay(const struct rendezvous_relay *relay, struct relay_view *out)
{
	relay_message *message = &out->message;

	lanrage__rendezvous__relay__init(message);
	message->relay_key = view(relay->relay_key, RENDEZVOUS_KEY_SIZE);
	for (size_t i = 0; i < relay->n_endpoints && i < 2; i++) {
		view_address(&relay->endpoints[i], &out->addresses[i]);
		out->list[i] = &out->addresses[i];
		message->n_endpoints = i + 1;
	}
	message->endpoints = out->list;
	message->region = view_text(relay->region);
	message->load_permille = relay->load_permille;
	message->ticket = view(relay->ticket, relay->ticket_length);
}

static ssize_t encode_tickets(server_message *frame, const struct rendezvous_server_frame *in,
			      uint8_t **bytes)
{
	Lanrage__Rendezvous__Tickets message = LANRAGE__RENDEZVOUS__TICKETS__INIT;
	struct relay_view relays[RENDEZVOUS_RELAYS_MAX];
	relay_message *list[RENDEZVOUS_RELAYS_MAX];

	if (in->tickets.n_relays > RENDEZVOUS_RELAYS_MAX)
		return -EINVAL;
	message.party_id = view(in->tickets.party_id, RENDEZVOUS_PARTY_ID_SIZE);
	for (size_t i = 0; i < in->tickets.n_relays; i++) {
		view_relay(&in->tickets.relays[i], &relays[i]);
		list[i] = &relays[i].message;
	}
	message.n_relays = in->tickets.n_relays;
	message.relays = list;
	frame->tickets = &message;
	return pack(&frame->base, bytes);
}

static ssize_t encode_welcome(server_message *frame, const struct rendezvous_server_frame *in,
			      uint8_t **bytes)
{
	Lanrage__Rendezvous__Welcome message = LANRAGE__RENDEZVOUS__WELCOME__INIT;
	address_message observed;

	view_address(&in->welcome.observed, &observed);
	message.ticket_key = view(in->welcome.ticket_key, RENDEZVOUS_KEY_SIZE);
	message.observed = &observed;
	message.stun_port = in->welcome.stun_port;
	message.time_s = in->welcome.time_s;
	frame->welcome = &message;
	return pack(&frame->base, bytes);
}

static ssize_t encode_error(server_message *frame, const struct rendezvous_server_frame *in,
			    uint8_t **bytes)
{
	Lanrage__Rendezvous__Error message = LANRAGE__RENDEZVOUS__ERROR__INIT;

	message.code = in->error.code;
	message.text = view_text(in->error.text);
	message.retry_after_s = in->error.retry_after_s;
	frame->error = &message;
	return pack(&frame->base, bytes);
}

static ssize_t encode_invite(server_message *frame, const struct rendezvous_server_frame *in,
			     uint8_t **bytes)
{
	Lanrage__Rendezvous__Invite message = LANRAGE__RENDEZVOUS__INVITE__INIT;

	message.party_id = view(in->invite.party_id, RENDEZVOUS_PARTY_ID_SIZE);
	message.invite_key = view(in->invite.invite_key, RENDEZVOUS_KEY_SIZE);
	message.sealed = view_bytes(&in->invite.sealed);
	message.expires_s = in->invite.expires_s;
	frame->invite = &message;
	return pack(&frame->base, bytes);
}

static ssize_t encode_generations(server_message *frame,
				  const struct rendezvous_generations *generations, uint8_t **bytes)
{
	Lanrage__Rendezvous__Generations message = LANRAGE__RENDEZVOUS__GENERATIONS__INIT;
	uint8_t records[RENDEZVOUS_RECORDS_PER_FRAME][RENDEZVOUS_RECORD_SIZE];
	ProtobufCBinaryData list[RENDEZVOUS_RECORDS_PER_FRAME];

	if (generations->n_records > RENDEZVOUS_RECORDS_PER_FRAME)
		return -EINVAL;
	message.party_id = view(generations->party_id, RENDEZVOUS_PARTY_ID_SIZE);
	for (size_t i = 0; i < generations->n_records; i++) {
		rendezvous_generation_pack(&generations->records[i], records[i]);
		list[i] = view(records[i], RENDEZVOUS_RECORD_SIZE);
	}
	message.n_records = generations->n_records;
	message.records = list;
	message.more = generations->more;
	if (generations->has_share)
		message.share = view(generations->share, RENDEZVOUS_SHARE_SIZE);
	frame->generations = &message;
	return pack(&frame->base, bytes);
}

static ssize_t encode_revoked(server_message *frame, const struct rendezvous_server_frame *in,
			      uint8_t **bytes)
{
	Lanrage__Rendezvous__Revoked message = LANRAGE__RENDEZVOUS__REVOKED__INIT;
	Lanrage__Rendezvous__Revocation revocations[RENDEZVOUS_REVOKED_PER_FRAME];
	Lanrage__Rendezvous__Revocation *list[RENDEZVOUS_REVOKED_PER_FRAME];

	if (in->revoked.n_revocations > RENDEZVOUS_REVOKED_PER_FRAME)
		return -EINVAL;
	for (size_t i = 0; i < in->revoked.n_revocations; i++) {
		const struct rendezvous_revocation *from = &in->revoked.revocations[i];

		lanrage__rendezvous__revocation__init(&revocations[i]);
		revocations[i].scope = view(from->scope, sizeof(from->scope));
		revocations[i].member_key = view(from->member_key, sizeof(from->member_key));
		revocations[i].generation = from->generation;
		revocations[i].until_s = from->until_s;
		list[i] = &revocations[i];
	}
	message.n_revocations = in->revoked.n_revocations;
	message.revocations = list;
	frame->revoked = &message;
	return pack(&frame->base, bytes);
}

ssize_t rendezvous_server_encode(const struct rendezvous_server_frame *frame, uint8_t **bytes)
{
	server_message message = LANRAGE__RENDEZVOUS__SERVER_FRAME__INIT;
	Lanrage__Rendezvous__Challenge challenge = LANRAGE__RENDEZVOUS__CHALLENGE__INIT;
	Lanrage__Rendezvous__Done done = LANRAGE__RENDEZVOUS__DONE__INIT;

	*bytes = NULL;
	message.request_id = frame->request_id;
	message.body_case = (Lanrage__Rendezvous__ServerFrame__BodyCase)(frame->type + 1);
	switch (frame->type) {
	case RENDEZVOUS_CHALLENGE:
		challenge.server_nonce = view(frame->challenge.server_nonce, RENDEZVOUS_NONCE_SIZE);
		message.challenge = &challenge;
		return pack(&message.base, bytes);
	case RENDEZVOUS_WELCOME: return encode_welcome(&message, frame, bytes);
	case RENDEZVOUS_ERROR: return encode_error(&message, frame, bytes);
	case RENDEZVOUS_PARTY: return encode_party(&message, &frame->party, bytes);
	case RENDEZVOUS_INVITE: return encode_invite(&message, frame, bytes);
	case RENDEZVOUS_TICKETS: return encode_tickets(&message, frame, bytes);
	case RENDEZVOUS_DONE: message.done = &done; return pack(&message.base, bytes);
	case RENDEZVOUS_GENERATIONS:
		return encode_generations(&message, &frame->generations, bytes);
	case RENDEZVOUS_REVOKED: return encode_revoked(&message, frame, bytes);
	}
	return -EINVAL;
}

/* ---- texts */

int rendezvous_bytes_set(struct rendezvous_bytes *out, const uint8_t *bytes, size_t length)
{
	out->bytes = NULL;
	out->length = 0;
	if (length == 0)
		return 0;
	out->bytes = malloc(length);
	if (!out->bytes)
		return -ENOMEM;
	memcpy(out->bytes, bytes, length);
	out->length = length;
	return 0;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

size_t rendezvous_login_text(const char *server_address,
			     const uint8_t server_nonce[RENDEZVOUS_NONCE_SIZE],
			     const uint8_t client_nonce[RENDEZVOUS_NONCE_SIZE],
			     uint8_t text[RENDEZVOUS_LOGIN_TEXT_MAX])
{
	size_t length = strnlen(server_address, RENDEZVOUS_ADDRESS_MAX);
	uint8_t big_endian[2] = {(uint8_t)(length >> 8), (uint8_t)length};
	uint8_t *at = append(text, "lanrage login 1", 15);

	at = append(at, big_endian, sizeof(big_endian));
	at = append(at, server_address, length);
	at = append(at, server_nonce, RENDEZVOUS_NONCE_SIZE);
	at = append(at, client_nonce, RENDEZVOUS_NONCE_SIZE);
	return (size_t)(at - text);
}

void rendezvous_join_text(const uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE],
			  const uint8_t identity[RENDEZVOUS_KEY_SIZE],
			  const uint8_t wireguard_key[RENDEZVOUS_KEY_SIZE],
			  uint8_t text[RENDEZVOUS_JOIN_TEXT_SIZE])
{
	uint8_t *at = append(text, "lanrage join 1", 14);

	at = append(at, party_id, RENDEZVOUS_PARTY_ID_SIZE);
	at = append(at, identity, RENDEZVOUS_KEY_SIZE);
	append(at, wireguard_key, RENDEZVOUS_KEY_SIZE);
}

/* number, removed, host and key id: what is signed, too. */
#define RECORD_SIGNED_SIZE (RENDEZVOUS_RECORD_SIZE - RENDEZVOUS_SIGNATURE_SIZE)

static uint8_t *append_record(uint8_t *at, const struct rendezvous_generation *generation)
{
	for (size_t i = 0; i < 4; i++)
		at[i] = (uint8_t)(generation->number >> (24 - 8 * i));
	at = append(at + 4, generation->removed, RENDEZVOUS_KEY_SIZE);
	at = append(at, generation->host, RENDEZVOUS_KEY_SIZE);
	return append(at, generation->key_id, RENDEZVOUS_KEY_SIZE);
}

void rendezvous_generation_pack(const struct rendezvous_generation *generation,
				uint8_t bytes[RENDEZVOUS_RECORD_SIZE])
{
	append(append_record(bytes, generation), generation->signature, RENDEZVOUS_SIGNATURE_SIZE);
}

int rendezvous_generation_unpack(struct rendezvous_generation *generation, const uint8_t *bytes,
				 size_t length)
{
	if (length != RENDEZVOUS_RECORD_SIZE)
		return -EBADMSG;
	generation->number = 0;
	for (size_t i = 0; i < 4; i++)
		generation->number = generation->number << 8 | bytes[i];
	memcpy(generation->removed, bytes + 4, RENDEZVOUS_KEY_SIZE);
	memcpy(generation->host, bytes + 36, RENDEZVOUS_KEY_SIZE);
	memcpy(generation->key_id, bytes + 68, RENDEZVOUS_KEY_SIZE);
	memcpy(generation->signature, bytes + RECORD_SIGNED_SIZE, RENDEZVOUS_SIGNATURE_SIZE);
	return generation->number >= 2 ? 0 : -EBADMSG;
}

void rendezvous_generation_text(const uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE],
				const struct rendezvous_generation *generation,
				uint8_t text[RENDEZVOUS_GENERATION_TEXT_SIZE])
{
	uint8_t *at = append(text, "lanrage generation 1", 20);

	append_record(append(at, party_id, RENDEZVOUS_PARTY_ID_SIZE), generation);
}

const char *rendezvous_error_text(enum rendezvous_error error)
{
	static const char *const texts[RENDEZVOUS_ERRORS] = {
		[RENDEZVOUS_ERROR_UNSPECIFIED] = "the server refused",
		[RENDEZVOUS_ERROR_MALFORMED] = "the server did not understand the request",
		[RENDEZVOUS_ERROR_NOT_LOGGED_IN] = "not logged in at the server",
		[RENDEZVOUS_ERROR_BAD_SIGNATURE] = "the server refused the signature",
		[RENDEZVOUS_ERROR_NO_SUCH_PARTY] = "the server knows no such party",
		[RENDEZVOUS_ERROR_NO_SUCH_INVITE] = "no such code, or it has expired or is used up",
		[RENDEZVOUS_ERROR_NOT_A_MEMBER] = "not a member of this party",
		[RENDEZVOUS_ERROR_NOT_THE_HOST] = "only the host of the party may do this",
		[RENDEZVOUS_ERROR_FULL] = "no more room",
		[RENDEZVOUS_ERROR_TOO_MANY] = "too many requests; wait a moment",
		[RENDEZVOUS_ERROR_EXISTS] = "this exists already",
		[RENDEZVOUS_ERROR_INTERNAL] = "the server failed; see its log",
	};

	if ((unsigned int)error >= RENDEZVOUS_ERRORS)
		error = RENDEZVOUS_ERROR_UNSPECIFIED;
	return texts[error];
}
