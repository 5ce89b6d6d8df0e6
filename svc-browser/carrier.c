#include "svc-browser/carrier.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"

#define RETRY_MS 500
#define GAP_MS	 200 /* between two looks, however many events there are */

static void fetch(void *data);

static void fetch_after(struct carrier *carrier, uint64_t ms)
{
	loop_timer_start(carrier->loop, &carrier->timer, ms, 0, fetch, carrier);
}

static void fetch_ends(struct carrier *carrier, bool good)
{
	control_status_clear(&carrier->status);
	carrier->fetching = false;
	if (carrier->again)
		fetch_after(carrier, GAP_MS);
	else
		fetch_after(carrier, good ? CARRIER_INTERVAL_MS : RETRY_MS);
}

static void on_shared(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct carrier *carrier = data;
	struct control_shared_list shared;
	bool good = !error && control_shared_list_decode(&shared, body, length) == 0;

	if (good) {
		carrier->ops.fetched(carrier->ops.data, &carrier->status, &shared);
		control_shared_list_clear(&shared);
	}
	if (error && error->code == -ECANCELED)
		control_status_clear(&carrier->status);
	else
		fetch_ends(carrier, good);
}

static void on_status(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct carrier *carrier = data;

	if (error && error->code == -ECANCELED)
		return;
	if (error || control_status_decode(&carrier->status, body, length) < 0)
		fetch_ends(carrier, false);
	else
		bus_request(carrier->bus, SERVICE_CONTROL, CONTROL_GET_SHARED, NULL, 0,
			    BUS_TIMEOUT_MS, on_shared, carrier);
}

static void fetch(void *data)
{
	struct carrier *carrier = data;

	carrier->again = false;
	carrier->fetching = true;
	carrier->fetched_us = clock_now_us();
	bus_request(carrier->bus, SERVICE_CONTROL, CONTROL_GET_STATUS, NULL, 0, BUS_TIMEOUT_MS,
		    on_status, carrier);
}

static void on_event(void *data, uint32_t type, bool resync, const uint8_t *body, size_t length)
{
	struct carrier *carrier = data;
	uint64_t age_us = clock_now_us() - carrier->fetched_us;

	(void)body;
	(void)length;
	if (resync)
		carrier->ops.restarted(carrier->ops.data);
	if (!resync && type != CONTROL_EVENT_STATUS && type != CONTROL_EVENT_SHARED)
		return;
	if (carrier->fetching)
		carrier->again = true;
	else
		fetch_after(carrier, age_us >= GAP_MS * CLOCK_MS ? 0 : GAP_MS - age_us / CLOCK_MS);
}

static void on_pushed(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct carrier *carrier = data;

	(void)body;
	(void)length;
	carrier->pushing = false;
	if (!error || error->code != -ECANCELED)
		carrier->ops.pushed(carrier->ops.data, error ? error->code : 0);
}

void carrier_push(struct carrier *carrier, const struct control_shared *shared)
{
	uint8_t *bytes;
	ssize_t length = control_shared_encode(shared, &bytes);

	if (length < 0) {
		log_err("servers: cannot be encoded for svc-control: out of memory");
		return;
	}
	carrier->pushing = true;
	bus_request(carrier->bus, SERVICE_CONTROL, CONTROL_SET_SHARED, bytes, (size_t)length,
		    BUS_TIMEOUT_MS, on_pushed, carrier);
	free(bytes);
}

void carrier_start(struct carrier *carrier, struct loop *loop, struct bus *bus,
		   const struct carrier_ops *ops)
{
	carrier->loop = loop;
	carrier->bus = bus;
	carrier->ops = *ops;
	if (bus_subscribe(bus, SERVICE_CONTROL, on_event, carrier) < 0)
		log_warning("control: cannot subscribe to its events; asking it every %d s",
			    CARRIER_INTERVAL_MS / 1000);
	fetch(carrier);
}

void carrier_stop(struct carrier *carrier)
{
	loop_timer_stop(&carrier->timer);
}
