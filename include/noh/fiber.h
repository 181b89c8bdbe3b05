/* Fibers: actors that wait in the middle of a function. */
#ifndef NOH_FIBER_H
#define NOH_FIBER_H

#include <noh/actor.h>

NOH_BEGIN

/* Waits for a message of one of these types, or of any if none is named; others stay queued, in
 * order: `const struct noh_delivery *in = noh_receive(1000, book, quit);` Fibers. `within_ms` < 0
 * waits for ever, 0 only looks. NULL: time is up. What it returns, and all that the fiber was lent
 * before, lives until the next noh_receive(): a fiber that for long only asks should look for mail
 * now and then, as by `noh_receive(0, quit)`, or the answers pile up. */
#define noh_receive(within_ms, ...)                                             \
	noh_receive_types(within_ms, NOH_ARRAY(const struct noh_message_type *, \
					       NOH_EACH(NOH_TYPE_ADDRESS, , __VA_ARGS__) NULL))
const struct noh_delivery *noh_receive_types(int64_t within_ms,
					     const struct noh_message_type *const *types);

/* Waits for the first message about which `is_wanted(in, argument)` says so; others stay queued, in
 * order: `in = noh_receive_if(1000, is_reply_to, &serial);` Otherwise as noh_receive(). Runs on the
 * fiber, once a call for each message that is there or comes; it may fail, which loses the message
 * that it was asked about, but must not wait. */
typedef bool (*noh_wanted_fn)(const struct noh_delivery *in, const void *argument);
const struct noh_delivery *noh_receive_if(int64_t within_ms, noh_wanted_fn is_wanted,
					  const void *argument);

/* The body if `in` is a message of this type, else NULL; `in` may be NULL. */
#define noh_as(in, message) ((const struct message *)noh_as_type(in, &message##_message))
const void *noh_as_type(const struct noh_delivery *in, const struct noh_message_type *type);

/* Waits; mail stays queued. Fibers. */
void noh_sleep(int64_t ms);

/* Lets others run. Fibers. */
void noh_yield(void);

/* How many bytes of its stack the running fiber has used at most so far. Where the log is at debug
 * level this is exact, and each fiber's end is logged with it; else the stack may still bear what
 * an earlier fiber wrote. Reads the whole stack. Fibers. */
size_t noh_stack_used(void);

NOH_END
#endif
