/* progress.h - says on stderr what a command is waiting for, in one line that is erased again.
 *
 * Only at a terminal, and only once the wait has been long enough to be noticed. One wait at a
 * time: client_ask() is where commands wait, and it ends what was begun.
 */
#ifndef LANRAGE_CLI_PROGRESS_H
#define LANRAGE_CLI_PROGRESS_H

/* From now on this is waited for; what is borrowed until progress_end(). */
void progress_begin(const char *what);
/* Again and again while waiting. */
void progress_tick(void);
/* Erases what was shown. */
void progress_end(void);

#endif
