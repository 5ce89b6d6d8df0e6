#include "svc-nat/relay/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/service.h"
#include "svc-nat/relay/binding.h"

#define MAGIC	    "lanrage relay 1\n"
#define MAGIC_SIZE  16
#define HEADER_SIZE (MAGIC_SIZE + 16) /* and u64 saved, u32 members, u32 routes */
#define MEMBER_SIZE 60 /* key, u8 family, u8 guest, u16 port, ip, u32 scope, u8 slots, 3 zeros */
#define SLOT_SIZE   32 /* u8 slot, u8 zero, u16 number, u32 generation, u64 expires, scope */
#define ROUTE_SIZE  16 /* u32 from, to, receiver, seconds left */
#define FILE_MAX    (64u << 20)

static void path_of(const struct statefile *state, const char *name, char path[PATH_MAX])
{
	/* Too long a directory was refused by statefile_open(). */
	if (snprintf(path, PATH_MAX, "%s/%s", state->directory, name) >= PATH_MAX)
		path[0] = '\0';
}

/* As mkdir -p. */
static int make_directory(const char *directory)
{
	char path[PATH_MAX];
	size_t length = strlen(directory);

	memcpy(path, directory, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, i == length ? 0700 : 0755) != 0 && errno != EEXIST)
			return -errno;
		path[i] = directory[i];
	}
	return 0;
}

