#include "common/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool addr_equal_ip(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->scope == b->scope &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* FNV-1a. */
uint32_t addr_hash(const struct addr *a, uint32_t seed)
{
	uint32_t hash = seed;

	for (size_t i = 0; i < sizeof(a->ip); i++)
		hash = (hash ^ a->ip[i]) * 16777619u;
	hash = (hash ^ a->port) * 16777619u;
	return hash ^ hash >> 16;
}

bool addr_is_none(const struct addr *a)
{
	return a->family == ADDR_NONE;
}

static bool addr_ipv4_in(const struct addr *a, uint32_t network, unsigned length)
{
	return a->family == ADDR_IPV4 &&
	       ((addr_ipv4_value(a) ^ network) & (0xffffffffu << (32 - length))) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1};

	return addr_ipv4_in(a, 0x7f000000, 8) ||
	       (a->family == ADDR_IPV6 && memcmp(a->ip, loopback, 16) == 0);
}

bool addr_is_link_local(const struct addr *a)
{
	return addr_ipv4_in(a, 0xa9fe0000, 16) ||
	       (a->family == ADDR_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80);
}

bool addr_is_multicast(const struct addr *a)
{
	return addr_ipv4_in(a, 0xe0000000, 4) || (a->family == ADDR_IPV6 && a->ip[0] == 0xff);
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	return a->family != ADDR_NONE && memcmp(a->ip, zero, 16) == 0;
}

bool addr_is_private(const struct addr *a)
{
	return addr_ipv4_in(a, 0x0a000000, 8) || addr_ipv4_in(a, 0xac100000, 12) ||
	       addr_ipv4_in(a, 0xc0a80000, 16) || addr_ipv4_in(a, 0x64400000, 10) ||
	       (a->family == ADDR_IPV6 && (a->ip[0] & 0xfe) == 0xfc);
}

bool addr_is_sendable(const struct addr *a)
{
	/* 0.0.0.0/8 and 240.0.0.0/4 (with 255.255.255.255) are no unicast addresses */
	return a->family != ADDR_NONE && a->port != 0 && !addr_is_unspecified(a) &&
	       !addr_is_multicast(a) && !addr_ipv4_in(a, 0, 8) && !addr_ipv4_in(a, 0xf0000000, 4);
}

struct addr addr_ipv4(uint32_t ip, uint16_t port)
{
	struct addr a = {.family = ADDR_IPV4, .port = port};

	for (size_t i = 0; i < 4; i++)
		a.ip[i] = (uint8_t)(ip >> (24 - 8 * i));
	return a;
}

uint32_t addr_ipv4_value(const struct addr *a)
{
	return (uint32_t)a->ip[0] << 24 | (uint32_t)a->ip[1] << 16 | (uint32_t)a->ip[2] << 8 |
	       a->ip[3];
}

size_t addr_ip_length(const struct addr *a)
{
	if (a->family == ADDR_IPV4)
		return 4;
	return a->family == ADDR_IPV6 ? 16 : 0;
}

int addr_from_bytes(struct addr *a, const uint8_t *ip, size_t length, uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(a, 0, sizeof(*a));
	if (length == 16 && memcmp(ip, mapped, 12) == 0) {
		ip += 12;
		length = 4;
	}
	if (length != 4 && length != 16)
		return -EINVAL;
	a->family = length == 4 ? ADDR_IPV4 : ADDR_IPV6;
	a->port = port;
	memcpy(a->ip, ip, length);
	return 0;
}

struct addr addr_from_sockaddr(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;
	struct addr a = {0};

	if (sa->ss_family == AF_INET) {
		addr_from_bytes(&a, (const uint8_t *)&in->sin_addr, 4, ntohs(in->sin_port));
	} else if (sa->ss_family == AF_INET6) {
		addr_from_bytes(&a, in6->sin6_addr.s6_addr, 16, ntohs(in6->sin6_port));
		if (addr_is_link_local(&a) && a.family == ADDR_IPV6)
			a.scope = in6->sin6_scope_id;
	}
	return a;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *sa)
{
	struct sockaddr_in *in = (void *)sa;
	struct sockaddr_in6 *in6 = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	if (a->family == ADDR_IPV4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	if (a->family == ADDR_IPV6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->ip, 16);
		return sizeof(*in6);
	}
	return 0;
}

