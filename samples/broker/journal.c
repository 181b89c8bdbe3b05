/* The journal: it logs what others note, only so many lines a second, and how many more there
 * were. So who sends rubbish fills no disk. */
#include "broker/journal.h"

#include <noh/noh.h>

#include "broker/messages.h"

/* To itself. */
NOH_MESSAGE(second_over);

static void on_noted(struct journal *self, const struct noted *msg)
{
	if (!self->is_counting)
		noh_after(1000, second_over);
	self->is_counting = true;
	if (self->lines == self->broker->limits.log_lines) {
		self->left_out++;
		return;
	}
	self->lines++;
	noh_log(NOH_WARN, "%s: %s", msg->who, msg->what);
}

static void on_second_over(struct journal *self, const struct second_over *msg)
{
	(void)msg;
	if (self->left_out)
		noh_log(NOH_WARN, "and %u more in that second", self->left_out);
	*self = (struct journal){.broker = self->broker};
}

NOH_ACTOR(journal, (noted, on_noted), (second_over, on_second_over));
