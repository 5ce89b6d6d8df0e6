/* store_sqlite_members.c - members in the store: read, joining, and one field changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-control/server/store_sqlite_private.h"

static int read_member(struct sql_statement *statement, struct rendezvous_member *member)
{
	memset(member, 0, sizeof(*member));
	if (store_column_key(statement, 0, member->identity, RENDEZVOUS_KEY_SIZE) < 0 ||
	    store_column_key(statement, 4, member->wireguard_key, RENDEZVOUS_KEY_SIZE) < 0)
		return -EIO;
	member->number = (uint16_t)sql_get_number(statement, 1);
	member->lease = (uint32_t)sql_get_number(statement, 2);
	member->address = addr_ipv4((uint32_t)sql_get_number(statement, 3), 0);
	member->online = sql_get_number(statement, 5);
	member->left = sql_get_number(statement, 6);
	member->change = sql_get_number(statement, 8);
	member->has_invite_key = !sql_is_null(statement, 9);
	if (member->has_invite_key &&
	    store_column_key(statement, 9, member->invite_key, RENDEZVOUS_KEY_SIZE) < 0)
		return -EIO;
	return store_column_bytes(statement, 7, &member->sealed);
}

int store_get_member(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		     struct rendezvous_member *member)
{
	struct sql_statement *statement =
		store_bind(store, GET_MEMBER, party_value(party_id), key_value(identity));
	int result = sql_find(statement);

	memset(member, 0, sizeof(*member));
	if (result < 0)
		return result;
	result = read_member(statement, member);
	sql_reset(statement);
	return result;
}

int store_get_members(struct store *store, const uint8_t *party_id, const struct store_range *range,
		      struct rendezvous_member *members, size_t room, size_t *n)
{
	struct sql_statement *statement =
		store_bind(store, GET_MEMBERS, party_value(party_id), sql_number(range->after),
			   sql_number(range->left_after), sql_number(room));
	int result;

	*n = 0;
	while ((result = sql_step(statement)) == 1 &&
	       (result = read_member(statement, &members[*n])) == 0)
		++*n;
	sql_reset(statement);
	return result;
}

int store_get_memberships(struct store *store, const uint8_t *identity,
			  uint8_t (*ids)[RENDEZVOUS_PARTY_ID_SIZE], size_t *n)
{
	struct sql_statement *statement = store_bind(store, GET_MEMBERSHIPS, key_value(identity),
						     sql_number(STORE_MEMBERSHIPS_MAX));
	int result;

	*n = 0;
	while ((result = sql_step(statement)) == 1 &&
	       (result = store_column_key(statement, 0, ids[*n], RENDEZVOUS_PARTY_ID_SIZE)) == 0)
		++*n;
	sql_reset(statement);
	return result;
}

/* A new member, or one that left: not one party more than an identity may be in. */
static int check_memberships(struct store *store, const uint8_t *identity)
{
	uint8_t ids[STORE_MEMBERSHIPS_MAX][RENDEZVOUS_PARTY_ID_SIZE];
	size_t n;
	int result = store_get_memberships(store, identity, ids, &n);

	return result == 0 && n >= STORE_MEMBERSHIPS_MAX ? -EDQUOT : result;
}

void store_member_clear(struct rendezvous_member *member)
{
	free(member->sealed.bytes);
	member->sealed.bytes = NULL;
}

int store_add_member(struct store *store, struct party_row *row, const uint8_t *identity,
		     const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s)
{
	struct lease_entry entry;
	uint64_t change;
	int result = check_memberships(store, identity);

	if (result == 0)
		result = store_take_lease(store, row, now_s, &entry);
	if (result == 0)
		result = store_bump(store, row->party.id, &change);
	if (result < 0)
		return result;
	return store_do(store, ADD_MEMBER, party_value(row->party.id), key_value(identity),
			sql_number(entry.number), sql_number(entry.lease),
			sql_number(entry.address), key_value(wireguard_key), sql_number(change),
			key_value(invite_key));
}

