/* Waking parked workers: who is claimed, and by what credit. Why none is missed: schedule.c. */
#include "runtime/wake.h"

#include "runtime/worker.h"

static int claim_somebody(struct noh_runtime *runtime)
{
	for (uint32_t word = 0; word < IDLE_WORDS; word++) {
		uint64_t bits = ck_pr_load_64(&runtime->idle[word]);
		while (bits) {
			int bit = __builtin_ctzll(bits);
			// Pairs with park(): whoever clears the bit has the worker.
			if (swap_if_64(&runtime->idle[word], bits, bits & ~(1ull << bit)))
				return (int)word * 64 + bit;
			bits = ck_pr_load_64(&runtime->idle[word]);
		}
	}
	return -1;
}

bool wake_claim(struct noh_runtime *runtime, uint32_t index)
{
	uint64_t *word = &runtime->idle[index / 64], bit = 1ull << index % 64;
	uint64_t bits = ck_pr_load_64(word);
	while (bits & bit) {
		if (swap_if_64(word, bits, bits & ~bit))
			return true;
		bits = ck_pr_load_64(word);
	}
	return false;
}

static void ring_bell(struct worker *worker)
{
	worker->reactor->ops->ring(worker->reactor);
}

bool is_anybody_idle(const struct noh_runtime *runtime)
{
	for (uint32_t word = 0; word < IDLE_WORDS; word++)
		if (ck_pr_load_64(&runtime->idle[word]))
			return true;
	return false;
}

void wake_one(struct noh_runtime *runtime)
{
	ck_pr_fence_memory(); // pairs with park(): the push before, the look after
	while (is_anybody_idle(runtime) && !ck_pr_load_32(&runtime->searching)) {
		if (!swap_if_32(&runtime->searching, 0, 1))
			return; // somebody searches, or will
		int index = claim_somebody(runtime);
		if (index >= 0) {
			ring_bell(runtime->workers[index]);
			if (this_worker)
				this_worker->statistics.wakes++;
			return;
		}
		ck_pr_dec_32(&runtime->searching);
		ck_pr_fence_memory(); // and look again
	}
}

void wake_this(struct noh_runtime *runtime, uint32_t index)
{
	ck_pr_fence_memory(); // pairs with park()
	if (!(ck_pr_load_64(&runtime->idle[index / 64]) & 1ull << index % 64))
		return;

	ck_pr_inc_32(&runtime->searching);
	if (wake_claim(runtime, index)) {
		ring_bell(runtime->workers[index]);
		return;
	}
	ck_pr_dec_32(&runtime->searching);
	wake_one(runtime); // somebody may have trusted the credit in between
}

void wake_everybody(struct noh_runtime *runtime)
{
	for (uint32_t i = 0; i < runtime->worker_count; i++) {
		wake_this(runtime, i);
		ring_bell(runtime->workers[i]);
	}
}

void reactor_wake(struct reactor *reactor)
{
	wake_this(reactor->home->runtime, reactor->home->index);
}
