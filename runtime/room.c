/* A fiber that waits for room in a bounded mailbox: whenever it is told that there is some it tries
 * again, since others may be quicker. */
#include <errno.h>

#include <noh/noh.h>

#include "runtime/bound.h"
#include "runtime/fiber.h"

static void want_room(uint64_t to, uint64_t self, const struct noh_message_type *type,
		      const void *body)
{
	uint64_t bytes = bound_weight_of(message_info(noh_message_id(type)), body);
	post_control(to, CONTROL_WANT_ROOM, self, &bytes, sizeof(bytes));
}

// Who finds room each time waits never: he must be told of his end, and let others run, all the
// same.
static void wait_now_and_then(struct fiber *fiber)
{
	struct worker *worker = worker_here();
	if (worker->end_asked || is_grant_used_up(worker))
		fiber_let_others_run(fiber);
}

int noh_send_wait_type(noh_actor to, int64_t within_ms, const struct noh_message_type *type,
		       const void *body)
{
	struct fiber *fiber = running_fiber("noh_send_wait");
	uint64_t deadline_ns = UINT64_MAX;

	wait_now_and_then(fiber);
	int err = noh_send_type(to, type, body);

	if (err != -EAGAIN || !within_ms)
		return err;
	if (within_ms > 0)
		deadline_ns = clock_after_ms(runtime_now_ns(worker_here()->runtime), within_ms);
	do {
		want_room(to.id, worker_here()->self, type, body);
		fiber_wait_until(fiber, FIBER_NEEDS_ROOM, deadline_ns);
		err = noh_send_type(to, type, body);
	} while (err == -EAGAIN && runtime_now_ns(worker_here()->runtime) < deadline_ns);
	return err;
}
