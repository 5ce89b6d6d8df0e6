/* rendezvous-client: many members of parties, driven line by line by a scenario test.
 *
 * Each input line is `ID VERB CLIENT [ARGUMENT...]`; ID is the request id, given back with the
 * answer. Output is one JSON object a line, for everything the server says and every connection
 * that opens or closes. Parties, codes and seeds are named by any word: their bytes are a hash of
 * it, so a test reads like a story. A connection that closes stays closed, unless opened with
 * `again`.
 *
 *     ID open CLIENT URL [again] [mute] [wrong] [for=HOST:PORT] [as=NAME]
 *         again: reconnects by itself; mute: does not log in; wrong: a bad signature;
 *         for: signs for another server address; as: with the identity of that name
 *     ID close CLIENT
 *     ID create CLIENT PARTY PREFIX
 *     ID put CLIENT PARTY CODE TTL_S USES
 *     ID get CLIENT CODE
 *     ID revoke CLIENT PARTY CODE
 *     ID join CLIENT PARTY [CODE [wrong]]
 *     ID leave|tickets CLIENT PARTY
 *     ID announce CLIENT PARTY BYTES       so many bytes
 *     ID resume CLIENT PARTY CHANGE
 *     ID relay CLIENT PORT REGION LOAD [draining]
 *     ID ping CLIENT
 *     ID raw CLIENT HEX
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "svc-control/login.h"
#include "svc-control/websocket.h"
#include "svc-nat/relay/ticket.h"

#define WORDS_MAX 16
#define LINE_SIZE 262144

struct client {
	struct client *next;
	char name[64];
	struct websocket_client *websocket;
	uint64_t open_id;
	bool again, mute, wrong;
	char address[RENDEZVOUS_ADDRESS_MAX];
	uint8_t identity[32], secret[64], wireguard_key[32];
	uint8_t ticket_key[32]; /* of the server, for checking tickets */
};

static struct loop loop;
static struct websocket *websocket;
static struct client *clients;
static char line[LINE_SIZE];
static size_t line_length;
static struct loop_poll input;

/* ---- names */

static void hash(uint8_t *out, size_t length, const char *kind, const char *name)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, length);
	crypto_generichash_update(&state, (const uint8_t *)kind, strlen(kind));
	crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
	crypto_generichash_final(&state, out, length);
}

static void keypair(uint8_t public_key[32], uint8_t secret_key[64], const char *kind,
		    const char *name)
{
	uint8_t seed[32];

	hash(seed, sizeof(seed), kind, name);
	crypto_sign_seed_keypair(public_key, secret_key, seed);
}

/* ---- output */

static void print_hex(const char *key, const uint8_t *bytes, size_t length)
{
	printf(", \"%s\": \"", key);
	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}

static void print_text(const char *key, const char *text)
{
	printf(", \"%s\": \"", key);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text >= ' ' ? *text : '?');
	putchar('"');
}

static void begin(const struct client *client, const char *event, uint64_t id)
{
	printf("{\"client\": \"%s\", \"event\": \"%s\", \"id\": %" PRIu64, client->name, event, id);
}

static void end(void)
{
	puts("}");
	fflush(stdout);
}

static void print_member(const struct rendezvous_member *member)
{
	char address[ADDR_TEXT_SIZE];

	printf("{\"number\": %u, \"lease\": %u, \"change\": %" PRIu64
	       ", \"address\": \"%s\", \"online\": %s, \"left\": %s, \"sealed\": %zu",
	       member->number, member->lease, member->change,
	       addr_format_ip(&member->address, address), member->online ? "true" : "false",
	       member->left ? "true" : "false", member->sealed.length);
	print_hex("identity", member->identity, 32);
	print_hex("wireguard_key", member->wireguard_key, 32);
	if (member->has_invite_key)
		print_hex("invite_key", member->invite_key, 32);
	putchar('}');
}

static void print_party(const struct rendezvous_party *party)
{
	char prefix[ADDR_TEXT_SIZE];

	print_hex("host", party->host, 32);
	printf(", \"prefix\": \"%s\", \"generation\": %u, \"change\": %" PRIu64
	       ", \"whole\": %s, \"more\": %s, \"members\": [",
	       addr_prefix_format(&party->prefix, prefix), party->generation, party->change,
	       party->whole ? "true" : "false", party->more ? "true" : "false");
	for (size_t i = 0; i < party->n_members; i++) {
		if (i)
			printf(", ");
		print_member(&party->members[i]);
	}
	putchar(']');
}

