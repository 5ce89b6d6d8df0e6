/* explain.h - why a peer is not reached directly and well, all told. Pure.
 *
 * svc-nat knows what the networks do (svc-nat/why.h), svc-control whether the server answers, the
 * clocks agree and there is a party at all. Where one of the latter explains a peer that is not
 * reached, it is named instead: everything else follows from it.
 */
#ifndef LANRAGE_API_EXPLAIN_H
#define LANRAGE_API_EXPLAIN_H

#include "svc-api/snapshot.h"

/* What is wrong with this machine or the server, whoever the peer is; NAT_CAUSE_NONE. */
enum nat_cause explain_self(const struct snapshot *snapshot);
/* Of one member, where control answered; NAT_CAUSE_NONE: it is reached directly and well, or
 * svc-nat does not answer. */
enum nat_cause explain_peer(const struct snapshot *snapshot, const struct control_member *member);
/* Why nobody goes by the name that was asked for; NAT_CAUSE_NONE: there is no such member. */
enum nat_cause explain_absence(const struct snapshot *snapshot);

#endif
