/* How supervisors start, and what they refuse. */
#include "tests/actors/supervised.h"
#include "tests/support/captured.h"
#include "tests/support/seeds.h"

Simulated(supervisor_start, without_children_works_and_stops_on_request)
{
	noh_actor supervisor = noh_supervise((0));
	struct noh_child_counts counts;
	noh_monitor(supervisor, true);
	noh_check(noh_supervisor_count(supervisor, &counts) == 0 && counts.specs == 0);

	noh_end_life(supervisor);

	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_start, is_normal_end_when_it_is_stopped_by_noh_stop)
{
	noh_actor supervisor = noh_supervise((0));
	noh_monitor(supervisor, true);
	noh_stop(supervisor);
	noh_check(went_down(supervisor, NOH_WHY_NORMAL));
}

Simulated(supervisor_start, leaves_out_a_supervisor_whose_only_child_declines)
{
	noh_actor inbox = noh_test_inbox(), supervisor;

	noh_check(noh_supervisor_start(&supervisor, (0),
				       WORKER_WITH(inbox, "a", (.at_start = DECLINES))) == 0);

	expect_heard(inbox, "decline a, stop a normal");
	noh_check(!child_of(supervisor, "a").id);
}

Simulated(supervisor_start, fails_with_a_reason_and_leaves_nothing_running)
{
	noh_actor inbox = noh_test_inbox(), supervisor, first;
	struct captured captured = captured_begin();
	int err = noh_supervisor_start(
		&supervisor, (.name = "bad"), WORKER(inbox, "a", .ret_handle = &first),
		WORKER_WITH(inbox, "b", (.at_start = FAILS)), WORKER(inbox, "c"));
	char *text = captured_end(captured);

	noh_check(err == -ECANCELED);
	noh_check(!supervisor.id && !first.id);
	noh_check(strstr(text, "bad: child 'b' did not start: cannot start"));
	free(text);
	expect_heard(inbox, "start a, stop b failed, stop a shutdown");
	noh_check(nothing_went_down());
}

// Ends itself in its start.
struct quitter {
	bool shuts_down, starts_later;
};

static void quitter_starts(struct quitter *self, const struct noh_start *msg)
{
	(void)msg;
	if (self->shuts_down)
		noh_end_life(noh_self());
	else
		noh_kill(noh_self());
	if (self->starts_later) {
		noh_start_later();
		noh_start_done();
	}
}

NOH_ACTOR(quitter, (noh_start, quitter_starts));

struct quitter_fiber {
	struct quitter how;
};

static void run_quitter(struct quitter_fiber *self)
{
	quitter_starts(&self->how, NULL);
	noh_receive(-1);
}

NOH_FIBER(quitter_fiber, run_quitter);

static const struct {
	const struct noh_actor_type *type;
	struct quitter how;
	const char *words;
} quitters[] = {
	{&quitter_actor, {0}, "child 'b' did not start: killed"},
	{&quitter_actor, {.shuts_down = true}, "child 'b' did not start: shutdown"},
	{&quitter_actor, {.starts_later = true}, "child 'b' did not start: killed"},
	{&quitter_fiber_actor, {0}, "child 'b' did not start: killed"},
};

Simulated(supervisor_start, fails_with_a_child_that_kills_itself_in_its_start)
{
	for (size_t i = 0; i < sizeof(quitters) / sizeof(quitters[0]); i++) {
		noh_actor inbox = noh_test_inbox(), supervisor;
		struct noh_child table[] = {WORKER(inbox, "a"),
					    {.size = sizeof(struct noh_child),
					     .type = quitters[i].type,
					     .state = &quitters[i].how,
					     .id = "b"},
					    {.size = 0}};
		struct captured captured = captured_begin();
		int err = noh_supervisor_start_list(
			&supervisor,
			NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor)), table);
		char *text = captured_end(captured);

		noh_check(err == -ECANCELED);
		noh_check(strstr(text, quitters[i].words));
		free(text);
		expect_heard(inbox, "start a, stop a shutdown");
	}
}

struct starter {
	noh_actor to;
};

static void supervise_nonsense(struct starter *self)
{
	noh_supervise((.within_ms = -1), WORKER(self->to, "a"));
	tell(&(struct worker){.to = self->to, .name = "on"}, "goes", "");
}

NOH_FIBER(starter, supervise_nonsense);

Simulated(supervisor_start, fails_its_caller_if_its_options_are_nonsense)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor starter = noh_spawn_with(starter, (.monitored = true), inbox);

	noh_check(went_down(starter, NOH_WHY_FAILED));
	expect_heard(inbox, "");
}

