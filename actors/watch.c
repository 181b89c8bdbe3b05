/*
 * Cells: a value that is replaced whole, read by counting it.
 *
 * The word of a cell is the address of its value and, above that, how many readers are just about
 * to hold it. A reader adds itself to the word, which gives it the address and keeps the value,
 * holds the value, and takes itself out again. Who replaces the value meanwhile takes those readers
 * out in their place, by giving the old value one hold for each; a reader that finds another
 * address in the word gives that hold back. It may do so, and be done with the value, before it
 * was given: so the cell itself holds its value MOST times, more than there can be such readers,
 * until those holds are given. Nobody waits for anybody. A value is never set twice, so an address
 * that is there is the same value as before: while a reader is about to hold it, it cannot be freed
 * and its address not be given out again.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "actors/must.h"
#include "actors/roster.h"

struct cells {
	struct names names;
	struct roster subscribers;
};

struct noh_watch {
	_Alignas(64) uint64_t word;
	_Alignas(64) uint64_t version; // read by everybody, often

	struct cells *cells;
	pthread_mutex_t lock; // one sets it at a time
	char name[];
};

// ---- the cells of a runtime

static void init_cells(void *at)
{
	struct cells *cells = (struct cells *)at;
	names_init(&cells->names);
	roster_init(&cells->subscribers);
}

#define READER (UINT64_C(1) << 48)
#define ADDRESS (READER - 1)

enum { MOST = 1 << 20 }; // readers fit into 16 bits

static const struct noh_shared *value_of(uint64_t word)
{
	return (const struct noh_shared *)(uintptr_t)(word & ADDRESS);
}

static void destroy_cell(void *record)
{
	struct noh_watch *cell = (struct noh_watch *)record;
	noh_shared_hold_more(value_of(cell->word), -MOST);
	pthread_mutex_destroy(&cell->lock);
	free(cell);
}

static void finish_cells(void *at)
{
	struct cells *cells = (struct cells *)at;
	roster_finish(&cells->subscribers);
	names_each(&cells->names, destroy_cell);
	names_finish(&cells->names);
}

static const struct noh_runtime_local cells_local = {
	.size = sizeof(struct cells), .init = init_cells, .finish = finish_cells};

static struct noh_watch *cell_create(struct cells *cells, const char *name)
{
	struct noh_watch *cell = NULL;
	size_t size = sizeof(*cell) + strlen(name) + 1;
	if (posix_memalign((void **)&cell, 64, size))
		abort();
	memset(cell, 0, size);
	strcpy(cell->name, name);
	cell->cells = cells;
	pthread_mutex_init(&cell->lock, NULL);
	return cell;
}

struct noh_watch *noh_watch_in(struct noh_runtime *runtime, const char *name)
{
	struct cells *cells = (struct cells *)noh_local_of(runtime, &cells_local);
	struct name_key key;
	if (name_key_init(&key, name))
		return NULL;

	struct noh_watch *cell = (struct noh_watch *)(uintptr_t)names_find(&cells->names, &key);
	if (cell)
		return cell;
	names_lock(&cells->names, key.hash);
	cell = (struct noh_watch *)names_record(&cells->names, &key);
	if (!cell) {
		cell = cell_create(cells, name);
		names_set(&cells->names, &key, (uintptr_t)cell, cell);
	}
	names_unlock(&cells->names, key.hash);
	return cell;
}

struct noh_watch *noh_watch(const char *name)
{
	return noh_watch_in(NULL, name);
}

// ---- reading

const struct noh_shared *noh_watch_hold(struct noh_watch *cell)
{
	// Pairs with replace(): the value was made before.
	uint64_t word = __atomic_add_fetch(&cell->word, READER, __ATOMIC_ACQUIRE);
	const struct noh_shared *value = noh_shared_hold(value_of(word));

	// Pairs with replace(), which adds the holds of those whom it finds in the word.
	while (value_of(word) == value) {
		if (__atomic_compare_exchange_n(&cell->word, &word, word - READER, true,
						__ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
			return value;
	}
	noh_shared_drop(value);
	return value;
}

const void *noh_watch_get_type(struct noh_watch *cell, const struct noh_message_type *type)
{
	const struct noh_shared *value = noh_watch_hold(cell);
	if (value && noh_message_id(value->type) == noh_message_id(type))
		return noh_shared_lend(value);
	noh_shared_drop(value);
	return NULL;
}

uint64_t noh_watch_version(const struct noh_watch *cell)
{
	return __atomic_load_n(&cell->version, __ATOMIC_ACQUIRE); // pairs with replace()
}

// ---- subscribers

struct subscriber {
	struct member member;
	struct noh_follow follow;
	bool is_told; // a noh_changed waits for it
	bool is_over;
};

static struct subscriber *following(struct noh_follow *follow)
{
	size_t before = offsetof(struct subscriber, follow);
	return (struct subscriber *)(void *)((char *)follow - before);
}

static bool is_wanted(struct noh_follow *follow)
{
	struct subscriber *subscriber = following(follow);
	// Pairs with tell(): what was set before it found this true is seen from here on.
	(void)__atomic_exchange_n(&subscriber->is_told, false, __ATOMIC_ACQ_REL);
	return !__atomic_load_n(&subscriber->is_over, __ATOMIC_RELAXED);
}

static void notice_is_done(struct noh_follow *follow)
{
	member_drop(&following(follow)->member);
}

static void destroy_subscriber(struct member *member)
{
	free(member);
}

int noh_watch_subscribe(struct noh_watch *cell, noh_actor who)
{
	struct subscriber *subscriber = (struct subscriber *)must_have(sizeof(*subscriber));
	subscriber->follow = (struct noh_follow){is_wanted, notice_is_done};
	struct member *member = &subscriber->member;
	member->who = who;
	member->destroy = destroy_subscriber;
	int err = roster_join(&cell->cells->subscribers, cell->name, member, &member);
	if (err < 0)
		return err;
	member_drop(member);
	return 0;
}

int noh_watch_unsubscribe(struct noh_watch *cell, noh_actor who)
{
	struct member *member = roster_leave(&cell->cells->subscribers, cell->name, who);
	if (!member)
		return -ENOENT;
	__atomic_store_n(&((struct subscriber *)(void *)member)->is_over, true, __ATOMIC_RELAXED);
	member_drop(member);
	return 0;
}

static void tell(struct member *member, const struct noh_shared *notice)
{
	struct subscriber *subscriber = (struct subscriber *)(void *)member;
	// Pairs with is_wanted().
	if (__atomic_exchange_n(&subscriber->is_told, true, __ATOMIC_ACQ_REL))
		return;
	member_hold(member); // until it is done with
	if (noh_send_followed(member->who, noh_self(), notice, &subscriber->follow))
		member_drop(member); // gone
}

static void tell_all(struct noh_watch *cell)
{
	struct crowd *crowd = roster_look(&cell->cells->subscribers, cell->name);
	if (!crowd)
		return;
	const struct noh_shared *notice = noh_share(noh_changed, .cell = cell->name);
	for (size_t i = 0; i < crowd->count; i++)
		tell(crowd->at[i], notice);
	noh_shared_drop(notice);
	crowd_drop(crowd);
}

// ---- setting

static void replace(struct noh_watch *cell, const struct noh_shared *value)
{
	assert(((uintptr_t)value & ~ADDRESS) == 0);
	noh_shared_hold_more(value, MOST - 1); // the caller's is the cell's too
	pthread_mutex_lock(&cell->lock);
	// Pairs with noh_watch_hold().
	uint64_t former = __atomic_exchange_n(&cell->word, (uintptr_t)value, __ATOMIC_ACQ_REL);
	// Pairs with noh_watch_version(): who sees the number finds this value, or a later one.
	__atomic_store_n(&cell->version, cell->version + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&cell->lock);
	noh_shared_hold_more(value_of(former), (int32_t)(former / READER) - MOST);
}

int noh_watch_set_type(struct noh_watch *cell, const struct noh_message_type *type,
		       const void *body)
{
	const struct noh_shared *value = noh_share_type(type, body);
	if (!value)
		return -EINVAL;
	replace(cell, value);
	tell_all(cell);
	return 0;
}
