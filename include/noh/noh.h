/* All of Noh: an actor runtime for C. One header a subject; this one includes them all. */
#ifndef NOH_H
#define NOH_H

#include <noh/message.h>

#include <noh/actor.h>
#include <noh/ask.h>
#include <noh/behaviour.h>
#include <noh/bytes.h>
#include <noh/dead_letters.h>
#include <noh/extend.h>
#include <noh/fiber.h>
#include <noh/group.h>
#include <noh/join.h>
#include <noh/link.h>
#include <noh/machine.h>
#include <noh/memory.h>
#include <noh/pool.h>
#include <noh/registry.h>
#include <noh/run.h>
#include <noh/scope.h>
#include <noh/shared.h>
#include <noh/supervisor.h>
#include <noh/tcp.h>
#include <noh/timer.h>
#include <noh/topic.h>
#include <noh/watch.h>

#endif
