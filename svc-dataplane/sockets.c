#include "svc-dataplane/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE 32768

/* The best answer of all sockets that have the port. */
struct finding {
	uint16_t port;
	uint32_t own;
	unsigned own_interface;
	bool reachable; /* some socket hears the party's address */
	struct binding_answer answer;
};

/* IPv4's, also as IPv6 writes it; false for one that IPv4 never reaches. */
static bool address_of(const struct inet_diag_msg *socket, uint32_t *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t any[16];
	const uint8_t *bytes = (const uint8_t *)socket->id.idiag_src;

	if (socket->idiag_family == AF_INET)
		memcpy(address, bytes, sizeof(*address));
	else if (memcmp(bytes, any, sizeof(any)) == 0)
		*address = 0;
	else if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		memcpy(address, bytes + sizeof(mapped), sizeof(*address));
	else
		return false;
	return true;
}

static uint32_t address_of_card(unsigned index)
{
	struct ifreq request = {0};
	struct sockaddr_in address = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && if_indextoname(index, request.ifr_name) &&
	    ioctl(fd, SIOCGIFADDR, &request) == 0)
		memcpy(&address, &request.ifr_addr, sizeof(address));
	if (fd >= 0)
		close(fd);
	return address.sin_addr.s_addr;
}

static int each(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct finding *finding = data;
	bool device = socket->id.idiag_if && socket->id.idiag_if != finding->own_interface;
	uint32_t address;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket) ||
	    ntohs(socket->id.idiag_sport) != finding->port || !address_of(socket, &address))
		return MNL_CB_OK;
	if (!device && (address == 0 || address == finding->own)) {
		finding->reachable = true;
		return MNL_CB_OK;
	}
	if (address == 0 || address == finding->own)
		address = address_of_card(socket->id.idiag_if);
	/* on the way to 127.0.0.1 nobody of the party is expected */
	if (address && ntohl(address) >> 24 != 127)
		finding->answer = (struct binding_answer){address, device};
	return MNL_CB_OK;
}

/* Ports from one to one: the kernel passes over all others. */
static void put_port(struct nlmsghdr *message, uint16_t port)
{
	const struct inet_diag_bc_op only[] = {
		{INET_DIAG_BC_S_GE, 2 * sizeof(*only), 5 * sizeof(*only)},
		{0, 0, port},
		{INET_DIAG_BC_S_LE, 2 * sizeof(*only), 3 * sizeof(*only)},
		{0, 0, port},
	};

	mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, sizeof(only), only);
}

static int dump(struct mnl_socket *netlink, uint8_t family, const struct binding_port *port,
		struct finding *finding)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;
	unsigned sequence = (unsigned)time(NULL);
	ssize_t got;
	int more = MNL_CB_OK;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = sequence;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = port->protocol == BINDING_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	request->idiag_states = port->protocol == BINDING_UDP ? UINT32_MAX : 1u << TCP_LISTEN;
	put_port(message, port->port);
	if (mnl_socket_sendto(netlink, message, message->nlmsg_len) < 0)
		return -errno;
	while (more == MNL_CB_OK) {
		got = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));
		if (got < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)got, sequence, mnl_socket_get_portid(netlink),
				  each, finding);
	}
	return more < 0 ? -errno : 0;
}

int sockets_find(const struct binding_port *port, uint32_t own, unsigned own_interface,
		 struct binding_answer *answer)
{
	struct finding finding = {.port = port->port, .own = own, .own_interface = own_interface};
	struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int result = 0;

	*answer = (struct binding_answer){0};
	if (!netlink)
		return -errno;
	if (mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0)
		result = -errno;
	if (result == 0)
		result = dump(netlink, AF_INET, port, &finding);
	if (result == 0)
		result = dump(netlink, AF_INET6, port, &finding);
	mnl_socket_close(netlink);
	if (result == 0 && !finding.reachable)
		*answer = finding.answer;
	return result;
}
