#include "svc-control/keyholder.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/service.h"

enum request_type { REQUEST_PUBLIC_KEY = 1, REQUEST_SIGN, REQUEST_OPEN };

struct request {
	uint8_t type;
	uint8_t reserved;
	uint16_t length;
	uint8_t text[KEYHOLDER_TEXT_MAX];
};
#define REQUEST_HEADER 4
#define ANSWER_MS      2000 /* far beyond what signing takes */

struct answer {
	uint8_t status;
	uint8_t bytes[KEYHOLDER_OPEN_SIZE];
};

/* What the identity may sign: every context of the rendezvous protocol and of announcements. */
static const char *const contexts[] = {"lanrage login 1",      "lanrage announcement 1",
				       "lanrage invite 1",     "lanrage prefix 1",
				       "lanrage generation 1", "lanrage voucher 1"};

static bool text_has_context(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		size_t n = strlen(contexts[i]);

		if (length > n && memcmp(text, contexts[i], n) == 0)
			return true;
	}
	return false;
}

static bool open_box(const uint8_t *box, const uint8_t public_key[32], const uint8_t secret_key[64],
		     uint8_t plain[KEYHOLDER_OPEN_SIZE])
{
	uint8_t box_public[32], box_secret[32];
	bool good =
		crypto_sign_ed25519_pk_to_curve25519(box_public, public_key) == 0 &&
		crypto_sign_ed25519_sk_to_curve25519(box_secret, secret_key) == 0 &&
		crypto_box_seal_open(plain, box, KEYHOLDER_BOX_SIZE, box_public, box_secret) == 0;

	sodium_memzero(box_secret, sizeof(box_secret));
	return good;
}

static void keyholder_answer(int fd, const struct request *request, ssize_t received,
			     const uint8_t public_key[32], const uint8_t secret_key[64])
{
	struct answer answer = {.status = 1};

	if (received < REQUEST_HEADER || received != REQUEST_HEADER + request->length)
		goto send;
	if (request->type == REQUEST_PUBLIC_KEY) {
		answer.status = 0;
		memcpy(answer.bytes, public_key, 32);
	} else if (request->type == REQUEST_SIGN &&
		   text_has_context(request->text, request->length)) {
		answer.status = 0;
		crypto_sign_detached(answer.bytes, NULL, request->text, request->length,
				     secret_key);
	} else if (request->type == REQUEST_OPEN && request->length == KEYHOLDER_BOX_SIZE &&
		   open_box(request->text, public_key, secret_key, answer.bytes)) {
		answer.status = 0;
	}
send:
	(void)send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	sodium_memzero(&answer, sizeof(answer));
}

static void __attribute__((noreturn)) keyholder_child(int fd, uint8_t seed[32])
{
	static struct request request;
	uint8_t public_key[32], secret_key[64];

	/* a stop that goes to the whole group is for the parent, whose last words may need it */
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "lanrage-key");
	crypto_sign_seed_keypair(public_key, secret_key, seed);
	sodium_memzero(seed, 32);
	sodium_mlock(secret_key, sizeof(secret_key));
	for (;;) {
		ssize_t n = recv(fd, &request, sizeof(request), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		keyholder_answer(fd, &request, n, public_key, secret_key);
	}
	sodium_memzero(secret_key, sizeof(secret_key));
	_exit(0);
}

/* The loop that watches our end for a hang-up has made it non-blocking, hence the poll. */
static int keyholder_ask(const struct keyholder *keyholder, const struct request *request,
			 struct answer *answer)
{
	struct pollfd ready = {.fd = keyholder->fd, .events = POLLIN};
	ssize_t n;

	if (send(keyholder->fd, request, REQUEST_HEADER + request->length, MSG_NOSIGNAL) < 0)
		return -EPIPE;
	while (poll(&ready, 1, ANSWER_MS) < 0 && errno == EINTR)
		;
	n = recv(keyholder->fd, answer, sizeof(*answer), MSG_DONTWAIT);
	if (n != sizeof(*answer))
		return -EPIPE;
	return answer->status == 0 ? 0 : -EPERM;
}

