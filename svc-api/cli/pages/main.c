/* pages: at build time, fills a template of the manual or of a completion script in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/cli/pages/pages.h"

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "re") : NULL;
	int r;

	if (!in) {
		(void)fprintf(stderr, "usage: pages TEMPLATE\n");
		return EXIT_FAILURE;
	}
	r = pages_fill(commands, in, stdout);
	(void)fclose(in);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = -EIO;
	if (r < 0)
		(void)fprintf(stderr, "pages: %s: %s\n", argv[1], strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
