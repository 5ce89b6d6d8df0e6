/* Notes: taken apart and put together again, whatever comes in which order; and the shelf's bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-dataplane/note.h"

static uint8_t text[DATAPLANE_NOTE_MAX];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {1, 1023, 1024, 1025, 2048, 6143, 6144};
	struct note_assembly assembly = {0};

	(void)state;
	fill();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t parts = note_parts(sizes[i]);
		bool whole = false;

		/* last part first */
		for (uint8_t part = parts; part > 0; part--) {
			struct frame_note frame =
				note_part((uint32_t)i, text, sizes[i], (uint8_t)(part - 1));

			assert_false(whole);
			whole = note_assemble(&assembly, &frame);
		}
		assert_true(whole);
		assert_int_equal(assembly.length, sizes[i]);
		assert_memory_equal(assembly.bytes, text, sizes[i]);
	}
	assert_int_equal(note_parts(0), 0);
	assert_int_equal(note_parts(DATAPLANE_NOTE_MAX + 1), 0);
}

static void test_what_does_not_fit_together(void **state)
{
	struct note_assembly assembly = {0};
	struct frame_note part;

	(void)state;
	part = note_part(1, text, 3000, 0);
	assert_false(note_assemble(&assembly, &part));
	assert_false(note_assemble(&assembly, &part)); /* a copy */
	part = note_part(2, text, 3000, 1);	       /* a newer note */
	assert_false(note_assemble(&assembly, &part));
	part = note_part(1, text, 3000, 2); /* the older one is forgotten */
	assert_false(note_assemble(&assembly, &part));
	part = note_part(3, text, 3000, 0);
	part.length = 5; /* a short part that is not the last */
	assert_false(note_assemble(&assembly, &part));
	part = note_part(4, text, 100, 0);
	part.count = 200; /* more parts than any note has */
	assert_false(note_assemble(&assembly, &part));
	part.count = NOTE_PARTS_MAX;
	part.index = NOTE_PARTS_MAX - 1;
	part.length = FRAME_NOTE_PART;
	assert_false(note_assemble(&assembly, &part));
}

static void test_the_shelf(void **state)
{
	struct note_shelf shelf = {0};
	struct dataplane_notes notes;
	uint8_t key[DATAPLANE_KEY_SIZE] = {1};

	(void)state;
	assert_true(note_shelf_put(&shelf, key, text, 10));
	assert_true(note_shelf_put(&shelf, key, text, 20));
	for (int i = 0; i < 2; i++) { /* an answer that was lost is given again */
		assert_int_equal(note_shelf_take(&shelf, 0, &notes), 0);
		assert_int_equal(notes.n_notes, 2);
		assert_int_equal(notes.notes[0].id, 1);
		assert_int_equal(notes.notes[1].length, 20);
		free(notes.notes);
	}
	assert_int_equal(note_shelf_take(&shelf, 1, &notes), 0);
	assert_int_equal(notes.n_notes, 1);
	free(notes.notes);
	assert_int_equal(note_shelf_take(&shelf, 2, &notes), 0);
	assert_int_equal(notes.n_notes, 0);
	free(notes.notes);
	assert_int_equal(shelf.bytes, 0);
	note_shelf_clear(&shelf);
}

/* One peer cannot take the others' room, and all of them have a bound. */
static void test_the_shelf_is_bounded(void **state)
{
	struct note_shelf shelf = {0};
	uint8_t key[DATAPLANE_KEY_SIZE] = {0};
	size_t n = 0, peers = 0;

	(void)state;
	while (note_shelf_put(&shelf, key, text, 6000))
		n++;
	assert_in_range(n, 2, 5);
	for (peers = 1; peers < 100; peers++) {
		key[0] = (uint8_t)peers;
		if (!note_shelf_put(&shelf, key, text, 6000))
			break;
	}
	assert_in_range(peers, 20, 60);
	assert_in_range(shelf.bytes, 1, NOTE_SHELF_MAX);
	note_shelf_clear(&shelf);
	assert_int_equal(shelf.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_what_does_not_fit_together),
		cmocka_unit_test(test_the_shelf),
		cmocka_unit_test(test_the_shelf_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
