/* Births and deliveries of a simulated run, without anything in them that differs between two runs
 * of one seed: no slots, addresses or ids of types. */
#include "runtime/history.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/post.h"

void history_finish(struct history *history)
{
	free(history->numbers);
	free(history->born);
}

static void add(struct history *history, uint64_t word)
{
	struct random mixer;
	random_init(&mixer, history->hash ^ word);
	history->hash = random_next(&mixer);
}

static void add_name(struct history *history, const char *name)
{
	uint64_t hash = 0xcbf29ce484222325; // FNV-1a
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	add(history, hash);
}

// ---- numbers

static struct numbered *place_of(const struct history *history, uint64_t handle)
{
	uint32_t mask = history->numbers_room - 1;
	uint32_t i = (uint32_t)(handle * 0x9e3779b97f4a7c15 >> 32) & mask;
	while (history->numbers[i].handle && history->numbers[i].handle != handle)
		i = (i + 1) & mask;
	return &history->numbers[i];
}

static void grow(struct history *history)
{
	struct numbered *former = history->numbers;
	uint32_t former_room = history->numbers_room;

	history->numbers_room = former_room ? 2 * former_room : 64;
	history->numbers = must_allocate_zeroed(history->numbers_room * sizeof(*former));
	for (uint32_t i = 0; i < former_room; i++)
		if (former[i].handle)
			*place_of(history, former[i].handle) = former[i];
	free(former);
}

uint64_t history_number(struct history *history, uint64_t handle)
{
	if (!handle)
		return 0;
	if (history->numbers_count * 4 >= history->numbers_room * 3)
		grow(history);
	struct numbered *numbered = place_of(history, handle);
	if (!numbered->handle)
		*numbered = (struct numbered){.handle = handle, .number = ++history->numbers_count};
	return numbered->number;
}

// ---- births

void history_meet(struct history *history, const struct slot *slot)
{
	// Nobody lives here as long as there is no type; who has begun has been met.
	if (slot_state(slot) != SLOT_FREE || !slot->type)
		return;
	uint64_t handle = slot_handle(slot), number = history_number(history, handle);
	struct numbered *numbered = place_of(history, handle);
	if (numbered->is_born)
		return; // its first turn was spent on mail for the former tenant

	numbered->is_born = true;
	if (history->born_count == history->born_room) {
		history->born_room = history->born_room ? 2 * history->born_room : 64;
		history->born =
			must_reallocate(history->born, history->born_room * sizeof(*history->born));
	}
	history->born[history->born_count++] = handle;
	add(history, number);
	add_name(history, slot->type->name ? slot->type->name : "");
}

// ---- deliveries

void history_note(struct history *history, uint64_t now_ns, const struct slot *slot,
		  const struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);
	uint32_t id = post_id(envelope);

	history->deliveries++;
	add(history, now_ns);
	add(history, history_number(history, envelope->sender));
	add(history, history_number(history, slot_handle(slot)));
	add(history, (uint64_t)kind << 32 | (kind == POST_CONTROL ? id : 0));
	if (kind != POST_CONTROL && id) {
		const char *name = message_info(id)->type.name;
		add_name(history, name ? name : "");
	}
}

void history_forget_the_dead(struct history *history)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < history->born_count; i++)
		if (slot_if_alive(history->born[i]))
			history->born[count++] = history->born[i];
	history->born_count = count;
}
