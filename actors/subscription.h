/*
 * One subscriber of a topic: what waits for it, and what it has missed. Knows nothing of the other
 * subscribers.
 *
 * How far it is behind needs no word from it: its messages are followed. So many of them wait in
 * its mailbox, where it finds them by type like any others. What comes beyond that is dropped, ends
 * the subscription, or waits here, as it was agreed; and follows when one of the mailbox is done
 * with.
 */
#ifndef NOH_ACTORS_SUBSCRIPTION_H
#define NOH_ACTORS_SUBSCRIPTION_H

#include <noh/noh.h>

#include "actors/roster.h"

struct subscription;

/* To be a member of the topic's set; it takes over the reference. */
struct member *subscription_create(const char *topic, noh_actor who,
				   const struct noh_subscription *options);

/* Any thread. Passes a message on, or not. False: it is one too many for who is not to miss any,
 * and the subscription is over when it has got what waits; the caller takes it out of the set. */
bool subscription_push(struct member *member, const struct noh_shared *message, noh_actor from);

/* Any thread. It gets nothing any more. */
void subscription_end(struct member *member);

#endif
