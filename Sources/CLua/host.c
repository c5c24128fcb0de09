// SPDX-License-Identifier: Apache-2.0
//
// Memory accounting, the stops, and the protected entries.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "internal.h"

enum {
    hook_count = 1000,
    bytes_between_checks = 4 << 20,
    stack_allowance = 1 << 20,
    load_slice = 64 << 10,
    lowered_priority = 10,
};

static const char stop_value_key = 0;

cl_flag *cl_flag_new(void) { return calloc(1, sizeof(cl_flag)); }
void cl_flag_free(cl_flag *flag) { free(flag); }
void cl_flag_set(cl_flag *flag, int value) { atomic_store_explicit(&flag->value, value, memory_order_relaxed); }
int cl_flag_get(const cl_flag *flag) {
    return atomic_load_explicit((_Atomic int *)&flag->value, memory_order_relaxed);
}

#ifdef __linux__
int cl_thread_id(void) { return (int)syscall(SYS_gettid); }
// Linux has a priority for each thread, and processes of any user may lower it.
void cl_lower_priority(int thread) { setpriority(PRIO_PROCESS, (id_t)thread, lowered_priority); }
#else
int cl_thread_id(void) { return 0; }
void cl_lower_priority(int thread) { (void)thread; }
#endif

uint64_t cl_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// MARK: stops

int cl_check(cl_host *h) {
    if (h->reason != CL_STOP_NONE) return h->reason;
    if (cl_flag_get(h->state_flag) || (h->run_flag != NULL && cl_flag_get(h->run_flag))) {
        h->reason = CL_STOP_KILLED;
    } else if (h->budget != 0 && h->instructions >= h->budget) {
        h->reason = CL_STOP_INSTRUCTIONS;
    } else if (h->deadline != 0 && cl_now() >= h->deadline) {
        h->reason = CL_STOP_DEADLINE;
    }
    return h->reason;
}

static const char *stop_text(int reason) {
    switch (reason) {
    case CL_STOP_INSTRUCTIONS: return "instruction limit reached";
    case CL_STOP_DEADLINE: return "time limit reached";
    default: return "killed";
    }
}

static char *copy(const char *text) { return text == NULL ? NULL : strdup(text); }

void cl_forget_error(cl_host *h) {
    free(h->traceback);
    free(h->chunk);
    h->traceback = h->chunk = NULL;
    h->line = 0;
}

// Keeps position and traceback of the code that runs in L. Does not raise: the host's exemption is taken for the time.
void cl_note_error(lua_State *L, cl_host *h, int first_level) {
    lua_Debug ar;
    int saved = h->in_host;
    if (!lua_checkstack(L, LUA_MINSTACK)) return;
    cl_forget_error(h);
    h->in_host = 1;
    for (int level = first_level; level < first_level + 8 && lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0) {
            h->chunk = copy(ar.short_src);
            h->line = ar.currentline;
            break;
        }
    }
    luaL_traceback(L, L, NULL, first_level);
    h->traceback = copy(lua_tostring(L, -1));
    lua_pop(L, 1);
    h->in_host = saved;
}

CL_RAISES void cl_raise_stop(lua_State *L) {
    cl_host *h = cl_host_of(L);
    if (!h->reason_noted) {
        int saved = h->in_host;
        h->reason_noted = 1;
        cl_note_error(L, h, 0);
        if (lua_checkstack(L, LUA_MINSTACK)) {
            h->in_host = 1;
            if (h->chunk != NULL) {
                lua_pushfstring(L, "%s:%d: %s", h->chunk, h->line, stop_text(h->reason));
            } else {
                lua_pushstring(L, stop_text(h->reason));
            }
            free(h->stop_message);
            h->stop_message = copy(lua_tostring(L, -1));
            lua_rawsetp(L, LUA_REGISTRYINDEX, &stop_value_key);
            h->in_host = saved;
        }
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &stop_value_key);
    lua_error(L);
}

CL_RAISES void cl_tick(lua_State *L, unsigned cost) {
    cl_host *h = cl_host_of(L);
    h->instructions += cost;
    if (cl_check(h)) cl_raise_stop(L);
}

CL_RAISES void cl_guard_stack(lua_State *L) {
    cl_host *h = cl_host_of(L);
    ptrdiff_t depth = h->stack_base - (char *)__builtin_frame_address(0);
    if (depth > stack_allowance || -depth > stack_allowance) luaL_error(L, "C stack overflow");
}

