#include "svc-nat/behaviour.h"

#include <string.h>

#include "common/clock.h"

#define RTO_US		(100 * CLOCK_MS)
#define RTO_MAX_US	(800 * CLOCK_MS)
#define MUTE_TRIES	4		 /* the fourth copy leaves 0.7 s after the first */
#define GIVE_UP_US	(700 * CLOCK_MS) /* after the last copy: 3 s after the first */
#define PRIMARY_US	(15 * CLOCK_SECOND)
#define PRIMARY_JITTER	(10 * CLOCK_SECOND)
#define SAMPLE_US	(300 * CLOCK_MS)
#define OTHERS_US	(60 * CLOCK_SECOND)
#define OTHERS_JITTER	(15 * CLOCK_SECOND)
#define BACKOFF_US	(5 * CLOCK_SECOND)
#define BACKOFF_MAX_US	(30 * CLOCK_SECOND)
#define BACKOFF_IDLE_US (60 * CLOCK_SECOND) /* while inactive */
#define FRESH_US	(10 * CLOCK_SECOND) /* an answer this old is asked for again when in doubt */
#define AGAIN_US	(1 * CLOCK_SECOND)  /* a silent server is asked at most this often */
/* A server that went away takes no mapping with it; what it last said is believed this long. */
#define KEEP_US (120 * CLOCK_SECOND)

bool behaviour_is_dependent(enum nat_behaviour mapping)
{
	return mapping == NAT_ADDRESS_DEPENDENT || mapping == NAT_ADDRESS_AND_PORT_DEPENDENT;
}

static size_t index_of(uint8_t family)
{
	return family == ADDR_IPV4 ? 0 : 1;
}

static struct behaviour_family *family_of(struct behaviour *behaviour,
					  const struct behaviour_server *server)
{
	return &behaviour->families[index_of(server->addr.family)];
}

static bool in_family(const struct behaviour_server *server, size_t family)
{
	return index_of(server->addr.family) == family;
}

static struct behaviour_server *find(const struct behaviour *behaviour, const struct addr *addr)
{
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		if (addr_equal(&behaviour->servers[i].addr, addr))
			return (struct behaviour_server *)(uintptr_t)&behaviour->servers[i];
	}
	return NULL;
}

static uint64_t jitter(struct behaviour *behaviour, uint64_t range_us)
{
	uint32_t value;

	behaviour->ops.random(behaviour->ops.data, &value, sizeof(value));
	return value % range_us;
}

/* ---- asking ---- */

static void send_copy(struct behaviour *behaviour, struct behaviour_server *server, uint64_t now_us)
{
	struct stun_message request = {.class = STUN_REQUEST, .method = STUN_METHOD_BINDING};
	uint8_t bytes[STUN_MESSAGE_MAX];
	uint64_t wait_us = RTO_US << server->tries;
	int length;

	if (server->tries == 0)
		behaviour->ops.random(behaviour->ops.data, server->transaction_id,
				      sizeof(server->transaction_id));
	memcpy(request.transaction_id, server->transaction_id, sizeof(request.transaction_id));
	request.transaction_id[STUN_TRANSACTION_ID_SIZE - 1] ^= (uint8_t)server->tries;
	server->tries++;
	behaviour->copies++;
	if (server->tries == BEHAVIOUR_TRIES)
		wait_us = GIVE_UP_US;
	server->due_us = now_us + (wait_us < RTO_MAX_US ? wait_us : RTO_MAX_US);
	length = stun_write(&request, bytes, sizeof(bytes));
	if (length > 0)
		behaviour->ops.send(behaviour->ops.data, &server->addr, bytes, (size_t)length);
}

/* Asks it as soon as possible; one that is being asked is asked anyway. */
static void hurry(struct behaviour_server *server, uint64_t now_us)
{
	if (server->tries == 0 && server->due_us > now_us)
		server->due_us = now_us;
}

static void hurry_family(struct behaviour *behaviour, size_t family, uint64_t now_us)
{
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		if (in_family(&behaviour->servers[i], family))
			hurry(&behaviour->servers[i], now_us);
	}
}