static int keyholder_read_seed(const char *path, int may_create, uint8_t seed[32],
			       struct error *error)
{
	size_t length;
	int r;

	r = service_read_file(path, seed, 32, &length);
	if (r == -ENOENT && may_create) {
		randombytes_buf(seed, 32);
		r = service_write_file(path, seed, 32, 0600);
		return r < 0 ? error_set(error, r, "cannot write %.150s: %s; check free disk space",
					 path, strerror(-r))
			     : 0;
	}
	if (r == -ENOENT)
		return error_set(error, r,
				 "this machine's identity %s is gone but its party state is still "
				 "there; put the file back, or remove the whole state directory to "
				 "start as a new machine",
				 path);
	if (r < 0 && r != -EFBIG)
		return error_set(error, r, "cannot read %.150s: %s; mend its permissions", path,
				 strerror(-r));
	if (r == -EFBIG || length != 32)
		return error_set(error, -EBADMSG,
				 "%s is damaged (not 32 bytes); put the right file back, or remove "
				 "the whole state directory to start as a new machine",
				 path);
	return 0;
}

static int keyholder_fork(struct keyholder *keyholder, uint8_t seed[32], struct error *error)
{
	int fds[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set(error, -errno, "cannot make a socketpair: %s", strerror(errno));
	keyholder->pid = fork();
	if (keyholder->pid < 0) {
		r = error_set(error, -errno, "cannot fork: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (keyholder->pid == 0) {
		close(fds[0]);
		keyholder_child(fds[1], seed);
	}
	close(fds[1]);
	keyholder->fd = fds[0];
	return 0;
}

int keyholder_start(struct keyholder *keyholder, const char *path, int may_create,
		    struct error *error)
{
	struct request request = {.type = REQUEST_PUBLIC_KEY};
	struct answer answer;
	uint8_t seed[32];
	int r;

	r = keyholder_read_seed(path, may_create, seed, error);
	if (r < 0)
		return r;
	r = keyholder_fork(keyholder, seed, error);
	sodium_memzero(seed, sizeof(seed));
	if (r < 0)
		return r;
	r = keyholder_ask(keyholder, &request, &answer);
	if (r < 0) {
		keyholder_stop(keyholder);
		return error_set(error, r, "the key holder does not answer");
	}
	memcpy(keyholder->identity, answer.bytes, 32);
	return 0;
}

void keyholder_stop(struct keyholder *keyholder)
{
	close(keyholder->fd);
	while (waitpid(keyholder->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int keyholder_sign(const struct keyholder *keyholder, const uint8_t *text, size_t length,
		   uint8_t signature[64])
{
	struct request request = {.type = REQUEST_SIGN};
	struct answer answer;
	int r;

	if (length > KEYHOLDER_TEXT_MAX)
		return -EPERM;
	request.length = (uint16_t)length;
	memcpy(request.text, text, length);
	r = keyholder_ask(keyholder, &request, &answer);
	if (r == 0)
		memcpy(signature, answer.bytes, 64);
	return r;
}

int keyholder_open(const struct keyholder *keyholder, const uint8_t box[KEYHOLDER_BOX_SIZE],
		   uint8_t plain[KEYHOLDER_OPEN_SIZE])
{
	struct request request = {.type = REQUEST_OPEN, .length = KEYHOLDER_BOX_SIZE};
	struct answer answer;
	int r;

	memcpy(request.text, box, KEYHOLDER_BOX_SIZE);
	r = keyholder_ask(keyholder, &request, &answer);
	if (r == 0)
		memcpy(plain, answer.bytes, KEYHOLDER_OPEN_SIZE);
	sodium_memzero(&answer, sizeof(answer));
	return r;
}
