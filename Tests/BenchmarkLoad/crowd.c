// A crowd of streams that knows what each of them received. What each asks for stands in a file, a line a
// stream: group, target, bearer token, last event id, flags; tabs between, `-` for nothing. Flag n: never
// reads once it is ready. When all are ready it says so, then does what it is told on standard input, a
// line each:
//
//     reset            forgets what was received
//     wait K SECONDS   until K stamps have come in all, or the time is up; then reports, in JSON
//     ended SECONDS    says that it watches, waits until the server has ended all streams or the time is
//                      up, then reports, in JSON, how many were told `bye`, when they are to return, and
//                      how they were ended
//     close            ends all streams
//
// A stamp is `@nanoseconds@` (CLOCK_MONOTONIC) anywhere in what is received: the moment of publication.

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { groups_max = 8, latencies_max = 16 << 20, read_max = 256 << 10 };

struct stream {
    char *request;
    int socket;
    int64_t stamp;
    int64_t ended_at;
    uint32_t received;
    int32_t retry;
    uint16_t matched;
    uint8_t group, is_in_stamp, is_connecting, never_reads;
};

struct group {
    uint32_t *latencies;
    size_t kept;
    long received, streams;
};

static struct stream *streams;
static long stream_count, ready_count, closed_count, in_flight;
static struct group groups[groups_max];
static long received_total, bytes_total;
static int64_t opened_at, first_at, last_at;
static int epoll;
static const char *ready_mark;
static int port, source, is_ending;

// MARK: Streams

static char *copy_of(const char *text) { return must_allocate(strdup(text)); }

static void parse_line(struct stream *stream, char *line) {
    char *fields[5] = {"0", "/", "-", "-", "-"};
    for (int i = 0; i < 5 && line; i++) fields[i] = strsep(&line, "\t\n");
    char request[2048];
    int length = snprintf(
        request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n",
        fields[1]);
    if (strcmp(fields[2], "-"))
        length += snprintf(
            request + length, sizeof request - length, "Authorization: Bearer %s\r\n", fields[2]);
    if (strcmp(fields[3], "-"))
        length += snprintf(request + length, sizeof request - length, "Last-Event-ID: %s\r\n", fields[3]);
    snprintf(request + length, sizeof request - length, "\r\n");
    stream->request = copy_of(request);
    stream->group = atoi(fields[0]) % groups_max;
    stream->never_reads = strchr(fields[4], 'n') != NULL;
    groups[stream->group].streams++;
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    char *line = NULL;
    size_t room = 0;
    long streams_room = 0;
    while (getline(&line, &room, file) > 0) {
        if (stream_count == streams_room) {
            streams_room = streams_room ? streams_room * 2 : 1024;
            streams = must_allocate(realloc(streams, streams_room * sizeof *streams));
        }
        memset(&streams[stream_count], 0, sizeof *streams);
        streams[stream_count].retry = -1;
        parse_line(&streams[stream_count++], line);
    }
    free(line);
    fclose(file);
}

static void begin(long index) {
    struct stream *stream = &streams[index];
    stream->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->socket < 0) die("socket");
    int one = 1, small = 4096;
    if (stream->never_reads) setsockopt(stream->socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    // Addresses of their own: a closed connection keeps its port for a minute.
    struct sockaddr_in from = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 256 * source + index / 20000)};
    setsockopt(stream->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(stream->socket, (struct sockaddr *)&from, sizeof from)) die("bind");
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(stream->socket, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    stream->is_connecting = 1;
    in_flight++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.u64 = index};
    epoll_ctl(epoll, EPOLL_CTL_ADD, stream->socket, &event);
}

static void ask(struct stream *stream, uint64_t index) {
    stream->is_connecting = 0;
    size_t length = strlen(stream->request);
    if (send(stream->socket, stream->request, length, MSG_NOSIGNAL) != (ssize_t)length) return;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};
    epoll_ctl(epoll, EPOLL_CTL_MOD, stream->socket, &event);
}

static void end(struct stream *stream) {
    if (stream->socket < 0) return;
    if (ready_mark[stream->matched]) in_flight--;
    close(stream->socket);
    stream->socket = -1;
    stream->ended_at = nanoseconds();
    closed_count++;
}

