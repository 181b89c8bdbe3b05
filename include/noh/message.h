/* What a message is: its fields, the macros that declare one, and the description made of them.
 * Knows no actors: how a message is sent stands in actor.h. */
#ifndef NOH_MESSAGE_H
#define NOH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#include <initializer_list>
#endif

#include <noh/detail/declare.h>

NOH_BEGIN

/* First word of every struct that a program compiles in and the library reads; options carry their
 * size instead. */
#define NOH_ABI 4

// ---- values: copied freely, never freed

/* The address of an actor: node, slot, generation. Valid for ever; a dead actor's is harmless. */
typedef struct noh_actor {
	uint64_t id;
} noh_actor;

/* A running timer. A fired or cancelled one's handle is harmless. */
typedef struct noh_timer {
	uint64_t id;
} noh_timer;

/* A connection. In a message it is only an id: the connection keeps its owner. */
typedef struct noh_conn {
	uint64_t id;
} noh_conn;

/* A run of bytes that never changes, shared by all who hold it. Without an owner they are static or
 * borrowed, and whoever must outlive them copies them. */
typedef struct noh_bytes {
	const uint8_t *at;
	size_t size;
	struct noh_buffer *owner;
} noh_bytes;

/* An object that moves with its message: whoever holds it last calls `drop`, from any thread. It
 * must not wait; a failure in it ends the callback and is logged, nothing else. It cannot leave the
 * process. */
typedef struct noh_owned {
	void *ptr;
	void (*drop)(void *ptr);
} noh_owned;

/* The handle of no actor at all, equal to a zeroed one. */
#define NOH_NOBODY NOH_INIT(noh_actor, 0)

// ---- descriptions: what a declared message leaves behind for the runtime to read

/* The kinds of a field that are plain C types; the others are the values above. New kinds are only
 * ever appended: programs compile these numbers in. */
#define NOH_SCALAR_KINDS(KIND) \
	KIND(u64, uint64_t)    \
	KIND(i64, int64_t) KIND(f64, double) KIND(flag, bool) KIND(str, const char *)

NOH_SCALAR_KINDS(NOH_KIND_TYPEDEF) // noh_u64, noh_i64, ...

enum noh_kind {
	NOH_KIND_none, // no field has it, so that a forgotten one is noticed
	NOH_SCALAR_KINDS(NOH_KIND_ENUM) NOH_KIND_bytes,
	NOH_KIND_actor,
	NOH_KIND_conn,
	NOH_KIND_owned,
	NOH_KIND_message // another message, named by `of`
};

enum noh_shape {
	NOH_SHAPE_plain,
	NOH_SHAPE_list // struct { const T *at; size_t count; }
};

struct noh_field {
	const char *name; // NULL ends the table
	enum noh_kind kind;
	enum noh_shape shape;
	size_t offset;
	const struct noh_message_type *of;
};

struct noh_message_type {
	uint32_t abi;
	uint32_t id; // written by noh_message_intern() alone; 0 until then
	const char *name;
	const char *signature; // the fields as declared: "(u64, account), (str, text)"
	uint32_t size;         // of its struct, in bytes
	uint32_t words_id; // written with `id`: the same if it is at most four words by value, or 0
	const struct noh_field *fields;
	const struct noh_message_type *answer; // of a request: the message it expects, or NULL
};

// ---- declaring

/* Declares a message: `struct deposit` and its description, in a header or a source file alike.
 *
 *	NOH_MESSAGE(deposit, (u64, account), (i64, cents));
 *	NOH_MESSAGE(order, (str, text), (list, u64, items), (one, deposit, first),
 *		    (many, deposit, others));
 *	NOH_MESSAGE(quit);
 *
 * A field is (kind, name), (list, kind, name), (one, message, name) or (many, message, name); the
 * kinds are u64 i64 f64 flag str bytes actor conn owned. A list and many are {at, count}. One
 * process has one message of a name: two with other fields end it at start, or at dlopen, with a
 * line that shows both, so a library prefixes the names of its messages. A word that is a macro
 * somewhere (unix, major, errno) cannot name a field. */
#define NOH_MESSAGE(message, ...)        \
	NOH_STRUCT(message, __VA_ARGS__) \
	NOH_DESCRIPTION(NOH_SHARED, noh_messages, message, NULL, __VA_ARGS__)

/* Declares a message that is asked and not told, with the answer it expects, declared before it:
 * an asker that takes another does not compile.
 *
 *	NOH_MESSAGE(balance, (i64, cents));
 *	NOH_REQUEST(get_balance, balance, (u64, account)); */
