/* Requests: what a running dynamic supervisor can be asked. None waits for another. */
#include <errno.h>
#include <string.h>

#include "actors/supervisor_dynamic.h"

static void refuse(int err, const char *text)
{
	noh_log(NOH_WARN, "refuses a request: %s", text);
	noh_reply_error(err, text);
}

void dynamic_start_child(struct noh_dynamic_supervision *self, const struct noh_start_child *msg)
{
	const struct noh_child *given = (const struct noh_child *)msg->spec.ptr;
	const struct noh_child *template = self->template;

	if (!given || given->type != template->type || !given->state) {
		refuse(-EINVAL, "a child of another type than the template's");
		return;
	}
	if (self->is_ending) {
		noh_reply_error(-ESHUTDOWN, "the supervisor is ending");
		return;
	}

	bool is_alike = !memcmp(given->state, template->state, template->type->state_size);
	struct member *member = dynamic_member_create(self, is_alike ? NULL : given->state);
	struct noh_spawn_options options = {.size = sizeof(options),
					    .name = child_log_name(template),
					    .keeps_place = template->restart != NOH_TEMPORARY,
					    .supervised = true,
					    .describe = template->describe,
					    .drop_mail = template->drop_mail};
	member->state = MEMBER_STARTING;
	member->reply = noh_reply_later();
	noh_actor child = noh_spawn_type(template->type, given->state, &options);
	if (child.id)
		key_map_add(&self->members, child.id)->value = member;
	else
		noh_drop(member); // the runtime is ending
}

void dynamic_terminate_child(struct noh_dynamic_supervision *self,
			     const struct noh_terminate_child *msg)
{
	struct key_entry *entry = key_map_find(&self->members, msg->child.id);
	if (!msg->child.id) {
		refuse(-EINVAL, "a dynamic supervisor's children have handles, not ids");
		return;
	}
	if (!entry) {
		refuse(-ENOENT, "it is none of my children");
		return;
	}

	struct member *member = dynamic_member_of(self, entry);
	if (member->state == MEMBER_STOPPING || member->state == MEMBER_STARTING ||
	    member->reply.ask) {
		refuse(-EBUSY, "it is being started or stopped");
		return;
	}
	member->reply = noh_reply_later();
	if (member->state == MEMBER_RESTING) {
		noh_cancel(member->timer);
		noh_stop(msg->child);
		return;
	}
	member->state = MEMBER_STOPPING;
	dynamic_tell_to_stop(self, msg->child);
	if (dynamic_patience_ms(self) != NOH_SHUTDOWN_FOREVER)
		member->timer = noh_after(dynamic_patience_ms(self), noh_stop_deadline,
					  .child = msg->child);
}

void dynamic_restart_child(struct noh_dynamic_supervision *self,
			   const struct noh_restart_child *msg)
{
	(void)self;
	(void)msg;
	refuse(-EINVAL, "a dynamic supervisor forgets its children when they end");
}

void dynamic_delete_child(struct noh_dynamic_supervision *self, const struct noh_delete_child *msg)
{
	(void)self;
	(void)msg;
	refuse(-EINVAL, "a dynamic supervisor forgets its children when they end");
}

static enum noh_child_state seen(const struct member *member)
{
	static const enum noh_child_state as[] = {[MEMBER_STARTING] = NOH_CHILD_STARTING,
						  [MEMBER_RUNNING] = NOH_CHILD_RUNNING,
						  [MEMBER_STOPPING] = NOH_CHILD_STOPPING,
						  [MEMBER_RESTING] = NOH_CHILD_RESTARTING};
	return member ? as[member->state] : NOH_CHILD_RUNNING;
}

void dynamic_which_children(struct noh_dynamic_supervision *self,
			    const struct noh_which_children *msg)
{
	(void)msg;
	struct noh_child_info *infos =
		(struct noh_child_info *)noh_alloc(self->members.count * sizeof(*infos));
	size_t count = 0;

	for (size_t i = 0; i < self->members.room; i++) {
		const struct key_entry *entry = &self->members.entries[i];
		if (entry->key)
			infos[count++] = (struct noh_child_info){
				.id = self->template->id,
				.child = {entry->key},
				.state = seen((const struct member *)entry->value)};
	}
	noh_reply(noh_children, .children = {infos, count});
	noh_drop(infos);
}

void dynamic_count_children(struct noh_dynamic_supervision *self,
			    const struct noh_count_children *msg)
{
	(void)msg;
	uint64_t resting = 0;
	for (size_t i = 0; i < self->members.room; i++)
		resting += self->members.entries[i].key &&
			   seen((const struct member *)self->members.entries[i].value) ==
				   NOH_CHILD_RESTARTING;
	noh_reply(noh_child_counts, .specs = 1, .active = self->members.count - resting,
		  .workers = self->members.count);
}

void dynamic_get_child_spec(struct noh_dynamic_supervision *self,
			    const struct noh_get_child_spec *msg)
{
	bool is_known = msg->child.id ? key_map_find(&self->members, msg->child.id) != NULL
				      : !strcmp(msg->id, self->template->id);
	if (is_known)
		noh_reply(noh_child_spec, .spec = noh_child_copy_of(self->template));
	else
		noh_reply_error(-ENOENT, "there is no such child");
}
