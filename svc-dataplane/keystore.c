#include "svc-dataplane/keystore.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/service.h"

#define BODY_MAX      (1u << 20) /* BUS_BODY_MAX of common/bus.h */
#define CHECKSUM_SIZE 16

/* A file: this, then length bytes. Host order: it never leaves the machine. */
struct file_head {
	char magic[8]; /* "lanrage" and NUL */
	uint32_t kind;
	uint32_t length;
	uint8_t checksum[CHECKSUM_SIZE]; /* BLAKE2b of kind, length and body */
};

static const char *const file_names[] = {
	[KEYSTORE_FILE_KEY] = "private.key", [KEYSTORE_FILE_TIMESTAMP] = "timestamp",
	[KEYSTORE_FILE_PARTY] = "party",     [KEYSTORE_FILE_PLAN] = "plan",
	[KEYSTORE_FILE_PATHS] = "paths",
};
static const char file_magic[8] = "lanrage";

static void checksum(const struct file_head *head, const uint8_t *body, uint8_t sum[CHECKSUM_SIZE])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, CHECKSUM_SIZE);
	crypto_generichash_update(&state, (const uint8_t *)&head->kind, sizeof(head->kind));
	crypto_generichash_update(&state, (const uint8_t *)&head->length, sizeof(head->length));
	crypto_generichash_update(&state, body, head->length);
	crypto_generichash_final(&state, sum, CHECKSUM_SIZE);
	sodium_memzero(&state, sizeof(state));
}

static int file_path(const struct keystore *keystore, enum keystore_kind kind, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", keystore->directory, file_names[kind]);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int file_write(const struct keystore *keystore, enum keystore_kind kind, const uint8_t *body,
		      size_t length)
{
	struct file_head head = {.kind = kind, .length = (uint32_t)length};
	char path[PATH_MAX];
	uint8_t *bytes;
	int result = file_path(keystore, kind, path);

	if (result < 0)
		return result;
	if (length > BODY_MAX)
		return -EFBIG;
	bytes = malloc(sizeof(head) + length);
	if (!bytes)
		return -ENOMEM;
	memcpy(head.magic, file_magic, sizeof(head.magic));
	checksum(&head, body, head.checksum);
	memcpy(bytes, &head, sizeof(head));
	if (length)
		memcpy(bytes + sizeof(head), body, length);
	result = service_write_file(path, bytes, sizeof(head) + length, 0600);
	sodium_memzero(bytes, sizeof(head) + length);
	free(bytes);
	return result;
}

int keystore_parse(enum keystore_kind kind, const uint8_t *bytes, size_t length,
		   const uint8_t **body, size_t *body_length)
{
	struct file_head head;
	uint8_t sum[CHECKSUM_SIZE];

	if (length < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (memcmp(head.magic, file_magic, sizeof(head.magic)) != 0 || head.kind != kind ||
	    head.length != length - sizeof(head))
		return -EBADMSG;
	checksum(&head, bytes + sizeof(head), sum);
	if (memcmp(sum, head.checksum, sizeof(sum)) != 0)
		return -EBADMSG;
	*body = bytes + sizeof(head);
	*body_length = head.length;
	return 0;
}

/* body has room for max bytes. -EBADMSG: there is such a file, but not one of ours. */
static int file_read(const struct keystore *keystore, enum keystore_kind kind, uint8_t *body,
		     size_t max, size_t *length)
{
	const uint8_t *found;
	char path[PATH_MAX];
	size_t size = sizeof(struct file_head) + max;
	uint8_t *bytes;
	int result = file_path(keystore, kind, path);

	if (result < 0)
		return result;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	result = service_read_file(path, bytes, size, length);
	if (result == 0)
		result = keystore_parse(kind, bytes, *length, &found, length);
	if (result == 0)
		memcpy(body, found, *length);
	sodium_memzero(bytes, size);
	free(bytes);
	return result == -EFBIG ? -EBADMSG : result;
}

void keystore_init(struct keystore *keystore, const char *directory)
{
	snprintf(keystore->directory, sizeof(keystore->directory), "%s", directory);
}

static int make_key(const struct keystore *keystore, uint8_t key[DATAPLANE_KEY_SIZE],
		    struct error *error)
{
	int result;

	randombytes_buf(key, DATAPLANE_KEY_SIZE);
	key[0] &= 248; /* RFC 7748 section 5 */
	key[31] = (uint8_t)((key[31] & 127) | 64);
	result = file_write(keystore, KEYSTORE_FILE_KEY, key, DATAPLANE_KEY_SIZE);
	if (result < 0)
		return error_set(error, result,
				 "cannot store a private key in %.120s: %s; check free disk space",
				 keystore->directory, strerror(-result));
	log_notice("keystore: made a new private key");
	return 0;
}

int keystore_private_key(const struct keystore *keystore, uint8_t key[DATAPLANE_KEY_SIZE],
			 struct error *error)
{
	size_t length = 0;
	int result = file_read(keystore, KEYSTORE_FILE_KEY, key, DATAPLANE_KEY_SIZE, &length);

	if (result == -ENOENT)
		return make_key(keystore, key, error);
	if (result == 0 && (length != DATAPLANE_KEY_SIZE || sodium_is_zero(key, length)))
		result = -EBADMSG;
	if (result == -EBADMSG)
		return error_set(
			error, result,
			"%s/private.key is damaged or not ours: put a copy back, or remove "
			"it to become a new member of every party",
			keystore->directory);
	if (result < 0)
		return error_set(error, result,
				 "cannot read %.150s/private.key: %s; mend its permissions",
				 keystore->directory, strerror(-result));
	return 0;
}

static int read_or_ignore(const struct keystore *keystore, enum keystore_kind kind, uint8_t *body,
			  size_t max, size_t *length)
{
	int result = file_read(keystore, kind, body, max, length);

	if (result == -EBADMSG)
		log_warning("keystore: %s/%s is damaged or not ours: ignored", keystore->directory,
			    file_names[kind]);
	else if (result < 0 && result != -ENOENT)
		log_warning("keystore: cannot read %s/%s: %s", keystore->directory,
			    file_names[kind], strerror(-result));
	return result < 0 ? -ENOENT : 0;
}

uint64_t keystore_reserved(const struct keystore *keystore)
{
	uint64_t until = 0;
	size_t length = 0;

	if (read_or_ignore(keystore, KEYSTORE_FILE_TIMESTAMP, (uint8_t *)&until, sizeof(until),
			   &length) < 0 ||
	    length != sizeof(until))
		return 0;
	return until;
}

int keystore_reserve(const struct keystore *keystore, uint64_t until_s)
{
	return file_write(keystore, KEYSTORE_FILE_TIMESTAMP, (const uint8_t *)&until_s,
			  sizeof(until_s));
}

static enum keystore_kind kind_of(enum keystore_body which)
{
	static const enum keystore_kind kinds[KEYSTORE_BODIES] = {
		KEYSTORE_FILE_PARTY, KEYSTORE_FILE_PLAN, KEYSTORE_FILE_PATHS};

	return kinds[which];
}

int keystore_save(const struct keystore *keystore, enum keystore_body which, const uint8_t *body,
		  size_t length)
{
	return file_write(keystore, kind_of(which), body, length);
}

int keystore_load(const struct keystore *keystore, enum keystore_body which, uint8_t **body,
		  size_t *length)
{
	int result;

	*length = 0;
	*body = malloc(BODY_MAX);
	if (!*body)
		return -ENOMEM;
	result = read_or_ignore(keystore, kind_of(which), *body, BODY_MAX, length);
	if (result < 0) {
		free(*body);
		*body = NULL;
	}
	return result;
}