// MARK: What is received

static void note(struct stream *stream, int64_t now) {
    struct group *group = &groups[stream->group];
    stream->received++;
    group->received++;
    if (!received_total++) first_at = now;
    last_at = now;
    if (group->kept >= latencies_max / groups_max) return;
    if (!group->latencies)
        group->latencies = must_allocate(malloc(latencies_max / groups_max * sizeof(uint32_t)));
    int64_t late = (now - stream->stamp) / 100;
    group->latencies[group->kept++] = late < 0 ? 0 : late > UINT32_MAX ? UINT32_MAX : late;
}

static void find_stamps(struct stream *stream, const char *bytes, size_t length, int64_t now) {
    const char *end = bytes + length;
    while (bytes < end) {
        if (!stream->is_in_stamp) {
            bytes = memchr(bytes, '@', end - bytes);
            if (!bytes) return;
            bytes++;
            stream->is_in_stamp = 1;
            stream->stamp = 0;
        }
        for (; bytes < end && *bytes >= '0' && *bytes <= '9'; bytes++)
            stream->stamp = stream->stamp * 10 + (*bytes - '0');
        if (bytes == end) return;
        if (*bytes++ == '@' && stream->stamp > 0) note(stream, now);
        stream->is_in_stamp = 0;
    }
}

static void find_ready(struct stream *stream, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == ready_mark[stream->matched]) stream->matched++;
        else stream->matched = bytes[i] == ready_mark[0];
        if (!ready_mark[stream->matched]) {
            ready_count++;
            in_flight--;
            if (stream->never_reads) epoll_ctl(epoll, EPOLL_CTL_DEL, stream->socket, NULL);
            return;
        }
    }
}

/// A `bye` is short and the last event: it comes whole.
static void find_bye(struct stream *stream, const char *bytes, size_t length) {
    static const char mark[] = "\"retry_ms\":";
    const char *found = memmem(bytes, length, mark, sizeof mark - 1);
    if (found) stream->retry = strtol(found + sizeof mark - 1, NULL, 10);
}

static void take(struct stream *stream) {
    static char buffer[read_max + 1];
    ssize_t got = recv(stream->socket, buffer, read_max, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) end(stream);
        return;
    }
    bytes_total += got;
    if (ready_mark[stream->matched]) find_ready(stream, buffer, got);
    find_stamps(stream, buffer, got, nanoseconds());
    buffer[got] = 0;
    if (is_ending) find_bye(stream, buffer, got);
}

static void turn(int timeout) {
    struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, timeout);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == UINT64_MAX) continue;
        struct stream *stream = &streams[events[i].data.u64];
        if (stream->socket < 0) continue;
        if (stream->is_connecting) {
            if (events[i].events & (EPOLLERR | EPOLLHUP)) end(stream);
            else if (events[i].events & EPOLLOUT) ask(stream, events[i].data.u64);
        } else {
            take(stream);
        }
    }
}

// MARK: Reports

