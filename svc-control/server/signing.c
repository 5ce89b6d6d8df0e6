#include "svc-control/server/signing.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/service.h"

static int create(const char *path, uint8_t seed[32], struct error *error)
{
	int result;

	randombytes_buf(seed, 32);
	result = service_write_file(path, seed, 32, 0600);
	if (result < 0)
		return error_set(
			error, result,
			"cannot create %.120s: %s; make room there, or choose another --state",
			path, strerror(-result));
	return 0;
}

static int load(const char *path, uint8_t seed[32], struct error *error)
{
	struct stat status;
	size_t length;
	int result;

	if (stat(path, &status) == 0 && (status.st_mode & 077) != 0)
		return error_set(error, -EACCES,
				 "%.150s may be read by others; make it private (chmod 600) if "
				 "nobody had it, else remove it",
				 path);
	result = service_read_file(path, seed, 32, &length);
	if (result == 0 && length != 32)
		result = -EBADMSG;
	if (result == -ENOENT)
		return result;
	if (result == -EBADMSG || result == -EFBIG)
		return error_set(
			error, -EBADMSG,
			"%.100s is damaged (not 32 bytes); put a copy back, or remove it and "
			"every relay's ticket.key",
			path);
	if (result < 0)
		return error_set(error, result, "cannot read %.150s: %s; mend its permissions",
				 path, strerror(-result));
	return 0;
}

int signing_init(struct signing *signing, const char *state, struct error *error)
{
	char path[PATH_MAX];
	uint8_t seed[32];
	int result;

	if (snprintf(path, sizeof(path), "%s/ticket.key", state) >= (int)sizeof(path))
		return error_set(error, -ENAMETOOLONG, "the state directory's path is too long");
	result = load(path, seed, error);
	if (result == -ENOENT)
		result = create(path, seed, error);
	if (result == 0)
		crypto_sign_seed_keypair(signing->public_key, signing->secret_key, seed);
	sodium_memzero(seed, sizeof(seed));
	return result;
}

void signing_deinit(struct signing *signing)
{
	sodium_memzero(signing, sizeof(*signing));
}
