#include "svc-nat/drops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 8192

/* ---- the kernel's counters ---- */

/* Of the n-th word in a line; 0 where there is none. */
static uint64_t number_at(const char *line, size_t n)
{
	for (; n > 0 && *line && *line != '\n'; n--) {
		line += strcspn(line, " \n");
		line += *line == ' ';
	}
	return *line >= '0' && *line <= '9' ? strtoull(line, NULL, 10) : 0;
}

/* snmp has a line of names and a line of numbers for each protocol. */
static uint64_t ipv4_counter(const char *snmp, const char *name)
{
	const char *names = strstr(snmp, "Ip: "), *values = names ? strchr(names, '\n') : NULL;
	size_t length = strlen(name), n = 0;

	for (const char *at = names; at && at < values; n++) {
		size_t word = strcspn(at, " \n");

		if (word == length && memcmp(at, name, length) == 0)
			return number_at(values + 1, n);
		at += word + 1;
	}
	return 0;
}

/* snmp6 has a name and a number in each line. */
static uint64_t ipv6_counter(const char *snmp6, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = snmp6; *line;) {
		if (strncmp(line, name, length) == 0 &&
		    (line[length] == ' ' || line[length] == '\t'))
			return strtoull(line + length, NULL, 10);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return 0;
}

/* Fragments count one by one as they arrive, and once when they are handed on. */
static const char *const gone[] = {"InHdrErrors", "InAddrErrors", "ForwDatagrams",
				   "InDiscards",  "InDelivers",	  "ReasmReqds"};
static const char *const gone6[] = {"Ip6InHdrErrors",	 "Ip6InAddrErrors", "Ip6OutForwDatagrams",
				    "Ip6InDiscards",	 "Ip6InDelivers",   "Ip6InNoRoutes",
				    "Ip6InTooBigErrors", "Ip6ReasmReqds"};
#define GONE(list) (sizeof(list) / sizeof((list)[0]))

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

uint64_t drops_count(const char *snmp, const char *snmp6)
{
	uint64_t ipv4 = ipv4_counter(snmp, "InReceives") + ipv4_counter(snmp, "ReasmOKs");
	uint64_t ipv6 = ipv6_counter(snmp6, "Ip6InReceives") + ipv6_counter(snmp6, "Ip6ReasmOKs");

	for (size_t i = 0; i < GONE(gone); i++)
		ipv4 = less(ipv4, ipv4_counter(snmp, gone[i]));
	for (size_t i = 0; i < GONE(gone6); i++)
		ipv6 = less(ipv6, ipv6_counter(snmp6, gone6[i]));
	return ipv4 + ipv6;
}

static void read_text(const char *path, char text[FILE_MAX])
{
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(text, 1, FILE_MAX - 1, file) : 0;

	text[length] = '\0';
	if (file)
		(void)fclose(file);
}

uint64_t drops_read(void)
{
	char snmp[FILE_MAX], snmp6[FILE_MAX];

	read_text("/proc/net/snmp", snmp);
	read_text("/proc/net/snmp6", snmp6);
	return drops_count(snmp, snmp6);
}

/* ---- the conclusion ---- */

bool drops_is_due(const struct drops *drops, bool asking, uint64_t answers)
{
	return asking != drops->asking || answers != drops->answers;
}

void drops_update(struct drops *drops, bool asking, uint64_t copies, uint64_t answers,
		  uint64_t vanished)
{
	if (answers != drops->answers) {
		drops->vanished = drops->copies = 0;
	} else if (drops->asking) {
		drops->vanished += less(vanished, drops->vanished_before);
		drops->copies += copies - drops->copies_before;
	}
	drops->answers = answers;
	drops->asking = asking;
	drops->vanished_before = vanished;
	drops->copies_before = copies;
}

bool drops_are_ours(const struct drops *drops)
{
	return drops->copies >= DROPS_LEAST && drops->vanished * 4 >= drops->copies * 3;
}
