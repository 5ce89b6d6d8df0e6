#include "svc-dataplane/context.h"

#include <string.h>

#define NS_PER_SECOND 1000000000ull

int context_set_private_key(struct context *context, const uint8_t *private_key)
{
	int result = noise_identity_init(&context->identity, private_key);

	if (result == 0)
		cookie_checker_init(&context->checker, context->identity.public_key);
	return result;
}

static const struct bucket_limit source_limits[CONTEXT_SOURCES] = {
	[CONTEXT_SOURCE_PROVEN] = CONTEXT_HANDSHAKES_SOURCE,
	[CONTEXT_SOURCE_KNOWN] = CONTEXT_HANDSHAKES_KNOWN,
};

int context_init(struct context *context, const struct engine_ops *ops, const uint8_t *private_key,
		 uint64_t reserved_s)
{
	int result;

	memset(context, 0, sizeof(*context));
	context->ops = *ops;
	context->good_key = context_random(context);
	tai64n_init(&context->timestamps, reserved_s * NS_PER_SECOND);
	result = context_set_private_key(context, private_key);
	if (result == 0)
		result = sources_new(&context->sources, source_limits, CONTEXT_SOURCES);
	if (result < 0)
		return result;
	return staging_init(&context->staging);
}

void context_deinit(struct context *context)
{
	allowedips_deinit(&context->allowed);
	index_deinit(&context->indices);
	schedule_deinit(&context->schedule);
	staging_deinit(&context->staging);
	sources_free(context->sources);
	noise_wipe(&context->identity, sizeof(context->identity));
	noise_wipe(&context->checker, sizeof(context->checker));
}

void context_timestamp(struct context *context, uint8_t timestamp[NOISE_TIMESTAMP_SIZE])
{
	const struct engine_ops *ops = &context->ops;

	if (tai64n_next(&context->timestamps, ops->wall_us(ops->data), timestamp))
		ops->reserve_timestamp(ops->data, context->timestamps.mark_ns / NS_PER_SECOND + 1);
}

uint32_t context_random(struct context *context)
{
	uint32_t value;

	context->ops.random(context->ops.data, &value, sizeof(value));
	return value;
}

uint8_t *context_room(struct context *context)
{
	return context->ops.room(context->ops.data);
}

void context_send(struct context *context, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		  size_t length)
{
	context->ops.send(context->ops.data, to, ecn, bytes, length);
}

void context_changed(struct context *context, enum dataplane_event event, const uint8_t *key)
{
	context->ops.changed(context->ops.data, event, key);
}

void context_observed(struct context *context, const struct addr *address, uint64_t now_us)
{
	if (reflexive_note(&context->reflexive, address, now_us))
		context_changed(context, DATAPLANE_EVENT_REFLEXIVE, NULL);
}

/* With a secret start; a crafted collision only costs an exemption. */
static size_t good_slot(const struct context *context, const struct addr *address)
{
	return addr_hash(address, context->good_key) % CONTEXT_GOOD_SIZE;
}

void context_good_note(struct context *context, const struct addr *address)
{
	context->good[good_slot(context, address)] = *address;
}

bool context_good_is(const struct context *context, const struct addr *address)
{
	return addr_equal(&context->good[good_slot(context, address)], address);
}
