/* Machines: the actor that follows a table of states. Knows only the public headers. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <noh/noh.h>

static struct noh_at *at_of(const struct noh_machine *machine, void *self)
{
	return (struct noh_at *)(void *)((char *)self + machine->at_offset);
}

const char *noh_machine_state(const struct noh_machine *machine, const void *self)
{
	const struct noh_at *at =
		(const struct noh_at *)(const void *)((const char *)self + machine->at_offset);
	return at->state ? machine->states[at->state].name : "";
}

// ---- following the table

static void enter(const struct noh_machine *machine, void *self, uint32_t number)
{
	struct noh_at *at = at_of(machine, self);
	const struct noh_state *state = &machine->states[number];

	at->state = number;
	at->entry++;
	if (state->after_ms)
		at->timer = noh_after(state->after_ms, noh_machine_timeout, .entry = at->entry);
	if (state->enter)
		state->enter(self);
	if (state->ends)
		noh_end(0, NULL);
}

static void leave(const struct noh_machine *machine, void *self)
{
	struct noh_at *at = at_of(machine, self);
	const struct noh_state *state = &machine->states[at->state];

	if (state->after_ms)
		noh_cancel(at->timer);
	if (state->leave)
		state->leave(self);
}

static void begin(const struct noh_machine *machine, void *self)
{
	char problem[256];
	if (noh_machine_check(machine, problem, sizeof(problem)))
		noh_fail("%s", problem);
	enter(machine, self, 1);
}

static void time_is_over(const struct noh_machine *machine, void *self)
{
	const struct noh_state *state = &machine->states[at_of(machine, self)->state];

	leave(machine, self);
	if (state->on_timeout)
		state->on_timeout(self);
	enter(machine, self, state->then);
	noh_replay();
}

static void take(const struct noh_machine *machine, void *self, const void *msg,
		 const struct noh_transition *transition)
{
	if (transition->postpone) {
		if (noh_postpone() == -EAGAIN)
			noh_fail("%s: too many messages are postponed in %s", machine->name,
				 noh_machine_state(machine, self));
		return;
	}
	if (transition->to)
		leave(machine, self);
	if (transition->act)
		transition->act(self, msg);
	if (!transition->to)
		return;
	enter(machine, self, transition->to);
	noh_replay();
}

static const struct noh_transition *find(const struct noh_machine *machine, const void *self,
					 uint32_t from, uint32_t id, const void *body)
{
	for (size_t i = 0; i < machine->transition_count; i++) {
		const struct noh_transition *transition = &machine->transitions[i];
		if (transition->from == from && id == noh_message_id(transition->on) &&
		    (!transition->when || transition->when(self, body)))
			return transition;
	}
	return NULL;
}

bool noh_machine_takes(const struct noh_machine *machine, void *self, uint32_t id, const void *body)
{
	struct noh_at *at = at_of(machine, self);

	if (!at->state && id == noh_message_id(&noh_stopping_message))
		return false; // it ends before it has begun
	if (!at->state)
		begin(machine, self);
	if (id == noh_message_id(&noh_machine_timeout_message)) {
		if (((const struct noh_machine_timeout *)body)->entry == at->entry)
			time_is_over(machine, self);
		return true;
	}

	// Of an outcome, whose id is 0, no table says anything.
	const struct noh_transition *transition = find(machine, self, at->state, id, body);
	if (!transition)
		transition = find(machine, self, NOH_ANY, id, body);
	if (!transition)
		return false;
	take(machine, self, body, transition);
	return true;
}

void noh_machine_accepts(const struct noh_machine *machine,
			 const struct noh_message_type *const *others,
			 const struct noh_message_type **accepts)
{
	for (size_t i = 0; i < machine->transition_count; i++)
		*accepts++ = machine->transitions[i].on;
	while (*others)
		*accepts++ = *others++;
	*accepts = NULL;
}

// ---- checking it

struct check {
	const struct noh_machine *machine;
	char *problem;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int wrong(const struct check *check,
						       const char *format, ...)
{
	int length = snprintf(check->problem, check->size, "machine %s: ", check->machine->name);
	va_list arguments;
	va_start(arguments, format);
	if ((size_t)length < check->size)
		vsnprintf(check->problem + length, check->size - (size_t)length, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int check_state(const struct check *check, size_t number)
{
	const struct noh_machine *machine = check->machine;
	const struct noh_state *state = &machine->states[number];

	if (!state->name || !*state->name)
		return wrong(check, "state %zu has no name", number);
	for (size_t i = 1; i < number; i++)
		if (!strcmp(machine->states[i].name, state->name))
			return wrong(check, "two states are called %s", state->name);
	if (state->after_ms < 0)
		return wrong(check, "state %s: after_ms is below 0", state->name);
	if (state->after_ms && (!state->then || state->then >= machine->state_count))
		return wrong(check, "state %s: its time leads to no state", state->name);
	if (!state->after_ms && (state->then || state->on_timeout))
		return wrong(check, "state %s: has no after_ms, but says what is then",
			     state->name);
	return 0;
}

static const char *name_of(const struct noh_machine *machine, uint32_t number)
{
	return number ? machine->states[number].name : "any state";
}

static int check_transition(const struct check *check, size_t number)
{
	const struct noh_machine *machine = check->machine;
	const struct noh_transition *it = &machine->transitions[number];

	if (!it->on)
		return wrong(check, "transition %zu has no message", number + 1);
	if (it->from >= machine->state_count)
		return wrong(check, "transition %zu, %s: there is no state %u", number + 1,
			     it->on->name, (unsigned)it->from);
	const char *from = name_of(machine, it->from);
	if (it->to >= machine->state_count)
		return wrong(check, "%s in %s: there is no state %u", it->on->name, from,
			     (unsigned)it->to);
	if (it->postpone && (it->to || it->act))
		return wrong(check, "%s in %s: what is postponed does nothing yet", it->on->name,
			     from);
	if (it->from && machine->states[it->from].ends)
		return wrong(check, "%s in %s: the actor ends there", it->on->name, from);
	for (size_t i = 0; i < number; i++) {
		const struct noh_transition *earlier = &machine->transitions[i];
		if (earlier->from == it->from && !earlier->when &&
		    noh_message_id(earlier->on) == noh_message_id(it->on))
			return wrong(check,
				     "%s in %s: transition %zu is never reached, since %zu "
				     "always comes first",
				     it->on->name, from, number + 1, i + 1);
	}
	return 0;
}

static bool is_reached(const struct noh_machine *machine, uint32_t number)
{
	// By anything but itself.
	for (size_t i = 0; i < machine->transition_count; i++)
		if (machine->transitions[i].to == number && machine->transitions[i].from != number)
			return true;
	for (uint32_t i = 1; i < machine->state_count; i++)
		if (i != number && machine->states[i].after_ms && machine->states[i].then == number)
			return true;
	return number == 1;
}

int noh_machine_check(const struct noh_machine *machine, char *ret_problem, size_t size)
{
	struct check check = {machine, ret_problem, size};
	int err = 0;

	if (machine->abi != NOH_ABI)
		return wrong(&check, "is not of this version");
	if (machine->state_count < 2)
		return wrong(&check, "has no states");
	if (machine->states[0].name)
		return wrong(&check, "state 0 is %s: states are numbered from 1",
			     machine->states[0].name);
	for (size_t i = 1; !err && i < machine->state_count; i++)
		err = check_state(&check, i);
	for (size_t i = 0; !err && i < machine->transition_count; i++)
		err = check_transition(&check, i);
	for (uint32_t i = 1; !err && i < machine->state_count; i++)
		if (!is_reached(machine, i))
			err = wrong(&check, "nothing leads to state %s", machine->states[i].name);
	return err;
}

// ---- showing it

// Between quotes of a graph.
static void print_quoted(FILE *to, const char *text)
{
	for (; *text; text++)
		fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void print_arrow(FILE *to, const char *from, const char *target)
{
	fputs("\t\"", to);
	print_quoted(to, from);
	fputs("\" -> \"", to);
	print_quoted(to, target);
	fputs("\" [label=\"", to);
}

static void print_edge(const struct noh_machine *machine, FILE *to, uint32_t from,
		       const struct noh_transition *it)
{
	const struct noh_state *states = machine->states;
	uint32_t target = it->to ? it->to : from;

	print_arrow(to, states[from].name, states[target].name);
	fputs(it->on->name, to);
	if (it->label) {
		fputs("\\n", to);
		print_quoted(to, it->label);
	}
	fprintf(to, "%s\"%s];\n", it->postpone ? "\\n(postponed)" : "",
		it->to ? "" : ", style=dashed");
}

// What is said of any state holds where nothing is said of the message.
static bool is_said(const struct noh_machine *machine, uint32_t state,
		    const struct noh_message_type *on)
{
	for (size_t i = 0; i < machine->transition_count; i++)
		if (machine->transitions[i].from == state &&
		    noh_message_id(machine->transitions[i].on) == noh_message_id(on) &&
		    !machine->transitions[i].when)
			return true;
	return false;
}

void noh_machine_dot(const struct noh_machine *machine, FILE *to)
{
	const struct noh_state *states = machine->states;

	// Quoted, as it may be a word of the language; and no state has the empty name.
	fprintf(to, "digraph \"%s\" {\n\t\"\" [shape=point];\n\t\"\" -> \"", machine->name);
	print_quoted(to, states[1].name);
	fputs("\";\n", to);
	for (uint32_t i = 1; i < machine->state_count; i++) {
		fputs("\t\"", to);
		print_quoted(to, states[i].name);
		fprintf(to, "\" [shape=%s];\n", states[i].ends ? "doublecircle" : "box");
		if (states[i].after_ms) {
			print_arrow(to, states[i].name, states[states[i].then].name);
			fprintf(to, "after %lld ms\"];\n", (long long)states[i].after_ms);
		}
	}
	for (size_t i = 0; i < machine->transition_count; i++) {
		const struct noh_transition *it = &machine->transitions[i];
		if (it->from) {
			print_edge(machine, to, it->from, it);
			continue;
		}
		for (uint32_t from = 1; from < machine->state_count; from++)
			if (!states[from].ends && !is_said(machine, from, it->on))
				print_edge(machine, to, from, it);
	}
	fprintf(to, "}\n");
}
