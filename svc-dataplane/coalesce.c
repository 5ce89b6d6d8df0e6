#include "svc-dataplane/coalesce.h"

#include <string.h>

#include "svc-dataplane/checksum.h"
#include "svc-dataplane/header.h"

/* A packet of TCP or UDP. */
struct candidate {
	uint8_t *packet;
	size_t length;
	size_t start, header; /* of TCP or UDP; of the payload */
	enum split_kind kind;
	bool last; /* nothing may follow it */
};

/* ---- what can be gathered */

static bool look_ipv4(struct candidate *new, uint8_t *protocol)
{
	const uint8_t *packet = new->packet;
	uint16_t fragment = header_get16(packet + IPV4_FRAGMENT);

	new->start = IPV4_HEADER;
	*protocol = packet[IPV4_PROTOCOL];
	return ipv4_header_size(packet) == IPV4_HEADER &&
	       header_get16(packet + IPV4_LENGTH) == new->length &&
	       !(fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK));
}

static bool look_ipv6(struct candidate *new, uint8_t *protocol)
{
	new->start = IPV6_HEADER;
	*protocol = new->packet[IPV6_NEXT];
	return header_get16(new->packet + IPV6_LENGTH) == new->length - IPV6_HEADER;
}

/* Which flow it is of. False: it cannot be told, or is of no kind that is gathered. */
static bool identify(struct candidate *new)
{
	uint8_t protocol;

	if (!header_is_ip(new->packet, new->length))
		return false;
	if (!(new->packet[0] >> 4 == 4 ? look_ipv4(new, &protocol) : look_ipv6(new, &protocol)))
		return false;
	if (protocol == PROTOCOL_TCP)
		new->kind = SPLIT_TCP;
	else if (protocol == PROTOCOL_UDP)
		new->kind = SPLIT_UDP;
	else
		return false;
	return new->length >= new->start + (new->kind == SPLIT_TCP ? TCP_HEADER : UDP_HEADER);
}

static bool look_tcp(struct candidate *new)
{
	const uint8_t *tcp = new->packet + new->start;
	uint8_t flags = tcp[TCP_FLAGS];

	new->header = new->start + tcp_header_size(tcp);
	new->last = flags &TCP_PSH;
	/* The four bits beside the data offset are reserved, or AE of a later ECN. */
	return tcp_header_size(tcp) >= TCP_HEADER && !(tcp[TCP_DATA_OFFSET] & 15u) &&
	       (flags & ~(TCP_PSH | TCP_ECE)) == TCP_ACK;
}

static bool look_udp(struct candidate *new)
{
	const uint8_t *udp = new->packet + new->start;

	new->header = new->start + UDP_HEADER;
	return header_get16(udp + UDP_LENGTH) ==
	       new->length - new->start &&header_get16(udp + UDP_CHECKSUM) != 0;
}

/* Whether it could be part of a row. */
static bool is_plain_data(struct candidate *new)
{
	return (new->kind == SPLIT_TCP ? look_tcp(new) : look_udp(new)) &&
	       new->length > new->header;
}

/* ---- flows */

static uint8_t *flow_packet(const struct coalesce_flow *flow)
{
	return flow->parts[COALESCE_HEADERS].iov_base;
}

/* The same addresses and ports. */
static bool is_of_flow(const struct coalesce_flow *flow, const struct candidate *new)
{
	const uint8_t *packet = flow_packet(flow);
	bool ipv4 = packet[0] >> 4 == 4;
	size_t source = ipv4 ? IPV4_SOURCE : IPV6_SOURCE;
	size_t addresses = 2u * (ipv4 ? IPV4_ADDRESS : IPV6_ADDRESS);

	return flow->kind == new->kind &&packet[0] >> 4 == new->packet[0] >> 4 &&
	       memcmp(packet + source, new->packet + source, addresses) == 0 &&
	       memcmp(packet + flow->start, new->packet + new->start, 4) == 0;
}

