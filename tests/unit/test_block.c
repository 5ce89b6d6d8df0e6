/* Looks become spans, spans become blocks and bytes, and bytes from the disk are believed nothing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-metrics/track.h"

static struct metrics_sample sample_of(uint32_t rtt_us)
{
	struct metrics_sample sample = metrics_sample_unknown;

	sample.state = METRICS_PEER_CONNECTED;
	sample.path = METRICS_PATH_DIRECT;
	sample.measures.rtt_us = rtt_us;
	sample.measures.loss_permille = 10;
	sample.measures.jitter_us = 100;
	sample.measures.rx_bytes_per_s = 1000;
	return sample;
}

static struct span look_of(uint32_t rtt_us)
{
	struct metrics_sample sample = sample_of(rtt_us);

	return span_of_sample(&sample);
}

static void test_looks(void **state)
{
	struct metrics_sample sample = sample_of(20000);
	struct span span = span_of_sample(&sample);

	(void)state;
	assert_int_equal(span.looks, 1);
	assert_int_equal(span.value, 20000);
	assert_int_equal(span.permille, 10);
	assert_int_equal(span.rx, 1000);
	assert_true(span.tx == SPAN_UNKNOWN);
	sample.measures.rx_bytes_per_s = 1ull << 40; /* as much as there is room for */
	assert_true(span_of_sample(&sample).rx == SPAN_UNKNOWN - 1);
	sample.state = METRICS_PEER_UNKNOWN;
	assert_int_equal(span_of_sample(&sample).looks, 0);
	sample.state = METRICS_PEER_GONE;
	assert_int_equal(span_of_sample(&sample).looks, 0);
	sample.state = METRICS_PEER_CONNECTING; /* that is known */
	assert_int_equal(span_of_sample(&sample).looks, 1);
}

static void test_the_machine(void **state)
{
	struct metrics_system system = {
		.cpu_permille = 250,
		.memory_total = 8ull << 30,
		.memory_available = 3ull << 30,
		.n_interfaces = 4,
		.interfaces = {{"lo", 0, 0, 1000, 1000},
			       {"eth0", 0, 0, 5, METRICS_UNKNOWN},
			       {"wlan0", 0, 0, 7, METRICS_UNKNOWN},
			       {"lanrage0", 0, 0, 50, 50}},
	};
	struct span span = span_of_system(&system, "lanrage0");

	(void)state;
	assert_int_equal(span.permille, 250);
	assert_int_equal(span.value, 3 << 20); /* KiB */
	assert_int_equal(span.second, 8 << 20);
	assert_int_equal(span.rx, 12);
	assert_true(span.tx == SPAN_UNKNOWN);
	system.cpu_permille = METRICS_UNKNOWN_PERMILLE;
	system.n_interfaces = 1;
	span = span_of_system(&system, "lanrage0");
	assert_int_equal(span.permille, SPAN_UNKNOWN_PERMILLE);
	assert_true(span.rx == SPAN_UNKNOWN);
}

static void test_sums(void **state)
{
	struct tally tally = {0};
	struct span span = look_of(10000), minute;

	(void)state;
	assert_int_equal(tally_span(&tally).looks, 0);
	for (int i = 0; i < 9; i++)
		tally_add(&tally, &span);
	span = look_of(30000);
	span.path = METRICS_PATH_RELAY;
	span.rx = SPAN_UNKNOWN;
	tally_add(&tally, &span);
	span.looks = 0;
	span.value = 1;
	tally_add(&tally, &span); /* a gap is nothing */
	minute = tally_span(&tally);
	assert_int_equal(minute.looks, 10);
	assert_int_equal(minute.value, 12000);
	assert_int_equal(minute.low, 10000);
	assert_int_equal(minute.high, 30000);
	assert_int_equal(minute.path, METRICS_PATH_DIRECT);
	assert_int_equal(minute.rx, 1000); /* of those that know */
	assert_true(minute.tx == SPAN_UNKNOWN);
	for (int i = 0; i < 100; i++)
		tally_add(&tally, &minute);
	assert_int_equal(tally_span(&tally).looks, SPAN_LOOKS_MAX);
	assert_int_equal(tally_span(&tally).value, 12000);
	assert_int_equal(tally_span(&tally).high, 30000);
}