/* What a relay would find out about the ticket. */
static void print_ticket(const struct client *client, const struct rendezvous_relay *relay)
{
	struct ticket ticket;
	bool good = relay->ticket_length == TICKET_SIZE &&
		    ticket_parse(&ticket, relay->ticket, TICKET_SIZE) == 0 &&
		    ticket_verify(relay->ticket, client->ticket_key) == 0 &&
		    memcmp(ticket.relay_key, relay->relay_key, 32) == 0 &&
		    memcmp(ticket.member_key, client->wireguard_key, 32) == 0;

	printf(", \"ticket\": %zu, \"verified\": %s", relay->ticket_length,
	       good ? "true" : "false");
	if (!good)
		return;
	printf(", \"number\": %u, \"generation\": %u, \"lifetime_s\": %" PRId64, ticket.number,
	       ticket.generation, (int64_t)(ticket.expires_s - clock_wall_us() / CLOCK_SECOND));
	print_hex("scope", ticket.scope, sizeof(ticket.scope));
}

static void print_tickets(const struct client *client, const struct rendezvous_server_frame *frame)
{
	char endpoint[ADDR_TEXT_SIZE];

	printf(", \"relays\": [");
	for (size_t i = 0; i < frame->tickets.n_relays; i++) {
		const struct rendezvous_relay *relay = &frame->tickets.relays[i];

		printf("%s{\"endpoint\": \"%s\", \"load\": %u", i ? ", " : "",
		       addr_format(&relay->endpoints[0], endpoint), relay->load_permille);
		print_text("region", relay->region);
		print_ticket(client, relay);
		putchar('}');
	}
	putchar(']');
}

static void print_frame(struct client *client, const struct rendezvous_server_frame *frame)
{
	static const char *const names[] = {"",	     "challenge", "welcome", "error",
					    "party", "invite",	  "tickets", "done"};
	char address[ADDR_TEXT_SIZE];

	begin(client, names[frame->type], frame->request_id);
	switch (frame->type) {
	case RENDEZVOUS_WELCOME:
		memcpy(client->ticket_key, frame->welcome.ticket_key, 32);
		print_hex("ticket_key", client->ticket_key, 32);
		printf(", \"observed\": \"%s\", \"stun_port\": %u",
		       addr_format(&frame->welcome.observed, address), frame->welcome.stun_port);
		print_hex("identity", client->identity, 32);
		break;
	case RENDEZVOUS_ERROR:
		printf(", \"code\": %d, \"retry\": %u", frame->error.code,
		       frame->error.retry_after_s);
		print_text("text", frame->error.text);
		break;
	case RENDEZVOUS_PARTY: print_party(&frame->party); break;
	case RENDEZVOUS_INVITE:
		printf(", \"sealed\": %zu", frame->invite.sealed.length);
		print_hex("party_id", frame->invite.party_id, 16);
		print_hex("invite_key", frame->invite.invite_key, 32);
		break;
	case RENDEZVOUS_TICKETS: print_tickets(client, frame); break;
	default: break;
	}
	end();
}

/* ---- the connection */

static int send_frame(struct client *client, const struct rendezvous_client_frame *frame)
{
	uint8_t *bytes;
	ssize_t length = rendezvous_client_encode(frame, &bytes);
	int result;

	if (length < 0)
		return (int)length;
	result = websocket_client_send(client->websocket, bytes, (size_t)length);
	free(bytes);
	return result;
}

static void log_in(struct client *client, const uint8_t server_nonce[32])
{
	struct login login;
	uint8_t nonce[32];

	randombytes_buf(nonce, sizeof(nonce));
	login_prepare(&login, client->open_id, client->address, client->identity, server_nonce,
		      nonce);
	login_sign(&login, client->secret);
	if (client->wrong)
		login.frame.login.signature[5] ^= 1;
	send_frame(client, &login.frame);
}

static void on_open(void *data)
{
	begin(data, "open", 0);
	end();
}

static void on_message(void *data, const uint8_t *bytes, size_t length)
{
	struct rendezvous_server_frame *frame = malloc(sizeof(*frame));
	struct client *client = data;

	if (rendezvous_server_decode(frame, bytes, length) < 0) {
		begin(client, "malformed", 0);
		end();
	} else {
		print_frame(client, frame);
		if (frame->type == RENDEZVOUS_CHALLENGE && !client->mute)
			log_in(client, frame->challenge.server_nonce);
		rendezvous_server_clear(frame);
	}
	free(frame);
}

static void on_closed(void *data, const char *reason, uint32_t retry_ms)
{
	struct client *client = data;

	begin(client, "closed", 0);
	printf(", \"retry_ms\": %u", retry_ms);
	print_text("reason", reason);
	end();
	if (!client->again)
		websocket_client_stop(client->websocket);
}

static const struct websocket_events events = {on_open, on_message, on_closed};

static struct client *find(const char *name)
{
	struct client *client = clients;