struct slow_starter {
	noh_actor to;
	const char *name;
};

NOH_MESSAGE(ready);

static void slow_starts(struct slow_starter *self, const struct noh_start *msg)
{
	(void)msg;
	noh_send(self->to, event, .what = noh_format("begin %s", self->name));
	noh_start_later();
	noh_after(100, ready);
}

static void slow_is_ready(struct slow_starter *self, const struct ready *msg)
{
	(void)msg;
	noh_send(self->to, event, .what = noh_format("ready %s", self->name));
	noh_start_done();
}

NOH_ACTOR(slow_starter, (noh_start, slow_starts), (ready, slow_is_ready));

Simulated(supervisor_start, starts_children_in_list_order_each_finished_before_the_next)
{
	noh_actor inbox = noh_test_inbox();

	noh_supervise((0), WORKER(inbox, "a"), NOH_CHILD(slow_starter, (inbox, "b"), .id = "b"),
		      NOH_CHILD(slow_starter, (inbox, "c"), .id = "c"), WORKER(inbox, "d"));

	expect_heard(inbox, "start a, begin b, ready b, begin c, ready c, start d");
}

Simulated(supervisor_start, stops_those_before_in_reverse_order_if_one_fails_and_names_it)
{
	noh_actor inbox = noh_test_inbox(), supervisor;
	struct captured captured = captured_begin();
	int err = noh_supervisor_start(&supervisor, (.strategy = NOH_ONE_FOR_ALL),
				       WORKER(inbox, "a"), WORKER(inbox, "b"),
				       NOH_SUPERVISOR((.id = "inner"), (0), WORKER(inbox, "c"),
						      WORKER_WITH(inbox, "d", (.at_start = FAILS))),
				       WORKER(inbox, "e"));
	char *text = captured_end(captured);

	noh_check(err == -ECANCELED);
	noh_check(strstr(text, "child 'inner' did not start: child 'd' did not start: cannot "
			       "start"));
	free(text);
	expect_heard(inbox, "start a, start b, start c, stop d failed, stop c shutdown, stop b "
			    "shutdown, stop a shutdown");
}

Simulated(supervisor_start, keeps_the_spec_of_a_child_that_declines_unless_it_is_temporary)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor = noh_supervise(
		(0), WORKER_WITH(inbox, "a", (.at_start = DECLINES)),
		WORKER_WITH(inbox, "b", (.at_start = DECLINES), .restart = NOH_TRANSIENT),
		WORKER_WITH(inbox, "c", (.at_start = DECLINES), .restart = NOH_TEMPORARY),
		WORKER(inbox, "d"));

	const struct noh_children *list;
	noh_check(noh_supervisor_children(supervisor, &list) == 0 && list->children.count == 3);
	for (size_t i = 0; i < 2; i++)
		noh_check(list->children.at[i].state == NOH_CHILD_ABSENT &&
			  !list->children.at[i].child.id);
	noh_check(list->children.at[2].state == NOH_CHILD_RUNNING);
}

Simulated(supervisor_start, fills_in_permanent_five_seconds_and_for_ever_for_supervisors)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor =
		noh_supervise((0), NOH_CHILD(worker, (.to = inbox, .name = "a")),
			      NOH_SUPERVISOR((.id = "inner"), (0), WORKER(inbox, "b")));
	const struct noh_child *spec;

	noh_check(noh_supervisor_child_spec(supervisor, "worker", &spec) == 0);
	noh_check(spec->restart == NOH_PERMANENT && spec->shutdown_ms == 5000);
	noh_check(!spec->supervisor && !spec->significant);
	noh_check(noh_supervisor_child_spec(supervisor, "inner", &spec) == 0);
	noh_check(spec->supervisor && spec->shutdown_ms == NOH_SHUTDOWN_FOREVER);
}

// What is said when this is to be supervised.
static bool is_refused(const struct noh_supervisor *options, const struct noh_child *children,
		       const char *words)
{
	noh_actor supervisor;
	struct captured captured = captured_begin();
	int err = noh_supervisor_start_list(&supervisor, options, children);
	char *text = captured_end(captured);
	bool is = err == -EINVAL && !supervisor.id && strstr(text, words);

	if (!is)
		fprintf(stderr, "expected \"%s\", got %d \"%s\"\n", words, err, text);
	free(text);
	return is;
}

#define refused(words, options, ...)                                                            \
	noh_check(is_refused(                                                                   \
		NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor),                \
			  NOH_STRIP options),                                                   \
		NOH_ARRAY(const struct noh_child, __VA_ARGS__, NOH_INIT(noh_child, .size = 0)), \
		words))

