/*
 * A bank under a supervisor. A client, which is a fiber, asks it and waits; a teller, which has
 * handlers, asks and goes on; and an order that the bank chokes on shows what a failure costs.
 *
 *	$ bank
 *	order 1: account 1 holds 9500, account 2 holds 500
 *	order 2: not booked, Connection reset by peer
 *	account 1 holds 10000
 *	account 9: no such account
 *
 * On stderr the log tells of the failure and of the restart.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <noh/noh.h>

// ---- what is said

NOH_MESSAGE(entry, (u64, account), (i64, cents));

NOH_MESSAGE(balance, (i64, cents));
NOH_REQUEST(get_balance, balance, (u64, account));

NOH_MESSAGE(booked, (u64, serial));
NOH_REQUEST(book, booked, (str, text), (many, entry, entries));

NOH_MESSAGE(show, (u64, account));

// ---- the bank

enum { ACCOUNTS = 8 };

struct bank {
	int64_t cents[ACCOUNTS];
	uint64_t serial;
};

// Each life begins here, with the state that the supervisor was given.
static void on_start(struct bank *self, const struct noh_start *msg)
{
	if (msg->restarts)
		noh_log(NOH_WARN, "life %d, after: %s", (int)msg->restarts + 1, msg->last_failure);
	self->cents[1] = 10000;
}

static void on_get_balance(struct bank *self, const struct get_balance *msg)
{
	if (msg->account >= ACCOUNTS) {
		noh_reply_error(-ENOENT, "no such account");
		return;
	}
	noh_reply(balance, .cents = self->cents[msg->account]);
}

static void on_book(struct bank *self, const struct book *msg)
{
	int64_t sum = 0;

	for (size_t i = 0; i < msg->entries.count; i++) {
		const struct entry *entry = &msg->entries.at[i];

		// Half of it may be booked by now: better a fresh life than a wrong balance. Who
		// asked hears of it.
		noh_check(entry->account < ACCOUNTS);
		self->cents[entry->account] += entry->cents;
		sum += entry->cents;
	}
	noh_check(sum == 0);
	noh_reply(booked, .serial = ++self->serial);
}

NOH_ACTOR(bank, (noh_start, on_start), (get_balance, on_get_balance), (book, on_book));

// ---- a client: moves money, then looks at both accounts, in straight lines

struct client {
	noh_actor bank;
	uint64_t order, from, to;
};

static void move(struct client *self)
{
	const char *name = noh_format("order %d", (int)self->order);
	struct entry both[] = {{.account = self->from, .cents = -500},
			       {.account = self->to, .cents = 500}};
	const struct booked *booked;

	int err = noh_ask(self->bank, book, 1000, &booked, .text = name, .entries = {both, 2});
	if (err) {
		printf("%s: not booked, %s\n", name, strerror(-err));
		return;
	}

	const struct balance *from, *to; // both stay valid: there is no noh_receive() in between
	if (noh_ask(self->bank, get_balance, 1000, &from, .account = self->from) ||
	    noh_ask(self->bank, get_balance, 1000, &to, .account = self->to))
		noh_fail("the bank is gone");
	printf("%s: account %d holds %lld, account %d holds %lld\n", name, (int)self->from,
	       (long long)from->cents, (int)self->to, (long long)to->cents);
}

NOH_FIBER(client, move);

// ---- a teller: asks for each account that it is to show, and does not wait

struct teller {
	noh_actor bank;
	int to_show; // then it stops
};

static void on_show(struct teller *self, const struct show *msg)
{
	noh_ask_later(self->bank, get_balance, 1000, msg->account, .account = msg->account);
}

// An answer and an error come the same way, so that nobody forgets about errors.
static void on_balance(struct teller *self, const struct noh_outcome *how,
		       const struct balance *msg)
{
	if (how->err)
		printf("account %d: %s\n", (int)how->tag, how->text);
	else
		printf("account %d holds %lld\n", (int)how->tag, (long long)msg->cents);
	if (--self->to_show == 0)
		noh_stop(noh_self());
}

NOH_ACTOR(teller, (show, on_show), (get_balance, answer, on_balance));

// ---- the root

static int start(void *unused)
{
	(void)unused;
	noh_actor bank;
	noh_supervise((.max_restarts = 3, .within_ms = 5000),
		      NOH_CHILD(bank, (), .ret_handle = &bank));

	noh_spawn_with(client, (.monitored = true), .bank = bank, .order = 1, .from = 1, .to = 2);
	noh_receive(-1, noh_down);

	// There is no account 9. The bank fails, and starts again under the same handle.
	noh_spawn_with(client, (.monitored = true), .bank = bank, .order = 2, .from = 1, .to = 9);
	noh_receive(-1, noh_down);

	noh_actor teller = noh_spawn_with(teller, (.monitored = true), .bank = bank, .to_show = 2);
	noh_send(teller, show, .account = 1);
	noh_send(teller, show, .account = 9);
	noh_receive(-1, noh_down);
	return 0;
}

int main(void)
{
	return noh_run(start, NULL);
}
