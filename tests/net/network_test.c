/* Which reactor takes a new connection. */
#include <criterion/criterion.h>

#include "net/network.h"
#include "net/reactor.h"

static struct net_reactor reactors[3];
static struct network network = {.reactors = {&reactors[0], &reactors[1], &reactors[2]},
				 .reactor_count = 3};

Test(network, fills_a_home_before_the_next)
{
	reactors[1].load = 500;

	cr_expect_eq(network_place(&network, &reactors[1]), &reactors[1]);
}

Test(network, goes_elsewhere_when_half_a_core_is_taken)
{
	reactors[0].load = 600;
	reactors[1].load = 550;
	reactors[2].load = 100;

	cr_expect_eq(network_place(&network, &reactors[1]), &reactors[2]);
}

Test(network, stays_when_all_others_have_more_to_do)
{
	reactors[0].load = 800;
	reactors[1].load = 600;
	reactors[2].load = 900;

	cr_expect_eq(network_place(&network, &reactors[1]), &reactors[1]);
}
