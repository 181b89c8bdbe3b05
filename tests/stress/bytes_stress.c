/* Threads that share slices of buffers while their creator fills and gives up one after the other:
 * every byte stays as it was handed out, and each buffer goes exactly once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox/bytes.h"

enum { THREADS = 4, SLOTS = 64, SLICE = 48, ROUNDS = 200000 };

// Slices on their way from any thread to any other.
static struct {
	pthread_mutex_t lock;
	noh_bytes bytes;
} slots[SLOTS];

static uint32_t made, dropped;

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static noh_bytes trade(uint32_t at, noh_bytes bytes)
{
	pthread_mutex_lock(&slots[at].lock);
	noh_bytes former = slots[at].bytes;
	slots[at].bytes = bytes;
	pthread_mutex_unlock(&slots[at].lock);
	return former;
}

static void must_be_whole(noh_bytes bytes)
{
	for (size_t i = 1; i < bytes.size; i++) {
		if (bytes.at[i] != bytes.at[0]) {
			printf("a slice changed while it was held\n");
			exit(1);
		}
	}
}

static void count_drop(void *memory)
{
	ck_pr_inc_32(&dropped);
	free(memory);
}

static noh_bytes fresh(struct noh_buffer **buffer, uint32_t random)
{
	if (random % 4 == 0) {
		void *memory = malloc(SLICE);
		memset(memory, (int)random, SLICE);
		ck_pr_inc_32(&made);
		return bytes_wrap(memory, SLICE, count_drop, memory);
	}
	if (buffer_room(*buffer) < SLICE && !buffer_rewind(*buffer)) {
		buffer_release(*buffer);
		*buffer = buffer_create(8 * SLICE);
	}
	memset(buffer_data(*buffer), (int)random, SLICE);
	return buffer_take(*buffer, SLICE);
}

static void *share(void *seed)
{
	uint32_t random_state = (uint32_t)(uintptr_t)seed;
	struct noh_buffer *buffer = buffer_create(8 * SLICE);

	for (int round = 0; round < ROUNDS; round++) {
		uint32_t random = next_random(&random_state);
		noh_bytes got = trade(random % SLOTS, fresh(&buffer, random));
		noh_bytes part = bytes_slice(got, 1, SLICE / 2);
		must_be_whole(got);
		bytes_release(trade(next_random(&random_state) % SLOTS, got));
		must_be_whole(part);
		bytes_release(part);
	}
	buffer_release(buffer);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slots[i].lock, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, share, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < SLOTS; i++)
		bytes_release(trade(i, (noh_bytes){0}));

	if (made != dropped) {
		printf("%u buffers made, %u dropped\n", made, dropped);
		return 1;
	}
	printf("%u buffers dropped once each\n", dropped);
	return 0;
}
