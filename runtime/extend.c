/* Locals of a runtime, and what is attached to actors. Knows nothing of what they are for. */
#include "runtime/extend.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/post.h"

// ---- locals: a list that only grows, read without a lock

struct local {
	struct local *next;
	const struct noh_runtime_local *what;
	_Alignas(CACHE_LINE) char at[];
};

static struct local *local_of(struct noh_runtime *runtime, const struct noh_runtime_local *what)
{
	// Pairs with local_create().
	struct local *local = (struct local *)load_acquire((void *const *)&runtime->locals);
	while (local && local->what != what)
		local = local->next;
	return local;
}

static struct local *local_create(struct noh_runtime *runtime, const struct noh_runtime_local *what)
{
	struct local *local = NULL;
	if (posix_memalign((void **)&local, CACHE_LINE, sizeof(*local) + what->size))
		abort();
	memset(local, 0, sizeof(*local) + what->size);
	local->what = what;
	local->next = runtime->locals;
	what->init(local->at);
	store_release((void **)&runtime->locals, local); // pairs with local_of()
	return local;
}

void *noh_local_of(struct noh_runtime *runtime, const struct noh_runtime_local *what)
{
	if (!runtime)
		runtime = worker_of_call("noh_local_of")->runtime;
	struct local *local = local_of(runtime, what);
	if (local)
		return local->at;

	pthread_mutex_lock(&runtime->locals_lock);
	local = local_of(runtime, what); // somebody else may have been first
	if (!local)
		local = local_create(runtime, what);
	pthread_mutex_unlock(&runtime->locals_lock);
	return local->at;
}

void locals_finish(struct noh_runtime *runtime)
{
	while (runtime->locals) {
		struct local *local = runtime->locals;
		runtime->locals = local->next;
		local->what->finish(local->at);
		free(local);
	}
}

// ---- attached to actors

void attached_add(struct slot *slot, struct noh_attached *attached)
{
	struct extras *extras = extras_of(slot);
	attached->next = extras->attached;
	attached->link = &extras->attached;
	if (attached->next)
		attached->next->link = &attached->next;
	extras->attached = attached;
}

void attached_remove(struct noh_attached *attached)
{
	*attached->link = attached->next;
	if (attached->next)
		attached->next->link = attached->link;
	attached->gone(attached);
}

void attached_tell(struct extras *extras)
{
	while (extras->attached)
		attached_remove(extras->attached);
}

static int post_attached(noh_actor who, enum control control, struct noh_attached *attached)
{
	struct slot *slot = slot_if_alive(who.id);
	if (!slot)
		return -ESRCH;

	// Should it end right now, whoever finds the envelope tells; not this thread, from here.
	post(slot, control_envelope(control, who.id, 0, &attached, sizeof(attached)));
	return 0;
}

int noh_attach(noh_actor who, struct noh_attached *attached)
{
	return post_attached(who, CONTROL_ATTACH, attached);
}

void noh_detach(noh_actor who, struct noh_attached *attached)
{
	post_attached(who, CONTROL_DETACH, attached);
}

struct noh_runtime *noh_runtime_of(noh_actor who)
{
	struct slot *slot = slot_if_alive(who.id);
	struct noh_runtime *runtime = slot ? slot_runtime(slot) : NULL;
	// It may have got a new tenant, of another runtime, in between.
	ck_pr_fence_load();
	return slot_if_alive(who.id) ? runtime : NULL;
}
