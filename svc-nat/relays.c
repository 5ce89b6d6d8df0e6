#include "svc-nat/relays.h"

#include <string.h>

#define BETTER_US      (5 * CLOCK_MS)
#define PENALTY_US     (10 * CLOCK_SECOND)
#define PENALTY_MAX_US (600 * CLOCK_SECOND)

/* How much a relay is wanted; within MEASURED the round trip decides. */
enum grade { MEASURED, UNMEASURED, DEAD };

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DATAPLANE_KEY_SIZE) == 0;
}

static const struct relays_penalty *known_penalty(const struct relays *relays, const uint8_t *key)
{
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++) {
		if (relays->penalties[i].length_us &&
		    same_key(relays->penalties[i].public_key, key))
			return &relays->penalties[i];
	}
	return NULL;
}

static struct relays_penalty *penalty_of(struct relays *relays, const uint8_t *key)
{
	return (struct relays_penalty *)(uintptr_t)known_penalty(relays, key);
}

/* A free place, else the one that ended first. */
static struct relays_penalty *penalty_place(struct relays *relays)
{
	struct relays_penalty *place = &relays->penalties[0];

	for (size_t i = 1; i < NAT_RELAYS_MAX; i++) {
		if (relays->penalties[i].until_us < place->until_us)
			place = &relays->penalties[i];
	}
	return place;
}

static void punish(struct relays *relays, const uint8_t *key, uint64_t now_us)
{
	struct relays_penalty *penalty = penalty_of(relays, key);
	uint64_t length_us = PENALTY_US;

	if (penalty && now_us < penalty->until_us)
		return;
	if (penalty)
		length_us = 2 * penalty->length_us;
	else
		penalty = penalty_place(relays);
	if (length_us > PENALTY_MAX_US)
		length_us = PENALTY_MAX_US;
	memcpy(penalty->public_key, key, DATAPLANE_KEY_SIZE);
	penalty->length_us = length_us;
	penalty->until_us = now_us + length_us;
	penalty->mute = false;
}

/* Was it away, and has come back? */
static void hear_again(struct relays *relays, const struct relays_seen *seen, uint64_t now_us)
{
	struct relays_penalty *penalty = penalty_of(relays, seen->public_key);

	if (!penalty || now_us >= penalty->until_us)
		return;
	if (penalty->mute && !seen->silent && !seen->failed)
		penalty->until_us = now_us;
	penalty->mute |= seen->silent;
}

/* It works again. The length stays, for the next time. */
static void pardon(struct relays *relays, const uint8_t *key)
{
	struct relays_penalty *penalty = penalty_of(relays, key);

	if (penalty)
		penalty->until_us = 0;
}

static enum grade grade_of(const struct relays *relays, const struct relays_seen *seen,
			   uint64_t now_us)
{
	const struct relays_penalty *penalty = known_penalty(relays, seen->public_key);

	if (seen->failed || (penalty && now_us < penalty->until_us) ||
	    (seen->silent && !seen->bound))
		return DEAD;
	return seen->rtt_us == DATAPLANE_UNKNOWN ? UNMEASURED : MEASURED;
}

/* One relay of the list, ready to compare. */
struct option {
	const struct relays_seen *seen;
	enum grade grade;
	bool chosen;
};

/* By any difference: for places that are free. */
static bool is_nearer(const struct option *a, const struct option *b)
{
	if (a->grade != b->grade)
		return a->grade < b->grade;
	return a->grade == MEASURED && a->seen->rtt_us < b->seen->rtt_us;
}

/* Clearly: for places that are taken. */
static bool is_better(const struct option *a, const struct option *b)
{
	if (a->grade != b->grade)
		return a->grade < b->grade;
	return a->grade == MEASURED &&
	       (uint64_t)a->seen->rtt_us * 5 < (uint64_t)b->seen->rtt_us * 4 &&
	       a->seen->rtt_us + BETTER_US < b->seen->rtt_us;
}

struct selection {
	size_t n_options;
	struct option options[NAT_RELAYS_MAX];
	size_t n;
	struct option *places[NAT_MEMBER_RELAYS_MAX]; /* best first */
};

