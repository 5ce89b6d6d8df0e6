#include "svc-api/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/clean.h"

void reply_json(struct reply *reply, int status, json_t *json)
{
	if (!json) {
		reply_error(reply, 500, "out_of_memory", "the answer could not be made");
		return;
	}
	reply_clear(reply);
	reply->status = status;
	reply->json = json;
}

void reply_text(struct reply *reply, const char *type, char *text)
{
	if (!text) {
		reply_json(reply, 500, NULL);
		return;
	}
	reply_clear(reply);
	reply->status = 200;
	reply->text = text;
	reply->type = type;
}

void reply_error(struct reply *reply, int status, const char *code, const char *format, ...)
{
	char text[2 * ERROR_TEXT_MAX], message[2 * ERROR_TEXT_MAX];
	const char *hint = NULL;
	va_list arguments;
	char *end;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	clean_text(text, strlen(text), message, sizeof(message));
	end = strstr(message, "; ");
	if (end) {
		*end = '\0';
		hint = end + 2;
	}
	reply_clear(reply);
	reply->status = status;
	reply->json = json_pack("{s:{s:s, s:s, s:s?}}", "error", "code", code, "message", message,
				"hint", hint);
}

void reply_page(struct reply *reply, json_t *list, const struct target_page *page)
{
	json_t *part = list ? json_array() : NULL;
	size_t total = json_array_size(list);

	for (size_t i = page->offset; part && i < total && i - page->offset < page->limit; i++)
		(void)json_array_append(part, json_array_get(list, i));
	json_decref(list);
	reply_json(reply, 200, part);
	reply->paged = part != NULL;
	reply->total = total;
}

static const struct {
	int error;
	int status;
	const char *code;
} meanings[] = {
	{-EINVAL, 400, "bad_value"},
	{-EBADMSG, 400, "bad_value"},
	{-EPERM, 403, "not_allowed"},
	{-EACCES, 403, "not_allowed"},
	{-ENOENT, 404, "not_found"},
	{-EKEYEXPIRED, 404, "code_expired"},
	{-EALREADY, 409, "already_in_party"},
	{-EBUSY, 409, "busy"},
	{-EEXIST, 409, "exists"},
	{-ENOSPC, 409, "full"},
	{-ENETUNREACH, 409, "no_path"},
	{-ELOOP, 409, "own_server"},
	{-ENOTSUP, 501, "not_supported"},
	{-ENOTCONN, 503, "server_away"},
	{-EAGAIN, 503, "not_ready"},
	{-ECANCELED, 503, "not_ready"},
	{-ETIMEDOUT, 504, "timeout"},
};

void reply_failure(struct reply *reply, enum service_id from, const struct error *error)
{
	if (error->code == -EHOSTDOWN) { /* the bus's word for a service that is silent */
		reply_error(
			reply, 504, "service_silent",
			"lanrage-%s does not answer; see `lanrage doctor` and `lanrage logs %s`",
			service_names[from], service_names[from]);
		return;
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].error == error->code) {
			reply_error(reply, meanings[i].status, meanings[i].code, "%s",
				    *error->text ? error->text : strerror(-error->code));
			return;
		}
	reply_error(reply, 502, "service_failed", "lanrage-%s: %s; see `lanrage logs %s`",
		    service_names[from], *error->text ? error->text : strerror(-error->code),
		    service_names[from]);
}

void reply_clear(struct reply *reply)
{
	json_decref(reply->json);
	free(reply->text);
	reply->json = NULL;
	reply->text = NULL;
	reply->status = 0;
	reply->paged = false;
}
