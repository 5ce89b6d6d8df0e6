/* bus_dial.c - one socket that dials another service, and notices when nng has given up. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/transport/ipc/ipc.h>

#include "common/bus_private.h"
#include "common/clock.h"

/* Runs on a thread of nng's. ADD_PRE, because it is the one event that always comes before a
 * REM_POST of the same pipe. */
static void dial_pipe_event(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct bus_dial *dial = argument;
	int id = nng_pipe_id(pipe);

	if (event == NNG_PIPE_EV_ADD_PRE) {
		atomic_store(&dial->pipe, id);
	} else if (atomic_compare_exchange_strong(&dial->pipe, &id, 0)) {
		bus_item_ready(&dial->item);
	}
}

/* The pipe has gone; mostly the dialer brings another one at once. */
static void dial_run(struct bus_item *item)
{
	struct bus_dial *dial = (struct bus_dial *)item;

	dial->alone_since_us = clock_now_us();
	bus_dial_watch(dial, dial->alone_since_us);
}

/* Opens the socket and prepares it; bus_dial_start() does the rest. 0 or an nng error. */
int bus_dial_open(struct bus *bus, struct bus_dial *dial, int (*open_socket)(nng_socket *),
		  enum service_id to, const char *name)
{
	int r = open_socket(&dial->socket);

	if (r != 0)
		return r;
	dial->open = true;
	dial->item = (struct bus_item){.bus = bus, .run = dial_run};
	service_url(bus->service, to, name, dial->url);
	(void)nng_socket_set_size(dial->socket, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	(void)nng_socket_set_ms(dial->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	(void)nng_socket_set_ms(dial->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	(void)nng_pipe_notify(dial->socket, NNG_PIPE_EV_ADD_PRE, dial_pipe_event, dial);
	(void)nng_pipe_notify(dial->socket, NNG_PIPE_EV_REM_POST, dial_pipe_event, dial);
	return 0;
}

static void bus_dial_stop(struct bus_dial *dial)
{
	if (dial->dialing)
		(void)nng_dialer_close(dial->dialer);
	dial->dialing = false;
}

int bus_dial_start(struct bus_dial *dial)
{
	int r;

	bus_dial_stop(dial);
	dial->alone_since_us = clock_now_us();
	bus_watch_by(dial->item.bus, dial->alone_since_us + REDIAL_US);
	r = nng_dialer_create(&dial->dialer, dial->socket, dial->url);
	if (r != 0)
		return r;
	dial->dialing = true;
	return nng_dialer_start(dial->dialer, NNG_FLAG_NONBLOCK);
}

void bus_dial_close(struct bus_dial *dial)
{
	if (dial->open) {
		(void)nng_close(dial->socket);
		bus_item_forget(&dial->item);
	}
	dial->open = false;
	dial->dialing = false;
}

/* A dialer may have given up without telling; one that has not loses nothing. */
void bus_dial_watch(struct bus_dial *dial, uint64_t now_us)
{
	if (!dial->open || atomic_load(&dial->pipe) != 0)
		return;
	if (now_us - dial->alone_since_us >= REDIAL_US)
		(void)bus_dial_start(dial);
	else
		bus_watch_by(dial->item.bus, dial->alone_since_us + REDIAL_US);
}

int bus_dial_open_req(struct bus *bus, struct bus_dial *dial, enum service_id to)
{
	int r = bus_dial_open(bus, dial, nng_req0_open, to, "rep.sock");

	if (r == 0)
		(void)nng_socket_set_ms(dial->socket, NNG_OPT_REQ_RESENDTIME, RESEND_MS);
	return r;
}
