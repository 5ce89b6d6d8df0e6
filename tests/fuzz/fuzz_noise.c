/* Messages of all four types from raw bytes, at an end with the fixed keys of the golden values, so
 * that the seeds (whole valid messages, tests/unit/vectors/noise.py) reach the innermost code. */
#include "svc-dataplane/aead.h"
#include "svc-dataplane/allowedips.h"
#include "svc-dataplane/cookie.h"
#include "svc-dataplane/session.h"
#include "tests/unit/vectors/noise.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US	    1000000000ULL
#define WINDOW	    64
#define MESSAGE_MAX 2048
#define INDEX_I	    0x11223344u
#define INDEX_R	    0xaabbccddu

static struct noise_identity initiator_identity, responder_identity;
static struct noise_remote initiator_sees;
static struct noise_initiator initiator;
static struct message_initiation initiation;
static struct session responder_session, pristine;
static uint64_t replay_words[SESSION_REPLAY_WORDS(WINDOW)];
static struct mac_keys responder_macs;
static struct cookie_checker checker;
static struct allowedips allowedips;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_hex(uint8_t *bytes, size_t size, const char *hex)
{
	if (sodium_hex2bin(bytes, size, hex, strlen(hex), NULL, NULL, NULL) != 0)
		abort();
}

static void require(int result)
{
	if (result != 0)
		abort();
}

/* The responder as it is after the golden handshake: a next keypair with the golden keys. */
static void responder_init(const uint8_t psk[32])
{
	struct session_keypair *keypair = responder_session.keypairs;

	require(session_init(&responder_session, &responder_identity, initiator_identity.public_key,
			     psk, replay_words, SESSION_REPLAY_WORDS(WINDOW), 1));
	read_hex(keypair->keys.receive, 32, vector_forward_psk);
	read_hex(keypair->keys.send, 32, vector_backward_psk);
	keypair->born_us = NOW_US;
	keypair->local_index = INDEX_R;
	keypair->remote_index = INDEX_I;
	keypair->live = true;
	responder_session.next = keypair;
	pristine = responder_session;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint8_t key[32], psk[32], ephemeral[32], timestamp[12];

	(void)argc;
	(void)argv;
	require(aead_init());
	read_hex(key, sizeof(key), vector_static_i);
	require(noise_identity_init(&initiator_identity, key));
	read_hex(key, sizeof(key), vector_static_r);
	require(noise_identity_init(&responder_identity, key));
	read_hex(psk, sizeof(psk), vector_psk);
	read_hex(ephemeral, sizeof(ephemeral), vector_eph_i);
	read_hex(timestamp, sizeof(timestamp), vector_timestamp);
	require(noise_remote_init(&initiator_sees, &initiator_identity,
				  responder_identity.public_key, psk));
	mac_keys_init(&responder_macs, responder_identity.public_key);
	require(noise_initiation_create(&initiator, &initiation, &initiator_identity,
					&initiator_sees, INDEX_I, timestamp, ephemeral));
	mac1_write(&responder_macs, &initiation, sizeof(initiation));
	cookie_checker_init(&checker, responder_identity.public_key);
	require(allowedips_insert(&allowedips, 4, (const uint8_t[]){10, 66, 0, 0}, 16, psk));
	responder_init(psk);
	return 0;
}

static void try_initiation(const struct message_initiation *message)
{
	struct noise_initiation opened;
	struct message_response response;
	struct message_cookie reply;
	struct session_events events;

	if (cookie_check(&checker, NOW_US, message, sizeof(*message), "addr", 4) == COOKIE_MAC1)
		cookie_reply_create(&checker, NOW_US, message, sizeof(*message), "addr", 4, NULL,
				    &reply);
	if (noise_initiation_open(&opened, &responder_identity, message) == 0)
		session_accept_initiation(&responder_session, NOW_US, &opened, message, 77,
					  &response, &events);
}

static void try_response(const struct message_response *message)
{
	struct session_events events;
	struct noise_keys keys;

	noise_response_open(&initiator, message, &keys, &initiator_identity, &initiator_sees);
	session_accept_response(&responder_session, NOW_US, message, &events);
}

static void try_cookie(const struct message_cookie *message)
{
	struct message_initiation copy = initiation;
	struct cookie_jar jar = {0};

	cookie_jar_stamp(&jar, NOW_US, &copy, sizeof(copy));
	if (cookie_jar_accept(&jar, NOW_US, &responder_macs, message) == 0)
		cookie_jar_stamp(&jar, NOW_US, &copy, sizeof(copy));
}

static void try_data(uint8_t *message, size_t size)
{
	struct session_events events;
	struct session_opened opened;

	if (session_open(&responder_session, NOW_US, message, size, &opened, &events) != 0)
		return;
	allowedips_lookup_source(&allowedips, opened.packet, opened.length);
	if (session_seal(&responder_session, NOW_US, message, 0, 0, &events) != 32)
		abort(); /* whoever sent something authentic may be answered */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t message[MESSAGE_MAX];

	if (size > sizeof(message))
		return 0;
	memcpy(message, data, size);
	responder_session = pristine;
	memset(replay_words, 0, sizeof(replay_words));
	allowedips_lookup_destination(&allowedips, data, size);
	switch (message_type(message, size)) {
	case MESSAGE_INITIATION: try_initiation((void *)message); break;
	case MESSAGE_RESPONSE: try_response((void *)message); break;
	case MESSAGE_COOKIE: try_cookie((void *)message); break;
	case MESSAGE_DATA: try_data(message, size); break;
	case MESSAGE_NONE: break;
	}
	return 0;
}
