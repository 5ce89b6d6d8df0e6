/* store_sqlite_invites.c - invites in the store. */
#include <errno.h>
#include <string.h>

#include "svc-control/server/store_sqlite_private.h"

static int put_invite_inside(struct store *store, const struct store_invite *invite, uint64_t now_s)
{
	uint64_t others;
	int result = sql_find_number(store_bind(store, COUNT_INVITES, party_value(invite->party_id),
						sql_number(now_s), lookup_value(invite->lookup_id)),
				     0, &others);

	if (result < 0)
		return result;
	if (others >= STORE_INVITES_MAX)
		return -EDQUOT;
	result = store_do(store, PUT_INVITE, lookup_value(invite->lookup_id),
			  party_value(invite->party_id), key_value(invite->invite_key),
			  sql_blob(invite->sealed.bytes, invite->sealed.length),
			  sql_number(invite->expires_s), sql_number(invite->uses));
	return result == 0 && sql_changes(store_sql(store)) == 0 ? -EEXIST : result;
}

int store_put_invite(struct store *store, const struct store_invite *invite, uint64_t now_s)
{
	int result = store_begin(store, true);

	if (result == 0)
		result = put_invite_inside(store, invite, now_s);
	return store_finish(store, result);
}

int store_get_invite(struct store *store, const uint8_t *lookup_id, uint64_t now_s,
		     struct store_invite *invite)
{
	struct sql_statement *statement =
		store_bind(store, GET_INVITE, lookup_value(lookup_id), sql_number(now_s));
	int result = sql_find(statement);

	memset(invite, 0, sizeof(*invite));
	if (result < 0)
		return result;
	memcpy(invite->lookup_id, lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	result = store_column_key(statement, 0, invite->party_id, RENDEZVOUS_PARTY_ID_SIZE);
	if (result == 0)
		result = store_column_key(statement, 1, invite->invite_key, RENDEZVOUS_KEY_SIZE);
	if (result == 0)
		result = store_column_bytes(statement, 2, &invite->sealed);
	invite->expires_s = sql_get_number(statement, 3);
	invite->uses = (uint32_t)sql_get_number(statement, 4);
	sql_reset(statement);
	return result;
}

int store_revoke_invite(struct store *store, const uint8_t *party_id, const uint8_t *lookup_id)
{
	int result;

	store_set_sync(store, true);
	result = store_do(store, REVOKE_INVITE, party_value(party_id), lookup_value(lookup_id));
	return result == 0 && sql_changes(store_sql(store)) == 0 ? -ENOENT : result;
}

int store_spend_invite(struct store *store, const uint8_t *party_id, const uint8_t *invite_key,
		       uint64_t now_s)
{
	struct sql_statement *statement = store_bind(store, FIND_INVITE, party_value(party_id),
						     key_value(invite_key), sql_number(now_s));
	uint8_t lookup_id[RENDEZVOUS_LOOKUP_SIZE];
	int result = sql_find(statement);

	if (result < 0)
		return result;
	result = store_column_key(statement, 0, lookup_id, sizeof(lookup_id));
	sql_reset(statement);
	return result < 0 ? result : store_do(store, USE_INVITE, lookup_value(lookup_id));
}
