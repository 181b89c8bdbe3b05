/* The preprocessor work behind NOH_MESSAGE, NOH_ACTOR and the calls that take a message's fields.
 * Nothing here is for users; what these macros promise is told where the public ones are. */
#ifndef NOH_DETAIL_DECLARE_H
#define NOH_DETAIL_DECLARE_H

// ---- lists: NOH_EACH(F, who, a, b, c) is F(who, a) F(who, b) F(who, c), for up to 340 of them

#define NOH_EACH(F, who, ...) __VA_OPT__(NOH_RESCAN(NOH_EACH_NEXT(F, who, __VA_ARGS__)))
#define NOH_EACH_NEXT(F, who, first, ...) \
	F(who, first) __VA_OPT__(NOH_EACH_AGAIN NOH_PARENS(F, who, __VA_ARGS__))
#define NOH_EACH_AGAIN() NOH_EACH_NEXT
#define NOH_PARENS ()
#define NOH_RESCAN(...) NOH_RESCAN3(NOH_RESCAN3(NOH_RESCAN3(NOH_RESCAN3(__VA_ARGS__))))
#define NOH_RESCAN3(...) NOH_RESCAN2(NOH_RESCAN2(NOH_RESCAN2(NOH_RESCAN2(__VA_ARGS__))))
#define NOH_RESCAN2(...) NOH_RESCAN1(NOH_RESCAN1(NOH_RESCAN1(NOH_RESCAN1(__VA_ARGS__))))
#define NOH_RESCAN1(...) __VA_ARGS__

#define NOH_COUNT(...) NOH_COUNT_(__VA_ARGS__, 5, 4, 3, 2, 1)
#define NOH_COUNT_(a, b, c, d, e, n, ...) n
#define NOH_CAT(a, b) NOH_CAT_(a, b)
#define NOH_CAT_(a, b) a##b
#define NOH_OVER(name, ...) NOH_CAT(name, NOH_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define NOH_STRIP(...) __VA_ARGS__

// ---- C and C++

