/* Deep copies of messages by their descriptions: how large, made, released, compared. Knows no
 * envelopes. A copy is one block: the struct, then its strings and lists, each padded to 8. */
#include "runtime/message.h"

#include "mailbox/bytes.h"
#include "mailbox/drop.h"
#include "runtime/field.h"

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static const struct message_info *inner(const struct noh_field *field)
{
	return message_info(field->of->id);
}

// An element with nothing beside its own bytes.
static bool is_flat(const struct noh_field *field)
{
	switch (field->kind) {
	case NOH_KIND_str:
	case NOH_KIND_bytes:
	case NOH_KIND_owned:
		return false;
	case NOH_KIND_message:
		return inner(field)->flat;
	default:
		return true;
	}
}

// ---- copying

// What the strings and lists of a body take behind its struct.
static size_t size_behind(const struct message_info *info, const void *body)
{
	size_t size = 0;

	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		size_t step = field_element_size(field);
		struct elements each = field_elements(field, body);

		if (field->shape == NOH_SHAPE_list)
			size += padded(each.count * step);
		if (is_flat(field))
			continue;
		for (const char *end = each.at + each.count * step; each.at < end;
		     each.at += step) {
			if (field->kind == NOH_KIND_message) {
				size += size_behind(inner(field), each.at);
			} else if (field->kind == NOH_KIND_str) {
				noh_str text;
				memcpy(&text, each.at, sizeof(text));
				size += text ? padded(strlen(text) + 1) : 0;
			}
		}
	}
	return size;
}

size_t message_deep_size(const struct message_info *info, const void *body)
{
	return padded(info->type.size) + (info->bytes ? 0 : size_behind(info, body));
}

static size_t weight_behind(const struct message_info *info, const void *body)
{
	size_t weight = 0;

	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		size_t step = field_element_size(field);
		struct elements each = field_elements(field, body);

		if (field->shape == NOH_SHAPE_list)
			weight += each.count * step;
		if (is_flat(field))
			continue;
		for (const char *end = each.at + each.count * step; each.at < end;
		     each.at += step) {
			if (field->kind == NOH_KIND_message) {
				weight += weight_behind(inner(field), each.at);
			} else if (field->kind == NOH_KIND_str) {
				noh_str text;
				memcpy(&text, each.at, sizeof(text));
				weight += text ? strlen(text) : 0;
			} else if (field->kind == NOH_KIND_bytes) {
				noh_bytes bytes;
				memcpy(&bytes, each.at, sizeof(bytes));
				weight += bytes.size;
			}
		}
	}
	return weight;
}

size_t message_deep_weight(const struct message_info *info, const void *body)
{
	return info->type.size + weight_behind(info, body);
}

static char *copy_string(char *at, char *room)
{
	noh_str text;
	memcpy(&text, at, sizeof(text));
	if (!text) {
		text = "";
		memcpy(at, &text, sizeof(text));
		return room;
	}

	size_t size = strlen(text) + 1;
	memcpy(room, text, size);
	memcpy(at, &room, sizeof(room));
	return room + padded(size);
}

static void hold_bytes(char *at)
{
	noh_bytes bytes;
	memcpy(&bytes, at, sizeof(bytes));
	bytes = bytes_hold(bytes);
	memcpy(at, &bytes, sizeof(bytes));
}

// Gives `copy`, so far a copy of the struct's bytes, strings, lists and references of its own. They
// go to `room`; returns where that goes on.
static char *copy_behind(const struct message_info *info, char *copy, char *room)
{
	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		size_t step = field_element_size(field);
		struct elements each = field_elements(field, copy);
		char *at = copy + field->offset;

		if (field->shape == NOH_SHAPE_list) {
			if (each.count)
				memcpy(room, each.at, each.count * step);
			each.at = room;
			memcpy(at, &each, sizeof(each));
			at = room;
			room += padded(each.count * step);
		}
		if (is_flat(field))
			continue;
		for (char *end = at + each.count * step; at < end; at += step) {
			if (field->kind == NOH_KIND_message)
				room = copy_behind(inner(field), at, room);
			else if (field->kind == NOH_KIND_str)
				room = copy_string(at, room);
			else if (field->kind == NOH_KIND_bytes)
				hold_bytes(at);
		}
	}
	return room;
}

