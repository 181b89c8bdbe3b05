/* The supervisor of a list of children: its state, and what its parts call of each other. */
#ifndef NOH_ACTORS_SUPERVISOR_H
#define NOH_ACTORS_SUPERVISOR_H

#include <noh/noh.h>

#include "actors/intensity.h"
#include "actors/supervisor_children.h"
#include "actors/supervisor_shared.h"

enum purpose {
	IDLE,
	BEGIN,     // all children for the first time
	ROLL_BACK, // of those
	ADD,       // a new child, on request
	REVIVE,    // a stopped one, on request
	TERMINATE, // on request
	RESTART,   // after an end
	SHUT_DOWN
};

// One thing after the other: first some children are stopped, last first, then some are started, in
// order. Each is waited for.
struct operation {
	enum purpose purpose;
	struct place *subject;
	noh_reply_to reply;
	int64_t delay_ms; // of a restart: between stopping and starting

	struct place *stop_at, *stop_end; // the next, and the one that is last; NULL: the first
	bool lets_go;                     // the stopped do not keep their places
	bool has_stopped;
	struct place *start_at, *start_end;
	struct place *awaited;

	noh_actor started; // the subject, once it is
	char *problem;     // noh_alloc(): why it is not
};

enum work_kind { WORK_ENDED, WORK_DUE, WORK_START, WORK_RESTART, WORK_TERMINATE, WORK_DELETE };

// What waits until no operation is under way.
struct work {
	struct work *next;
	enum work_kind kind;
	struct place *place; // of an end or a wait that is over; NULL: dealt with otherwise
	void *kept;          // a request
	noh_reply_to reply;
};

struct noh_supervision {
	struct supervisor_state given;
	struct noh_supervisor options;
	struct children children;
	struct intensity intensity;
	struct operation operation;
	struct work *first, *last;
	char *crashed_at; // noh_alloc()
	noh_reply_to starter;
	bool is_ending; // from here on children are only stopped
	bool gives_up;
};

// ---- supervisor_sequence.c

/* Goes on with the operation, then with the work that waits. Every handler ends with it. */
void sequence_proceed(struct noh_supervision *self);
void sequence_started(struct noh_supervision *self, struct place *place);
void sequence_down(struct noh_supervision *self, struct place *place, const struct noh_down *msg);
/* The place is no child's any more, or will not be: noh_stop(). */
void sequence_let_go(struct place *place);

// ---- supervisor_restart.c

/* What becomes of a child that has ended by itself. */
void restart_decide(struct noh_supervision *self, struct place *place);
/* Its wait is over. */
void restart_now(struct noh_supervision *self, struct place *place);

// ---- supervisor_requests.c

void requests_do(struct noh_supervision *self, struct work *work);
void requests_over(struct noh_supervision *self, const struct operation *operation);

void requests_start_child(struct noh_supervision *self, const struct noh_start_child *msg);
void requests_restart_child(struct noh_supervision *self, const struct noh_restart_child *msg);
void requests_terminate_child(struct noh_supervision *self, const struct noh_terminate_child *msg);
void requests_delete_child(struct noh_supervision *self, const struct noh_delete_child *msg);
void requests_which_children(struct noh_supervision *self, const struct noh_which_children *msg);
void requests_count_children(struct noh_supervision *self, const struct noh_count_children *msg);
void requests_get_child_spec(struct noh_supervision *self, const struct noh_get_child_spec *msg);

// ---- supervisor.c

void supervisor_work_add(struct noh_supervision *self, struct work work);
/* The work that waits for a place is dealt with otherwise. */
void supervisor_work_overtaken(struct noh_supervision *self, const struct place *place);

/* An operation has come to its end. */
void supervisor_over(struct noh_supervision *self, const struct operation *operation);
/* Ends as failed, once all children have stopped. */
void supervisor_give_up(struct noh_supervision *self, const char *reason);

#endif
