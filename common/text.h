/* text.h - which texts from outside may be shown: names of members and parties, settings; and the
 * short ids of what has a key. */
#ifndef LANRAGE_COMMON_TEXT_H
#define LANRAGE_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates), no control characters (C0, DEL, C1),
 * none of the marks that change the direction of text (U+061C, U+200E..U+200F, U+202A..U+202E,
 * U+2066..U+2069) and no line or paragraph separators (U+2028, U+2029). */
bool text_is_clean(const char *text);
/* Clean, fewer than size bytes, and something to see in it: not only blanks of whatever width
 * (Unicode's White_Space), characters without width, joiners, selectors and fillers. */
bool text_is_name(const char *text, size_t size);

#define TEXT_ID_SIZE 17 /* 16 hex digits and the NUL */
/* The first 8 bytes of an identity, key or party id in hex: how users and programs name it. Returns
 * text. */
char *text_id(const uint8_t *bytes, char text[TEXT_ID_SIZE]);

#endif
