/* request.h - what may be asked on RUN/launcher.sock, as bytes in and a plain struct out. Pure.
 *
 * A request is one SOCK_SEQPACKET message of ASCII: `restart NAME`, with an optional newline at the
 * end. The answer is one message: `ok`, or `error: ` and words.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_REQUEST_H
#define LANRAGE_DEPLOY_LAUNCHER_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/service.h"

#define REQUEST_MAX 64 /* bytes; longer messages are refused */

enum request_verb {
	REQUEST_RESTART,
};

struct request {
	enum request_verb verb;
	enum service_id service;
};

/* The bytes come from outside: any content, any length. -EINVAL with words that repeat none of
 * them. */
int launcher_request_parse(struct request *request, const uint8_t *bytes, size_t length,
			   struct error *error);

#endif
