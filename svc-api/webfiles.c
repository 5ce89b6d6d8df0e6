#include "svc-api/webfiles.h"

#include <stddef.h>
#include <string.h>

/* The assembler puts the files into read-only data; make runs where the paths begin, and says where
 * the bundled ones are (WEB_DIR). */
#define EMBED(symbol, path)                         \
	__asm__(".pushsection .rodata\n"            \
		".global webfile_" #symbol "\n"     \
		".hidden webfile_" #symbol "\n"     \
		"webfile_" #symbol ":\n"            \
		".incbin \"" path "\"\n"            \
		".global webfile_" #symbol "_end\n" \
		".hidden webfile_" #symbol "_end\n" \
		"webfile_" #symbol "_end:\n"        \
		".byte 0\n"                         \
		".popsection\n");                   \
	extern const char webfile_##symbol[], webfile_##symbol##_end[]

EMBED(index, WEB_DIR "/index.html");
EMBED(style, WEB_DIR "/style.css");
EMBED(app, WEB_DIR "/app.js");
EMBED(icon, WEB_DIR "/icon.svg");
EMBED(openapi, "svc-api/openapi.json");

static const struct webfile files[] = {
	{"/", "text/html; charset=utf-8", webfile_index, webfile_index_end},
	{"/index.html", "text/html; charset=utf-8", webfile_index, webfile_index_end},
	{"/style.css", "text/css; charset=utf-8", webfile_style, webfile_style_end},
	{"/app.js", "text/javascript; charset=utf-8", webfile_app, webfile_app_end},
	{"/icon.svg", "image/svg+xml", webfile_icon, webfile_icon_end},
	{"/api/openapi.json", "application/json", webfile_openapi, webfile_openapi_end},
};

const struct webfile *webfiles_find(const char *path)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
