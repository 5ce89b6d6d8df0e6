#include "svc-dataplane/path.h"

#include <string.h>

/* How often to probe. A direct path's mapping in a NAT lives 30 s at worst and is kept open by the
 * idle interval. */
#define EVERY_SUSPECT	 (60 * CLOCK_MS)
#define EVERY_PLAYING	 (250 * CLOCK_MS)
#define EVERY_FRESH	 (1 * CLOCK_SECOND)
#define EVERY_IDLE	 (15 * CLOCK_SECOND)
#define EVERY_IDLE_RELAY (25 * CLOCK_SECOND)
#define EVERY_SPARE	 (2 * CLOCK_SECOND)
#define EVERY_SPARE_SICK (250 * CLOCK_MS)
#define EVERY_DEAD	 (500 * CLOCK_MS)
#define FRESH_US	 (30 * CLOCK_SECOND)

/* A path that brought packets this close together is suspect when four of them are missing. */
#define STEADY_GAP_US	(50 * CLOCK_MS)
#define STEADY_QUIET_US (100 * CLOCK_MS)

#define AUDIT_LEAST	5u /* packets of a class that must all be lost for a hole */
#define ARRIVING_MISSES 2u /* more, while packets keep coming */
#define ARRIVING_US	(100 * CLOCK_MS)
#define SENDING_US	(500 * CLOCK_MS)

#define BLOCK_LEAST_US	    (250 * CLOCK_MS)
#define BLOCK_MOST_US	    (5 * CLOCK_SECOND)
#define DEATHS_FORGOTTEN_US (300 * CLOCK_SECOND)
#define HEARD_LATELY_US	    (30 * CLOCK_SECOND)
#define UNMEASURED_RTT_US   (300 * CLOCK_MS)
#define LOSS_COST_US	    1000ull	    /* per permille: 1 % of loss is worth 10 ms */
#define RELAY_LEAD_US	    (20 * CLOCK_MS) /* by this and half, a relay must beat direct */
#define BETTER_LEAD_US	    (5 * CLOCK_MS)  /* by this and a fifth, among equals */
#define BETTER_ANSWERS	    8
#define HOLD_LEAST_S	    60u
#define HOLD_MOST_S	    1920u

void path_init(struct path *path, uint32_t id, enum dataplane_path_kind kind,
	       enum dataplane_path_origin origin)
{
	memset(path, 0, sizeof(*path));
	path->id = id;
	path->kind = kind;
	path->origin = origin;
	path->state = DATAPLANE_PATH_UNTRIED;
	path->usable = kind == DATAPLANE_PATH_DIRECT;
}

bool path_set_state(struct path *path, enum dataplane_path_state state, uint64_t now_us)
{
	if (path->state == state)
		return false;
	if (state == DATAPLANE_PATH_DEAD) {
		if (path->died_us == 0 || now_us - path->died_us > DEATHS_FORGOTTEN_US)
			path->deaths = 0;
		path->deaths += path->state == DATAPLANE_PATH_WORKING;
		path->died_us = now_us;
		path->streak = 0;
		path->heard = false;
		path->gap_us = 0;
		path->peer_active = false;
	} else {
		path->reported = false;
	}
	path->state = state;
	return true;
}

void path_received(struct path *path, size_t bytes, uint64_t now_us)
{
	uint64_t gap = now_us - path->receive_us;

	if (path->receive_us != 0 && gap < CLOCK_SECOND)
		path->gap_us = path->gap_us == 0
				       ? (uint32_t)gap
				       : path->gap_us - path->gap_us / 8 + (uint32_t)gap / 8;
	path->rx_bytes += bytes;
	path->receive_us = now_us;
	path->unanswered_us = 0;
	path->heard = true;
}

void path_prove(struct path *path, uint64_t now_us)
{
	path->proven_us = now_us;
	path->block_us = 0;
	path->blocked_until_us = 0;
	if (path_set_state(path, DATAPLANE_PATH_WORKING, now_us))
		probe_window_begin(&path->probes, path->probes.next);
}

bool path_probe_answered(struct path *path, uint32_t sequence, uint64_t now_us)
{
	if (!probe_window_answered(&path->probes, sequence, now_us))
		return false;
	if (path->hole && (int32_t)(sequence - path->hole_from) >= 0) {
		path->hole = 0;
		path->streak = 0;
	}
	if (path_set_state(path, DATAPLANE_PATH_WORKING, now_us))
		probe_window_begin(&path->probes, sequence);
	path->streak++;
	path_prove(path, now_us);
	return true;
}

/* ---- what arrives, by length ---- */