static void give_up(struct behaviour *behaviour, struct behaviour_server *server, uint64_t now_us)
{
	uint64_t wait_us = BACKOFF_US * (server->failures + 1);

	if (server->failures == 0)
		behaviour->changed = true;
	if (wait_us > BACKOFF_MAX_US)
		wait_us = BACKOFF_MAX_US;
	server->tries = 0;
	server->failures++;
	server->ended_us = now_us;
	server->due_us = now_us + (behaviour->active ? wait_us : BACKOFF_IDLE_US);
	if (server->primary) {
		/* Is it the server, or are we cut off? The others know. */
		for (size_t i = 0; i < behaviour->n_servers; i++) {
			struct behaviour_server *other = &behaviour->servers[i];

			if (other->addr.family == server->addr.family && !other->failures)
				hurry(other, now_us);
		}
		server->primary = false;
	}
}

/* ---- concluding ---- */

static void set_mapping(struct behaviour *behaviour, struct behaviour_family *family,
			enum nat_behaviour mapping)
{
	if (family->mapping == mapping)
		return;
	family->mapping = mapping;
	behaviour->changed = true;
}

static void set_mapped(struct behaviour *behaviour, struct behaviour_family *family,
		       const struct addr *mapped)
{
	if (addr_equal(&family->mapped, mapped))
		return;
	family->mapped = *mapped;
	behaviour->changed = true;
}

/* What is known of a family's servers in this epoch. */
struct evidence {
	unsigned servers, silent, asking;
	unsigned answers;      /* from different servers, of those that count */
	bool own;	       /* all that answered saw an address of ours */
	bool differ;	       /* two saw different addresses */
	bool same_host_differ; /* and that from two ports of one host */
};

static bool is_own(const struct behaviour *behaviour, const struct addr *addr)
{
	for (size_t i = 0; i < behaviour->n_own; i++) {
		if (addr_equal_ip(&behaviour->own[i], addr))
			return true;
	}
	return false;
}

static bool has_answered(const struct behaviour *behaviour, const struct behaviour_server *server)
{
	return server->epoch == behaviour->families[index_of(server->addr.family)].epoch;
}

/* A server in our own LAN sees us without any NAT between; that says nothing of the world. */
static bool sees_outside(const struct behaviour *behaviour, const struct behaviour_server *server)
{
	return has_answered(behaviour, server) && !is_own(behaviour, &server->mapped);
}

static void add_answer(const struct behaviour *behaviour, size_t at, bool outside,
		       struct evidence *evidence)
{
	const struct behaviour_server *server = &behaviour->servers[at];

	if (outside != sees_outside(behaviour, server))
		return;
	evidence->answers++;
	for (size_t i = 0; i < at; i++) {
		const struct behaviour_server *other = &behaviour->servers[i];

		if (other->addr.family != server->addr.family || !has_answered(behaviour, other) ||
		    outside != sees_outside(behaviour, other) ||
		    addr_equal(&other->mapped, &server->mapped))
			continue;
		evidence->differ = true;
		evidence->same_host_differ |= addr_equal_ip(&other->addr, &server->addr);
	}
}

static void collect(const struct behaviour *behaviour, size_t family, uint64_t now_us,
		    struct evidence *evidence)
{
	bool outside = false;

	memset(evidence, 0, sizeof(*evidence));
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		const struct behaviour_server *server = &behaviour->servers[i];

		if (!in_family(server, family))
			continue;
		evidence->servers++;
		evidence->silent += server->failures > 0;
		evidence->asking += server->tries > 0 || server->due_us <= now_us;
		outside |= sees_outside(behaviour, server);
	}
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		if (in_family(&behaviour->servers[i], family) &&
		    has_answered(behaviour, &behaviour->servers[i]))
			add_answer(behaviour, i, outside, evidence);
	}
	evidence->own = evidence->answers > 0 && !outside;
}

/* RFC 5780 section 4.3, with whatever servers there are instead of one with four addresses. Two
 * servers on one host that see the same do not rule out address dependence; such NATs are rare, and
 * hole punching through them is tried all the same. */
static enum nat_behaviour conclude(const struct evidence *evidence)
{
	if (evidence->own)
		return NAT_NONE;
	if (!evidence->differ)
		return NAT_ENDPOINT_INDEPENDENT;
	return evidence->same_host_differ ? NAT_ADDRESS_AND_PORT_DEPENDENT : NAT_ADDRESS_DEPENDENT;
}

