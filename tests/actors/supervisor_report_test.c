/* What supervisors report: one line for each end that should not have been. */
#include "tests/actors/supervised.h"
#include "tests/support/captured.h"
#include "tests/support/seeds.h"

static void describe(const void *state, char *text, size_t size)
{
	snprintf(text, size, "sum %d", (int)((const struct worker *)state)->sum);
}

static noh_actor crash_one(noh_actor inbox, enum noh_restart_kind kind, char **ret_text)
{
	noh_actor child;
	noh_supervise((.name = "top"), WORKER_WITH(inbox, "a", (.sum = 3), .restart = kind,
						   .describe = describe, .ret_handle = &child));
	struct captured captured = captured_begin();
	noh_send(child, fail, .reason = "told so");
	noh_send(child, number, .value = 1);
	noh_send(child, number, .value = 1);
	noh_test_settle();
	*ret_text = captured_end(captured);
	return child;
}

Simulated(supervisor_report, tells_child_reason_message_queue_parents_and_state_in_one_line)
{
	char *text;
	crash_one(noh_test_inbox(), NOH_PERMANENT, &text);

	noh_check(captured_count(text, "\n") == 1);
	noh_check(!strncmp(text, "error top@", 10));
	noh_check(strstr(text, " child=worker@") && strstr(text, " id=\"a\""));
	noh_check(
		strstr(text, " during=run ended=failed code=0 reason=\"told so\" action=restart"));
	noh_check(strstr(text, " message=fail queued=number,number parents=top@"));
	noh_check(strstr(text, ",root@") && strstr(text, " state=\"sum 3\""));
	free(text);
}

static char *report_of(noh_actor child)
{
	struct captured captured = captured_begin();
	make_fail(child);
	return captured_end(captured);
}

Simulated(supervisor_report, tells_what_a_life_has_handled_last)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((0), WORKER(inbox, "a", .ret_handle = &child));
	for (int i = 0; i < 10; i++)
		noh_send(child, number, .value = 1);
	noh_send(child, fail_later, .ms = 100000);
	noh_send(child, number, .value = 1);

	char *text = report_of(child);
	noh_check(strstr(text, " message=fail handled=number,number,number,number,number,"
			       "fail_later,number parents="));
	free(text);

	// The next life has its own.
	noh_send(child, fail_later, .ms = 1);
	struct captured captured = captured_begin();
	noh_test_advance(1);
	text = captured_end(captured);
	noh_check(strstr(text, " message=fail handled=fail_later parents="));
	free(text);
	text = report_of(child);
	noh_check(strstr(text, " message=fail parents="));
	free(text);
}

struct reader {
	int unused;
};

static void run_reader(struct reader *self)
{
	(void)self;
	noh_receive(-1, finish);
	noh_receive(-1, number);
	noh_receive(-1, number);
	noh_fail("has read enough");
}

NOH_FIBER(reader, run_reader);

Simulated(supervisor_report, tells_what_a_fiber_has_received_last)
{
	noh_actor child;
	noh_supervise((0), NOH_CHILD(reader, (0), .ret_handle = &child));
	noh_send(child, number, .value = 1);
	noh_test_settle();
	noh_send(child, finish);
	noh_test_settle();
	struct captured captured = captured_begin();
	noh_send(child, number, .value = 2);
	noh_test_settle();

	char *text = captured_end(captured);
	noh_check(strstr(text, " message=number handled=finish,number parents="));
	free(text);
}

Simulated(supervisor_report, comes_once_for_each_abnormal_end)
{
	for (int kind = NOH_PERMANENT; kind <= NOH_TEMPORARY; kind++) {
		char *text;
		crash_one(noh_test_inbox(), (enum noh_restart_kind)kind, &text);
		noh_check(captured_count(text, "ended=failed") == 1);
		noh_check(!!strstr(text, "action=restart") == (kind != NOH_TEMPORARY));
		free(text);
	}

	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((0), WORKER(inbox, "a", .ret_handle = &child));
	struct captured captured = captured_begin();
	noh_kill(child);
	noh_test_settle();
	char *text = captured_end(captured);
	noh_check(captured_count(text, "ended=killed") == 1);
	free(text);
}

Simulated(supervisor_report, does_not_come_for_normal_ends_of_temporary_children)
{
	noh_actor inbox = noh_test_inbox(), a, b, c;
	noh_supervise((0), WORKER(inbox, "a", .restart = NOH_TEMPORARY, .ret_handle = &a),
		      WORKER(inbox, "b", .restart = NOH_TRANSIENT, .ret_handle = &b),
		      WORKER(inbox, "c", .ret_handle = &c));
	struct captured captured = captured_begin();
	noh_send(a, finish);
	noh_send(b, finish);
	noh_test_settle();
	char *text = captured_end(captured);
	noh_check(!*text);
	free(text);

	captured = captured_begin();
	noh_send(c, finish); // permanent: not meant to end
	noh_test_settle();
	text = captured_end(captured);
	noh_check(captured_count(text, "ended=normal") == 1 && captured_count(text, "\n") == 1);
	free(text);
}

