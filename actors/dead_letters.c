/* The subscriber of dead letters that logs them, so many a second of each message type. Knows their
 * types only by name. */
#include <string.h>

#include <noh/noh.h>

enum { LINES_A_SECOND = 3, SECOND_MS = 1000 };

// One type of message that has become a dead letter.
struct letter_kind {
	struct letter_kind *next;
	uint32_t logged, left_out; // in this second
	char name[];
};

struct noh_dead_letter_logger {
	uint32_t lines_a_second;
	struct letter_kind *kinds;
	bool is_counting; // a second has begun
};

NOH_MESSAGE(noh_dead_letter_second); // to itself: the second is over

static struct letter_kind *kind_of(struct noh_dead_letter_logger *self, const char *name)
{
	struct letter_kind *kind = self->kinds;
	while (kind && strcmp(kind->name, name))
		kind = kind->next;
	if (kind)
		return kind;

	kind = (struct letter_kind *)noh_alloc(sizeof(*kind) + strlen(name) + 1);
	strcpy(kind->name, name);
	kind->next = self->kinds;
	self->kinds = kind;
	return kind;
}

static void on_dead_letter(struct noh_dead_letter_logger *self, const struct noh_dead_letter *msg)
{
	struct letter_kind *kind = kind_of(self, msg->message);

	if (!self->is_counting)
		noh_after(SECOND_MS, noh_dead_letter_second);
	self->is_counting = true;
	if (kind->logged == self->lines_a_second) {
		kind->left_out++;
		return;
	}
	kind->logged++;
	noh_log(NOH_WARN, "%s from %s to %s: %s", msg->message, noh_name(msg->from),
		noh_name(msg->to), msg->why);
}

static void on_second(struct noh_dead_letter_logger *self, const struct noh_dead_letter_second *msg)
{
	(void)msg;
	for (struct letter_kind *kind = self->kinds; kind; kind = kind->next) {
		if (kind->left_out)
			noh_log(NOH_WARN, "%s: %u more in that second", kind->name, kind->left_out);
		kind->logged = kind->left_out = 0;
	}
	self->is_counting = false;
}

NOH_ACTOR(noh_dead_letter_logger, (noh_dead_letter, on_dead_letter),
	  (noh_dead_letter_second, on_second));

noh_actor noh_log_dead_letters_with(const struct noh_dead_letter_log *options)
{
	struct noh_dead_letter_log whole = {0};
	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));

	noh_actor log = noh_spawn_with(noh_dead_letter_logger, (.name = "dead letters"),
				       .lines_a_second = whole.lines_a_second ? whole.lines_a_second
									      : LINES_A_SECOND);
	noh_subscribe_dead_letters(log);
	return log;
}
