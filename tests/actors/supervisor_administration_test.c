/* What a running supervisor can be asked: to terminate, delete, restart and list its children. */
#include <pthread.h>

#include "tests/actors/supervised.h"
#include "tests/support/captured.h"
#include "tests/support/seeds.h"

struct two {
	noh_actor inbox, supervisor, a, b;
};

static struct two two_children(void)
{
	struct two two = {.inbox = noh_test_inbox()};
	two.supervisor = noh_supervise((0), WORKER(two.inbox, "a", .ret_handle = &two.a),
				       WORKER(two.inbox, "b", .ret_handle = &two.b));
	noh_check(*heard(two.inbox));
	return two;
}

Simulated(supervisor_administration, terminates_a_child_keeps_its_spec_and_does_so_again)
{
	struct two two = two_children();
	noh_monitor(two.a, true);

	noh_check(noh_supervisor_terminate_child(two.supervisor, "a") == 0);

	expect_heard(two.inbox, "stop a shutdown");
	noh_check(went_down(two.a, NOH_WHY_SHUTDOWN));
	noh_check(state_of(two.supervisor, "a") == NOH_CHILD_ABSENT);
	noh_check(noh_supervisor_terminate_child(two.supervisor, "a") == 0);
	noh_test_advance(100000);
	expect_heard(two.inbox, "");
}

Simulated(supervisor_administration, terminates_also_by_handle)
{
	struct two two = two_children();
	noh_check(noh_supervisor_terminate(two.supervisor, two.a) == 0);
	expect_heard(two.inbox, "stop a shutdown");
	noh_check(noh_supervisor_terminate(two.supervisor, two.a) == -ENOENT);
	noh_check(noh_supervisor_terminate(two.supervisor, noh_self()) == -ENOENT);
}

Simulated(supervisor_administration, does_not_find_an_unknown_child)
{
	struct two two = two_children();
	const struct noh_child *spec;
	noh_check(noh_supervisor_terminate_child(two.supervisor, "x") == -ENOENT);
	noh_check(noh_supervisor_restart_child(two.supervisor, "x", NULL) == -ENOENT);
	noh_check(noh_supervisor_delete_child(two.supervisor, "x") == -ENOENT);
	noh_check(noh_supervisor_child_spec(two.supervisor, "x", &spec) == -ENOENT);
}

Simulated(supervisor_administration, deletes_only_a_stopped_child_whose_id_is_free_then)
{
	struct two two = two_children();
	noh_actor child;

	noh_check(noh_supervisor_delete_child(two.supervisor, "a") == -EBUSY);
	noh_check(noh_supervisor_terminate_child(two.supervisor, "a") == 0);
	noh_check(noh_supervisor_delete_child(two.supervisor, "a") == 0);
	noh_check(noh_supervisor_delete_child(two.supervisor, "a") == -ENOENT);

	noh_check(noh_supervisor_start_child(two.supervisor, WORKER(two.inbox, "a"), &child) == 0);
	noh_check(child.id && !noh_same(child, two.a));
	expect_heard(two.inbox, "stop a shutdown, start a");
}

Simulated(supervisor_administration, restarts_only_a_stopped_child)
{
	struct two two = two_children();
	noh_actor child;

	noh_check(noh_supervisor_restart_child(two.supervisor, "a", &child) == -EBUSY);
	noh_check(!child.id);
	noh_check(noh_supervisor_terminate_child(two.supervisor, "a") == 0);
	noh_check(noh_supervisor_restart_child(two.supervisor, "a", &child) == 0);

	expect_heard(two.inbox, "stop a shutdown, start a");
	noh_check(noh_same(child_of(two.supervisor, "a"), child));
	make_fail(child);
	expect_heard(two.inbox, "stop a failed, start a");
}

Simulated(supervisor_administration, of_a_child_that_waits_to_be_restarted_refuses_to_restart_it)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(0), WORKER(inbox, "a", .ret_handle = &child, .backoff = {.min_ms = 1000}));
	make_fail(child);
	noh_check(noh_supervisor_restart_child(supervisor, "a", NULL) == -EBUSY);
	noh_check(noh_supervisor_delete_child(supervisor, "a") == -EBUSY);
}

Simulated(supervisor_administration, lists_children_in_the_order_of_their_start_for_ever)
{
	struct two two = two_children();
	const struct noh_children *list;
	noh_check(noh_supervisor_start_child(two.supervisor, WORKER(two.inbox, "c"), NULL) == 0);
	make_fail(two.a);
	noh_check(noh_supervisor_terminate_child(two.supervisor, "b") == 0);
	noh_check(noh_supervisor_restart_child(two.supervisor, "b", NULL) == 0);

	noh_check(noh_supervisor_children(two.supervisor, &list) == 0);
	noh_check(list->children.count == 3);
	for (size_t i = 0; i < 3; i++)
		noh_check(list->children.at[i].id[0] == (char)('a' + i));
}