static void test_bytes(void **state)
{
	uint8_t bytes[BLOCK_BYTES_MAX];
	struct block in, out;
	size_t n;

	(void)state;
	block_init(&in, 300);
	assert_int_equal(block_pack(&in, TIER_TEN_SECONDS, bytes), 0);
	in.slots[3] = look_of(1);
	in.slots[7] = look_of(DATAPLANE_UNKNOWN);
	n = block_pack(&in, TIER_TEN_SECONDS, bytes);
	assert_int_equal(n, 8 * BLOCK_SLOT_SIZE);
	assert_int_equal(block_unpack(&out, TIER_TEN_SECONDS, 300, bytes, n), 0);
	for (size_t i = 0; i < 30; i++) {
		assert_int_equal(out.slots[i].looks, i == 3 || i == 7);
		if (i == 3 || i == 7)
			assert_memory_equal(&out.slots[i], &in.slots[i], sizeof(in.slots[i]));
	}
	for (size_t length = 0; length < n; length++)
		assert_int_equal(block_unpack(&out, TIER_TEN_SECONDS, 300, bytes, length),
				 length % BLOCK_SLOT_SIZE ? -EBADMSG : 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(block_unpack(&out, TIER_TEN_SECONDS, 0, bytes, 31 * BLOCK_SLOT_SIZE),
			 -EBADMSG);
	assert_int_equal(block_unpack(&out, TIER_MINUTE, 0, bytes, sizeof(bytes)), 0);
}

static void test_wrong_bytes(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{1, METRICS_PEER_STATES},
		{1, METRICS_PATH_KINDS << 4},
		{3, 0x7f},  /* permille */
		{11, 0xff}, /* the least is more than the mean */
	};
	uint8_t bytes[BLOCK_BYTES_MAX];
	struct block block;

	(void)state;
	block_init(&block, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		block.slots[0] = look_of(20000);
		(void)block_pack(&block, TIER_MINUTE, bytes);
		bytes[rows[i].at] = rows[i].value;
		assert_int_equal(block_unpack(&block, TIER_MINUTE, 0, bytes, BLOCK_SLOT_SIZE),
				 -EBADMSG);
	}
}

/* What is there stays, whoever comes later. */
static void test_merging(void **state)
{
	struct block block, more;

	(void)state;
	block_init(&block, 0);
	block_init(&more, 0);
	assert_false(block_merge(&block, &more, TIER_TEN_SECONDS));
	block.slots[1] = look_of(1);
	more.slots[1] = look_of(2);
	assert_false(block_merge(&block, &more, TIER_TEN_SECONDS));
	more.slots[29] = look_of(3);
	assert_true(block_merge(&block, &more, TIER_TEN_SECONDS));
	assert_int_equal(block.slots[1].value, 1);
	assert_int_equal(block.slots[29].value, 3);
}

static void test_minutes(void **state)
{
	struct block hour, fine;

	(void)state;
	block_init(&hour, 7200);
	block_init(&fine, 7200 + 55 * 60);
	for (size_t i = 0; i < 6; i++)
		fine.slots[i] = look_of((uint32_t)(i + 1) * 1000);
	fine.slots[29] = look_of(9000);
	block_roll_up(&hour, &fine);
	assert_int_equal(hour.slots[54].looks, 0);
	assert_int_equal(hour.slots[55].looks, 6);
	assert_int_equal(hour.slots[55].value, 3500);
	assert_int_equal(hour.slots[55].low, 1000);
	assert_int_equal(hour.slots[55].high, 6000);
	assert_int_equal(hour.slots[56].looks, 0);
	assert_int_equal(hour.slots[59].value, 9000);
}

static void test_track(void **state)
{
	struct track track;
	struct span look = look_of(1000), other = look_of(5000);
	struct block block;

	(void)state;
	track_init(&track, 600);
	track_add(&track, &look, 599); /* not of these five minutes */
	track_add(&track, &look, 900);
	for (uint64_t wall_s = 600; wall_s < 615; wall_s++)
		track_add(&track, &look, wall_s);
	block = track_block(&track);
	assert_int_equal(block.slots[0].looks, 10);
	assert_int_equal(block.slots[1].looks, 5); /* under way */
	assert_int_equal(block.slots[2].looks, 0);
	track_add(&track, &other, 602); /* the clock was set back: that time is taken */
	track_add(&track, &other, 650);
	block = track_block(&track);
	assert_int_equal(block.slots[0].value, 1000);
	assert_int_equal(block.slots[1].looks, 5);
	assert_int_equal(block.slots[5].value, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks),	    cmocka_unit_test(test_the_machine),
		cmocka_unit_test(test_sums),	    cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_wrong_bytes), cmocka_unit_test(test_merging),
		cmocka_unit_test(test_minutes),	    cmocka_unit_test(test_track),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
