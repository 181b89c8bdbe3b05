/* For libraries that extend the runtime: what there is once in each, and what hears of an actor's
 * end without being an actor. Registries, groups and topics are made of these. */
#ifndef NOH_EXTEND_H
#define NOH_EXTEND_H

#include <noh/actor.h>

NOH_BEGIN

/* The runtime that an actor lives in; NULL when it is gone for good. While it waits to be started
 * again in its place it is not gone. Any thread. What it says may be out of date at once; but an
 * actor that is gone stays so. */
struct noh_runtime *noh_runtime_of(noh_actor who);

/* What to hash an actor by: a number of its own, 0 for nobody. A handle also depends on who lived
 * in the process before. In simulations this does not, so that what is made of it repeats with the
 * seed; elsewhere it is the handle. The same for as long as the runtime lives. Any thread. */
uint64_t noh_number(noh_actor who);

/* Something that each runtime has one of, made on first use. Static: it is known by its address. */
struct noh_runtime_local {
	size_t size;
	void (*init)(void *at);   // of zeroed memory; must not ask for another local
	void (*finish)(void *at); // after the last actor of the runtime has ended
};

/* The runtime's own; NULL as runtime means the running actor's. Any thread. It lives as long as the
 * runtime. */
void *noh_local_of(struct noh_runtime *runtime, const struct noh_runtime_local *what);

/* What is to be told when an actor is gone for good: the entry of a table. Embedded in it. */
struct noh_attached {
	struct noh_attached *next, **link; // the library's own
	/* The actor is gone, or noh_detach() has taken effect: exactly once, any thread, before
	 * anybody hears of the end by a message. From here on it may be freed. */
	void (*gone)(struct noh_attached *attached);
};

/* Any thread. `gone` is not called before this returns. Returns 0; -ESRCH if the actor is gone
 * already: then nobody is told. */
int noh_attach(noh_actor who, struct noh_attached *attached);

/* Any thread, after noh_attach() has returned and once at most. `gone` is called soon, if it has
 * not been. */
void noh_detach(noh_actor who, struct noh_attached *attached);

NOH_END
#endif
