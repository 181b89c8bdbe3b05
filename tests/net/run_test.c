/* Runtimes that end by signals. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <noh/noh.h>

static int ends_by_its_signal(void *number)
{
	kill(getpid(), *(int *)number);
	return noh_wait_for_stop() == *(int *)number ? 0 : 1;
}

Test(run, ends_by_sigterm)
{
	int number = SIGTERM;

	cr_expect_eq(noh_run(ends_by_its_signal, &number, .workers = 2), 0);
}

Test(run, ends_by_sigint)
{
	int number = SIGINT;

	cr_expect_eq(noh_run(ends_by_its_signal, &number, .workers = 1), 0);
}

NOH_MESSAGE(never);

static int waits_elsewhere(void *unused)
{
	(void)unused;
	kill(getpid(), SIGTERM);
	noh_receive(-1, never);
	return 7;
}

Test(run, ends_a_root_that_waits_for_something_else)
{
	cr_expect_neq(noh_run(waits_elsewhere, NULL, .workers = 2), 7);
}

static int returns_three(void *unused)
{
	(void)unused;
	return 3;
}

Test(run, leaves_signals_as_they_were)
{
	struct sigaction before, after;
	sigaction(SIGTERM, NULL, &before);

	cr_expect_eq(noh_run(returns_three, NULL), 3);
	cr_expect_eq(noh_run(returns_three, NULL, .signals_off = true), 3);

	sigaction(SIGTERM, NULL, &after);
	cr_expect_eq(before.sa_handler, after.sa_handler);
}

static int never_ends(void *writing_end)
{
	noh_check(write(*(int *)writing_end, "x", 1) == 1);
	for (;;)
		pause(); // a handler that is stuck
	return 0;
}

Test(run, exits_at_once_by_the_second_signal)
{
	int pipes[2], status = 0;
	char byte;
	cr_assert_eq(pipe(pipes), 0);
	pid_t child = fork();
	if (!child) {
		alarm(120); // outlives no test that was broken off
		_exit(noh_run(never_ends, &pipes[1], .workers = 1));
	}

	cr_assert_eq(read(pipes[0], &byte, 1), 1); // it runs
	while (waitpid(child, &status, WNOHANG) == 0) {
		kill(child, SIGTERM);
		sched_yield();
	}

	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 128 + SIGTERM);
}

static int connects_and_leaves(void *port)
{
	noh_conn conn = noh_tcp_connect(.host = "127.0.0.1", .port = *(uint16_t *)port);
	static char block[60000];
	for (int i = 0; i < 20; i++)
		noh_check(!noh_tcp_write(conn, noh_bytes_copy(block, sizeof(block))));
	return 0; // at once: it is not even connected
}

NOH_MESSAGE(total, (u64, bytes));

struct counts {
	noh_actor root;
	uint64_t bytes;
};

static void counts_data(struct counts *self, const struct noh_tcp_data *msg)
{
	self->bytes += msg->bytes.size;
}

static void counts_closed(struct counts *self, const struct noh_tcp_closed *msg)
{
	(void)msg;
	noh_send(self->root, total, .bytes = self->bytes);
	noh_stop(noh_self());
}

NOH_ACTOR(counts, (noh_tcp_data, counts_data), (noh_tcp_closed, counts_closed));

static void *run_another(void *port)
{
	noh_run(connects_and_leaves, port, .workers = 1, .name = "another");
	return NULL;
}

static int hears_all_from_a_short_runtime(void *unused)
{
	(void)unused;
	struct counts state = {.root = noh_self()};
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &counts_actor, .state = &state));
	uint16_t port = (uint16_t)noh_tcp_port(listener);

	pthread_t thread;
	noh_check(!pthread_create(&thread, NULL, run_another, &port));
	const struct total *heard = noh_as(noh_receive(10000, total), total);
	noh_check(heard && heard->bytes == 20 * 60000);
	pthread_join(thread, NULL);
	return 0;
}

Test(run, sends_what_was_written_before_the_runtime_ended)
{
	cr_expect_eq(noh_run(hears_all_from_a_short_runtime, NULL, .workers = 1), 0);
}