Simulated(supervisor_administration, counts_agree_with_the_list_at_all_times)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor =
		noh_supervise((.max_restarts = NOH_UNLIMITED_RESTARTS), WORKER(inbox, "a"),
			      WORKER(inbox, "b", .restart = NOH_TEMPORARY),
			      WORKER(inbox, "c", .restart = NOH_TRANSIENT),
			      NOH_SUPERVISOR((.id = "inner"), (0), WORKER(inbox, "d")),
			      WORKER_WITH(inbox, "e", (.at_start = DECLINES)));
	struct noh_child_counts counts;
	noh_check(noh_supervisor_count(supervisor, &counts) == 0);
	noh_check(counts.specs == 5 && counts.active == 4 && counts.supervisors == 1 &&
		  counts.workers == 4);

	for (int i = 0; i < 20; i++) {
		const struct noh_children *list;
		noh_check(noh_supervisor_children(supervisor, &list) == 0);
		noh_actor child = list->children.at[noh_random() % list->children.count].child;
		if (i % 3 == 0)
			noh_kill(child);
		else if (i % 3 == 1)
			noh_send(child, finish);
		else
			noh_send(child, fail, .reason = "told so");
		noh_test_settle();
		noh_check(counts_agree(supervisor));
	}
}

static void describe(const void *state, char *text, size_t size)
{
	const struct worker *worker = (const struct worker *)state;
	snprintf(text, size, "sum %d", (int)worker->sum);
}

Simulated(supervisor_administration, gives_all_fields_of_a_spec)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor = noh_supervise(
		(.auto_shutdown = NOH_AUTO_SHUTDOWN_ANY),
		WORKER_WITH(inbox, "a", (.sum = 7), .restart = NOH_TRANSIENT, .shutdown_ms = 123,
			    .significant = true, .backoff = {.min_ms = 10, .max_ms = 20},
			    .describe = describe, .registered = "known", .drop_mail = true));
	const struct noh_child *spec;

	noh_check(noh_supervisor_child_spec(supervisor, "a", &spec) == 0);

	noh_check(spec->type == &worker_actor && !strcmp(spec->id, "a"));
	noh_check(((const struct worker *)spec->state)->sum == 7);
	noh_check(spec->restart == NOH_TRANSIENT && spec->shutdown_ms == 123 && spec->significant);
	noh_check(spec->backoff.min_ms == 10 && spec->backoff.max_ms == 20 &&
		  spec->backoff.factor == 2);
	noh_check(!strcmp(spec->registered, "known") && spec->drop_mail);
	noh_check(spec->describe == describe && !spec->supervisor && !spec->ret_handle);
}

Simulated(supervisor_administration, refuses_to_start_what_cannot_be_started)
{
	struct two two = two_children();
	struct noh_child no_type = {.size = sizeof(no_type), .id = "x"};
	noh_check(noh_supervisor_start_child_of(two.supervisor, &no_type, NULL) == -EINVAL);
	struct noh_child no_state = {.size = sizeof(no_state), .type = &worker_actor};
	noh_check(noh_supervisor_start_child_of(two.supervisor, &no_state, NULL) == -EINVAL);
	noh_check(noh_supervisor_start_child(
			  two.supervisor,
			  WORKER(two.inbox, "c", .significant = true, .restart = NOH_TEMPORARY),
			  NULL) == -EINVAL);
	noh_check(noh_supervisor_start_child(two.supervisor, WORKER(two.inbox, ""), NULL) ==
		  -EINVAL);
	expect_heard(two.inbox, "");
}

Simulated(supervisor_administration, starts_a_supervisor_with_its_children)
{
	struct two two = two_children();
	noh_actor inner, child;
	noh_check(noh_supervisor_start_child(
			  two.supervisor,
			  NOH_SUPERVISOR((.id = "inner"), (.strategy = NOH_ONE_FOR_ALL),
					 WORKER(two.inbox, "c"), WORKER(two.inbox, "d")),
			  &inner) == 0);
	expect_heard(two.inbox, "start c, start d");
	child = child_of(inner, "c");
	make_fail(child);
	expect_heard(two.inbox, "stop c failed, stop d shutdown, start c, start d");
	noh_check(noh_supervisor_terminate_child(two.supervisor, "inner") == 0);
	expect_heard(two.inbox, "stop d shutdown, stop c shutdown");
}

