/* cmd_doctor.c - asks everything there is to ask, even where some of it is broken. */
#include <stdio.h>
#include <string.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/diagnosis.h"
#include "svc-api/cli/progress.h"

static void print(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct check *check = &diagnosis->checks[i];

		enum paint paint = check->ok ? PAINT_GOOD : PAINT_BAD;

		const char *verdict = check->ok ? "ok" : "problem";

		(void)printf("%s%s%s%*s %-10s %s\n", terminal_paint(paint), verdict,
			     terminal_unpaint(paint), 8 - (int)strlen(verdict), "", check->name,
			     check->text);
		if (!check->ok)
			(void)printf("%-8s %-10s -> %s\n", "", "", check->remedy);
	}
}

static void ask_lan(const struct place *place, struct diagnosis *diagnosis)
{
	struct answer answer;
	struct error error = {0};
	int r;

	progress_begin("waiting for the others to answer what is sent to everybody");
	r = client_ask(place, "GET", "lan/check", NULL, &answer, &error);

	diagnosis_judge_lan(diagnosis, r == 0 ? answer.json : NULL, error.text);
	client_clear(&answer);
}

static int ask(const struct place *place, const char *path, struct answer *answer,
	       struct error *error)
{
	progress_begin("asking the services");
	return client_ask(place, "GET", path, NULL, answer, error);
}

static void ask_api(const struct place *place, struct diagnosis *diagnosis)
{
	struct answer status, network = {0};
	struct error error;
	int r = ask(place, "status", &status, &error);

	if (r == 0)
		r = ask(place, "network", &network, &error);
	if (r == 0) {
		diagnosis_add(diagnosis, "page", NULL, "http://%s", place->api);
		diagnosis_judge(diagnosis, status.json, network.json);
		if (json_is_object(json_object_get(status.json, "party")) &&
		    json_is_true(json_object_get(network.json, "up")))
			ask_lan(place, diagnosis);
	} else {
		diagnosis_add(diagnosis, "page", "wait a few seconds; then see `lanrage logs api`",
			      "%s", error.text);
	}
	client_clear(&status);
	client_clear(&network);
}

int command_doctor(const struct invocation *invocation)
{
	struct diagnosis diagnosis = {0};
	struct place place;
	struct error error;

	if (place_find(&place, invocation->run, &error) < 0) {
		diagnosis_add(&diagnosis, "launcher",
			      "`sudo make up`, or `sudo systemctl start lanrage`", "%s",
			      error.text);
	} else {
		diagnosis_add(&diagnosis, "launcher", NULL, "runs in %s", place.run);
		if (place_read_token(&place, &error) < 0)
			diagnosis_add(&diagnosis, "token", "say sudo", "%s", error.text);
		else
			ask_api(&place, &diagnosis);
	}
	place_clear(&place);
	if (wants_json(invocation))
		say_own_json(diagnosis_json(&diagnosis));
	else
		print(&diagnosis);
	return diagnosis_is_fine(&diagnosis) ? 0 : 1;
}
