/* Testing one handler by itself: what it gets, what it sends, and that all it may call works. */
#include <errno.h>

#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/captured.h"

NOH_MESSAGE(transferred, (u64, serial));
NOH_MESSAGE(refused, (str, problem));
NOH_MESSAGE(transfer, (u64, from), (u64, to), (i64, cents));
NOH_MESSAGE(balance, (i64, cents));
NOH_REQUEST(get_balance, balance, (u64, account));
NOH_MESSAGE(try_all, (str, text), (bytes, data), (owned, object));
NOH_MESSAGE(unknown);

struct bank {
	int64_t cents[4];
	uint64_t serial;
	const struct try_all *kept;
	char *allocated;
};

extern const struct noh_actor_type bank_actor;

static void on_transfer(struct bank *self, const struct transfer *msg)
{
	noh_check(msg->from < 4 && msg->to < 4);
	if (self->cents[msg->from] < msg->cents) {
		noh_send(noh_sender(), refused, .problem = "not enough money");
		return;
	}
	self->cents[msg->from] -= msg->cents;
	self->cents[msg->to] += msg->cents;
	noh_send(noh_sender(), transferred, .serial = ++self->serial);
}

static void on_get_balance(struct bank *self, const struct get_balance *msg)
{
	if (msg->account >= 4)
		noh_reply_error(-ENOENT, "no such account");
	else
		noh_reply(balance, .cents = self->cents[msg->account]);
}

static void count_drop(void *counter)
{
	++*(int *)counter;
}

static void on_try_all(struct bank *self, const struct try_all *msg)
{
	noh_send(noh_sender(), refused, .problem = noh_format("%s!", msg->text));
	noh_forward((noh_actor){77});
	noh_check(noh_same(noh_spawn(bank), NOH_NOBODY));
	noh_check(noh_same(noh_self(), NOH_NOBODY));
	noh_ask_later((noh_actor){78}, get_balance, 100, 0, .account = 1);
	noh_cancel(noh_after(10, unknown));
	noh_monitor((noh_actor){79}, true);
	noh_keep_bytes(noh_bytes_slice(msg->data, 0, 1));
	self->kept = noh_keep(try_all, msg);
	self->allocated = (char *)noh_alloc(100);
	noh_stop(noh_self());
	noh_end(0, "over");
	noh_log(NOH_DEBUG, "not seen");
}

static void on_balance(struct bank *self, const struct noh_outcome *how, const struct balance *msg)
{
	(void)self;
	(void)how;
	(void)msg;
}

NOH_ACTOR(bank, (transfer, on_transfer), (get_balance, on_get_balance), (try_all, on_try_all),
	  (get_balance, answer, on_balance));

static const noh_actor customer = {5};

Test(handler, gets_the_message_and_changes_its_state)
{
	struct bank bank = {.cents = {[1] = 100}};

	enum noh_handled handled =
		noh_test_handle(bank, &bank, customer, transfer, .from = 1, .to = 2, .cents = 30);

	cr_expect_eq(handled, NOH_HANDLED);
	cr_expect_eq(bank.cents[1], 70);
	cr_expect_eq(bank.cents[2], 30);
	cr_expect(noh_test_sent(customer, transferred, .serial = 1));
}

Test(handler, sends_to_its_sender)
{
	struct bank bank = {.cents = {[1] = 10}};

	noh_test_handle(bank, &bank, customer, transfer, .from = 1, .to = 2, .cents = 50);

	cr_expect(noh_test_sent(customer, refused, .problem = "not enough money"));
}

Test(handler, replies_to_its_sender)
{
	struct bank bank = {.cents = {[1] = 10}};

	noh_test_handle(bank, &bank, customer, get_balance, .account = 1);

	cr_expect(noh_test_sent(customer, balance, .cents = 10));
}

Test(handler, may_fail)
{
	struct bank bank = {.cents = {0}};

	cr_expect_eq(noh_test_handle(bank, &bank, customer, transfer, .from = 9), NOH_FAILED);
	cr_expect_eq(noh_test_handle(bank, &bank, customer, transfer), NOH_HANDLED);
}

Test(handler, says_what_it_does_not_understand)
{
	struct bank bank = {.cents = {0}};

	cr_expect_eq(noh_test_handle(bank, &bank, customer, unknown), NOH_NOT_UNDERSTOOD);
}

