#include "svc-api/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/cli/progress.h"

#define ANSWER_MAX (4 << 20)
#define URL_MAX	   1024 /* three times what a name may have, and more */
#define TICK_MS	   100

struct question {
	const char *method;
	const char *path;
	json_t *body; /* or NULL */
	uint32_t timeout_ms;
};

static size_t take_bytes(char *bytes, size_t size, size_t n, void *data)
{
	struct answer *answer = data;
	size_t length = size * n;
	char *text;

	if (length > ANSWER_MAX - answer->length)
		return 0;
	text = realloc(answer->text, answer->length + length + 1);
	if (!text)
		return 0;
	memcpy(text + answer->length, bytes, length);
	answer->text = text;
	answer->length += length;
	text[answer->length] = '\0';
	return length;
}

static struct curl_slist *make_headers(const struct place *place)
{
	char token[sizeof(place->token) + 32];
	struct curl_slist *headers;

	(void)snprintf(token, sizeof(token), "Authorization: Bearer %s", place->token);
	headers = curl_slist_append(NULL, token);
	explicit_bzero(token, sizeof(token));
	headers = curl_slist_append(headers, "Content-Type: application/json");
	return curl_slist_append(headers, "Expect:");
}

/* The environment may name a proxy; this never goes through one. */
static void set_options(CURL *curl, const struct question *question, const char *url,
			const char *body, struct curl_slist *headers, struct answer *answer)
{
	long timeout_ms = (long)question->timeout_ms;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < 2000L ? timeout_ms : 2000L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body || strcmp(question->method, "POST") == 0)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body ? body : "");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, question->method);
}

/* curl_easy_perform() would tell only once a second that it still waits. */
static CURLcode perform(CURL *curl)
{
	CURLM *multi = curl_multi_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	const CURLMsg *message;
	int running = 1, left;

	if (!multi || curl_multi_add_handle(multi, curl) != CURLM_OK)
		running = 0;
	while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
		(void)curl_multi_poll(multi, NULL, 0, TICK_MS, NULL);
		progress_tick();
	}
	message = multi ? curl_multi_info_read(multi, &left) : NULL;
	if (message)
		code = message->data.result;
	curl_multi_remove_handle(multi, curl);
	curl_multi_cleanup(multi);
	return code;
}

static int say_no_answer(CURLcode code, const struct place *place, struct error *error)
{
	if (code == CURLE_COULDNT_CONNECT)
		return error_set(error, -EAGAIN,
				 "LANrage is starting, or its API at %s is down: try again in a "
				 "few seconds, then see `lanrage logs api`",
				 place->api);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(error, -ETIMEDOUT,
				 "the API at %s does not answer; see `lanrage doctor`", place->api);
	return error_set(error, -EIO, "the API at %s: %s; see `lanrage logs api`", place->api,
			 curl_easy_strerror(code));
}

static int judge(struct answer *answer, struct error *error)
{
	const json_t *said;
	const char *message, *hint;

	answer->json = answer->text ? json_loadb(answer->text, answer->length, 0, NULL) : NULL;
	if (answer->json && answer->status >= 200 && answer->status < 300)
		return 0;
	said = json_object_get(answer->json, "error");
	message = json_string_value(json_object_get(said, "message"));
	hint = json_string_value(json_object_get(said, "hint"));
	return error_set(error, answer->status == 503 ? -EAGAIN : -EREMOTEIO, "%s%s%s",
			 message ? message
				 : "the API's answer was not understood: does another program "
				   "listen there, or one of another version?",
			 hint ? "; " : "", hint ? hint : "");
}

/* A cut path would ask for something else. */
static int make_url(const struct place *place, const char *path, char url[URL_MAX],
		    struct error *error)
{
	if (snprintf(url, URL_MAX, "http://%s/api/v1/%s", place->api, path) < URL_MAX)
		return 0;
	return error_set(error, -ENAMETOOLONG,
			 "this name is too long: no name has more than 255 bytes; `lanrage peers` "
			 "and `lanrage settings` list those there are");
}

static int ask(const struct place *place, const struct question *question, struct answer *answer,
	       struct error *error)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = make_headers(place);
	char *text = question->body ? json_dumps(question->body, JSON_COMPACT) : NULL;
	char url[URL_MAX];
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;
	int r = make_url(place, question->path, url, error);

	*answer = (struct answer){0};
	if (r == 0 && curl && headers && (text || !question->body)) {
		set_options(curl, question, url, text, headers, answer);
		code = perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	}
	progress_end();
	answer->status = (int)status;
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	free(text);
	if (r < 0)
		return r;
	return code == CURLE_OK ? judge(answer, error) : say_no_answer(code, place, error);
}

int client_ask(const struct place *place, const char *method, const char *path, json_t *body,
	       struct answer *answer, struct error *error)
{
	struct question question = {
		.method = method, .path = path, .body = body, .timeout_ms = CLIENT_TIMEOUT_MS};
	int r = ask(place, &question, answer, error);

	json_decref(body);
	return r;
}

int client_get_within(const struct place *place, const char *path, uint32_t timeout_ms,
		      struct answer *answer, struct error *error)
{
	struct question question = {.method = "GET", .path = path, .timeout_ms = timeout_ms};

	return ask(place, &question, answer, error);
}

void client_clear(struct answer *answer)
{
	json_decref(answer->json);
	free(answer->text);
	*answer = (struct answer){0};
}

char *client_escape(const char *name)
{
	char *escaped = malloc(3 * strlen(name) + 1);
	char *to = escaped;

	for (; to && *name; name++)
		to += sprintf(to, "%%%02X", (unsigned char)*name);
	if (to)
		*to = '\0';
	return escaped;
}
