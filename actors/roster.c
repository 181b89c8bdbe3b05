/* Named sets: a table of sets by name, in each a table of members by actor, and an array of them to
 * be walked over. */
#include "actors/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/must.h"

enum { FIRST_ROOM = 4 };

struct roster_set {
	uint64_t hash;
	struct crowd *crowd; // the present one; this set's reference
	struct member **chains;
	size_t chain_count; // a power of two
};

// ---- members

void member_hold(struct member *member)
{
	__atomic_fetch_add(&member->references, 1, __ATOMIC_RELAXED);
}

void member_drop(struct member *member)
{
	// Each pairs with the last: what others did to it comes before its end.
	if (__atomic_fetch_sub(&member->references, 1, __ATOMIC_ACQ_REL) == 1)
		member->destroy(member);
}

// ---- crowds

static struct crowd *crowd_create(size_t room)
{
	struct crowd *crowd = (struct crowd *)must_have(
		sizeof(*crowd) + room * (sizeof(crowd->who[0]) + sizeof(crowd->at[0])));
	crowd->references = 1;
	crowd->room = room;
	crowd->who = (noh_actor *)(void *)(crowd + 1);
	crowd->at = (struct member **)(void *)(crowd->who + room);
	return crowd;
}

void crowd_drop(struct crowd *crowd)
{
	if (!crowd || __atomic_fetch_sub(&crowd->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	for (size_t i = 0; i < crowd->count; i++)
		member_drop(crowd->at[i]);
	free(crowd);
}

// The set's crowd, to be changed: nobody else walks over it, and it has room for one more.
static struct crowd *crowd_to_change(struct roster_set *set)
{
	struct crowd *crowd = set->crowd;
	bool is_full = crowd->count == crowd->room;

	// Pairs with crowd_drop(). Nobody can get another reference while the shard is locked.
	if (__atomic_load_n(&crowd->references, __ATOMIC_ACQUIRE) == 1 && !is_full)
		return crowd;
	struct crowd *copy = crowd_create(is_full ? 2 * crowd->room : crowd->room);
	copy->count = crowd->count;
	memcpy(copy->who, crowd->who, crowd->count * sizeof(copy->who[0]));
	memcpy(copy->at, crowd->at, crowd->count * sizeof(copy->at[0]));
	for (size_t i = 0; i < copy->count; i++)
		member_hold(copy->at[i]);
	set->crowd = copy;
	crowd_drop(crowd);
	return copy;
}

// ---- sets; all with the shard locked

static struct member **chain_of(struct roster_set *set, noh_actor who)
{
	uint64_t hash = who.id * 0x9e3779b97f4a7c15u;
	return &set->chains[hash >> 32 & (set->chain_count - 1)];
}

static struct member *member_of(struct roster_set *set, noh_actor who)
{
	struct member *member = *chain_of(set, who);
	while (member && !noh_same(member->who, who))
		member = member->next;
	return member;
}

static void chain_up(struct roster_set *set, struct member *member)
{
	struct member **chain = chain_of(set, member->who);
	member->next = *chain;
	*chain = member;
}

static void make_chains(struct roster_set *set, size_t count)
{
	free(set->chains);
	set->chains = (struct member **)must_have(count * sizeof(set->chains[0]));
	set->chain_count = count;
	for (size_t i = 0; i < set->crowd->count; i++)
		chain_up(set, set->crowd->at[i]);
}

static struct roster_set *set_create(uint64_t hash)
{
	struct roster_set *set = (struct roster_set *)must_have(sizeof(*set));
	set->hash = hash;
	set->crowd = crowd_create(FIRST_ROOM);
	make_chains(set, FIRST_ROOM);
	return set;
}

static void set_destroy(struct roster_set *set)
{
	crowd_drop(set->crowd);
	free(set->chains);
	free(set);
}

static void add(struct roster_set *set, struct member *member)
{
	struct crowd *crowd = crowd_to_change(set);
	if (crowd->count >= 2 * set->chain_count)
		make_chains(set, 4 * set->chain_count);
	member->set = set;
	member->place = crowd->count;
	crowd->who[crowd->count] = member->who;
	crowd->at[crowd->count++] = member;
	chain_up(set, member);
	member_hold(member);
}

// The caller has a reference of its own.
static void take_out(struct roster *roster, struct member *member)
{
	struct roster_set *set = member->set;
	struct crowd *crowd = crowd_to_change(set);
	struct member **link = chain_of(set, member->who);

	while (*link != member)
		link = &(*link)->next;
	*link = member->next;
	struct member *last = crowd->at[--crowd->count];
	crowd->at[member->place] = last;
	crowd->who[member->place] = last->who;
	last->place = member->place;
	member->set = NULL;
	member_drop(member);
	if (!crowd->count) {
		names_remove(&roster->names, set->hash, set);
		set_destroy(set);
	}
}

// ---- the roster

void roster_init(struct roster *roster)
{
	names_init(&roster->names);
}

// All actors are gone, so all members have left.
void roster_finish(struct roster *roster)
{
	names_finish(&roster->names);
}

static void on_gone(struct noh_attached *attached)
{
	struct member *member = (struct member *)(void *)attached;
	struct roster *roster = member->roster;

	names_lock(&roster->names, member->hash);
	if (member->set)
		take_out(roster, member);
	names_unlock(&roster->names, member->hash);
	member_drop(member);
}

// With the shard locked.
static int join(struct roster *roster, const struct name_key *key, struct member *fresh,
		struct member **ret_member)
{
	struct roster_set *set = (struct roster_set *)names_record(&roster->names, key);
	struct member *present = set ? member_of(set, fresh->who) : NULL;
	if (present) {
		member_hold(present);
		*ret_member = present;
		return 1;
	}

	int err = noh_attach(fresh->who, &fresh->attached);
	if (err)
		return err;
	member_hold(fresh); // for what is attached
	if (!set) {
		set = set_create(key->hash);
		names_set(&roster->names, key, 1, set);
	}
	add(set, fresh);
	*ret_member = fresh;
	return 0;
}

int roster_join(struct roster *roster, const char *name, struct member *fresh,
		struct member **ret_member)
{
	struct name_key key;
	int joined = name_key_init(&key, name);

	fresh->attached.gone = on_gone;
	fresh->references = 1;
	fresh->roster = roster;
	if (!joined) {
		fresh->hash = key.hash;
		names_lock(&roster->names, key.hash);
		joined = join(roster, &key, fresh, ret_member);
		names_unlock(&roster->names, key.hash);
	}
	if (joined)
		member_drop(fresh);
	return joined;
}

struct member *roster_leave(struct roster *roster, const char *name, noh_actor who)
{
	struct name_key key;
	if (name_key_init(&key, name))
		return NULL;

	names_lock(&roster->names, key.hash);
	struct roster_set *set = (struct roster_set *)names_record(&roster->names, &key);
	struct member *member = set ? member_of(set, who) : NULL;
	if (member) {
		member_hold(member);
		take_out(roster, member);
		noh_detach(who, &member->attached);
	}
	names_unlock(&roster->names, key.hash);
	return member;
}

struct crowd *roster_look(struct roster *roster, const char *name)
{
	struct name_key key;
	if (name_key_init(&key, name) || !names_find(&roster->names, &key))
		return NULL;

	names_lock(&roster->names, key.hash);
	struct roster_set *set = (struct roster_set *)names_record(&roster->names, &key);
	struct crowd *crowd = set ? set->crowd : NULL;
	if (crowd)
		__atomic_fetch_add(&crowd->references, 1, __ATOMIC_RELAXED);
	names_unlock(&roster->names, key.hash);
	return crowd;
}
