#include "svc-api/cli/complete.h"

#include <string.h>

#include "common/text.h"
#include "svc-api/cli/choice.h"
#include "svc-api/cli/client.h"
#include "svc-api/cli/commands.h"

#define PATIENCE_MS 300

static const struct live {
	enum completes completes;
	const char *name;
	const char *path; /* of the API; NULL: services.json has it */
} live[] = {
	{COMPLETES_PEERS, "peers", "peers"},
	{COMPLETES_SETTINGS, "settings", "settings"},
	{COMPLETES_SERVICES, "services", NULL},
	{COMPLETES_SERVERS, "servers", "servers"},
	{COMPLETES_SESSIONS, "sessions", "metrics/sessions?limit=20"},
	{COMPLETES_RUNNING, "running", "metrics/sessions"},
};
#define LIVE (sizeof(live) / sizeof(live[0]))

const char *complete_name(enum completes completes)
{
	for (size_t i = 0; i < LIVE; i++)
		if (live[i].completes == completes)
			return live[i].name;
	return NULL;
}

static bool can_be_typed(const char *word)
{
	return *word && *word != '-' && text_is_clean(word);
}

static void print_word(const char *word, const char *id, FILE *out)
{
	if (can_be_typed(word))
		(void)fprintf(out, "%s\n", word);
	else if (can_be_typed(id))
		(void)fprintf(out, "%s\n", id);
}

/* A list where each has a name or an id, or both. */
static void print_entries(enum completes completes, const json_t *json, FILE *out)
{
	char number[24];
	size_t i;
	json_t *entry;

	json_array_foreach(json, i, entry)
	{
		if (completes == COMPLETES_PEERS)
			print_word(text_at(entry, "name"), text_at(entry, "id"), out);
		else if (completes == COMPLETES_SERVERS)
			print_word(choice_is_named(json, entry) ? text_at(entry, "name") : "",
				   text_at(entry, "id"), out);
		else
			print_word(integer_at(entry, "id", number), "", out);
	}
}

void complete_list(enum completes completes, const json_t *json, FILE *out)
{
	json_t *running = completes == COMPLETES_RUNNING ? choice_running(json) : NULL, *entry;
	const char *key;

	if (completes == COMPLETES_SERVICES)
		json = json_object_get(json, "services");
	print_entries(completes, running ? running : json, out);
	json_decref(running);
	/* The macro wants a pointer that is not const, and only reads. */
	json_object_foreach((json_t *)(uintptr_t)json, key, entry) print_word(key, "", out);
}

static void ask(const struct place *place, const struct live *list)
{
	struct answer answer;
	struct error error;

	if (client_get_within(place, list->path, PATIENCE_MS, &answer, &error) == 0)
		complete_list(list->completes, answer.json, stdout);
	client_clear(&answer);
}

int complete_print(const struct invocation *invocation)
{
	const struct live *list = NULL;
	struct place place;
	struct error error;

	for (size_t i = 0; i < LIVE && !list; i++)
		if (strcmp(live[i].name, invocation->complete) == 0)
			list = &live[i];
	if (!list)
		return 2;
	if (place_find(&place, invocation->run, &error) == 0) {
		if (!list->path)
			complete_list(list->completes, place.services, stdout);
		else if (place_read_token(&place, &error) == 0)
			ask(&place, list);
	}
	place_clear(&place);
	return 0;
}
