/* codec.h - the interface of svc-metrics: its requests as checked plain structs.
 *
 * Same rules as svc-dataplane/codec.h.
 */
#ifndef LANRAGE_METRICS_CODEC_H
#define LANRAGE_METRICS_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define METRICS_INTERFACES_MAX	   32
#define METRICS_INTERFACE_NAME_MAX 16 /* IFNAMSIZ */
#define METRICS_UNKNOWN		   UINT64_MAX
#define METRICS_UNKNOWN_PERMILLE   UINT32_MAX

enum metrics_request {
	METRICS_GET_SYSTEM = 1, /* () -> struct metrics_system; by api. -EAGAIN: no sample yet */
};

struct metrics_interface {
	char name[METRICS_INTERFACE_NAME_MAX];
	uint64_t rx_bytes, tx_bytes;
	uint64_t rx_bytes_per_s, tx_bytes_per_s; /* METRICS_UNKNOWN until its second sample */
};

struct metrics_system {
	uint64_t sampled_wall_us;
	uint32_t cpu_permille; /* of all processors; METRICS_UNKNOWN_PERMILLE until the second
				* sample */
	uint64_t memory_total, memory_available; /* bytes */
	size_t n_interfaces;
	struct metrics_interface interfaces[METRICS_INTERFACES_MAX];
};

ssize_t metrics_system_encode(const struct metrics_system *system, uint8_t **bytes);
int metrics_system_decode(struct metrics_system *system, const uint8_t *bytes, size_t length);

#endif