static void judge(struct behaviour *behaviour, size_t index, uint64_t now_us)
{
	static const struct addr none;
	struct behaviour_family *family = &behaviour->families[index];
	struct evidence evidence;

	collect(behaviour, index, now_us, &evidence);
	if (!family->usable || evidence.servers == 0) {
		set_mapping(behaviour, family, NAT_UNKNOWN);
		set_mapped(behaviour, family, &none);
	} else if (evidence.silent == evidence.servers) {
		set_mapping(behaviour, family, NAT_BLOCKED);
		if (family->mapped_us == 0 || now_us - family->mapped_us > KEEP_US)
			set_mapped(behaviour, family, &none);
	} else if (evidence.answers >= 2 || evidence.own) {
		set_mapping(behaviour, family, conclude(&evidence));
	} else if (!evidence.asking || family->mapping == NAT_BLOCKED) {
		set_mapping(behaviour, family, NAT_UNKNOWN);
	}
}

/* ---- the primary ---- */

static void set_primary(struct behaviour *behaviour, struct behaviour_server *server,
			uint64_t now_us)
{
	struct behaviour_family *family = family_of(behaviour, server);

	server->primary = true;
	set_mapped(behaviour, family, &server->mapped);
	family->mapped_us = now_us;
}

/* The family's primary, or NULL; *best is who should be it. */
static struct behaviour_server *look_for_primary(struct behaviour *behaviour, size_t family,
						 struct behaviour_server **best)
{
	struct behaviour_server *primary = NULL;

	*best = NULL;
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		struct behaviour_server *server = &behaviour->servers[i];

		if (!in_family(server, family))
			continue;
		if (server->primary)
			primary = server;
		if (server->failures || !has_answered(behaviour, server))
			continue;
		if (!*best || (sees_outside(behaviour, server) && !sees_outside(behaviour, *best)))
			*best = server;
	}
	return primary;
}

/* After the last one went silent or away, or one that sees more has answered. */
static void ensure_primary(struct behaviour *behaviour, size_t family, uint64_t now_us)
{
	struct behaviour_server *best;
	struct behaviour_server *primary = look_for_primary(behaviour, family, &best);

	if (!best)
		return;
	if (primary) {
		if (!has_answered(behaviour, primary) || sees_outside(behaviour, primary) ||
		    !sees_outside(behaviour, best))
			return;
		primary->primary = false;
	}
	set_primary(behaviour, best, now_us);
	/* Its mapping may have gone since it answered. */
	if (best->ended_us != now_us)
		hurry(best, now_us);
}

/* ---- answers ---- */

static void begin_epoch(struct behaviour *behaviour, size_t family, uint64_t now_us)
{
	behaviour->families[family].epoch++;
	hurry_family(behaviour, family, now_us);
}

/* The server saw us at `mapped`. */
static void take_mapped(struct behaviour *behaviour, struct behaviour_server *server,
			const struct addr *mapped, uint64_t now_us)
{
	size_t index = index_of(server->addr.family);
	struct behaviour_family *family = &behaviour->families[index];
	bool moved = server->epoch == family->epoch && !addr_equal(&server->mapped, mapped);

	/* Where every destination has its own mapping, those that are not kept come and go. */
	if (moved && (server->primary || !behaviour_is_dependent(family->mapping)))
		begin_epoch(behaviour, index, now_us);
	server->mapped = *mapped;
	server->epoch = family->epoch;
	if (server->primary)
		set_primary(behaviour, server, now_us);
	else
		ensure_primary(behaviour, index, now_us);
}

static void take_rtt(struct behaviour *behaviour, struct behaviour_server *server, uint64_t sent_us,
		     uint64_t received_us)
{
	uint64_t rtt_us = received_us - sent_us;

	if (sent_us == 0 || received_us < sent_us || rtt_us > 10 * CLOCK_SECOND)
		return;
	if (server->rtt_us == DATAPLANE_UNKNOWN || server->rtt_old)
		server->samples = 0;
	else if (rtt_us > server->rtt_us) /* a busy moment only ever adds */
		rtt_us = (3 * (uint64_t)server->rtt_us + rtt_us) / 4;
	server->rtt_us = (uint32_t)rtt_us;
	server->rtt_old = false;
	server->samples++;
	behaviour->changed = true;
}

static uint64_t pause_us(struct behaviour *behaviour, const struct behaviour_server *server)
{
	if (server->samples && server->samples < BEHAVIOUR_SAMPLES)
		return SAMPLE_US;
	if (server->primary)
		return PRIMARY_US + jitter(behaviour, PRIMARY_JITTER);
	return OTHERS_US + jitter(behaviour, OTHERS_JITTER);
}

