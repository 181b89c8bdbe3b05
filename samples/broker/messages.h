/* What the actors of the broker say to each other. A message's way through it:
 *
 *	client -> connection -publish-> router -deliver-> session -write-> connection -> client
 *
 * and several at QoS 0 on one topic, which need nothing but to be passed on, take that way
 * together.
 *
 * A connection lives as long as its socket; a session is what the broker keeps of a client, and may
 * outlive its connections; the directory knows which session is whose; a router has all messages
 * of its share of the topics. */
#ifndef BROKER_MESSAGES_H
#define BROKER_MESSAGES_H

#include <noh/message.h>

// ---- a client comes

/* Connection to directory: a client has sent CONNECT. An empty id is nobody else's. */
NOH_MESSAGE(arrived, (bytes, client_id), (flag, clean));

/* Directory to session: the connection that now speaks for its client. They are counted. */
NOH_MESSAGE(attach, (actor, connection), (u64, attachments));

/* Session to connection: it has been here before if `present`. The packet ids are of what the
 * client published at QoS 2 and has not released. */
NOH_MESSAGE(attached, (flag, present), (list, u64, unreleased));

/* Directory to connection: there is no room for one more session. */
NOH_MESSAGE(unavailable);

// ---- a client publishes

/* Connection to router: see publication.h for the body. A repeated one was routed before. Answered
 * by routed if the ticket is not 0. */
NOH_MESSAGE(publish, (bytes, body), (flag, has_id), (flag, retain), (flag, repeated), (u64, qos),
	    (u64, ticket));

/* Connection to router: see burst.h for the packets. */
NOH_MESSAGE(publish_burst, (bytes, packets), (u64, count));

/* Connection to router, which has this number, and back when all that it was sent before is routed
 * (ahead.h): so that it need not confirm each message, and a client is not far ahead of it. With
 * how many deliveries it made of late, for each message. */
NOH_MESSAGE(mark, (u64, router), (u64, cost));
NOH_MESSAGE(marked, (u64, router), (u64, cost), (u64, deliveries));

/* Router to session: `qos` is the lower one of publisher and subscription. */
NOH_MESSAGE(deliver, (bytes, body), (flag, has_id), (flag, retain), (u64, qos));
NOH_MESSAGE(deliver_burst, (bytes, packets), (u64, count));

/* Router to connection: what was asked with this ticket is done; of a publish, every session with
 * a matching subscription has it. `refused`: a session may not have so many subscriptions. */
NOH_MESSAGE(routed, (u64, ticket), (flag, refused));

// ---- a client receives

/* Session to connection: bytes for the client, made of whole packets. */
NOH_MESSAGE(write, (bytes, piece));
NOH_MESSAGE(write_pieces, (list, bytes, pieces));

/* Connection to session: what was written, as WRITE_COSTS says, and is not confirmed yet. Comes for
 * several writes together, and once the client is not behind with reading. */
NOH_MESSAGE(written, (u64, cost));

/* A write costs its bytes and some more. Confirmed is so much at once; a session that has more than
 * twice that unconfirmed writes no further. */
enum { WRITE_COSTS = 512, CONFIRMED_AT_ONCE = 4096, UNCONFIRMED_MOST = 2 * CONFIRMED_AT_ONCE };

/* Connection to session: PUBACK, PUBREC and PUBCOMP of the client, in order. */
NOH_MESSAGE(acknowledgement, (u64, type), (u64, id));
NOH_MESSAGE(acknowledged, (many, acknowledgement, all));

// ---- a client subscribes

/* Connection to router, about a session. Answered by routed. */
NOH_MESSAGE(subscribe, (actor, session), (bytes, filter), (u64, qos), (u64, ticket));
NOH_MESSAGE(unsubscribe, (actor, session), (bytes, filter), (u64, ticket));

/* Session to routers: it has subscribed to nothing any more. And back: it is sent nothing more. */
NOH_MESSAGE(forget);
NOH_MESSAGE(forgotten);

// ---- a client goes; who leaves waits until nobody has anything more to say to him

/* Connection to session: its last words. And back: they were heard. */
NOH_MESSAGE(detached, (list, u64, unreleased));
NOH_MESSAGE(dismissed);

/* Session to connection, which then says its last words: the client has come on another one. */
NOH_MESSAGE(give_way);

/* Session to connection, which then says its last words: the client takes too little of what it
 * has subscribed to. While it is away to the directory, which knows its name: what is too much is
 * lost. */
NOH_MESSAGE(overflowed);

/* Session to directory: nobody needs it any more, if nobody was attached since. */
NOH_MESSAGE(left, (u64, attachments));

/* Directory to session: nobody will be attached any more. */
NOH_MESSAGE(conclude);

// ---- what is to be known

/* Anyone to journal: a peer was turned away, or a message was not kept. */
NOH_MESSAGE(noted, (str, who), (str, what));

/* Router to directory: it has lost its subscriptions. */
NOH_MESSAGE(subscriptions_lost);

#endif
