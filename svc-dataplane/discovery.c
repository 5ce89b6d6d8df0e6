#include "svc-dataplane/discovery.h"

#include <errno.h>
#include <net/if.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/capture.h"
#include "svc-dataplane/fragment.h"
#include "svc-dataplane/header.h"

int discovery_new(struct discovery **out, struct device *device, void (*wake)(void *data),
		  void *data)
{
	struct discovery *discovery = calloc(1, sizeof(*discovery));
	uint8_t key[16];

	*out = NULL;
	if (!discovery)
		return -ENOMEM;
	randombytes_buf(key, sizeof(key));
	lan_init(&discovery->lan, key);
	discovery->device = device;
	discovery->interface = if_nametoindex(device->name);
	discovery->card_fd = -1;
	discovery->wake = wake;
	discovery->data = data;
	pthread_mutex_init(&discovery->mutex, NULL);
	*out = discovery;
	return 0;
}

void discovery_free(struct discovery *discovery)
{
	if (!discovery)
		return;
	pthread_mutex_destroy(&discovery->mutex);
	free(discovery);
}

void discovery_set(struct discovery *discovery, const struct discovery_setting *setting)
{
	lan_set(&discovery->lan, &setting->lan);
	lan_set_own(&discovery->lan, setting->own, setting->n_own);
	binding_set(&discovery->binding,
		    setting->lan.on & DATAPLANE_LAN_DISCOVERY ? setting->lan.address : 0);
	if (!discovery->binding.address)
		discovery->n_held = 0;
	discovery->card_fd = setting->card_fd;
}

/* ---- questions ---- */

static bool ask(struct discovery *discovery, uint64_t now_us,
		const struct discovery_question *question)
{
	bool room = bucket_take(&discovery->asks, DISCOVERY_ASKS, now_us);

	pthread_mutex_lock(&discovery->mutex);
	room = room && discovery->n_questions < DISCOVERY_QUESTIONS;
	if (room)
		discovery->questions[(discovery->first_question + discovery->n_questions++) %
				     DISCOVERY_QUESTIONS] = *question;
	pthread_mutex_unlock(&discovery->mutex);
	if (room)
		discovery->wake(discovery->data);
	return room;
}

bool discovery_take_question(struct discovery *discovery, struct discovery_question *question)
{
	bool there;

	pthread_mutex_lock(&discovery->mutex);
	there = discovery->n_questions > 0;
	if (there) {
		*question = discovery->questions[discovery->first_question];
		discovery->first_question = (discovery->first_question + 1) % DISCOVERY_QUESTIONS;
		discovery->n_questions--;
	}
	pthread_mutex_unlock(&discovery->mutex);
	return there;
}

/* ---- out ---- */

static void transmit_to_all(struct discovery *discovery, struct engine *engine, uint64_t now_us,
			    unsigned interface, uint8_t *packet, size_t length,
			    const struct split_offload *offload)
{
	struct split split;
	size_t one;

	if (split_begin(&split, offload, packet, length) < 0)
		return;
	while ((packet = split_next(&split, &one))) {
		if (lan_leaves(&discovery->lan, now_us, interface, packet, one))
			engine_transmit_all(engine, now_us, packet, one);
	}
}

/* Whoever sends by another card thinks of that card's size. */
static void transmit_fragments(struct engine *engine, uint64_t now_us, const uint8_t *packet,
			       size_t length)
{
	static const struct split_offload whole = {.kind = SPLIT_NONE};
	uint8_t part[ENGINE_MTU + ENGINE_TAILROOM];
	struct fragment fragment;

	if (fragment_begin(&fragment, packet, length) < 0)
		return;
	while ((length = fragment_next(&fragment, ENGINE_MTU, part)) > 0)
		engine_transmit(engine, now_us, part, length, &whole);
}

void discovery_transmit(struct discovery *discovery, struct engine *engine, uint64_t now_us,
			unsigned interface, uint8_t *packet, size_t length,
			const struct split_offload *offload)
{
	if (lan_is_for_all(&discovery->lan, interface == discovery->interface, packet, length)) {
		transmit_to_all(discovery, engine, now_us, interface, packet, length, offload);
		return;
	}
	if (lan_is_own(&discovery->lan, packet, length))
		binding_leaves(&discovery->binding, now_us, interface != discovery->interface,
			       packet, length, offload);
	if (interface != discovery->interface && length > ENGINE_MTU && !offload->checksum)
		transmit_fragments(engine, now_us, packet, length);
	else
		engine_transmit(engine, now_us, packet, length, offload);
}

