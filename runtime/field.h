/* What a message's fields are in memory, kind by kind. Knows no whole messages. */
#ifndef NOH_RUNTIME_FIELD_H
#define NOH_RUNTIME_FIELD_H

#include <string.h>

#include <noh/message.h>

/* The size of one element of a field, which is all of it if it is plain; 0 for a kind that is none.
 */
static inline size_t field_element_size(const struct noh_field *field)
{
	static const uint8_t sizes[] = {
		[NOH_KIND_u64] = sizeof(noh_u64),     [NOH_KIND_i64] = sizeof(noh_i64),
		[NOH_KIND_f64] = sizeof(noh_f64),     [NOH_KIND_flag] = sizeof(noh_flag),
		[NOH_KIND_str] = sizeof(noh_str),     [NOH_KIND_bytes] = sizeof(noh_bytes),
		[NOH_KIND_actor] = sizeof(noh_actor), [NOH_KIND_conn] = sizeof(noh_conn),
		[NOH_KIND_owned] = sizeof(noh_owned),
	};

	if (field->kind == NOH_KIND_message)
		return field->of->size;
	return (size_t)field->kind < sizeof(sizes) ? sizes[field->kind] : 0;
}

/* The elements of a field in a message: one if it is plain. */
struct elements {
	const char *at;
	size_t count;
};

static inline struct elements field_elements(const struct noh_field *field, const void *body)
{
	const char *at = (const char *)body + field->offset;
	if (field->shape == NOH_SHAPE_plain)
		return (struct elements){at, 1};

	// By memcpy, here and wherever a value is read: to the compiler each list and each message
	// is a type of its own.
	struct elements list;
	memcpy(&list, at, sizeof(list));
	return list;
}

#endif