static bool is_answer(const struct behaviour_server *server, const struct stun_message *message)
{
	const size_t last = STUN_TRANSACTION_ID_SIZE - 1;

	return message->class == STUN_SUCCESS && message->method == STUN_METHOD_BINDING &&
	       memcmp(message->transaction_id, server->transaction_id, last) == 0 &&
	       (message->transaction_id[last] ^ server->transaction_id[last]) <
		       (int)server->tries &&
	       message->mapped.family == server->addr.family && addr_is_sendable(&message->mapped);
}

/* ---- filtering ---- */

/* One that sees us behind a NAT, and has just done so. */
static const struct behaviour_server *whom_to_test_with(const struct behaviour *behaviour,
							size_t family)
{
	const struct filtering *filtering = &behaviour->families[family].filtering;

	if (filtering_is_under_way(filtering) ||
	    filtering->epoch == behaviour->families[family].epoch)
		return NULL;
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		const struct behaviour_server *server = &behaviour->servers[i];

		if (server->primary && in_family(server, family) &&
		    sees_outside(behaviour, server) && !server->failures)
			return server;
	}
	return NULL;
}

static void step_filtering(struct behaviour *behaviour, size_t family, uint64_t now_us)
{
	struct filtering *filtering = &behaviour->families[family].filtering;
	const struct behaviour_server *server = whom_to_test_with(behaviour, family);
	enum nat_behaviour before = filtering->result;
	uint8_t bytes[STUN_MESSAGE_MAX], id[STUN_TRANSACTION_ID_SIZE];
	struct addr to;
	size_t length;

	if (server) {
		behaviour->ops.random(behaviour->ops.data, id, sizeof(id));
		filtering_begin(filtering, now_us, behaviour->families[family].epoch, &server->addr,
				id);
	}
	to = filtering->server;
	length = filtering_poll(filtering, now_us, bytes, sizeof(bytes));
	if (length)
		behaviour->ops.send(behaviour->ops.data, &to, bytes, length);
	behaviour->changed |= filtering->result != before;
}

static bool receive_filtering(struct behaviour *behaviour, const struct addr *from,
			      const struct stun_message *message)
{
	struct filtering *filtering = &behaviour->families[index_of(from->family)].filtering;

	if (!filtering_receive(filtering, from, message))
		return false;
	behaviour->changed = true;
	return true;
}

bool behaviour_receive(struct behaviour *behaviour, uint64_t now_us, const struct addr *from,
		       uint64_t sent_us, uint64_t received_us, const uint8_t *bytes, size_t length)
{
	struct behaviour_server *server = find(behaviour, from);
	struct stun_message message;

	if (stun_parse(&message, bytes, length) < 0)
		return false;
	if (receive_filtering(behaviour, from, &message))
		return true;
	if (!server || server->tries == 0 || !is_answer(server, &message))
		return false;
	server->tries = 0;
	behaviour->answers++;
	if (server->failures)
		behaviour->changed = true;
	server->failures = 0;
	server->ended_us = now_us;
	server->answered_us = now_us;
	take_rtt(behaviour, server, sent_us, received_us);
	server->due_us = CLOCK_NEVER;
	take_mapped(behaviour, server, &message.mapped, now_us);
	server->due_us = behaviour->active ? now_us + pause_us(behaviour, server) : CLOCK_NEVER;
	judge(behaviour, index_of(server->addr.family), now_us);
	return true;
}

static void step(struct behaviour *behaviour, struct behaviour_server *server, uint64_t now_us)
{
	if (!family_of(behaviour, server)->usable || server->due_us > now_us)
		return;
	if (server->tries == BEHAVIOUR_TRIES)
		give_up(behaviour, server, now_us);
	else
		send_copy(behaviour, server, now_us);
}

static uint64_t next_due_us(struct behaviour *behaviour)
{
	uint64_t due_us = CLOCK_NEVER;

	for (size_t i = 0; i < behaviour->n_servers; i++) {
		struct behaviour_server *server = &behaviour->servers[i];

		if (family_of(behaviour, server)->usable && server->due_us < due_us)
			due_us = server->due_us;
	}
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		uint64_t at_us = filtering_due_us(&behaviour->families[family].filtering);

		if (at_us < due_us)
			due_us = at_us;
	}
	return due_us;
}

