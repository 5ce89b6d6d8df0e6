#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "deploy/launcher/journal.h"

static char directory[] = "/tmp/lanrage-journal-XXXXXX";
static int directory_fd = -1;

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
	return directory_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlinkat(directory_fd, "x.log", 0);
	unlinkat(directory_fd, "x.log.1", 0);
	close(directory_fd);
	return rmdir(directory);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return fstatat(directory_fd, name, &st, 0) == 0 ? st.st_size : -1;
}

static void expect_file(const char *name, const char *text)
{
	char bytes[512] = "";
	int fd = openat(directory_fd, name, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, bytes, sizeof(bytes) - 1) >= 0);
	close(fd);
	assert_string_equal(bytes, text);
}

static void open_journal(struct journal *journal)
{
	struct error error;

	assert_int_equal(journal_open(journal, directory_fd, "x", getgid(), false, &error), 0);
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void keeps_last_words_and_ends_the_line(void **state)
{
	struct journal journal;
	int end;

	(void)state;
	open_journal(&journal);
	assert_int_equal(journal_attach(&journal, &end), 0);
	say(end, "one\n");
	journal_move(&journal);
	say(end, "two\nhalf a li");
	close(end);
	journal_detach(&journal);
	assert_int_equal(journal.pipe, -1);
	assert_int_equal(journal_attach(&journal, &end), 0);
	say(end, "three\n");
	/* Somebody still has the other end: nobody waits for it. */
	journal_detach(&journal);
	close(end);
	journal_close(&journal);
	expect_file("x.log", "one\ntwo\nhalf a li\nthree\n");
}

static void closes_a_pipe_whose_other_end_is_closed(void **state)
{
	struct journal journal;
	int end;

	(void)state;
	open_journal(&journal);
	assert_int_equal(journal_attach(&journal, &end), 0);
	close(end);
	journal_move(&journal);
	assert_int_equal(journal.pipe, -1);
	journal_close(&journal);
}

static void pump(struct journal *journal, const char *text, long bytes)
{
	int end;

	assert_int_equal(journal_attach(journal, &end), 0);
	for (long done = 0; done < bytes; done += (long)strlen(text)) {
		say(end, text);
		journal_move(journal);
	}
	close(end);
	journal_detach(journal);
}

static void two_files_are_the_bound(void **state)
{
	struct journal journal;
	char line[1001], endless[1001];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[999] = '\n';
	line[1000] = '\0';
	memset(endless, 'y', sizeof(endless));
	endless[1000] = '\0';
	open_journal(&journal);
	pump(&journal, line, 3L * JOURNAL_MAX);
	assert_in_range(size_of("x.log"), 1, JOURNAL_MAX + 2000);
	assert_in_range(size_of("x.log.1"), JOURNAL_MAX, JOURNAL_MAX + 2000);
	assert_int_equal(size_of("x.log.1") % 1000, 0); /* cut between lines */
	pump(&journal, endless, 3L * JOURNAL_MAX);
	assert_in_range(size_of("x.log"), 1, JOURNAL_MAX + 100000);
	assert_in_range(size_of("x.log.1"), JOURNAL_MAX, JOURNAL_MAX + 100000);
	journal_close(&journal);
}

static void a_start_rotates_what_is_too_large(void **state)
{
	struct journal journal;

	(void)state;
	int fd = openat(directory_fd, "x.log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(ftruncate(fd, JOURNAL_MAX + 1), 0);
	close(fd);
	open_journal(&journal);
	journal_close(&journal);
	assert_int_equal(size_of("x.log"), 0);
	assert_int_equal(size_of("x.log.1"), JOURNAL_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_last_words_and_ends_the_line),
		cmocka_unit_test(closes_a_pipe_whose_other_end_is_closed),
		cmocka_unit_test(two_files_are_the_bound),
		cmocka_unit_test(a_start_rotates_what_is_too_large),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
