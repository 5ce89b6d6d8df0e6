/* What Discord says: an answer's header and body (first byte even), or frames of its local socket
 * in pieces, each as JSON. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "svc-api/cli/activity.h"
#include "svc-api/cli/ipc.h"
#include "svc-api/discord/answer.h"
#include "svc-api/discord/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Lines up to an empty one, then the body. */
static void try_answer(const char *text, size_t length, int status)
{
	static struct answer answer;
	char problem[ANSWER_PROBLEM_MAX];

	memset(&answer, 0, sizeof(answer));
	while (length > 0 && *text != '\n') {
		const char *end = memchr(text, '\n', length);
		size_t n = end ? (size_t)(end + 1 - text) : length;

		answer_take_header(&answer, text, n);
		text += n;
		length -= n;
	}
	(void)answer_take_body(&answer, text, length);
	answer.status = status;
	answer_finish(&answer);
	if (answer_rest_us(&answer) > ANSWER_WAIT_MAX_US ||
	    !text_is_clean(answer_problem(&answer, problem)))
		abort();
}

static void try_frames(const uint8_t *bytes, size_t length, size_t piece)
{
	static struct ipc_reader reader;
	struct ipc_frame frame;
	int r = 0;

	memset(&reader, 0, sizeof(reader));
	while (length > 0 && r >= 0) {
		size_t room, n = length < piece ? length : piece;
		uint8_t *to = ipc_room(&reader, &room);

		if (room == 0)
			abort();
		n = n < room ? n : room;
		memcpy(to, bytes, n);
		ipc_filled(&reader, n);
		bytes += n;
		length -= n;
		while ((r = ipc_next(&reader, &frame)) > 0) {
			json_t *json = json_loadb(frame.body, frame.length, 0, NULL);

			json_decref(activity_make(json, 0, ""));
			json_decref(json);
		}
	}
}

/* A name that is clean is still one line, and of no length that matters. */
static void try_name(const uint8_t *bytes, size_t length)
{
	char name[256], line[MESSAGE_LINE_MAX];
	struct news_item item = {NEWS_SERVER_UP, name, name, name, name, 0};

	length = length < sizeof(name) - 1 ? length : sizeof(name) - 1;
	memcpy(name, bytes, length);
	name[length] = '\0';
	message_line(&item, line);
	if (!text_is_clean(line) || strlen(line) >= MESSAGE_LINE_MAX - 1 ||
	    message_units(line) > MESSAGE_CONTENT_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const int statuses[] = {0, 200, 302, 404, 429, 500};

	if (length < 1)
		return 0;
	if (bytes[0] % 2 == 0)
		try_answer((const char *)bytes + 1, length - 1, statuses[bytes[0] / 2 % 6]);
	else
		try_frames(bytes + 1, length - 1, bytes[0]);
	try_name(bytes + 1, length - 1);
	return 0;
}
