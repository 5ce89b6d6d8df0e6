#include "deploy/launcher/roster.h"

#include <errno.h>
#include <string.h>

const struct roster_entry roster[SERVICE_COUNT] = {
	[SERVICE_DATAPLANE] = {"dataplane", "lanrage-dataplane", true, false},
	[SERVICE_NAT] = {"nat", "lanrage-nat", false, false},
	[SERVICE_CONTROL] = {"control", "lanrage-control", false, false},
	[SERVICE_METRICS] = {"metrics", "lanrage-metrics", false, false},
	[SERVICE_BROWSER] = {"browser", "lanrage-browser", false, false},
	[SERVICE_API] = {"api", "lanrage-api", false, true},
};

int roster_find(const char *name, size_t length)
{
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (strlen(roster[id].name) == length && memcmp(roster[id].name, name, length) == 0)
			return id;
	return -ENOENT;
}
