/* sender.h - one message to a webhook over HTTPS, and what Discord answered.
 *
 * Waits, SENDER_TIMEOUT_MS at most, so it is for threads that may. No redirect is followed, no
 * proxy used, nothing of the answer trusted; the certificate must be good for the address. A
 * private certificate authority is named by SSL_CERT_FILE, as for the server's address.
 */
#ifndef LANRAGE_DISCORD_SENDER_H
#define LANRAGE_DISCORD_SENDER_H

#include <stdatomic.h>

#include "svc-api/discord/answer.h"

#define SENDER_TIMEOUT_MS 5000

/* Once, before there are threads. */
int sender_init(void);
/* address: the webhook's; content: the message (message.h). *stop set from another thread ends it
 * early. Fills *answer. */
void sender_post(const char *address, const char *content, const atomic_bool *stop,
		 struct answer *answer);

#endif