// ---- asked by an actor with handlers

struct manager {
	noh_actor supervisor, to;
};

static void manager_starts(struct manager *self, const struct noh_start *msg)
{
	(void)msg;
	noh_ask_later(self->supervisor, noh_start_child, 1000, 1,
		      .spec = noh_child_copy(WORKER(self->to, "c")));
	noh_ask_later(self->supervisor, noh_terminate_child, 1000, 2, .id = "a");
	noh_ask_later(self->supervisor, noh_terminate_child, 1000, 3, .id = "x");
}

static void on_child(struct manager *self, const struct noh_outcome *how,
		     const struct noh_child_started *answer)
{
	noh_send(self->to, event,
		 .what = noh_format("%d %s", how->err, answer && answer->child.id ? "ok" : ""));
}

static void on_terminated(struct manager *self, const struct noh_outcome *how,
			  const struct noh_child_done *answer)
{
	(void)answer;
	noh_send(self->to, event, .what = how->err ? how->text : "terminated");
}

NOH_ACTOR(manager, (noh_start, manager_starts), (noh_start_child, answer, on_child),
	  (noh_terminate_child, answer, on_terminated));

Simulated(supervisor_administration, is_open_to_handlers_too)
{
	struct two two = two_children();
	noh_spawn(manager, .supervisor = two.supervisor, .to = two.inbox);
	const char *all = heard(two.inbox);
	noh_check(strstr(all, "start c") && strstr(all, "0 ok") && strstr(all, "terminated") &&
		  strstr(all, "stop a shutdown") && strstr(all, "there is no child 'x'"));
}

NOH_MESSAGE(nonsense, (u64, value));
NOH_MESSAGE(sense);
NOH_REQUEST(ask_nonsense, sense);

Simulated(supervisor_administration, drops_and_logs_what_it_does_not_know)
{
	struct two two = two_children();
	const struct sense *answer;
	noh_monitor(two.supervisor, true);

	struct captured captured = captured_begin();
	noh_send(two.supervisor, nonsense, .value = 1);
	noh_test_settle();
	char *text = captured_end(captured);

	noh_check(strstr(text, "drops a message that is not for a supervisor: nonsense"));
	free(text);
	noh_check(noh_ask(two.supervisor, ask_nonsense, 100, &answer) == -ENOTSUP);
	noh_check(nothing_went_down());
	noh_check(counts_agree(two.supervisor));
}

// ---- from a plain thread, which owns what it is answered: a leak is found under the sanitizer

static noh_actor of_thread;

static void *administer(void *runtime)
{
	struct worker state = {.name = "other", .to = NOH_NOBODY};
	const struct noh_child *spec;
	const struct noh_children *list;
	struct noh_child_counts counts;
	noh_actor child;

	noh_thread_enter(runtime);
	cr_assert_eq(noh_supervisor_start_child(
			     of_thread,
			     NOH_INIT(noh_child, .size = sizeof(struct noh_child),
				      .type = &worker_actor, .state = &state, .id = "other"),
			     &child),
		     0);
	cr_assert_eq(noh_supervisor_terminate(of_thread, child), 0);
	cr_assert_eq(noh_supervisor_restart_child(of_thread, "other", &child), 0);
	cr_assert_eq(noh_supervisor_terminate_child(of_thread, "other"), 0);
	cr_assert_eq(noh_supervisor_delete_child(of_thread, "other"), 0);
	cr_assert_eq(noh_supervisor_change(of_thread, (.max_restarts = 5)), 0);
	cr_assert_eq(noh_supervisor_count(of_thread, &counts), 0);
	cr_assert_eq(counts.specs, 1);
	cr_assert_eq(noh_supervisor_children(of_thread, &list), 0);
	cr_assert_eq(list->children.count, 1);
	noh_drop((void *)(uintptr_t)list);
	cr_assert_eq(noh_supervisor_child_spec(of_thread, "worker", &spec), -ENOTSUP);
	noh_stop(of_thread);
	noh_thread_leave(runtime);
	return NULL;
}

static int with_thread(void *unused)
{
	(void)unused;
	pthread_t thread;

	of_thread = noh_supervise((.name = "of thread"), NOH_CHILD(worker, (.name = "first")));
	noh_monitor(of_thread, true);
	if (pthread_create(&thread, NULL, administer, noh_runtime()))
		noh_fail("no thread");
	noh_check(noh_receive(10000, noh_down));
	pthread_join(thread, NULL);
	return 0;
}

Test(supervisor_administration, is_open_to_plain_threads_too)
{
	cr_assert_eq(noh_run(with_thread, NULL), 0);
}
