/* dispatch.c - what may be asked of svc-nat, by whom. Whatever is not in the table is refused by
 * the bus. */
#include <errno.h>

#include "svc-nat/service.h"

static void set_desired(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct nat_desired desired;

	if (nat_desired_decode(&desired, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, "desired state: malformed");
		return;
	}
	if (service_set_desired(data, &desired) < 0)
		bus_reply_error(call, -ESTALE, "desired state: a newer revision is in force");
	else
		bus_reply(call, NULL, 0);
	nat_desired_clear(&desired);
}

static void get_state(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct nat_state state;
	uint8_t *answer = NULL;
	ssize_t n = report_state(data, &state);

	(void)body;
	(void)length;
	if (n == 0) {
		n = nat_state_encode(&state, &answer);
		nat_state_clear(&state);
	}
	bus_reply_encoded(call, n, answer);
}

static void check(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	(void)body;
	(void)length;
	if (check_start(data, call) < 0)
		bus_reply_error(call, -EBUSY, "the network is being checked for others already");
}

#define CONTROL BUS_FROM(SERVICE_CONTROL)
#define READERS \
	(CONTROL | BUS_FROM(SERVICE_API) | BUS_FROM(SERVICE_METRICS) | BUS_FROM(SERVICE_BROWSER))

const struct bus_method nat_methods[] = {
	{NAT_SET_DESIRED, CONTROL, set_desired},
	{NAT_GET_STATE, READERS, get_state},
	{NAT_CHECK, BUS_FROM(SERVICE_API), check},
	{0, 0, NULL},
};