static unsigned length_class(size_t length)
{
	return length < 512 ? 0 : length < 1024 ? 1 : length < 1280 ? 2 : 3;
}

void path_delivered(struct path *path, size_t length)
{
	path->rx_data[length_class(length)]++;
}

void path_audit_begin(struct path *path, uint32_t sequence)
{
	struct path_audit *audit = &path->audit;

	if (audit->open && sequence - audit->sequence < PROBE_WINDOW)
		return; /* that one's answer may still come */
	audit->open = true;
	audit->sequence = sequence;
	memcpy(audit->sent, path->tx_data, sizeof(audit->sent));
}

bool path_audit_end(struct path *path, uint32_t sequence, const uint32_t arrived[FRAME_CLASSES])
{
	struct path_audit *audit = &path->audit;
	uint8_t hole = 0;

	if (!audit->open || audit->sequence != sequence)
		return false;
	audit->open = false;
	/* Short ones share the fate of the probes themselves. */
	for (uint8_t i = 1; i < FRAME_CLASSES; i++) {
		bool lost = arrived[i] == audit->settled_arrived[i];

		if (lost && audit->sent[i] - audit->settled_sent[i] < AUDIT_LEAST)
			continue; /* too few to tell: they count next time */
		if (lost && hole == 0)
			hole = i;
		audit->settled_sent[i] = audit->sent[i];
		audit->settled_arrived[i] = arrived[i];
	}
	if (hole == 0 || path->hole)
		return false;
	path->hole = hole;
	path->hole_from = path->probes.next;
	return true;
}

size_t path_probe_padding(const struct path *path)
{
	/* with header, frame and tag the longest of its class, in steps of 16 */
	static const size_t longest[FRAME_CLASSES] = {0, 1008, 1264, FRAME_MAX + 32};

	return path->hole ? longest[path->hole] - 32 - 32 : 0;
}

bool path_works(const struct path *path)
{
	return path->state == DATAPLANE_PATH_WORKING && path->usable && !path->hole;
}

/* ---- silence ---- */

void path_block(struct path *path, uint64_t now_us)
{
	path->block_us = path->block_us == 0 ? (uint32_t)BLOCK_LEAST_US : path->block_us * 2;
	if (path->block_us > BLOCK_MOST_US)
		path->block_us = BLOCK_MOST_US;
	path->blocked_until_us = now_us + path->block_us;
	path->owed = true;
	if (path->state == DATAPLANE_PATH_WORKING)
		path_set_state(path, DATAPLANE_PATH_DEAD, now_us);
}

bool path_is_blocked(const struct path *path, uint64_t now_us)
{
	return now_us < path->blocked_until_us;
}

/* On a path that loses packets all the time a few misses in a row mean less. */
static uint32_t dead_threshold(const struct path *path, const struct path_pace *pace,
			       uint64_t now_us)
{
	uint32_t loss = probe_window_loss(&path->probes, true);
	uint32_t threshold = PATH_DEAD_PROBES;

	if (pace->alarm)
		return 1;
	if (loss != DATAPLANE_UNKNOWN && loss >= 80)
		threshold += loss < 200 ? 1 : 2;
	/* One direction at least works; if ours does not, the peer will say so. */
	if (pace->playing && now_us - path->receive_us < ARRIVING_US)
		threshold += ARRIVING_MISSES;
	return threshold;
}

static uint64_t silence_limit_us(const struct path *path)
{
	return PATH_SILENCE_US + (path->probes.srtt_us ? path->probes.srtt_us : PATH_SILENCE_US);
}

static bool is_silent(const struct path *path, uint64_t now_us)
{
	return path->unanswered_us != 0 && now_us - path->unanswered_us >= silence_limit_us(path);
}

static bool never_answered(const struct path *path, uint64_t now_us)
{
	return path->state == DATAPLANE_PATH_TRYING && now_us - path->tried_us >= PATH_GIVE_UP_US;
}

bool path_judge(struct path *path, bool active, const struct path_pace *pace, uint64_t now_us)
{
	uint32_t missed = probe_window_judge(&path->probes, now_us);

	if (missed > 0)
		path->streak = 0;
	if (never_answered(path, now_us))
		return path_set_state(path, DATAPLANE_PATH_DEAD, now_us);
	if (path->state != DATAPLANE_PATH_WORKING)
		return false;
	if (missed < dead_threshold(path, pace, now_us) && !(active && is_silent(path, now_us)))
		return false;
	return path_set_state(path, DATAPLANE_PATH_DEAD, now_us);
}

