/* clean.h - texts from elsewhere, made safe to show on a terminal or a page. */
#ifndef LANRAGE_API_CLEAN_H
#define LANRAGE_API_CLEAN_H

#include <stddef.h>

/* Copies length bytes of text so that the copy passes text_is_clean(): what does not, byte by byte,
 * becomes '?', tabs become a blank. Truncates between characters. size counts the NUL, which is
 * always written. Returns out. */
char *clean_text(const char *text, size_t length, char *out, size_t size);
/* The same of a name from outside that goes into the words of an error: there "; " would end what
 * happened and begin what to do (reply.h), so each ';' becomes a ','. */
char *clean_name(const char *name, char *out, size_t size);

#endif
