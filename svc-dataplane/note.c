#include "svc-dataplane/note.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

bool note_assemble(struct note_assembly *assembly, const struct frame_note *part)
{
	bool last = part->index + 1 == part->count;

	if (part->count > NOTE_PARTS_MAX || (!last && part->length != FRAME_NOTE_PART))
		return false;
	if (assembly->count != part->count || assembly->id != part->id) {
		assembly->id = part->id;
		assembly->count = part->count;
		assembly->have = 0;
		assembly->length = 0;
	}
	if (assembly->have & (1u << part->index))
		return false; /* a copy */
	memcpy(assembly->bytes + (size_t)part->index * FRAME_NOTE_PART, part->bytes, part->length);
	assembly->have |= (uint8_t)(1u << part->index);
	if (last)
		assembly->length = (size_t)part->index * FRAME_NOTE_PART + part->length;
	return assembly->have == (1u << part->count) - 1 && assembly->length <= DATAPLANE_NOTE_MAX;
}

uint8_t note_parts(size_t length)
{
	if (length > DATAPLANE_NOTE_MAX)
		return 0;
	return (uint8_t)((length + FRAME_NOTE_PART - 1) / FRAME_NOTE_PART);
}

struct frame_note note_part(uint32_t id, const uint8_t *bytes, size_t length, uint8_t index)
{
	size_t at = (size_t)index * FRAME_NOTE_PART;

	return (struct frame_note){
		.id = id,
		.index = index,
		.count = note_parts(length),
		.bytes = bytes + at,
		.length = length - at < FRAME_NOTE_PART ? length - at : FRAME_NOTE_PART,
	};
}

/* ---- the shelf */

struct note_entry {
	struct note_entry *next;
	uint64_t id;
	uint8_t key[DATAPLANE_KEY_SIZE];
	size_t length;
	uint8_t bytes[];
};

static size_t bytes_of(const struct note_shelf *shelf, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	size_t bytes = 0;

	for (const struct note_entry *entry = shelf->first; entry; entry = entry->next)
		if (memcmp(entry->key, key, sizeof(entry->key)) == 0)
			bytes += sizeof(*entry) + entry->length;
	return bytes;
}

bool note_shelf_put(struct note_shelf *shelf, const uint8_t key[DATAPLANE_KEY_SIZE],
		    const uint8_t *bytes, size_t length)
{
	size_t size = sizeof(struct note_entry) + length;
	struct note_entry *entry;

	if (shelf->bytes + size > NOTE_SHELF_MAX ||
	    bytes_of(shelf, key) + size > NOTE_SHELF_PEER_MAX)
		return false;
	entry = malloc(size);
	if (!entry)
		return false;
	entry->next = NULL;
	entry->id = ++shelf->last_id;
	entry->length = length;
	memcpy(entry->key, key, sizeof(entry->key));
	memcpy(entry->bytes, bytes, length);
	if (shelf->last)
		shelf->last->next = entry;
	else
		shelf->first = entry;
	shelf->last = entry;
	shelf->bytes += size;
	return true;
}

static void drop_first(struct note_shelf *shelf)
{
	struct note_entry *entry = shelf->first;

	shelf->first = entry->next;
	if (!shelf->first)
		shelf->last = NULL;
	shelf->bytes -= sizeof(*entry) + entry->length;
	sodium_memzero(entry, sizeof(*entry) + entry->length);
	free(entry);
}

static size_t count_takeable(const struct note_shelf *shelf)
{
	size_t n = 0, bytes = 0;

	for (const struct note_entry *entry = shelf->first; entry; entry = entry->next, n++) {
		bytes += entry->length;
		if (bytes > NOTE_TAKE_MAX || n == DATAPLANE_NOTES_MAX)
			break;
	}
	return n;
}

int note_shelf_take(struct note_shelf *shelf, uint64_t after, struct dataplane_notes *notes)
{
	const struct note_entry *entry;

	while (shelf->first && shelf->first->id <= after)
		drop_first(shelf);
	notes->n_notes = count_takeable(shelf);
	notes->notes = calloc(notes->n_notes + 1, sizeof(*notes->notes));
	if (!notes->notes)
		return -ENOMEM;
	entry = shelf->first;
	for (size_t i = 0; i < notes->n_notes; i++, entry = entry->next) {
		struct dataplane_note *note = &notes->notes[i];

		note->id = entry->id;
		note->length = entry->length;
		memcpy(note->public_key, entry->key, sizeof(note->public_key));
		memcpy(note->bytes, entry->bytes, entry->length);
	}
	return 0;
}

void note_shelf_clear(struct note_shelf *shelf)
{
	while (shelf->first)
		drop_first(shelf);
}
