#include "svc-api/cli/pings.h"

#include <stdio.h>

void pings_answered(struct pings *pings, double rtt_ms)
{
	double difference = rtt_ms - pings->last;

	pings->sent++;
	if (pings->received++ == 0)
		pings->least = pings->most = rtt_ms;
	else
		pings->differences += difference < 0 ? -difference : difference;
	if (rtt_ms < pings->least)
		pings->least = rtt_ms;
	if (rtt_ms > pings->most)
		pings->most = rtt_ms;
	pings->sum += rtt_ms;
	pings->last = rtt_ms;
}

void pings_missed(struct pings *pings)
{
	pings->sent++;
}

char *pings_summary(const struct pings *pings, char text[PINGS_TEXT_SIZE])
{
	char loss[16] = "-", times[64] = "-", jitter[32] = "-";

	if (pings->sent)
		(void)snprintf(loss, sizeof(loss), "%.1f %%",
			       100.0 * (pings->sent - pings->received) / pings->sent);
	if (pings->received)
		(void)snprintf(times, sizeof(times), "%.1f / %.1f / %.1f ms", pings->least,
			       pings->sum / pings->received, pings->most);
	if (pings->received > 1)
		(void)snprintf(jitter, sizeof(jitter), "%.1f ms",
			       pings->differences / (pings->received - 1));
	(void)snprintf(text, PINGS_TEXT_SIZE,
		       "%u sent, %u received, %s lost; %s min / avg / max, jitter %s", pings->sent,
		       pings->received, loss, times, jitter);
	return text;
}
