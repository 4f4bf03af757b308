// Publishes to the floor or to Nchan: POST --prefix N, a stamp and padding as the body, over a few
// connections with one request in flight each. --rate 0: as fast as they are answered.

#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int connect_to(int port) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address)) die("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return descriptor;
}

static void post(int socket, const char *prefix, long channel, size_t bytes, int is_frame) {
    static char request[70000];
    char stamp[64];
    int length = snprintf(stamp, sizeof stamp, "@%lld@", (long long)nanoseconds());
    size_t body = bytes > (size_t)length ? bytes : (size_t)length;
    if (body > 65000) body = 65000;
    int head = sprintf(
        request,
        "POST %s%ld HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
        prefix, channel, body + (is_frame ? 8 : 0), is_frame ? "data: " : "");
    memset(request + head, 'x', body);
    memcpy(request + head, stamp, length);
    size_t end = head + body;
    if (is_frame) {
        memcpy(request + end, "\n\n", 2);
        end += 2;
    }
    if (send(socket, request, end, MSG_NOSIGNAL) != (ssize_t)end) die("send");
}

int publish(int count, char **options) {
    int port = number(count, options, "--port", 0);
    const char *prefix = option(count, options, "--prefix", "/pub/");
    long first = number(count, options, "--first", 0), total = number(count, options, "--count", 1);
    long channel_count = number(count, options, "--channels", 1);
    double rate = atof(option(count, options, "--rate", "0"));
    int connections = number(count, options, "--connections", 1);
    size_t bytes = number(count, options, "--bytes", 200);
    int is_frame = number(count, options, "--frame", 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int *idle = must_allocate(calloc(connections, sizeof(int))), idle_count = connections;
    for (int i = 0; i < connections; i++) {
        idle[i] = connect_to(port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = idle[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, idle[i], &event);
    }
    long sent = 0, answered = 0;
    int64_t next = nanoseconds();
    while (answered < total) {
        while (idle_count > 0 && sent < total && (rate <= 0 || nanoseconds() >= next)) {
            post(idle[--idle_count], prefix, first + sent++ % channel_count, bytes, is_frame);
            if (rate > 0) next += 1e9 / rate;
        }
        int64_t left = next - nanoseconds();
        int timeout = rate > 0 && idle_count > 0 && sent < total ? (left > 0 ? left / 1000000 : 0) : 1000;
        if (timeout == 0 && left > 0) {
            struct timespec nap = {.tv_nsec = left};
            nanosleep(&nap, NULL);
            continue;
        }
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, timeout);
        for (int i = 0; i < ready; i++) {
            char answer[4096];
            ssize_t got = recv(events[i].data.fd, answer, sizeof answer, 0);
            if (got <= 0 || memcmp(answer, "HTTP/1.1 2", 10)) die("an answer");
            idle[idle_count++] = events[i].data.fd;
            answered++;
        }
    }
    return 0;
}