static void count_hook(lua_State *L, lua_Debug *ar);

// Costs time in proportion to the depth of calls, so the count is not changed along the way.
static void arm(lua_State *L) { lua_sethook(L, count_hook, LUA_MASKCOUNT, hook_count); }

static void count_hook(lua_State *L, lua_Debug *ar) {
    cl_host *h = cl_host_of(L);
    int count = lua_gethookcount(L);
    (void)ar;
    if (h->reason == CL_STOP_NONE) h->instructions += (uint64_t)count;
    if (cl_check(h)) {
        if (count != 1) lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
        cl_raise_stop(L);
    }
    if (count != hook_count) arm(L);
}

// MARK: memory

// Blocks that grow count; the limit and the stops bind script code only. The host must not see a failure, for the error
// would jump over Swift frames: without memory for it the process ends.
static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    cl_host *h = context;
    if (block == NULL) old_size = 0;
    if (new_size == 0) {
        free(block);
        h->used -= old_size;
        return NULL;
    }
    if (new_size > old_size && !h->in_host) {
        size_t growth = new_size - old_size;
        h->allocations++;
        // Twice, since Lua collects garbage and tries again.
        if (h->fail_at != 0 && (h->allocations == h->fail_at || h->allocations == h->fail_at + 1)) return NULL;
        h->unchecked += growth;
        if (h->unchecked > bytes_between_checks) {
            h->unchecked = 0;
            cl_check(h);
        }
        if (h->reason != CL_STOP_NONE) return NULL;
        if (h->limit != 0 && (h->used > h->limit || growth > h->limit - h->used)) {
            // The collection that Lua tries now is long in a full state: look at the clock, so that the second try can
            // end it.
            cl_check(h);
            return NULL;
        }
    }
    void *result = realloc(block, new_size);
    if (result == NULL) {
        if (new_size <= old_size) return block;
        if (h->in_host) {
            fputs("lua: out of memory in host code\n", stderr);
            abort();
        }
        return NULL;
    }
    h->used += new_size - old_size;
    if (h->used > h->peak) h->peak = h->used;
    return result;
}

// MARK: state

static int panic(lua_State *L) {
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "lua: unprotected error: %s\n", text != NULL ? text : "?");
    return 0;
}

lua_State *cl_open(const struct cl_callbacks *callbacks, size_t memory_limit, cl_flag *state_flag) {
    cl_host *h = calloc(1, sizeof *h);
    if (h == NULL) return NULL;
    h->callbacks = *callbacks;
    h->limit = memory_limit;
    h->in_host = 1;
    h->state_flag = state_flag;
    lua_State *L = lua_newstate(allocate, h);
    if (L == NULL) {
        free(h);
        return NULL;
    }
    *(cl_host **)lua_getextraspace(L) = h;
    h->current = L;
    lua_atpanic(L, panic);
    // Interned and kept here, because Lua makes this string outside protection when a handler fails.
    lua_pushliteral(L, "error in error handling");
    luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "stopped");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &stop_value_key);
    lua_pushcfunction(L, cl_open_sandbox);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
        cl_close(L);
        return NULL;
    }
    arm(L);
    return L;
}

void cl_close(lua_State *L) {
    cl_host *h = cl_host_of(L);
    h->in_host = 1;
    lua_close(L);
    cl_forget_error(h);
    free(h->stop_message);
    free(h);
}

size_t cl_used(lua_State *L) { return cl_host_of(L)->used; }
size_t cl_peak(lua_State *L) { return cl_host_of(L)->peak; }
void cl_reset_peak(lua_State *L) { cl_host_of(L)->peak = cl_host_of(L)->used; }
void cl_set_memory_limit(lua_State *L, size_t limit) { cl_host_of(L)->limit = limit; }
void cl_collect(lua_State *L) { lua_gc(L, LUA_GCCOLLECT); }

void cl_fail_allocation(lua_State *L, uint64_t n) {
    cl_host_of(L)->fail_at = n;
    cl_host_of(L)->allocations = 0;
}
uint64_t cl_allocations(lua_State *L) { return cl_host_of(L)->allocations; }

void cl_begin(lua_State *L, uint64_t instructions_used, uint64_t budget, uint64_t deadline, cl_flag *run_flag) {
    cl_host *h = cl_host_of(L);
    h->instructions = instructions_used;
    h->budget = budget;
    h->deadline = deadline;
    h->run_flag = run_flag;
    h->reason = CL_STOP_NONE;
    h->reason_noted = 0;
    h->unchecked = 0;
    free(h->stop_message);
    h->stop_message = NULL;
    cl_forget_error(h);
}

