#include "svc-dataplane/probe.h"

#include "common/clock.h"
#include "svc-dataplane/codec.h"

/* The least wait covers a scheduler's delay at the other end; the most keeps "3 in a row" short
 * even where the round trip wanders. */
#define TIMEOUT_LEAST_US   (40 * 1000u)
#define TIMEOUT_MOST_US	   (1000 * 1000u)
#define TIMEOUT_UNKNOWN_US (500 * 1000u)

#define LOSS_ALL  65536u
#define LOSS_FADE 64u /* probes */

static uint64_t bit(uint32_t sequence)
{
	return 1ULL << (sequence % PROBE_WINDOW);
}

static bool in_window(const struct probe_window *window, uint32_t sequence)
{
	uint32_t age = window->next - sequence; /* 1: the latest */

	return age >= 1 && age <= window->count;
}

void probe_window_reset(struct probe_window *window)
{
	*window = (struct probe_window){.next = window->next};
}

void probe_window_begin(struct probe_window *window, uint32_t sequence)
{
	window->faded_loss = 0;
	while (window->count > 0 && window->next - window->count != sequence) {
		uint64_t oldest = bit(window->next - window->count);

		window->answered &= ~oldest;
		window->missed &= ~oldest;
		window->count--;
	}
}

uint32_t probe_window_sent(struct probe_window *window, uint64_t now_us)
{
	uint32_t sequence = window->next++;

	window->sent_us[sequence % PROBE_WINDOW] = (uint32_t)now_us;
	window->answered &= ~bit(sequence);
	window->missed &= ~bit(sequence);
	if (window->count < PROBE_WINDOW)
		window->count++;
	return sequence;
}

static uint32_t difference(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

/* RFC 6298 2.2 and 2.3 with alpha 1/8, beta 1/4. */
static void smooth(struct probe_window *window, uint32_t rtt_us)
{
	if (window->srtt_us == 0) {
		window->srtt_us = rtt_us;
		window->rttvar_us = rtt_us / 2;
	} else {
		uint32_t off = difference(window->srtt_us, rtt_us);
		uint32_t step = difference(window->last_rtt_us, rtt_us);

		window->rttvar_us = window->rttvar_us - window->rttvar_us / 4 + off / 4;
		window->srtt_us = window->srtt_us - window->srtt_us / 8 + rtt_us / 8;
		window->jitter_us = window->jitter_us - window->jitter_us / 16 + step / 16;
	}
	if (window->srtt_us == 0)
		window->srtt_us = 1; /* 0 means unknown */
	window->last_rtt_us = rtt_us;
}

bool probe_window_answered(struct probe_window *window, uint32_t sequence, uint64_t now_us)
{
	if (!in_window(window, sequence) || (window->answered & bit(sequence)))
		return false;
	window->answered |= bit(sequence);
	window->missed &= ~bit(sequence);
	window->answers++;
	window->faded_loss -= window->faded_loss / LOSS_FADE;
	smooth(window, (uint32_t)now_us - window->sent_us[sequence % PROBE_WINDOW]);
	return true;
}

uint32_t probe_window_timeout_us(const struct probe_window *window)
{
	uint64_t timeout;

	if (window->srtt_us == 0)
		return TIMEOUT_UNKNOWN_US;
	timeout = (uint64_t)window->srtt_us + 4ULL * window->rttvar_us + 10 * CLOCK_MS;
	if (timeout < TIMEOUT_LEAST_US)
		return TIMEOUT_LEAST_US;
	return timeout > TIMEOUT_MOST_US ? TIMEOUT_MOST_US : (uint32_t)timeout;
}

uint32_t probe_window_judge(struct probe_window *window, uint64_t now_us)
{
	uint32_t timeout = probe_window_timeout_us(window);

	for (uint32_t i = 1; i <= window->count; i++) {
		uint32_t sequence = window->next - i;

		/* Everything before a missed probe was judged with it or earlier. */
		if (window->missed & bit(sequence))
			break;
		if (window->answered & bit(sequence))
			continue;
		if ((uint32_t)now_us - window->sent_us[sequence % PROBE_WINDOW] < timeout)
			continue;
		window->missed |= bit(sequence);
		window->faded_loss += (LOSS_ALL - window->faded_loss) / LOSS_FADE;
	}
	return probe_window_missed(window);
}

uint32_t probe_window_missed(const struct probe_window *window)
{
	uint32_t missed = 0;

	for (uint32_t i = 1; i <= window->count; i++) {
		uint32_t sequence = window->next - i;

		if (window->answered & bit(sequence))
			break;
		if (window->missed & bit(sequence))
			missed++;
	}
	return missed;
}

void probe_window_excuse(struct probe_window *window)
{
	for (uint32_t i = 1; i <= window->count; i++)
		if (!(window->missed & bit(window->next - i)))
			window->answered |= bit(window->next - i);
}

uint64_t probe_window_overdue_us(const struct probe_window *window, uint64_t now_us)
{
	uint64_t due = CLOCK_NEVER;

	for (uint32_t i = 1; i <= window->count; i++) {
		uint32_t sequence = window->next - i;
		uint32_t age = (uint32_t)now_us - window->sent_us[sequence % PROBE_WINDOW];
		uint32_t timeout = probe_window_timeout_us(window);

		if (window->missed & bit(sequence))
			break;
		if (!(window->answered & bit(sequence)))
			due = now_us + (age < timeout ? timeout - age : 0);
	}
	return due;
}

uint32_t probe_window_loss(const struct probe_window *window, bool before_silence)
{
	uint32_t missed = (uint32_t)__builtin_popcountll(window->missed);
	uint32_t answered = (uint32_t)__builtin_popcountll(window->answered);

	if (before_silence)
		missed -= probe_window_missed(window);
	if (missed + answered == 0)
		return DATAPLANE_UNKNOWN;
	return missed * 1000 / (missed + answered);
}

uint32_t probe_window_lasting_loss(const struct probe_window *window)
{
	uint32_t faded = window->faded_loss * 1000 / LOSS_ALL;
	uint32_t loss = probe_window_loss(window, false);

	return loss == DATAPLANE_UNKNOWN || faded > loss ? faded : loss;
}
