/* What the owner of a connection is told besides data: that it is open, that there is room again,
 * that it ends. Knows nothing of how that came about. */
#include "net/connection.h"

#include "mailbox/atomic.h"
#include "runtime/life.h"

static void tell(struct connection *connection, uint64_t owner, const struct noh_message_type *type,
		 const void *body, const struct gate_ops *gate_ops)
{
	if (!owner)
		return; // closed or given away; a next owner is told anew
	struct notice *notice = pool_take(pool_class_of(sizeof(*notice)), sizeof(*notice));
	*notice = (struct notice){{gate_ops}, connection, .owner = owner};
	connection_retain(connection);
	deliver(owner, 0, type, body, &notice->gate);
}

void connection_tell_opened(struct connection *connection)
{
	char text[ADDRESS_TEXT] = "";
	union address peer;
	struct noh_tcp_opened opened = {.conn = {connection_id(connection)}, .peer = text};

	struct poller *poller = connection->reactor->poller;
	if (!poller->ops->address(poller, connection->socket.descriptor, true, &peer))
		address_print(&peer, text);

	tell(connection, connection_owner(connection), &noh_tcp_opened_message, &opened,
	     &opened_gate_ops);
}

void connection_tell_closed(struct connection *connection)
{
	struct noh_tcp_closed closed = {.conn = {connection_id(connection)},
					.err = connection->err};

	if (connection->flags & (TOLD_CLOSED | IS_GIVEN))
		return;
	connection->flags |= TOLD_CLOSED;
	tell(connection, connection_owner(connection), &noh_tcp_closed_message, &closed,
	     &closed_gate_ops);
}

// A type does not change while its actor lives; if it is just ending, any answer will do.
static bool owner_accepts(const struct connection *connection,
			  const struct noh_message_type *message)
{
	struct slot *slot = slot_if_alive(connection_owner(connection));
	const struct noh_actor_type *type =
		slot ? (const struct noh_actor_type *)ck_pr_load_ptr(&slot->type) : NULL;
	return type && type->accepts && accepts(type, message);
}

void connection_tell_ended(struct connection *connection)
{
	struct noh_tcp_ended ended = {.conn = {connection_id(connection)}};

	if (connection->flags & (TOLD_ENDED | TOLD_CLOSED | IS_GIVEN))
		return;
	if (!owner_accepts(connection, &noh_tcp_ended_message)) {
		connection_tell_closed(connection);
		return;
	}
	connection->flags |= TOLD_ENDED;
	tell(connection, connection_owner(connection), &noh_tcp_ended_message, &ended,
	     &ended_gate_ops);
}

void connection_tell_drained(struct connection *connection)
{
	struct noh_tcp_drained drained = {.conn = {connection_id(connection)}};

	// A fiber may never ask for them: one is enough.
	uint64_t owner = connection_owner(connection);
	if (owner && swap_if_8(&connection->drained_out, 0, 1))
		tell(connection, owner, &noh_tcp_drained_message, &drained, &drained_gate_ops);
}
