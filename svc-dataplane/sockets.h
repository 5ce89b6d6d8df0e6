/* sockets.h - which socket of this machine a port belongs to, asked of the kernel (sock_diag(7)).
 *
 * Synchronous, on the service thread; some tenths of a millisecond.
 */
#ifndef LANRAGE_DATAPLANE_SOCKETS_H
#define LANRAGE_DATAPLANE_SOCKETS_H

#include <stdint.h>

#include "svc-dataplane/binding.h"

/* own, own_interface: the party's address and interface, which count like none. Negative errno when
 * the kernel does not say (it may lack the module); answer is then empty. */
int sockets_find(const struct binding_port *port, uint32_t own, unsigned own_interface,
		 struct binding_answer *answer);

#endif
