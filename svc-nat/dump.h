/* dump.h - the kernel's answer to "which addresses, links, routes", taken apart (rtnetlink(7)).
 * Pure.
 *
 * Three dumps into the same list, addresses first: the links then say which of them are up and how
 * their interfaces are called. Of the routes only a digest is kept, which is another when a route
 * of the main table came, went or changed. Those that svc-dataplane makes do not count. Takes any
 * bytes; what is too short to be what it says is left out.
 */
#ifndef LANRAGE_NAT_DUMP_H
#define LANRAGE_NAT_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-nat/candidates.h"

#define DUMP_ADDRESSES_MAX 256

struct dump {
	bool interrupted; /* something changed meanwhile: the list is of no use */
	uint64_t routes;  /* digest */
	size_t n;
	unsigned index[DUMP_ADDRESSES_MAX]; /* of the interface */
	struct host_address list[DUMP_ADDRESSES_MAX];
};

void dump_init(struct dump *dump);
/* One datagram, aligned as struct nlmsghdr; sequence and port are the request's, messages of others
 * are skipped. 1: the dump is over; 0: there is more; negative errno, as the kernel said it. */
int dump_read(struct dump *dump, const void *bytes, size_t length, uint32_t sequence,
	      uint32_t port);

#endif
