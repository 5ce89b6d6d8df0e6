/* The protocol of `wg`: parsed whole, refused whole, applied to a real engine, read back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <sodium.h>

#include "common/clock.h"
#include "svc-dataplane/aead.h"
#include "svc-dataplane/uapi.h"

#define NOW    (1000 * CLOCK_SECOND)
#define KEY_A  "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B  "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define PSK    "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52"
#define SECRET "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a"

static struct uapi_request request;

static int parse(const char *text)
{
	uapi_request_clear(&request);
	return uapi_parse(&request, text, strlen(text));
}

static int teardown(void **state)
{
	(void)state;
	uapi_request_clear(&request);
	return 0;
}

static void test_get(void **state)
{
	(void)state;
	assert_int_equal(parse("get=1\n\n"), 0);
	assert_true(request.get);
	assert_int_equal(parse("get=1\nprivate_key=" SECRET "\n\n"), -EINVAL);
	assert_int_equal(parse("get=2\n\n"), -EPROTO);
	assert_int_equal(parse("put=1\n\n"), -EPROTO);
	assert_int_equal(parse("\n"), -EPROTO);
	assert_int_equal(parse(""), -EPROTO);
	assert_int_equal(parse("get=1\n"), -EPROTO);
	assert_int_equal(parse("get=1"), -EPROTO);
}

/* The example of the protocol's page, in its order of keys. */
static void test_set(void **state)
{
	(void)state;
	assert_int_equal(
		parse("set=1\nprivate_key=" SECRET "\nfwmark=0x10\nlisten_port=12912\n"
		      "replace_peers=true\npublic_key=" KEY_A "\npreshared_key=" PSK
		      "\nreplace_allowed_ips=true\nallowed_ip=192.168.4.4/32\n"
		      "endpoint=[abcd:23::33]:51820\npublic_key=" KEY_B
		      "\nupdate_only=true\nendpoint=182.122.22.19:3233\n"
		      "persistent_keepalive_interval=111\nprotocol_version=1\n"
		      "allowed_ip=192.168.4.10/24\nallowed_ip=fd00::1/64\npublic_key=" KEY_A
		      "\nremove=true\n\n"),
		0);
	assert_false(request.get);
	assert_true(request.has_private_key && request.has_fwmark && request.has_listen_port);
	assert_true(request.replace_peers);
	assert_int_equal(request.fwmark, 16);
	assert_int_equal(request.listen_port, 12912);
	assert_int_equal(request.n_peers, 3);
	assert_true(request.peers[0].change.replace_allowed_ips);
	assert_int_equal(request.peers[0].change.n_allowed_ips, 1);
	assert_int_equal(request.peers[0].change.preshared_key[0], 0x18);
	assert_int_equal(request.peers[0].change.endpoint->family, ADDR_IPV6);
	assert_null(request.peers[0].change.persistent_keepalive_s);
	assert_true(request.peers[1].change.update_only);
	assert_null(request.peers[1].change.preshared_key);
	assert_int_equal(*request.peers[1].change.persistent_keepalive_s, 111);
	/* host bits are dropped */
	assert_int_equal(request.peers[1].change.allowed_ips[0].addr.ip[3], 0);
	assert_int_equal(request.peers[1].change.allowed_ips[1].addr.ip[15], 0);
	assert_int_equal(request.peers[1].change.allowed_ips[1].length, 64);
	assert_true(request.peers[2].change.remove);
}

static void test_wrong_lines(void **state)
{
	static const char *const lines[] = {"private_key=00",
					    "private_key=" KEY_A "00",
					    "private_key=zz",
					    "listen_port=65536",
					    "listen_port=-1",
					    "listen_port=",
					    "listen_port=1x",
					    "fwmark=4294967296",
					    "replace_peers=false",
					    "nonsense=1",
					    "endpoint=1.2.3.4:5",
					    "remove=true",
					    "public_key=",
					    "public_key=" KEY_A "\nendpoint=1.2.3.4",
					    "public_key=" KEY_A "\nendpoint=example.org:51820",
					    "public_key=" KEY_A "\nendpoint=224.0.0.1:5",
					    "public_key=" KEY_A "\nallowed_ip=1.2.3.4",
					    "public_key=" KEY_A "\nallowed_ip=1.2.3.4/33",
					    "public_key=" KEY_A "\nallowed_ip=::/129",
					    "public_key=" KEY_A "\nallowed_ip=/0",
					    "public_key=" KEY_A "\nallowed_ip=-1.2.3.4/32",
					    "public_key=" KEY_A "\nallowed_ip=1.2.3.4:5/32",
					    "public_key=" KEY_A
					    "\npersistent_keepalive_interval=65536",
					    "public_key=" KEY_A "\nlisten_port=1",
					    "public_key=" KEY_A "\nremove=1"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "set=1\n%s\n\n", lines[i]);
		if (parse(text) != -EINVAL)
			fail_msg("%s was not refused", lines[i]);
	}
	assert_int_equal(parse("set=1\npublic_key=" KEY_A "\nprotocol_version=2\n\n"),
			 -EPROTONOSUPPORT);
	assert_int_equal(parse("set=1\nlisten_port\n\n"), -EPROTO);
}

