#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

static int control(int epoll, int operation, int descriptor, int interest) {
    struct epoll_event event = {.data.fd = descriptor};
    if (interest & CLINUX_READABLE) event.events |= EPOLLIN;
    if (interest & CLINUX_WRITABLE) event.events |= EPOLLOUT;
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_add(int epoll, int descriptor, int interest) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, interest);
}

int clinux_epoll_change(int epoll, int descriptor, int interest) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, interest);
}

int clinux_epoll_ready(int epoll, int *descriptors, int *readiness, int count) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, count < 256 ? count : 256, 0);
    for (int i = 0; i < ready; i++) {
        descriptors[i] = events[i].data.fd;
        readiness[i] = (events[i].events & EPOLLIN ? CLINUX_READABLE : 0)
            | (events[i].events & EPOLLOUT ? CLINUX_WRITABLE : 0)
            | (events[i].events & (EPOLLERR | EPOLLHUP) ? CLINUX_BROKEN : 0);
    }
    return ready;
}

int clinux_accept(int listener, struct sockaddr_storage *address) {
    socklen_t length = sizeof *address;
    return accept4(listener, (struct sockaddr *)address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int clinux_trim(void) { return malloc_trim(0); }

void clinux_bound_arenas(int bytes) {
    mallopt(M_TRIM_THRESHOLD, bytes);
    mallopt(M_MMAP_THRESHOLD, bytes);
}

// The first version of the kernel's struct sched_attr; glibc has none before 2.41.
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

int clinux_turn_length(int64_t nanoseconds) {
    struct scheduling attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return -1;
    attributes.flags = 0;
    attributes.runtime = (uint64_t)nanoseconds;
    return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
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
