/* groups.h - multicast groups that arrive at the party's interface.
 *
 * The kernel delivers a group's packets only where somebody has joined it on the interface they
 * came by, and programs join on the interface of the default route. So a group is joined on the
 * party's interface by a socket of ours as long as some program is in it on another; then the
 * kernel hands its packets to those programs (IP_MULTICAST_ALL, which is on unless they say
 * otherwise).
 *
 * The memberships are the socket's: they end with the process, however it ends.
 */
#ifndef LANRAGE_DATAPLANE_GROUPS_H
#define LANRAGE_DATAPLANE_GROUPS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUPS_MAX 20 /* what one socket may join (net.ipv4.igmp_max_memberships) */

/* Addresses in network order. */
struct groups {
	int fd; /* -1: none */
	char interface[IF_NAMESIZE];
	size_t n;
	uint32_t joined[GROUPS_MAX];
};

void groups_init(struct groups *groups, const char *interface);
/* Leaves all. */
void groups_clear(struct groups *groups);
/* Joins a group that some program is in on another interface. -ESRCH: none is; -ENOSPC; another
 * negative errno. */
int groups_want(struct groups *groups, uint32_t group);
/* Leaves groups that no program is in any more. True while any is left. */
bool groups_sweep(struct groups *groups);

/* Whether the text of /proc/net/igmp has the group on another interface than `own`. */
bool groups_is_member(const char *text, const char *own, uint32_t group);

#endif
