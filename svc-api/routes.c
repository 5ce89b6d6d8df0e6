#include "svc-api/routes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "svc-api/handlers.h"
#include "svc-browser/codec.h"
#include "svc-control/codec.h"
#include "svc-metrics/codec.h"

static const struct body_field create_body[] = {
	{"name", BODY_TEXT, true, CONTROL_NAME_MAX},
	{"own_name", BODY_TEXT, false, CONTROL_NAME_MAX},
	{"local", BODY_BOOL, false, 0},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field join_body[] = {
	{"code", BODY_TEXT, true, CONTROL_CODE_MAX},
	{"name", BODY_TEXT, false, CONTROL_NAME_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field invite_body[] = {
	{"once", BODY_BOOL, false, 0},
	{"ttl_s", BODY_NUMBER, false, UINT32_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field revoke_body[] = {
	{"code", BODY_TEXT, true, CONTROL_CODE_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field kick_body[] = {
	{"member", BODY_TEXT, true, CONTROL_NAME_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field settings_body[] = {
	{BODY_ANY, BODY_VALUE, false, CONTROL_SETTING_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field reset_body[] = {
	{"keys", BODY_TEXTS, false, CONTROL_SETTINGS_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field import_body[] = {
	{"format", BODY_TEXT, true, CONTROL_NAME_MAX},
	{"version", BODY_NUMBER, true, UINT32_MAX},
	{"settings", BODY_VALUES, true, CONTROL_SETTING_MAX},
	{"omitted", BODY_TEXTS, false, CONTROL_SETTINGS_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field webhook_body[] = {
	{"webhook", BODY_TEXT, true, CONTROL_SETTING_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field discord_invite_body[] = {
	{"invite", BODY_TEXT, true, CONTROL_SETTING_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field server_body[] = {
	{"id", BODY_TEXT, false, BROWSER_OWN_ID_MAX},
	{"name", BODY_TEXT, true, BROWSER_NAME_MAX},
	{"game", BODY_TEXT, true, BROWSER_WORD_MAX},
	{"port", BODY_NUMBER, false, UINT16_MAX},
	{"address", BODY_TEXT, false, ADDR_TEXT_SIZE},
	{"players", BODY_NUMBER, false, BROWSER_PLAYERS_MAX},
	{"max_players", BODY_NUMBER, false, BROWSER_PLAYERS_MAX},
	{"map", BODY_TEXT, false, BROWSER_WORD_MAX},
	{"mode", BODY_TEXT, false, BROWSER_WORD_MAX},
	{"password", BODY_BOOL, false, 0},
	{"tags", BODY_TEXTS, false, BROWSER_TAGS_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field players_body[] = {
	{"players", BODY_NUMBER, true, BROWSER_PLAYERS_MAX},
	{"max_players", BODY_NUMBER, false, BROWSER_PLAYERS_MAX},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field login_body[] = {
	{"uid", BODY_NUMBER, false, UINT32_MAX - 1},
	{NULL, BODY_TEXT, false, 0},
};
static const struct body_field session_body[] = {
	{"game", BODY_TEXT, true, METRICS_GAME_MAX},
	{"server", BODY_TEXT, false, METRICS_GAME_MAX},
	{NULL, BODY_TEXT, false, 0},
};

static const char *const lines_parameter[] = {"lines", NULL};
static const char *const range_parameters[] = {"from", "to", "seconds", "points", NULL};
static const char *const servers_parameters[] = {
	"game",	     "search", "tag",	"hide_full", "hide_empty", "hide_password",
	"favourite", "sort",   "limit", "offset",    NULL};
static const char *const page_parameters[] = {"limit", "offset", NULL};
static const char *const describe_parameter[] = {"describe", NULL};

const struct route routes[] = {
	{"GET", "/metrics", handle_prometheus, NULL, NULL},
	{"GET", "/api/v1/status", handle_status, NULL, NULL},
	{"GET", "/api/v1/network", handle_network, NULL, NULL},
	{"GET", "/api/v1/netcheck", handle_netcheck, NULL, NULL},
	{"POST", "/api/v1/netcheck", handle_netcheck, NULL, NULL},
	{"POST", "/api/v1/party", handle_create, create_body, NULL},
	{"POST", "/api/v1/party/join", handle_join, join_body, NULL},
	{"POST", "/api/v1/party/leave", handle_leave, NULL, NULL},
	{"POST", "/api/v1/party/invite", handle_invite, invite_body, NULL},
	{"POST", "/api/v1/party/revoke", handle_revoke, revoke_body, NULL},
	{"POST", "/api/v1/party/kick", handle_kick, kick_body, NULL},
	{"POST", "/api/v1/up", handle_up, NULL, NULL},
	{"POST", "/api/v1/down", handle_down, NULL, NULL},
	{"POST", "/api/v1/login", handle_login, login_body, NULL},
	{"POST", "/api/v1/services/*/restart", handle_restart, NULL, NULL},
	{"GET", "/api/v1/peers", handle_peers, NULL, NULL},
	{"GET", "/api/v1/peers/*/why", handle_why, NULL, NULL},
	{"POST", "/api/v1/peers/*/ping", handle_ping, NULL, NULL},
	{"GET", "/api/v1/settings", handle_settings, NULL, describe_parameter},
	{"PATCH", "/api/v1/settings", handle_change_settings, settings_body, NULL},
	{"POST", "/api/v1/settings/reset", handle_reset_settings, reset_body, NULL},
	{"GET", "/api/v1/settings/export", handle_export_settings, NULL, NULL},
	{"POST", "/api/v1/settings/import", handle_import_settings, import_body, NULL},
	{"GET", "/api/v1/settings/configurations", handle_configurations, NULL, NULL},
	{"PUT", "/api/v1/settings/configurations/*", handle_save_configuration, NULL, NULL},
	{"DELETE", "/api/v1/settings/configurations/*", handle_forget_configuration, NULL, NULL},
	{"POST", "/api/v1/settings/configurations/*/activate", handle_use_configuration, NULL,
	 NULL},
	{"GET", "/api/v1/settings/*", handle_setting, NULL, describe_parameter},
	{"GET", "/api/v1/discord/status", handle_discord_status, NULL, NULL},
	{"GET", "/api/v1/discord/instructions", handle_discord_instructions, NULL, NULL},
	{"POST", "/api/v1/discord/test", handle_discord_test, NULL, NULL},
	{"GET", "/api/v1/discord/webhook", handle_webhook, NULL, NULL},
	{"PUT", "/api/v1/discord/webhook", handle_set_webhook, webhook_body, NULL},
	{"DELETE", "/api/v1/discord/webhook", handle_remove_webhook, NULL, NULL},
	{"GET", "/api/v1/discord/invite", handle_discord_invite, NULL, NULL},
	{"PUT", "/api/v1/discord/invite", handle_set_discord_invite, discord_invite_body, NULL},
	{"DELETE", "/api/v1/discord/invite", handle_remove_discord_invite, NULL, NULL},
	{"GET", "/api/v1/logs", handle_logs, NULL, lines_parameter},
	{"GET", "/api/v1/logs/*", handle_logs, NULL, lines_parameter},
	{"GET", "/api/v1/lan/check", handle_lan_check, NULL, NULL},
	{"GET", "/api/v1/metrics/system", handle_system, NULL, NULL},
	{"GET", "/api/v1/metrics/system/history", handle_system_history, NULL, range_parameters},
	{"GET", "/api/v1/metrics/lan", handle_metrics_lan, NULL, NULL},
	{"GET", "/api/v1/metrics/peers", handle_metrics_peers, NULL, NULL},
	{"GET", "/api/v1/metrics/peers/*", handle_metrics_peer, NULL, NULL},
	{"GET", "/api/v1/metrics/peers/*/history", handle_peer_history, NULL, range_parameters},
	{"GET", "/api/v1/metrics/quality", handle_quality, NULL, NULL},
	{"GET", "/api/v1/metrics/summary", handle_summary, NULL, NULL},
	{"GET", "/api/v1/metrics/sessions", handle_sessions, NULL, page_parameters},
	{"POST", "/api/v1/metrics/sessions", handle_start_session, session_body, NULL},
	{"GET", "/api/v1/metrics/sessions/*", handle_session, NULL, NULL},
	{"POST", "/api/v1/metrics/sessions/*/end", handle_end_session, NULL, NULL},
	{"GET", "/api/v1/servers", handle_servers, NULL, servers_parameters},
	{"POST", "/api/v1/servers", handle_add_server, server_body, NULL},
	/* Before `*`: an own server of this id goes by `statistics@MEMBER`. */
	{"GET", "/api/v1/servers/statistics", handle_statistics, NULL, NULL},
	{"GET", "/api/v1/servers/*", handle_server, NULL, NULL},
	{"DELETE", "/api/v1/servers/*", handle_remove_server, NULL, NULL},
	{"POST", "/api/v1/servers/*/heartbeat", handle_heartbeat, NULL, NULL},
	{"POST", "/api/v1/servers/*/players", handle_players, players_body, NULL},
	{"PUT", "/api/v1/servers/*/favourite", handle_add_favourite, NULL, NULL},
	{"DELETE", "/api/v1/servers/*/favourite", handle_remove_favourite, NULL, NULL},
	{"POST", "/api/v1/servers/*/latency", handle_measure, NULL, NULL},
	{"POST", "/api/v1/servers/*/join", handle_join_server, NULL, NULL},
	{"GET", "/api/v1/favourites", handle_favourites, NULL, page_parameters},
	{"GET", "/api/v1/games", handle_games, NULL, page_parameters},
	{NULL, NULL, NULL, NULL, NULL},
};

static bool path_matches(const char *path, const struct target *target, const char **parameter)
{
	*parameter = NULL;
	for (size_t i = 0; i < target->n_segments; i++) {
		const char *segment = target->segments[i];
		size_t length = strcspn(path + (*path == '/'), "/");

		if (*path++ != '/')
			return false;
		if (length == 1 && *path == '*' && *segment)
			*parameter = segment;
		else if (strlen(segment) != length || memcmp(segment, path, length) != 0)
			return false;
		path += length;
	}
	return *path == '\0';
}

enum routes_verdict routes_find(const struct route *table, const char *method,
				const struct target *target, const struct route **route,
				const char **parameter, char allow[48])
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	const char *found;

	*allow = '\0';
	for (const struct route *r = table; r->method; r++) {
		size_t used = strlen(allow);

		if (!path_matches(r->path, target, &found))
			continue;
		*parameter = found;
		*route = r;
		if (strcmp(r->method, wanted) == 0)
			return ROUTES_FOUND;
		(void)snprintf(allow + used, 48 - used, "%s%s", used ? ", " : "", r->method);
	}
	return *allow ? ROUTES_NO_METHOD : ROUTES_NO_PATH;
}

const char *routes_unknown_parameter(const struct route *route, const struct target *target)
{
	for (size_t i = 0; i < target->n_parameters; i++) {
		const char *const *known = route->parameters;

		while (known && *known && strcmp(*known, target->parameters[i].name) != 0)
			known++;
		if (!known || !*known)
			return target->parameters[i].name;
	}
	return NULL;
}
