/* Reports: `key=value` words, so that a line can be read by people and taken apart by programs. */
#include "actors/supervisor_report.h"

#include <string.h>

#include <noh/noh.h>

static char *kept(const char *text)
{
	size_t size = strlen(text) + 1;
	return (char *)memcpy(noh_alloc(size), text, size);
}

void supervisor_note(char **crashed_at, const struct noh_crashed *msg)
{
	noh_drop(*crashed_at);
	*crashed_at = NULL;
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

void supervisor_report(const struct child_end *end, const char *id, const char *during,
		       const char *action)
{
	noh_log(is_abnormal(end->why) ? NOH_ERROR : NOH_WARN,
		"child=%s id=\"%s\" during=%s ended=%s code=%lld reason=\"%s\" action=%s%s%s",
		noh_name(end->who), id, during, word_of(end->why), (long long)end->code,
		end->reason, action, end->at ? " " : "", end->at ? end->at : "");
}