void cl_end(lua_State *L) { cl_host_of(L)->run_flag = NULL; }

uint64_t cl_instructions(lua_State *L) { return cl_host_of(L)->instructions; }
int cl_stop_reason(lua_State *L) { return cl_host_of(L)->reason; }
int cl_is_running(lua_State *L) { return cl_host_of(L)->entries > 0; }
lua_State *cl_current(lua_State *L) {
    cl_host *h = cl_host_of(L);
    return h->collecting ? NULL : h->current;
}
const char *cl_error_traceback(lua_State *L) { return cl_host_of(L)->traceback; }
const char *cl_error_chunk(lua_State *L) { return cl_host_of(L)->chunk; }
int cl_error_line(lua_State *L) { return cl_host_of(L)->line; }
const char *cl_stop_message(lua_State *L) {
    cl_host *h = cl_host_of(L);
    if (h->reason == CL_STOP_NONE) return NULL;
    return h->stop_message != NULL ? h->stop_message : stop_text(h->reason);
}

// MARK: protected entries

struct entry {
    int in_host, can_wait;
    lua_State *current;
};

static struct entry enter(cl_host *h, lua_State *L, int can_wait) {
    struct entry saved = {h->in_host, h->can_wait, h->current};
    if (h->entries++ == 0) {
        h->stack_base = __builtin_frame_address(0);
        h->depth = 0;
        if (lua_gethookcount(L) != hook_count) arm(L);
    }
    h->in_host = 0;
    h->can_wait = can_wait;
    h->current = L;
    return saved;
}

static void leave(cl_host *h, struct entry saved) {
    h->entries--;
    h->in_host = saved.in_host;
    h->can_wait = saved.can_wait;
    h->current = saved.current;
}

// Message handler of the outermost protected calls: keeps where the error was raised, and the error value as it is.
static int note_and_pass(lua_State *L) {
    cl_host *h = cl_host_of(L);
    if (h->reason == CL_STOP_NONE) cl_note_error(L, h, 1);
    lua_settop(L, 1);
    return 1;
}

static int protected_call(lua_State *L, int arguments, int results) {
    cl_host *h = cl_host_of(L);
    int base = lua_gettop(L) - arguments;
    lua_pushcfunction(L, note_and_pass);
    lua_insert(L, base);
    struct entry saved = enter(h, L, 0);
    int depth = h->depth;
    int status = lua_pcall(L, arguments, results, base);
    h->depth = depth;
    leave(h, saved);
    lua_remove(L, base);
    return status;
}

int cl_call(lua_State *L, int arguments, int results) { return protected_call(L, arguments, results); }

static int to_string(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

int cl_tostring(lua_State *L) {
    lua_pushcfunction(L, to_string);
    lua_insert(L, -2);
    return protected_call(L, 1, 1);
}

struct source {
    const char *next;
    size_t left;
};

static const char *read_slice(lua_State *L, void *context, size_t *size) {
    struct source *source = context;
    cl_tick(L, 1);
    *size = source->left < load_slice ? source->left : load_slice;
    const char *slice = source->next;
    source->next += *size;
    source->left -= *size;
    return slice;
}

int cl_load(lua_State *L, const char *source, size_t length, const char *chunk_name) {
    cl_host *h = cl_host_of(L);
    struct source context = {source, length};
    struct entry saved = enter(h, L, 0);
    int status = lua_load(L, read_slice, &context, chunk_name, "t");
    leave(h, saved);
    return status;
}

int cl_resume(lua_State *co, int arguments, int *results) {
    cl_host *h = cl_host_of(co);
    struct entry saved = enter(h, co, 1);
    int status = lua_resume(co, NULL, arguments, results);
    leave(h, saved);
    if (status != LUA_OK && status != LUA_YIELD && h->reason == CL_STOP_NONE) cl_note_error(co, h, 0);
    return status;
}

int cl_reset(lua_State *co) {
    cl_host *h = cl_host_of(co);
    struct entry saved = enter(h, co, 0);
    int status = lua_resetthread(co);
    leave(h, saved);
    return status;
}

int cl_can_wait(lua_State *L) { return cl_host_of(L)->can_wait && lua_isyieldable(L); }
