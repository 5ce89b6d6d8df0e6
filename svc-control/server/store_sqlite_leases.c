/* store_sqlite_leases.c - leases in the store: taken, moved, checked (lease.h says how). */
#include <errno.h>
#include <stdlib.h>

#include "svc-control/server/store_sqlite_private.h"

/* Takes an address over from the member that left the longest ago, whose row goes; *number is its
 * member number. left_until_s: at least so long ago. */
static int reclaim(struct store *store, const uint8_t *party_id, uint64_t left_until_s,
		   uint32_t *address, uint32_t *number)
{
	struct sql_statement *statement =
		store_bind(store, FIND_RETURNED, party_value(party_id), sql_number(left_until_s));
	uint8_t identity[RENDEZVOUS_KEY_SIZE];
	int result = sql_find(statement);

	if (result < 0)
		return result == -ENOENT ? -ENOSPC : result;
	result = store_column_key(statement, 0, identity, sizeof(identity));
	*number = (uint32_t)sql_get_number(statement, 1);
	*address = (uint32_t)sql_get_number(statement, 2);
	sql_reset(statement);
	if (result < 0)
		return result;
	return sql_run(store_bind(store, DROP_MEMBER, party_value(party_id), key_value(identity)));
}

int store_take_lease(struct store *store, struct party_row *row, uint64_t now_s,
		     struct lease_entry *entry)
{
	uint64_t rested = now_s > LEASE_NUMBER_REST_S ? now_s - LEASE_NUMBER_REST_S : 0;
	struct lease_next *next = &row->next;
	uint32_t number;
	int result = 0;

	*entry = (struct lease_entry){next->address, next->number, next->lease};
	if (entry->number == 0)
		result = reclaim(store, row->party.id, rested, &entry->address, &entry->number);
	else if (entry->address == 0)
		result = reclaim(store, row->party.id, now_s, &entry->address, &number);
	else
		lease_advance_address(&row->party.prefix, next);
	if (result < 0)
		return result;
	lease_advance_number(next);
	next->lease++;
	return store_set_next(store, row->party.id, next);
}

static int move_lease_inside(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			     uint64_t now_s)
{
	struct rendezvous_member member;
	struct lease_entry entry;
	struct party_row row;
	uint32_t next_number;
	uint64_t change;
	int result = store_get_row(store, party_id, &row);

	if (result == 0)
		result = store_present_member(store, party_id, identity, &member);
	if (result < 0)
		return result;
	next_number = row.next.number;
	result = store_take_lease(store, &row, now_s, &entry);
	if (result == 0 && row.next.number != next_number) {
		row.next.number = next_number; /* the member keeps its own */
		result = store_set_next(store, party_id, &row.next);
	}
	if (result == 0)
		result = store_bump(store, party_id, &change);
	if (result < 0)
		return result;
	return store_do(store, MOVE_LEASE, party_value(party_id), key_value(identity),
			sql_number(entry.address), sql_number(change), sql_number(entry.lease));
}

int store_move_lease(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		     uint64_t now_s)
{
	int result = store_begin(store, true);

	if (result == 0)
		result = move_lease_inside(store, party_id, identity, now_s);
	return store_finish(store, result);
}

static int check_leases_of(struct store *store, const uint8_t *party_id, struct error *error)
{
	struct sql_statement *statement = store_bind(store, GET_LEASES, party_value(party_id));
	struct lease_entry *entries = malloc(LEASE_NUMBER_MAX * sizeof(*entries));
	struct party_row row;
	size_t n = 0;
	int result = 0;

	if (!entries)
		return error_set(error, -ENOMEM, "out of memory");
	while (n < LEASE_NUMBER_MAX && (result = sql_step(statement)) == 1)
		entries[n++] = (struct lease_entry){(uint32_t)sql_get_number(statement, 0),
						    (uint32_t)sql_get_number(statement, 1),
						    (uint32_t)sql_get_number(statement, 2)};
	sql_reset(statement);
	if (result >= 0)
		result = store_get_row(store, party_id, &row);
	if (result == 0)
		result = lease_check(&row.party.prefix, &row.next, entries, n, error);
	free(entries);
	return result;
}

int store_check_leases(struct store *store, struct error *error)
{
	struct sql_statement *statement = store_use(store, ALL_PARTIES);
	int result;

	while ((result = sql_step(statement)) == 1) {
		uint8_t id[RENDEZVOUS_PARTY_ID_SIZE];

		result = store_column_key(statement, 0, id, sizeof(id));
		if (result == 0)
			result = check_leases_of(store, id, error);
		if (result < 0)
			break;
	}
	sql_reset(statement);
	return result;
}
