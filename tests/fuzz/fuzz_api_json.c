/* What a request to the API brings: the first byte picks the route, the first line is its path and
 * query, the rest its body. Any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "svc-api/range.h"
#include "svc-api/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void parse_range(const struct target *target)
{
	struct error error = {0};
	struct metrics_wish wish;

	if (range_take(target, 1769860800, &wish, &error) == 0) {
		if (wish.from_s > wish.to_s || wish.points < METRICS_POINTS_MIN ||
		    wish.points > METRICS_POINTS_MAX)
			abort();
	} else if (!*error.text) {
		abort();
	}
}

static void parse_target(const char *line)
{
	struct target target;
	const struct route *route;
	const char *parameter = NULL;
	char path[512], allow[48];
	size_t split = strcspn(line, "?");

	if (split >= sizeof(path))
		return;
	memcpy(path, line, split);
	path[split] = '\0';
	if (target_parse(&target, path, line[split] ? line + split + 1 : NULL) < 0)
		return;
	for (size_t i = 0; i < target.n_segments; i++)
		if (!text_is_clean(target.segments[i]))
			abort();
	parse_range(&target);
	if (routes_find(routes, "GET", &target, &route, &parameter, allow) == ROUTES_FOUND)
		(void)routes_unknown_parameter(route, &target);
}

static void parse_body(const struct route *route, const char *bytes, size_t length)
{
	struct error error = {0};
	json_t *json;
	int r = body_parse(&json, route->body, bytes, length, &error);

	if (r == 0 && !json_is_object(json))
		abort();
	if (r != 0 && (json || !*error.text || !text_is_clean(error.text)))
		abort();
	for (const struct body_field *field = route->body; r == 0 && field && field->name; field++)
		if (strlen(body_text(json, field->name)) >= 2000 ||
		    (field->kind == BODY_NUMBER && body_number(json, field->name) > field->max))
			abort();
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	size_t n_routes = 0;
	char line[1024];
	const uint8_t *newline = length ? memchr(bytes, '\n', length) : NULL;
	size_t head = newline ? (size_t)(newline - bytes) : 0;

	if (!newline || head == 0 || head >= sizeof(line))
		return 0;
	while (routes[n_routes].method)
		n_routes++;
	memcpy(line, bytes + 1, head - 1);
	line[head - 1] = '\0';
	parse_target(line);
	parse_body(&routes[bytes[0] % n_routes], (const char *)newline + 1, length - head - 1);
	return 0;
}