static void test_embedded_nul(void **state)
{
	const char text[] = "set=1\nlisten_port=1\0002\n\n";

	(void)state;
	uapi_request_clear(&request);
	assert_int_equal(uapi_parse(&request, text, sizeof(text) - 1), -EPROTO);
}

static void test_many_peers(void **state)
{
	size_t room = 200 * (UAPI_PEERS_MAX + 2), length;
	char *text = malloc(room);

	(void)state;
	length = (size_t)sprintf(text, "set=1\n");
	for (unsigned i = 0; i < UAPI_PEERS_MAX; i++)
		length += (size_t)sprintf(
			text + length, "public_key=%08x%s\nallowed_ip=10.0.0.0/8\n", i, KEY_A + 8);
	strcpy(text + length, "\n");
	assert_int_equal(parse(text), 0);
	assert_int_equal(request.n_peers, UAPI_PEERS_MAX);
	strcpy(text + length, "public_key=" KEY_B "\n\n");
	assert_int_equal(parse(text), -E2BIG);
	free(text);
}

/* ---- with an engine ---- */

static uint8_t *some_room(void *data)
{
	static uint8_t room[ENGINE_DATAGRAM_MAX];

	(void)data;
	return room;
}

static void ignore_send(void *data, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
			size_t length)
{
	(void)data, (void)to, (void)ecn, (void)bytes, (void)length;
}

static void ignore_deliver(void *data, uint8_t *packet, size_t length)
{
	(void)data, (void)packet, (void)length;
}

static void ignore_changed(void *data, enum dataplane_event event, const uint8_t *key)
{
	(void)data, (void)event, (void)key;
}

static void ignore_probed(void *data, uint64_t cookie, int error,
			  const struct dataplane_probe_result *result)
{
	(void)data, (void)cookie, (void)error, (void)result;
}

static void ignore_reserve(void *data, uint64_t until)
{
	(void)data, (void)until;
}

static uint64_t some_wall(void *data)
{
	(void)data;
	return 1700000000 * CLOCK_SECOND;
}

static void some_random(void *data, void *bytes, size_t length)
{
	(void)data;
	randombytes_buf(bytes, length);
}

static struct engine *engine;
static struct uapi_device device;

static int set_fwmark(void *data, uint32_t fwmark)
{
	(void)data;
	return fwmark == 666 ? -EPERM : 0;
}

static void run(void *data, uapi_function function, void *argument)
{
	(void)data;
	function(engine, NOW, argument);
}

static int open_engine(void **state)
{
	const struct engine_ops ops = {.room = some_room,
				       .send = ignore_send,
				       .deliver = ignore_deliver,
				       .changed = ignore_changed,
				       .probed = ignore_probed,
				       .reserve_timestamp = ignore_reserve,
				       .wall_us = some_wall,
				       .random = some_random};

	(void)state;
	if (sodium_init() < 0 || aead_init() < 0)
		return -1;
	device = (struct uapi_device){.listen_port = 51820, .set_fwmark = set_fwmark, .run = run};
	sodium_hex2bin(device.private_key, 32, SECRET, 64, NULL, NULL, NULL);
	return engine_new(&engine, &ops, device.private_key, 0);
}

static int close_engine(void **state)
{
	(void)state;
	engine_free(engine);
	return 0;
}

/* The answer to a request, with a NUL; to be freed. */
static char *ask(const char *text)
{
	size_t length;
	char *answer = uapi_answer(&device, text, strlen(text), &length);
	char *whole = malloc(length + 1);

	assert_non_null(answer);
	memcpy(whole, answer, length);
	whole[length] = '\0';
	free(answer);
	return whole;
}

static void assert_answer(const char *text, const char *wanted)
{
	char *got = ask(text);

	assert_string_equal(got, wanted);
	free(got);
}

