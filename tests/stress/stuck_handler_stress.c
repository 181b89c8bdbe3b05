/* A handler that does not return for a while must not hold up the others' time and I/O: it returns
 * here only when a timer of another actor has fired and a client on another connection has had its
 * answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <noh/noh.h>

enum { ROUNDS = 20, GIVE_UP_S = 60 };

static uint32_t ticks, answers;
static int port;

static uint32_t seen(uint32_t *count)
{
	return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}

NOH_MESSAGE(tick);
NOH_MESSAGE(get_stuck, (u64, round));
NOH_MESSAGE(unstuck);

struct clockwork {
	int unused;
};

static void on_start(struct clockwork *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_every(5, NOH_MISSED_SKIP, tick);
}

static void on_tick(struct clockwork *self, const struct tick *msg)
{
	(void)self;
	(void)msg;
	__atomic_add_fetch(&ticks, 1, __ATOMIC_ACQ_REL);
}

NOH_ACTOR(clockwork, (noh_start, on_start), (tick, on_tick));

struct stuck {
	noh_actor root;
};

static void on_get_stuck(struct stuck *self, const struct get_stuck *msg)
{
	uint32_t former_ticks = seen(&ticks), former_answers = seen(&answers);

	// The tick and the answer after the next: those may have been under way already.
	while (seen(&ticks) < former_ticks + 2 || seen(&answers) < former_answers + 2)
		;
	(void)msg;
	noh_send(self->root, unstuck);
}

NOH_ACTOR(stuck, (get_stuck, on_get_stuck));

struct echo {
	int unused;
};

static void on_data(struct echo *self, const struct noh_tcp_data *msg)
{
	(void)self;
	noh_tcp_write(msg->conn, msg->bytes);
}

static void on_closed(struct echo *self, const struct noh_tcp_closed *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(echo, (noh_tcp_data, on_data), (noh_tcp_closed, on_closed));

static bool stop;

static void *ask_again_and_again(void *unused)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte = 'x';

	(void)unused;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		abort();
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			break;
		__atomic_add_fetch(&answers, 1, __ATOMIC_ACQ_REL);
		usleep(1000);
	}
	close(fd);
	return NULL;
}

static int run(void *unused)
{
	struct echo fresh = {0};
	noh_actor listener;
	pthread_t client;

	(void)unused;
	if (noh_tcp_listen(&listener, .serve = &echo_actor, .state = &fresh))
		return 1;
	port = noh_tcp_port(listener);
	noh_spawn(clockwork);
	pthread_create(&client, NULL, ask_again_and_again, NULL);

	for (uint64_t round = 0; round < ROUNDS; round++) {
		noh_actor stuck = noh_spawn(stuck, .root = noh_self());
		noh_send(stuck, get_stuck, .round = round);
		noh_receive(-1, unstuck);
		noh_stop(stuck);
		noh_sleep(3); // so that all are idle now and then
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(client, NULL);
	return 0;
}

int main(void)
{
	alarm(GIVE_UP_S); // a hang is a failure
	int status = noh_run(run, NULL, .workers = 2);
	printf("%d rounds, %u ticks, %u answers\n", ROUNDS, ticks, answers);
	return status;
}
