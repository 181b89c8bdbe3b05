/* Options from the environment: NOH_WORKERS and the like. They win over what the program says. */
#ifndef NOH_RUNTIME_ENVIRONMENT_H
#define NOH_RUNTIME_ENVIRONMENT_H

#include <noh/run.h>

/* Returns 0, or -EINVAL for a malformed value, with a line on stderr that names it. */
int environment_apply(struct noh_options *options);

#endif
