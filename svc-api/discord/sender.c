#include "svc-api/discord/sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"
#include "svc-api/discord/message.h"

#define ADDRESS_MAX 1100 /* a setting's value and the query */
#define TICK_MS	    100

int sender_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *data)
{
	answer_take_header(data, bytes, size * n);
	return size * n;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *data)
{
	return answer_take_body(data, bytes, size * n) ? size * n : 0;
}

/* With wait=true Discord answers after it has kept the message, so that its answer means something.
 * A resolver that hangs does not hold up the end of the thread (QUICK_EXIT). */
static void set_options(CURL *curl, const char *url, const char *body, struct curl_slist *headers,
			struct answer *answer)
{
	const char *authorities = getenv("SSL_CERT_FILE");

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)SENDER_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "LANrage/" LANRAGE_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (authorities && *authorities)
		curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
}

/* Looks at *stop while it waits. */
static CURLcode perform(CURL *curl, const atomic_bool *stop)
{
	CURLM *multi = curl_multi_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	const CURLMsg *message;
	int running = 1, left;

	if (!multi || curl_multi_add_handle(multi, curl) != CURLM_OK)
		running = 0;
	while (running > 0 && !atomic_load(stop) &&
	       curl_multi_perform(multi, &running) == CURLM_OK && running > 0)
		(void)curl_multi_poll(multi, NULL, 0, TICK_MS, NULL);
	message = multi ? curl_multi_info_read(multi, &left) : NULL;
	if (message)
		code = message->data.result;
	curl_multi_remove_handle(multi, curl);
	curl_multi_cleanup(multi);
	return code;
}

/* The status counts even where the rest did not come, or was more than is looked at: by then the
 * message had been taken or refused. */
static void conclude(CURL *curl, CURLcode code, struct answer *answer)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	answer->status = status >= 200 && status <= 599 ? (int)status : 0;
	if (answer->status == 0)
		answer->failure =
			code == CURLE_OK ? "no answer that makes sense" : curl_easy_strerror(code);
	answer_finish(answer);
}

void sender_post(const char *address, const char *content, const atomic_bool *stop,
		 struct answer *answer)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *body = message_body(content);
	char url[ADDRESS_MAX];

	memset(answer, 0, sizeof(*answer));
	answer->failure = "out of memory";
	(void)snprintf(url, sizeof(url), "%s?wait=true", address);
	if (curl && headers && body) {
		set_options(curl, url, body, headers, answer);
		conclude(curl, perform(curl, stop), answer);
	}
	explicit_bzero(url, sizeof(url));
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	free(body);
}
