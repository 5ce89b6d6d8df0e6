/* old_database.h - a database as version 2 of its tables made it, with something in each. */
#ifndef LANRAGE_TESTS_OLD_DATABASE_H
#define LANRAGE_TESTS_OLD_DATABASE_H

/* Ends the test where it cannot be made. In it: peer_name=anna, up=off; a party `friday`; one
 * member; the announcement's counter at 41; a cache entry `c`. */
void old_database_make(const char *path);

#endif
