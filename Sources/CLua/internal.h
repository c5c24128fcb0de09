// SPDX-License-Identifier: Apache-2.0
#ifndef CLUA_INTERNAL_H
#define CLUA_INTERNAL_H

#include <stdatomic.h>

#include "clua.h"

// Marks: CL_RAISES stands before a function that may leave by longjmp. Such a function is called only from C that runs
// under lua_pcall or lua_resume.
#define CL_RAISES

struct cl_flag {
    _Atomic int value;
};

// What belongs to one state. It is reached through the extra space of each lua_State, which new coroutines copy.
typedef struct cl_host {
    struct cl_callbacks callbacks;
    // Memory, in bytes. The limit binds script code only.
    size_t used, peak, limit;
    size_t unchecked;             // bytes allocated since the stops were last looked at
    uint64_t allocations, fail_at;
    // Nesting.
    int in_host;                  // Swift code, or C on its behalf, is running
    int entries;                  // protected entries on the C stack
    int depth;                    // script coroutines resumed inside each other, and closings
    int collecting;               // a finaliser of an object runs
    int can_wait;                 // every coroutine up to the driver can yield
    char *stack_base;             // C stack at the outermost entry
    lua_State *current;           // the coroutine that runs
    // Stops.
    uint64_t instructions, budget, deadline;
    cl_flag *state_flag, *run_flag;
    int reason;
    int reason_noted;
    // The last error, for the host.
    char *traceback, *chunk, *stop_message;
    int line;
} cl_host;

static inline cl_host *cl_host_of(lua_State *L) { return *(cl_host **)lua_getextraspace(L); }

// Stops.
int cl_check(cl_host *h);
CL_RAISES void cl_raise_stop(lua_State *L);
CL_RAISES void cl_tick(lua_State *L, unsigned cost);
CL_RAISES void cl_guard_stack(lua_State *L);

// The error last seen.
void cl_note_error(lua_State *L, cl_host *h, int first_level);
void cl_forget_error(cl_host *h);

// Waiting.
extern const char cl_wait_token;
int cl_is_waiting(lua_State *co);

// Functions of the sandbox.
CL_RAISES int cl_invoke(lua_State *L);
CL_RAISES int cl_load_chunk(lua_State *L);
CL_RAISES int cl_open_sandbox(lua_State *L);
extern const luaL_Reg cl_base_functions[];
extern const luaL_Reg cl_coroutine_functions[];
extern const luaL_Reg cl_pattern_functions[];
extern const luaL_Reg cl_table_functions[];
extern const char cl_read_only_key;

#endif
