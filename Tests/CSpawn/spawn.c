// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CSpawn.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>

extern char **environ;

int spawn_alone(
    pid_t *pid, const char *path, char *const words[], const char *directory, const char *input, const char *output, const char *errors)
{
    const int append = O_WRONLY | O_CREAT | O_APPEND;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
        if (failure == 0) failure = posix_spawn_file_actions_addopen(&actions, 1, output, append, 0644);
        if (failure == 0 && errors != NULL) failure = posix_spawn_file_actions_addopen(&actions, 2, errors, append, 0644);
        if (failure == 0 && errors == NULL) failure = posix_spawn_file_actions_adddup2(&actions, 1, 2);
        if (failure == 0) failure = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (failure == 0 && directory != NULL) failure = posix_spawn_file_actions_addchdir_np(&actions, directory);
        if (failure == 0) failure = posix_spawnattr_setsigmask(&attributes, &none);
        if (failure == 0) failure = posix_spawnattr_setsigdefault(&attributes, &all);
        if (failure == 0) failure = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (failure == 0) failure = posix_spawn(pid, path, &actions, &attributes, words, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}
