#include "tests/unit/old_database.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char content[] =
	"PRAGMA journal_mode = WAL;"
	"BEGIN;"
	"CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE party (only INTEGER PRIMARY KEY CHECK (only = 1), id BLOB NOT NULL,"
	" key BLOB NOT NULL, generation INTEGER NOT NULL, host BLOB NOT NULL, name TEXT NOT NULL,"
	" own_name TEXT NOT NULL, server_url TEXT NOT NULL, prefix INTEGER NOT NULL,"
	" prefix_length INTEGER NOT NULL, proof BLOB,"
	" change INTEGER NOT NULL, has_key INTEGER NOT NULL, key_id BLOB NOT NULL,"
	" signer BLOB NOT NULL, voucher BLOB, local INTEGER NOT NULL, beacon_key BLOB NOT NULL);"
	"CREATE TABLE member (identity BLOB PRIMARY KEY, wireguard_key BLOB NOT NULL,"
	" number INTEGER NOT NULL, lease INTEGER NOT NULL, address INTEGER NOT NULL,"
	" present INTEGER NOT NULL, listed INTEGER NOT NULL, sequence INTEGER NOT NULL,"
	" said BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE generation (number INTEGER PRIMARY KEY, record BLOB NOT NULL);"
	"CREATE TABLE cache (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 2;"
	"INSERT INTO setting VALUES ('peer_name', 'anna'), ('up', 'off');"
	"INSERT INTO counter VALUES ('announcement', 41);"
	"INSERT INTO party VALUES (1, zeroblob(16), zeroblob(32), 7, zeroblob(32), 'friday',"
	" 'anna', 'ws://198.51.100.7:8667', 171048960, 16, NULL, 5, 1, zeroblob(32),"
	" zeroblob(32), NULL, 0, zeroblob(32));"
	"INSERT INTO member VALUES (zeroblob(32), zeroblob(32), 3, 4, 171048961, 1, 1, 6, x'');"
	"INSERT INTO cache VALUES ('c', x'616263');"
	"COMMIT;";

void old_database_make(const char *path)
{
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, content, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
}
