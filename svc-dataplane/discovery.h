/* discovery.h - LAN discovery on the packet thread: what is for everybody, from the capture and the
 * device to the members, and what comes from members to this machine's programs.
 *
 * lan.h decides what of it goes on, binding.h for whom it is. What only the kernel knows, whether
 * some program wants a multicast group (groups.h) and whose a port is (sockets.h), the service
 * thread asks, because asking takes locks of the kernel's; meanwhile packets wait here: some tenths
 * of a millisecond, before the first of a group or a port. Where all places are taken, those
 * who wait go on as they are, which is right for most.
 */
#ifndef LANRAGE_DATAPLANE_DISCOVERY_H
#define LANRAGE_DATAPLANE_DISCOVERY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-dataplane/binding.h"
#include "svc-dataplane/device.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/lan.h"

#define DISCOVERY_HELD	    32
#define DISCOVERY_GROUPS    32
#define DISCOVERY_GROUP_US  (2 * CLOCK_SECOND) /* then it is asked again */
#define DISCOVERY_QUESTIONS 32
/* A member that tries all ports must not make us ask the kernel all day. */
#define DISCOVERY_ASKS BUCKET_PER_SECOND(100, 50)

struct discovery_question {
	uint32_t group; /* network order; 0: it is about the port */
	struct binding_port port;
};

struct discovery_group {
	uint32_t address; /* network order */
	bool asked;	  /* and not answered */
	uint64_t known_us;
};

struct discovery_packet {
	size_t length;
	uint8_t bytes[ENGINE_MTU];
};

struct discovery {
	struct lan lan;
	struct binding binding;
	struct device *device; /* borrowed */
	unsigned interface;    /* the device's number */
	int card_fd;	       /* for packets to addresses of cards; -1: none. Borrowed */
	struct discovery_group groups[DISCOVERY_GROUPS];
	unsigned next_group;
	struct bucket asks;
	size_t n_held;
	struct discovery_packet held[DISCOVERY_HELD];

	void (*wake)(void *data); /* there are questions */
	void *data;
	pthread_mutex_t mutex; /* guards all below */
	unsigned first_question, n_questions;
	struct discovery_question questions[DISCOVERY_QUESTIONS];
};

struct discovery_setting {
	struct lan_config lan;
	size_t n_own;
	uint32_t own[LAN_OWN_MAX]; /* lan_set_own() */
	int card_fd;
};

/* wake: called on the packet thread. */
int discovery_new(struct discovery **discovery, struct device *device, void (*wake)(void *data),
		  void *data);
void discovery_free(struct discovery *discovery);
void discovery_set(struct discovery *discovery, const struct discovery_setting *setting);

/* A packet that a local program sent, and by which interface it left (one from the device:
 * discovery->interface). It is changed, and there are ENGINE_TAILROOM bytes behind it. */
void discovery_transmit(struct discovery *discovery, struct engine *engine, uint64_t now_us,
			unsigned interface, uint8_t *packet, size_t length,
			const struct split_offload *offload);
/* A packet from a member, to the device or where else it belongs; as device_write(). */
void discovery_deliver(struct discovery *discovery, uint64_t now_us, uint8_t *packet,
		       size_t length);
/* The answer to a question; about a port: NULL when the kernel does not say. Delivers what waited
 * for it. */
void discovery_answered(struct discovery *discovery, uint64_t now_us,
			const struct discovery_question *question,
			const struct binding_answer *answer);

/* From any thread: the oldest question; false when there is none. */
bool discovery_take_question(struct discovery *discovery, struct discovery_question *question);

#endif
