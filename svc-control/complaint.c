#include "svc-control/complaint.h"

#include <errno.h>

bool complaint_is_new(struct complaint *complaint, const struct error *error)
{
	int before = complaint->code;

	if (error && error->code == -ENOTCONN)
		return false;
	complaint->code = error ? error->code : 0;
	return error && error->code != before;
}
