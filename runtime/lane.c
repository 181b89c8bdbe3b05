/* The lane: a ring of messages under a lock, with an index by key where newer ones replace older
 * ones. */
#include "runtime/lane.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/dead.h"
#include "runtime/field.h"

// What a message is about: messages of one key replace each other.
struct key {
	uint64_t value;
	uint32_t id; // of the message's type; 0: the user's own key, whatever the type
};

struct place {
	struct envelope *envelope; // NULL: it was taken out of the middle
	struct key key;
};

// Messages are numbered as they come; number n lies in place n & mask.
struct message_ring {
	struct place *places;
	uint64_t *index;      // of twice as many entries: number + 1 of who has the key; 0: free
	uint32_t room;        // a power of two, or 0
	uint64_t first, next; // numbers: of the oldest, and of the one to come
	uint64_t count;       // without those that were taken out of the middle
	uint64_t bytes;
};

struct lane {
	pthread_mutex_t lock;
	struct message_ring ring;
	uint64_t tokens; // on their way
};

struct lane *lane_create(void)
{
	struct lane *lane = must_allocate_zeroed(sizeof(*lane));
	pthread_mutex_init(&lane->lock, NULL);
	return lane;
}

static struct place *place_of(const struct message_ring *ring, uint64_t number)
{
	return &ring->places[number & (ring->room - 1)];
}

// ---- keys

static struct key default_key(const struct message_info *info, const void *body)
{
	const struct noh_field *field = info->type.fields;
	struct key key = {.id = info->type.id};

	bool is_number = field->name && field->shape == NOH_SHAPE_plain &&
			 (field->kind == NOH_KIND_u64 || field->kind == NOH_KIND_i64 ||
			  field->kind == NOH_KIND_actor || field->kind == NOH_KIND_conn);
	if (is_number)
		memcpy(&key.value, (const char *)body + field->offset, sizeof(key.value));
	return key;
}

static struct key key_of(const struct bound *bound, const struct envelope *envelope)
{
	const struct message_info *info = message_info(post_id(envelope));
	noh_key_fn key = (noh_key_fn)ck_pr_load_ptr(&bound->key);
	struct noh_delivery message = {.id = info->type.id, .body = envelope->body};
	return key ? (struct key){.value = key(&message)} : default_key(info, envelope->body);
}

static bool same_key(struct key a, struct key b)
{
	return a.value == b.value && a.id == b.id;
}

static uint32_t home_of(const struct message_ring *ring, struct key key)
{
	uint64_t mixed = (key.value ^ (uint64_t)key.id << 48) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(mixed >> 32) & (2 * ring->room - 1);
}

// Where the key is in the index, or would be.
static uint32_t index_of(const struct message_ring *ring, struct key key)
{
	uint32_t i = home_of(ring, key);
	while (ring->index[i] && !same_key(place_of(ring, ring->index[i] - 1)->key, key))
		i = (i + 1) & (2 * ring->room - 1);
	return i;
}

// Takes a number out of the index and moves those behind it up, so that every look-up still ends.
static void index_remove(struct message_ring *ring, uint64_t number)
{
	uint32_t mask = 2 * ring->room - 1, hole = index_of(ring, place_of(ring, number)->key);
	if (ring->index[hole] != number + 1)
		return; // it came while another policy was in force

	for (uint32_t i = (hole + 1) & mask; ring->index[i]; i = (i + 1) & mask) {
		uint32_t home = home_of(ring, place_of(ring, ring->index[i] - 1)->key);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			ring->index[hole] = ring->index[i];
			hole = i;
		}
	}
	ring->index[hole] = 0;
}

// ---- the ring

// Room for one more: closes the gaps in the middle, or has twice as many places.
static void make_room(struct message_ring *ring)
{
	struct message_ring larger = *ring;
	larger.room = !ring->room ? 8 : ring->count > ring->room / 2 ? 2 * ring->room : ring->room;
	larger.places = must_allocate(larger.room * sizeof(*larger.places));
	larger.index = must_allocate_zeroed(2 * larger.room * sizeof(*larger.index));
	larger.first = larger.next = 0;
	for (uint64_t number = ring->first; number != ring->next; number++) {
		struct place *place = place_of(ring, number);
		if (!place->envelope)
			continue;
		*place_of(&larger, larger.next++) = *place;
		if (ring->index[index_of(ring, place->key)] == number + 1)
			larger.index[index_of(&larger, place->key)] = larger.next;
	}
	free(ring->places);
	free(ring->index);
	*ring = larger;
}

static void add(struct message_ring *ring, struct envelope *envelope, struct key key, bool has_key)
{
	if (ring->next - ring->first == ring->room)
		make_room(ring);
	*place_of(ring, ring->next) = (struct place){envelope, key};
	if (has_key)
		ring->index[index_of(ring, key)] = ring->next + 1;
	ring->next++;
	ring->count++;
	ring->bytes += bound_weight(envelope);
}

