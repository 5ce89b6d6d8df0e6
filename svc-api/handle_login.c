/* handle_login.c - one-time links to the page. */
#include "common/clock.h"
#include "svc-api/body.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"

void handle_login(const struct request *request, struct reply *reply)
{
	struct api *api = request->api;
	char code[LOGIN_CODE_SIZE], path[LOGIN_CODE_SIZE + 16], at[CLOCK_RFC3339_SIZE];

	pthread_mutex_lock(&api->mutex);
	login_make_code(&api->auth.login,
			json_is_integer(json_object_get(request->body, "uid"))
				? (uint32_t)body_number(request->body, "uid")
				: LOGIN_ANYBODY,
			clock_now_us(), code);
	pthread_mutex_unlock(&api->mutex);
	(void)snprintf(path, sizeof(path), "/login/%s", code);
	reply_json(reply, 201,
		   json_pack("{s:s, s:s}", "path", path, "expires_at",
			     clock_rfc3339(clock_wall_us() + LOGIN_CODE_S * CLOCK_SECOND, at)));
}
