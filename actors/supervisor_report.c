/* Reports: `key=value` words, so that a line can be read by people and taken apart by programs. */
#include "actors/supervisor_report.h"

#include <string.h>

#include <noh/noh.h>

#include "actors/supervisor_spec.h"

static char *kept(const char *text)
{
	size_t size = strlen(text) + 1;
	return (char *)memcpy(noh_alloc(size), text, size);
}

void supervisor_forget(char **crashed_at)
{
	noh_drop(*crashed_at);
	*crashed_at = NULL;
}

void supervisor_note(char **crashed_at, const struct noh_crashed *msg)
{
	supervisor_forget(crashed_at);
	*crashed_at = kept(msg->at);
}

struct child_end *child_end_create(const struct noh_down *msg, char **crashed_at)
{
	struct child_end *end = (struct child_end *)noh_alloc(sizeof(*end));
	*end = (struct child_end){.who = msg->who, .why = msg->why, .code = msg->code};
	end->reason = kept(msg->reason);
	end->at = *crashed_at;
	*crashed_at = NULL;
	return end;
}

void child_end_destroy(struct child_end *end)
{
	if (!end)
		return;
	noh_drop(end->reason);
	noh_drop(end->at);
	noh_drop(end);
}

static const char *word_of(int64_t why)
{
	static const char *const words[] = {
		[NOH_WHY_NORMAL] = "normal", [NOH_WHY_SHUTDOWN] = "shutdown",
		[NOH_WHY_KILLED] = "killed", [NOH_WHY_FAILED] = "failed",
		[NOH_WHY_NOBODY] = "nobody", [NOH_WHY_NODE_LOST] = "node-lost"};
	return why >= 0 && why < (int64_t)(sizeof(words) / sizeof(words[0])) ? words[why] : "?";
}

void child_end_explain(struct child_end *end, const char *reason)
{
	noh_drop(end->reason);
	end->reason = NULL;
	end->reason = kept(reason);
}

// Who does not keep a place is gone by now, and noh_name() knows no more than "@3".
static const char *name_of(noh_actor who, const struct noh_child *spec)
{
	const char *name = noh_name(who);
	return *name == '@' ? noh_format("%s%s", child_type(spec)->name, name) : name;
}

void supervisor_report(const struct child_end *end, const struct noh_child *spec,
		       const char *during, const char *action)
{
	noh_log(is_abnormal(end->why) ? NOH_ERROR : NOH_WARN,
		"child=%s id=\"%s\" during=%s ended=%s code=%lld reason=\"%s\" action=%s%s%s",
		name_of(end->who, spec), spec->id, during, word_of(end->why), (long long)end->code,
		end->reason, action, end->at ? " " : "", end->at ? end->at : "");
}

void supervisor_report_stopped(struct child_end *end, const struct noh_child *spec, bool timed_out)
{
	bool was_to_be_killed = spec->shutdown_ms == NOH_SHUTDOWN_KILL;
	bool is_ours = end->why == NOH_WHY_KILLED && timed_out;

	if (!is_abnormal(end->why) || (end->why == NOH_WHY_KILLED && was_to_be_killed))
		return;
	if (is_ours)
		child_end_explain(end, noh_format("did not stop within %lld ms",
						  (long long)spec->shutdown_ms));
	supervisor_report(end, spec, "shutdown", is_ours ? "kill" : "none");
}
