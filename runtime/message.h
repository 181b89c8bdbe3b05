/* Messages by their descriptions: how large a deep copy is, made, released, shown and compared.
 * Knows no envelopes and no actors. */
#ifndef NOH_RUNTIME_MESSAGE_H
#define NOH_RUNTIME_MESSAGE_H

#include <string.h>

#include <noh/message.h>

/* Ids go from 1 to this one less. */
enum { MESSAGE_TYPES = 1 << 14, BYTES_KNOWN = 4 };

/* What is known of a message by its id. Written once, before the id is given out. */
struct message_info {
	// A copy of the description, down to its strings: the program's own may be unloaded.
	struct noh_message_type type;

	bool flat;     // its bytes are all of it: a memcpy copies it, and nothing is to be released
	uint8_t words; // flat, and this many words of 8 bytes, at most 4, plus 1; else 0
	bool holds;    // has bytes or owned somewhere: its copies must be released
	uint8_t align; // of its struct
	uint8_t bytes; // so many fields are bytes, at these offsets, and all else is flat; else 0
	uint16_t bytes_at[BYTES_KNOWN];
} __attribute__((aligned(64)));

// All of them, so that a look-up is an address. Pages that no id has reached cost nothing.
_Static_assert(sizeof(struct message_info) == 64, "of a cache line");
extern struct message_info message_infos[MESSAGE_TYPES];

/* Any thread. The id comes from noh_message_id(). */
static inline const struct message_info *message_info(uint32_t id)
{
	return &message_infos[id];
}

// For messages that are not flat; called through the inline ones below.
size_t message_deep_size(const struct message_info *info, const void *body);
void message_deep_copy(const struct message_info *info, void *block, const void *body, size_t gap);
void message_deep_release(const struct message_info *info, const void *body);

/* How many bytes a deep copy takes: the struct, then its strings and lists. */
static inline size_t message_size(const struct message_info *info, const void *body)
{
	return info->flat ? info->type.size : message_deep_size(info, body);
}

static inline void message_copy_ends(void *block, const void *body, size_t size, size_t end)
{
	memcpy(block, body, end);
	memcpy((char *)block + size - end, (const char *)body + size - end, end);
}

/* What a message takes altogether, also in the bytes that it shares. The same for a message and for
 * its copy. */
size_t message_deep_weight(const struct message_info *info, const void *body);
static inline size_t message_weight(const struct message_info *info, const void *body)
{
	return info->flat ? info->type.size : message_deep_weight(info, body);
}

/* Makes a deep copy in `block`, which has message_size() bytes aligned to 8, and needs nothing of
 * the original. A NULL str becomes "". Bytes are retained, or copied if nobody owns them. Each
 * owned moves into the copy: the original must not drop it any more. */
static inline void message_copy(const struct message_info *info, void *block, const void *body)
{
	size_t size = info->type.size;

	// Most messages are two to four words: the first half and the last, which may overlap, cost
	// less than a call.
	if (!info->flat) {
		message_deep_copy(info, block, body, 0);
	} else if (size >= 8 && size <= 16) {
		message_copy_ends(block, body, size, 8);
	} else if (size > 16 && size <= 32) {
		message_copy_ends(block, body, size, 16);
	} else if (body) { // without fields there may be none
		memcpy(block, body, size);
	}
}

/* A copy with a word of its own behind the struct, for what travels with the message: where it is
 * in the block, and what the block must hold. */
static inline size_t message_word_at(const struct message_info *info)
{
	return (info->type.size + 7) & ~(size_t)7;
}

static inline size_t message_size_with_word(const struct message_info *info, const void *body)
{
	return (info->flat ? message_word_at(info) : message_deep_size(info, body)) + 8;
}

static inline void message_copy_with_word(const struct message_info *info, void *block,
					  const void *body)
{
	if (info->flat)
		message_copy(info, block, body);
	else
		message_deep_copy(info, block, body, 8);
}

/* Releases what a copy holds, before its block is freed: bytes, and owned by their `drop`. */
static inline void message_release(const struct message_info *info, const void *body)
{
	if (info->holds)
		message_deep_release(info, body);
}

/* Drops each owned and leaves the rest: for a message that was to be sent and never was copied. */
void message_drop_owned(const struct message_info *info, const void *body);

/* True if it has an owned somewhere, which can be in one copy only. */
bool message_moves(const struct message_info *info);

/* Clears each owned of a copy, after another copy was made of it that has them now. */
void message_disown(const struct message_info *info, void *body);

/* Writes an actor as text into `buffer`, NUL-terminated. */
typedef void (*message_actor_fn)(noh_actor who, char *buffer, size_t size);

/* Shows a message: `booked{serial: 7, text: "odd", by: bank@3, sums: [1, -1]}`. Strings are cut at
 * 64 bytes, bytes at 16. `actor` may be NULL. Writes at most `size` bytes, the last a NUL; ends in
 * "..." if that was too few. Returns the length written. */
size_t message_print(const struct message_info *info, const void *body, message_actor_fn actor,
		     char *buffer, size_t size);

/* True if both say the same: str and bytes by content, owned by address, f64 by value or both NaN.
 */
bool message_equal(const struct message_info *info, const void *a, const void *b);

#endif