#define NOH_REQUEST(request, reply, ...)                                                   \
	NOH_STRUCT(request, __VA_ARGS__)                                                   \
	NOH_DESCRIPTION(NOH_SHARED, noh_messages, request, &reply##_message, __VA_ARGS__); \
	NOH_ASKER(request, reply)

/* Declares a message, or a request, of the library itself. Its description exists once, in the one
 * source file that defines NOH_DEFINE_LIBRARY_MESSAGES before it includes the public headers. */
#ifdef NOH_DEFINE_LIBRARY_MESSAGES
#define NOH_LIBRARY_MESSAGE(message, ...) \
	NOH_STRUCT(message, __VA_ARGS__)  \
	NOH_DESCRIPTION(NOH_OURS, noh_library_messages, message, NULL, __VA_ARGS__)
#define NOH_LIBRARY_REQUEST(request, reply, ...)                                                 \
	NOH_STRUCT(request, __VA_ARGS__)                                                         \
	NOH_DESCRIPTION(NOH_OURS, noh_library_messages, request, &reply##_message, __VA_ARGS__); \
	NOH_ASKER(request, reply)
#else
#define NOH_LIBRARY_MESSAGE(message, ...) \
	NOH_STRUCT(message, __VA_ARGS__) extern struct noh_message_type message##_message
#define NOH_LIBRARY_REQUEST(request, reply, ...)                                           \
	NOH_STRUCT(request, __VA_ARGS__) extern struct noh_message_type request##_message; \
	NOH_ASKER(request, reply)
#endif

/* Describes a message without the macros: for other languages, or a format known only at run time.
 *
 *	struct noh_field fields[] = {{.name = "cents",
 *				      .kind = NOH_KIND_i64,
 *				      .offset = offsetof(struct deposit, cents)},
 *				     {0}};
 *	const struct noh_message_type *type;
 *	int err = noh_message_create("deposit", sizeof(struct deposit), fields, NULL, &type);
 *
 * Any thread. Copies all it is given. A message of the same name and fields that is there already
 * is given again; a description lives as long as the process. Returns 0, -EEXIST if another message
 * has the name, -EINVAL if the fields cannot be, or -ENOSPC after 16,383 messages; the last three
 * are logged to stderr in words. */
int noh_message_create(const char *name, size_t size, const struct noh_field *fields,
		       const struct noh_message_type *answer,
		       const struct noh_message_type **ret_type);

// ---- identity

/* Gives a description its id, or the one that its name and fields have already; noh_message_id()
 * calls it when there is none. A description that cannot be, or a name taken by another message,
 * ends the process with a line that says why. Any thread. Writes the ids, copies the rest: the
 * object that holds the description may be unloaded once none of its messages is under way. */
uint32_t noh_message_intern(const struct noh_message_type *type);

/* The number by which a message is known in this process: equal for all descriptions of one name,
 * also across dlopen, and never 0. Any thread. */
static inline uint32_t noh_message_id(const struct noh_message_type *type)
{
	// Pairs with noh_message_intern(): who sees the id sees what is registered under it.
	uint32_t id = __atomic_load_n(&type->id, __ATOMIC_ACQUIRE);
	return __builtin_expect(id != 0, 1) ? id : noh_message_intern(type);
}

// ---- behind the macros

/* The id if the message has one. All that a program declares have one when it starts, or is opened
 * as a library, so it is read plainly: noh_check_messages writes it before anything can be spawned
 * that is told apart by it. */
static inline uint32_t noh_message_known_id(const struct noh_message_type *type)
{
	return type->id;
}

/* What each source file leaves of each message it declares. The linker merges descriptions of one
 * name without comparing them; these stay, and still know which fields their file meant. */
struct noh_message_seen {
	const struct noh_message_type *type;
	const char *signature;
} __attribute__((aligned(2 * sizeof(void *))));

void noh_messages_seen(const struct noh_message_seen *first, const struct noh_message_seen *end);

// The linker fills these in, for each program and shared object anew.
extern const struct noh_message_seen noh_first_seen[] __asm__("__start_noh_messages")
	__attribute__((weak, visibility("hidden")));
extern const struct noh_message_seen noh_end_seen[] __asm__("__stop_noh_messages")
	__attribute__((weak, visibility("hidden")));

__attribute__((weak, visibility("hidden"), constructor)) void noh_check_messages(void)
{
	noh_messages_seen(noh_first_seen, noh_end_seen);
}

/* What noh_ask() and its kin call; told in full where these are. */
struct noh_answered;
int noh_ask_many_type(const noh_actor *to, size_t count, size_t needed,
		      const struct noh_message_type *request, const void *body, int64_t within_ms,
		      struct noh_answered *ret_answers, const void **ret_first);
int noh_ask_type(noh_actor to, const struct noh_message_type *request, const void *body,
		 int64_t within_ms, const void **ret_answer);

NOH_END

#endif
