/* Codes and links, as typed by a friend. What is read is canonical, and its link reads as the same.
 * And settings, as typed by anybody: a refusal has words, and never a secret's value. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "svc-control/code.h"
#include "svc-control/settings.h"
#include "svc-control/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_code(const struct code *code)
{
	struct code again;

	if (strlen(code->text) != CODE_TEXT_SIZE - 1 || code->text[4] != '-' ||
	    code->text[9] != '-' || code_parse(&again, NULL, code->text) < 0 ||
	    strcmp(again.text, code->text) != 0)
		abort();
}

static void check_link(const struct code *code, const char *url)
{
	char link[CONTROL_CODE_MAX], again_url[CONTROL_URL_MAX];
	struct websocket_url parts;
	struct error error;
	struct code again;

	code_link(code, url, link);
	if (!*link || websocket_url_parse(&parts, url, &error) < 0)
		return;
	if (code_parse(&again, again_url, link) < 0 || strcmp(again.text, code->text) != 0 ||
	    strcmp(again_url, url) != 0)
		abort();
}

static void check_settings(const char *text)
{
	for (size_t i = 0; i < schema_count; i++) {
		const struct schema_setting *setting = &schema_settings[i];
		struct error error = {0};

		if (settings_check(setting, text, &error) == 0) {
			if (setting->secret && strncmp(text, "https://discord", 15) != 0)
				abort();
		} else if (strncmp(error.text, setting->key, strlen(setting->key)) != 0 ||
			   (setting->secret && strlen(text) > 80 && strstr(error.text, text))) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char text[CONTROL_CODE_MAX + 64], url[CONTROL_URL_MAX];
	struct code code;

	if (length >= sizeof(text))
		return 0;
	memcpy(text, bytes, length);
	text[length] = 0;
	if (text_is_clean(text))
		check_settings(text);
	if (code_parse(&code, url, text) == 0) {
		check_code(&code);
		if (*url)
			check_link(&code, url);
	}
	return 0;
}
