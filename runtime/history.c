/* Births and deliveries of a simulated run, without anything in them that differs between two runs
 * of one seed: no slots, addresses or ids of types. */
#include "runtime/history.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/post.h"

void history_finish(struct history *history)
{
	free(history->births);
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

static struct birth *birth_in(struct history *history, uint32_t index)
{
	uint32_t former = history->births_room, room = former ? former : 64;

	while (room <= index)
		room *= 2;
	if (room != former) {
		history->births = must_reallocate(history->births, room * sizeof(*history->births));
		memset(history->births + former, 0, (room - former) * sizeof(*history->births));
		history->births_room = room;
	}
	return &history->births[index];
}

// 0: nobody, or gone, or not of this run.
static uint32_t number_of(const struct history *history, uint64_t handle)
{
	uint32_t index = handle_index(handle);
	if (!handle || index >= history->births_room ||
	    history->births[index].generation != handle_generation(handle))
		return 0;
	return history->births[index].number;
}

void history_meet(struct history *history, const struct slot *slot)
{
	struct birth *birth = birth_in(history, slot_index(slot));
	if (birth->number && birth->generation == slot->generation)
		return;

	*birth = (struct birth){.generation = slot->generation, .number = ++history->number};
	if (history->born_count == history->born_room) {
		history->born_room = history->born_room ? 2 * history->born_room : 64;
		history->born =
			must_reallocate(history->born, history->born_room * sizeof(*history->born));
	}
	history->born[history->born_count++] = slot_handle(slot);
	// Without a type it is somebody to come: mail for the former tenant came first.
	if (slot->type)
		add_name(history, slot->type->name ? slot->type->name : "");
}

void history_note(struct history *history, uint64_t now_ns, const struct slot *slot,
		  const struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);
	uint32_t id = post_id(envelope);

	history->deliveries++;
	add(history, now_ns);
	add(history, (uint64_t)number_of(history, envelope->sender) << 32 |
			     number_of(history, slot_handle(slot)));
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