uint64_t behaviour_poll(struct behaviour *behaviour, uint64_t now_us)
{
	uint64_t due_us;

	/* Giving up on one server hurries others, but not for ever: each step ends in the future.
	 */
	do {
		for (size_t i = 0; i < behaviour->n_servers; i++)
			step(behaviour, &behaviour->servers[i], now_us);
		for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++)
			ensure_primary(behaviour, family, now_us);
		for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++)
			step_filtering(behaviour, family, now_us);
		due_us = next_due_us(behaviour);
	} while (due_us <= now_us);
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++)
		judge(behaviour, family, now_us);
	return due_us;
}

/* ---- what changes from outside ---- */

void behaviour_init(struct behaviour *behaviour, const struct behaviour_ops *ops)
{
	memset(behaviour, 0, sizeof(*behaviour));
	behaviour->ops = *ops;
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++)
		behaviour->families[family].epoch = 1;
}

/* Another network, perhaps: what is under way may have left by the old one. */
static void restart(struct behaviour *behaviour, size_t family, uint64_t now_us)
{
	behaviour->families[family].epoch++;
	behaviour->families[family].mapped_us = 0;
	memset(&behaviour->families[family].filtering, 0,
	       sizeof(behaviour->families[family].filtering));
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		struct behaviour_server *server = &behaviour->servers[i];

		if (!in_family(server, family))
			continue;
		server->tries = 0;
		server->failures = 0;
		server->ended_us = 0;
		server->primary = false;
		server->rtt_old = true;
		server->due_us = now_us;
	}
}

void behaviour_set_own(struct behaviour *behaviour, uint64_t now_us, const struct addr *own,
		       size_t n)
{
	bool had[BEHAVIOUR_FAMILIES] = {behaviour->families[0].usable,
					behaviour->families[1].usable};

	if (n > CANDIDATES_HOST_MAX)
		n = CANDIDATES_HOST_MAX;
	if (n == behaviour->n_own && (n == 0 || memcmp(own, behaviour->own, n * sizeof(*own)) == 0))
		return;
	behaviour->n_own = n;
	if (n)
		memcpy(behaviour->own, own, n * sizeof(*own));
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		behaviour->families[family].usable = false;
		for (size_t i = 0; i < n; i++)
			behaviour->families[family].usable |= index_of(own[i].family) == family;
		if (had[family] || behaviour->families[family].usable)
			restart(behaviour, family, now_us);
		judge(behaviour, family, now_us);
	}
	behaviour->changed = true;
}

void behaviour_refresh(struct behaviour *behaviour, uint64_t now_us)
{
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++)
		behaviour->families[family].epoch++;
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		behaviour->servers[i].tries = 0;
		behaviour->servers[i].rtt_old = true;
		behaviour->servers[i].due_us = now_us;
	}
}

void behaviour_check(struct behaviour *behaviour, uint64_t now_us, uint8_t family)
{
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		struct behaviour_server *server = &behaviour->servers[i];

		if (server->primary && server->addr.family == family &&
		    now_us - server->ended_us >= AGAIN_US)
			hurry(server, now_us);
	}
}

void behaviour_check_all(struct behaviour *behaviour, uint64_t now_us)
{
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		if (now_us - behaviour->servers[i].ended_us >= AGAIN_US)
			hurry(&behaviour->servers[i], now_us);
	}
}

void behaviour_check_server(struct behaviour *behaviour, uint64_t now_us, const struct addr *addr)
{
	struct behaviour_server *server = find(behaviour, addr);

	if (server && !server->failures && now_us - server->ended_us >= FRESH_US)
		hurry(server, now_us);
}

static void keep_or_add(struct behaviour *behaviour, struct behaviour_server *server,
			const struct addr *addr, bool joining, uint64_t now_us)
{
	const struct behaviour_server *known = find(behaviour, addr);
	bool silent, old;

	if (!known) {
		*server = (struct behaviour_server){
			.addr = *addr, .due_us = now_us, .rtt_us = DATAPLANE_UNKNOWN};
		return;
	}
	*server = *known;
	silent = server->failures && now_us - server->ended_us >= AGAIN_US;
	old = joining && now_us - server->ended_us >= FRESH_US;
	if (silent || old)
		hurry(server, now_us);
	else if (joining && server->tries == 0 && server->due_us == CLOCK_NEVER)
		server->due_us = now_us + pause_us(behaviour, server);
}

