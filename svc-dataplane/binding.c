#include "svc-dataplane/binding.h"

#include <string.h>

#include "svc-dataplane/checksum.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/header.h"

#define TCP_SYN	    0x02u
#define SEGMENT_MAX (ENGINE_MTU - IPV4_HEADER - TCP_HEADER)

enum { OPTION_END = 0, OPTION_NONE = 1, OPTION_SEGMENT = 2 };

void binding_set(struct binding *binding, uint32_t address)
{
	if (binding->address == address)
		return;
	if (binding->address) /* else nothing was noted, and the memory was never touched */
		memset(binding, 0, sizeof(*binding));
	binding->address = address;
}

/* ---- one packet ---- */

/* Where TCP or UDP begins in a whole IPv4 packet, or the first of its fragments; NULL: nowhere. */
static uint8_t *transport_of(uint8_t *packet, size_t length)
{
	size_t header, least;

	if (!header_is_ip(packet, length) || packet[0] >> 4 != 4 ||
	    header_get16(packet + IPV4_FRAGMENT) & IPV4_OFFSET_MASK)
		return NULL;
	header = ipv4_header_size(packet);
	if (packet[IPV4_PROTOCOL] == PROTOCOL_TCP)
		least = TCP_HEADER;
	else if (packet[IPV4_PROTOCOL] == PROTOCOL_UDP)
		least = UDP_HEADER;
	else
		return NULL;
	return length >= header + least ? packet + header : NULL;
}

/* begun: of the pseudo-header alone; the rest is still to be summed up. */
static void set_address(uint8_t *packet, uint8_t *transport, size_t offset, uint32_t address,
			bool begun)
{
	bool udp = packet[IPV4_PROTOCOL] == PROTOCOL_UDP;

	if (transport)
		checksum_adjust(transport + (udp ? UDP_CHECKSUM : TCP_CHECKSUM), packet + offset,
				&address, sizeof(address), udp, begun);
	memcpy(packet + offset, &address, sizeof(address));
	checksum_set_ipv4(packet);
}

static void clamp_option(uint8_t *tcp, uint8_t *size, bool begun)
{
	const uint8_t fits[2] = {SEGMENT_MAX >> 8, SEGMENT_MAX & 0xff};

	if (header_get16(size) <= SEGMENT_MAX || (size - tcp) % 2)
		return;
	if (!begun)
		checksum_adjust(tcp + TCP_CHECKSUM, size, fits, sizeof(fits), false, false);
	memcpy(size, fits, sizeof(fits));
}

/* A SYN of a socket bound to a card says which segments fit that card (RFC 9293 section 3.7.1);
 * they must fit the tunnel. */
static void clamp_segments(const uint8_t *packet, uint8_t *tcp, size_t length, bool begun)
{
	size_t end = tcp_header_size(tcp);

	if (!(tcp[TCP_FLAGS] & TCP_SYN) || tcp + end > packet + length)
		return;
	for (size_t at = TCP_HEADER; at + 4 <= end && tcp[at] != OPTION_END;) {
		if (tcp[at] == OPTION_NONE) {
			at++;
			continue;
		}
		if (tcp[at] == OPTION_SEGMENT)
			clamp_option(tcp, tcp + at + 2, begun);
		if (tcp[at + 1] < 2)
			return;
		at += tcp[at + 1];
	}
}

/* ---- in ---- */

static struct binding_place *place_of(struct binding *binding, const struct binding_port *port)
{
	return &binding->places[port->protocol][port->port % BINDING_PLACES];
}

/* Only what begins something is worth asking for: who answers is known, or of no interest. */
static bool begins(const uint8_t *packet, const uint8_t *transport)
{
	return packet[IPV4_PROTOCOL] == PROTOCOL_UDP ||
	       (transport[TCP_FLAGS] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static enum binding_verdict translate(const struct binding *binding,
				      const struct binding_answer *answer, uint8_t *packet,
				      uint8_t *transport)
{
	uint32_t to;

	memcpy(&to, packet + IPV4_DESTINATION, sizeof(to));
	if (answer->address == 0 || (to != binding->address && !answer->device))
		return BINDING_AS_IS;
	set_address(packet, transport, IPV4_DESTINATION, answer->address, false);
	return BINDING_TO_CARD;
}

static bool is_known(const struct binding_place *place, uint64_t now_us)
{
	return place->known_us && now_us - place->known_us < BINDING_KNOWN_US;
}

/* NULL: none is free for something new. What is in the middle of a translation stays. */
static struct binding_place *take_place(struct binding *binding, uint64_t now_us,
					const struct binding_port *port, bool new)
{
	struct binding_place *place = place_of(binding, port);

	if (place->port == port->port)
		return place;
	if (!new || (place->answer.address && is_known(place, now_us)))
		return NULL;
	*place = (struct binding_place){.port = port->port};
	return place;
}

static struct binding_port port_at(const uint8_t *packet, const uint8_t *transport, size_t offset)
{
	return (struct binding_port){
		packet[IPV4_PROTOCOL] == PROTOCOL_UDP ? BINDING_UDP : BINDING_TCP,
		header_get16(transport + offset),
	};
}

enum binding_verdict binding_arrives(struct binding *binding, uint64_t now_us, uint8_t *packet,
				     size_t length, struct binding_port *port, bool *ask)
{
	uint8_t *transport = binding->address ? transport_of(packet, length) : NULL;
	struct binding_place *place;
	bool new;

	*ask = false;
	if (!transport)
		return BINDING_AS_IS;
	*port = port_at(packet, transport, 2);
	new = begins(packet, transport);
	place = take_place(binding, now_us, port, new);
	if (!place)
		return BINDING_AS_IS;
	if (new && !place->asked &&
	    (!place->known_us || now_us - place->known_us >= BINDING_FRESH_US))
		place->asked = *ask = true;
	if (is_known(place, now_us))
		return translate(binding, &place->answer, packet, transport);
	return place->asked ? BINDING_WAIT : BINDING_AS_IS;
}

void binding_answered(struct binding *binding, uint64_t now_us, const struct binding_port *port,
		      const struct binding_answer *answer)
{
	struct binding_place *place = take_place(binding, now_us, port, true);

	if (!place)
		return;
	*place = (struct binding_place){.port = port->port, .known_us = now_us};
	if (answer && answer->address != binding->address)
		place->answer = *answer;
}

/* ---- out ---- */

static void remember(struct binding *binding, uint64_t now_us, const uint8_t *packet,
		     const uint8_t *transport, const struct binding_answer *answer)
{
	const struct binding_port port = port_at(packet, transport, 0);

	/* whoever sends now is alive; who had the place before may be gone */
	*place_of(binding, &port) =
		(struct binding_place){.port = port.port, .known_us = now_us, .answer = *answer};
}

void binding_leaves(struct binding *binding, uint64_t now_us, bool device, uint8_t *packet,
		    size_t length, const struct split_offload *offload)
{
	struct binding_answer answer = {.device = device};
	uint8_t *transport;

	if (!binding->address || !header_is_ip(packet, length) || packet[0] >> 4 != 4)
		return;
	memcpy(&answer.address, packet + IPV4_SOURCE, sizeof(answer.address));
	if (answer.address == binding->address)
		return;
	transport = transport_of(packet, length);
	if (transport)
		remember(binding, now_us, packet, transport, &answer);
	set_address(packet, transport, IPV4_SOURCE, binding->address, offload->checksum);
	if (transport && device && packet[IPV4_PROTOCOL] == PROTOCOL_TCP)
		clamp_segments(packet, transport, length, offload->checksum);
}