uint64_t path_judge_due_us(const struct path *path, bool active, uint64_t now_us)
{
	uint64_t due = probe_window_overdue_us(&path->probes, now_us);
	uint64_t silent = path->unanswered_us + silence_limit_us(path);

	if (path->state == DATAPLANE_PATH_TRYING && path->tried_us + PATH_GIVE_UP_US < due)
		due = path->tried_us + PATH_GIVE_UP_US;
	if (active && path->state == DATAPLANE_PATH_WORKING && path->unanswered_us && silent < due)
		due = silent;
	return due;
}

void path_excuse(struct path *path, uint64_t now_us)
{
	probe_window_excuse(&path->probes);
	path->audit.open = false;
	if (path->unanswered_us)
		path->unanswered_us = now_us;
	if (path->gap_us)
		path->receive_us = now_us;
}

void path_sent(struct path *path, size_t bytes, bool data, uint64_t now_us)
{
	path->tx_bytes += bytes;
	if (data) {
		path->tx_data[length_class(bytes)]++;
		path->data_us = now_us;
	}
	if (data && path->unanswered_us == 0)
		path->unanswered_us = now_us;
	if (path->state == DATAPLANE_PATH_UNTRIED) {
		path->tried_us = now_us;
		path_set_state(path, DATAPLANE_PATH_TRYING, now_us);
	}
}

bool path_is_proven(const struct path *path, uint64_t now_us)
{
	uint64_t last = path->proven_us;

	/* A relay's own session proves the relay's address. */
	if (path->kind == DATAPLANE_PATH_RELAY)
		return true;
	if (last != 0 && path->state == DATAPLANE_PATH_WORKING && path->receive_us > last)
		last = path->receive_us;
	return last != 0 && now_us - last < PATH_PROOF_US;
}

bool path_admit(struct path *path, uint64_t now_us)
{
	return path_is_proven(path, now_us) || bucket_take(&path->unproven, PATH_UNPROVEN, now_us);
}

void path_hold(struct path *path, uint64_t now_us)
{
	path->hold_s = path->hold_s == 0 ? HOLD_LEAST_S : path->hold_s * 2;
	if (path->hold_s > HOLD_MOST_S)
		path->hold_s = HOLD_MOST_S;
	path->hold_until_us = now_us + path->hold_s * CLOCK_SECOND;
}

void path_retry(struct path *path, uint64_t now_us)
{
	path->tried_us = now_us;
	path->probe_us = 0;
	if (path->state == DATAPLANE_PATH_DEAD)
		path_set_state(path, DATAPLANE_PATH_TRYING, now_us);
}

/* Packets came steadily and have stopped: worth asking why before the next probe is due. */
static uint64_t suspect_us(const struct path *path)
{
	uint64_t quiet = 4ull * path->gap_us;

	if (path->gap_us == 0 || path->gap_us > STEADY_GAP_US)
		return CLOCK_NEVER;
	return path->receive_us + (quiet > STEADY_QUIET_US ? quiet : STEADY_QUIET_US);
}

bool path_is_suspect(const struct path *path, uint64_t now_us)
{
	return now_us >= suspect_us(path);
}

bool path_is_quiet(const struct path *path, uint64_t now_us)
{
	return path->peer_active && path_is_suspect(path, now_us) &&
	       probe_window_missed(&path->probes) > 0;
}

bool path_reported_silent(struct path *path, uint64_t now_us)
{
	if (path->state != DATAPLANE_PATH_WORKING || path->data_us == 0 ||
	    now_us - path->data_us > SENDING_US)
		return false;
	path_set_state(path, DATAPLANE_PATH_DEAD, now_us);
	path->reported = true;
	return true;
}

static uint64_t active_interval(const struct path *path, const struct path_pace *pace,
				uint64_t now_us)
{
	if (probe_window_missed(&path->probes) > 0 || pace->alarm)
		return EVERY_SUSPECT;
	if (pace->playing)
		return path_is_suspect(path, now_us) ? EVERY_SUSPECT : EVERY_PLAYING;
	if (now_us - pace->changed_us < FRESH_US)
		return EVERY_FRESH;
	return path->kind == DATAPLANE_PATH_RELAY ? EVERY_IDLE_RELAY : EVERY_IDLE;
}

static uint64_t spare_interval(const struct path *path, const struct path_pace *pace,
			       uint64_t now_us)
{
	if (probe_window_missed(&path->probes) > 0 || path->streak < PATH_UPGRADE_ANSWERS)
		return EVERY_SPARE_SICK;
	if (path->kind == DATAPLANE_PATH_RELAY && !path->planned)
		return EVERY_IDLE_RELAY; /* it is to be left */
	if (pace->playing)
		return EVERY_SPARE;
	return now_us - pace->changed_us < FRESH_US ? 5 * CLOCK_SECOND : EVERY_IDLE_RELAY;
}

