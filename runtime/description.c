/* The registry of messages: checks each description once and gives it its id. Knows no bodies. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mailbox/pool.h"
#include "runtime/field.h"
#include "runtime/message.h"

enum {
	DEEPEST = 16,      // messages within messages
	LARGEST = 1 << 20, // bytes of one struct; what is larger belongs into bytes or a list
	NAMES = 2 * MESSAGE_TYPES // places of the hash table
};

struct message_info message_infos[MESSAGE_TYPES];

// Guards what follows and the writing of message_infos.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t count;
static uint16_t ids_by_name[NAMES]; // linear probing; 0 is free

// Why a description cannot be.
struct problem {
	int err;
	char text[2048];
};

__attribute__((format(printf, 3, 4))) static uint32_t refuse(struct problem *problem, int err,
							     const char *format, ...)
{
	va_list arguments;

	problem->err = err;
	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	return 0;
}

_Noreturn static void die(const struct problem *problem)
{
	fprintf(stderr, "noh: %s\n", problem->text);
	abort();
}

static uint16_t *place_of(const char *name)
{
	uint32_t hash = 2166136261;
	for (const char *at = name; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619;

	uint32_t place = hash % NAMES;
	while (ids_by_name[place] && strcmp(message_infos[ids_by_name[place]].type.name, name))
		place = (place + 1) % NAMES;
	return &ids_by_name[place];
}

// The fields as a declaration would give them, from the table, which hand-made descriptions have
// too.
static char *signature_of(const struct noh_message_type *type)
{
	static const char *const kinds[] = {"",    "u64",   "i64",   "f64",  "flag",
					    "str", "bytes", "actor", "conn", "owned"};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		die(&(struct problem){.text = "out of memory"});

	for (const struct noh_field *field = type->fields; field->name; field++) {
		bool is_list = field->shape == NOH_SHAPE_list;
		fputs(field == type->fields ? "(" : ", (", out);
		if (field->kind == NOH_KIND_message)
			fprintf(out, "%s, %s", is_list ? "many" : "one", field->of->name);
		else
			fprintf(out, "%s%s", is_list ? "list, " : "", kinds[field->kind]);
		fprintf(out, ", %s)", field->name);
	}
	fclose(out);
	return text;
}

// Signatures of one declaration differ in blanks where two files were formatted differently.
static bool same_but_for_blanks(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == ' ')
			a++;
		while (*b == ' ')
			b++;
		if (*a != *b)
			return false;
		if (!*a)
			return true;
	}
}

static uint32_t refuse_namesake(struct problem *problem, const struct message_info *info,
				const char *signature, const struct noh_message_type *answer)
{
	const struct noh_message_type *known = info->type.answer;

	return refuse(problem, -EEXIST, "two messages are called %s: {%s}%s%s and {%s}%s%s",
		      info->type.name, info->type.signature, known ? " -> " : "",
		      known ? known->name : "", signature, answer ? " -> " : "",
		      answer ? answer->name : "");
}

static bool lies_alike(const struct noh_message_type *a, const struct noh_message_type *b)
{
	if (a->size != b->size)
		return false;
	for (const struct noh_field *x = a->fields, *y = b->fields; x->name; x++, y++) {
		if (x->offset != y->offset)
			return false;
	}
	return true;
}

static bool same_answer(const struct noh_message_type *a, const struct noh_message_type *b)
{
	return a && b ? !strcmp(a->name, b->name) : a == b;
}

static size_t field_align(const struct noh_field *field)
{
	if (field->kind == NOH_KIND_message)
		return message_info(field->of->id)->align;
	return field->kind == NOH_KIND_flag ? 1 : _Alignof(void *);
}

static uint32_t intern(const struct noh_message_type *type, int depth, struct problem *problem);

// Everything that the functions of message.h take for granted.
static bool check(const struct noh_message_type *type, int depth, struct problem *problem)
{
	const char *name = type->name;

	if (!name || !*name)
		return refuse(problem, -EINVAL, "a message has no name");
	if (type->abi != NOH_ABI)
		return refuse(problem, -EINVAL,
			      "message %s was compiled for abi %u of the library, this is %u", name,
			      type->abi, NOH_ABI);
	if (depth > DEEPEST)
		return refuse(problem, -EINVAL, "message %s lies more than %d messages deep", name,
			      DEEPEST);
	if (!type->fields)
		return refuse(problem, -EINVAL, "message %s has no table of fields", name);
	if (type->size > LARGEST)
		return refuse(problem, -EINVAL, "message %s has %u bytes, more than %d", name,
			      type->size, LARGEST);

	for (const struct noh_field *field = type->fields; field->name; field++) {
		if (field->kind == NOH_KIND_message) {
			if (!field->of)
				return refuse(
					problem, -EINVAL,
					"field %s of message %s does not say of which message",
					field->name, name);
			if (!intern(field->of, depth + 1, problem))
				return false;
		}

		size_t size = field_element_size(field), align = field_align(field);
		if (field->kind == NOH_KIND_message && !size)
			return refuse(problem, -EINVAL,
				      "field %s of message %s is of %s, which has no fields",
				      field->name, name, field->of->name);
		if (!size)
			return refuse(problem, -EINVAL, "field %s of message %s has no kind (%d)",
				      field->name, name, (int)field->kind);
		if (field->shape != NOH_SHAPE_plain && field->shape != NOH_SHAPE_list)
			return refuse(problem, -EINVAL, "field %s of message %s has no shape (%d)",
				      field->name, name, (int)field->shape);

		if (field->shape == NOH_SHAPE_list) {
			size = sizeof(struct elements);
			align = _Alignof(void *);
		}
		if (size > type->size || field->offset > type->size - size)
			return refuse(problem, -EINVAL, "field %s of message %s lies outside of it",
				      field->name, name);
		if (field->offset % align || type->size % align)
			return refuse(problem, -EINVAL, "field %s of message %s is not aligned",
				      field->name, name);
	}

	return !type->answer || intern(type->answer, depth + 1, problem);
}

static char *copied(const char *text)
{
	size_t size = strlen(text) + 1;
	return memcpy(must_allocate(size), text, size);
}

static bool is_flat(const struct noh_field *field)
{
	if (field->shape == NOH_SHAPE_list)
		return false;
	if (field->kind == NOH_KIND_message)
		return message_info(field->of->id)->flat;
	return field->kind != NOH_KIND_str && field->kind != NOH_KIND_bytes &&
	       field->kind != NOH_KIND_owned;
}

// Where the bytes are, if whoever copies needs to see to nothing else.
static void note_bytes(struct message_info *info)
{
	uint8_t count = 0;

	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		if (is_flat(field))
			continue;
		if (field->kind != NOH_KIND_bytes || field->shape == NOH_SHAPE_list ||
		    field->offset > UINT16_MAX || count == BYTES_KNOWN)
			return;
		info->bytes_at[count++] = (uint16_t)field->offset;
	}
	info->bytes = count;
}

static void fill(struct message_info *info, uint32_t id, const struct noh_message_type *type,
		 const char *signature)
{
	size_t fields = 1;
	for (const struct noh_field *field = type->fields; field->name; field++)
		fields++;
	struct noh_field *copies = must_allocate_zeroed(fields * sizeof(*copies));

	info->flat = true;
	info->align = 1;
	for (size_t i = 0; i + 1 < fields; i++) {
		struct noh_field *field = &copies[i];

		*field = type->fields[i];
		field->name = copied(field->name);
		if (field->kind == NOH_KIND_message) {
			const struct message_info *inner = message_info(field->of->id);
			field->of = &inner->type;
			info->holds |= inner->holds;
		} else {
			field->of = NULL;
		}

		if (info->align < field_align(field) || field->shape == NOH_SHAPE_list)
			info->align = _Alignof(void *);
		bool holds = field->kind == NOH_KIND_bytes || field->kind == NOH_KIND_owned;
		info->holds |= holds;
		info->flat &= is_flat(field);
	}

	if (info->flat && type->size <= 32 && type->size % sizeof(uint64_t) == 0)
		info->words = (uint8_t)(type->size / sizeof(uint64_t) + 1);
	info->type = (struct noh_message_type){
		.abi = NOH_ABI,
		.id = id,
		.name = copied(type->name),
		.signature = signature,
		.size = type->size,
		.words_id = info->words ? id : 0,
		.fields = copies,
		.answer = type->answer ? &message_info(type->answer->id)->type : NULL};
	note_bytes(info);
}

// The lock is held. Returns 0 and says why if the description cannot be.
static uint32_t intern(const struct noh_message_type *type, int depth, struct problem *problem)
{
	if (type->id)
		return type->id;
	if (!check(type, depth, problem))
		return 0;

	char *signature = signature_of(type);
	if (type->signature && !same_but_for_blanks(type->signature, signature)) {
		refuse(problem, -EINVAL, "message %s says it is {%s} and is {%s}", type->name,
		       type->signature, signature);
		free(signature);
		return 0;
	}

	uint16_t *place = place_of(type->name);
	uint32_t id = *place;
	if (id) {
		const struct message_info *known = message_info(id);
		bool same = !strcmp(known->type.signature, signature) &&
			    same_answer(known->type.answer, type->answer);
		if (!same)
			refuse_namesake(problem, known, signature, type->answer);
		else if (!(same = lies_alike(&known->type, type)))
			refuse(problem, -EEXIST,
			       "two messages called %s have the same fields in other places",
			       type->name);
		free(signature);
		if (!same)
			return 0;
	} else {
		if (count + 1 == MESSAGE_TYPES) {
			free(signature);
			return refuse(problem, -ENOSPC, "no more than %d messages, not for %s",
				      MESSAGE_TYPES - 1, type->name);
		}
		id = ++count;
		fill(&message_infos[id], id, type, signature);
		*place = (uint16_t)id;
	}

	// Pairs with noh_message_id() and send_words(). A description is const to all but this.
	if (message_info(id)->words)
		__atomic_store_n((uint32_t *)(uintptr_t)&type->words_id, id, __ATOMIC_RELEASE);
	__atomic_store_n((uint32_t *)(uintptr_t)&type->id, id, __ATOMIC_RELEASE);
	return id;
}

uint32_t noh_message_intern(const struct noh_message_type *type)
{
	struct problem problem;

	pthread_mutex_lock(&lock);
	uint32_t id = intern(type, 1, &problem);
	pthread_mutex_unlock(&lock);
	if (!id)
		die(&problem);
	return id;
}

int noh_message_create(const char *name, size_t size, const struct noh_field *fields,
		       const struct noh_message_type *answer,
		       const struct noh_message_type **ret_type)
{
	struct noh_message_type type = {
		.abi = NOH_ABI,
		.name = name,
		.size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX, // refused as too large
		.fields = fields,
		.answer = answer};
	struct problem problem;

	pthread_mutex_lock(&lock);
	uint32_t id = intern(&type, 1, &problem);
	pthread_mutex_unlock(&lock);
	if (!id) {
		fprintf(stderr, "noh: %s\n", problem.text);
		return problem.err;
	}
	*ret_type = &message_info(id)->type;
	return 0;
}

void noh_messages_seen(const struct noh_message_seen *first, const struct noh_message_seen *end)
{
	for (const struct noh_message_seen *seen = first; seen < end; seen++) {
		const struct message_info *info = message_info(noh_message_id(seen->type));
		struct problem problem;

		if (same_but_for_blanks(info->type.signature, seen->signature))
			continue;
		refuse_namesake(&problem, info, seen->signature, info->type.answer);
		die(&problem);
	}
}
