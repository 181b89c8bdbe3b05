/* Actors with bounded mailboxes of each policy, which tell an inbox what they have taken, and what
 * the tests of bounds do with them. */
#ifndef TESTS_SUPPORT_TAKER_H
#define TESTS_SUPPORT_TAKER_H

#include <noh/test.h>

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(got, (u64, value));
NOH_MESSAGE(text, (str, words));
NOH_MESSAGE(payload, (bytes, data));
NOH_MESSAGE(price, (u64, share), (i64, cents));
NOH_MESSAGE(box, (owned, object));
NOH_MESSAGE(fail);
NOH_MESSAGE(watch_for_me, (actor, whom));
NOH_MESSAGE(tick_later, (i64, ms));
NOH_MESSAGE(down);
NOH_MESSAGE(answered, (i64, err));
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer, (u64, value));

enum { MOST = 3 };

struct taker {
	noh_actor to;
};

static inline void on_number(struct taker *self, const struct number *msg)
{
	noh_send(self->to, got, .value = msg->value);
}

static inline void on_text(struct taker *self, const struct text *msg)
{
	noh_send(self->to, text, .words = msg->words);
}

static inline void on_payload(struct taker *self, const struct payload *msg)
{
	noh_send(self->to, got, .value = msg->data.size);
}

static inline void on_price(struct taker *self, const struct price *msg)
{
	noh_send(self->to, price, .share = msg->share, .cents = msg->cents);
}

static inline void on_fail(struct taker *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

static inline void on_watch_for_me(struct taker *self, const struct watch_for_me *msg)
{
	(void)self;
	noh_monitor(msg->whom, true);
}

static inline void on_down(struct taker *self, const struct noh_down *msg)
{
	(void)msg;
	noh_send(self->to, down);
}

static inline void on_tick_later(struct taker *self, const struct tick_later *msg)
{
	(void)self;
	noh_after(msg->ms, number, .value = 1000);
}

static inline void on_question(struct taker *self, const struct question *msg)
{
	(void)self;
	noh_reply(answer, .value = msg->value + 1);
}

static inline void on_box(struct taker *self, const struct box *msg)
{
	(void)self;
	(void)msg;
}

#define ENTRIES                                                                         \
	(number, on_number), (text, on_text), (payload, on_payload), (price, on_price), \
		(fail, on_fail), (watch_for_me, on_watch_for_me), (noh_down, on_down),  \
		(tick_later, on_tick_later), (question, on_question), (box, on_box)

NOH_ACTOR_WITH(taker, (.mailbox_messages = MOST), ENTRIES);

#define KIND_OF_TAKER(name, ...) \
	struct name {            \
		noh_actor to;    \
	};                       \
	NOH_DEFINE_HANDLERS(name, taker, (__VA_ARGS__), ENTRIES)

KIND_OF_TAKER(bytes_taker, .mailbox_bytes = 1000);
KIND_OF_TAKER(new_dropper, .mailbox_messages = MOST, .on_full = NOH_FULL_DROP_NEW);
KIND_OF_TAKER(old_dropper, .mailbox_messages = MOST, .on_full = NOH_FULL_DROP_OLD);
KIND_OF_TAKER(old_bytes_dropper, .mailbox_bytes = 1000, .on_full = NOH_FULL_DROP_OLD);
KIND_OF_TAKER(latest, .on_full = NOH_FULL_LATEST);
KIND_OF_TAKER(few_latest, .mailbox_messages = MOST, .on_full = NOH_FULL_LATEST);
KIND_OF_TAKER(latest_bytes, .mailbox_bytes = 200, .on_full = NOH_FULL_LATEST);

static inline uint64_t tens(const struct noh_delivery *message)
{
	const struct number *number = noh_as(message, number);
	return number ? number->value / 10 : 0;
}

KIND_OF_TAKER(latest_of_tens, .on_full = NOH_FULL_LATEST, .key = tens);

static inline int send_number(noh_actor to, uint64_t value)
{
	return noh_send(to, number, .value = value);
}

static inline void send_numbers(noh_actor to, uint64_t from, uint64_t last)
{
	for (uint64_t value = from; value <= last; value++)
		noh_check(send_number(to, value) == 0);
}

static inline void expect_numbers(noh_actor inbox, uint64_t from, uint64_t last)
{
	for (uint64_t value = from; value <= last; value++)
		noh_check(noh_test_sent(inbox, got, .value = value));
}

static inline void expect_no_more(noh_actor inbox)
{
	noh_check(!noh_test_take(inbox, got));
}

struct asker {
	noh_actor to, whom;
};

static inline void ask_once(struct asker *self)
{
	const struct answer *answer;
	noh_send(self->to, answered,
		 .err = noh_ask(self->whom, question, 1000, &answer, .value = 1));
}

NOH_FIBER(asker, ask_once);

// A child that keeps its place and has failed takes nothing until it is restarted.
static inline noh_actor failed_child(noh_actor inbox, const struct noh_actor_type *type)
{
	struct taker state = {.to = inbox};
	noh_actor child =
		noh_spawn_type(type, &state,
			       &(struct noh_spawn_options){.size = sizeof(struct noh_spawn_options),
							   .keeps_place = true,
							   .monitored = true});
	noh_send(child, fail);
	noh_test_settle();
	return child;
}

static inline void restart(noh_actor child, noh_actor inbox)
{
	struct taker state = {.to = inbox};
	noh_check(noh_restart(child, &state) == 0);
	noh_test_settle();
}

#endif
