#include "svc-control/server/lease.h"

#include <errno.h>
#include <stdlib.h>

bool lease_prefix_is_valid(const struct addr_prefix *prefix)
{
	uint32_t first = addr_ipv4_value(&prefix->addr), host_bits;
	struct addr last;

	if (prefix->addr.family != ADDR_IPV4 || prefix->length < 8 || prefix->length > 24)
		return false;
	host_bits = UINT32_MAX >> prefix->length;
	last = addr_ipv4(first | host_bits, 0);
	return (first & host_bits) == 0 && addr_is_private(&prefix->addr) && addr_is_private(&last);
}

struct lease_next lease_first(const struct addr_prefix *prefix)
{
	struct lease_next next = {addr_ipv4_value(&prefix->addr) + 1, 1, 1};

	return next;
}

bool lease_address_is_valid(const struct addr_prefix *prefix, uint32_t address)
{
	uint32_t last_byte = address & 0xff;
	struct addr addr = addr_ipv4(address, 0);

	return addr_prefix_contains(prefix, &addr) && last_byte != 0 && last_byte != 255;
}

void lease_advance_address(const struct addr_prefix *prefix, struct lease_next *next)
{
	uint32_t address = next->address;

	if (address == 0)
		return;
	/* over .255 and .0 to the next /24 */
	address += (address & 0xff) == 254 ? 3 : 1;
	next->address = lease_address_is_valid(prefix, address) ? address : 0;
}

void lease_advance_number(struct lease_next *next)
{
	if (next->number)
		next->number = next->number < LEASE_NUMBER_MAX ? next->number + 1 : 0;
}

static int by_address(const void *a, const void *b)
{
	const struct lease_entry *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static int by_number(const void *a, const void *b)
{
	const struct lease_entry *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

static int by_lease(const void *a, const void *b)
{
	const struct lease_entry *left = a, *right = b;

	return (left->lease > right->lease) - (left->lease < right->lease);
}

/* Sorted by `order`, two neighbours that compare equal are the same thing given twice. */
static bool has_double(struct lease_entry *entries, size_t n,
		       int (*order)(const void *, const void *))
{
	qsort(entries, n, sizeof(*entries), order);
	for (size_t i = 1; i < n; i++)
		if (order(&entries[i - 1], &entries[i]) == 0)
			return true;
	return false;
}

int lease_check(const struct addr_prefix *prefix, const struct lease_next *next,
		struct lease_entry *entries, size_t n, struct error *error)
{
	for (size_t i = 0; i < n; i++) {
		const struct lease_entry *entry = &entries[i];

		if (!lease_address_is_valid(prefix, entry->address) ||
		    (next->address && entry->address >= next->address))
			return error_set(error, -EUCLEAN,
					 "lease %u has an address outside of its party",
					 entry->lease);
		if (entry->number == 0 || entry->number > LEASE_NUMBER_MAX ||
		    (next->number && entry->number >= next->number))
			return error_set(error, -EUCLEAN, "lease %u has a wrong member number",
					 entry->lease);
		if (entry->lease == 0 || entry->lease >= next->lease)
			return error_set(error, -EUCLEAN, "lease %u was never given", entry->lease);
	}
	if (has_double(entries, n, by_lease))
		return error_set(error, -EUCLEAN, "a lease number was given twice");
	if (has_double(entries, n, by_number))
		return error_set(error, -EUCLEAN, "a member number was given twice");
	if (has_double(entries, n, by_address))
		return error_set(error, -EUCLEAN, "an address was given twice");
	return 0;
}