Simulated(supervisor_report, says_during_what_it_came)
{
	noh_actor inbox = noh_test_inbox(), supervisor;
	struct captured captured = captured_begin();
	noh_check(noh_supervisor_start(&supervisor, (0),
				       WORKER_WITH(inbox, "a", (.at_start = FAILS))) == -ECANCELED);
	supervisor = noh_supervise((0), WORKER_WITH(inbox, "b", (.stops_in_ms = -1)));
	noh_end_life(supervisor);
	noh_test_advance(5000);
	char *text = captured_end(captured);

	noh_check(captured_count(text, "id=\"a\" during=start ended=failed") == 1);
	noh_check(captured_count(text,
				 "id=\"b\" during=shutdown ended=killed code=0 reason=\"did not "
				 "stop within 5000 ms\" action=kill message=- ") == 1);
	free(text);
}

struct stubborn {
	char unused;
};

static void stays(struct stubborn *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	noh_end_later();
}

NOH_ACTOR(stubborn, (noh_stopping, stays));

Simulated(supervisor_report, tells_kills_by_the_supervisor_from_those_by_others)
{
	static const enum noh_strategy strategies[] = {NOH_ONE_FOR_ONE, NOH_DYNAMIC};

	for (int i = 0; i < 2; i++) {
		noh_actor supervisor = noh_supervise(
			(.strategy = strategies[i]),
			NOH_CHILD(stubborn, (0), .shutdown_ms = 20, .restart = NOH_TEMPORARY));
		noh_actor child = child_of(supervisor, "stubborn");
		if (strategies[i] == NOH_DYNAMIC)
			noh_supervisor_start_child(supervisor, NOH_CHILD(stubborn, (0)), &child);

		struct captured captured = captured_begin();
		noh_end_life(supervisor);
		noh_test_advance(19);
		if (noh_random() % 2) {
			noh_kill(child);
			noh_test_settle();
			char *text = captured_end(captured);
			noh_check(strstr(text, "reason=\"killed\" action=none"));
			free(text);
		} else {
			noh_test_advance(1);
			char *text = captured_end(captured);
			noh_check(strstr(text, "reason=\"did not stop within 20 ms\" action=kill"));
			free(text);
		}
	}
}

struct napper {
	char unused;
};

static void nap(struct napper *self)
{
	(void)self;
	noh_receive(-1, finish);
	noh_receive(-1, number);
	noh_sleep(1000);
}

NOH_FIBER(napper, nap);

Simulated(supervisor_report, tells_what_a_killed_child_was_at_and_its_type_though_it_is_gone)
{
	noh_actor child;
	noh_supervise((.name = "top"), NOH_CHILD(napper, (0), .restart = NOH_TEMPORARY, .id = "a",
						 .ret_handle = &child));
	noh_send(child, finish);
	noh_send(child, number, .value = 1);
	noh_test_settle();
	struct captured captured = captured_begin();
	noh_kill(child);
	noh_test_settle();

	char *text = captured_end(captured);
	noh_check(strstr(text, ": child=napper@"));
	noh_check(strstr(text, " id=\"a\" during=run ended=killed code=0 reason=\"killed\" "
			       "action=none message=number handled=finish parents=top@"));
	noh_check(strstr(text, ",root@"));
	free(text);
}

Simulated(supervisor_report, tells_why_a_child_with_a_name_of_anothers_did_not_start)
{
	noh_actor inbox = noh_test_inbox(), supervisor;
	noh_register("taken", inbox);
	struct captured captured = captured_begin();
	noh_supervisor_start(&supervisor, (0), WORKER(inbox, "a", .registered = "taken"));
	char *text = captured_end(captured);
	noh_check(strstr(text, "during=start ended=killed code=0 reason=\"another is registered as "
			       "'taken'\" action=none"));
	free(text);
}

Simulated(supervisor_report, says_that_it_gives_up)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = NOH_NO_RESTARTS),
					     WORKER(inbox, "a", .ret_handle = &child));
	noh_monitor(supervisor, true);
	struct captured captured = captured_begin();
	make_fail(child);
	char *text = captured_end(captured);
	noh_check(captured_count(text, "ended=failed") == 1);
	noh_check(strstr(text, "action=give-up"));
	noh_check(strstr(text, "more than 0 restarts within 5000 ms, the last for a: told so"));
	free(text);
}
