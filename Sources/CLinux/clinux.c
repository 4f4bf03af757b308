#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>

int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int clinux_poll_readable(const int *descriptors, uint8_t *readable, size_t count, int64_t timeout_nanoseconds) {
    struct pollfd polled[16];
    if (count > sizeof polled / sizeof *polled) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        polled[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
        readable[i] = 0;
    }
    struct timespec timeout = {.tv_sec = timeout_nanoseconds / 1000000000, .tv_nsec = timeout_nanoseconds % 1000000000};
    int ready = ppoll(polled, count, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
    for (size_t i = 0; ready > 0 && i < count; i++) readable[i] = polled[i].revents != 0;
    return ready;
}

int clinux_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

int clinux_inotify(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int clinux_watch(int inotify, const char *path) {
    return inotify_add_watch(inotify, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF);
}

long clinux_sendfile(int socket, int file, int64_t *offset, size_t count) {
    off_t place = *offset;
    ssize_t sent = sendfile(socket, file, &place, count);
    *offset = place;
    return sent;
}

int clinux_unnamed_file(const char *directory) { return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }

int clinux_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_add(int epoll, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int clinux_epoll_wait(int epoll, int *readable, int count, int timeout_milliseconds) {
    struct epoll_event events[512];
    int ready = epoll_wait(epoll, events, count < 512 ? count : 512, timeout_milliseconds);
    for (int i = 0; i < ready; i++) readable[i] = events[i].data.fd;
    return ready;
}

int clinux_user_timeout(int socket, unsigned int milliseconds) {
    return setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

int clinux_unsent_low_water(int socket, unsigned int bytes) {
    return setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

int clinux_unsent(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}
