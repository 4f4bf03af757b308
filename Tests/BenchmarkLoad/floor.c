// The floor: what fan-out costs when there is nothing but the kernel. `GET /…/N` follows channel N, and is
// sent a head, a ready mark and as many frames as the channel has kept (--backlog). `POST /…/N` has its
// body sent as it is to each follower of N: one send() for each, nothing in between, nothing kept per
// connection but its descriptor's place. A full socket is waited for.

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { channels_max = 65536, read_max = 65536 };

struct channel {
    int *followers;
    int count, room;
    char *kept;
    size_t kept_length;
    int kept_frames;
};

static struct channel *channels;
/// By descriptor: the channel followed and the place in it, or -1.
static struct { int channel, place; } *places;
static int backlog_max;
static const char ready[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    "event: ready\ndata: {}\n\n";

static void send_whole(int socket, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return;
        if (sent < 0) {
            struct pollfd full = {.fd = socket, .events = POLLOUT};
            poll(&full, 1, -1);
            continue;
        }
        bytes += sent;
        length -= sent;
    }
}

static void follow(int socket, struct channel *channel, int number) {
    if (channel->count == channel->room) {
        channel->room = channel->room ? channel->room * 2 : 16;
        channel->followers = must_allocate(realloc(channel->followers, channel->room * sizeof(int)));
    }
    places[socket].channel = number;
    places[socket].place = channel->count;
    channel->followers[channel->count++] = socket;
    send_whole(socket, ready, sizeof ready - 1);
    if (channel->kept_length) send_whole(socket, channel->kept, channel->kept_length);
}

static void leave(int socket) {
    if (places[socket].channel >= 0) {
        struct channel *channel = &channels[places[socket].channel];
        int last = channel->followers[--channel->count];
        channel->followers[places[socket].place] = last;
        places[last].place = places[socket].place;
        places[socket].channel = -1;
    }
    close(socket);
}

static void broadcast(struct channel *channel, const char *frame, size_t length) {
    for (int i = 0; i < channel->count; i++) send_whole(channel->followers[i], frame, length);
    if (channel->kept_frames >= backlog_max) return;
    channel->kept = must_allocate(realloc(channel->kept, channel->kept_length + length));
    memcpy(channel->kept + channel->kept_length, frame, length);
    channel->kept_length += length;
    channel->kept_frames++;
}

/// One whole request from the front of the buffer. Returns its length, or 0 while it is not complete.
static size_t serve(int socket, char *buffer, size_t length) {
    char *end = memmem(buffer, length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = end + 4 - buffer;
    char *slash = memchr(buffer, '/', head);
    char *stop = slash ? memchr(slash, ' ', head - (slash - buffer)) : NULL;
    if (!stop) return head;
    while (stop > slash && stop[-1] != '/') stop--;
    int number = atoi(stop);
    if (number < 0 || number >= channels_max) return head;
    if (buffer[0] == 'G') {
        follow(socket, &channels[number], number);
        return head;
    }
    *end = 0;
    char *field = strcasestr(buffer, "\r\ncontent-length:");
    *end = '\r';
    size_t body = field ? strtoul(field + 17, NULL, 10) : 0;
    if (head + body > length) return 0;
    broadcast(&channels[number], buffer + head, body);
    send_whole(socket, "HTTP/1.1 204 No Content\r\n\r\n", 27);
    return head + body;
}

static void readable(int socket) {
    static char buffer[read_max];
    size_t held = 0;
    // A publisher's request may come in pieces: it is small, and the rest is on its way.
    for (;;) {
        ssize_t got = recv(socket, buffer + held, sizeof buffer - held, held ? 0 : MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return leave(socket);
        held += got;
        size_t used;
        while (held > 0 && (used = serve(socket, buffer, held)) > 0) {
            memmove(buffer, buffer + used, held - used);
            held -= used;
        }
        if (held == 0) return;
        fcntl(socket, F_SETFL, 0);
    }
}

static void accept_some(int listener, int epoll) {
    for (int i = 0; i < 256; i++) {
        int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) return;
        int one = 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        places[socket].channel = -1;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
        epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
    }
}

int floor_server(int count, char **options) {
    backlog_max = number(count, options, "--backlog", 0);
    channels = must_allocate(calloc(channels_max, sizeof *channels));
    places = must_allocate(calloc(sysconf(_SC_OPEN_MAX), sizeof *places));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16384)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("ready http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[512] = {{.events = EPOLLIN, .data.fd = listener}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]);
    for (;;) {
        int ready_count = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready_count; i++) {
            if (events[i].data.fd == listener) accept_some(listener, epoll);
            else readable(events[i].data.fd);
        }
    }
}
