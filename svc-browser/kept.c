#include "svc-browser/kept.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/service.h"

#define BODY_MAX      (256u << 10)
#define CHECKSUM_SIZE 16

/* A file: this, then the encoded body. */
struct file_head {
	char magic[8]; /* "lrserver", without a NUL */
	uint8_t checksum[CHECKSUM_SIZE];
};
static const char file_magic[8] = {'l', 'r', 's', 'e', 'r', 'v', 'e', 'r'};

static int path_of(const char *directory, const char *name, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int kept_save(const char *directory, const struct browser_kept *kept)
{
	struct file_head head;
	char path[PATH_MAX];
	uint8_t *body, *bytes;
	ssize_t length = browser_kept_encode(kept, &body);
	int r = path_of(directory, "servers", path);

	if (length < 0)
		return (int)length;
	bytes = malloc(sizeof(head) + (size_t)length);
	if (!bytes)
		r = -ENOMEM;
	if (r == 0) {
		memcpy(head.magic, file_magic, sizeof(head.magic));
		crypto_generichash(head.checksum, CHECKSUM_SIZE, body, (size_t)length, NULL, 0);
		memcpy(bytes, &head, sizeof(head));
		memcpy(bytes + sizeof(head), body, (size_t)length);
		r = service_write_file(path, bytes, sizeof(head) + (size_t)length, 0600);
	}
	free(bytes);
	free(body);
	return r;
}

int kept_parse(struct browser_kept *kept, const uint8_t *bytes, size_t length)
{
	struct file_head head;
	uint8_t sum[CHECKSUM_SIZE];

	if (length < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	bytes += sizeof(head);
	length -= sizeof(head);
	crypto_generichash(sum, sizeof(sum), bytes, length, NULL, 0);
	if (memcmp(head.magic, file_magic, sizeof(file_magic)) != 0 ||
	    memcmp(head.checksum, sum, sizeof(sum)) != 0)
		return -EBADMSG;
	return browser_kept_decode(kept, bytes, length);
}

static void set_aside(const char *directory, const char *path)
{
	char aside[PATH_MAX];

	if (path_of(directory, "servers.bad", aside) == 0 && rename(path, aside) == 0)
		log_warning("servers: %s is damaged or not ours; set aside as servers.bad, "
			    "beginning anew",
			    path);
	else
		log_warning("servers: %s is damaged or not ours, beginning anew", path);
}

int kept_load(const char *directory, struct browser_kept *kept)
{
	char path[PATH_MAX];
	size_t length = 0;
	uint8_t *bytes = malloc(BODY_MAX);
	int r = bytes ? path_of(directory, "servers", path) : -ENOMEM;

	memset(kept, 0, sizeof(*kept));
	if (r == 0)
		r = service_read_file(path, bytes, BODY_MAX, &length);
	if (r == 0)
		r = kept_parse(kept, bytes, length);
	free(bytes);
	if (r == -EBADMSG || r == -EFBIG)
		set_aside(directory, path);
	else if (r < 0 && r != -ENOENT)
		log_warning("servers: cannot read %s/servers: %s", directory, strerror(-r));
	if (r < 0)
		memset(kept, 0, sizeof(*kept));
	return r < 0 ? -ENOENT : 0;
}