static void run_nothing(void *state)
{
	(void)state;
}

static const struct noh_actor_type other_version = {.abi = NOH_ABI + 1, .name = "other"};
static const struct noh_actor_type choosy = {
	.abi = NOH_ABI, .name = "choosy", .run = run_nothing, .limits.on_full = NOH_FULL_DROP_OLD};
static const struct noh_actor_type mute = {.abi = NOH_ABI, .name = "mute"};

Simulated(supervisor_start, refuses_wrong_specs_with_words_that_say_which)
{
	noh_actor inbox = noh_test_inbox();

	refused("child '': it has no id", (0), WORKER(inbox, "a"), WORKER(inbox, ""));
	refused("child 'x': it has no actor type", (0),
		(struct noh_child){.size = sizeof(struct noh_child), .id = "x"});
	refused("child 'other': its actor type is none of this version", (0),
		(struct noh_child){.size = sizeof(struct noh_child), .type = &other_version});
	refused("child 'mute': its actor type is none of this version, or cannot receive", (0),
		(struct noh_child){.size = sizeof(struct noh_child), .type = &mute});
	refused("child 'choosy': it is a fiber, whose mailbox cannot drop old messages", (0),
		(struct noh_child){.size = sizeof(struct noh_child), .type = &choosy});
	refused("child 'worker': it has no state", (0),
		(struct noh_child){.size = sizeof(struct noh_child), .type = &worker_actor});
	refused("child 'a': there is no such kind of restart", (0),
		WORKER(inbox, "a", .restart = (enum noh_restart_kind)3));
	refused("child 'a': its shutdown_ms is negative", (0),
		WORKER(inbox, "a", .shutdown_ms = -7));
	refused("child 'inner': child 'b': its shutdown_ms is negative", (0), WORKER(inbox, "a"),
		NOH_SUPERVISOR((.id = "inner"), (0), WORKER(inbox, "b", .shutdown_ms = -7)));
	refused("child 'a': the factor of its back-off is below 1", (0),
		WORKER(inbox, "a", .backoff = {.min_ms = 1, .factor = 0.5}));
	refused("child 'a': the longest wait of its back-off is shorter than the first", (0),
		WORKER(inbox, "a", .backoff = {.min_ms = 10, .max_ms = 9}));
	refused("child 'a': the jitter of its back-off is no share", (0),
		WORKER(inbox, "a", .backoff = {.min_ms = 10, .jitter = 1.5}));
	refused("child 'a': the name it is to be registered under is empty or too long", (0),
		WORKER(inbox, "a", .registered = ""));
	refused("child 'a': a dynamic supervisor's children cannot all have one name",
		(.strategy = NOH_DYNAMIC), WORKER(inbox, "a", .registered = "one"));
	refused("a dynamic supervisor has one child, its template", (.strategy = NOH_DYNAMIC),
		WORKER(inbox, "a"), WORKER(inbox, "b"));
	expect_heard(inbox, "");
}

Simulated(supervisor_start, refuses_two_children_with_the_same_id)
{
	noh_actor inbox = noh_test_inbox();

	refused("two children have the id 'a'", (0), WORKER(inbox, "a"), WORKER(inbox, "b"),
		WORKER(inbox, "a"));

	noh_actor supervisor = noh_supervise((0), WORKER(inbox, "a"));
	noh_check(noh_supervisor_start_child(supervisor, WORKER(inbox, "a"), NULL) == -EEXIST);
	noh_check(noh_supervisor_terminate_child(supervisor, "a") == 0);
	noh_check(noh_supervisor_start_child(supervisor, WORKER(inbox, "a"), NULL) == -EEXIST);
	expect_heard(inbox, "start a, stop a shutdown");
}

Simulated(supervisor_start, of_a_further_child_that_fails_changes_nothing)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((0), WORKER(inbox, "a"));
	noh_monitor(supervisor, true);

	noh_check(noh_supervisor_start_child(supervisor,
					     WORKER_WITH(inbox, "b", (.at_start = FAILS)),
					     &child) == -ECANCELED);

	const struct noh_children *list;
	noh_check(!child.id);
	noh_check(noh_supervisor_children(supervisor, &list) == 0 && list->children.count == 1);
	expect_heard(inbox, "start a, stop b failed");
	noh_check(nothing_went_down());
	noh_check(noh_supervisor_start_child(supervisor, WORKER(inbox, "b"), &child) == 0);
	noh_check(child.id);
}

