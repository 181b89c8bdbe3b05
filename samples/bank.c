/*
 * A bank that survives its mistakes. Customers hand orders to a teller, who looks whether they make
 * sense; the accounts move the money; the audit writes down what was moved. The teller lets orders
 * to unknown people pass, and on those the accounts fail, with half of the money moved. A
 * supervisor starts them again, and they begin with what the audit has in its books.
 *
 *	$ bank
 *	alice has 100, bob has 50, carol has 0
 *	alice pays bob 30: booked as number 1
 *	bob pays carol 500: refused, not enough money
 *	...
 *
 * On stderr the log tells of each failure.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <noh/noh.h>

// ---- what is said

NOH_MESSAGE(booked, (u64, number));
NOH_REQUEST(transfer, booked, (str, from), (str, to), (i64, coins));

NOH_MESSAGE(books, (many, transfer, transfers));
NOH_REQUEST(get_books, books);

NOH_MESSAGE(balance, (i64, coins));
NOH_REQUEST(get_balance, balance, (str, owner));

// ---- the audit: keeps the books while others fail and start again

enum { PAGES = 100 };

struct audit {
	struct transfer transfers[PAGES];
	size_t count;
};

static void on_start_audit(struct audit *self, const struct noh_start *msg)
{
	(void)self, (void)msg;
	noh_register("audit", noh_self());
}

static void write_down(struct audit *self, const struct transfer *msg)
{
	noh_check(self->count < PAGES);
	self->transfers[self->count++] = *noh_keep(transfer, msg);
	noh_reply(booked, .number = self->count);
}

static void on_get_books(struct audit *self, const struct get_books *msg)
{
	(void)msg;
	noh_reply(books, .transfers = {self->transfers, self->count});
}

NOH_ACTOR(audit, (noh_start, on_start_audit), (transfer, write_down), (get_books, on_get_books));

// ---- the accounts: a fiber, so each of its lives can ask for the books and wait for them

struct account {
	const char *owner;
	int64_t coins;
};

struct accounts {
	struct account at[3];
};

static struct account *account_of(struct accounts *self, const char *owner)
{
	for (int i = 0; i < 3; i++) {
		if (!strcmp(self->at[i].owner, owner))
			return &self->at[i];
	}
	noh_fail("there is no account of %s", owner);
}

static void move(struct accounts *self, const struct transfer *order)
{
	account_of(self, order->from)->coins -= order->coins;
	account_of(self, order->to)->coins += order->coins; // may fail when half is done
}

static void replay(struct accounts *self, const struct books *books)
{
	for (size_t i = 0; i < books->transfers.count; i++)
		move(self, &books->transfers.at[i]);
}

static void on_transfer(struct accounts *self, const struct transfer *msg)
{
	if (account_of(self, msg->from)->coins < msg->coins) {
		noh_reply_error(-EDQUOT, "not enough money");
		return;
	}
	move(self, msg);
	noh_forward(noh_where("audit")); // who answers the customer
}

static void on_get_balance(struct accounts *self, const struct get_balance *msg)
{
	noh_reply(balance, .coins = account_of(self, msg->owner)->coins);
}

static void keep_accounts(struct accounts *self)
{
	*self = (struct accounts){{{"alice", 100}, {"bob", 50}, {"carol", 0}}};
	noh_register("accounts", noh_self());

	const struct books *books;
	if (noh_ask(noh_where("audit"), get_books, 1000, &books))
		noh_fail("no books");
	replay(self, books);

	while (true) {
		const struct noh_delivery *in = noh_receive(-1, transfer, get_balance);

		if (noh_as(in, transfer))
			on_transfer(self, noh_as(in, transfer));
		else
			on_get_balance(self, noh_as(in, get_balance));
	}
}

NOH_FIBER(accounts, keep_accounts);

// ---- the teller

struct teller {
	int orders;
};

static void on_order(struct teller *self, const struct transfer *msg)
{
	self->orders++;
	if (msg->coins <= 0)
		noh_reply_error(-EINVAL, "that is no amount");
	else
		noh_forward(noh_where("accounts"));
}

NOH_ACTOR(teller, (transfer, on_order));

// ---- the customers

static void pay(noh_actor teller, const char *from, const char *to, int coins)
{
	const struct booked *booked;
	int err = noh_ask(teller, transfer, 1000, &booked, .from = from, .to = to, .coins = coins);

	printf("%s pays %s %d: ", from, to, coins);
	if (!err)
		printf("booked as number %d\n", (int)booked->number);
	else if (err == -ECONNRESET)
		printf("failed, %s\n", noh_ask_text());
	else
		printf("refused, %s\n", noh_ask_text());
}

static int balance_of(const char *owner)
{
	const struct balance *balance;

	if (noh_ask(noh_where("accounts"), get_balance, 1000, &balance, .owner = owner))
		noh_fail("%s cannot see the account: %s", owner, noh_ask_text());
	return (int)balance->coins;
}

static void show_balances(void)
{
	printf("alice has %d, bob has %d, carol has %d\n", balance_of("alice"), balance_of("bob"),
	       balance_of("carol"));
}

// ---- the day

static int open_the_bank(void *unused)
{
	(void)unused;
	noh_actor teller;

	// In the vault, who fails takes along those that stand below: were the books lost, the
	// accounts would have to begin with them anew. The teller goes on in any case.
	noh_supervise((.strategy = NOH_ONE_FOR_ONE),
		      NOH_SUPERVISOR((.id = "vault"), (.strategy = NOH_REST_FOR_ONE),
				     NOH_CHILD(audit, ()), NOH_CHILD(accounts, ())),
		      NOH_CHILD(teller, (), .ret_handle = &teller));

	show_balances();
	pay(teller, "alice", "bob", 30);
	pay(teller, "bob", "carol", 500);
	pay(teller, "bob", "carol", -5);

	pay(teller, "alice", "mallory", 10);
	show_balances();

	printf("the accounts are killed\n");
	noh_kill(noh_where("accounts"));
	pay(teller, "bob", "carol", 25);
	show_balances();
	return 0;
}

int main(void)
{
	return noh_run(open_the_bank, NULL);
}
