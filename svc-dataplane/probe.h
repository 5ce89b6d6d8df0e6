/* probe.h - what one path's probes say about it: round trip, jitter, loss, silence.
 *
 * A window holds the last 64 probes sent along one path. Each is in flight, answered or missed
 * (not answered within the time-out that the measured round trip suggests); an answer that comes
 * later still counts as answered. Smoothing follows RFC 6298 section 2, jitter RFC 3550 section
 * 6.4.1 over round trips. The round trip is taken from our own record of the sending time, not
 * from what the other side echoes.
 */
#ifndef LANRAGE_DATAPLANE_PROBE_H
#define LANRAGE_DATAPLANE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define PROBE_WINDOW 64

struct probe_window {
	uint32_t next;			/* sequence number of the next probe */
	uint32_t count;			/* how many of the last 64 exist */
	uint32_t sent_us[PROBE_WINDOW]; /* low 32 bits; judged long before they wrap */
	uint64_t answered;		/* bit sequence % 64 */
	uint64_t missed;		/* likewise; neither: in flight */
	uint32_t srtt_us;		/* 0: not measured */
	uint32_t rttvar_us;
	uint32_t last_rtt_us;
	uint32_t jitter_us;
	uint32_t answers;    /* ever, for hysteresis */
	uint32_t faded_loss; /* smoothed over many windows; 65536 is all */
};

/* Forgets everything but the sequence numbers: the path is to be judged afresh. */
void probe_window_reset(struct probe_window *window);
/* Forgets the probes before this one: what the path was like while it was dead says nothing about
 * how it is now. The smoothed round trip stays. */
void probe_window_begin(struct probe_window *window, uint32_t sequence);
/* Notes a probe being sent; returns its sequence number. */
uint32_t probe_window_sent(struct probe_window *window, uint64_t now_us);
/* Notes an answer; true if it is the first to a probe of the window. */
bool probe_window_answered(struct probe_window *window, uint32_t sequence, uint64_t now_us);
/* Marks overdue probes as missed. Returns how many of the latest were missed in a row. */
uint32_t probe_window_judge(struct probe_window *window, uint64_t now_us);
/* Those in flight will not be counted as missed; nor will their answers count. */
void probe_window_excuse(struct probe_window *window);
/* When the next probe in flight becomes overdue; CLOCK_NEVER: none in flight. */
uint64_t probe_window_overdue_us(const struct probe_window *window, uint64_t now_us);
/* Missed in a row at the end, as last judged. */
uint32_t probe_window_missed(const struct probe_window *window);
/* Loss in permille; DATAPLANE_UNKNOWN before any probe was judged. before_silence: without those
 * missed in a row at the end, i.e. how lossy the path was while it lived. */
uint32_t probe_window_loss(const struct probe_window *window, bool before_silence);
/* The worse of the window's loss and the smoothed one of the last few hundred probes, in permille;
 * for comparing paths: a lossy one has good minutes. 0 before any probe was judged. */
uint32_t probe_window_lasting_loss(const struct probe_window *window);
/* How long to wait for an answer before the probe counts as missed. */
uint32_t probe_window_timeout_us(const struct probe_window *window);

#endif