static uint64_t trying_interval(const struct path *path, uint64_t now_us)
{
	uint64_t age = path->tried_us ? now_us - path->tried_us : 0;

	if (age < 2 * CLOCK_SECOND)
		return 200 * CLOCK_MS;
	if (age < 10 * CLOCK_SECOND)
		return CLOCK_SECOND;
	return age < 60 * CLOCK_SECOND ? 5 * CLOCK_SECOND : 30 * CLOCK_SECOND;
}

static uint64_t dead_interval(const struct path *path, uint64_t now_us)
{
	uint64_t age = now_us - path->died_us;

	if (path->proven_us == 0) /* never answered at all */
		return age < 60 * CLOCK_SECOND ? 5 * CLOCK_SECOND : 30 * CLOCK_SECOND;
	if (age < 30 * CLOCK_SECOND)
		return EVERY_DEAD;
	return age < 300 * CLOCK_SECOND ? 5 * CLOCK_SECOND : 30 * CLOCK_SECOND;
}

uint64_t path_probe_due_us(const struct path *path, bool active, const struct path_pace *pace,
			   uint64_t now_us)
{
	uint64_t interval = 0, due, suspect;

	if (!path->usable)
		return CLOCK_NEVER;
	switch (path->state) {
	case DATAPLANE_PATH_WORKING:
		interval = active ? active_interval(path, pace, now_us)
				  : spare_interval(path, pace, now_us);
		break;
	case DATAPLANE_PATH_DEAD: interval = dead_interval(path, now_us); break;
	default: interval = trying_interval(path, now_us); break;
	}
	if (path->probe_us == 0)
		return now_us;
	due = path->probe_us + interval;
	suspect = suspect_us(path);
	if (active && pace->playing && path->state == DATAPLANE_PATH_WORKING && suspect < due)
		due = suspect > path->probe_us + EVERY_SUSPECT ? suspect
							       : path->probe_us + EVERY_SUSPECT;
	return due;
}

uint64_t path_score(const struct path *path)
{
	uint64_t rtt = path->probes.srtt_us ? path->probes.srtt_us : UNMEASURED_RTT_US;

	return rtt + 2ull * path->probes.jitter_us +
	       probe_window_lasting_loss(&path->probes) * LOSS_COST_US;
}

/* The score as preferences see it: a relay costs others, so it must be clearly better. */
static uint64_t preference(const struct path *path)
{
	uint64_t score = path_score(path);

	return path->kind == DATAPLANE_PATH_RELAY ? score + score / 2 + RELAY_LEAD_US : score;
}

/* A path that answers right now; the streak asked for doubles with every recent death, so a path
 * that comes and goes does not take the data with it each time. */
static bool is_steady(const struct path *path)
{
	uint32_t deaths = path->deaths > 1 ? path->deaths - 1 : 0;

	return path_works(path) && probe_window_missed(&path->probes) == 0 &&
	       path->streak >= PATH_UPGRADE_ANSWERS << (deaths < 4 ? deaths : 4);
}

static bool is_ripe(const struct path *path, uint64_t now_us)
{
	return is_steady(path) && now_us >= path->hold_until_us;
}

static bool is_there(const struct path *path, uint64_t now_us)
{
	(void)now_us;
	return path_works(path);
}

static ptrdiff_t best_of(const struct path *paths, size_t count, ptrdiff_t except, uint64_t now_us,
			 bool (*wanted)(const struct path *path, uint64_t now_us))
{
	ptrdiff_t best = PATH_NONE;

	for (size_t i = 0; i < count; i++) {
		if ((ptrdiff_t)i == except || !wanted(&paths[i], now_us))
			continue;
		if (best == PATH_NONE || preference(&paths[i]) < preference(&paths[best]))
			best = (ptrdiff_t)i;
	}
	return best;
}

