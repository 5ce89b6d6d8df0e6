/* The trie by a table of cases, then at random against a plain list of prefixes. */
#include "svc-dataplane/allowedips.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

static struct allowedips table;
static char kira[] = "kira", noel[] = "noel", ada[] = "ada";

static int family_of(const char *text)
{
	return strchr(text, ':') ? 6 : 4;
}

static const uint8_t *ip_of(const char *text)
{
	static uint8_t ip[16];

	assert_int_equal(inet_pton(family_of(text) == 6 ? AF_INET6 : AF_INET, text, ip), 1);
	return ip;
}

static int insert(const char *ip, unsigned bits, void *owner)
{
	return allowedips_insert(&table, family_of(ip), ip_of(ip), bits, owner);
}

static int remove_one(const char *ip, unsigned bits, const void *owner)
{
	return allowedips_remove(&table, family_of(ip), ip_of(ip), bits, owner);
}

static const char *lookup(const char *ip)
{
	const char *owner = allowedips_lookup(&table, family_of(ip), ip_of(ip));

	return owner ? owner : "-";
}

static int teardown(void **state)
{
	(void)state;
	allowedips_deinit(&table);
	return 0;
}

static void test_longest_prefix(void **state)
{
	static const struct {
		const char *ip, *owner;
	} cases[] = {
		{"10.66.0.2", "kira"},	  {"10.66.0.3", "noel"},  {"10.66.0.4", "ada"},
		{"10.66.1.4", "ada"},	  {"10.67.0.1", "-"},	  {"192.168.4.4", "-"},
		{"fd00::1", "kira"},	  {"fd00::2", "noel"},	  {"fd00:0:0:1::1", "-"},
		{"fd01::1", "-"},	  {"0.0.0.0", "-"},	  {"255.255.255.255", "-"},
		{"10.66.255.255", "ada"}, {"10.65.255.255", "-"},
	};

	(void)state;
	assert_int_equal(insert("10.66.0.2", 32, kira), 0);
	assert_int_equal(insert("10.66.0.3", 32, noel), 0);
	assert_int_equal(insert("10.66.9.9", 16, ada), 0); /* host bits ignored */
	assert_int_equal(insert("fd00::1", 128, kira), 0);
	assert_int_equal(insert("fd00::", 64, noel), 0);
	assert_int_equal(table.count, 5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(lookup(cases[i].ip), cases[i].owner);
	assert_int_equal(insert("0.0.0.0", 0, noel), 0);
	assert_int_equal(insert("::", 0, ada), 0);
	assert_string_equal(lookup("192.168.4.4"), "noel");
	assert_string_equal(lookup("2001:db8::1"), "ada");
	assert_string_equal(lookup("10.66.0.2"), "kira");
}

static void test_move_and_remove(void **state)
{
	(void)state;
	insert("10.66.0.0", 24, kira);
	insert("10.66.0.128", 25, kira);
	insert("10.66.0.0", 24, noel); /* moves */
	assert_int_equal(table.count, 2);
	assert_string_equal(lookup("10.66.0.1"), "noel");
	assert_string_equal(lookup("10.66.0.200"), "kira");
	assert_int_equal(remove_one("10.66.0.0", 24, kira), -ENOENT); /* no longer theirs */
	assert_int_equal(remove_one("10.66.0.0", 23, noel), -ENOENT);
	assert_int_equal(remove_one("10.66.0.0", 24, noel), 0);
	assert_int_equal(remove_one("10.66.0.0", 24, noel), -ENOENT);
	assert_string_equal(lookup("10.66.0.1"), "-");
	assert_int_equal(allowedips_remove_owner(&table, kira), 1);
	assert_int_equal(allowedips_remove_owner(&table, kira), 0);
	assert_int_equal(table.count, 0);
	assert_null(table.root[0]);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(insert("10.0.0.0", 33, kira), -EINVAL);
	assert_int_equal(insert("fd00::", 129, kira), -EINVAL);
	assert_int_equal(insert("10.0.0.0", 8, NULL), -EINVAL);
	assert_int_equal(allowedips_insert(&table, 5, ip_of("10.0.0.0"), 8, kira), -EINVAL);
	assert_int_equal(allowedips_remove(&table, 0, ip_of("10.0.0.0"), 8, kira), -EINVAL);
	assert_null(allowedips_lookup(&table, 7, ip_of("10.0.0.0")));
	assert_int_equal(table.count, 0);
}

static void test_packets(void **state)
{
	uint8_t ipv4[20] = {0x45}, ipv6[40] = {0x60};

	(void)state;
	insert("10.66.0.2", 32, kira);
	insert("10.66.0.3", 32, noel);
	insert("fd00::2", 128, kira);
	insert("fd00::3", 128, noel);
	memcpy(ipv4 + 12, ip_of("10.66.0.2"), 4);
	memcpy(ipv4 + 16, ip_of("10.66.0.3"), 4);
	memcpy(ipv6 + 8, ip_of("fd00::2"), 16);
	memcpy(ipv6 + 24, ip_of("fd00::3"), 16);
	assert_ptr_equal(allowedips_lookup_source(&table, ipv4, 20), kira);
	assert_ptr_equal(allowedips_lookup_destination(&table, ipv4, 20), noel);
	assert_ptr_equal(allowedips_lookup_source(&table, ipv6, 40), kira);
	assert_ptr_equal(allowedips_lookup_destination(&table, ipv6, 40), noel);
	assert_null(allowedips_lookup_source(&table, ipv4, 19));
	assert_null(allowedips_lookup_destination(&table, ipv6, 39));
	assert_null(allowedips_lookup_destination(&table, ipv6, 0));
	ipv4[0] = 0x15;
	assert_null(allowedips_lookup_source(&table, ipv4, 20));
}

static void list_entry(void *context, const struct allowedips_entry *entry)
{
	char *text = context, ip[INET6_ADDRSTRLEN];

	inet_ntop(entry->family == 4 ? AF_INET : AF_INET6, entry->ip, ip, sizeof(ip));
	sprintf(text + strlen(text), "%s/%u=%s ", ip, entry->bits, (char *)entry->owner);
}

static void test_each(void **state)
{
	char text[512] = "";

	(void)state;
	insert("fd00::", 64, noel);
	insert("10.66.0.3", 32, noel);
	insert("10.66.0.2", 32, kira);
	insert("10.0.0.0", 8, kira);
	insert("0.0.0.0", 0, noel);
	allowedips_each(&table, NULL, list_entry, text);
	assert_string_equal(text, "0.0.0.0/0=noel 10.0.0.0/8=kira 10.66.0.2/32=kira "
				  "10.66.0.3/32=noel fd00::/64=noel ");
	text[0] = '\0';
	allowedips_each(&table, kira, list_entry, text);
	assert_string_equal(text, "10.0.0.0/8=kira 10.66.0.2/32=kira ");
}

/* --- the model: an unsorted list --- */

#define MODEL_MAX 400

struct model_entry {
	int family;
	unsigned bits;
	uint8_t ip[16];
	char *owner;
};
static struct model_entry model[MODEL_MAX];
static size_t model_count;

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

static struct model_entry *model_find(int family, const uint8_t *ip, unsigned bits)
{
	for (size_t i = 0; i < model_count; i++)
		if (model[i].family == family && model[i].bits == bits &&
		    same_prefix(model[i].ip, ip, bits))
			return &model[i];
	return NULL;
}

static char *model_lookup(int family, const uint8_t *ip)
{
	const struct model_entry *best = NULL;

	for (size_t i = 0; i < model_count; i++)
		if (model[i].family == family && same_prefix(model[i].ip, ip, model[i].bits) &&
		    (!best || model[i].bits > best->bits))
			best = &model[i];
	return best ? best->owner : NULL;
}

/* Few distinct bits, so that prefixes nest and collide much. */
static void random_ip(uint8_t ip[16])
{
	static const uint8_t bytes[] = {0, 1, 0x80, 0xff};

	for (int i = 0; i < 16; i++)
		ip[i] = bytes[random() % 4];
}

static void model_insert(int family, const uint8_t *ip, unsigned bits, char *owner)
{
	struct model_entry *entry = model_find(family, ip, bits);

	if (!entry && model_count == MODEL_MAX)
		return;
	assert_int_equal(allowedips_insert(&table, family, ip, bits, owner), 0);
	if (!entry) {
		entry = &model[model_count++];
		entry->family = family;
		entry->bits = bits;
		memcpy(entry->ip, ip, 16);
	}
	entry->owner = owner;
}

static void model_remove(int family, const uint8_t *ip, unsigned bits, const char *owner)
{
	struct model_entry *entry = model_find(family, ip, bits);
	bool there = entry && entry->owner == owner;

	assert_int_equal(allowedips_remove(&table, family, ip, bits, owner), there ? 0 : -ENOENT);
	if (there)
		*entry = model[--model_count];
}

static void model_remove_owner(const char *owner)
{
	size_t before = model_count;

	for (size_t i = 0; i < model_count;)
		if (model[i].owner == owner)
			model[i] = model[--model_count];
		else
			i++;
	assert_int_equal(allowedips_remove_owner(&table, owner), before - model_count);
}

static void test_against_model(void **state)
{
	char *owners[] = {kira, noel, ada};

	(void)state;
	model_count = 0;
	srandom(1);
	for (int step = 0; step < 20000; step++) {
		int family = random() % 2 ? 4 : 6;
		unsigned bits = (unsigned)random() % (family == 4 ? 33 : 129);
		char *owner = owners[random() % 3];
		uint8_t ip[16];

		random_ip(ip);
		if (random() % 3)
			model_insert(family, ip, bits, owner);
		else
			model_remove(family, ip, bits, owner);
		if (random() % 700 == 0)
			model_remove_owner(owner);
		random_ip(ip);
		assert_ptr_equal(allowedips_lookup(&table, family, ip), model_lookup(family, ip));
		assert_int_equal(table.count, model_count);
	}
	for (size_t i = 0; i < 3; i++)
		model_remove_owner(owners[i]);
	assert_null(table.root[0]);
	assert_null(table.root[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_longest_prefix, teardown),
		cmocka_unit_test_teardown(test_move_and_remove, teardown),
		cmocka_unit_test_teardown(test_refused, teardown),
		cmocka_unit_test_teardown(test_packets, teardown),
		cmocka_unit_test_teardown(test_each, teardown),
		cmocka_unit_test_teardown(test_against_model, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
