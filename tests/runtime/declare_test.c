/* Declarations: what they describe, which id they get, how an actor tells them apart, and what is
 * refused. What needs several programs and compilers is in tests/declarations_test.sh. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <noh/noh.h>
#include <noh/test.h>

#include "runtime/message.h"

NOH_MESSAGE(deposit, (u64, account), (i64, cents));
NOH_MESSAGE(order, (str, text), (list, u64, items), (one, deposit, first), (many, deposit, others));
NOH_MESSAGE(balance, (i64, cents));
NOH_REQUEST(get_balance, balance, (u64, account));
NOH_MESSAGE(quit);

// ---- what a declaration describes

Test(declare, describes_the_struct)
{
	const struct noh_field *fields = order_message.fields;

	cr_expect_eq(order_message.size, sizeof(struct order));
	cr_expect_str_eq(order_message.name, "order");
	cr_expect_str_eq(fields[0].name, "text");
	cr_expect_eq(fields[0].kind, NOH_KIND_str);
	cr_expect_eq(fields[1].shape, NOH_SHAPE_list);
	cr_expect_eq(fields[2].kind, NOH_KIND_message);
	cr_expect_eq(fields[2].of, &deposit_message);
	cr_expect_eq(fields[3].offset, offsetof(struct order, others));
	cr_expect_null(fields[4].name);
	cr_expect_eq(get_balance_message.answer, &balance_message);
	cr_expect_eq(quit_message.size, 0);
}

// ---- ids

Test(declare, gives_each_message_an_id_before_main)
{
	const struct noh_message_type *types[] = {&deposit_message, &order_message,
						  &balance_message, &get_balance_message,
						  &quit_message};

	for (size_t i = 0; i < 5; i++) {
		cr_expect_neq(types[i]->id, 0);
		cr_expect_str_eq(message_info(types[i]->id)->type.name, types[i]->name);
		for (size_t other = 0; other < i; other++)
			cr_expect_neq(types[i]->id, types[other]->id);
	}
}

Test(declare, gives_the_library_the_first_ids)
{
	cr_expect_neq(noh_start_message.id, 0);
	cr_expect_lt(noh_down_message.id, deposit_message.id);
	cr_expect_lt(noh_tcp_data_message.id, deposit_message.id);
	cr_expect_eq(message_info(1)->type.name[0], 'n');
}

static const struct noh_field deposit_by_hand[] = {
	{.name = "account", .kind = NOH_KIND_u64, .offset = offsetof(struct deposit, account)},
	{.name = "cents", .kind = NOH_KIND_i64, .offset = offsetof(struct deposit, cents)},
	{0},
};

Test(declare, gives_another_description_of_a_message_its_id)
{
	struct noh_message_type again = {.abi = NOH_ABI,
					 .name = "deposit",
					 .signature = "(u64,account),(i64,  cents)",
					 .size = sizeof(struct deposit),
					 .fields = deposit_by_hand};

	cr_expect_eq(noh_message_id(&again), deposit_message.id);
	cr_expect_eq(again.id, deposit_message.id);
}

static pthread_barrier_t all_there;

static void *intern_late(void *type)
{
	pthread_barrier_wait(&all_there);
	uintptr_t id = noh_message_id(type);
	cr_expect_str_eq(message_info((uint32_t)id)->type.name, "late");
	return (void *)id;
}

Test(declare, gives_one_id_to_threads_that_meet)
{
	enum { THREADS = 4 };
	struct noh_message_type types[THREADS];
	pthread_t threads[THREADS];
	void *ids[THREADS];

	pthread_barrier_init(&all_there, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		types[i] = (struct noh_message_type){.abi = NOH_ABI,
						     .name = "late",
						     .size = sizeof(struct deposit),
						     .fields = deposit_by_hand};
		pthread_create(&threads[i], NULL, intern_late, &types[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], &ids[i]);

	for (int i = 1; i < THREADS; i++)
		cr_expect_eq(ids[i], ids[0]);
}

// ---- made by hand

Test(declare, can_be_done_without_macros)
{
	struct noh_field fields[] = {
		{.name = "by", .kind = NOH_KIND_actor, .offset = 0},
		{.name = "text", .kind = NOH_KIND_str, .shape = NOH_SHAPE_list, .offset = 8},
		{.name = "last", .kind = NOH_KIND_message, .offset = 24, .of = &deposit_message},
		{0},
	};
	const struct noh_message_type *type, *again;

	cr_assert_eq(noh_message_create("hand_made", 40, fields, &balance_message, &type), 0);
	cr_assert_eq(noh_message_create("hand_made", 40, fields, &balance_message, &again), 0);
	fields[0].name = "changed";

	cr_expect_eq(type, again);
	cr_expect_eq(noh_message_id(type), type->id);
	cr_expect_str_eq(type->signature, "(actor, by), (list, str, text), (one, deposit, last)");
	cr_expect_str_eq(type->fields[0].name, "by");
	cr_expect_eq(type->answer->id, balance_message.id);
	cr_expect_not(message_info(type->id)->flat);
}

static int created(const char *name, size_t size, struct noh_field field)
{
	struct noh_field fields[] = {field, {0}};
	const struct noh_message_type *type;
	return noh_message_create(name, size, fields, NULL, &type);
}

Test(declare, refuses_what_cannot_be)
{
	struct noh_field good = {.name = "a", .kind = NOH_KIND_u64}, bad;

#define REFUSED(size, change) \
	bad = good;           \
	bad.change;           \
	cr_expect_eq(created("bad", size, bad), -EINVAL, #change)

	REFUSED(8, kind = NOH_KIND_none);
	REFUSED(8, kind = (enum noh_kind)99);
	REFUSED(8, kind = NOH_KIND_message);
	REFUSED(8, shape = (enum noh_shape)2);
	REFUSED(8, shape = NOH_SHAPE_list);
	REFUSED(8, offset = 8);
	REFUSED(8, offset = SIZE_MAX);
	REFUSED(16, offset = 4);
	REFUSED(12, offset = 0);
	REFUSED((size_t)1 << 40, offset = 0);

	bad = (struct noh_field){.name = "a", .kind = NOH_KIND_message, .of = &quit_message};
	cr_expect_eq(created("bad", 8, bad), -EINVAL, "a message without fields inside");
	cr_expect_eq(created("", 8, good), -EINVAL);
	cr_expect_eq(created(NULL, 8, good), -EINVAL);
	cr_expect_eq(created("bad", 8, good), 0, "nothing of the refused ones is left");
}

Test(declare, refuses_a_message_within_itself)
{
	struct noh_message_type loop = {.abi = NOH_ABI, .name = "loop", .size = 16};
	struct noh_field fields[] = {
		{.name = "more", .kind = NOH_KIND_message, .shape = NOH_SHAPE_list, .of = &loop},
		{0},
	};
	const struct noh_message_type *type;
	loop.fields = fields;

	cr_expect_eq(noh_message_create("outer", 16, fields, NULL, &type), -EINVAL);
	cr_expect_eq(loop.id, 0);
}

Test(declare, refuses_another_message_of_the_name)
{
	const struct noh_message_type *type;
	struct noh_field swapped[] = {deposit_by_hand[0], deposit_by_hand[1], {0}};
	swapped[0].offset = 8;
	swapped[1].offset = 0;

	cr_expect_eq(created("deposit", 8, (struct noh_field){.name = "a", .kind = NOH_KIND_u64}),
		     -EEXIST);
	cr_expect_eq(noh_message_create("deposit", 16, swapped, NULL, &type), -EEXIST);
	cr_expect_eq(noh_message_create("deposit", 16, deposit_by_hand, &balance_message, &type),
		     -EEXIST);
	cr_expect_eq(noh_message_create("deposit", 16, deposit_by_hand, NULL, &type), 0);
}

Test(declare, ends_the_process_over_a_wrong_signature, .signal = SIGABRT)
{
	struct noh_message_type lying = {.abi = NOH_ABI,
					 .name = "lying",
					 .signature = "(u64, account)",
					 .size = sizeof(struct deposit),
					 .fields = deposit_by_hand};
	noh_message_id(&lying);
}

Test(declare, ends_the_process_over_another_abi, .signal = SIGABRT)
{
	struct noh_message_type newer = {.abi = NOH_ABI + 1,
					 .name = "newer",
					 .size = sizeof(struct deposit),
					 .fields = deposit_by_hand};
	noh_message_id(&newer);
}

// ---- dispatch

struct clerk {
	int64_t cents, err;
};

// Handlers may have any name, also those of the generated function's own values.
static void state(struct clerk *self, const struct deposit *msg)
{
	self->cents += msg->cents;
}

static void in(struct clerk *self, const struct noh_outcome *how, const struct balance *msg)
{
	self->err = how->err;
	if (!how->err)
		self->cents = msg->cents;
}

NOH_ACTOR(clerk, (deposit, state), (get_balance, answer, in));

static void receive(struct clerk *clerk, struct noh_delivery answer)
{
	clerk_actor.receive(clerk, 0, answer.body, &answer);
}

Test(dispatch, calls_the_handler_of_a_message)
{
	struct clerk clerk = {0};

	cr_expect_eq(noh_test_handle(clerk, &clerk, NOH_NOBODY, deposit, .cents = 5), NOH_HANDLED);
	cr_expect_eq(clerk.cents, 5);
	cr_expect_eq(clerk_actor.accepts[0], &deposit_message);
	cr_expect_null(clerk_actor.accepts[1]);
}

Test(dispatch, calls_the_handler_of_an_answer_by_what_was_asked)
{
	struct clerk clerk = {0};
	struct balance balance = {.cents = 7};
	struct noh_delivery delivery = {.asked_id = get_balance_message.id,
					.type = &balance_message,
					.body = &balance,
					.outcome = &(struct noh_outcome){0}};

	receive(&clerk, delivery);
	cr_expect_eq(clerk.cents, 7);

	delivery.body = NULL;
	delivery.outcome = &(struct noh_outcome){.err = -ETIMEDOUT};
	receive(&clerk, delivery);
	cr_expect_eq(clerk.err, -ETIMEDOUT);
}

Test(dispatch, does_not_take_one_for_the_other)
{
	struct clerk clerk = {0};

	cr_expect_eq(noh_test_handle(clerk, &clerk, NOH_NOBODY, quit), NOH_NOT_UNDERSTOOD);
	cr_expect_eq(noh_test_handle(clerk, &clerk, NOH_NOBODY, get_balance), NOH_NOT_UNDERSTOOD);
	cr_expect_eq(noh_test_handle(clerk, &clerk, NOH_NOBODY, deposit), NOH_HANDLED);
	cr_expect_eq(clerk.cents, 0);
}

// Which outside of any actor is a mistake.
Test(dispatch, does_not_take_a_message_for_an_answer, .signal = SIGABRT)
{
	receive(&(struct clerk){0}, (struct noh_delivery){.asked_id = deposit_message.id,
							  .type = &deposit_message,
							  .body = &(struct deposit){.cents = 5},
							  .outcome = &(struct noh_outcome){0}});
}
