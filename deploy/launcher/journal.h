/* journal.h - RUN/logs/NAME.log: what one service writes to stdout and stderr.
 *
 * The service writes into a pipe, the launcher moves the bytes into the file. So the file is
 * bounded although the service only knows a descriptor: above 4 MiB it becomes NAME.log.1, in the
 * place of the one before. Nothing here stops a service: when the disk is full, lines are lost.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_JOURNAL_H
#define LANRAGE_DEPLOY_LAUNCHER_JOURNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

#define JOURNAL_MAX (4 << 20) /* bytes; a line may end a little beyond */

struct journal {
	const char *name; /* borrowed */
	int directory;	  /* borrowed: RUN/logs */
	gid_t gid;	  /* may read it */
	int file;	  /* -1 when it cannot be opened */
	int pipe;	  /* end to read from, for poll(); -1 while no process has the other */
	off_t size;
	bool inside_line;
	bool echo; /* also to our own stderr */
};

int journal_open(struct journal *journal, int directory, const char *name, gid_t gid, bool echo,
		 struct error *error);
void journal_close(struct journal *journal);
/* A new pipe for a new process; the caller closes *write_end. */
int journal_attach(struct journal *journal, int *write_end);
/* The pipe is readable: moves some bytes on. */
void journal_move(struct journal *journal);
/* The process has ended: moves the rest and closes the pipe. */
void journal_detach(struct journal *journal);
/* A line of the launcher's own about this service. */
void journal_note(struct journal *journal, const char *text);

#endif