	while (client && strcmp(client->name, name) != 0)
		client = client->next;
	return client;
}

static void read_option(struct client *client, const char *word, const char **identity)
{
	if (strcmp(word, "again") == 0)
		client->again = true;
	else if (strcmp(word, "mute") == 0)
		client->mute = true;
	else if (strcmp(word, "wrong") == 0)
		client->wrong = true;
	else if (strncmp(word, "for=", 4) == 0)
		snprintf(client->address, sizeof(client->address), "%s", word + 4);
	else if (strncmp(word, "as=", 3) == 0)
		*identity = word + 3;
}

static int open_client(uint64_t id, char **words, size_t n)
{
	struct client *client = find(words[0]);
	const char *identity = words[0];
	struct error error;

	if (!client) {
		client = calloc(1, sizeof(*client));
		snprintf(client->name, sizeof(client->name), "%s", words[0]);
		client->next = clients;
		clients = client;
	}
	websocket_client_free(client->websocket);
	client->open_id = id;
	client->again = client->mute = client->wrong = false;
	if (websocket_client_new(&client->websocket, websocket, words[1], &events, client, &error) <
	    0) {
		fprintf(stderr, "rendezvous-client: %s\n", error.text);
		return error.code;
	}
	snprintf(client->address, sizeof(client->address), "%s",
		 websocket_client_url(client->websocket)->authority);
	for (size_t i = 2; i < n; i++)
		read_option(client, words[i], &identity);
	keypair(client->identity, client->secret, "identity ", identity);
	hash(client->wireguard_key, 32, "wireguard ", identity);
	websocket_client_start(client->websocket);
	return 0;
}

/* ---- requests */

static int fill_invite(struct rendezvous_client_frame *frame, char **words)
{
	uint8_t secret[64], sealed[200] = {1};

	hash(frame->put_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE, "lookup ", words[2]);
	keypair(frame->put_invite.invite_key, secret, "invite ", words[2]);
	frame->put_invite.expires_s = clock_wall_us() / CLOCK_SECOND + strtoull(words[3], NULL, 10);
	frame->put_invite.uses = (uint32_t)strtoul(words[4], NULL, 10);
	return rendezvous_bytes_set(&frame->put_invite.sealed, sealed, sizeof(sealed));
}

static void fill_join(struct rendezvous_client_frame *frame, const struct client *client,
		      char **words, size_t n)
{
	uint8_t secret[64], text[RENDEZVOUS_JOIN_TEXT_SIZE];

	memcpy(frame->join_party.wireguard_key, client->wireguard_key, 32);
	if (n < 3)
		return;
	frame->join_party.has_invite = true;
	keypair(frame->join_party.invite_key, secret, "invite ", words[2]);
	rendezvous_join_text(frame->party_id, client->identity, client->wireguard_key, text);
	crypto_sign_detached(frame->join_party.signature, NULL, text, sizeof(text), secret);
	if (n > 3)
		frame->join_party.signature[9] ^= 1;
}

static void fill_relay(struct rendezvous_client_frame *frame, const struct client *client,
		       char **words, size_t n)
{
	memcpy(frame->relay_register.relay_key, client->wireguard_key, 32);
	frame->relay_register.port = (uint16_t)strtoul(words[1], NULL, 10);
	snprintf(frame->relay_register.region, RENDEZVOUS_REGION_MAX, "%s", words[2]);
	frame->relay_register.load_permille = (uint32_t)strtoul(words[3], NULL, 10);
	frame->relay_register.draining = n > 4;
}

static int fill_announce(struct rendezvous_client_frame *frame, const char *size)
{
	frame->announce.sealed.length = strtoul(size, NULL, 10);
	frame->announce.sealed.bytes = calloc(1, frame->announce.sealed.length + 1);
	return frame->announce.sealed.bytes ? 0 : -ENOMEM;
}

/* The verbs that become one frame, with how many words they need after the client's name. */
static const struct {
	const char *verb;
	enum rendezvous_client_type type;
	size_t words;
} verbs[] = {
	{"create", RENDEZVOUS_CREATE_PARTY, 2}, {"put", RENDEZVOUS_PUT_INVITE, 4},
	{"get", RENDEZVOUS_GET_INVITE, 1},	{"revoke", RENDEZVOUS_REVOKE_INVITE, 2},
	{"join", RENDEZVOUS_JOIN_PARTY, 1},	{"leave", RENDEZVOUS_LEAVE_PARTY, 1},
	{"announce", RENDEZVOUS_ANNOUNCE, 2},	{"resume", RENDEZVOUS_RESUME, 2},
	{"tickets", RENDEZVOUS_GET_TICKETS, 1}, {"relay", RENDEZVOUS_RELAY_REGISTER, 3},
	{"ping", RENDEZVOUS_PING, 0},
};

