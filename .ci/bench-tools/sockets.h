// SPDX-License-Identifier: Apache-2.0
// What the echo server and the clients of the benchmark share: loopback addresses, options, and the way out.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// Closing sends a reset: neither this end nor the peer keeps the port in TIME_WAIT, so that a long run does not use up
// the ports. An accepted socket inherits the option from its listener.
static inline void reset_on_close(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0) fail("SO_LINGER");
}

// Edge-triggered: whoever handles the event reads and writes until EAGAIN.
static inline void watch(int epoll, int fd, void *data) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}