// clang-format off
#ifdef __cplusplus
#ifdef __clang__ // it warns of messages without fields, whose size nobody here relies on
#define NOH_BEGIN _Pragma("clang diagnostic push") \
	_Pragma("clang diagnostic ignored \"-Wextern-c-compat\"") \
	_Pragma("GCC visibility push(default)") extern "C" {
#define NOH_END } _Pragma("GCC visibility pop") _Pragma("clang diagnostic pop")
#else
// In C++ g++ -Wextra warns of each field that a call leaves out, as most do. It says nothing of what
// stands in a system header's macro; of a user's own words it warns as ever.
#pragma GCC system_header
#define NOH_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define NOH_END } _Pragma("GCC visibility pop")
#endif
#define NOH_SHARED inline __attribute__((visibility("default")))
#define NOH_OURS __attribute__((visibility("default")))
template <typename T> const T *noh_address(const T &value) { return &value; }
#define NOH_VALUE(type, ...) noh_address((struct type){__VA_ARGS__}) // `struct`: a local may hide the name
#define NOH_ARRAY(type, ...) std::initializer_list<type>{__VA_ARGS__}.begin()
#define NOH_NORETURN [[noreturn]]
#define NOH_TRY try
#define NOH_CATCH \
	catch (const std::exception &failure) { noh_note_failure(failure.what()); } \
	catch (...) { noh_note_failure("something thrown that is no std::exception"); }
#else
#define NOH_BEGIN _Pragma("GCC visibility push(default)")
#define NOH_END _Pragma("GCC visibility pop")
#define NOH_SHARED __attribute__((weak, visibility("default")))
#define NOH_OURS __attribute__((visibility("default")))
#define NOH_VALUE(type, ...) (&(const struct type){__VA_ARGS__})
#define NOH_ARRAY(type, ...) (type[]){__VA_ARGS__}
#define NOH_NORETURN _Noreturn
#define NOH_TRY
#define NOH_CATCH
#endif
#define NOH_INIT(type, ...) (struct type){__VA_ARGS__}
// clang-format on

// ---- messages

#define NOH_KIND_TYPEDEF(kind, type) typedef type noh_##kind;
#define NOH_KIND_ENUM(kind, type) NOH_KIND_##kind,

#define NOH_STRUCT(message, ...)                           \
	struct message {                                   \
		NOH_EACH(NOH_MEMBER, message, __VA_ARGS__) \
	};
#define NOH_MEMBER(message, field) NOH_MEMBER_X field
#define NOH_MEMBER_X(...) NOH_OVER(NOH_MEMBER, __VA_ARGS__)
#define NOH_MEMBER2(kind, name) noh_##kind name;
#define NOH_MEMBER3(shape, type, name) NOH_MEMBER_##shape(type, name)
#define NOH_MEMBER_list(kind, name)   \
	struct {                      \
		const noh_##kind *at; \
		size_t count;         \
	} name;
#define NOH_MEMBER_one(message, name) struct message name;
#define NOH_MEMBER_many(message, name)    \
	struct {                          \
		const struct message *at; \
		size_t count;             \
	} name;

// lld drops sections that only the linker's own symbols point to, unless told.
#if __has_attribute(retain)
#define NOH_RETAIN used, retain
#else
#define NOH_RETAIN used
#endif

// The size of a message without fields is 0, also in C++, where its struct has one byte.
#define NOH_DESCRIPTION(linkage, list, message, answered, ...)        \
	linkage const struct noh_field message##_message_fields[] = { \
		NOH_EACH(NOH_DESCRIBE, message, __VA_ARGS__){}};      \
	linkage struct noh_message_type message##_message = {         \
		.abi = NOH_ABI,                                       \
		.id = 0,                                              \
		.name = #message,                                     \
		.signature = #__VA_ARGS__,                            \
		.size = 0 __VA_OPT__(+sizeof(struct message)),        \
		.words_id = 0,                                        \
		.fields = message##_message_fields,                   \
		.answer = answered};                                  \
	static const struct noh_message_seen message##_message_seen   \
		__attribute__((section(#list), NOH_RETAIN)) = {&message##_message, #__VA_ARGS__}
#define NOH_DESCRIBE(message, field) NOH_DESCRIBE_X(message, NOH_STRIP field)
#define NOH_DESCRIBE_X(...) NOH_OVER(NOH_DESCRIBE, __VA_ARGS__)
#define NOH_DESCRIBE3(m, kind, name) \
	{#name, NOH_KIND_##kind, NOH_SHAPE_plain, offsetof(struct m, name), NULL},
#define NOH_DESCRIBE4(m, shape, type, name) NOH_DESCRIBE_##shape(m, type, name)
#define NOH_DESCRIBE_list(m, kind, name) \
	{#name, NOH_KIND_##kind, NOH_SHAPE_list, offsetof(struct m, name), NULL},
#define NOH_DESCRIBE_one(m, type, name) \
	{#name, NOH_KIND_message, NOH_SHAPE_plain, offsetof(struct m, name), &type##_message},
#define NOH_DESCRIBE_many(m, type, name) \
	{#name, NOH_KIND_message, NOH_SHAPE_list, offsetof(struct m, name), &type##_message},

#define NOH_ASKER(request, reply)                                                                \
	__attribute__((unused)) static inline int request##_ask(noh_actor to, int64_t within_ms, \
								const struct reply **ret_answer, \
								const struct request *body)      \
	{                                                                                        \
		return noh_ask_type(to, &request##_message, body, within_ms,                     \
				    (const void **)ret_answer);                                  \
	}                                                                                        \
	struct request##_answered {                                                              \
		int err;                                                                         \
		const char *text;                                                                \
		const struct reply *answer;                                                      \
	};                                                                                       \
	__attribute__((unused)) static inline int request##_ask_many(                            \
		const noh_actor *to, size_t count, size_t needed, int64_t within_ms,             \
		struct request##_answered *ret_answers, const struct reply **ret_first,          \
		const struct request *body)                                                      \
	{                                                                                        \
		return noh_ask_many_type(to, count, needed, &request##_message, body, within_ms, \
					 (struct noh_answered *)ret_answers,                     \
					 (const void **)ret_first);                              \
	}                                                                                        \
	typedef struct reply request##_answer

#define NOH_TYPE_ADDRESS(who, message) &message##_message,

// ---- actors: names in these functions begin with noh_, since a handler may have any other

#define NOH_PROTOCOL_MEMBER(actor, message) char message[0];

#define NOH_DEFINE_ACTOR(type, options, ...) NOH_DEFINE_HANDLERS(type, type, options, __VA_ARGS__)
#define NOH_DEFINE_HANDLERS(name_, type, options, ...)                                        \
	NOH_EACH(NOH_HANDLE, (name_, type), __VA_ARGS__)                                      \
	static void name_##_receive(void *noh_state, uint32_t noh_told, const void *noh_body, \
				    const struct noh_delivery *noh_answer)                    \
	{                                                                                     \
		NOH_TRY                                                                       \
		{                                                                             \
			NOH_EACH(NOH_DISPATCH, (name_, type), __VA_ARGS__)                    \
			(void)noh_state;                                                      \
			(void)noh_told;                                                       \
			(void)noh_body;                                                       \
			(void)noh_answer;                                                     \
			noh_not_understood();                                                 \
		}                                                                             \
		NOH_CATCH                                                                     \
	}                                                                                     \
	static const struct noh_message_type *const name_##_accepts[] = {                     \
		NOH_EACH(NOH_ACCEPT, type, __VA_ARGS__) NULL};                                \
	static const struct noh_message_type *const name_##_asks[] = {                        \
		NOH_EACH(NOH_ASKS, type, __VA_ARGS__) NULL};                                  \
	extern const struct noh_actor_type name_##_actor;                                     \
	const struct noh_actor_type name_##_actor = {.abi = NOH_ABI,                          \
						     .name = #name_,                          \
						     .state_size = sizeof(struct type),       \
						     .accepts = name_##_accepts,              \
						     .asks = name_##_asks,                    \
						     .receive = name_##_receive,              \
						     .run = NULL,                             \
						     .limits = {NOH_STRIP options}}

