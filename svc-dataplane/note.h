/* note.h - messages between the svc-control of two members, inside their tunnel.
 *
 * A note of up to DATAPLANE_NOTE_MAX bytes goes as parts in frames (frame.h): all but the last have
 * FRAME_NOTE_PART bytes. Nothing is sent again when a part is lost; whoever needs an answer repeats
 * the note. The receiver puts one note together per peer at a time, the newest, and lays it on a
 * shelf until svc-control takes it. What the notes say is nobody's business here.
 *
 * Peers are authenticated but may be hostile: an assembly is one bounded buffer, and the shelf
 * holds so much of one peer and so much in all; what comes on top is dropped.
 */
#ifndef LANRAGE_DATAPLANE_NOTE_H
#define LANRAGE_DATAPLANE_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/codec.h"
#include "svc-dataplane/frame.h"

#define NOTE_PARTS_MAX ((DATAPLANE_NOTE_MAX + FRAME_NOTE_PART - 1) / FRAME_NOTE_PART)

struct note_assembly {
	uint32_t id;
	uint8_t count;
	uint8_t have;  /* a bit for each part */
	size_t length; /* known with the last part; 0: not yet */
	uint8_t bytes[NOTE_PARTS_MAX * FRAME_NOTE_PART];
};

/* Takes a part. True when the note is whole: assembly->bytes and ->length are it, until the next
 * part. */
bool note_assemble(struct note_assembly *assembly, const struct frame_note *part);
/* How many parts it takes; 0: too long, or empty. */
uint8_t note_parts(size_t length);
/* The index-th part of a note; borrows its bytes. */
struct frame_note note_part(uint32_t id, const uint8_t *bytes, size_t length, uint8_t index);

/* ---- the shelf */

#define NOTE_SHELF_MAX	    (256u << 10) /* bytes */
#define NOTE_SHELF_PEER_MAX (32u << 10)
#define NOTE_TAKE_MAX	    (64u << 10) /* in one answer */

struct note_entry;
struct note_shelf {
	uint64_t last_id;
	size_t bytes;
	struct note_entry *first, *last;
};

/* False: no room. Zero-initialised a shelf is empty. */
bool note_shelf_put(struct note_shelf *shelf, const uint8_t key[DATAPLANE_KEY_SIZE],
		    const uint8_t *bytes, size_t length);
/* Forgets those up to `after`, and copies the oldest of the others. -ENOMEM. */
int note_shelf_take(struct note_shelf *shelf, uint64_t after, struct dataplane_notes *notes);
/* Wipes and frees all. */
void note_shelf_clear(struct note_shelf *shelf);

#endif