static int fill(struct rendezvous_client_frame *frame, const struct client *client, char **words,
		size_t n)
{
	if (n > 1 && frame->type != RENDEZVOUS_GET_INVITE &&
	    frame->type != RENDEZVOUS_RELAY_REGISTER)
		hash(frame->party_id, RENDEZVOUS_PARTY_ID_SIZE, "party ", words[1]);
	switch (frame->type) {
	case RENDEZVOUS_CREATE_PARTY:
		frame->create_party.generation = 1;
		memcpy(frame->create_party.wireguard_key, client->wireguard_key, 32);
		return addr_prefix_parse(&frame->create_party.prefix, words[2]);
	case RENDEZVOUS_PUT_INVITE: return fill_invite(frame, words);
	case RENDEZVOUS_GET_INVITE:
		hash(frame->get_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE, "lookup ", words[1]);
		return 0;
	case RENDEZVOUS_REVOKE_INVITE:
		hash(frame->revoke_invite.lookup_id, RENDEZVOUS_LOOKUP_SIZE, "lookup ", words[2]);
		return 0;
	case RENDEZVOUS_JOIN_PARTY: fill_join(frame, client, words, n); return 0;
	case RENDEZVOUS_ANNOUNCE: return fill_announce(frame, words[2]);
	case RENDEZVOUS_RESUME: frame->resume.change = strtoull(words[2], NULL, 10); return 0;
	case RENDEZVOUS_RELAY_REGISTER: fill_relay(frame, client, words, n); return 0;
	default: return 0;
	}
}

static int send_raw(const struct client *client, const char *hex)
{
	size_t length = strlen(hex) / 2, filled;
	uint8_t *bytes = malloc(length + 1);
	int result;

	sodium_hex2bin(bytes, length, hex, strlen(hex), NULL, &filled, NULL);
	result = websocket_client_send(client->websocket, bytes, filled);
	free(bytes);
	return result;
}

/* words: the client's name and what follows. */
static int request(uint64_t id, const char *verb, char **words, size_t n)
{
	struct client *client = find(words[0]);
	struct rendezvous_client_frame frame = {.request_id = id};
	int result = -EINVAL;

	if (!client)
		return -ENOENT;
	if (strcmp(verb, "close") == 0) {
		websocket_client_stop(client->websocket);
		return 0;
	}
	if (strcmp(verb, "raw") == 0 && n > 1)
		return send_raw(client, words[1]);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i].verb) == 0 && n > verbs[i].words) {
			frame.type = verbs[i].type;
			result = fill(&frame, client, words, n);
		}
	if (result == 0)
		result = send_frame(client, &frame);
	rendezvous_client_clear(&frame);
	return result;
}

static void run_line(char *text)
{
	char *words[WORDS_MAX], *rest = NULL;
	size_t n = 0;
	uint64_t id;
	int result;

	for (char *word = strtok_r(text, " ", &rest); word && n < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		words[n++] = word;
	if (n < 3)
		return;
	id = strtoull(words[0], NULL, 10);
	if (strcmp(words[1], "open") == 0 && n > 3)
		result = open_client(id, words + 2, n - 2);
	else
		result = request(id, words[1], words + 2, n - 2);
	if (result < 0) {
		printf("{\"client\": \"%s\", \"event\": \"failed\", \"id\": %" PRIu64
		       ", \"text\": \"%s\"",
		       words[2], id, strerror(-result));
		end();
	}
}

static void on_input(void *data)
{
	ssize_t n = read(0, line + line_length, sizeof(line) - 1 - line_length);
	char *newline;

	(void)data;
	if (n <= 0) {
		loop_stop(&loop);
		return;
	}
	line_length += (size_t)n;
	line[line_length] = 0;
	while ((newline = strchr(line, '\n'))) {
		*newline = 0;
		run_line(line);
		line_length -= (size_t)(newline + 1 - line);
		memmove(line, newline + 1, line_length + 1);
	}
	if (line_length == sizeof(line) - 1)
		loop_stop(&loop);
}

int main(void)
{
	struct error error;

	log_init("rendezvous-client", LOG_LEVEL_INFO);
	if (sodium_init() < 0 || loop_init(&loop) < 0)
		return 1;
	if (websocket_new(&websocket, &loop, &error) < 0) {
		fprintf(stderr, "rendezvous-client: %s\n", error.text);
		return 1;
	}
	loop_poll_start(&loop, &input, 0, on_input, NULL);
	loop_run(&loop);
	loop_poll_stop(&input);
	while (clients) {
		struct client *client = clients;

		clients = client->next;
		websocket_client_free(client->websocket);
		free(client);
	}
	websocket_free(websocket);
	loop_deinit(&loop);
	return 0;
}
