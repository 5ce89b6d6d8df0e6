/* admission.h - logging in. */
#ifndef LANRAGE_SERVER_ADMISSION_H
#define LANRAGE_SERVER_ADMISSION_H

#include "svc-control/server/session.h"

/* Answers Login with Welcome, or with an Error after which the connection closes: there is one try
 * per challenge. A login of an identity that is here already takes its place; the earlier
 * connection is closed. */
void admission_login(struct session *session, const struct rendezvous_client_frame *frame);

#endif