static bool same_ip(const struct coalesce_flow *flow, const uint8_t *new)
{
	const uint8_t *packet = flow_packet(flow);

	if (packet[0] >> 4 == 6)
		return memcmp(packet, new, IPV6_LENGTH) == 0 && packet[IPV6_HOPS] == new[IPV6_HOPS];
	if (packet[IPV4_TOS] != new[IPV4_TOS] || packet[IPV4_TTL] != new[IPV4_TTL] ||
	    header_get16(packet + IPV4_FRAGMENT) != header_get16(new + IPV4_FRAGMENT))
		return false;
	return header_get16(packet + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT ||
	       header_get16(new + IPV4_ID) ==
		       (uint16_t)(header_get16(packet + IPV4_ID) + flow->count);
}

static bool same_tcp(const struct coalesce_flow *flow, const struct candidate *new)
{
	const uint8_t *tcp = flow_packet(flow) + flow->start;
	const uint8_t *other = new->packet + new->start;
	size_t rest = flow->header - flow->start - TCP_URGENT; /* urgent pointer, options */

	return header_get32(other + TCP_SEQUENCE) == flow->next &&
	       header_get32(other + TCP_ACKNOWLEDGED) == header_get32(tcp + TCP_ACKNOWLEDGED) &&
	       (other[TCP_FLAGS] & ~TCP_PSH) == (tcp[TCP_FLAGS] & ~TCP_PSH) &&
	       header_get16(other + TCP_WINDOW) == header_get16(tcp + TCP_WINDOW) &&
	       flow->header == new->header && !memcmp(other + TCP_URGENT, tcp + TCP_URGENT, rest);
}

/* Of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1); length: of TCP or UDP. */
static uint64_t pseudo_sum(const uint8_t *packet, size_t length, enum split_kind kind)
{
	bool ipv4 = packet[0] >> 4 == 4;
	size_t source = ipv4 ? IPV4_SOURCE : IPV6_SOURCE;
	size_t addresses = 2u * (ipv4 ? IPV4_ADDRESS : IPV6_ADDRESS);
	uint64_t sum = checksum_add(0, packet + source, addresses);

	sum = checksum_add_be16(sum, kind == SPLIT_TCP ? PROTOCOL_TCP : PROTOCOL_UDP);
	return checksum_add_be16(sum, (uint16_t)length);
}

/* These are right, and as split writes them: of the two zeros only one. */
static bool header_is_right(const uint8_t *packet)
{
	return packet[0] >> 4 == 6 ||
	       (header_get16(packet + IPV4_CHECKSUM) != UINT16_MAX &&
		checksum_fold(checksum_add(0, packet, IPV4_HEADER)) == UINT16_MAX);
}

static bool checksum_is_right(const uint8_t *packet, size_t length, size_t start,
			      enum split_kind kind)
{
	uint64_t sum = pseudo_sum(packet, length - start, kind);

	if (!header_is_right(packet))
		return false;
	if (kind == SPLIT_TCP && header_get16(packet + start + TCP_CHECKSUM) == UINT16_MAX)
		return false;
	return checksum_fold(checksum_add(sum, packet + start, length - start)) == UINT16_MAX;
}

/* The first one is looked at when a second comes: most that stay alone need not be. */
static bool checksums_are_right(struct coalesce_flow *flow, const struct candidate *new)
{
	if (!flow->verified &&
	    !checksum_is_right(flow_packet(flow), flow->length, flow->start, flow->kind))
		return false;
	flow->verified = true;
	return checksum_is_right(new->packet, new->length, new->start, new->kind);
}

/* Whether splitting the two would give the two again. */
static bool fits(struct coalesce_flow *flow, const struct candidate *new)
{
	size_t payload = new->length - new->header;

	return flow->count < COALESCE_PIECES && payload <= flow->segment &&
	       flow->length + payload <= COALESCE_LENGTH && same_ip(flow, new->packet) &&
	       (flow->kind == SPLIT_UDP || same_tcp(flow, new)) && checksums_are_right(flow, new);
}

static void flow_open(struct coalesce_flow *flow, const struct candidate *new)
{
	flow->kind = new->kind;
	flow->count = 1;
	flow->length = new->length;
	flow->header = new->header;
	flow->start = new->start;
	flow->segment = new->length - new->header;
	flow->verified = false;
	if (new->kind == SPLIT_TCP)
		flow->next = header_get32(new->packet + new->start + TCP_SEQUENCE) +
			     (uint32_t)flow->segment;
	flow->parts[COALESCE_HEADERS] = (struct iovec){new->packet, new->length};
}

static void flow_append(struct coalesce_flow *flow, const struct candidate *new)
{
	size_t payload = new->length - new->header;

	if (new->last)
		flow_packet(flow)[flow->start + TCP_FLAGS] |= TCP_PSH;
	flow->parts[COALESCE_HEADERS + flow->count++] =
		(struct iovec){new->packet + new->header, payload};
	flow->length += payload;
	flow->next += (uint32_t)payload;
}

/* ---- writing */

/* The kernel wants the sum of the pseudo-header, not complemented, in the checksum's place. */
static void finish_transport(struct coalesce_flow *flow)
{
	uint8_t *packet = flow_packet(flow);
	size_t length = flow->length - flow->start;
	uint16_t folded = checksum_fold(pseudo_sum(packet, length, flow->kind));

	memcpy(packet + flow->start + split_checksum_offset(flow->kind), &folded, sizeof(folded));
	if (flow->kind == SPLIT_UDP)
		header_set16(packet + flow->start + UDP_LENGTH, (uint16_t)length);
}

static void flow_write(struct coalesce *coalesce, struct coalesce_flow *flow)
{
	struct split_offload offload = {.kind = SPLIT_NONE};

	if (flow->count > 1) {
		checksum_set_length(flow_packet(flow), flow->length);
		finish_transport(flow);
		offload = (struct split_offload){
			.kind = flow->kind,
			.checksum = true,
			.start = (uint16_t)flow->start,
			.offset = split_checksum_offset(flow->kind),
			.segment = (uint16_t)flow->segment,
			.header = (uint16_t)flow->header,
		};
	}
	coalesce->write(coalesce->data, &offload, flow->parts + COALESCE_HEADERS, flow->count);
	flow->count = 0;
}

static void write_alone(struct coalesce *coalesce, uint8_t *packet, size_t length)
{
	const struct split_offload offload = {.kind = SPLIT_NONE};
	struct iovec parts[COALESCE_HEADERS + 1];

	parts[COALESCE_HEADERS] = (struct iovec){packet, length};
	coalesce->write(coalesce->data, &offload, parts + COALESCE_HEADERS, 1);
}

/* ---- from outside */

void coalesce_init(struct coalesce *coalesce, coalesce_write write, void *data)
{
	memset(coalesce, 0, sizeof(*coalesce));
	coalesce->write = write;
	coalesce->data = data;
}

void coalesce_set(struct coalesce *coalesce, bool tcp, bool udp)
{
	coalesce->tcp = tcp;
	coalesce->udp = udp;
}

static struct coalesce_flow *find_flow(struct coalesce *coalesce, const struct candidate *new)
{
	for (unsigned i = 0; i < COALESCE_FLOWS; i++)
		if (coalesce->flows[i].count > 0 && is_of_flow(&coalesce->flows[i], new))
			return &coalesce->flows[i];
	return NULL;
}

static struct coalesce_flow *free_flow(struct coalesce *coalesce)
{
	struct coalesce_flow *flow;

	for (unsigned i = 0; i < COALESCE_FLOWS; i++)
		if (coalesce->flows[i].count == 0)
			return &coalesce->flows[i];
	flow = &coalesce->flows[coalesce->turn++ % COALESCE_FLOWS];
	flow_write(coalesce, flow);
	return flow;
}

static void gather(struct coalesce *coalesce, struct coalesce_flow *flow,
		   const struct candidate *new)
{
	if (flow && fits(flow, new)) {
		flow_append(flow, new);
	} else {
		if (flow)
			flow_write(coalesce, flow);
		else
			flow = free_flow(coalesce);
		flow_open(flow, new);
	}
	/* A shorter one ends the row, and so does PSH: there is nothing to wait for. */
	if (new->last || new->length - new->header < flow->segment)
		flow_write(coalesce, flow);
}

void coalesce_add(struct coalesce *coalesce, uint8_t *packet, size_t length)
{
	struct candidate new = {.packet = packet, .length = length};
	struct coalesce_flow *flow;

	if (!identify(&new)) {
		/* It may be of any flow, a fragment say, and must not overtake. */
		coalesce_flush(coalesce);
		write_alone(coalesce, packet, length);
		return;
	}
	flow = find_flow(coalesce, &new);
	if ((new.kind == SPLIT_TCP ? coalesce->tcp : coalesce->udp) && is_plain_data(&new)) {
		gather(coalesce, flow, &new);
		return;
	}
	if (flow)
		flow_write(coalesce, flow);
	write_alone(coalesce, packet, length);
}

void coalesce_flush(struct coalesce *coalesce)
{
	for (unsigned i = 0; i < COALESCE_FLOWS; i++)
		if (coalesce->flows[i].count > 0)
			flow_write(coalesce, &coalesce->flows[i]);
}
