// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE

#include "clineeditor.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
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

// Signals that concern the terminal while a line is edited; a byte each.
static int terminal_signals[2] = {-1, -1};

static void write_number(int descriptor, int number) {
    int error = errno;
    char byte = (char)number;
    // A full pipe holds signals enough.
    if (write(descriptor, &byte, 1) < 0) errno = error;
    errno = error;
}

static void note_terminal_signal(int number) { write_number(terminal_signals[1], number); }

// libedit's own handlers (EL_SIGNAL) use a pointer that another thread takes away when a line is complete. These only write.
static int watch_terminal(void) {
    struct sigaction action;
    if (terminal_signals[0] >= 0) return 0;
    if (pipe2(terminal_signals, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_terminal_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGWINCH, &action, NULL) == 0 && sigaction(SIGCONT, &action, NULL) == 0 ? 0 : -1;
}

// Does for the terminal what the signals ask; what is typed stays.
static void follow_signals(EditLine *line) {
    char number;
    while (read(terminal_signals[0], &number, 1) == 1) {
        // Whoever ran while this process was stopped has changed the terminal's mode.
        if (number == SIGCONT) el_set(line, EL_PREP_TERM, 1);
        el_resize(line);
        el_set(line, EL_REFRESH);
    }
}

// One character of standard input, which is UTF-8: 1, 0 at the end, -1 for a failure.
static int next_character(EditLine *line, wchar_t *character) {
    mbstate_t state;
    memset(&state, 0, sizeof state);
    for (;;) {
        struct pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {terminal_signals[0], POLLIN, 0}};
        if (poll(ready, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        if (ready[1].revents != 0) follow_signals(line);
        if (ready[0].revents == 0) continue;
        char byte;
        ssize_t count = read(STDIN_FILENO, &byte, 1);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count <= 0) return (int)count;
        size_t length = mbrtowc(character, &byte, 1, &state);
        if (length == (size_t)-1) {
            // No character: it is dropped.
            memset(&state, 0, sizeof state);
        } else if (length != (size_t)-2) {
            return 1;
        }
    }
}

// How the terminal was before it was edited on, for an end of the process in the middle of a line.
static struct termios terminal_before;

static void restore_terminal(void) { tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before); }

le_editor *le_open(const char *program, int lines, le_completer completer, void *context) {
    HistEvent event;
    le_editor *editor = calloc(1, sizeof *editor);
    if (editor == NULL) return NULL;
    editor->completer = completer;
    editor->context = context;
    editor->prompt = "";
    le_use_utf8();
    if (watch_terminal() != 0) {
        le_close(editor);
        return NULL;
    }
    if (tcgetattr(STDIN_FILENO, &terminal_before) == 0) atexit(restore_terminal);
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
    el_set(editor->line, EL_GETCFN, next_character);
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

static void note_signal(int number) { write_number(signals[1], number); }

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
