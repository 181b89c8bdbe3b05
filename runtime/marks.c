/* Marked messages: those that expire, and those that count against a bound. */
#include "runtime/marks.h"

#include <noh/noh.h>

#include "runtime/bound.h"
#include "runtime/dead.h"

void marks_clear(struct envelope *envelope)
{
	if (envelope->type & POST_EXPIRES)
		envelope->ask = 0;
	envelope->type &= ~(uint32_t)POST_MARKS;
}

bool marks_take(struct noh_runtime *runtime, struct slot *slot, struct envelope *envelope)
{
	bool expired = envelope->type & POST_EXPIRES && envelope->ask < runtime_now_ns(runtime);

	if (envelope->type & POST_COUNTED)
		bound_taken(slot, envelope);
	marks_clear(envelope);
	if (expired)
		dead_count(runtime, slot_handle(slot), envelope->sender,
			   message_info(post_id(envelope)), envelope->body, "expired");
	return !expired;
}

bool request_is_late(struct worker *worker, struct envelope *envelope)
{
	// When the clock was looked at last is soon enough, and costs nothing.
	struct noh_runtime *runtime = worker->runtime;
	uint64_t now_ns = runtime->simulation ? runtime_now_ns(runtime) : worker->now_ns;
	if (__builtin_expect(*post_deadline(envelope) >= now_ns, 1))
		return false;

	post_answered(envelope);
	dead_count(runtime, worker->self, envelope->sender, message_info(post_id(envelope)),
		   envelope->body, "the asker has given up");
	return true;
}

int noh_send_expiring_type(noh_actor to, int64_t within_ms, const struct noh_message_type *type,
			   const void *body)
{
	struct slot *slot = slot_if_alive(to.id);
	if (!slot)
		return noh_send_type(to, type, body);

	// A thread that asks is in no runtime.
	struct noh_runtime *runtime = slot_runtime(slot);
	uint64_t now_ns = runtime ? runtime_now_ns(runtime) : clock_now_ns(&clock_monotonic);
	return send_marked(to, type, body, POST_EXPIRES,
			   clock_after_ms(now_ns, within_ms > 0 ? within_ms : 0));
}
