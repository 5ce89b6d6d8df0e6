/* pings.h - what many probes of one way say together. Pure.
 *
 * Times are milliseconds. Jitter is the mean difference between one round trip and the next.
 */
#ifndef LANRAGE_CLI_PINGS_H
#define LANRAGE_CLI_PINGS_H

#include <stdint.h>

#define PINGS_TEXT_SIZE 192

struct pings {
	uint32_t sent, received;
	double least, most, sum, last;
	double differences; /* summed up, one less than received */
};

void pings_answered(struct pings *pings, double rtt_ms);
void pings_missed(struct pings *pings);
/* `10 sent, 9 received, 10.0 % lost; 1.2 / 3.4 / 5.6 ms least / mean / most, jitter 0.4 ms`; `-`
 * for what nobody knows. Returns text. */
char *pings_summary(const struct pings *pings, char text[PINGS_TEXT_SIZE]);

#endif
