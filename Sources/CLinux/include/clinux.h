// The Linux calls that Swift's Glibc module does not show (it was built without _GNU_SOURCE). One C function
// per call, no policy; errors are the call's own, in errno.
#ifndef TIDINGS_CLINUX_H
#define TIDINGS_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
int clinux_eventfd(void);

/// ppoll(2) for reading: fills `readable` with 0 or 1. A negative timeout waits for ever.
int clinux_poll_readable(const int *descriptors, uint8_t *readable, size_t count, int64_t timeout_nanoseconds);

/// pthread_setname_np(pthread_self(), name)
int clinux_name_thread(const char *name);

/// inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
int clinux_inotify(void);

/// inotify_add_watch for writes, truncation, creation, renames and removal of one path.
int clinux_watch(int inotify, const char *path);

/// sendfile(2). Advances `offset`.
long clinux_sendfile(int socket, int file, int64_t *offset, size_t count);

/// open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600): a file without a name.
int clinux_unnamed_file(const char *directory);

/// epoll_create1(EPOLL_CLOEXEC)
int clinux_epoll(void);

/// What a descriptor is ready for, or is to be watched for.
enum { CLINUX_READABLE = 1, CLINUX_WRITABLE = 2, CLINUX_BROKEN = 4 };

/// EPOLL_CTL_ADD, EPOLL_CTL_MOD: level-triggered, for a set of CLINUX_READABLE and CLINUX_WRITABLE.
int clinux_epoll_add(int epoll, int descriptor, int interest);
int clinux_epoll_change(int epoll, int descriptor, int interest);

/// Without waiting: fills `descriptors` and what each is ready for. Returns how many; at most 256.
int clinux_epoll_ready(int epoll, int *descriptors, int *readiness, int count);

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC.
int clinux_accept(int listener, struct sockaddr_storage *address);

/// malloc_trim(0): gives free memory back to the system, wherever it lies. Milliseconds.
int clinux_trim(void);

/// mallopt(M_TRIM_THRESHOLD), mallopt(M_MMAP_THRESHOLD): how much free memory an arena may keep at its end, and
/// from which size on a block is mapped by itself.
void clinux_bound_arenas(int bytes);

/// sched_setattr(2): how long a turn on the processor the calling thread asks for. Kernels before 6.12 take no
/// notice.
int clinux_turn_length(int64_t nanoseconds);

/// TCP_USER_TIMEOUT, in milliseconds.
int clinux_user_timeout(int socket, unsigned int milliseconds);

/// TCP_NOTSENT_LOWAT, in bytes.
int clinux_unsent_low_water(int socket, unsigned int bytes);

/// Bytes written to the socket and not yet sent (SIOCOUTQ), or -1.
int clinux_unsent(int socket);

#endif
