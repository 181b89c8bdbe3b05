/* Messages as text, for traces and failed tests. Knows no log. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/field.h"
#include "runtime/message.h"

enum { STRING_SHOWN = 64, BYTES_SHOWN = 16 };

// The text so far; what does not fit any more is left out, and `cut` set.
struct text {
	char *at;
	size_t size, length;
	bool cut;
	message_actor_fn actor;
};

static void add(struct text *text, const char *more, size_t size)
{
	if (size >= text->size - text->length) {
		size = text->size - text->length - 1;
		text->cut = true;
	}
	memcpy(text->at + text->length, more, size);
	text->length += size;
}

__attribute__((format(printf, 2, 3))) static void add_format(struct text *text, const char *format,
							     ...)
{
	char more[64];
	va_list arguments;

	va_start(arguments, format);
	int size = vsnprintf(more, sizeof(more), format, arguments);
	va_end(arguments);
	add(text, more, (size_t)size < sizeof(more) ? (size_t)size : sizeof(more) - 1);
}

static bool continues_a_character(char c)
{
	return (c & 0xc0) == 0x80;
}

// U+0080 to U+009F, which move a terminal's cursor as well as the ASCII ones, are two bytes in
// UTF-8.
static size_t control_size(const char *at, const char *end)
{
	uint8_t c = (uint8_t)*at;

	if (c == 0xc2 && at + 1 < end && (uint8_t)at[1] < 0xa0)
		return 2;
	return c < 0x20 || c == 0x7f ? 1 : 0;
}

// Between quotes and on one line.
static void add_quoted(struct text *text, const char *at, size_t size, bool ascii_alone)
{
	const char *end = at + size;

	add(text, "\"", 1);
	while (at < end && !text->cut) {
		size_t escaped = control_size(at, end);
		if (ascii_alone && (uint8_t)*at >= 0x80)
			escaped = 1;

		if (*at == '\n') {
			add(text, "\\n", 2);
			at++;
		} else if (escaped) {
			for (; escaped; escaped--)
				add_format(text, "\\x%02x", (uint8_t)*at++);
		} else {
			if (*at == '"' || *at == '\\')
				add(text, "\\", 1);
			add(text, at++, 1);
		}
	}
	add(text, "\"", 1);
}

static void add_str(struct text *text, noh_str str)
{
	size_t size = str ? strnlen(str, STRING_SHOWN + 1) : 0;
	bool cut = size > STRING_SHOWN;

	if (cut) {
		size = STRING_SHOWN;
		while (size && continues_a_character(str[size]))
			size--;
	}
	add_quoted(text, str, size, false);
	if (cut)
		add(text, "...", 3);
}

static void add_bytes(struct text *text, noh_bytes bytes)
{
	size_t shown = bytes.size < BYTES_SHOWN ? bytes.size : BYTES_SHOWN;

	add_format(text, "<%zu bytes ", bytes.size);
	add_quoted(text, (const char *)bytes.at, shown, true);
	if (shown < bytes.size)
		add(text, "...", 3);
	add(text, ">", 1);
}

// As short as reads back the same.
static void add_f64(struct text *text, noh_f64 number)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.15g", number);
	if (strtod(digits, NULL) != number)
		snprintf(digits, sizeof(digits), "%.17g", number);
	add_format(text, "%s", digits);
}

static void add_actor(struct text *text, noh_actor actor)
{
	char name[256];

	if (!text->actor) {
		add_format(text, "@%" PRIu64, actor.id);
		return;
	}
	text->actor(actor, name, sizeof(name));
	add(text, name, strlen(name));
}

static void add_message(struct text *text, const struct message_info *info, const void *body);

static void add_element(struct text *text, const struct noh_field *field, const char *at)
{
	union {
		noh_u64 u64;
		noh_i64 i64;
		noh_f64 f64;
		uint8_t flag;
		noh_str str;
		noh_bytes bytes;
		noh_actor actor;
		noh_conn conn;
		noh_owned owned;
	} is;

	if (field->kind == NOH_KIND_message) {
		add_message(text, message_info(field->of->id), at);
		return;
	}
	memcpy(&is, at, field_element_size(field));
	switch (field->kind) {
	case NOH_KIND_u64:
		add_format(text, "%" PRIu64, is.u64);
		break;
	case NOH_KIND_i64:
		add_format(text, "%" PRId64, is.i64);
		break;
	case NOH_KIND_f64:
		add_f64(text, is.f64);
		break;
	case NOH_KIND_flag:
		add_format(text, "%s", is.flag ? "true" : "false");
		break;
	case NOH_KIND_str:
		add_str(text, is.str);
		break;
	case NOH_KIND_bytes:
		add_bytes(text, is.bytes);
		break;
	case NOH_KIND_actor:
		add_actor(text, is.actor);
		break;
	case NOH_KIND_conn:
		add_format(text, "#%" PRIu64, is.conn.id);
		break;
	case NOH_KIND_owned:
		add_format(text, "%s", is.owned.ptr ? "<owned>" : "<nothing>");
		break;
	case NOH_KIND_none:
	case NOH_KIND_message:
		break;
	}
}

static void add_field(struct text *text, const struct noh_field *field, const void *body)
{
	struct elements each = field_elements(field, body);

	add(text, field->name, strlen(field->name));
	add(text, ": ", 2);
	if (field->shape == NOH_SHAPE_plain) {
		add_element(text, field, each.at);
		return;
	}
	add(text, "[", 1);
	for (size_t i = 0; i < each.count && !text->cut; i++) {
		if (i)
			add(text, ", ", 2);
		add_element(text, field, each.at + i * field_element_size(field));
	}
	add(text, "]", 1);
}

static void add_message(struct text *text, const struct message_info *info, const void *body)
{
	add(text, info->type.name, strlen(info->type.name));
	add(text, "{", 1);
	for (const struct noh_field *field = info->type.fields; field->name; field++) {
		if (field != info->type.fields)
			add(text, ", ", 2);
		add_field(text, field, body);
	}
	add(text, "}", 1);
}

size_t message_print(const struct message_info *info, const void *body, message_actor_fn actor,
		     char *buffer, size_t size)
{
	struct text text = {.at = buffer, .size = size, .actor = actor};

	if (!size)
		return 0;
	add_message(&text, info, body);
	if (text.cut) {
		size_t end = size > 4 ? size - 4 : 0;
		while (end && continues_a_character(buffer[end]))
			end--;
		for (text.length = end; text.length + 1 < size && text.length < end + 3;)
			buffer[text.length++] = '.';
	}
	buffer[text.length] = '\0';
	return text.length;
}