int store_renew_member(struct store *store, const uint8_t *party_id,
		       const struct rendezvous_member *member, const uint8_t *wireguard_key,
		       const uint8_t *invite_key)
{
	uint64_t change;
	int result = member->left ? check_memberships(store, member->identity) : 0;

	if (result < 0)
		return result;
	if (!invite_key && member->has_invite_key)
		invite_key = member->invite_key;
	if (member->online && !member->left &&
	    memcmp(member->wireguard_key, wireguard_key, RENDEZVOUS_KEY_SIZE) == 0 &&
	    (!invite_key || (member->has_invite_key &&
			     memcmp(member->invite_key, invite_key, RENDEZVOUS_KEY_SIZE) == 0)))
		return 0;
	result = store_bump(store, party_id, &change);
	if (result < 0)
		return result;
	return store_do(store, SET_MEMBER, party_value(party_id), key_value(member->identity),
			key_value(wireguard_key), sql_number(change), key_value(invite_key));
}

static int join_known(struct store *store, const struct party_row *row,
		      const struct rendezvous_member *member, const uint8_t *wireguard_key,
		      const uint8_t *invite_key, uint64_t now_s)
{
	bool same_invite = invite_key && member->has_invite_key &&
			   memcmp(member->invite_key, invite_key, RENDEZVOUS_KEY_SIZE) == 0;
	int result = 0;

	if (member->left && !invite_key)
		return -EACCES;
	/* a repeated request must not spend a second use */
	if (invite_key && (member->left || !same_invite))
		result = store_spend_invite(store, row->party.id, invite_key, now_s);
	if (result < 0)
		return result;
	return store_renew_member(store, row->party.id, member, wireguard_key, invite_key);
}

static int join_inside(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		       const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s)
{
	struct rendezvous_member member;
	struct party_row row;
	int result = store_get_row(store, party_id, &row);

	if (result < 0)
		return result;
	result = store_get_member(store, party_id, identity, &member);
	if (result == 0)
		result = join_known(store, &row, &member, wireguard_key, invite_key, now_s);
	else if (result == -ENOENT && !invite_key)
		result = -EACCES;
	else if (result == -ENOENT) {
		result = store_spend_invite(store, party_id, invite_key, now_s);
		if (result == 0)
			result = store_add_member(store, &row, identity, wireguard_key, invite_key,
						  now_s);
	}
	store_member_clear(&member);
	return result;
}

int store_join(struct store *store, const uint8_t *party_id, const uint8_t *identity,
	       const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s)
{
	int result = store_begin(store, true);

	if (result == 0)
		result = join_inside(store, party_id, identity, wireguard_key, invite_key, now_s);
	return store_finish(store, result);
}

/* ---- one field of a member */

int store_present_member(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			 struct rendezvous_member *member)
{
	int result = store_get_member(store, party_id, identity, member);

	store_member_clear(member);
	if (result == 0 && member->left)
		return -ENOENT;
	return result;
}

int store_leave_inside(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		       uint64_t now_s)
{
	struct rendezvous_member member;
	uint64_t change;
	int result = store_present_member(store, party_id, identity, &member);

	if (result == 0)
		result = store_bump(store, party_id, &change);
	if (result < 0)
		return result;
	return store_do(store, SET_LEFT, party_value(party_id), key_value(identity),
			sql_number(now_s), sql_number(change));
}

int store_leave(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		uint64_t now_s)
{
	int result = store_begin(store, true);

	if (result == 0)
		result = store_leave_inside(store, party_id, identity, now_s);
	return store_finish(store, result);
}

int store_announce(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		   const struct rendezvous_bytes *sealed)
{
	struct rendezvous_member member;
	uint64_t change = 0;
	int result = store_begin(store, true);

	if (result == 0)
		result = store_present_member(store, party_id, identity, &member);
	if (result == 0)
		result = store_bump(store, party_id, &change);
	if (result == 0)
		result = store_do(store, SET_SEALED, party_value(party_id), key_value(identity),
				  sql_blob(sealed->bytes, sealed->length), sql_number(change));
	return store_finish(store, result);
}

int store_online_inside(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			bool online)
{
	uint64_t change;
	int result = store_bump(store, party_id, &change);

	if (result < 0)
		return result;
	return store_do(store, SET_ONLINE, party_value(party_id), key_value(identity),
			sql_number(online), sql_number(change));
}

int store_set_online(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		     bool online)
{
	struct rendezvous_member member;
	int result = store_present_member(store, party_id, identity, &member);

	if (result < 0)
		return result;
	if (member.online == online)
		return 0;
	result = store_begin(store, false);
	if (result == 0)
		result = store_online_inside(store, party_id, identity, online);
	result = store_finish(store, result);
	return result < 0 ? result : 1;
}
