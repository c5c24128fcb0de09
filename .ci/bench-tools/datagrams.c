// SPDX-License-Identifier: Apache-2.0
// Datagrams to an echo server and back, all in one thread.
//
//   datagrams echo
//       Prints its port, and sends back whatever comes.
//   datagrams rate PORT FLOWS WINDOW SIZE SECONDS
//       Keeps WINDOW datagrams of SIZE bytes on their way from each of FLOWS sockets; one that is not back within a second is
//       lost, and sent anew. Prints "RETURNED LOST SECONDS".
//   datagrams hold PORT FLOWS SIZE
//       Sends a few datagrams from each of FLOWS sockets, one at a time, prints "held HOW-MANY" for those that had an answer, and
//       keeps them until the end of standard input.
#include "sockets.h"
#include <poll.h>
#include <time.h>

enum { patience = 1000 /* ms */, sent_to_hold = 4 };

static char bytes[65536];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int datagram_socket(int port) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if (port && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    if (!port && bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    return fd;
}

static void echo(void) {
    int fd = datagram_socket(0);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) fail("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    for (;;) {
        length = sizeof address;
        ssize_t count = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&address, &length);
        if (count < 0) poll(&ready, 1, -1);
        else sendto(fd, bytes, count, 0, (struct sockaddr *)&address, length);
    }
}

typedef struct {
    int fd, on_their_way;
    double last;
} Flow;

static void rate(int port, int flows, int window, int size, double seconds) {
    Flow *all = calloc(flows, sizeof *all);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!all || epoll < 0) fail("flows");
    double start = now(), time = start, looked = start;
    for (int i = 0; i < flows; i++) {
        all[i] = (Flow){.fd = datagram_socket(port), .last = start};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) < 0) fail("epoll_ctl");
        // One alone makes the flow; a server that is busy with that may lose those behind it.
        if (send(all[i].fd, bytes, size, 0) == size) all[i].on_their_way = 1;
    }
    long returned = 0, lost = 0;
    for (; time - start < seconds; time = now()) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < count; i++) {
            Flow *flow = events[i].data.ptr;
            while (recv(flow->fd, bytes, sizeof bytes, 0) >= 0) {
                returned++;
                flow->last = time;
                if (flow->on_their_way > 0) flow->on_their_way--;
            }
            while (flow->on_their_way < window && send(flow->fd, bytes, size, 0) == size) flow->on_their_way++;
        }
        if (time - looked < 0.1) continue;
        looked = time;
        for (int i = 0; i < flows; i++) {
            if ((time - all[i].last) * 1000 < patience) continue;
            lost += all[i].on_their_way;
            all[i].last = time;
            all[i].on_their_way = send(all[i].fd, bytes, size, 0) == size;
        }
    }
    printf("%ld %ld %f\n", returned, lost, time - start);
}

static void hold(int port, int flows, int size) {
    int held = 0;
    for (int i = 0; i < flows; i++) {
        int fd = datagram_socket(port), answers = 0;
        for (int j = 0; j < sent_to_hold; j++) {
            struct pollfd ready = {.fd = fd, .events = POLLIN};
            if (send(fd, bytes, size, 0) == size && poll(&ready, 1, patience) == 1) answers += recv(fd, bytes, sizeof bytes, 0) == size;
        }
        held += answers > 0;
    }
    printf("held %d\n", held);
    fflush(stdout);
    while (getchar() != EOF) {}
}

int main(int count, char **words) {
    if (count == 2 && !strcmp(words[1], "echo")) echo();
    else if (count == 7 && !strcmp(words[1], "rate"))
        rate(atoi(words[2]), atoi(words[3]), atoi(words[4]), atoi(words[5]), atof(words[6]));
    else if (count == 5 && !strcmp(words[1], "hold")) hold(atoi(words[2]), atoi(words[3]), atoi(words[4]));
    else {
        fprintf(stderr, "datagrams echo | rate PORT FLOWS WINDOW SIZE SECONDS | hold PORT FLOWS SIZE\n");
        return 2;
    }
    return 0;
}
