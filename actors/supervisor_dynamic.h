/* The dynamic supervisor: its state, and what its two halves call of each other. */
#ifndef NOH_ACTORS_SUPERVISOR_DYNAMIC_H
#define NOH_ACTORS_SUPERVISOR_DYNAMIC_H

#include "actors/backoff.h"
#include "actors/intensity.h"
#include "actors/key_map.h"
#include "actors/supervisor_shared.h"

enum member_state { MEMBER_STARTING, MEMBER_RUNNING, MEMBER_STOPPING, MEMBER_RESTING };

// What is particular about a child. Most have none of it.
struct member {
	enum member_state state;
	bool has_state;     // its own, not the template's
	bool timed_out;     // did not stop in its time, and so is killed
	noh_reply_to reply; // who waits for its start, or its end
	noh_timer timer;    // of its deadline to stop, or of its back-off
	struct backoff backoff;
	_Alignas(16) char its_state[];
};

struct noh_dynamic_supervision {
	struct supervisor_state given;
	struct noh_supervisor options;
	const struct noh_child *template; // the plan's
	struct key_map members;           // by handle; a struct member or NULL
	struct intensity intensity;
	char *crashed_at; // noh_alloc()
	bool is_ending, gives_up;
	bool timed_out; // it is ending, and all that are left are killed
};

/* What is particular about a child that has just been added; `state` NULL: it is the template's. */
struct member *dynamic_member_create(const struct noh_dynamic_supervision *self, const void *state);
/* The same of one that may have had nothing particular. */
struct member *dynamic_member_of(const struct noh_dynamic_supervision *self,
				 struct key_entry *entry);

void dynamic_tell_to_stop(const struct noh_dynamic_supervision *self, noh_actor child);
/* How long it may take to stop. */
int64_t dynamic_patience_ms(const struct noh_dynamic_supervision *self);

void dynamic_start_child(struct noh_dynamic_supervision *self, const struct noh_start_child *msg);
void dynamic_terminate_child(struct noh_dynamic_supervision *self,
			     const struct noh_terminate_child *msg);
void dynamic_restart_child(struct noh_dynamic_supervision *self,
			   const struct noh_restart_child *msg);
void dynamic_delete_child(struct noh_dynamic_supervision *self, const struct noh_delete_child *msg);
void dynamic_which_children(struct noh_dynamic_supervision *self,
			    const struct noh_which_children *msg);
void dynamic_count_children(struct noh_dynamic_supervision *self,
			    const struct noh_count_children *msg);
void dynamic_get_child_spec(struct noh_dynamic_supervision *self,
			    const struct noh_get_child_spec *msg);

#endif
