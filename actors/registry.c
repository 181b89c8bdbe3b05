/*
 * The registry of a runtime: its table of names, and who waits for one.
 *
 * A name whose actor is gone is nobody's, from the moment when its handle is over: each look checks
 * that. That the entry itself goes is told by what is attached to the actor, a little later.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "actors/must.h"
#include "actors/names.h"

struct registry {
	struct names names;
	uint32_t waiting; // for some name; raised with the shard of that name locked

	pthread_mutex_t lock;
	noh_actor receptionist; // NOH_NOBODY: not needed yet
};

// One name of one actor.
struct registration {
	struct noh_attached attached;
	struct registry *registry;
	noh_actor who;
	uint64_t hash;
	bool is_listed; // with the shard locked
};

static void init_registry(void *at)
{
	struct registry *registry = (struct registry *)at;
	names_init(&registry->names);
	pthread_mutex_init(&registry->lock, NULL);
}

static void finish_registry(void *at)
{
	struct registry *registry = (struct registry *)at;
	pthread_mutex_destroy(&registry->lock);
	names_finish(&registry->names);
}

static const struct noh_runtime_local registry_local = {
	.size = sizeof(struct registry), .init = init_registry, .finish = finish_registry};

static struct registry *registry_of(struct noh_runtime *runtime)
{
	return (struct registry *)noh_local_of(runtime, &registry_local);
}

// ---- who waits for a name: an actor keeps them, and answers

NOH_MESSAGE(noh_name_given, (str, name), (actor, who));
NOH_MESSAGE(noh_name_wait_over, (u64, wait));
NOH_REQUEST(noh_await_name, noh_name_given, (str, name), (i64, within_ms));

struct wait {
	struct wait *next;
	uint64_t number;
	const char *name;
	noh_reply_to asker;
};

struct noh_receptionist {
	struct registry *registry;
	struct wait *waits;
	uint64_t numbers;
};

// Takes one out of the list, and is rid of it.
static void end_wait(struct noh_receptionist *self, struct wait **link)
{
	struct wait *wait = *link;
	*link = wait->next;
	noh_drop((void *)(uintptr_t)wait->name);
	noh_drop(wait);
	__atomic_fetch_sub(&self->registry->waiting, 1, __ATOMIC_RELAXED);
}

static void on_await_name(struct noh_receptionist *self, const struct noh_await_name *msg)
{
	struct name_key key;
	if (name_key_init(&key, msg->name)) {
		noh_reply_error(-EINVAL, "not a name");
		return;
	}

	// Who registers the name from here on sees that somebody waits.
	names_lock(&self->registry->names, key.hash);
	__atomic_fetch_add(&self->registry->waiting, 1, __ATOMIC_RELAXED);
	names_unlock(&self->registry->names, key.hash);

	struct wait *wait = (struct wait *)noh_alloc(sizeof(*wait));
	char *name = (char *)noh_alloc(strlen(msg->name) + 1);
	strcpy(name, msg->name);
	*wait = (struct wait){.next = self->waits,
			      .number = ++self->numbers,
			      .name = name,
			      .asker = noh_reply_later()};
	self->waits = wait;
	noh_actor who = noh_where(msg->name);
	if (who.id) {
		noh_reply_at(wait->asker, noh_name_given, .name = name, .who = who);
		end_wait(self, &self->waits);
	} else if (msg->within_ms < INT64_MAX) {
		noh_after(msg->within_ms, noh_name_wait_over, .wait = wait->number);
	}
}

static void on_name_given(struct noh_receptionist *self, const struct noh_name_given *msg)
{
	struct wait **link = &self->waits;
	while (*link) {
		if (strcmp((*link)->name, msg->name)) {
			link = &(*link)->next;
			continue;
		}
		noh_reply_at((*link)->asker, noh_name_given, .name = msg->name, .who = msg->who);
		end_wait(self, link);
	}
}

static void on_wait_over(struct noh_receptionist *self, const struct noh_name_wait_over *msg)
{
	struct wait **link = &self->waits;
	while (*link && (*link)->number != msg->wait)
		link = &(*link)->next;
	if (!*link)
		return; // answered
	noh_reply_error_at((*link)->asker, -ETIMEDOUT, "nobody has that name");
	end_wait(self, link);
}

NOH_ACTOR(noh_receptionist, (noh_await_name, on_await_name), (noh_name_given, on_name_given),
	  (noh_name_wait_over, on_wait_over));

static noh_actor receptionist_of(struct noh_runtime *runtime, struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	if (!registry->receptionist.id)
		registry->receptionist = noh_spawn_with(
			noh_receptionist, (.in = runtime, .detached = true, .name = "registry"),
			.registry = registry);
	noh_actor receptionist = registry->receptionist;
	pthread_mutex_unlock(&registry->lock);
	return receptionist;
}

// ---- registering

static void on_gone(struct noh_attached *attached)
{
	struct registration *registration = (struct registration *)(void *)attached;
	struct names *names = &registration->registry->names;

	names_lock(names, registration->hash);
	if (registration->is_listed)
		names_remove(names, registration->hash, registration);
	names_unlock(names, registration->hash);
	free(registration);
}

// With the shard locked. Takes over the registration if it returns 0; 1: there is nothing to do.
static int add(struct registry *registry, const struct name_key *key,
	       struct registration *registration)
{
	struct registration *former = (struct registration *)names_record(&registry->names, key);
	if (former && noh_runtime_of(former->who))
		return noh_same(former->who, registration->who) ? 1 : -EEXIST;

	int err = noh_attach(registration->who, &registration->attached);
	if (err)
		return err;
	if (former)
		former->is_listed = false; // it goes when its actor's end has been told
	registration->is_listed = true;
	names_set(&registry->names, key, registration->who.id, registration);
	return 0;
}

int noh_register(const char *name, noh_actor who)
{
	struct noh_runtime *runtime = noh_runtime_of(who);
	struct name_key key;
	int err = name_key_init(&key, name);
	if (err)
		return err;
	if (!runtime)
		return -ESRCH;

	struct registry *registry = registry_of(runtime);
	struct registration *registration = (struct registration *)must_have(sizeof(*registration));
	*registration = (struct registration){
		.attached.gone = on_gone, .registry = registry, .who = who, .hash = key.hash};
	names_lock(&registry->names, key.hash);
	err = add(registry, &key, registration);
	bool somebody_waits = __atomic_load_n(&registry->waiting, __ATOMIC_RELAXED);
	names_unlock(&registry->names, key.hash);

	if (err)
		free(registration);
	else if (somebody_waits)
		noh_send(receptionist_of(runtime, registry), noh_name_given, .name = name,
			 .who = who);
	return err < 0 ? err : 0;
}

int noh_unregister(const char *name, noh_actor who)
{
	struct noh_runtime *runtime = noh_runtime_of(who);
	struct name_key key;
	if (!runtime || name_key_init(&key, name))
		return -ENOENT;

	struct names *names = &registry_of(runtime)->names;
	names_lock(names, key.hash);
	struct registration *registration = (struct registration *)names_record(names, &key);
	bool has_it = registration && noh_same(registration->who, who);
	if (has_it) {
		names_remove(names, key.hash, registration);
		registration->is_listed = false;
		noh_detach(who, &registration->attached);
	}
	names_unlock(names, key.hash);
	return has_it ? 0 : -ENOENT;
}

// ---- looking up

noh_actor noh_where_in(struct noh_runtime *runtime, const char *name)
{
	struct name_key key;
	if (name_key_init(&key, name))
		return NOH_NOBODY;
	noh_actor who = {names_find(&registry_of(runtime)->names, &key)};
	return noh_runtime_of(who) ? who : NOH_NOBODY;
}

noh_actor noh_where(const char *name)
{
	return noh_where_in(NULL, name);
}

noh_actor noh_wait_where_in(struct noh_runtime *runtime, const char *name, int64_t within_ms)
{
	noh_actor who = noh_where_in(runtime, name);
	if (who.id || !within_ms)
		return who;

	const struct noh_name_given *answer;
	if (within_ms < 0)
		within_ms = INT64_MAX;
	int err = noh_ask(receptionist_of(runtime, registry_of(runtime)), noh_await_name, within_ms,
			  &answer, .name = name, .within_ms = within_ms);
	if (err)
		return NOH_NOBODY;
	who = answer->who;
	if (!noh_self().id)
		noh_drop((void *)(uintptr_t)answer);
	return who;
}

noh_actor noh_wait_where(const char *name, int64_t within_ms)
{
	return noh_wait_where_in(noh_runtime(), name, within_ms);
}
