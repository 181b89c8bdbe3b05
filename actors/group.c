/* Groups: a roster of a runtime whose members are nothing but actors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "actors/must.h"
#include "actors/roster.h"

static void init_groups(void *at)
{
	roster_init((struct roster *)at);
}

static void finish_groups(void *at)
{
	roster_finish((struct roster *)at);
}

static const struct noh_runtime_local groups_local = {
	.size = sizeof(struct roster), .init = init_groups, .finish = finish_groups};

static struct roster *groups_of(struct noh_runtime *runtime)
{
	return (struct roster *)noh_local_of(runtime, &groups_local);
}

static void destroy_member(struct member *member)
{
	free(member);
}

int noh_group_join(const char *group, noh_actor who)
{
	struct noh_runtime *runtime = noh_runtime_of(who);
	if (!runtime)
		return -ESRCH;

	struct member *member = (struct member *)must_have(sizeof(*member));
	member->who = who;
	member->destroy = destroy_member;
	int err = roster_join(groups_of(runtime), group, member, &member);
	if (err < 0)
		return err;
	member_drop(member);
	return 0;
}

int noh_group_leave(const char *group, noh_actor who)
{
	struct noh_runtime *runtime = noh_runtime_of(who);
	struct member *member = runtime ? roster_leave(groups_of(runtime), group, who) : NULL;
	if (!member)
		return -ENOENT;
	member_drop(member);
	return 0;
}

size_t noh_group_members_in(struct noh_runtime *runtime, const char *group, noh_actor *members,
			    size_t room)
{
	struct crowd *crowd = roster_look(groups_of(runtime), group);
	size_t count = 0;

	// Some may be gone, and their end not told yet.
	for (size_t i = 0; crowd && i < crowd->count; i++) {
		if (!noh_runtime_of(crowd->who[i]))
			continue;
		if (count < room)
			members[count] = crowd->who[i];
		count++;
	}
	crowd_drop(crowd);
	return count;
}

size_t noh_group_members(const char *group, noh_actor *members, size_t room)
{
	return noh_group_members_in(NULL, group, members, room);
}

int noh_group_publish_type(struct noh_runtime *runtime, const char *group,
			   const struct noh_message_type *type, const void *body)
{
	struct crowd *crowd = roster_look(groups_of(runtime), group);
	int sent =
		noh_publish_type(crowd ? crowd->who : NULL, crowd ? crowd->count : 0, type, body);
	crowd_drop(crowd);
	return sent;
}