/* ---- in ---- */

static struct discovery_group *group_of(struct discovery *discovery, uint32_t address)
{
	struct discovery_group *group;

	for (size_t i = 0; i < DISCOVERY_GROUPS; i++) {
		if (discovery->groups[i].address == address)
			return &discovery->groups[i];
	}
	group = &discovery->groups[discovery->next_group++ % DISCOVERY_GROUPS];
	*group = (struct discovery_group){.address = address};
	return group;
}

/* Whether it was looked whether some program wants this group. */
static bool group_is_known(struct discovery *discovery, uint64_t now_us, uint32_t address)
{
	struct discovery_group *group = group_of(discovery, address);
	struct discovery_question question = {.group = address};

	if (group->asked)
		return false;
	if (group->known_us && now_us - group->known_us < DISCOVERY_GROUP_US)
		return true;
	group->asked = ask(discovery, now_us, &question);
	return !group->asked;
}

/* As they are, before more come: the order of each flow stays. */
static void let_go(struct discovery *discovery)
{
	for (size_t i = 0; i < discovery->n_held; i++)
		device_write(discovery->device, discovery->held[i].bytes,
			     discovery->held[i].length);
	device_flush(discovery->device);
	discovery->n_held = 0;
}

static void hold(struct discovery *discovery, uint8_t *packet, size_t length)
{
	struct discovery_packet *place;

	if (discovery->n_held == DISCOVERY_HELD || length > sizeof(place->bytes))
		let_go(discovery);
	if (length > sizeof(place->bytes)) {
		device_write(discovery->device, packet, length);
		return;
	}
	place = &discovery->held[discovery->n_held++];
	place->length = length;
	memcpy(place->bytes, packet, length);
}

static enum binding_verdict look_at_port(struct discovery *discovery, uint64_t now_us,
					 uint8_t *packet, size_t length)
{
	struct discovery_question question = {.group = 0};
	bool wanted;
	enum binding_verdict verdict = binding_arrives(&discovery->binding, now_us, packet, length,
						       &question.port, &wanted);

	if (!wanted || ask(discovery, now_us, &question))
		return verdict;
	binding_answered(&discovery->binding, now_us, &question.port, NULL);
	return verdict == BINDING_WAIT ? BINDING_AS_IS : verdict;
}

static void deliver(struct discovery *discovery, uint64_t now_us, uint8_t *packet, size_t length,
		    uint32_t group)
{
	enum binding_verdict verdict = look_at_port(discovery, now_us, packet, length);

	if (verdict == BINDING_TO_CARD) {
		capture_send_to_card(discovery->card_fd, packet, length);
		return;
	}
	if (verdict == BINDING_WAIT || (group && !group_is_known(discovery, now_us, group)))
		hold(discovery, packet, length);
	else
		device_write(discovery->device, packet, length);
}

void discovery_deliver(struct discovery *discovery, uint64_t now_us, uint8_t *packet, size_t length)
{
	bool all = lan_is_for_all(&discovery->lan, true, packet, length);

	if (!all || lan_arrives(&discovery->lan, now_us, packet, length))
		deliver(discovery, now_us, packet, length, all ? lan_group(packet) : 0);
}

/* Whoever still waits is held again. */
void discovery_answered(struct discovery *discovery, uint64_t now_us,
			const struct discovery_question *question,
			const struct binding_answer *answer)
{
	struct discovery_packet waiting[DISCOVERY_HELD];
	size_t n = discovery->n_held;

	if (question->group)
		*group_of(discovery, question->group) =
			(struct discovery_group){question->group, false, now_us};
	else
		binding_answered(&discovery->binding, now_us, &question->port, answer);
	memcpy(waiting, discovery->held, n * sizeof(waiting[0]));
	discovery->n_held = 0;
	for (size_t i = 0; i < n; i++) /* all IPv4 */
		deliver(discovery, now_us, waiting[i].bytes, waiting[i].length,
			lan_group(waiting[i].bytes));
	device_flush(discovery->device); /* they lie on our stack */
}
