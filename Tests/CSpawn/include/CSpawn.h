// SPDX-License-Identifier: Apache-2.0
#ifndef C_SPAWN_H
#define C_SPAWN_H
#include <sys/types.h>

/// Starts a program that inherits no descriptor but 0, 1 and 2, and in which no signal is blocked or ignored. Standard output and
/// error are appended to files.
/// @param directory Where it starts; NULL for here.
/// @param errors NULL when both go to `output`.
/// @return 0, or the number of the error.
int spawn_alone(
    pid_t *pid, const char *path, char *const words[], const char *directory, const char *input, const char *output, const char *errors);
#endif
