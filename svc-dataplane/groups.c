#include "svc-dataplane/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEMBERSHIPS "/proc/net/igmp"
#define TEXT_MAX    65536

void groups_init(struct groups *groups, const char *interface)
{
	*groups = (struct groups){.fd = -1};
	snprintf(groups->interface, sizeof(groups->interface), "%s", interface);
}

void groups_clear(struct groups *groups)
{
	if (groups->fd >= 0)
		close(groups->fd);
	groups->fd = -1;
	groups->n = 0;
}

/* ---- who is in it ---- */

/* An interface's line begins with its number, a group's with tabs and its address as eight digits:
 *     2	eth0      :     2      V3
 *				FB0000E0     1 0:00000000		0
 */
bool groups_is_member(const char *text, const char *own, uint32_t group)
{
	bool other = false;

	for (const char *line = text; *line; line += strcspn(line, "\n")) {
		char name[IF_NAMESIZE];
		uint32_t found;

		line += *line == '\n';
		if (sscanf(line, "%*u %15[^ \t\n:]", name) == 1 && *line != '\t')
			other = strcmp(name, own) != 0;
		else if (other && *line == '\t' && sscanf(line, " %8x", &found) == 1 &&
			 found == group)
			return true;
	}
	return false;
}

static char *read_memberships(void)
{
	int fd = open(MEMBERSHIPS, O_RDONLY | O_CLOEXEC);
	char *text = malloc(TEXT_MAX);
	size_t length = 0;
	ssize_t got;

	if (fd < 0 || !text) {
		free(text);
		text = NULL;
	}
	while (text && length < TEXT_MAX - 1 &&
	       (got = read(fd, text + length, TEXT_MAX - 1 - length)) > 0)
		length += (size_t)got;
	if (text)
		text[length] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static bool is_wanted(const struct groups *groups, const char *text, uint32_t group)
{
	return text && groups_is_member(text, groups->interface, group);
}

/* ---- the memberships ---- */

static int change(const struct groups *groups, int option, uint32_t group)
{
	struct ip_mreqn wish = {.imr_multiaddr.s_addr = group,
				.imr_ifindex = (int)if_nametoindex(groups->interface)};

	if (wish.imr_ifindex == 0)
		return -errno;
	return setsockopt(groups->fd, IPPROTO_IP, option, &wish, sizeof(wish)) < 0 ? -errno : 0;
}

static int join(struct groups *groups, uint32_t group)
{
	int result;

	if (groups->n == GROUPS_MAX)
		return -ENOSPC;
	if (groups->fd < 0)
		groups->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (groups->fd < 0)
		return -errno;
	result = change(groups, IP_ADD_MEMBERSHIP, group);
	if (result == 0)
		groups->joined[groups->n++] = group;
	return result;
}

int groups_want(struct groups *groups, uint32_t group)
{
	char *text;
	int result;

	for (size_t i = 0; i < groups->n; i++) {
		if (groups->joined[i] == group)
			return 0;
	}
	text = read_memberships();
	result = is_wanted(groups, text, group) ? join(groups, group) : -ESRCH;
	free(text);
	return result;
}

bool groups_sweep(struct groups *groups)
{
	char *text = groups->n ? read_memberships() : NULL;
	size_t kept = 0;

	for (size_t i = 0; i < groups->n; i++) {
		if (is_wanted(groups, text, groups->joined[i]))
			groups->joined[kept++] = groups->joined[i];
		else
			(void)change(groups, IP_DROP_MEMBERSHIP, groups->joined[i]);
	}
	groups->n = kept;
	free(text);
	return kept > 0;
}
