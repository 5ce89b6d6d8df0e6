#include "common/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/service.h"

struct sql_statement {
	struct sql *sql;
	sqlite3_stmt *prepared;
	const char *what;
};

struct sql {
	const struct sql_kind *kind;
	char path[PATH_MAX];
	sqlite3 *handle;
	struct sql_statement *statements; /* NULL until they are prepared */
	int depth;			  /* of nested begins */
	int failure;			  /* the first since the outermost begin */
	struct error why;		  /* that one, as it is */
};

/* ---- failures */

static int sql_errno(const struct sql *sql)
{
	switch (sqlite3_errcode(sql->handle) & 0xff) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN: return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_ERROR: /* the statements are right, so the tables are not */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EBADMSG;
	default: return -EIO;
	}
}

/* For the caller. */
static int sql_refuse(const struct sql *sql, struct error *error)
{
	const char *why = sqlite3_errmsg(sql->handle);
	int r = sql_errno(sql);

	switch (r) {
	case -EBADMSG:
		return error_set(error, r, "%.120s is damaged or no LANrage database: %.80s",
				 sql->path, why);
	case -ENOSPC:
		return error_set(error, r, "%.120s cannot be written: the disk is full", sql->path);
	case -EBUSY: return error_set(error, r, "%.120s is in use by another program", sql->path);
	default: return error_set(error, r, "cannot open %.120s: %.80s", sql->path, why);
	}
}

/* For the log. */
static int sql_fail(struct sql *sql, const char *what)
{
	int r = sql_errno(sql), failure = sql->kind->failure ? sql->kind->failure : r;

	if (r == -ENOSPC)
		log_err("%s: cannot %s: the disk is full; make room in the state directory",
			sql->kind->name, what);
	else
		log_err("%s: cannot %s: %s (SQLite error %d)", sql->kind->name, what,
			sqlite3_errmsg(sql->handle), sqlite3_extended_errcode(sql->handle));
	if (sql->failure == 0) {
		sql->failure = failure;
		(void)sql_refuse(sql, &sql->why);
	}
	return failure;
}

bool sql_why(const struct sql *sql, struct error *error)
{
	if (sql->why.code == 0)
		return false;
	*error = sql->why;
	return true;
}

/* ---- opening */

