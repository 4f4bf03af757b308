// Includes only. <features.h> must come before <event2/event.h>: event-config.h defines _GNU_SOURCE, and
// Swift's Glibc module was built without it; otherwise 'fd_set' has two definitions and the build stops.
#ifndef TIDINGS_CLIBEVENT_SHIM_H
#define TIDINGS_CLIBEVENT_SHIM_H

#include <features.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>

#endif