static struct envelope *take_out(struct message_ring *ring, uint64_t number)
{
	struct envelope *envelope = place_of(ring, number)->envelope;

	index_remove(ring, number);
	place_of(ring, number)->envelope = NULL;
	ring->count--;
	ring->bytes -= bound_weight(envelope);
	while (ring->first != ring->next && !place_of(ring, ring->first)->envelope)
		ring->first++;
	return envelope;
}

static struct envelope *take_oldest(struct message_ring *ring)
{
	return ring->count ? take_out(ring, ring->first) : NULL;
}

// ---- sending

static void chain(struct envelope **dropped, struct envelope *envelope)
{
	envelope->next = *dropped;
	*dropped = envelope;
}

// True if the message of the same key that was queued has given its place to this one.
static bool replace(struct message_ring *ring, struct bound *bound, struct envelope *envelope,
		    struct key key, struct envelope **dropped)
{
	uint64_t number = ring->room ? ring->index[index_of(ring, key)] : 0;
	if (!number--)
		return false;

	struct envelope *older = place_of(ring, number)->envelope;
	uint64_t bytes = ring->bytes - bound_weight(older) + bound_weight(envelope);
	if (bytes > ck_pr_load_64(&bound->most_bytes)) {
		chain(dropped, take_out(ring, number)); // others have to go as well
		return false;
	}
	place_of(ring, number)->envelope = envelope;
	ring->bytes = bytes;
	chain(dropped, older);
	return true;
}

static void push_token(struct slot *slot, uint64_t to)
{
	post(slot, control_envelope(CONTROL_LANE, to, 0, NULL, 0));
}

void lane_post(struct slot *slot, struct bound *bound, struct envelope *envelope)
{
	struct lane *lane = (struct lane *)ck_pr_load_ptr(&bound->lane);
	bool has_key = ck_pr_load_32(&bound->on_full) == NOH_FULL_LATEST;
	struct key key = has_key ? key_of(bound, envelope) : (struct key){0};
	uint64_t weight = bound_weight(envelope), most = ck_pr_load_64(&bound->most_messages),
		 most_bytes = ck_pr_load_64(&bound->most_bytes);
	struct envelope *dropped = NULL;

	pthread_mutex_lock(&lane->lock);
	if (!has_key || !replace(&lane->ring, bound, envelope, key, &dropped)) {
		while (lane->ring.count &&
		       (lane->ring.count >= most || lane->ring.bytes + weight > most_bytes))
			chain(&dropped, take_oldest(&lane->ring));
		uint32_t to = envelope->to;
		add(&lane->ring, envelope, key, has_key);
		// Whoever counts a token must have sent it before the lock is free: the next sender
		// trusts in it.
		if (lane->tokens < lane->ring.count) {
			lane->tokens++;
			push_token(slot, to);
		}
	}
	pthread_mutex_unlock(&lane->lock);

	while (dropped) {
		struct envelope *older = dropped;
		dropped = older->next;
		bound_drop(slot, older, "a newer message took its place");
	}
}

// ---- taking

static struct lane *lane_of(struct slot *slot)
{
	struct bound *bound = (struct bound *)ck_pr_load_ptr(&slot->bound);
	return bound ? (struct lane *)ck_pr_load_ptr(&bound->lane) : NULL;
}

struct envelope *lane_take(struct slot *slot)
{
	struct lane *lane = lane_of(slot);

	pthread_mutex_lock(&lane->lock);
	lane->tokens--;
	struct envelope *envelope = take_oldest(&lane->ring);
	pthread_mutex_unlock(&lane->lock);
	return envelope;
}

void lane_put_off(struct slot *slot)
{
	struct lane *lane = lane_of(slot);

	pthread_mutex_lock(&lane->lock);
	lane->tokens--;
	pthread_mutex_unlock(&lane->lock);
}

void lane_begin(struct slot *slot, struct bound *bound)
{
	struct lane *lane = (struct lane *)ck_pr_load_ptr(&bound->lane);

	pthread_mutex_lock(&lane->lock);
	for (; lane->tokens < lane->ring.count; lane->tokens++)
		push_token(slot, slot_handle(slot));
	pthread_mutex_unlock(&lane->lock);
}

void lane_end(struct slot *slot, struct lane *lane)
{
	struct envelope *envelope;

	do {
		pthread_mutex_lock(&lane->lock);
		envelope = take_oldest(&lane->ring);
		pthread_mutex_unlock(&lane->lock);
		if (envelope) {
			dead_letter(slot_runtime(slot), envelope,
				    handle_of(slot_index(slot), envelope_generation(envelope)),
				    "ended before it was handled");
			envelope_free(envelope);
		}
	} while (envelope);
}
