#include "common/envelope.h"

#include <errno.h>
#include <string.h>

#include "common/bus.h"
#include "ipc.pb-c.h"

/* What unpacking an envelope takes beside the bytes themselves. */
#define UNPACK_EXTRA 512

static const void *envelope_unpack(struct envelope *envelope,
				   const ProtobufCMessageDescriptor *descriptor,
				   const uint8_t *bytes, size_t length)
{
	const void *message;

	*envelope = (struct envelope){0};
	message = pb_unpack(&envelope->memory, length + UNPACK_EXTRA, descriptor, bytes, length);
	if (!message)
		envelope_free(envelope);
	return message;
}

void envelope_free(struct envelope *envelope)
{
	pb_free(&envelope->memory);
}

/* The last step of every decoder. */
static int envelope_set_body(struct envelope *envelope, const ProtobufCBinaryData *body, bool ok)
{
	if (!ok || body->len > BUS_BODY_MAX) {
		envelope_free(envelope);
		return -EBADMSG;
	}
	envelope->body = body->data ? body->data : (const uint8_t *)"";
	envelope->length = body->len;
	return 0;
}

int envelope_decode_request(struct envelope *envelope, const uint8_t *bytes, size_t length)
{
	const Lanrage__Ipc__Request *request =
		envelope_unpack(envelope, &lanrage__ipc__request__descriptor, bytes, length);

	if (!request)
		return -EBADMSG;
	envelope->id = request->id;
	envelope->type = request->type;
	return envelope_set_body(envelope, &request->body, true);
}

int envelope_decode_reply(struct envelope *envelope, const uint8_t *bytes, size_t length)
{
	const Lanrage__Ipc__Reply *reply =
		envelope_unpack(envelope, &lanrage__ipc__reply__descriptor, bytes, length);
	bool ok;

	if (!reply)
		return -EBADMSG;
	ok = reply->status <= 0 && reply->status >= ENVELOPE_STATUS_MIN &&
	     strlen(reply->text) < ERROR_TEXT_MAX;
	envelope->id = reply->id;
	if (ok && reply->status != 0)
		(void)error_set(&envelope->error, reply->status, "%s", reply->text);
	return envelope_set_body(envelope, &reply->body, ok);
}

int envelope_decode_event(struct envelope *envelope, const uint8_t *bytes, size_t length)
{
	const Lanrage__Ipc__Event *event =
		envelope_unpack(envelope, &lanrage__ipc__event__descriptor, bytes, length);

	if (!event)
		return -EBADMSG;
	envelope->type = event->type;
	envelope->instance = event->instance;
	envelope->sequence = event->sequence;
	envelope->repeat = event->repeat;
	return envelope_set_body(envelope, &event->body, event->sequence != 0);
}
