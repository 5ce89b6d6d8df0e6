#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/service.h"

static char dir[] = "/tmp/lanrage-service-XXXXXX";
static char nat[64];

static const char *in_dir(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", nat, name);
	return path;
}

static int start(struct service *service, struct error *error)
{
	char run[] = "--run", state[] = "--state", program[] = "lanrage-nat";
	char *argv[] = {program, run, dir, state, dir, NULL};

	return service_init(service, SERVICE_NAT, 5, argv, error);
}

static void test_write_and_read(void **state)
{
	char bytes[16];
	struct stat st;
	size_t length;

	(void)state;
	assert_int_equal(service_write_file(in_dir("file"), "first one", 9, 0640), 0);
	assert_int_equal(service_write_file(in_dir("file"), "second", 6, 0640), 0);
	assert_int_equal(service_read_file(in_dir("file"), bytes, sizeof(bytes), &length), 0);
	assert_int_equal(length, 6);
	assert_memory_equal(bytes, "second", 6);
	assert_int_equal(service_read_file(in_dir("file"), bytes, 6, &length), 0);
	assert_int_equal(service_read_file(in_dir("file"), bytes, 5, &length), -EFBIG);
	assert_int_equal(stat(in_dir("file"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(access(in_dir("file.new"), F_OK), -1);
	assert_int_equal(service_read_file(in_dir("none"), bytes, 5, &length), -ENOENT);
	assert_int_equal(service_write_file("/nonexistent/x", "a", 1, 0600), -ENOENT);
}

static void test_instance_never_goes_back(void **state)
{
	static const char future[] = "9000000000000000000\n";
	struct service service;
	struct error error;
	uint64_t first;

	(void)state;
	assert_int_equal(start(&service, &error), 0);
	first = service.instance;
	assert_int_equal(service.uids[SERVICE_API], geteuid());
	service_deinit(&service);
	assert_int_equal(start(&service, &error), 0);
	assert_true(service.instance > first);
	service_deinit(&service);
	assert_int_equal(service_write_file(in_dir("instance"), future, strlen(future), 0600), 0);
	assert_int_equal(start(&service, &error), 0);
	assert_true(service.instance == 9000000000000000001ULL);
	service_deinit(&service);
	assert_int_equal(unlink(in_dir("instance")), 0);
}

static void test_second_instance_is_refused(void **state)
{
	struct service one, two;
	struct error error;

	(void)state;
	assert_int_equal(start(&one, &error), 0);
	assert_int_equal(start(&two, &error), -EBUSY);
	assert_non_null(strstr(error.text, "lanrage-nat"));
	service_deinit(&one);
	assert_int_equal(start(&two, &error), 0);
	service_deinit(&two);
}

static void test_parent_that_is_gone(void **state)
{
	struct service service;
	struct error error;

	(void)state;
	(void)setenv("LANRAGE_PARENT", "1", 1);
	assert_int_equal(start(&service, &error), getppid() == 1 ? 0 : -ESRCH);
	(void)unsetenv("LANRAGE_PARENT");
}

static void test_url(void **state)
{
	char url[SERVICE_URL_MAX], expected[128];
	struct service service;
	struct error error;

	(void)state;
	assert_int_equal(start(&service, &error), 0);
	service_url(&service, SERVICE_API, "rep.sock", url);
	(void)snprintf(expected, sizeof(expected), "ipc://%s/api/rep.sock", dir);
	assert_string_equal(url, expected);
	service_deinit(&service);
}

static void test_passed_descriptors(void **state)
{
	char pid[16];

	(void)state;
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	(void)setenv("LISTEN_FDS", "2", 1);
	(void)setenv("LISTEN_FDNAMES", "udp4:tap", 1);
	(void)setenv("LISTEN_PID", pid, 1);
	assert_int_equal(dup2(STDERR_FILENO, 4), 4);
	assert_int_equal(service_fd("tap"), 4);
	assert_int_equal(fcntl(4, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(service_fd("ta"), -ENOENT);
	(void)setenv("LISTEN_PID", "1", 1);
	assert_int_equal(service_fd("tap"), -ENOENT);
	(void)close(4);
	(void)unsetenv("LISTEN_FDS");
}

static int make_directories(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(nat, sizeof(nat), "%s/nat", dir);
	return mkdir(nat, 0700);
}

static int remove_directories(void **state)
{
	(void)state;
	(void)unlink(in_dir("file"));
	(void)unlink(in_dir("lock"));
	(void)unlink(in_dir("instance"));
	(void)rmdir(nat);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_instance_never_goes_back),
		cmocka_unit_test(test_second_instance_is_refused),
		cmocka_unit_test(test_parent_that_is_gone),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_passed_descriptors),
	};

	(void)setenv("LANRAGE_SAME_UID", "1", 1);
	return cmocka_run_group_tests_name("service", tests, make_directories, remove_directories);
}
