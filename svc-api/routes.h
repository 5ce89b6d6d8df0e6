/* routes.h - what may be asked: one table of method, path, parameters, body and handler.
 *
 * In a path `*` stands for any one segment, handed to the handler as request->parameter. Handlers
 * run on threads of the web server and may wait; each fills in its reply.
 */
#ifndef LANRAGE_API_ROUTES_H
#define LANRAGE_API_ROUTES_H

#include <jansson.h>

#include "svc-api/body.h"
#include "svc-api/reply.h"
#include "svc-api/service.h"
#include "svc-api/target.h"

struct request {
	struct api *api;
	const struct target *target;
	const char *parameter; /* what stands for `*`, or NULL */
	const json_t *body;    /* checked; never NULL */
};

struct route {
	const char *method; /* NULL ends the table */
	const char *path;
	void (*handler)(const struct request *request, struct reply *reply);
	const struct body_field *body; /* NULL: takes no fields */
	const char *const *parameters; /* of the query, NULL-terminated; NULL: takes none */
};

extern const struct route routes[];

enum routes_verdict { ROUTES_FOUND, ROUTES_NO_PATH, ROUTES_NO_METHOD };

/* Pure. HEAD finds GET. *parameter points into target; allow lists the path's methods. */
enum routes_verdict routes_find(const struct route *table, const char *method,
				const struct target *target, const struct route **route,
				const char **parameter, char allow[48]);
/* Pure: the first parameter of the query that the route does not take, or NULL. */
const char *routes_unknown_parameter(const struct route *route, const struct target *target);

#endif
