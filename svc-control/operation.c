#include "svc-control/operation.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-control/service.h"

/* ---- beginning and ending */

void operation_init(struct control *control)
{
	memset(&control->operation, 0, sizeof(control->operation));
}

bool operation_begin(struct control *control, enum operation_kind kind, struct bus_call *call)
{
	struct operation *operation = &control->operation;

	if (operation->kind != OPERATION_NONE) {
		bus_reply_error(
			call, -EBUSY,
			"another create, join, invite, kick or leave is still running; try again "
			"in a moment");
		return false;
	}
	operation->kind = kind;
	operation->call = call;
	return true;
}

/* A derivation that is still under way finds that nobody waits for it. */
static void operation_end(struct control *control)
{
	loop_timer_stop(&control->operation.timer);
	sodium_memzero(&control->operation, sizeof(control->operation));
}

void operation_answer(struct control *control, const uint8_t *bytes, size_t length)
{
	bus_reply(control->operation.call, bytes, length);
	operation_end(control);
}

void operation_fail(struct control *control, int code, const char *text)
{
	struct operation *operation = &control->operation;

	if (operation->undo)
		operation->undo(control);
	bus_reply_error(operation->call, code, text);
	operation_end(control);
	/* back to the party's server, or the setting's */
	control_choose_server(control);
}

void operation_fail_error(struct control *control, const struct error *error)
{
	operation_fail(control, error->code, error->text);
}

static void operation_answered(void *data, const struct error *error,
			       const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	if (error)
		operation_fail_error(control, error);
	else
		control->operation.next(control);
}

void operation_ask(struct control *control, struct rendezvous_client_frame *frame,
		   operation_step next)
{
	control->operation.next = next;
	rendezvous_request(control->rendezvous, frame, operation_answered, control);
}

void operation_deinit(struct control *control)
{
	if (control->operation.kind != OPERATION_NONE)
		operation_fail(control, -ECANCELED, "the service is stopping");
}

/* ---- waiting for the server and the keys */

static void operation_go_on(struct control *control)
{
	struct operation *operation = &control->operation;
	operation_step go_on = operation->go_on;

	if (!go_on || !operation->derived || !control->has_wireguard_key ||
	    rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED)
		return;
	operation->go_on = NULL;
	if (!operation->searching)
		loop_timer_stop(&operation->timer);
	go_on(control);
}

void operation_server_ready(struct control *control)
{
	operation_go_on(control);
}

static void operation_server_timeout(void *data)
{
	struct control *control = data;
	const char *reason = rendezvous_reason(control->rendezvous);
	struct error error;

	if (control->operation.searching)
		error_set(&error, -ENOENT,
			  "no party has this code: it was mistyped, has expired, or belongs to "
			  "another server or network; ask the host for a new one, or for the link");
	else if (rendezvous_state(control->rendezvous) == CONTROL_SERVER_CONNECTED)
		error_set(&error, -EAGAIN, "the data plane is not up yet; see `lanrage doctor`");
	else
		error_set(&error, -ENOTCONN,
			  "the server %.80s does not answer%s%.80s; check the address and your "
			  "connection, then try again",
			  rendezvous_url(control->rendezvous), *reason ? ": " : "", reason);
	operation_fail_error(control, &error);
}

static void operation_fail_without_server(struct control *control)
{
	if (control->party.joined && !control_is_up(control))
		operation_fail(control, -ENOTCONN,
			       "you are disconnected from the party; connect with `lanrage up`");
	else
		operation_fail(control, -ENOTCONN,
			       "no server is configured: set one with `lanrage settings "
			       "server_url ws://HOST:PORT`, or use a lanrage:// link");
}

/* ---- the code's keys */

/* Owns what the other thread works on; the operation may end meanwhile. */
struct derivation {
	struct control *control;
	struct code code;
	struct code_keys keys;
	int result;
};

static void derivation_work(void *data)
{
	struct derivation *derivation = data;

	derivation->result = code_derive(&derivation->code, &derivation->keys);
}

static void derivation_free(struct derivation *derivation)
{
	sodium_memzero(derivation, sizeof(*derivation));
	free(derivation);
}

static void derivation_done(void *data)
{
	struct derivation *derivation = data;
	struct control *control = derivation->control;
	struct operation *operation = &control->operation;
	bool wanted = operation->derivation == derivation;
	int result = derivation->result;

	if (wanted) {
		operation->derivation = NULL;
		operation->keys = derivation->keys;
		operation->derived = result == 0;
	}
	derivation_free(derivation);
	if (wanted && result < 0)
		operation_fail(control, result,
			       "not enough memory to work with the code: 64 MiB are needed");
	else if (wanted)
		operation_go_on(control);
}

static int operation_derive(struct control *control)
{
	struct derivation *derivation = calloc(1, sizeof(*derivation));
	int r;

	if (!derivation)
		return -ENOMEM;
	derivation->control = control;
	derivation->code = control->operation.code;
	r = loop_offload(&control->loop, derivation_work, derivation_done, derivation);
	if (r < 0)
		derivation_free(derivation);
	else
		control->operation.derivation = derivation;
	return r;
}

static void operation_wait_for(struct control *control, operation_step go_on, uint64_t ms)
{
	struct operation *operation = &control->operation;

	if (!operation->derived && !operation->derivation && operation_derive(control) < 0) {
		operation_fail(control, -ENOMEM, "out of memory");
		return;
	}
	operation->go_on = go_on;
	loop_timer_start(&control->loop, &operation->timer, ms, 0, operation_server_timeout,
			 control);
	if (operation->searching)
		local_search(control);
	else
		rendezvous_hurry(control->rendezvous);
}

void operation_wait(struct control *control, operation_step go_on)
{
	if (rendezvous_state(control->rendezvous) == CONTROL_SERVER_NONE)
		operation_fail_without_server(control);
	else
		operation_wait_for(control, go_on, OPERATION_SERVER_MS);
}

void operation_search(struct control *control, operation_step go_on, uint64_t ms)
{
	control->operation.searching = true;
	operation_wait_for(control, go_on, ms);
}
