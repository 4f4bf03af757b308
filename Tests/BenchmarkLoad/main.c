// tidings-load crowd | floor | publish, each with --name value options.

#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: tidings-load crowd|floor|publish [--name value …]\n");
        return 64;
    }
    if (!strcmp(arguments[1], "crowd")) return crowd(count - 2, arguments + 2);
    if (!strcmp(arguments[1], "floor")) return floor_server(count - 2, arguments + 2);
    if (!strcmp(arguments[1], "publish")) return publish(count - 2, arguments + 2);
    fprintf(stderr, "tidings-load: no program is called %s\n", arguments[1]);
    return 64;
}

const char *option(int count, char **options, const char *name, const char *otherwise) {
    for (int i = 0; i + 1 < count; i += 2) {
        if (!strcmp(options[i], name)) return options[i + 1];
    }
    return otherwise;
}

long number(int count, char **options, const char *name, long otherwise) {
    const char *text = option(count, options, name, NULL);
    return text ? strtol(text, NULL, 10) : otherwise;
}

int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void die(const char *what) {
    perror(what);
    exit(70);
}

void *must_allocate(void *memory) {
    if (!memory) die("out of memory");
    return memory;
}
