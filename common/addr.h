/* addr.h - an IPv4 or IPv6 address with a port, as a plain comparable value.
 *
 * IPv4-mapped IPv6 addresses are turned into IPv4 on the way in, so one address has one form.
 * Link-local IPv6 addresses carry a scope (interface index); all others have scope 0.
 * All bytes of a struct addr are defined (no padding), so memcmp works.
 */
#ifndef LANRAGE_COMMON_ADDR_H
#define LANRAGE_COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family {
	ADDR_NONE = 0,
	ADDR_IPV4 = 4,
	ADDR_IPV6 = 6,
};

struct addr {
	uint8_t ip[16];	  /* network order; IPv4 uses the first 4, the rest is zero */
	uint32_t scope;	  /* interface index of a link-local IPv6 address, else 0 */
	uint16_t port;	  /* host order */
	uint8_t family;	  /* enum addr_family */
	uint8_t reserved; /* zero */
};

#define ADDR_TEXT_SIZE 64

bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_equal_ip(const struct addr *a, const struct addr *b); /* without the port */
bool addr_is_none(const struct addr *a);
/* For tables by address and port; seed: any, a secret one where others may choose the address. */
uint32_t addr_hash(const struct addr *a, uint32_t seed);
bool addr_is_loopback(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_unspecified(const struct addr *a);
/* RFC 1918, RFC 6598 (100.64/10) or RFC 4193 (fc00::/7) */
bool addr_is_private(const struct addr *a);
/* A unicast address a packet may be sent to: not none, unspecified, multicast or broadcast. */
bool addr_is_sendable(const struct addr *a);

struct addr addr_ipv4(uint32_t ip_host_order, uint16_t port);
uint32_t addr_ipv4_value(const struct addr *a); /* host order */
size_t addr_ip_length(const struct addr *a);	/* 4, 16 or 0 */
/* length 4 or 16; -EINVAL else. Turns mapped IPv4 into IPv4. */
int addr_from_bytes(struct addr *a, const uint8_t *ip, size_t length, uint16_t port);

/* From any sockaddr; *a becomes none for other families. */
struct addr addr_from_sockaddr(const struct sockaddr_storage *sa);
/* Returns the length for the system call, 0 for none. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *sa);

/* `203.0.113.7:5555`, `[2001:db8::1]:5555`, `[fe80::1%2]:5555`; `-` for none. Returns text. */
char *addr_format(const struct addr *a, char text[ADDR_TEXT_SIZE]);
/* Without port and brackets. */
char *addr_format_ip(const struct addr *a, char text[ADDR_TEXT_SIZE]);
/* Parses what addr_format and addr_format_ip write (numeric only; a missing port is 0).
 * -EINVAL for anything else. */
int addr_parse(struct addr *a, const char *text);

/* A prefix: address without port and a length. */
struct addr_prefix {
	struct addr addr;
	uint8_t length; /* bits */
};
bool addr_prefix_contains(const struct addr_prefix *prefix, const struct addr *a);
/* `10.66.0.0/16`; host bits must be zero. -EINVAL else. */
int addr_prefix_parse(struct addr_prefix *prefix, const char *text);
char *addr_prefix_format(const struct addr_prefix *prefix, char text[ADDR_TEXT_SIZE]);

#endif
