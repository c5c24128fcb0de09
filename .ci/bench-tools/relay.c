// SPDX-License-Identifier: Apache-2.0
// The least that a relay can do, as a bound for what a proxy can reach on this machine: it accepts on a free loopback port, which
// it prints, connects to PORT, and moves bytes. No protocol, no rules, no counters. Two threads, one socket each on the port,
// edge-triggered; runs until it is killed.
//
//   relay PORT
#include "sockets.h"
#include <netinet/tcp.h>
#include <pthread.h>

enum { accepted_at_once = 16, events_at_once = 256 };

typedef struct End {
    int fd;
    int is_closed;
    struct End *peer;
} End;

static int target, port;
static __thread char scratch[65536];

static void send_at_once(int fd) {
    int one = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) fail("TCP_NODELAY");
}

static int listen_on(int wanted) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = loopback(wanted);
    socklen_t length = sizeof address;
    if (fd < 0) fail("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) fail("SO_REUSEPORT");
    send_at_once(fd);
    if (bind(fd, (struct sockaddr *)&address, length) < 0) fail("bind");
    if (listen(fd, 4096) < 0) fail("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) fail("getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

static void accept_some(int epoll, int listener) {
    for (int i = 0; i < accepted_at_once; i++) {
        int near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (near < 0) return;
        int far = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (far < 0) fail("socket");
        send_at_once(far);
        struct sockaddr_in address = loopback(target);
        if (connect(far, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail("connect");
        End *pair = calloc(2, sizeof *pair);
        if (!pair) fail("calloc");
        pair[0] = (End){.fd = near, .peer = &pair[1]};
        pair[1] = (End){.fd = far, .peer = &pair[0]};
        watch(epoll, near, &pair[0]);
        watch(epoll, far, &pair[1]);
    }
}

// Moves what is there; 0 when the relay is over. A peer that does not take a message at once ends it: this is for small ones.
static int move(End *end) {
    for (;;) {
        ssize_t count = recv(end->fd, scratch, sizeof scratch, 0);
        if (count < 0) return errno == EAGAIN;
        if (count == 0 || send(end->peer->fd, scratch, count, MSG_NOSIGNAL) != count) return 0;
        if (count < (ssize_t)sizeof scratch) return 1;
    }
}

static void *run(void *argument) {
    int listener = *(int *)argument, epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");
    for (;;) {
        struct epoll_event events[events_at_once];
        End *over[events_at_once];
        int count = epoll_wait(epoll, events, events_at_once, -1), ended = 0;
        for (int i = 0; i < count; i++) {
            End *end = events[i].data.ptr;
            if (!end) {
                accept_some(epoll, listener);
            } else if (!end->is_closed && !(events[i].events & EPOLLIN ? move(end) : !(events[i].events & EPOLLHUP))) {
                close(end->fd);
                close(end->peer->fd);
                end->is_closed = end->peer->is_closed = 1;
                over[ended++] = end < end->peer ? end : end->peer;
            }
        }
        while (ended > 0) free(over[--ended]);
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: relay PORT\n");
        return 2;
    }
    target = atoi(arguments[1]);
    int first = listen_on(0), second = listen_on(port);
    printf("%d\n", port);
    fflush(stdout);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &second) != 0) fail("pthread_create");
    run(&first);
}
