#include "deploy/launcher/backoff.h"

uint64_t launcher_backoff_next(struct backoff *backoff, uint64_t lived_us)
{
	static const uint64_t delays_us[] = {0, 100000, 500000, 1000000, 2000000, 5000000};
	const unsigned int last = sizeof(delays_us) / sizeof(delays_us[0]) - 1;

	if (lived_us >= BACKOFF_FORGET_US)
		backoff->step = 0;
	uint64_t delay_us = delays_us[backoff->step];
	if (backoff->step < last)
		backoff->step++;
	return delay_us;
}
