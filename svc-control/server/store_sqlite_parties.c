/* store_sqlite_parties.c - parties in the store: their rows and change numbers, made, adopted,
 * swept. */
#include <errno.h>
#include <string.h>

#include "svc-control/server/service.h"
#include "svc-control/server/store_sqlite_private.h"

int store_get_row(struct store *store, const uint8_t *party_id, struct party_row *row)
{
	struct sql_statement *statement = store_bind(store, GET_PARTY, party_value(party_id));
	int result = sql_find(statement);

	memset(row, 0, sizeof(*row));
	if (result < 0)
		return result;
	memcpy(row->party.id, party_id, RENDEZVOUS_PARTY_ID_SIZE);
	result = store_column_key(statement, 0, row->party.host, RENDEZVOUS_KEY_SIZE);
	row->party.prefix.addr = addr_ipv4((uint32_t)sql_get_number(statement, 1), 0);
	row->party.prefix.length = (uint8_t)sql_get_number(statement, 2);
	row->party.generation = (uint32_t)sql_get_number(statement, 3);
	row->party.change = sql_get_number(statement, 4);
	row->next.address = (uint32_t)sql_get_number(statement, 5);
	row->next.number = (uint32_t)sql_get_number(statement, 6);
	row->next.lease = (uint32_t)sql_get_number(statement, 7);
	sql_reset(statement);
	return result;
}

int store_get_party(struct store *store, const uint8_t *party_id, struct store_party *party)
{
	struct party_row row;
	int result = store_get_row(store, party_id, &row);

	*party = row.party;
	return result;
}

static int add_party(struct store *store, const struct store_party *party)
{
	struct lease_next next = lease_first(&party->prefix);

	return store_do(store, ADD_PARTY, party_value(party->id), key_value(party->host),
			sql_number(addr_ipv4_value(&party->prefix.addr)),
			sql_number(party->prefix.length), sql_number(party->generation),
			sql_number(next.address), sql_number(next.number), sql_number(next.lease));
}

int store_bump(struct store *store, const uint8_t *party_id, uint64_t *change)
{
	int result = sql_find_number(store_bind(store, BUMP, party_value(party_id)), 0, change);

	return result == 0 && *change == 0 ? -ENOENT : result;
}

int store_set_next(struct store *store, const uint8_t *party_id, const struct lease_next *next)
{
	return store_do(store, SET_NEXT, party_value(party_id), sql_number(next->address),
			sql_number(next->number), sql_number(next->lease));
}

static int create_inside(struct store *store, const struct store_party *party,
			 const uint8_t *wireguard_key, uint64_t now_s)
{
	struct rendezvous_member member;
	struct party_row row;
	int result = store_get_row(store, party->id, &row);

	if (result == 0 && (memcmp(row.party.host, party->host, RENDEZVOUS_KEY_SIZE) != 0 ||
			    !addr_equal(&row.party.prefix.addr, &party->prefix.addr) ||
			    row.party.prefix.length != party->prefix.length))
		return -EEXIST;
	if (result == -ENOENT) {
		result = add_party(store, party);
		if (result == 0)
			result = store_get_row(store, party->id, &row);
	}
	if (result < 0)
		return result;
	result = store_get_member(store, party->id, party->host, &member);
	if (result == -ENOENT)
		return store_add_member(store, &row, party->host, wireguard_key, NULL, now_s);
	if (result == 0)
		result = store_renew_member(store, party->id, &member, wireguard_key, NULL);
	store_member_clear(&member);
	return result;
}

int store_create_party(struct store *store, const struct store_party *party,
		       const uint8_t *wireguard_key, uint64_t now_s)
{
	int result = store_begin(store, true);

	if (result == 0)
		result = create_inside(store, party, wireguard_key, now_s);
	return store_finish(store, result);
}

/* ---- from elsewhere, and away */

static int adopt_member(struct store *store, struct party_row *row,
			const struct rendezvous_member *member)
{
	uint32_t address = addr_ipv4_value(&member->address);
	uint64_t change;
	int result = store_bump(store, row->party.id, &change);

	if (result < 0)
		return result;
	/* whatever comes next must be behind all of them */
	while (row->next.address != 0 && row->next.address <= address)
		lease_advance_address(&row->party.prefix, &row->next);
	while (row->next.number != 0 && row->next.number <= member->number)
		lease_advance_number(&row->next);
	if (row->next.lease <= member->lease)
		row->next.lease = member->lease + 1;
	return store_do(store, ADOPT_MEMBER, party_value(row->party.id),
			key_value(member->identity), sql_number(member->number),
			sql_number(member->lease), sql_number(address),
			key_value(member->wireguard_key), sql_number(change));
}

static int adopt_inside(struct store *store, const struct server_party *party)
{
	struct store_party head = {.prefix = party->prefix, .generation = party->generation};
	struct party_row row;
	int result;

	memcpy(head.id, party->id, sizeof(head.id));
	memcpy(head.host, party->host, sizeof(head.host));
	result = add_party(store, &head);
	if (result == 0)
		result = store_get_row(store, party->id, &row);
	for (size_t i = 0; result == 0 && i < party->n_records; i++)
		result = store_add_record(store, party->id, &party->records[i]);
	for (size_t i = 0; result == 0 && i < party->n_members; i++)
		result = adopt_member(store, &row, &party->members[i]);
	return result == 0 ? store_set_next(store, party->id, &row.next) : result;
}

/* All in the prefix, and no two alike. */
static bool leases_are_sound(const struct server_party *party)
{
	for (size_t i = 0; i < party->n_members; i++) {
		const struct rendezvous_member *a = &party->members[i];

		if (!lease_address_is_valid(&party->prefix, addr_ipv4_value(&a->address)))
			return false;
		for (size_t j = 0; j < i; j++) {
			const struct rendezvous_member *b = &party->members[j];

			if (addr_equal_ip(&a->address, &b->address) || a->number == b->number ||
			    a->lease == b->lease)
				return false;
		}
	}
	return true;
}

int store_adopt(struct store *store, const struct server_party *party)
{
	struct party_row row;
	int result = store_get_row(store, party->id, &row);

	if (result != -ENOENT)
		return result;
	if (!leases_are_sound(party))
		return -EINVAL;
	result = store_begin(store, true);
	if (result == 0)
		result = adopt_inside(store, party);
	return store_finish(store, result);
}

int store_sweep(struct store *store, uint64_t now_s)
{
	uint64_t idle = now_s > STORE_PARTY_IDLE_S ? now_s - STORE_PARTY_IDLE_S : 0;
	int result = store_begin(store, false);

	if (result == 0)
		result = store_do(store, SWEEP_INVITES, sql_number(now_s));
	if (result == 0)
		result = store_do(store, SWEEP_PARTIES, sql_number(idle));
	if (result == 0)
		result = store_do(store, SWEEP_REVOCATIONS, sql_number(now_s));
	for (enum statement i = SWEEP_MEMBERS; result == 0 && i <= SWEEP_SHARES; i++)
		result = sql_run(store_use(store, i));
	return store_finish(store, result);
}