Simulated(supervisor_start, refuses_invalid_options_at_the_start_and_later)
{
	noh_actor inbox = noh_test_inbox();

	refused("max_restarts is -2", (.max_restarts = -2), WORKER(inbox, "a"));
	refused("within_ms is -1", (.within_ms = -1), WORKER(inbox, "a"));
	refused("there is no strategy 9", (.strategy = (enum noh_strategy)9), WORKER(inbox, "a"));
	refused("there is no auto_shutdown 5", (.auto_shutdown = (enum noh_auto_shutdown)5),
		WORKER(inbox, "a"));

	noh_actor child, supervisor = noh_supervise((.max_restarts = 1),
						    WORKER(inbox, "a", .ret_handle = &child));
	noh_check(noh_supervisor_change(supervisor, (.max_restarts = -2)) == -EINVAL);
	noh_check(noh_supervisor_change(supervisor, (.within_ms = -1)) == -EINVAL);
	noh_check(noh_supervisor_change(supervisor, (.strategy = (enum noh_strategy)9)) == -EINVAL);
	noh_check(noh_supervisor_change(supervisor, (.strategy = NOH_DYNAMIC)) == -EINVAL);
	make_fail(child);
	noh_check(noh_supervisor_change(supervisor, (.max_restarts = 3)) == 0);
	make_fail(child);
	make_fail(child);
	noh_check(state_of(supervisor, "a") == NOH_CHILD_RUNNING);
}

Simulated(supervisor_start, takes_a_whole_tree_from_one_table)
{
	noh_actor inbox = noh_test_inbox(), leaf, top;
	static const struct noh_supervisor inner = {.size = sizeof(inner),
						    .strategy = NOH_ONE_FOR_ALL};
	struct noh_child leaves[] = {
		WORKER(inbox, "b"), WORKER(inbox, "c", .ret_handle = &leaf), {.size = 0}};
	struct noh_child table[] = {
		WORKER(inbox, "a", .ret_handle = &top),
		{.size = sizeof(struct noh_child),
		 .id = "inner",
		 .supervisor = &inner,
		 .children = leaves},
		{.size = 0},
	};

	noh_actor supervisor = noh_supervise_list(&inner, table);

	expect_heard(inbox, "start a, start b, start c");
	noh_check(noh_same(child_of(supervisor, "a"), top));
	noh_check(noh_same(child_of(child_of(supervisor, "inner"), "c"), leaf));
	make_fail(leaf);
	expect_heard(inbox, "stop c failed, stop b shutdown, start b, start c");
}

// Looks for a name in its start.
struct looker {
	noh_actor to;
	const char *name;
};

static void on_looker_start(struct looker *self, const struct noh_start *msg)
{
	(void)msg;
	noh_send(self->to, number, .value = noh_where(self->name).id);
}

NOH_ACTOR(looker, (noh_start, on_looker_start));

Simulated(supervisor_start, registers_a_child_before_it_and_its_siblings_start)
{
	noh_actor inbox = noh_test_inbox(), first, second;
	noh_actor supervisor =
		noh_supervise((0),
			      NOH_CHILD(looker, (.to = inbox, .name = "first"), .id = "a",
					.registered = "first", .ret_handle = &first),
			      NOH_CHILD(looker, (.to = inbox, .name = "first"), .id = "b",
					.registered = "second", .ret_handle = &second));
	noh_check(noh_test_sent(inbox, number, .value = first.id));
	noh_check(noh_test_sent(inbox, number, .value = first.id));
	noh_check(noh_same(noh_where("second"), second));

	// The name stays over a restart, and goes on to whoever is started in the place later.
	noh_kill(first);
	noh_test_settle();
	noh_check(noh_same(noh_where("first"), first));
	noh_check(noh_supervisor_terminate_child(supervisor, "a") == 0);
	noh_check(noh_same(noh_where("first"), NOH_NOBODY));
	noh_actor next;
	noh_check(noh_supervisor_restart_child(supervisor, "a", &next) == 0);
	noh_check(!noh_same(next, first) && noh_same(noh_where("first"), next));
}

Simulated(supervisor_start, fails_for_a_name_that_is_anothers)
{
	noh_actor inbox = noh_test_inbox(), supervisor;
	noh_register("taken", noh_self());
	struct captured captured = captured_begin();
	int err = noh_supervisor_start(&supervisor, (0), WORKER(inbox, "a"),
				       WORKER(inbox, "b", .registered = "taken"));
	char *text = captured_end(captured);

	noh_check(err == -ECANCELED);
	noh_check(strstr(text, "child 'b' did not start: another is registered as 'taken'"));
	free(text);
	noh_check(noh_same(noh_where("taken"), noh_self()));
}