static int ascending(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile(struct group *group, double share) {
    if (!group->kept) return 0;
    size_t place = group->kept * share;
    return group->latencies[place < group->kept ? place : group->kept - 1] / 10000.0;
}

static void report(void) {
    printf(
        "{\"received\":%ld,\"bytes\":%ld,\"closed\":%ld,\"seconds\":%.6f,\"sinceOpening\":%.6f,"
        "\"groups\":[",
        received_total, bytes_total, closed_count, (last_at - first_at) / 1e9, (last_at - opened_at) / 1e9);
    for (int i = 0; i < groups_max; i++) {
        struct group *group = &groups[i];
        uint32_t least = UINT32_MAX, most = 0;
        for (long j = 0; j < stream_count; j++) {
            if (streams[j].group != i) continue;
            if (streams[j].received < least) least = streams[j].received;
            if (streams[j].received > most) most = streams[j].received;
        }
        if (group->kept) qsort(group->latencies, group->kept, sizeof(uint32_t), ascending);
        printf(
            "%s{\"streams\":%ld,\"received\":%ld,\"least\":%u,\"most\":%u,"
            "\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}",
            i ? "," : "", group->streams, group->received, group->streams ? least : 0, most,
            percentile(group, 0.5), percentile(group, 0.99), percentile(group, 1));
    }
    printf("]}\n");
    fflush(stdout);
}

/// How they were ended: at most so many within any second, for so long; and to return when, in milliseconds.
static void report_end(int64_t begun) {
    uint32_t *ends = must_allocate(malloc(stream_count * sizeof *ends));
    uint32_t *retries = must_allocate(malloc(stream_count * sizeof *retries));
    long ended = 0, byes = 0, most = 0;
    for (long i = 0; i < stream_count; i++) {
        if (streams[i].ended_at) ends[ended++] = (streams[i].ended_at - begun) / 1000000;
        if (streams[i].retry >= 0) retries[byes++] = streams[i].retry;
    }
    qsort(ends, ended, sizeof *ends, ascending);
    qsort(retries, byes, sizeof *retries, ascending);
    for (long i = 0, from = 0; i < ended; i++) {
        while (ends[i] - ends[from] >= 1000) from++;
        if (i - from + 1 > most) most = i - from + 1;
    }
    printf(
        "{\"ended\":%ld,\"byes\":%ld,\"seconds\":%.3f,\"mostInASecond\":%ld,\"retryLeast\":%u,"
        "\"retryMiddle\":%u,\"retryMost\":%u}\n",
        ended, byes, ended ? ends[ended - 1] / 1e3 : 0, most, byes ? retries[0] : 0,
        byes ? retries[byes / 2] : 0, byes ? retries[byes - 1] : 0);
    fflush(stdout);
    free(ends);
    free(retries);
}

static void reset(void) {
    for (long i = 0; i < stream_count; i++) streams[i].received = 0;
    for (int i = 0; i < groups_max; i++) groups[i].received = groups[i].kept = 0;
    received_total = bytes_total = first_at = last_at = 0;
}

// MARK: The program

static void open_all(long burst, double seconds) {
    opened_at = nanoseconds();
    int64_t limit = opened_at + seconds * 1e9;
    long begun = 0;
    while (ready_count + closed_count < stream_count && nanoseconds() < limit) {
        while (begun < stream_count && in_flight < burst) begin(begun++);
        turn(100);
    }
    printf(
        "{\"ready\":%ld,\"closed\":%ld,\"seconds\":%.6f}\n", ready_count, closed_count,
        (nanoseconds() - opened_at) / 1e9);
    fflush(stdout);
}

static void obey(const char *line) {
    long expected = 0;
    double seconds = 0;
    if (!strncmp(line, "reset", 5)) {
        reset();
        printf("{}\n");
        fflush(stdout);
    } else if (sscanf(line, "wait %ld %lf", &expected, &seconds) == 2) {
        int64_t limit = nanoseconds() + seconds * 1e9;
        while (received_total < expected && nanoseconds() < limit) turn(20);
        report();
    } else if (sscanf(line, "ended %lf", &seconds) == 1) {
        int64_t begun = nanoseconds(), limit = begun + seconds * 1e9;
        is_ending = 1;
        printf("{}\n");
        fflush(stdout);
        while (closed_count < stream_count && nanoseconds() < limit) turn(20);
        report_end(begun);
    } else if (!strncmp(line, "close", 5)) {
        for (long i = 0; i < stream_count; i++) end(&streams[i]);
        printf("{}\n");
        fflush(stdout);
    }
}

int crowd(int count, char **options) {
    port = number(count, options, "--port", 0);
    source = number(count, options, "--source", 0) % 250;
    ready_mark = option(count, options, "--ready", "event: ready");
    read_requests(option(count, options, "--requests", "requests"));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    open_all(number(count, options, "--burst", 512), atof(option(count, options, "--seconds", "60")));
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    // Commands come one at a time, each after the answer to the one before; between them everything is read.
    char line[256];
    for (;;) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&in, 1, 0) > 0) {
            if (!fgets(line, sizeof line, stdin)) return 0;
            obey(line);
        } else {
            turn(20);
        }
    }
}