char *addr_format_ip(const struct addr *a, char text[ADDR_TEXT_SIZE])
{
	if (a->family == ADDR_NONE) {
		strcpy(text, "-");
		return text;
	}
	inet_ntop(a->family == ADDR_IPV4 ? AF_INET : AF_INET6, a->ip, text, ADDR_TEXT_SIZE);
	if (a->scope) {
		size_t n = strlen(text);

		snprintf(text + n, ADDR_TEXT_SIZE - n, "%%%u", a->scope);
	}
	return text;
}

char *addr_format(const struct addr *a, char text[ADDR_TEXT_SIZE])
{
	char ip[ADDR_TEXT_SIZE - 8];
	char whole[ADDR_TEXT_SIZE];

	addr_format_ip(a, whole);
	if (a->family == ADDR_NONE)
		return strcpy(text, whole);
	snprintf(ip, sizeof(ip), "%.*s", (int)sizeof(ip) - 1, whole);
	snprintf(text, ADDR_TEXT_SIZE, a->family == ADDR_IPV6 ? "[%s]:%u" : "%s:%u", ip, a->port);
	return text;
}

static int addr_parse_number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoul(text, &end, 10);
	return errno || *end || *value > max ? -EINVAL : 0;
}

/* An IP without port, with an optional %scope for link-local IPv6. */
static int addr_parse_ip(struct addr *a, char *text)
{
	char *percent = strchr(text, '%');
	unsigned long scope = 0;
	uint8_t ip[16];

	if (percent) {
		*percent = 0;
		if (addr_parse_number(percent + 1, UINT32_MAX, &scope) < 0)
			return -EINVAL;
	}
	if (!percent && inet_pton(AF_INET, text, ip) == 1)
		return addr_from_bytes(a, ip, 4, 0);
	if (inet_pton(AF_INET6, text, ip) != 1)
		return -EINVAL;
	addr_from_bytes(a, ip, 16, 0);
	if (scope && !(a->family == ADDR_IPV6 && addr_is_link_local(a)))
		return -EINVAL;
	a->scope = (uint32_t)scope;
	return 0;
}

int addr_parse(struct addr *a, const char *text)
{
	char copy[ADDR_TEXT_SIZE];
	char *port = NULL, *ip = copy;
	unsigned long value = 0;

	memset(a, 0, sizeof(*a));
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (copy[0] == '[') {
		char *close = strchr(copy, ']');

		if (!close || (close[1] != ':' && close[1] != 0))
			return -EINVAL;
		port = close[1] == ':' ? close + 2 : NULL;
		*close = 0;
		ip = copy + 1;
	} else if (strchr(copy, ':') && strchr(copy, ':') == strrchr(copy, ':')) {
		port = strchr(copy, ':');
		*port++ = 0;
	}
	if (port && addr_parse_number(port, UINT16_MAX, &value) < 0)
		return -EINVAL;
	if (addr_parse_ip(a, ip) < 0) {
		memset(a, 0, sizeof(*a));
		return -EINVAL;
	}
	a->port = (uint16_t)value;
	return 0;
}

bool addr_prefix_contains(const struct addr_prefix *prefix, const struct addr *a)
{
	size_t whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;

	if (a->family != prefix->addr.family || prefix->addr.family == ADDR_NONE)
		return false;
	if (memcmp(a->ip, prefix->addr.ip, whole) != 0)
		return false;
	return rest == 0 || ((a->ip[whole] ^ prefix->addr.ip[whole]) >> (8 - rest)) == 0;
}

int addr_prefix_parse(struct addr_prefix *prefix, const char *text)
{
	char copy[ADDR_TEXT_SIZE];
	unsigned long length;
	char *slash;

	memset(prefix, 0, sizeof(*prefix));
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash = 0;
	if (addr_parse_ip(&prefix->addr, copy) < 0 ||
	    addr_parse_number(slash + 1, 8 * addr_ip_length(&prefix->addr), &length) < 0)
		return -EINVAL;
	prefix->length = (uint8_t)length;
	for (size_t bit = length; bit < 8 * addr_ip_length(&prefix->addr); bit++)
		if (prefix->addr.ip[bit / 8] & (0x80u >> bit % 8))
			return -EINVAL;
	return 0;
}

char *addr_prefix_format(const struct addr_prefix *prefix, char text[ADDR_TEXT_SIZE])
{
	size_t n;

	addr_format_ip(&prefix->addr, text);
	n = strlen(text);
	snprintf(text + n, ADDR_TEXT_SIZE - n, "/%u", prefix->length);
	return text;
}
