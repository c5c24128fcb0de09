// SPDX-License-Identifier: Apache-2.0
// Clients of an echo server, all in one thread.
//
//   clients rate PORT CONCURRENT SECONDS
//       Opens connections over and over, CONCURRENT at a time; each sends one byte, waits for it to come back and
//       closes. Prints "COMPLETED FAILED SECONDS".
//   clients hold PORT COUNT
//       Opens COUNT connections, echoes one byte on each, prints "held HOW-MANY" and keeps them; up to one in a hundred may
//       get no echo. Then, for each line "BYTES" of standard input, echoes that many bytes on each of those that are held
//       and prints "moved". Ends at the end of input.
//   clients latency PORT CONNECTIONS SECONDS
//       Sends one byte on one of CONNECTIONS after the other and waits for it to come back. Prints "COUNT P99", the
//       second in milliseconds.
#include "sockets.h"
#include <time.h>

enum { opening_at_once = 200, moving_at_once = 50, patience = 10000 /* ms without any event */ };

typedef struct {
    int fd;
    size_t unsent, unreceived;
} Connection;

typedef enum { working, done, broken } Progress;

static char outgoing[65536], incoming[65536];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static Progress advance(Connection *connection) {
    while (connection->unsent) {
        ssize_t sent = send(connection->fd, outgoing, smaller(connection->unsent, sizeof outgoing), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) break; // also while the connection is being made
        if (sent < 0) return broken;
        connection->unsent -= sent;
    }
    while (connection->unreceived) {
        ssize_t received = recv(connection->fd, incoming, smaller(connection->unreceived, sizeof incoming), 0);
        if (received < 0 && errno == EAGAIN) break;
        if (received == 0) errno = ECONNRESET;
        if (received <= 0) return broken;
        connection->unreceived -= received;
    }
    return connection->unsent || connection->unreceived ? working : done;
}

static void begin(Connection *connection, int epoll, int port) {
    struct sockaddr_in address = loopback(port);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("socket");
    reset_on_close(connection->fd);
    int connected = connect(connection->fd, (struct sockaddr *)&address, sizeof address);
    if (connected < 0 && errno != EINPROGRESS) fail("connect");
    connection->unsent = connection->unreceived = 1;
    watch(epoll, connection->fd, connection);
}

static void rate(int epoll, int port, int concurrent, double seconds) {
    Connection *connections = calloc(concurrent, sizeof *connections);
    if (!connections) fail("calloc");
    long completed = 0, failed = 0;
    double start = now(), time = start;
    for (int i = 0; i < concurrent; i++) begin(&connections[i], epoll, port);
    for (; time - start < seconds; time = now()) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < count; i++) {
            Connection *connection = events[i].data.ptr;
            Progress progress = advance(connection);
            if (progress == working) continue;
            if (progress == done) completed++;
            else failed++;
            close(connection->fd);
            begin(connection, epoll, port);
        }
    }
    printf("%ld %ld %.6f\n", completed, failed, time - start);
}

// Closes the connections that have not got their bytes, and moves the others to the front; returns how many those are.
static int drop_unfinished(Connection *connections, int total) {
    int kept = 0;
    for (int i = 0; i < total; i++) {
        if (connections[i].unsent || connections[i].unreceived) close(connections[i].fd);
        else connections[kept++] = connections[i];
    }
    return kept;
}

// Echoes `bytes` on every connection, `at_once` of them at a time; opens them first when `port` is not 0. Returns how many
// have their bytes, which are the first ones then.
static int echo_on_all(Connection *connections, int total, int epoll, int port, size_t bytes, int at_once) {
    int started = 0, finished = 0;
    while (finished < total) {
        while (started < total && started - finished < at_once) {
            Connection *connection = &connections[started++];
            if (port) {
                begin(connection, epoll, port);
                continue;
            }
            connection->unsent = connection->unreceived = bytes;
            Progress progress = advance(connection);
            if (progress == broken) fail("a held connection");
            if (progress == done) finished++;
        }
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, patience);
        if (count == 0 && port && finished >= total - total / 100) return drop_unfinished(connections, total);
        if (count == 0) {
            fprintf(stderr, "stuck: %d of %d connections have their bytes\n", finished, total);
            exit(1);
        }
        for (int i = 0; i < count; i++) {
            Connection *connection = events[i].data.ptr;
            if (!connection->unsent && !connection->unreceived) continue; // writable again, with nothing to write
            Progress progress = advance(connection);
            if (progress == broken) fail("a held connection");
            if (progress == done) finished++;
        }
    }
    return finished;
}

static void hold(int epoll, int port, int total) {
    Connection *connections = calloc(total, sizeof *connections);
    if (!connections) fail("calloc");
    int held = echo_on_all(connections, total, epoll, port, 1, opening_at_once);
    printf("held %d\n", held);
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        echo_on_all(connections, held, epoll, 0, strtoul(line, NULL, 10), moving_at_once);
        puts("moved");
        fflush(stdout);
    }
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void latency(int port, int connections, double seconds) {
    enum { most = 4000000 };
    double *times = malloc(most * sizeof *times);
    int *sockets = calloc(connections, sizeof *sockets);
    if (!times || !sockets || connections < 1) fail("malloc");
    struct sockaddr_in address = loopback(port);
    for (int i = 0; i < connections; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    }
    int count = 0;
    char byte = 'x';
    for (double start = now(), time = start; time - start < seconds && count < most; count++) {
        int fd = sockets[count % connections];
        if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1) fail("an echo");
        double end = now();
        times[count] = (end - time) * 1000;
        time = end;
    }
    qsort(times, count, sizeof *times, by_value);
    printf("%d %.4f\n", count, count ? times[(int)(count * 0.99)] : 0);
}

int main(int count, char **arguments) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    if (count == 5 && !strcmp(arguments[1], "rate")) {
        rate(epoll, atoi(arguments[2]), atoi(arguments[3]), atof(arguments[4]));
    } else if (count == 4 && !strcmp(arguments[1], "hold")) {
        hold(epoll, atoi(arguments[2]), atoi(arguments[3]));
    } else if (count == 5 && !strcmp(arguments[1], "latency")) {
        latency(atoi(arguments[2]), atoi(arguments[3]), atof(arguments[4]));
    } else {
        fprintf(stderr, "usage: clients rate PORT CONCURRENT SECONDS | clients hold PORT COUNT |"
                        " clients latency PORT CONNECTIONS SECONDS\n");
        return 2;
    }
}
