#include "tests/unit/dying_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct dying_file {
	sqlite3_file base;
	sqlite3_file *real; /* right behind this */
};

static unsigned steps_left; /* 0: not armed */
static bool tears;
static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct dying_file *)file)->real;
}

/* True where this is the step to die at. */
static bool is_last_step(void)
{
	return steps_left > 0 && --steps_left == 0;
}

static void die(void)
{
	(void)raise(SIGKILL);
}

static void step(void)
{
	if (is_last_step())
		die();
}

static int dying_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	if (is_last_step()) {
		if (tears && n > 1)
			(void)real_of(file)->pMethods->xWrite(real_of(file), bytes, n / 2, at);
		die();
	}
	return real_of(file)->pMethods->xWrite(real_of(file), bytes, n, at);
}

static int dying_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	step();
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int dying_sync(sqlite3_file *file, int flags)
{
	step();
	return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int dying_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	if (extend)
		step();
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

/* ---- passed on as they are */

static int pass_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int pass_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
	return real_of(file)->pMethods->xRead(real_of(file), bytes, n, at);
}

static int pass_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int pass_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int pass_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int pass_check_lock(sqlite3_file *file, int *result)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int pass_control(sqlite3_file *file, int what, void *argument)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int pass_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int pass_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int pass_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void pass_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int pass_shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

/* Version 2: without memory mapping of the database itself, whose writes would go unseen. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = pass_close,
	.xRead = pass_read,
	.xWrite = dying_write,
	.xTruncate = dying_truncate,
	.xSync = dying_sync,
	.xFileSize = pass_size,
	.xLock = pass_lock,
	.xUnlock = pass_unlock,
	.xCheckReservedLock = pass_check_lock,
	.xFileControl = pass_control,
	.xSectorSize = pass_sector_size,
	.xDeviceCharacteristics = pass_characteristics,
	.xShmMap = dying_shm_map,
	.xShmLock = pass_shm_lock,
	.xShmBarrier = pass_shm_barrier,
	.xShmUnmap = pass_shm_unmap,
};

/* ---- the file system */

static int dying_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct dying_file *dying = (struct dying_file *)file;
	int r;

	(void)vfs;
	if (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL))
		step();
	dying->base.pMethods = NULL;
	dying->real = (sqlite3_file *)(void *)(dying + 1);
	r = real_vfs->xOpen(real_vfs, name, dying->real, flags, out);
	if (r == SQLITE_OK)
		dying->base.pMethods = &methods;
	return r;
}

static int dying_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	step();
	return real_vfs->xDelete(real_vfs, name, sync);
}

void dying_vfs_install(void)
{
	static sqlite3_vfs vfs;

	real_vfs = sqlite3_vfs_find(NULL);
	if (!real_vfs)
		abort();
	memcpy(&vfs, real_vfs, sizeof(vfs)); /* the rest is its own */
	vfs.zName = "dying";
	vfs.pNext = NULL;
	vfs.szOsFile += (int)sizeof(struct dying_file);
	vfs.xOpen = dying_open;
	vfs.xDelete = dying_delete;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

void dying_vfs_arm(unsigned die_at, bool torn)
{
	steps_left = die_at;
	tears = torn;
}