static int sql_connect(struct sql *sql, const char *path, struct error *error)
{
	if (sqlite3_open_v2(path, &sql->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_db_config(sql->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK)
		return sql_refuse(sql, error);
	if (sqlite3_db_readonly(sql->handle, "main") != 0)
		return error_set(error, -EACCES, "%.160s may not be written", sql->path);
	return 0;
}

static int sql_make_tables(struct sql *sql, const char *path, struct error *error)
{
	int r = sql_connect(sql, path, error);

	if (r == 0)
		r = sql_execute(sql, "BEGIN IMMEDIATE", error);
	if (r == 0)
		r = sql_execute(sql, sql->kind->schema, error);
	if (r == 0)
		r = sql_execute(sql, "COMMIT", error);
	return r;
}

static int sql_refuse_file(const struct sql *sql, struct error *error)
{
	return error_set(error, -errno, "cannot create %.150s: %s", sql->path, strerror(errno));
}

static int sql_create(struct sql *sql, struct error *error)
{
	char fresh[PATH_MAX + 8], journal[PATH_MAX + 16];
	int fd, r;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", sql->path);
	(void)snprintf(journal, sizeof(journal), "%s-journal", fresh);
	(void)unlink(fresh); /* left by one who died here */
	(void)unlink(journal);
	/* made here, because SQLite would make one that all may read */
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sql_refuse_file(sql, error);
	close(fd);
	r = sql_make_tables(sql, fresh, error);
	sqlite3_close(sql->handle);
	sql->handle = NULL;
	if (r == 0 && (rename(fresh, sql->path) < 0 || service_sync_directory(sql->path) < 0))
		r = sql_refuse_file(sql, error);
	(void)unlink(fresh);
	(void)unlink(journal);
	return r;
}

int sql_open(struct sql **out, const struct sql_kind *kind, const char *path, struct error *error)
{
	struct sql *sql = calloc(1, sizeof(*sql));
	int r;

	*out = sql;
	if (!sql)
		return error_set(error, -ENOMEM, "out of memory");
	sql->kind = kind;
	if (!path)
		return sql_make_tables(sql, ":memory:", error);
	if (snprintf(sql->path, sizeof(sql->path), "%s", path) >= (int)sizeof(sql->path))
		return error_set(error, -ENAMETOOLONG, "the path of a database is too long");
	r = access(path, F_OK) < 0 ? sql_create(sql, error) : 0;
	return r < 0 ? r : sql_connect(sql, path, error);
}

void sql_close(struct sql *sql)
{
	if (!sql)
		return;
	for (size_t i = 0; sql->statements && i < sql->kind->n_statements; i++)
		sqlite3_finalize(sql->statements[i].prepared);
	sqlite3_close(sql->handle);
	free(sql->statements);
	free(sql);
}

int sql_ask(struct sql *sql, const char *text, uint64_t *number, struct error *error)
{
	sqlite3_stmt *statement;
	int r = 0;

	if (sqlite3_prepare_v2(sql->handle, text, -1, &statement, NULL) != SQLITE_OK)
		return sql_refuse(sql, error);
	if (sqlite3_step(statement) == SQLITE_ROW)
		*number = (uint64_t)sqlite3_column_int64(statement, 0);
	else
		r = sql_refuse(sql, error);
	sqlite3_finalize(statement);
	return r;
}

int sql_check(struct sql *sql, struct error *error)
{
	static const char text[] = "SELECT quick_check = 'ok' FROM pragma_quick_check(1)";
	uint64_t whole;
	int r = sql_ask(sql, text, &whole, error);

	return r < 0 || whole ? r : error_set(error, -EBADMSG, "%.160s is damaged", sql->path);
}

int sql_execute(struct sql *sql, const char *text, struct error *error)
{
	if (sqlite3_exec(sql->handle, text, NULL, NULL, NULL) != SQLITE_OK)
		return sql_refuse(sql, error);
	return 0;
}

int sql_prepare(struct sql *sql, struct error *error)
{
	const struct sql_kind *kind = sql->kind;

	sql->statements = calloc(kind->n_statements, sizeof(*sql->statements));
	if (!sql->statements)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < kind->n_statements; i++) {
		sql->statements[i].sql = sql;
		sql->statements[i].what = kind->statements[i].what;
		if (sqlite3_prepare_v3(sql->handle, kind->statements[i].text, -1,
				       SQLITE_PREPARE_PERSISTENT, &sql->statements[i].prepared,
				       NULL) != SQLITE_OK)
			return sql_refuse(sql, error);
	}
	return 0;
}

/* ---- groups */

static int sql_begin_with(struct sql *sql, const char *text)
{
	int r = 0;

	if (sql->depth == 0) {
		sql->failure = sql->why.code = 0;
		if (sqlite3_exec(sql->handle, text, NULL, NULL, NULL) != SQLITE_OK)
			r = sql_fail(sql, "begin");
	}
	if (r == 0)
		sql->depth++;
	return r;
}

int sql_begin(struct sql *sql)
{
	return sql_begin_with(sql, "BEGIN IMMEDIATE");
}

int sql_begin_reading(struct sql *sql)
{
	return sql_begin_with(sql, "BEGIN");
}

/* SQLite may have rolled back by itself; then this does nothing. */
static void sql_undo(struct sql *sql)
{
	sqlite3_exec(sql->handle, "ROLLBACK", NULL, NULL, NULL);
}

int sql_commit(struct sql *sql)
{
	int r = sql->failure;

	if (sql->depth > 0 && --sql->depth > 0)
		return r;
	if (r == 0 && sqlite3_exec(sql->handle, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r = sql_fail(sql, "commit");
	if (r < 0)
		sql_undo(sql);
	return r;
}

void sql_rollback(struct sql *sql)
{
	if (sql->failure == 0)
		sql->failure = -ECANCELED;
	if (sql->depth > 0 && --sql->depth == 0)
		sql_undo(sql);
}

/* ---- statements */

struct sql_statement *sql_use(struct sql *sql, size_t which)
{
	struct sql_statement *statement = &sql->statements[which];

	sqlite3_reset(statement->prepared);
	sqlite3_clear_bindings(statement->prepared);
	return statement;
}

struct sql_statement *sql_bind_values(struct sql *sql, size_t which, const struct sql_value *values,
				      size_t n)
{
	struct sql_statement *statement = sql_use(sql, which);

	for (size_t i = 0; i < n; i++) {
		const char *bytes = values[i].number ? values[i].bytes : "";
		int at = (int)i + 1;

		if (values[i].type == SQL_NUMBER)
			sqlite3_bind_int64(statement->prepared, at,
					   (sqlite3_int64)values[i].number);
		else if (values[i].type == SQL_TEXT)
			sqlite3_bind_text64(statement->prepared, at, bytes, values[i].number,
					    SQLITE_TRANSIENT, SQLITE_UTF8);
		else if (values[i].type == SQL_BLOB)
			sqlite3_bind_blob64(statement->prepared, at, bytes, values[i].number,
					    SQLITE_TRANSIENT);
	}
	return statement;
}

int sql_step(struct sql_statement *statement)
{
	struct sql *sql = statement->sql;
	int code, r;

	if (sql->depth > 0 && sql->failure && !sqlite3_stmt_readonly(statement->prepared))
		return sql->failure;
	code = sqlite3_step(statement->prepared);
	if (code == SQLITE_ROW)
		return 1;
	r = code == SQLITE_DONE ? 0 : sql_fail(sql, statement->what);
	sqlite3_reset(statement->prepared);
	return r;
}

int sql_run(struct sql_statement *statement)
{
	int r = sql_step(statement);

	sqlite3_reset(statement->prepared);
	return r < 0 ? r : 0;
}

int sql_find(struct sql_statement *statement)
{
	int r = sql_step(statement);

	return r == 1 ? 0 : r == 0 ? -ENOENT : r;
}

void sql_reset(struct sql_statement *statement)
{
	sqlite3_reset(statement->prepared);
}

/* To its end: a change that returns something is done only then. */
int sql_find_number(struct sql_statement *statement, uint64_t fallback, uint64_t *number)
{
	int r;

	*number = fallback;
	while ((r = sql_step(statement)) == 1)
		*number = sql_get_number(statement, 0);
	return r;
}

uint64_t sql_get_number(struct sql_statement *statement, int at)
{
	return (uint64_t)sqlite3_column_int64(statement->prepared, at);
}

bool sql_is_null(struct sql_statement *statement, int at)
{
	return sqlite3_column_type(statement->prepared, at) == SQLITE_NULL;
}

const void *sql_get_bytes(struct sql_statement *statement, int at, size_t *length)
{
	const void *bytes = sqlite3_column_blob(statement->prepared, at);

	*length = (size_t)sqlite3_column_bytes(statement->prepared, at);
	return bytes;
}

bool sql_get_blob(struct sql_statement *statement, int at, void *out, size_t length)
{
	size_t n;
	const void *bytes = sql_get_bytes(statement, at, &n);

	if (n != length)
		return false;
	if (length)
		memcpy(out, bytes, length);
	return true;
}

const char *sql_borrow_text(struct sql_statement *statement, int at)
{
	return (const char *)sqlite3_column_text(statement->prepared, at);
}

bool sql_get_text(struct sql_statement *statement, int at, char *out, size_t size)
{
	const char *text = sql_borrow_text(statement, at);

	return text && snprintf(out, size, "%s", text) < (int)size;
}

unsigned int sql_changes(const struct sql *sql)
{
	return (unsigned int)sqlite3_changes(sql->handle);
}

uint64_t sql_last_row(const struct sql *sql)
{
	return (uint64_t)sqlite3_last_insert_rowid(sql->handle);
}
