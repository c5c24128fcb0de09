// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE

#include "clineeditor.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

struct le_editor {
    EditLine *line;
    History *history;
    le_completer completer;
    void *context;
    const char *prompt;
    char *text;
    int interrupted;
};

static le_editor *editor_of(EditLine *line) {
    void *editor = NULL;
    el_get(line, EL_CLIENTDATA, &editor);
    return editor;
}

static char *prompt(EditLine *line) { return (char *)editor_of(line)->prompt; }

static unsigned char complete(EditLine *line, int key) {
    (void)key;
    le_editor *editor = editor_of(line);
    const LineInfo *info = el_line(line);
    struct le_completion found =
        editor->completer(editor->context, info->buffer, (size_t)(info->cursor - info->buffer));
    unsigned char result = CC_REFRESH;
    if (found.text != NULL) {
        if (found.characters > 0) el_deletestr(line, found.characters);
        if (el_insertstr(line, found.text) != 0) result = CC_REFRESH_BEEP;
    }
    if (found.listing != NULL) {
        printf("\n%s\n", found.listing);
        fflush(stdout);
        result = CC_REDISPLAY;
    } else if (found.text == NULL) {
        result = CC_REFRESH_BEEP;
    }
    free(found.text);
    free(found.listing);
    return result;
}

// The key itself, not a signal, so that no other thread has a part in it.
static unsigned char interrupt(EditLine *line, int key) {
    (void)key;
    editor_of(line)->interrupted = 1;
    return CC_NEWLINE;
}

static unsigned char suspend(EditLine *line, int key) {
    (void)key;
    el_set(line, EL_PREP_TERM, 0);
    kill(0, SIGTSTP);
    el_set(line, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
}

le_editor *le_open(const char *program, int lines, le_completer completer, void *context) {
    HistEvent event;
    le_editor *editor = calloc(1, sizeof *editor);
    if (editor == NULL) return NULL;
    editor->completer = completer;
    editor->context = context;
    editor->prompt = "";
    le_use_utf8();
    editor->line = el_init(program, stdin, stdout, stderr);
    editor->history = history_init();
    if (editor->line == NULL || editor->history == NULL) {
        le_close(editor);
        return NULL;
    }
    history(editor->history, &event, H_SETSIZE, lines);
    history(editor->history, &event, H_SETUNIQUE, 1);
    el_set(editor->line, EL_CLIENTDATA, editor);
    el_set(editor->line, EL_PROMPT, prompt);
    el_set(editor->line, EL_EDITOR, "emacs");
    el_set(editor->line, EL_SIGNAL, 1);
    el_set(editor->line, EL_HIST, history, editor->history);
    el_set(editor->line, EL_ADDFN, "tidegate-complete", "Complete the word", complete);
    el_set(editor->line, EL_ADDFN, "tidegate-interrupt", "Drop the line", interrupt);
    el_set(editor->line, EL_ADDFN, "tidegate-suspend", "Suspend the process", suspend);
    // A person's own ~/.editrc comes before the keys that must work.
    el_source(editor->line, NULL);
    el_set(editor->line, EL_BIND, "^I", "tidegate-complete", NULL);
    el_set(editor->line, EL_BIND, "^C", "tidegate-interrupt", NULL);
    el_set(editor->line, EL_BIND, "^Z", "tidegate-suspend", NULL);
    el_set(editor->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(editor->line, EL_SETTY, "-d", "-isig", NULL);
    return editor;
}

void le_close(le_editor *editor) {
    if (editor == NULL) return;
    if (editor->line != NULL) el_end(editor->line);
    if (editor->history != NULL) history_end(editor->history);
    free(editor->text);
    free(editor);
}

const char *le_read(le_editor *editor, const char *text, enum le_status *status) {
    int count = 0;
    editor->prompt = text;
    editor->interrupted = 0;
    const char *line = el_gets(editor->line, &count);
    if (editor->interrupted) {
        *status = LE_INTERRUPTED;
        return NULL;
    }
    if (line == NULL || count <= 0) {
        *status = count < 0 && errno == EINTR ? LE_INTERRUPTED : LE_END;
        return NULL;
    }
    free(editor->text);
    editor->text = strndup(line, (size_t)count);
    if (editor->text == NULL) {
        *status = LE_END;
        return NULL;
    }
    editor->text[strcspn(editor->text, "\n")] = '\0';
    *status = LE_LINE;
    return editor->text;
}

void le_add_history(le_editor *editor, const char *line) {
    HistEvent event;
    history(editor->history, &event, H_ENTER, line);
}

static int signals[2] = {-1, -1};

static void note_signal(int number) {
    int error = errno;
    char byte = (char)number;
    // A full pipe holds signals enough.
    if (write(signals[1], &byte, 1) < 0) errno = error;
    errno = error;
}

int le_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    if (pipe2(signals, O_CLOEXEC) != 0) return -1;
    fcntl(signals[1], F_SETFL, O_NONBLOCK);
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (sigaction(numbers[i], &action, NULL) != 0) return -1;
    }
    return signals[0];
}

int le_columns(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

int le_width(unsigned int scalar) {
    int width = wcwidth((wchar_t)scalar);
    return width < 0 ? 0 : width;
}

void le_use_utf8(void) {
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}