int statefile_open(struct statefile *state, const char *directory, struct error *error)
{
	char path[PATH_MAX];
	int result;

	*state = (struct statefile){.lock_fd = -1};
	if (strlen(directory) + 32 >= sizeof(state->directory))
		return error_set(error, -ENAMETOOLONG, "--state: the path is too long");
	strcpy(state->directory, directory);
	result = make_directory(directory);
	if (result != 0)
		return error_set(
			error, result,
			"cannot make the state directory %.150s: %s; choose another --state",
			directory, strerror(-result));
	path_of(state, "lock", path);
	state->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (state->lock_fd < 0)
		return error_set(error, -errno,
				 "cannot write in the state directory %.150s: %s; choose another "
				 "--state, or let this user write there",
				 directory, strerror(errno));
	if (flock(state->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		result = -errno;
		statefile_close(state);
		return error_set(error, result,
				 "another relay uses the state directory %s: stop it or choose "
				 "another --state",
				 directory);
	}
	return 0;
}

void statefile_close(struct statefile *state)
{
	if (state->lock_fd >= 0)
		close(state->lock_fd);
	state->lock_fd = -1;
}

/* --- keys --- */

static int read_key(const struct statefile *state, const char *name,
		    uint8_t key[STATEFILE_KEY_SIZE])
{
	char path[PATH_MAX];
	size_t length;
	int result;

	path_of(state, name, path);
	result = service_read_file(path, key, STATEFILE_KEY_SIZE, &length);
	if (result != 0)
		return result;
	return length == STATEFILE_KEY_SIZE ? 0 : -EBADMSG;
}

static int key_error(const struct statefile *state, const char *name, int result,
		     const char *without, struct error *error)
{
	if (result == -EBADMSG || result == -EFBIG)
		return error_set(
			error, result,
			"%.100s/%s is damaged (not %d bytes): put a copy back, or remove it "
			"to %s",
			state->directory, name, STATEFILE_KEY_SIZE, without);
	return error_set(error, result, "cannot read %.120s/%s: %s; mend its permissions",
			 state->directory, name, strerror(-result));
}

static int write_key(const struct statefile *state, const char *name,
		     const uint8_t key[STATEFILE_KEY_SIZE])
{
	char path[PATH_MAX];

	path_of(state, name, path);
	return service_write_file(path, key, STATEFILE_KEY_SIZE, 0600);
}

/* Reads a secret, or makes one where there is none. A damaged one is not replaced: members and
 * servers know this relay by it. */
static int secret_key(const struct statefile *state, const char *name,
		      uint8_t key[STATEFILE_KEY_SIZE], struct error *error)
{
	int result = read_key(state, name, key);

	if (result == -ENOENT) {
		randombytes_buf(key, STATEFILE_KEY_SIZE);
		result = write_key(state, name, key);
		if (result != 0)
			return error_set(error, result,
					 "cannot write %.120s/%s: %s; make room there, or choose "
					 "another --state",
					 state->directory, name, strerror(-result));
	}
	if (result != 0)
		return key_error(state, name, result, "start with a new key", error);
	return 0;
}

int statefile_wireguard_key(const struct statefile *state, uint8_t key[STATEFILE_KEY_SIZE],
			    struct error *error)
{
	return secret_key(state, "wireguard.key", key, error);
}

int statefile_identity(const struct statefile *state, uint8_t seed[STATEFILE_KEY_SIZE],
		       struct error *error)
{
	return secret_key(state, "identity.key", seed, error);
}

int statefile_ticket_key(const struct statefile *state, uint8_t key[STATEFILE_KEY_SIZE],
			 struct error *error)
{
	int result = read_key(state, "ticket.key", key);

	if (result != 0 && result != -ENOENT)
		return key_error(state, "ticket.key", result,
				 "trust whoever answers at --server next", error);
	return result;
}

int statefile_pin_ticket_key(const struct statefile *state, const uint8_t key[STATEFILE_KEY_SIZE])
{
	return write_key(state, "ticket.key", key);
}

/* --- bindings: bytes --- */

/* A cursor; writing and reading go the same way through the same layout. */
struct cursor {
	uint8_t *at;
};

static void put(struct cursor *cursor, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		*cursor->at++ = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void put_bytes(struct cursor *cursor, const void *bytes, size_t size)
{
	memcpy(cursor->at, bytes, size);
	cursor->at += size;
}

static uint64_t get(const uint8_t **at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | *(*at)++;
	return value;
}

static void get_bytes(const uint8_t **at, void *bytes, size_t size)
{
	memcpy(bytes, *at, size);
	*at += size;
}

static void put_member(struct cursor *cursor, const struct forward_saved_member *member)
{
	put_bytes(cursor, member->key, sizeof(member->key));
	put(cursor, member->addr.family, 1);
	put(cursor, member->guest, 1);
	put(cursor, member->addr.port, 2);
	put_bytes(cursor, member->addr.ip, sizeof(member->addr.ip));
	put(cursor, member->addr.scope, 4);
	put(cursor, member->n_slots, 1);
	put(cursor, 0, 3);
	for (unsigned i = 0; i < member->n_slots; i++) {
		const struct route_slot *slot = &member->slots[i];

		put(cursor, slot->slot, 1);
		put(cursor, 0, 1);
		put(cursor, slot->number, 2);
		put(cursor, slot->generation, 4);
		put(cursor, slot->expires_s, 8);
		put_bytes(cursor, slot->scope, sizeof(slot->scope));
	}
}

ptrdiff_t statefile_encode(const struct forward_saved *saved, uint64_t wall_s, uint8_t **bytes)
{
	size_t size = HEADER_SIZE + saved->n_routes * ROUTE_SIZE;
	struct cursor cursor;

	for (size_t i = 0; i < saved->n_members; i++)
		size += MEMBER_SIZE + saved->members[i].n_slots * (size_t)SLOT_SIZE;
	*bytes = cursor.at = malloc(size);
	if (!*bytes)
		return -ENOMEM;
	put_bytes(&cursor, MAGIC, MAGIC_SIZE);
	put(&cursor, wall_s, 8);
	put(&cursor, saved->n_members, 4);
	put(&cursor, saved->n_routes, 4);
	for (size_t i = 0; i < saved->n_members; i++)
		put_member(&cursor, &saved->members[i]);
	for (size_t i = 0; i < saved->n_routes; i++) {
		put(&cursor, saved->routes[i].from, 4);
		put(&cursor, saved->routes[i].to, 4);
		put(&cursor, saved->routes[i].receiver, 4);
		put(&cursor, saved->routes[i].left_s, 4);
	}
	return cursor.at - *bytes;
}

static bool get_slots(struct forward_saved_member *member, const uint8_t **at, const uint8_t *end)
{
	if (member->n_slots > ROUTE_SLOTS || (size_t)(end - *at) < member->n_slots * SLOT_SIZE)
		return false;
	for (unsigned i = 0; i < member->n_slots; i++) {
		struct route_slot *slot = &member->slots[i];

		slot->slot = (uint8_t)get(at, 1);
		get(at, 1);
		slot->number = (uint16_t)get(at, 2);
		slot->generation = (uint32_t)get(at, 4);
		slot->expires_s = get(at, 8);
		get_bytes(at, slot->scope, sizeof(slot->scope));
		if (slot->number == 0)
			return false;
	}
	return true;
}

static bool get_member(struct forward_saved_member *member, const uint8_t **at, const uint8_t *end)
{
	uint8_t ip[16], family;
	uint16_t port;

	if (end - *at < MEMBER_SIZE)
		return false;
	get_bytes(at, member->key, sizeof(member->key));
	family = (uint8_t)get(at, 1);
	member->guest = get(at, 1) != 0;
	port = (uint16_t)get(at, 2);
	get_bytes(at, ip, sizeof(ip));
	if (family != ADDR_NONE &&
	    addr_from_bytes(&member->addr, ip, family == ADDR_IPV4 ? 4 : 16, port) != 0)
		return false;
	member->addr.scope = (uint32_t)get(at, 4);
	member->n_slots = (uint8_t)get(at, 1);
	get(at, 3);
	return get_slots(member, at, end);
}

static bool get_all(struct forward_saved *saved, const uint8_t *at, const uint8_t *end)
{
	for (size_t i = 0; i < saved->n_members; i++)
		if (!get_member(&saved->members[i], &at, end))
			return false;
	if ((size_t)(end - at) != saved->n_routes * ROUTE_SIZE)
		return false;
	for (size_t i = 0; i < saved->n_routes; i++) {
		struct forward_saved_route *route = &saved->routes[i];

		route->from = (uint32_t)get(&at, 4);
		route->to = (uint32_t)get(&at, 4);
		route->receiver = (uint32_t)get(&at, 4);
		route->left_s = (uint32_t)get(&at, 4);
		if (route->from >= saved->n_members || route->to >= saved->n_members)
			return false;
	}
	return true;
}

int statefile_decode(struct forward_saved *saved, uint64_t *saved_s, const uint8_t *bytes,
		     size_t length)
{
	const uint8_t *at = bytes + MAGIC_SIZE, *end = bytes + length;

	*saved = (struct forward_saved){0};
	if (length < HEADER_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
		return -EBADMSG;
	*saved_s = get(&at, 8);
	saved->n_members = get(&at, 4);
	saved->n_routes = get(&at, 4);
	/* So the counts cannot ask for more memory than the file is worth. */
	if (saved->n_members > length / MEMBER_SIZE || saved->n_routes > length / ROUTE_SIZE)
		return -EBADMSG;
	saved->members = calloc(saved->n_members + 1, sizeof(*saved->members));
	saved->routes = calloc(saved->n_routes + 1, sizeof(*saved->routes));
	if (!saved->members || !saved->routes) {
		forward_saved_clear(saved);
		return -ENOMEM;
	}
	if (!get_all(saved, at, end)) {
		forward_saved_clear(saved);
		return -EBADMSG;
	}
	return 0;
}

/* --- bindings: file --- */

int statefile_save_bindings(const struct statefile *state, uint64_t wall_s,
			    const struct forward_saved *saved)
{
	char path[PATH_MAX];
	uint8_t *bytes;
	ptrdiff_t length = statefile_encode(saved, wall_s, &bytes);
	int result;

	if (length < 0)
		return (int)length;
	path_of(state, "bindings", path);
	result = service_write_file(path, bytes, (size_t)length, 0600);
	free(bytes);
	return result;
}

int statefile_load_bindings(const struct statefile *state, uint64_t wall_s,
			    struct forward_saved *saved, uint64_t *age_s)
{
	char path[PATH_MAX];
	struct stat info;
	uint8_t *bytes;
	size_t length;
	uint64_t saved_s = 0;
	int result;

	path_of(state, "bindings", path);
	if (stat(path, &info) != 0)
		return -errno;
	if (info.st_size > FILE_MAX)
		return -EFBIG;
	bytes = malloc((size_t)info.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	result = service_read_file(path, bytes, (size_t)info.st_size, &length);
	if (result == 0)
		result = statefile_decode(saved, &saved_s, bytes, length);
	free(bytes);
	if (result != 0)
		return result;
	*age_s = wall_s - saved_s;
	if (saved_s > wall_s || *age_s >= BINDING_SILENCE_US / CLOCK_SECOND) {
		forward_saved_clear(saved);
		return -ESTALE;
	}
	return 0;
}
