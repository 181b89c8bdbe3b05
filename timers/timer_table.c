/* The table of timers: its range of addresses, and the free ones. Knows not what a timer does. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/growing.h"
#include "timers/timer.h"

enum { CACHE_BATCH = 128 }; // timers that move between a keeper and the table at once

struct timer *timer_table;
uint32_t timer_table_end;

static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct timer *table_free; // guarded by table_lock
static struct growing table;     // likewise
static uint32_t table_fresh = 1; // timers from here to the end have never been used

static _Noreturn void give_up(const char *why)
{
	fprintf(stderr, "noh: cannot make timers: %s\n", why);
	abort();
}

static void reserve_table(void)
{
	int err = growing_reserve(&table, (size_t)TIMER_LIMIT * sizeof(struct timer));
	if (err)
		give_up(strerror(-err));
	timer_table = (struct timer *)(void *)table.at;
}

// With the table's lock held.
static struct timer *take_fresh(void)
{
	if (table_fresh >= timer_table_end) {
		if (table.usable == table.bytes)
			give_up("67 million of them are in use");
		int err = growing_grow(&table);
		if (err)
			give_up(strerror(-err));
		// Pairs with timer_find(): an id that names a new timer was made after this.
		store_release_32(&timer_table_end, (uint32_t)(table.usable / sizeof(struct timer)));
	}
	struct timer *timer = &timer_table[table_fresh];
	table_fresh++;
	return timer;
}

void timer_refill(struct timekeeper *keeper)
{
	pthread_once(&table_once, reserve_table);
	pthread_mutex_lock(&table_lock);
	while (keeper->free_count < CACHE_BATCH) {
		struct timer *timer = table_free;
		if (timer)
			table_free = timer->next;
		else
			timer = take_fresh();
		timer->next = keeper->free;
		keeper->free = timer;
		keeper->free_count++;
	}
	pthread_mutex_unlock(&table_lock);
}

static void spill(struct timekeeper *keeper, uint32_t keep)
{
	pthread_mutex_lock(&table_lock);
	while (keeper->free_count > keep) {
		struct timer *timer = keeper->free;
		keeper->free = timer->next;
		keeper->free_count--;
		timer->next = table_free;
		table_free = timer;
	}
	pthread_mutex_unlock(&table_lock);
}

void timer_give_back(struct timer *timer)
{
	pthread_mutex_lock(&table_lock);
	timer->next = table_free;
	table_free = timer;
	pthread_mutex_unlock(&table_lock);
}

void timer_spill(struct timekeeper *keeper)
{
	spill(keeper, TIMERS_AT_HAND - CACHE_BATCH);
}

void timer_flush(struct timekeeper *keeper)
{
	spill(keeper, 0);
}