static void list_options(const struct relays *relays, uint64_t now_us,
			 const struct relays_seen *seen, size_t n, struct selection *selection)
{
	memset(selection, 0, sizeof(*selection));
	for (size_t i = 0; i < n && i < NAT_RELAYS_MAX; i++)
		selection->options[selection->n_options++] = (struct option){
			.seen = &seen[i], .grade = grade_of(relays, &seen[i], now_us)};
	for (size_t i = 0; i < relays->n_chosen; i++) {
		for (size_t k = 0; k < selection->n_options; k++) {
			struct option *option = &selection->options[k];

			if (!option->chosen &&
			    same_key(option->seen->public_key, relays->chosen[i])) {
				option->chosen = true;
				selection->places[selection->n++] = option;
				break;
			}
		}
	}
}

static struct option *nearest_free(struct selection *selection)
{
	struct option *best = NULL;

	for (size_t i = 0; i < selection->n_options; i++) {
		struct option *option = &selection->options[i];

		if (!option->chosen && (!best || is_nearer(option, best)))
			best = option;
	}
	return best;
}

static void fill_places(struct selection *selection, bool patient)
{
	struct option *option;

	while (selection->n < NAT_MEMBER_RELAYS_MAX && (option = nearest_free(selection))) {
		if (patient && option->grade != MEASURED)
			return;
		option->chosen = true;
		selection->places[selection->n++] = option;
	}
}

static void sort_places(struct selection *selection)
{
	for (size_t i = 1; i < selection->n; i++) {
		for (size_t k = i; k > 0; k--) {
			struct option *other = selection->places[k - 1];

			if (!is_better(selection->places[k], other))
				break;
			selection->places[k - 1] = selection->places[k];
			selection->places[k] = other;
		}
	}
}

/* Each turn makes the choice clearly better, so it ends. */
static void improve_places(struct selection *selection)
{
	struct option *option;

	for (;;) {
		sort_places(selection);
		option = nearest_free(selection);
		if (selection->n == 0 || !option ||
		    !is_better(option, selection->places[selection->n - 1]))
			return;
		selection->places[selection->n - 1]->chosen = false;
		option->chosen = true;
		selection->places[selection->n - 1] = option;
	}
}

static bool keep(struct relays *relays, const struct selection *selection)
{
	struct relays before = *relays;

	memset(relays->chosen, 0, sizeof(relays->chosen));
	relays->n_chosen = selection->n;
	for (size_t i = 0; i < selection->n; i++)
		memcpy(relays->chosen[i], selection->places[i]->seen->public_key,
		       DATAPLANE_KEY_SIZE);
	return relays->n_chosen != before.n_chosen ||
	       memcmp(relays->chosen, before.chosen, sizeof(before.chosen)) != 0;
}

bool relays_choose(struct relays *relays, uint64_t now_us, const struct relays_seen *seen, size_t n)
{
	struct selection selection;

	if (n == 0)
		relays->since_us = 0;
	else if (relays->since_us == 0)
		relays->since_us = now_us;
	for (size_t i = 0; i < n; i++) {
		if (seen[i].failed)
			punish(relays, seen[i].public_key, now_us);
		else if (seen[i].bound)
			pardon(relays, seen[i].public_key);
		hear_again(relays, &seen[i], now_us);
	}
	list_options(relays, now_us, seen, n, &selection);
	fill_places(&selection, now_us - relays->since_us < RELAYS_PATIENCE_US);
	improve_places(&selection);
	return keep(relays, &selection);
}

uint64_t relays_due_us(const struct relays *relays, uint64_t now_us)
{
	uint64_t due_us = CLOCK_NEVER;

	if (relays->since_us && now_us < relays->since_us + RELAYS_PATIENCE_US)
		due_us = relays->since_us + RELAYS_PATIENCE_US;
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++) {
		if (relays->penalties[i].until_us > now_us &&
		    relays->penalties[i].until_us < due_us)
			due_us = relays->penalties[i].until_us;
	}
	return due_us;
}

bool relays_is_usable(const struct relays *relays, uint64_t now_us, const struct relays_seen *seen)
{
	return grade_of(relays, seen, now_us) != DEAD;
}

bool relays_is_chosen(const struct relays *relays, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < relays->n_chosen; i++) {
		if (same_key(relays->chosen[i], key))
			return true;
	}
	return false;
}
