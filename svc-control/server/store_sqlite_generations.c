/* store_sqlite_generations.c - generations in the store: their records and shares, and tickets
 * revoked by them. */
#include <errno.h>
#include <string.h>

#include "svc-control/server/store_sqlite_private.h"

int store_put_shares(struct store *store, const uint8_t *party_id, uint32_t generation,
		     const struct rendezvous_share *shares, size_t n)
{
	int result = store_begin(store, true);

	for (size_t i = 0; result == 0 && i < n; i++)
		result = store_do(store, PUT_SHARE, party_value(party_id), sql_number(generation),
				  sql_number(shares[i].number),
				  sql_blob(shares[i].box, sizeof(shares[i].box)));
	return store_finish(store, result);
}

int store_get_share(struct store *store, const uint8_t *party_id, uint32_t generation,
		    uint16_t number, uint8_t box[RENDEZVOUS_SHARE_SIZE])
{
	struct sql_statement *statement = store_bind(store, GET_SHARE, party_value(party_id),
						     sql_number(generation), sql_number(number));
	int result = sql_find(statement);

	if (result == 0)
		result = store_column_key(statement, 0, box, RENDEZVOUS_SHARE_SIZE);
	sql_reset(statement);
	return result;
}

/* ---- records */

static int read_record(struct sql_statement *statement, struct rendezvous_generation *record)
{
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];
	int result = store_column_key(statement, 0, bytes, sizeof(bytes));

	if (result == 0 && rendezvous_generation_unpack(record, bytes, sizeof(bytes)) < 0)
		result = -EIO;
	return result;
}

int store_get_records(struct store *store, const uint8_t *party_id, uint32_t after,
		      struct rendezvous_generation *records, size_t room, size_t *n)
{
	struct sql_statement *statement = store_bind(store, GET_RECORDS, party_value(party_id),
						     sql_number(after), sql_number(room));
	int result;

	*n = 0;
	while ((result = sql_step(statement)) == 1 &&
	       (result = read_record(statement, &records[*n])) == 0)
		++*n;
	sql_reset(statement);
	return result;
}

int store_add_record(struct store *store, const uint8_t *party_id,
		     const struct rendezvous_generation *record)
{
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];

	rendezvous_generation_pack(record, bytes);
	return store_do(store, ADD_RECORD, party_value(party_id), sql_number(record->number),
			sql_blob(bytes, sizeof(bytes)));
}

static int is_known_record(struct store *store, const uint8_t *party_id,
			   const struct rendezvous_generation *record)
{
	struct rendezvous_generation known;
	size_t n;
	int result = store_get_records(store, party_id, record->number - 1, &known, 1, &n);

	if (result < 0)
		return result;
	return n == 1 && memcmp(&known, record, sizeof(known)) == 0 ? 0 : -EEXIST;
}

/* ---- the next one begins */

/* What the removed member may still hold ends with the relays' next word from us. */
static int remove_member(struct store *store, const uint8_t *party_id,
			 const struct rendezvous_generation *record, uint64_t now_s)
{
	struct rendezvous_member member;
	int result = store_present_member(store, party_id, record->removed, &member);

	if (result == -ENOENT)
		return 0; /* it has left, or there is nobody to remove */
	if (result == 0)
		result = store_leave_inside(store, party_id, record->removed, now_s);
	if (result < 0)
		return result;
	return store_do(store, REVOKE_TICKETS, party_value(party_id),
			key_value(member.wireguard_key), sql_number(record->number),
			sql_number(now_s + LEASE_NUMBER_REST_S));
}

static int renew_inside(struct store *store, const uint8_t *party_id,
			const struct rendezvous_generation *record, uint64_t now_s)
{
	int result = store_add_record(store, party_id, record);

	if (result == 0)
		result = store_do(store, SET_GENERATION, party_value(party_id),
				  sql_number(record->number), key_value(record->host));
	if (result == 0)
		result = remove_member(store, party_id, record, now_s);
	if (result == 0)
		result = store_do(store, DROP_INVITES, party_value(party_id));
	if (result == 0)
		result = store_do(store, DROP_SHARES, party_value(party_id),
				  sql_number(record->number));
	return result;
}

int store_renew(struct store *store, const uint8_t *party_id,
		const struct rendezvous_generation *record, uint64_t now_s)
{
	struct party_row row;
	int result = store_get_row(store, party_id, &row);

	if (result == 0 && record->number <= row.party.generation)
		return is_known_record(store, party_id, record);
	if (result == 0 && record->number != row.party.generation + 1)
		result = -EINVAL;
	if (result < 0)
		return result;
	result = store_begin(store, true);
	if (result == 0)
		result = renew_inside(store, party_id, record, now_s);
	result = store_finish(store, result);
	return result < 0 ? result : 1;
}

/* ---- revocations */

static int read_revocation(struct sql_statement *statement,
			   struct rendezvous_revocation *revocation)
{
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
	int result = store_column_key(statement, 0, party_id, sizeof(party_id));

	if (result == 0)
		result =
			store_column_key(statement, 1, revocation->member_key, RENDEZVOUS_KEY_SIZE);
	ticket_scope(party_id, sizeof(party_id), revocation->scope);
	revocation->generation = (uint32_t)sql_get_number(statement, 2);
	revocation->until_s = sql_get_number(statement, 3);
	return result;
}

int store_get_revocations(struct store *store, uint64_t now_s, size_t offset,
			  struct rendezvous_revocation *revocations, size_t room, size_t *n)
{
	struct sql_statement *statement = store_bind(store, GET_REVOCATIONS, sql_number(now_s),
						     sql_number(room), sql_number(offset));
	int result;

	*n = 0;
	while ((result = sql_step(statement)) == 1 &&
	       (result = read_revocation(statement, &revocations[*n])) == 0)
		++*n;
	sql_reset(statement);
	return result;
}
