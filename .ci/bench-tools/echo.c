// SPDX-License-Identifier: Apache-2.0
// Echo server on a free loopback port, which it prints. One thread; runs until it is killed.
#include "sockets.h"

typedef struct {
    int fd;
    size_t start, end; // what `bytes` holds that is not written back yet
    char *bytes;       // only while the peer takes less than it sends
} Connection;

static char scratch[65536];

static void drop(Connection *connection) {
    close(connection->fd);
    free(connection->bytes);
    free(connection);
}

// Writes what is left of an earlier read. Answers 1 when nothing is left, 0 when the peer does not take it now, -1 when
// the peer is gone.
static int flush(Connection *connection) {
    while (connection->start < connection->end) {
        size_t left = connection->end - connection->start;
        ssize_t sent = send(connection->fd, connection->bytes + connection->start, left, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        connection->start += sent;
    }
    free(connection->bytes);
    connection->bytes = NULL;
    return 1;
}

static void keep(Connection *connection, const char *bytes, size_t count) {
    connection->bytes = malloc(count);
    if (!connection->bytes) fail("malloc");
    memcpy(connection->bytes, bytes, count);
    connection->start = 0;
    connection->end = count;
}

static void serve(Connection *connection) {
    for (;;) {
        int flushed = flush(connection);
        if (flushed < 0) return drop(connection);
        if (flushed == 0) return;
        ssize_t received = recv(connection->fd, scratch, sizeof scratch, 0);
        if (received < 0 && errno == EAGAIN) return;
        if (received <= 0) return drop(connection);
        ssize_t sent = send(connection->fd, scratch, received, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return drop(connection);
        if (sent < 0) sent = 0;
        if (sent < received) keep(connection, scratch + sent, received - sent);
    }
}

static void accept_all(int epoll, int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        Connection *connection = calloc(1, sizeof *connection);
        if (!connection) fail("calloc");
        connection->fd = fd;
        watch(epoll, fd, connection);
    }
    if (errno != EAGAIN && errno != ECONNABORTED) fail("accept");
}

static int listen_on_free_port(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (listener < 0) fail("socket");
    reset_on_close(listener);
    if (bind(listener, (struct sockaddr *)&address, length) < 0) fail("bind");
    if (listen(listener, 4096) < 0) fail("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0) fail("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(void) {
    int listener = listen_on_free_port();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    watch(epoll, listener, NULL);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) serve(events[i].data.ptr);
            else accept_all(epoll, listener);
        }
    }
}
