/* handlers.h - the functions behind the routes, by noun: handle_NOUN.c. */
#ifndef LANRAGE_API_HANDLERS_H
#define LANRAGE_API_HANDLERS_H

struct request;
struct reply;

/* handle_status.c */
void handle_status(const struct request *request, struct reply *reply);
void handle_network(const struct request *request, struct reply *reply);
/* handle_login.c */
void handle_login(const struct request *request, struct reply *reply);
/* handle_prometheus.c */
void handle_prometheus(const struct request *request, struct reply *reply);
/* handle_services.c */
void handle_restart(const struct request *request, struct reply *reply);
/* handle_netcheck.c */
void handle_netcheck(const struct request *request, struct reply *reply);
void handle_lan_check(const struct request *request, struct reply *reply);
/* handle_party.c */
void handle_create(const struct request *request, struct reply *reply);
void handle_join(const struct request *request, struct reply *reply);
void handle_leave(const struct request *request, struct reply *reply);
void handle_invite(const struct request *request, struct reply *reply);
void handle_revoke(const struct request *request, struct reply *reply);
void handle_kick(const struct request *request, struct reply *reply);
void handle_up(const struct request *request, struct reply *reply);
void handle_down(const struct request *request, struct reply *reply);
/* handle_peers.c */
void handle_peers(const struct request *request, struct reply *reply);
void handle_why(const struct request *request, struct reply *reply);
void handle_ping(const struct request *request, struct reply *reply);
/* handle_settings.c */
void handle_settings(const struct request *request, struct reply *reply);
void handle_setting(const struct request *request, struct reply *reply);
void handle_change_settings(const struct request *request, struct reply *reply);
void handle_reset_settings(const struct request *request, struct reply *reply);
void handle_export_settings(const struct request *request, struct reply *reply);
void handle_import_settings(const struct request *request, struct reply *reply);
/* handle_configurations.c */
void handle_configurations(const struct request *request, struct reply *reply);
void handle_save_configuration(const struct request *request, struct reply *reply);
void handle_use_configuration(const struct request *request, struct reply *reply);
void handle_forget_configuration(const struct request *request, struct reply *reply);
/* handle_discord.c */
void handle_discord_status(const struct request *request, struct reply *reply);
void handle_discord_instructions(const struct request *request, struct reply *reply);
void handle_discord_test(const struct request *request, struct reply *reply);
void handle_webhook(const struct request *request, struct reply *reply);
void handle_set_webhook(const struct request *request, struct reply *reply);
void handle_remove_webhook(const struct request *request, struct reply *reply);
void handle_discord_invite(const struct request *request, struct reply *reply);
void handle_set_discord_invite(const struct request *request, struct reply *reply);
void handle_remove_discord_invite(const struct request *request, struct reply *reply);
/* handle_logs.c */
void handle_logs(const struct request *request, struct reply *reply);
/* handle_machine.c */
void handle_system(const struct request *request, struct reply *reply);
void handle_system_history(const struct request *request, struct reply *reply);
void handle_metrics_lan(const struct request *request, struct reply *reply);
/* handle_metrics.c */
void handle_metrics_peers(const struct request *request, struct reply *reply);
void handle_metrics_peer(const struct request *request, struct reply *reply);
void handle_peer_history(const struct request *request, struct reply *reply);
void handle_quality(const struct request *request, struct reply *reply);
void handle_summary(const struct request *request, struct reply *reply);
/* handle_sessions.c */
void handle_start_session(const struct request *request, struct reply *reply);
void handle_end_session(const struct request *request, struct reply *reply);
void handle_session(const struct request *request, struct reply *reply);
void handle_sessions(const struct request *request, struct reply *reply);
/* handle_servers.c */
void handle_servers(const struct request *request, struct reply *reply);
void handle_statistics(const struct request *request, struct reply *reply);
void handle_games(const struct request *request, struct reply *reply);
void handle_favourites(const struct request *request, struct reply *reply);
/* handle_server.c */
void handle_add_server(const struct request *request, struct reply *reply);
void handle_server(const struct request *request, struct reply *reply);
void handle_remove_server(const struct request *request, struct reply *reply);
void handle_heartbeat(const struct request *request, struct reply *reply);
void handle_players(const struct request *request, struct reply *reply);
void handle_add_favourite(const struct request *request, struct reply *reply);
void handle_remove_favourite(const struct request *request, struct reply *reply);
void handle_measure(const struct request *request, struct reply *reply);
void handle_join_server(const struct request *request, struct reply *reply);

#endif
