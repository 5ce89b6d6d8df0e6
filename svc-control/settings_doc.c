/* settings_doc - prints SETTINGS.md's table, from schema.c. For `make settings-doc`. */
#include <inttypes.h>
#include <stdio.h>

#include "common/duration.h"
#include "svc-control/schema.h"

static void print_choices(const struct schema_setting *setting)
{
	for (const char *const *choice = setting->choices; *choice; choice++)
		(void)printf("%s`%s`", choice == setting->choices ? "" : ", ", *choice);
}

static void print_forms(const struct schema_setting *setting)
{
	for (const char *const *form = setting->forms; *form; form++) {
		(void)fputs(form == setting->forms ? ": `" : ", `", stdout);
		for (const char *c = *form; *c; c++) {
			if (*c == '#')
				(void)fputs("NUMBER", stdout);
			else if (*c == '*')
				(void)fputs("CODE", stdout);
			else
				(void)putchar(*c);
		}
		(void)putchar('`');
	}
}

static void print_values(const struct schema_setting *setting)
{
	char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];

	if (setting->choices) {
		print_choices(setting);
		return;
	}
	(void)fputs(schema_type_names[setting->type], stdout);
	if (setting->forms)
		print_forms(setting);
	else if (setting->type == SCHEMA_DURATION)
		(void)printf(", %s to %s", duration_write((uint64_t)setting->min, least),
			     duration_write((uint64_t)setting->max, most));
	else if (setting->min != 0 || setting->max != 0)
		(void)printf(", %" PRId64 " to %" PRId64 " %s", setting->min, setting->max,
			     setting->unit);
}

static void print_default(const struct schema_setting *setting)
{
	if (setting->origin)
		(void)fputs(setting->origin, stdout);
	else if (*setting->fallback)
		(void)printf("`%s`", setting->fallback);
	else
		(void)fputs("none", stdout);
}

int main(void)
{
	(void)puts("| setting | group | values | default | takes effect | what it is |\n"
		   "|---|---|---|---|---|---|");
	for (size_t i = 0; i < schema_count; i++) {
		const struct schema_setting *setting = &schema_settings[i];

		(void)printf("| `%s` | %s | ", setting->key, setting->group);
		print_values(setting);
		(void)fputs(setting->secret ? "; secret | " : " | ", stdout);
		print_default(setting);
		(void)printf(" | %s | %s |\n", setting->applies, setting->description);
	}
	return ferror(stdout) || fflush(stdout) != 0;
}
