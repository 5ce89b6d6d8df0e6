/* dying_vfs.h - an SQLite VFS that kills its process (SIGKILL) at the n-th step that may change a
 * file: opening one that is to be written, write, sync, truncate, delete, mapping shared memory.
 *
 * For a child process of a test: it stays the default VFS until the process ends.
 */
#ifndef LANRAGE_TESTS_DYING_VFS_H
#define LANRAGE_TESTS_DYING_VFS_H

#include <stdbool.h>

/* Makes it the default; nothing dies yet. */
void dying_vfs_install(void);
/* From now on steps are counted. At step number die_at (from 1) the process dies, before doing it;
 * torn: after the first half of it, where it is a write. 0: never. */
void dying_vfs_arm(unsigned die_at, bool torn);

#endif