// Each handler has a function of its own, so that a message saves the registers that its handler
// needs, and not those of the one that needs most. It is called with the same arguments as
// `receive`, so that they stay in their registers.
#define NOH_HANDLE(names, entry) NOH_HANDLE_X(NOH_STRIP names, NOH_STRIP entry)
#define NOH_HANDLE_X(...) NOH_OVER(NOH_HANDLE, __VA_ARGS__)
#define NOH_HANDLE4(name_, actor, message, handler)                                   \
	static __attribute__((noinline)) void noh_##name_##_takes_##message(          \
		void *noh_state, uint32_t noh_told, const void *noh_body)             \
	{                                                                             \
		(void)noh_told;                                                       \
		handler((struct actor *)noh_state, (const struct message *)noh_body); \
	}
#define NOH_HANDLE5(name_, actor, request, then, handler)                    \
	static __attribute__((noinline)) void noh_##name_##_hears_##request( \
		void *noh_state, const struct noh_delivery *noh_answer)      \
	{                                                                    \
		handler((struct actor *)noh_state, noh_answer->outcome,      \
			(const request##_answer *)noh_answer->body);         \
	}
#define NOH_DISPATCH(names, entry) NOH_DISPATCH_X(NOH_STRIP names, NOH_STRIP entry)
#define NOH_DISPATCH_X(...) NOH_OVER(NOH_DISPATCH, __VA_ARGS__)
#define NOH_DISPATCH4(name_, actor, message, handler)                         \
	if (noh_told == noh_message_known_id(&message##_message)) {           \
		noh_##name_##_takes_##message(noh_state, noh_told, noh_body); \
		return;                                                       \
	}
#define NOH_DISPATCH5(name_, actor, request, then, handler)                            \
	if (!noh_told && noh_answer->asked_id == noh_message_id(&request##_message)) { \
		noh_##name_##_hears_##request(noh_state, noh_answer);                  \
		return;                                                                \
	}
#define NOH_ACCEPT(actor, entry) NOH_ACCEPT_X(actor, NOH_STRIP entry)
#define NOH_ACCEPT_X(...) NOH_OVER(NOH_ACCEPT, __VA_ARGS__)
#define NOH_ACCEPT3(actor, message, handler) &message##_message,
#define NOH_ACCEPT4(actor, request, then, handler)
#define NOH_ASKS(actor, entry) NOH_ASKS_X(actor, NOH_STRIP entry)
#define NOH_ASKS_X(...) NOH_OVER(NOH_ASKS, __VA_ARGS__)
#define NOH_ASKS3(actor, message, handler)
#define NOH_ASKS4(actor, request, then, handler) &request##_message,

#define NOH_DEFINE_FIBER(type, options, function)                                      \
	static void type##_run(void *noh_state)                                        \
	{                                                                              \
		NOH_TRY                                                                \
		{                                                                      \
			function((struct type *)noh_state);                            \
		}                                                                      \
		NOH_CATCH                                                              \
	}                                                                              \
	extern const struct noh_actor_type type##_actor;                               \
	const struct noh_actor_type type##_actor = {.abi = NOH_ABI,                    \
						    .name = #type,                     \
						    .state_size = sizeof(struct type), \
						    .accepts = NULL,                   \
						    .asks = NULL,                      \
						    .receive = NULL,                   \
						    .run = type##_run,                 \
						    .limits = {NOH_STRIP options}}

#endif
