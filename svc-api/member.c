#include "svc-api/member.h"

#include <string.h>

#include "common/text.h"
#include "svc-api/ask.h"
#include "svc-api/clean.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

struct snapshot *member_snapshot(const struct request *request, uint32_t sources,
				 struct reply *reply)
{
	return ask_need(ask_snapshot(request, sources, reply), SNAPSHOT_CONTROL, reply);
}

const struct control_member *member_find(const struct control_status *control, const char *name,
					 struct reply *reply)
{
	const struct control_member *found = NULL;
	char id[TEXT_ID_SIZE], said[TARGET_TEXT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < control->n_members; i++) {
		const struct control_member *member = &control->members[i];

		if (strcmp(text_id(member->identity, id), name) == 0) {
			found = member;
			n = 1;
			break;
		}
		if (strcmp(member->name, name) == 0) {
			found = member;
			n++;
		}
	}
	clean_name(name, said, sizeof(said));
	if (n == 0)
		reply_error(reply, 404, "not_found",
			    "%s: nobody in the party has this name or id; `lanrage peers` lists "
			    "them",
			    said);
	else if (n > 1)
		reply_error(reply, 409, "ambiguous",
			    "%s: %zu members have this name; use the id that `lanrage peers "
			    "--json` shows",
			    said, n);
	else if (found->self)
		reply_error(reply, 400, "bad_value", "%s: that is this machine itself", said);
	return n == 1 && !found->self ? found : NULL;
}

const struct control_member *member_of_key(const struct control_status *control,
					   const uint8_t key[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; control && i < control->n_members; i++)
		if (memcmp(control->members[i].wireguard_key, key, DATAPLANE_KEY_SIZE) == 0)
			return &control->members[i];
	return NULL;
}
