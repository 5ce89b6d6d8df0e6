/* span.h - what was measured over a stretch of time, and how several of those become one. Pure.
 *
 * A look at a peer or at this machine is the shortest span; ten seconds, a minute and a bucket of
 * an answer are made of shorter ones. The same fields serve a peer and the machine, so that there
 * is one way to sum up, to store and to ask. What nobody measured is unknown and does not count; a
 * span without a look is a gap.
 */
#ifndef LANRAGE_METRICS_SPAN_H
#define LANRAGE_METRICS_SPAN_H

#include "svc-metrics/codec.h"

#define SPAN_UNKNOWN	      UINT32_MAX
#define SPAN_UNKNOWN_PERMILLE UINT16_MAX
#define SPAN_LOOKS_MAX	      255

struct span {
	uint8_t looks;		   /* 0: a gap, and the rest means nothing */
	uint8_t state;		   /* enum metrics_peer_state; 0 of the machine */
	uint8_t path;		   /* enum metrics_peer_path; 0 of the machine */
	uint16_t permille;	   /* of packets lost; of the machine: of processors busy */
	uint32_t value, low, high; /* round trip in us; of the machine: memory available, in KiB */
	uint32_t second;	   /* jitter in us; of the machine: memory in all, in KiB */
	uint32_t rx, tx;	   /* bytes per second */
};

/* A gap for a sample that says that nobody knows, or that the peer is gone. */
struct span span_of_sample(const struct metrics_sample *sample);
/* rx and tx are of all interfaces but `lo` and own, the party's. */
struct span span_of_system(const struct metrics_system *system, const char *own);

struct tally_mean {
	uint64_t sum, weight;
};

/* Spans summed up; zero-initialise. */
struct tally {
	uint64_t looks;
	uint64_t states[METRICS_PEER_STATES], paths[METRICS_PATH_KINDS]; /* looks */
	struct tally_mean permille, value, second, rx, tx;
	uint32_t low, high; /* where value has a weight */
};

/* A gap adds nothing. */
void tally_add(struct tally *tally, const struct span *span);
/* Means are weighted by looks; state and path are those of most looks. */
struct span tally_span(const struct tally *tally);

#endif
