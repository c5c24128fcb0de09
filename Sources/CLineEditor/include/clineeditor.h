// SPDX-License-Identifier: Apache-2.0
//
// Line editing on a terminal by libedit, whose own functions take variable arguments, which Swift cannot call.

#ifndef CLINEEDITOR_H
#define CLINEEDITOR_H

#include <stddef.h>

typedef struct le_editor le_editor;

// What a completion does: replaces `characters` before the cursor by `text` (NULL: nothing), and shows `listing` under the line (NULL:
// nothing). Both strings are freed with free().
struct le_completion {
    int characters;
    char *text;
    char *listing;
};

// Called on the thread that reads, with the bytes of the line up to the cursor.
typedef struct le_completion (*le_completer)(void *context, const char *line, size_t length);

enum le_status { LE_LINE, LE_END, LE_INTERRUPTED };

// Edits lines of standard input on standard output. NULL when that is impossible. An editor belongs to one thread.
le_editor *le_open(const char *program, int history, le_completer completer, void *context);
void le_close(le_editor *editor);

// One line without its end, good until the next call; NULL unless the status is LE_LINE. Ctrl-C gives LE_INTERRUPTED, Ctrl-D on an
// empty line LE_END.
const char *le_read(le_editor *editor, const char *prompt, enum le_status *status);

void le_add_history(le_editor *editor, const char *line);

// From now on each SIGINT, SIGTERM and SIGHUP is a byte (its number) to be read from the descriptor that this returns, whichever thread
// it comes to; -1 when that is impossible. To be called once.
int le_signals(void);

// Columns of the terminal; 80 when it does not say.
int le_columns(void);

// Columns that a character takes; 0 for what is not shown.
int le_width(unsigned int scalar);

// Makes the character functions work with UTF-8, as the environment says or in spite of it.
void le_use_utf8(void);

#endif
