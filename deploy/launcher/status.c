#include "deploy/launcher/status.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "deploy/launcher/roster.h"

/* Text that grows at the end of a buffer; full is sticky. */
struct text {
	char *bytes;
	size_t size;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
							   ...)
{
	size_t room = text->size - text->length;
	va_list arguments;

	va_start(arguments, format);
	int wanted = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	text->length += wanted >= 0 && (size_t)wanted < room ? (size_t)wanted : room;
}

const char *launcher_status_state_name(enum status_state state)
{
	switch (state) {
	case STATUS_STARTING: return "starting";
	case STATUS_RUNNING: return "running";
	case STATUS_BACKOFF: return "backoff";
	case STATUS_STOPPED: return "stopped";
	}
	return "stopped";
}

static void add_service(struct text *text, const char *name, const struct status_service *service)
{
	text_add(text, "    \"%s\": {\"state\": \"%s\", ", name,
		 launcher_status_state_name(service->state));
	if (service->state == STATUS_RUNNING)
		text_add(text, "\"pid\": %ld, \"started_at_us\": %" PRIu64 ", ", (long)service->pid,
			 service->started_at_us);
	else
		text_add(text, "\"pid\": null, \"started_at_us\": null, ");
	text_add(text, "\"restarts\": %" PRIu32 ", ", service->restarts);
	if (service->last_exit[0] != '\0')
		text_add(text, "\"last_exit\": \"%s\"}", service->last_exit);
	else
		text_add(text, "\"last_exit\": null}");
}

int launcher_status_format(const struct status *status, char *bytes, size_t size)
{
	struct text text = {.bytes = bytes, .size = size};
	char started[CLOCK_RFC3339_SIZE];

	clock_rfc3339(status->launcher_wall_us, started);
	text_add(&text, "{\n  \"api\": \"%s\",\n", status->api);
	text_add(&text, "  \"launcher\": {\"pid\": %ld, \"started_at\": \"%s\"},\n",
		 (long)status->launcher_pid, started);
	text_add(&text, "  \"services\": {\n");
	for (int id = 0; id < SERVICE_COUNT; id++) {
		add_service(&text, roster[id].name, &status->services[id]);
		text_add(&text, "%s\n", id + 1 < SERVICE_COUNT ? "," : "");
	}
	text_add(&text, "  }\n}\n");
	return text.length < text.size ? (int)text.length : -ENOSPC;
}

void launcher_status_exit_words(int code, int value, char words[STATUS_WORDS_MAX])
{
	if (code == CLD_EXITED) {
		snprintf(words, STATUS_WORDS_MAX, "exited with status %d", value);
		return;
	}
	const char *name = sigabbrev_np(value);
	if (name != NULL)
		snprintf(words, STATUS_WORDS_MAX, "killed by SIG%s", name);
	else
		snprintf(words, STATUS_WORDS_MAX, "killed by signal %d", value);
}
