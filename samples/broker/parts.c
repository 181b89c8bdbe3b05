/* Starts what all clients of the broker share: directory, journal and routers, under a supervisor.
 */
#include "broker/parts.h"

#include <noh/noh.h>

#include "broker/directory.h"
#include "broker/journal.h"
#include "broker/router.h"

/* A part that fails is started again, with nothing in it; what that means is told in directory.c.
 */
void parts_start(struct broker *broker)
{
	enum { DIRECTORY, JOURNAL, ROUTERS };
	struct noh_child router = NOH_CHILD(router, (.broker = broker));
	struct noh_child parts[ROUTERS + ROUTERS_MOST + 1] = {
		[DIRECTORY] =
			NOH_CHILD(directory, (.broker = broker), .ret_handle = &broker->directory),
		[JOURNAL] = NOH_CHILD(journal, (.broker = broker), .ret_handle = &broker->journal),
	};

	broker->router_count = noh_workers() < ROUTERS_MOST ? noh_workers() : ROUTERS_MOST;
	broker->limits.outbox.retained = broker->router_count * router_retains_most(broker);
	for (uint32_t i = 0; i < broker->router_count; i++) {
		parts[ROUTERS + i] = router;
		parts[ROUTERS + i].id = noh_format("router %u", i + 1);
		parts[ROUTERS + i].ret_handle = &broker->routers[i];
	}
	noh_supervise_list(
		NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), .name = "parts"),
		parts);
}
