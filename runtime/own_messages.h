/* Messages between parts of the library that no user sees. */
#ifndef NOH_RUNTIME_OWN_MESSAGES_H
#define NOH_RUNTIME_OWN_MESSAGES_H

#include <noh/message.h>

/* The actor's alarm rings: a deadline of an ask or of a wait may have come. */
NOH_LIBRARY_MESSAGE(noh_alarm);

/* To who is in noh_wait_for_stop(). */
NOH_LIBRARY_MESSAGE(noh_stop_asked);

#endif
