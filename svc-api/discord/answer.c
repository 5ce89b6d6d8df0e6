#include "svc-api/discord/answer.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* `1`, `0.35`; 0 for what is no such number. */
static uint64_t take_seconds(const char *text, size_t length)
{
	uint64_t us = 0, unit = CLOCK_SECOND;
	bool fraction = false;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.' && !fraction && i > 0) {
			fraction = true;
			continue;
		}
		if (!isdigit((unsigned char)text[i]))
			return 0;
		if (fraction)
			unit /= 10;
		us = (fraction ? us : us * 10) + (uint64_t)(text[i] - '0') * unit;
		if (us > ANSWER_WAIT_MAX_US)
			return ANSWER_WAIT_MAX_US;
	}
	return us;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_header(const char *line, size_t length, const char *name)
{
	size_t n = strlen(name);

	return length > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

void answer_take_header(struct answer *answer, const char *line, size_t length)
{
	const char *value = memchr(line, ':', length);

	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		*answer = (struct answer){.status = 0};
		return;
	}
	if (!value)
		return;
	while (length > 0 && isspace((unsigned char)line[length - 1]))
		length--;
	value++;
	while (value < line + length && isspace((unsigned char)*value))
		value++;
	size_t rest = value < line + length ? (size_t)(line + length - value) : 0;

	if (is_header(line, length, "Retry-After"))
		answer->wait_us = larger(answer->wait_us, take_seconds(value, rest));
	else if (is_header(line, length, "X-RateLimit-Reset-After"))
		answer->reset_us = take_seconds(value, rest);
	else if (is_header(line, length, "X-RateLimit-Remaining"))
		answer->spent = rest == 1 && *value == '0';
}

bool answer_take_body(struct answer *answer, const char *bytes, size_t length)
{
	size_t room = ANSWER_BODY_MAX - answer->length;
	size_t n = length < room ? length : room;

	memcpy(answer->body + answer->length, bytes, n);
	answer->length += n;
	return n == length;
}

void answer_finish(struct answer *answer)
{
	json_t *json, *after;
	double seconds;

	if (answer->status != 429)
		return;
	json = json_loadb(answer->body, answer->length, 0, NULL);
	after = json_object_get(json, "retry_after");
	seconds = json_number_value(after);
	if (seconds > 0 && seconds < (double)ANSWER_WAIT_MAX_US / CLOCK_SECOND)
		answer->wait_us = larger(answer->wait_us, (uint64_t)(seconds * CLOCK_SECOND));
	else if (seconds > 0)
		answer->wait_us = ANSWER_WAIT_MAX_US;
	json_decref(json);
}

uint64_t answer_rest_us(const struct answer *answer)
{
	if (answer->status == 429)
		return answer->wait_us ? answer->wait_us : answer->reset_us;
	return answer->spent ? answer->reset_us : 0;
}

char *answer_problem(const struct answer *answer, char text[ANSWER_PROBLEM_MAX])
{
	int status = answer->status;

	*text = '\0';
	if (answer_is_good(answer))
		return text;
	if (status == 0)
		(void)snprintf(text, ANSWER_PROBLEM_MAX,
			       "Discord is not reached (%s); see whether this machine is online",
			       answer->failure ? answer->failure : "no answer");
	else if (answer_is_final(answer))
		(void)snprintf(text, ANSWER_PROBLEM_MAX,
			       "Discord does not take the webhook any more (status %d); make a new "
			       "one, then: lanrage settings discord.webhook -",
			       status);
	else if (status == 429)
		(void)snprintf(text, ANSWER_PROBLEM_MAX,
			       "Discord wants fewer messages; they go on in %llu s",
			       (unsigned long long)(answer_rest_us(answer) / CLOCK_SECOND + 1));
	else if (status >= 500)
		(void)snprintf(text, ANSWER_PROBLEM_MAX,
			       "Discord has trouble of its own (status %d); wait", status);
	else
		(void)snprintf(text, ANSWER_PROBLEM_MAX,
			       "Discord did not take the message (status %d); if that goes on, set "
			       "the webhook anew",
			       status);
	return text;
}
