/* sql.h - a database in one SQLite file: opened, its statements kept and run, its failures as a
 * negative errno and words. SQLite itself is seen by sql.c only.
 *
 * A file has one owner: nobody waits for a lock. A new one is made aside, readable by its owner
 * only, and moved into place with its tables, so that the name is there only with all of them
 * behind it: an empty file is damage. Opening writes nothing to a file that is there; what it is,
 * its owner looks up before it writes. What its schema would call is not trusted.
 *
 * A failure is one of: -EBADMSG the file is damaged (or its tables are not ours: statements are
 * right), -ENOSPC the disk is full, -EACCES it may not be written, -EBUSY another program has it,
 * -ENOMEM, -EIO; and where a file is made, what the system says. While opening it goes into `error`
 * (may be NULL), as what happened, without advice. When statements run it is logged here, once,
 * under the kind's name, and returned as the kind wants it.
 *
 * Not for more than one thread at a time.
 */
#ifndef LANRAGE_COMMON_SQL_H
#define LANRAGE_COMMON_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"

struct sql;
struct sql_statement;

struct sql_command {
	const char *what; /* it does, after "cannot": `store a member` */
	const char *text;
};

/* What its owner knows of a database. Borrowed while that is open. */
struct sql_kind {
	const char *name;   /* begins every line in the log */
	const char *schema; /* the tables, and what marks the file as the owner's */
	const struct sql_command *statements;
	size_t n_statements;
	int failure; /* what callers know all failures of statements as; 0: as they are */
};

/* ---- opening. What fails leaves *sql to be closed, or NULL. */

/* path NULL: in memory. */
int sql_open(struct sql **sql, const struct sql_kind *kind, const char *path, struct error *error);
/* NULL is fine. */
void sql_close(struct sql *sql);
/* The one number that a pragma or a query gives. */
int sql_ask(struct sql *sql, const char *text, uint64_t *number, struct error *error);
/* Reads all of it: 0 where it is whole. */
int sql_check(struct sql *sql, struct error *error);
/* Statements without values or rows, one after another. */
int sql_execute(struct sql *sql, const char *text, struct error *error);
/* Those of its kind. Once, when the tables are as they must be. */
int sql_prepare(struct sql *sql, struct error *error);

/* ---- groups of changes, which nest; one failure inside undoes the outermost. After it nothing
 * more is written until that ends, because SQLite may have ended the transaction by itself: what
 * came then would count on its own. */

int sql_begin(struct sql *sql);
/* Many reads of one moment, and faster. Ends with sql_rollback(). */
int sql_begin_reading(struct sql *sql);
/* Fails, and undoes all, where anything failed or was rolled back since the outermost begin. */
int sql_commit(struct sql *sql);
/* Neither minds that the outermost begin has failed. */
void sql_rollback(struct sql *sql);
/* The first failure since the outermost begin, in words for one who is still opening. False:
 * there is none. */
bool sql_why(const struct sql *sql, struct error *error);

/* ---- statements, by their place in the kind's list */

/* What a parameter is set to. Borrowed. */
struct sql_value {
	enum { SQL_NULL, SQL_NUMBER, SQL_TEXT, SQL_BLOB } type;
	uint64_t number; /* or how many bytes */
	const void *bytes;
};

static inline struct sql_value sql_null(void)
{
	return (struct sql_value){SQL_NULL, 0, NULL};
}

static inline struct sql_value sql_number(uint64_t number)
{
	return (struct sql_value){SQL_NUMBER, number, NULL};
}

static inline struct sql_value sql_text(const char *text)
{
	return (struct sql_value){SQL_TEXT, strlen(text), text};
}

static inline struct sql_value sql_blob(const void *bytes, size_t length)
{
	return (struct sql_value){SQL_BLOB, length, bytes};
}

/* The statement, with nothing in its parameters; or with values in the first of them. What is
 * borrowed is copied. */
struct sql_statement *sql_use(struct sql *sql, size_t which);
struct sql_statement *sql_bind_values(struct sql *sql, size_t which, const struct sql_value *values,
				      size_t n);
#define sql_bind(sql, which, ...)                                                \
	sql_bind_values((sql), (which), (const struct sql_value[]){__VA_ARGS__}, \
			sizeof((const struct sql_value[]){__VA_ARGS__}) /        \
				sizeof(struct sql_value))

/* One that gives no rows. */
int sql_run(struct sql_statement *statement);
#define sql_do(sql, which, ...) sql_run(sql_bind((sql), (which), __VA_ARGS__))
/* 1: a row is there; 0: no more. A statement that is left at a row holds the file's state of that
 * moment: reset it. */
int sql_step(struct sql_statement *statement);
/* 0: the first row is there; -ENOENT: there is none. */
int sql_find(struct sql_statement *statement);
void sql_reset(struct sql_statement *statement);
/* The first column of its only row; fallback where there is none. */
int sql_find_number(struct sql_statement *statement, uint64_t fallback, uint64_t *number);

/* Columns of the row, which count from 0. What is borrowed is gone with the row. */
uint64_t sql_get_number(struct sql_statement *statement, int at);
bool sql_is_null(struct sql_statement *statement, int at);
/* Borrowed; NULL and 0 where there is nothing. */
const void *sql_get_bytes(struct sql_statement *statement, int at, size_t *length);
/* False: it is not so long. */
bool sql_get_blob(struct sql_statement *statement, int at, void *out, size_t length);
/* Borrowed; NULL where there is nothing. */
const char *sql_borrow_text(struct sql_statement *statement, int at);
/* False: there is none, or no room for it. */
bool sql_get_text(struct sql_statement *statement, int at, char *out, size_t size);

/* Rows that the last change touched, and the number of the row that it added. */
unsigned int sql_changes(const struct sql *sql);
uint64_t sql_last_row(const struct sql *sql);

#endif