static void test_engine_round_trip(void **state)
{
	char *got;

	(void)state;
	assert_answer("set=1\npublic_key=" KEY_A "\npreshared_key=" PSK
		      "\nendpoint=203.0.113.5:4000\npersistent_keepalive_interval=25\n"
		      "allowed_ip=10.1.0.0/16\nallowed_ip=fd01::/64\n\n",
		      "errno=0\n\n");
	got = ask("get=1\n\n");
	assert_non_null(strstr(got, "private_key=" SECRET "\nlisten_port=51820\npublic_key=" KEY_A
				    "\npreshared_key=" PSK "\n"));
	assert_non_null(strstr(got, "\nendpoint=203.0.113.5:4000\n"));
	assert_non_null(strstr(got, "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"));
	assert_non_null(strstr(got, "\npersistent_keepalive_interval=25\n"));
	assert_non_null(strstr(got, "\nallowed_ip=10.1.0.0/16\n"));
	assert_non_null(strstr(got, "\nallowed_ip=fd01::/64\n"));
	assert_non_null(strstr(got, "errno=0\n\n"));
	free(got);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

static void assert_count(const char *what, size_t wanted)
{
	char *got = ask("get=1\n\n");

	assert_int_equal(count(got, what), wanted);
	free(got);
}

static void test_engine_changes(void **state)
{
	(void)state;
	assert_answer("set=1\npublic_key=" KEY_B "\nupdate_only=true\nallowed_ip=10.2.0.0/16\n\n",
		      "errno=0\n\n");
	assert_count("public_key=", 0);
	assert_answer("set=1\npublic_key=" KEY_A "\nallowed_ip=10.1.0.0/16\npublic_key=" KEY_B
		      "\nallowed_ip=10.2.0.0/16\nallowed_ip=10.3.0.0/16\n\n",
		      "errno=0\n\n");
	assert_count("public_key=", 2);
	assert_count("allowed_ip=", 3);
	/* a subset replaces the whole */
	assert_answer("set=1\npublic_key=" KEY_B
		      "\nreplace_allowed_ips=true\nallowed_ip=10.3.0.0/16\n\n",
		      "errno=0\n\n");
	assert_count("allowed_ip=10.2.0.0/16", 0);
	assert_count("allowed_ip=10.3.0.0/16", 1);
	/* an allowed IP belongs to whom it was given last */
	assert_answer("set=1\npublic_key=" KEY_A "\nallowed_ip=10.3.0.0/16\n\n", "errno=0\n\n");
	assert_count("allowed_ip=10.3.0.0/16", 1);
	assert_answer("set=1\npublic_key=" KEY_A "\nremove=true\n\n", "errno=0\n\n");
	assert_count("public_key=", 1);
	assert_answer("set=1\nreplace_peers=true\n\n", "errno=0\n\n");
	assert_count("public_key=", 0);
}

static void test_device_settings(void **state)
{
	char wanted[64];

	(void)state;
	snprintf(wanted, sizeof(wanted), "errno=%d\n\n", -EOPNOTSUPP);
	assert_answer("set=1\nlisten_port=51821\n\n", wanted);
	assert_answer("set=1\nlisten_port=51820\n\n", "errno=0\n\n");
	assert_answer("set=1\nlisten_port=0\n\n", "errno=0\n\n");
	assert_answer("set=1\nfwmark=7\n\n", "errno=0\n\n");
	assert_count("fwmark=7\n", 1);
	snprintf(wanted, sizeof(wanted), "errno=%d\n\n", -EPERM);
	assert_answer("set=1\nfwmark=666\n\n", wanted);
	assert_count("fwmark=7\n", 1);
	snprintf(wanted, sizeof(wanted), "errno=%d\n\n", -EINVAL);
	assert_answer("set=1\nprivate_key="
		      "0000000000000000000000000000000000000000000000000000000000000000\n\n",
		      wanted);
	assert_count("private_key=" SECRET, 1);
	assert_answer("set=1\nprivate_key=" PSK "\n\n", "errno=0\n\n");
	assert_count("private_key=" PSK, 1);
	/* nothing of a request that is wrong at its end is done */
	assert_answer("set=1\nprivate_key=" SECRET "\npublic_key=" KEY_A "\nallowed_ip=x\n\n",
		      wanted);
	assert_count("private_key=" PSK, 1);
	assert_count("public_key=", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_get, teardown),
		cmocka_unit_test_teardown(test_set, teardown),
		cmocka_unit_test_teardown(test_wrong_lines, teardown),
		cmocka_unit_test_teardown(test_embedded_nul, teardown),
		cmocka_unit_test_teardown(test_many_peers, teardown),
		cmocka_unit_test_setup_teardown(test_engine_round_trip, open_engine, close_engine),
		cmocka_unit_test_setup_teardown(test_engine_changes, open_engine, close_engine),
		cmocka_unit_test_setup_teardown(test_device_settings, open_engine, close_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
