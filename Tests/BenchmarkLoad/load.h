// The programs beside the gateway when it is measured, in C so that they are not what is measured: a crowd of
// streams (crowd.c), the floor that no gateway can go below (floor.c), a publisher over HTTP for the floor
// and for Nchan (publish.c). One thread and one epoll each.
#ifndef TIDINGS_LOAD_H
#define TIDINGS_LOAD_H

#include <stdint.h>

int crowd(int count, char **options);
int floor_server(int count, char **options);
int publish(int count, char **options);

/// The value behind `name` among the options, or `otherwise`.
const char *option(int count, char **options, const char *name, const char *otherwise);
long number(int count, char **options, const char *name, long otherwise);

/// CLOCK_MONOTONIC, the same for all processes of the machine.
int64_t nanoseconds(void);

/// Says why and ends the process.
void die(const char *what);

/// malloc that does not return without memory.
void *must_allocate(void *memory);

#endif