/* Nothing is known to work: rather where something was heard of late, else a relay, else stay. */
static struct path_choice least_bad(const struct path *paths, size_t count, ptrdiff_t active,
				    uint64_t now_us)
{
	ptrdiff_t heard = PATH_NONE, relay = PATH_NONE, best;

	for (size_t i = 0; i < count; i++) {
		const struct path *path = &paths[i];

		if (!path->usable)
			continue;
		if (path->heard && now_us - path->receive_us < HEARD_LATELY_US &&
		    (heard == PATH_NONE || path->receive_us > paths[heard].receive_us))
			heard = (ptrdiff_t)i;
		if (path->kind == DATAPLANE_PATH_RELAY && relay == PATH_NONE)
			relay = (ptrdiff_t)i;
	}
	best = heard != PATH_NONE ? heard : relay;
	if (best == PATH_NONE || best == active)
		return (struct path_choice){active, PATH_KEEP};
	if (active != PATH_NONE && heard == PATH_NONE && paths[active].usable &&
	    paths[active].kind == DATAPLANE_PATH_RELAY)
		return (struct path_choice){active, PATH_KEEP};
	return (struct path_choice){best, active == PATH_NONE ? PATH_FIRST : PATH_LOST};
}

static bool is_better(const struct path *path, const struct path *active)
{
	uint64_t score = preference(path), own = preference(active);

	return path->probes.answers >= BETTER_ANSWERS && active->probes.answers >= BETTER_ANSWERS &&
	       score + score / 5 + BETTER_LEAD_US < own;
}

/* Worth leaving a working path for. A relay that the plan does not name is none. */
static bool is_wanted(const struct path *path, uint64_t now_us)
{
	return is_ripe(path, now_us) && (path->kind == DATAPLANE_PATH_DIRECT || path->planned);
}

/* By a fifth and a lead. */
static bool is_much_worse(const struct path *path, const struct path *active)
{
	uint64_t own = path_score(active);

	return path_score(path) >= own + own / 5 + BETTER_LEAD_US;
}

/* From relay to relay, as the plan wants it. PATH_NONE: it has nothing to say. */
static ptrdiff_t planned_relay(const struct path *paths, size_t count, const struct path *active,
			       uint64_t now_us)
{
	ptrdiff_t best = PATH_NONE;

	if (active->kind != DATAPLANE_PATH_RELAY || active->first)
		return PATH_NONE;
	for (size_t i = 0; i < count; i++) {
		const struct path *path = &paths[i];

		if (path->kind != DATAPLANE_PATH_RELAY || !path->planned)
			continue;
		if (path->first && is_ripe(path, now_us) &&
		    (!active->planned || !is_much_worse(path, active)))
			return (ptrdiff_t)i;
		if (!active->planned && is_steady(path) &&
		    (best == PATH_NONE || path_score(path) < path_score(&paths[best])))
			best = (ptrdiff_t)i;
	}
	return best;
}

struct path_choice path_choose(const struct path *paths, size_t count, ptrdiff_t active,
			       uint64_t optimised_us, uint64_t now_us)
{
	struct path_choice keep = {active, PATH_KEEP};
	ptrdiff_t best;

	if (active == PATH_NONE || !path_works(&paths[active])) {
		best = best_of(paths, count, active, now_us, is_there);
		if (best == PATH_NONE && active != PATH_NONE && paths[active].usable &&
		    paths[active].state == DATAPLANE_PATH_WORKING)
			return keep; /* with a hole, and still the best there is */
		if (best == PATH_NONE)
			return least_bad(paths, count, active, now_us);
		return (struct path_choice){best, active == PATH_NONE ? PATH_FIRST : PATH_LOST};
	}
	best = best_of(paths, count, active, now_us, is_wanted);
	if (best == PATH_NONE || paths[best].kind == DATAPLANE_PATH_RELAY) {
		ptrdiff_t planned = planned_relay(paths, count, &paths[active], now_us);

		if (planned != PATH_NONE)
			return (struct path_choice){planned, PATH_PLANNED};
	}
	if (best == PATH_NONE || preference(&paths[best]) >= preference(&paths[active]))
		return keep;
	if (paths[active].kind == DATAPLANE_PATH_RELAY && paths[best].kind == DATAPLANE_PATH_DIRECT)
		return (struct path_choice){best, PATH_UPGRADE};
	if (!is_better(&paths[best], &paths[active]))
		return keep;
	if (paths[best].deaths > 0 && paths[best].died_us > optimised_us)
		return (struct path_choice){best, PATH_HEALED};
	if (now_us - optimised_us < PATH_OPTIMISE_US)
		return keep;
	return (struct path_choice){best, PATH_BETTER};
}

const char *path_reason_text(enum path_reason reason)
{
	static const char *const texts[PATH_REASONS] = {
		[PATH_KEEP] = "no change",	   [PATH_FIRST] = "first to answer",
		[PATH_LOST] = "no answer",	   [PATH_UPGRADE] = "direct works",
		[PATH_FOLLOW] = "it moved",	   [PATH_HEALED] = "works again",
		[PATH_BETTER] = "measures better", [PATH_PLANNED] = "the plan names it",
	};

	return texts[reason];
}
