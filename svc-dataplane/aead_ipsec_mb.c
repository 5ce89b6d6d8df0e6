/* Intel's multi-buffer library: hand-written AVX2 and AVX-512. Through its job interface, which is
 * the quickest of its ways in for single packets: a job of this cipher is done when it is
 * submitted. */
#include "svc-dataplane/aead.h"

#include <intel-ipsec-mb.h>
#include <link.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NONCE_SIZE 12

static IMB_MGR *manager; /* kept for the life of the process */

/* Of the library that holds the address at data. */
static int forget_code(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t wanted = (uintptr_t)data;
	bool found = false;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		found |= info->dlpi_phdr[i].p_type == PT_LOAD && wanted >= start &&
			 wanted - start < info->dlpi_phdr[i].p_memsz;
	}
	for (int i = 0; found && i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

		/* code alone: it is read from the file again when it is needed */
		if (info->dlpi_phdr[i].p_type == PT_LOAD && !(info->dlpi_phdr[i].p_flags & PF_W))
			(void)madvise((void *)(start & ~(page - 1)), info->dlpi_phdr[i].p_memsz,
				      MADV_DONTNEED);
	}
	return found;
}

static const char *begin(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;

	if (!manager)
		manager = alloc_mb_mgr(0);
	if (!manager)
		return NULL;
	init_mb_mgr_auto(manager, &arch);
	if (imb_get_errno(manager) != 0)
		return NULL;
	/* It has tried all of its ciphers, of which we use one: 3 MB that need not stay. */
	dl_iterate_phdr(forget_code, (void *)(uintptr_t)imb_get_errno);
	switch (arch) {
	case IMB_ARCH_AVX512: return "ipsec-mb avx512";
	case IMB_ARCH_AVX2: return "ipsec-mb avx2";
	case IMB_ARCH_AVX: return "ipsec-mb avx";
	case IMB_ARCH_SSE: return "ipsec-mb sse";
	default: return NULL; /* without AES instructions the library is a slow imitation */
	}
}

static bool run(IMB_CIPHER_DIRECTION direction, IMB_CHAIN_ORDER order, const uint8_t *key,
		const uint8_t *nonce, uint8_t *to, const uint8_t *from, size_t length, uint8_t *tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(manager);

	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = direction;
	job->chain_order = order;
	job->enc_keys = job->dec_keys = key;
	job->key_len_in_bytes = AEAD_KEY_SIZE;
	job->iv = nonce;
	job->iv_len_in_bytes = NONCE_SIZE;
	job->src = from;
	job->dst = to;
	job->cipher_start_src_offset_in_bytes = 0;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = length;
	job->u.CHACHA20_POLY1305.aad = nonce; /* none of it, but not NULL */
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = AEAD_TAG_SIZE;
	job = IMB_SUBMIT_JOB_NOCHECK(manager);
	return job && job->status == IMB_STATUS_COMPLETED;
}

static void seal(const uint8_t *key, const uint8_t *nonce, uint8_t *to, const uint8_t *from,
		 size_t length)
{
	/* It cannot fail; a packet that was not sealed must not leave. */
	if (!run(IMB_DIR_ENCRYPT, IMB_ORDER_CIPHER_HASH, key, nonce, to, from, length, to + length))
		abort();
}

static bool open_text(const uint8_t *key, const uint8_t *nonce, uint8_t *text, size_t length)
{
	uint8_t tag[AEAD_TAG_SIZE];

	return run(IMB_DIR_DECRYPT, IMB_ORDER_HASH_CIPHER, key, nonce, text, text, length, tag) &&
	       sodium_memcmp(tag, text + length, sizeof(tag)) == 0;
}

const struct aead_backend aead_ipsec_mb = {.begin = begin, .seal = seal, .open = open_text};