Test(handler, may_call_all_that_it_may_call_elsewhere)
{
	struct bank bank = {.cents = {0}};
	int dropped = 0;
	noh_bytes data = noh_bytes_copy("data", 4);

	enum noh_handled handled = noh_test_handle(bank, &bank, customer, try_all, .text = "text",
						   .data = data, .object = {&dropped, count_drop});
	noh_bytes_drop(data);

	cr_expect_eq(handled, NOH_HANDLED);
	cr_expect(noh_test_sent(customer, refused, .problem = "text!"));
	cr_expect(noh_test_sent((noh_actor){78}, get_balance, .account = 1));
	cr_expect_str_eq(bank.kept->text, "text");
	cr_expect_eq(bank.kept->data.size, 4);
	cr_expect_eq(dropped, 0);
	bank.allocated[99] = 1;
}

static char undone[3];

static void undo(void *what)
{
	strncat(undone, (const char *)what, 1);
}

struct careful {
	bool fails;
};

static void on_unknown(struct careful *self, const struct unknown *msg)
{
	(void)msg;
	noh_defer(undo, "a");
	noh_defer(undo, "b");
	noh_check(!self->fails);
}

NOH_ACTOR(careful, (unknown, on_unknown));

Test(handler, undoes_what_it_has_deferred)
{
	noh_test_handle(careful, &(struct careful){false}, customer, unknown);
	cr_expect_str_eq(undone, "ba");
	undone[0] = '\0';
	noh_test_handle(careful, &(struct careful){true}, customer, unknown);
	cr_expect_str_eq(undone, "ba");
}

Test(sent, takes_messages_in_order_and_of_each_receiver_apart)
{
	struct bank bank = {.cents = {[1] = 100}};
	noh_test_handle(bank, &bank, customer, try_all, .text = "x");

	cr_expect(noh_test_sent((noh_actor){78}, get_balance, .account = 1));
	cr_expect(noh_test_sent(customer, refused, .problem = "x!"));
	cr_expect(!noh_test_sent(customer, refused, .problem = "x!"));
}

Test(sent, shows_both_messages_when_they_differ)
{
	struct bank bank = {.cents = {[1] = 100}};
	struct captured captured = captured_begin();
	noh_test_handle(bank, &bank, customer, transfer, .from = 1, .to = 2, .cents = 30);

	bool same = noh_test_sent(customer, refused, .problem = "not enough money");
	bool again = noh_test_sent(customer, transferred, .serial = 1);
	char *text = captured_end(captured);

	cr_expect(!same);
	cr_expect(!again, "it was taken");
	cr_expect(strstr(text, "recorder_test.c:"), "%s", text);
	cr_expect(strstr(text, ": expected refused{problem: \"not enough money\"}, "
			       "got transferred{serial: 1}\n"),
		  "%s", text);
	cr_expect(strstr(text, ": expected transferred{serial: 1}, got nothing\n"), "%s", text);
	free(text);
}

static int handle_within(void *unused)
{
	struct bank bank = {.cents = {[1] = 10}};
	noh_actor inbox = noh_test_inbox();
	(void)unused;

	noh_check(noh_test_handle(bank, &bank, inbox, get_balance, .account = 1) == NOH_HANDLED);
	noh_check(noh_test_sent(customer, balance) == false);
	noh_check(noh_test_handle(bank, &bank, customer, transfer, .from = 9) == NOH_FAILED);
	noh_check(!noh_same(noh_self(), NOH_NOBODY)); // the root runs on
	return 0;
}

Test(handler, may_be_tested_within_a_simulation)
{
	cr_expect_eq(noh_simulate(1, handle_within, NULL), 0);
}

// ---- inboxes

NOH_MESSAGE(poke);

struct talker {
	noh_actor to;
};

static void on_poke(struct talker *self, const struct poke *msg)
{
	(void)msg;
	noh_send(self->to, transferred, .serial = 1);
	noh_send(self->to, refused, .problem = "a");
	noh_send(self->to, transferred, .serial = 2);
}

NOH_ACTOR(talker, (poke, on_poke));

static int use_inboxes(void *unused)
{
	(void)unused;
	noh_actor inbox = noh_test_inbox(), other = noh_test_inbox();
	noh_send(noh_spawn(talker, .to = inbox), poke);
	noh_check(!noh_test_take(inbox, transferred));
	noh_test_settle();

	noh_check(!noh_test_take(other, transferred));
	noh_check(noh_test_take(inbox, refused));
	noh_check(noh_test_sent(inbox, transferred, .serial = 1));
	const struct transferred *last = noh_test_take(inbox, transferred);
	noh_check(last && last->serial == 2);
	noh_check(!noh_test_take(inbox, transferred));
	noh_check(!noh_test_take((noh_actor){1}, transferred));
	return 0;
}

Test(inbox, records_what_it_is_sent)
{
	cr_expect_eq(noh_simulate(1, use_inboxes, NULL), 0);
}