void behaviour_set_servers(struct behaviour *behaviour, uint64_t now_us, bool active,
			   const struct addr *servers, size_t n)
{
	struct behaviour_server list[BEHAVIOUR_SERVERS_MAX];
	bool joining = active && !behaviour->active;
	size_t n_list = 0;

	for (size_t i = 0; i < n && n_list < BEHAVIOUR_SERVERS_MAX; i++) {
		bool twice = false;

		for (size_t k = 0; k < n_list; k++)
			twice |= addr_equal(&list[k].addr, &servers[i]);
		if (!twice && addr_is_sendable(&servers[i]))
			keep_or_add(behaviour, &list[n_list++], &servers[i], joining, now_us);
	}
	behaviour->active = active;
	behaviour->n_servers = n_list;
	memcpy(behaviour->servers, list, n_list * sizeof(list[0]));
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		ensure_primary(behaviour, family, now_us);
		judge(behaviour, family, now_us);
	}
}

/* ---- questions ---- */

enum nat_behaviour behaviour_mapping(const struct behaviour *behaviour, uint8_t family)
{
	return behaviour->families[index_of(family)].mapping;
}

bool behaviour_is_pending(const struct behaviour *behaviour, uint8_t family)
{
	const struct behaviour_family *known = &behaviour->families[index_of(family)];

	if (!known->usable || known->mapping != NAT_UNKNOWN)
		return false;
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		const struct behaviour_server *server = &behaviour->servers[i];

		if (server->addr.family == family && (server->tries || server->ended_us == 0))
			return true;
	}
	return false;
}

enum nat_behaviour behaviour_mapping_overall(const struct behaviour *behaviour)
{
	enum nat_behaviour result = NAT_UNKNOWN;

	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		enum nat_behaviour mapping = behaviour->families[family].mapping;

		if (mapping == NAT_BLOCKED)
			result = NAT_BLOCKED;
		else if (mapping != NAT_UNKNOWN)
			return mapping;
	}
	return result;
}

/* Where there is no NAT nothing is tested. */
enum nat_behaviour behaviour_filtering_overall(const struct behaviour *behaviour)
{
	if (behaviour_mapping_overall(behaviour) == NAT_NONE)
		return NAT_NONE;
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		const struct behaviour_family *known = &behaviour->families[family];

		if (known->usable && known->mapping != NAT_BLOCKED && known->mapped_us &&
		    known->filtering.result != NAT_UNKNOWN)
			return known->filtering.result;
	}
	return NAT_UNKNOWN;
}

bool behaviour_is_mute(const struct behaviour *behaviour)
{
	size_t asked = 0;

	for (size_t i = 0; i < behaviour->n_servers; i++) {
		const struct behaviour_server *server = &behaviour->servers[i];

		if (!behaviour->families[index_of(server->addr.family)].usable)
			continue;
		if (server->failures == 0 && server->tries < MUTE_TRIES)
			return false;
		asked++;
	}
	return asked > 0;
}

bool behaviour_is_filtering(const struct behaviour *behaviour)
{
	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		if (filtering_is_under_way(&behaviour->families[family].filtering) ||
		    whom_to_test_with(behaviour, family))
			return true;
	}
	return false;
}

size_t behaviour_public(const struct behaviour *behaviour, struct addr list[BEHAVIOUR_FAMILIES])
{
	size_t n = 0;

	for (size_t family = 0; family < BEHAVIOUR_FAMILIES; family++) {
		if (!addr_is_none(&behaviour->families[family].mapped))
			list[n++] = behaviour->families[family].mapped;
	}
	return n;
}

uint32_t behaviour_rtt_us(const struct behaviour *behaviour, const struct addr *server)
{
	const struct behaviour_server *known = find(behaviour, server);

	return known ? known->rtt_us : DATAPLANE_UNKNOWN;
}

bool behaviour_is_silent(const struct behaviour *behaviour, const struct addr *server)
{
	const struct behaviour_server *known = find(behaviour, server);

	return known && known->failures > 0;
}

bool behaviour_is_asking(const struct behaviour *behaviour)
{
	for (size_t i = 0; i < behaviour->n_servers; i++) {
		if (behaviour->servers[i].tries)
			return true;
	}
	return false;
}
