/* dispatch.h - from a message to the function that answers it. */
#ifndef LANRAGE_SERVER_DISPATCH_H
#define LANRAGE_SERVER_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "svc-control/server/listener.h"

/* For listener.h. A malformed message is answered with an Error, then the connection closes. */
void dispatch_message(void *data, struct connection *connection, const uint8_t *bytes,
		      size_t length);

#endif
