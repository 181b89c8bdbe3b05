/* Groups: named sets of actors to which messages are published. */
#ifndef NOH_GROUP_H
#define NOH_GROUP_H

#include <noh/actor.h>

NOH_BEGIN

/* Makes an actor a member of a group, which is there as long as it has members:
 * `noh_group_join("room 7", noh_self());` Any thread. It stays one over its restarts, and leaves by
 * itself when it is gone for good. Returns 0, also if it was one; -ESRCH if it is gone, -EINVAL for
 * "", -ENAMETOOLONG for more than 255 bytes. */
int noh_group_join(const char *group, noh_actor who);

/* Any thread. Returns 0; -ENOENT if it is no member. What was published before still arrives. */
int noh_group_leave(const char *group, noh_actor who);

/* Writes the members into `members`, at most `room` of them, in no order, and returns how many
 * there are. Handlers, fibers; plain threads name their runtime. */
size_t noh_group_members(const char *group, noh_actor *members, size_t room);
size_t noh_group_members_in(struct noh_runtime *runtime, const char *group, noh_actor *members,
			    size_t room);

/* noh_publish() to all members, also to the publisher if it is one:
 * `noh_group_publish("room 7", said, .text = text);` Handlers, fibers; plain threads name their
 * runtime. Who joins or leaves meanwhile may get it or not. Returns to how many it was sent, or
 * -EINVAL, as noh_publish() does. */
#define noh_group_publish(group, message, ...) \
	noh_group_publish_in(NULL, group, message, __VA_ARGS__)
#define noh_group_publish_in(runtime, group, message, ...) \
	noh_group_publish_type(runtime, group, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_group_publish_type(struct noh_runtime *runtime, const char *group,
			   const struct noh_message_type *type, const void *body);

NOH_END
#endif
