/* A listener as its reactor and its connections know it; the actor that it also is, is in
 * listener.c. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

struct listener;

/* Any thread. A connection that it had accepted is closed; gives back that connection's reference.
 */
void listener_lost_one(struct listener *listener);

#endif
