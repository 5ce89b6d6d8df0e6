/* What a Discord profile shows, and the frames in which it is said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/cli/activity.h"
#include "svc-api/cli/ipc.h"

/* ---- frames */

static struct ipc_reader reader;

static int set_up(void **state)
{
	(void)state;
	memset(&reader, 0, sizeof(reader));
	return 0;
}

static void put(const void *bytes, size_t n)
{
	size_t room;
	uint8_t *to = ipc_room(&reader, &room);

	assert_true(n <= room);
	memcpy(to, bytes, n);
	ipc_filled(&reader, n);
}

static void a_header_is_little_endian(void **state)
{
	uint8_t header[IPC_HEADER_SIZE];

	(void)state;
	ipc_header(IPC_FRAME, 0x01020304, header);
	assert_memory_equal(header, "\1\0\0\0\4\3\2\1", sizeof(header));
}

static void frames_come_in_any_pieces(void **state)
{
	static const uint8_t bytes[] = "\3\0\0\0\2\0\0\0{}\1\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0x";
	static const enum ipc_opcode opcodes[] = {IPC_PING, IPC_FRAME, IPC_CLOSE};
	struct ipc_frame frame;

	(void)state;
	for (size_t piece = 1; piece < sizeof(bytes); piece++) {
		size_t n = 0;

		for (size_t at = 0; at < sizeof(bytes) - 1; at += piece) {
			size_t left = sizeof(bytes) - 1 - at;

			put(bytes + at, left < piece ? left : piece);
			while (ipc_next(&reader, &frame) > 0)
				assert_int_equal(frame.opcode, opcodes[n++]);
		}
		assert_int_equal(n, 3);
		assert_int_equal(frame.length, 1);
	}
}

static void a_frame_is_bounded(void **state)
{
	static uint8_t body[IPC_BODY_MAX];
	struct ipc_frame frame;
	size_t room;

	(void)state;
	put("\1\0\0\0\0\0\1\0", 8);
	assert_int_equal(ipc_next(&reader, &frame), 0);
	put(body, sizeof(body));
	assert_int_equal(ipc_next(&reader, &frame), 1);
	assert_int_equal(frame.length, IPC_BODY_MAX);
	assert_int_equal(ipc_next(&reader, &frame), 0);
	(void)ipc_room(&reader, &room);
	assert_int_equal(room, sizeof(reader.bytes));
	put("\1\0\0\0\1\0\1\0", 8);
	assert_int_equal(ipc_next(&reader, &frame), -EPROTO);
	set_up(NULL);
	put("\5\0\0\0\0\0\0\0", 8);
	assert_int_equal(ipc_next(&reader, &frame), -EPROTO);
}

/* ---- the activity */

static void shows(const char *status, const char *link, const char *wanted)
{
	json_t *json = json_loads(status, 0, NULL);
	json_t *activity = activity_make(json, 1769860800, link);
	char *text = activity ? json_dumps(activity, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	assert_non_null(json);
	if (!wanted)
		assert_null(activity);
	else
		assert_string_equal(text, wanted);
	free(text);
	json_decref(activity);
	json_decref(json);
}

#define STATUS(name, members)                                                        \
	"{\"self\": {\"id\": \"00\"}, \"party\": {\"id\": \"ab\", \"name\": \"" name \
	"\", \"members\": " #members "}}"

static void what_is_shown(void **state)
{
	char link[200];

	(void)state;
	shows(STATUS("friday", 3), "",
	      "{\"details\":\"friday\",\"state\":\"Playing together\",\"timestamps\":{\"start\":"
	      "1769860800},\"party\":{\"id\":\"ab\",\"size\":[3,1024]}}");
	shows(STATUS("x", 1), "lanrage://s:1/C",
	      "{\"details\":\"Party x\",\"state\":\"Waiting for "
	      "friends\",\"timestamps\":{\"start\":"
	      "1769860800},\"party\":{\"id\":\"ab\",\"size\":[1,1024]},\"secrets\":{\"join\":"
	      "\"lanrage://s:1/C\"}}");
	memset(link, 'l', sizeof(link));
	memcpy(link, "lanrage://", 10);
	link[sizeof(link) - 1] = '\0';
	shows(STATUS("friday", 1), link,
	      "{\"details\":\"friday\",\"state\":\"Waiting for friends\",\"timestamps\":{\"start\":"
	      "1769860800},\"party\":{\"id\":\"ab\",\"size\":[1,1024]}}");
	shows("{\"self\": {\"id\": \"00\"}, \"party\": null}", "", "null");
	shows("{\"self\": {\"id\": null}, \"party\": null}", "", NULL); /* unknown */
	shows("{}", "", NULL);
	shows("[]", "", NULL);
}

static void how_it_is_said(void **state)
{
	json_t *none = json_null();
	char *text = activity_command(none, 42, 7);

	(void)state;
	assert_string_equal(text,
			    "{\"cmd\":\"SET_ACTIVITY\",\"args\":{\"pid\":42,\"activity\":null},"
			    "\"nonce\":\"7\"}");
	free(text);
}

static void what_is_a_link(void **state)
{
	static const struct {
		const char *text;
		bool link;
	} cases[] = {
		{"lanrage://203.0.113.7:8667/KQ7M-3ZT9-HX2F", true},
		{"lanrages://[2001:db8::1]:8667/KQ7M-3ZT9-HX2F", true},
		{"lanrage://local/KQ7M-3ZT9-HX2F", true},
		{"lanrage://x/$(id)", false},
		{"lanrage://x/a b", false},
		{"lanrage://x/a;b", false},
		{"lanrage://x/\033[31m", false},
		{"KQ7M-3ZT9-HX2F", false},
		{"http://x/", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(activity_is_link(cases[i].text), cases[i].link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_little_endian),
		cmocka_unit_test_setup(frames_come_in_any_pieces, set_up),
		cmocka_unit_test_setup(a_frame_is_bounded, set_up),
		cmocka_unit_test(what_is_shown),
		cmocka_unit_test(how_it_is_said),
		cmocka_unit_test(what_is_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