void message_deep_copy(const struct message_info *info, void *block, const void *body, size_t gap)
{
	memcpy(block, body, info->type.size);
	for (uint32_t i = 0; i < info->bytes; i++)
		hold_bytes((char *)block + info->bytes_at[i]);
	if (!info->bytes)
		copy_behind(info, block, (char *)block + padded(info->type.size) + gap);
}

// ---- letting go

enum { RELEASE_BYTES = 1, DROP_OWNED = 2, CLEAR_OWNED = 4 };

static void let_go_of_owned(char *at, int what)
{
	noh_owned owned;
	memcpy(&owned, at, sizeof(owned));
	if (what & DROP_OWNED && owned.ptr && owned.drop)
		call_drop(owned.drop, owned.ptr);
	if (what & CLEAR_OWNED)
		memset(at, 0, sizeof(owned));
}

static void release_bytes(const char *at)
{
	noh_bytes bytes;
	memcpy(&bytes, at, sizeof(bytes));
	bytes_release(bytes);
}

static void let_go(const struct message_info *info, char *body, int what)
{
	if (!info->holds)
		return;
	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		bool holds = field->kind == NOH_KIND_bytes || field->kind == NOH_KIND_owned ||
			     field->kind == NOH_KIND_message;
		if (!holds)
			continue;

		size_t step = field_element_size(field);
		struct elements each = field_elements(field, body);
		char *at = (char *)(uintptr_t)each.at;
		for (char *end = at + each.count * step; at < end; at += step) {
			if (field->kind == NOH_KIND_message) {
				let_go(inner(field), at, what);
			} else if (field->kind == NOH_KIND_owned) {
				let_go_of_owned(at, what);
			} else if (what & RELEASE_BYTES) {
				release_bytes(at);
			}
		}
	}
}

void message_deep_release(const struct message_info *info, const void *body)
{
	for (uint32_t i = 0; i < info->bytes; i++)
		release_bytes((const char *)body + info->bytes_at[i]);
	if (!info->bytes)
		let_go(info, (char *)(uintptr_t)body, RELEASE_BYTES | DROP_OWNED);
}

void message_drop_owned(const struct message_info *info, const void *body)
{
	let_go(info, (char *)(uintptr_t)body, DROP_OWNED);
}

bool message_moves(const struct message_info *info)
{
	if (!info->holds)
		return false;
	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		if (field->kind == NOH_KIND_owned ||
		    (field->kind == NOH_KIND_message && message_moves(inner(field))))
			return true;
	}
	return false;
}

void message_disown(const struct message_info *info, void *body)
{
	let_go(info, body, CLEAR_OWNED);
}

// ---- comparing

static bool equal_elements(const struct noh_field *field, const char *a, const char *b)
{
	switch (field->kind) {
	case NOH_KIND_message:
		return message_equal(inner(field), a, b);
	case NOH_KIND_str: {
		noh_str x, y;
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return !strcmp(x ? x : "", y ? y : "");
	}
	case NOH_KIND_bytes: {
		noh_bytes x, y;
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return x.size == y.size && (!x.size || !memcmp(x.at, y.at, x.size));
	}
	case NOH_KIND_f64: {
		noh_f64 x, y;
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return x == y || (x != x && y != y); // both NaN
	}
	case NOH_KIND_owned: {
		noh_owned x, y;
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return x.ptr == y.ptr;
	}
	default: // numbers and handles, without padding
		return !memcmp(a, b, field_element_size(field));
	}
}

bool message_equal(const struct message_info *info, const void *a, const void *b)
{
	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		size_t step = field_element_size(field);
		struct elements x = field_elements(field, a), y = field_elements(field, b);

		if (x.count != y.count)
			return false;
		for (size_t i = 0; i < x.count; i++) {
			if (!equal_elements(field, x.at + i * step, y.at + i * step))
				return false;
		}
	}
	return true;
}
