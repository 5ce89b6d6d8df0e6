/* selftest.h - whether the kernel does what UDP_SEGMENT and UDP_GRO promise.
 *
 * There have been kernels in which they were offered and broken, and a tunnel that relies on them
 * then loses or garbles everything without a word. So at the start a train goes from one socket to
 * another over loopback, both ways of receiving it are tried, and every byte is compared. It takes
 * well under a millisecond. A network card of its own may still be wrong; for that there are the
 * settings.
 */
#ifndef LANRAGE_DATAPLANE_SELFTEST_H
#define LANRAGE_DATAPLANE_SELFTEST_H

enum selftest {
	SELFTEST_RIGHT,
	SELFTEST_WRONG,	  /* something arrived, but not what was sent; or the kernel refused */
	SELFTEST_UNKNOWN, /* no loopback to try it on */
};

struct selftest_results {
	enum selftest gso, gro;
};

struct selftest_results selftest_run(void);

#endif
