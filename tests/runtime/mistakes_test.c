/* Mistakes of programs: each has an outcome that is defined. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include <noh/test.h>

#include "tests/support/captured.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(known, (u64, value));
NOH_MESSAGE(unknown, (str, text));
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer, (u64, value));
NOH_REQUEST(other_question, answer);

struct actor {
	noh_actor to;
};

static void on_known(struct actor *self, const struct known *msg)
{
	(void)msg;
	noh_check(noh_reply(answer, .value = 1) == -ENOMSG);
	noh_check(noh_reply_error(-EIO, "no") == -ENOMSG);
	noh_check(noh_reply_at(noh_reply_later(), answer, .value = 1) == -ENOMSG);
	noh_send(self->to, known);
}

static void on_question(struct actor *self, const struct question *msg)
{
	(void)self;
	noh_check(!noh_reply(answer, .value = msg->value));
	noh_check(noh_reply(answer, .value = 0) == -ENOMSG);
}

NOH_ACTOR(actor, (known, on_known), (question, on_question));

// ---- within a runtime

Simulated(message, that_is_not_accepted_is_a_dead_letter_and_the_actor_lives_on)
{
	noh_actor inbox = noh_test_inbox(), actor = noh_spawn(actor, .to = inbox);
	uint64_t before = noh_dead_letters();

	noh_check(!noh_send(actor, unknown, .text = "what?"));
	noh_send(actor, known);
	noh_test_settle();

	noh_check(noh_dead_letters() == before + 1);
	noh_check(noh_test_sent(inbox, known, .value = 0));
}

Simulated(request, that_is_not_accepted_is_not_supported_and_the_actor_lives_on)
{
	noh_actor actor = noh_spawn(actor, .to = NOH_NOBODY);
	const struct answer *got;

	noh_check(noh_ask(actor, other_question, 1000, &got) == -ENOTSUP);
	noh_check(!noh_ask(actor, question, 1000, &got, .value = 3) && got->value == 3);
}

Simulated(send, to_nobody_is_refused)
{
	const struct answer *got;

	noh_check(noh_send(NOH_NOBODY, known) == -EINVAL);
	noh_check(noh_ask(NOH_NOBODY, question, 1000, &got) == -ESRCH);
	noh_stop(NOH_NOBODY);
	noh_kill(NOH_NOBODY);
	noh_demonitor(12345);
	noh_cancel((noh_timer){0});
}

Simulated(reply, without_a_request_or_for_the_second_time_is_refused)
{
	noh_actor inbox = noh_test_inbox(), actor = noh_spawn(actor, .to = inbox);
	const struct answer *got;

	noh_send(actor, known); // a plain message, of which nobody awaits an answer
	noh_check(!noh_ask(actor, question, 1000, &got, .value = 3) && got->value == 3);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, known, .value = 0)); // it has not failed
}

Simulated(forward, without_a_message_is_refused)
{
	noh_check(noh_forward(noh_test_inbox()) == -ENOMSG);
}

static int run_nothing(void *unused)
{
	(void)unused;
	return 0;
}

Simulated(runtime, within_a_runtime_is_refused_and_the_outer_one_goes_on)
{
	const struct answer *got;
	struct captured captured = captured_begin();
	int status = noh_run(run_nothing, NULL), simulated = noh_simulate(1, run_nothing, NULL);
	char *text = captured_end(captured);

	noh_check(status == 1 && simulated == 1);
	noh_check(captured_count(text, "error -: noh_run inside a runtime\n") == 2);
	free(text);
	noh_check(!noh_ask(noh_spawn(actor), question, 1000, &got, .value = 3));
}

// ---- outside: the process ends, and says what for

static void undo(void *unused)
{
	(void)unused;
}

static void call_alloc(void)
{
	noh_alloc(1);
}

static void call_after(void)
{
	noh_after(1, known);
}

static void call_ask_later(void)
{
	noh_ask_later(NOH_NOBODY, question, 1, 0);
}

static void call_defer(void)
{
	noh_defer(undo, NULL);
}

static void call_demonitor(void)
{
	noh_demonitor(1);
}

static void call_end(void)
{
	noh_end(0, NULL);
}

static void call_every(void)
{
	noh_every(1, NOH_MISSED_SKIP, known);
}

static void call_fail(void)
{
	noh_fail("out here");
}

static void call_format(void)
{
	noh_format("%d", 1);
}

static void call_forward(void)
{
	noh_forward(NOH_NOBODY);
}

static void call_join(void)
{
	noh_join(NOH_NOBODY, 0, NULL);
}

static void call_link(void)
{
	noh_link(NOH_NOBODY);
}

static void call_send_wait(void)
{
	noh_send_wait(NOH_NOBODY, 0, known);
}

static void call_keep(void)
{
	noh_keep(known, &(struct known){.value = 1});
}

static void call_monitor(void)
{
	noh_monitor(NOH_NOBODY, false);
}

static void call_receive(void)
{
	noh_receive(0);
}

static void call_reply(void)
{
	noh_reply(answer, .value = 1);
}

static void call_shutdown(void)
{
	noh_shutdown();
}

static void call_sleep(void)
{
	noh_sleep(0);
}

static void call_spawn(void)
{
	noh_spawn(actor);
}

static void call_wait_for_stop(void)
{
	noh_wait_for_stop();
}

static void call_yield(void)
{
	noh_yield();
}

static const struct {
	void (*call)(void);
	const char *says;
} calls[] = {
	{call_alloc, "error -: noh_alloc: not inside an actor\n"},
	{call_after, "error -: noh_after: not inside an actor\n"},
	{call_ask_later, "error -: noh_ask_later: not inside an actor\n"},
	{call_defer, "error -: noh_defer: not inside an actor\n"},
	{call_demonitor, "error -: noh_demonitor: not inside an actor\n"},
	{call_end, "error -: noh_end: not inside an actor\n"},
	{call_every, "error -: noh_every: not inside an actor\n"},
	{call_fail, "error -: noh_fail outside an actor: out here\n"},
	{call_format, "error -: noh_format: not inside an actor\n"},
	{call_forward, "error -: noh_forward: not inside an actor\n"},
	{call_join, "error -: noh_join: not inside an actor\n"},
	{call_keep, "error -: noh_keep: not inside an actor\n"},
	{call_link, "error -: noh_link: not inside an actor\n"},
	{call_monitor, "error -: noh_monitor: not inside an actor\n"},
	{call_receive, "error -: noh_receive: not inside an actor\n"},
	{call_reply, "error -: noh_reply: not inside an actor\n"},
	{call_send_wait, "error -: noh_send_wait: not inside an actor\n"},
	{call_shutdown, "error -: noh_shutdown: not inside an actor\n"},
	{call_sleep, "error -: noh_sleep: not inside an actor\n"},
	{call_spawn, "error -: noh_spawn without .in = runtime: not inside an actor\n"},
	{call_wait_for_stop, "error -: noh_wait_for_stop: not inside an actor\n"},
	{call_yield, "error -: noh_yield: not inside an actor\n"},
};

// What it prints in a process of its own; its wait status.
static char *printed(void (*call)(void), int *ret_status)
{
	struct captured captured = captured_begin();
	pid_t child = fork();

	if (!child) {
		signal(SIGABRT, SIG_DFL);
		call();
		_exit(0);
	}
	waitpid(child, ret_status, 0);
	return captured_end(captured);
}

Test(call, of_actors_alone_ends_the_process_elsewhere_and_says_so)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		int status;
		char *text = printed(calls[i].call, &status);

		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: ended by %x",
			  calls[i].says, (unsigned)status);
		cr_expect_str_eq(text, calls[i].says);
		free(text);
	}
}

// ---- a type that cannot be

struct dropper {
	char unused;
};

static void receive_all(struct dropper *self)
{
	(void)self;
	noh_receive(-1);
}

NOH_FIBER_WITH(dropper, (.mailbox_messages = 5, .on_full = NOH_FULL_DROP_OLD), receive_all);

struct chooser {
	char unused;
};

static void choose(struct chooser *self)
{
	(void)self;
	noh_receive(-1);
}

NOH_FIBER_WITH(chooser, (.on_full = NOH_FULL_LATEST), choose);

static int spawn_dropper(void *unused)
{
	(void)unused;
	noh_spawn(dropper);
	return 0;
}

static int spawn_chooser(void *unused)
{
	(void)unused;
	noh_spawn(chooser);
	return 0;
}

static void run_dropper(void)
{
	noh_run(spawn_dropper, NULL, .workers = 1);
}

static void run_chooser(void)
{
	noh_run(spawn_chooser, NULL, .workers = 1);
}

Test(fiber, that_is_to_drop_old_messages_ends_the_process_and_says_so)
{
	int status;
	char *text = printed(run_dropper, &status);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	cr_expect(strstr(text, "noh_spawn: dropper is a fiber, whose mailbox cannot drop old "
			       "messages\n"),
		  "%s", text);
	free(text);

	text = printed(run_chooser, &status);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	cr_expect(strstr(text, "noh_spawn: chooser is a fiber"), "%s", text);
	free(text);
}

Test(call, of_anybody_is_harmless_elsewhere)
{
	cr_expect(noh_same(noh_self(), NOH_NOBODY));
	cr_expect(noh_same(noh_sender(), NOH_NOBODY));
	cr_expect(noh_same(noh_parent(), NOH_NOBODY));
	cr_expect_eq(noh_runtime(), NULL);
	cr_expect_eq(noh_send(NOH_NOBODY, known), -EINVAL);
	noh_stop(NOH_NOBODY);
	noh_kill(NOH_NOBODY);
	noh_bytes_drop(noh_bytes_copy("x", 1));
	noh_drop(NULL);
}
