/* Reports: one line of words for each end of a child that should not have been. */
#ifndef NOH_ACTORS_SUPERVISOR_REPORT_H
#define NOH_ACTORS_SUPERVISOR_REPORT_H

#include <noh/supervisor.h>

// How a child ended, as it was told; of the supervisor that was told.
struct child_end {
	noh_actor who;
	int64_t why, code;
	char *reason; // noh_alloc()
	char *at;     // likewise: the words of its noh_crashed; or NULL
};

/* Notes what a child failed at, for the noh_down that comes next. */
void supervisor_note(char **crashed_at, const struct noh_crashed *msg);

/* Takes the note. */
struct child_end *child_end_create(const struct noh_down *msg, char **crashed_at);
void child_end_destroy(struct child_end *end);

static inline bool is_abnormal(int64_t why)
{
	return why == NOH_WHY_FAILED || why == NOH_WHY_KILLED;
}

/* What was noted of an end that needs no report. */
void supervisor_forget(char **crashed_at);

/* Puts what the supervisor knows in the place of what the child was told. */
void child_end_explain(struct child_end *end, const char *reason);

/* Logs it. `during` is start, run or shutdown; `action` what the supervisor does about it: restart,
 * shutdown or give-up (of itself), kill (which was this end), none. */
void supervisor_report(const struct child_end *end, const struct noh_child *spec,
		       const char *during, const char *action);

/* The same of one that was told to stop, if it did not do so well: failed, or was killed although
 * it was given time. `timed_out`: by its supervisor, when that was over. */
void supervisor_report_stopped(struct child_end *end, const struct noh_child *spec, bool timed_out);

#endif
