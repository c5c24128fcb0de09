// SPDX-License-Identifier: Apache-2.0
//
// The part of a sandboxed Lua 5.4 host that has to be C: everything that may raise or yield.
//
// A Lua error is a longjmp, which must not cross a Swift frame. Swift therefore calls the Lua API directly only where a
// call cannot raise, or can raise on lack of memory alone: the limit is not enforced while `in_host` is set, which it
// is whenever Swift code runs. Everything else is reached through the protected entries below.

#ifndef CLUA_H
#define CLUA_H

#include <stddef.h>
#include <stdint.h>

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>

// Answers of a host function besides a number of results.
#define CL_ERROR (-1)          // error value on top; a string gets "chunk:line: " put before it
#define CL_ERROR_AS_IS (-2)    // error value on top, raised unchanged
#define CL_YIELD (-3)          // suspend the whole chain of coroutines up to the driver

// Why a run was stopped. Once set, no script code goes on until the next run.
enum cl_stop { CL_STOP_NONE = 0, CL_STOP_INSTRUCTIONS = 1, CL_STOP_DEADLINE = 2, CL_STOP_KILLED = 3 };

// The Swift side of a state. `invoke` runs a host function; `release` drops one reference to an object that a
// userdata held; `print` gets one line, without its end. None of them may raise.
struct cl_callbacks {
    void *context;
    int (*invoke)(lua_State *L, void *function);
    void (*release)(void *object);
    void (*print)(void *context, const char *line, size_t length);
};

// A flag that any thread may set and the hook reads.
typedef struct cl_flag cl_flag;
cl_flag *cl_flag_new(void);
void cl_flag_free(cl_flag *flag);
void cl_flag_set(cl_flag *flag, int value);
int cl_flag_get(const cl_flag *flag);

// The kernel's number of the calling thread, and a lower priority for such a thread; 0 and nothing where that is not known.
int cl_thread_id(void);
void cl_lower_priority(int thread);

// Monotonic time in nanoseconds.
uint64_t cl_now(void);

// State. `cl_open` returns NULL when the system has no memory. Limits of 0 mean none.
lua_State *cl_open(const struct cl_callbacks *callbacks, size_t memory_limit, cl_flag *state_flag);
void cl_close(lua_State *L);
size_t cl_used(lua_State *L);
size_t cl_peak(lua_State *L);
void cl_reset_peak(lua_State *L);
void cl_set_memory_limit(lua_State *L, size_t limit);
void cl_collect(lua_State *L);

// Test aid: the n-th growing allocation made by script code from now on fails, with its second try. 0 turns it off.
void cl_fail_allocation(lua_State *L, uint64_t n);
// Number of growing allocations that script code made since the last `cl_fail_allocation`.
uint64_t cl_allocations(lua_State *L);

// One run. `deadline` is in the time of `cl_now`; `run_flag` may be NULL, and must last until `cl_end`.
void cl_begin(lua_State *L, uint64_t instructions_used, uint64_t budget, uint64_t deadline, cl_flag *run_flag);
void cl_end(lua_State *L);
uint64_t cl_instructions(lua_State *L);
int cl_stop_reason(lua_State *L);
int cl_is_running(lua_State *L);
// The coroutine that runs; NULL while an object is released, when no script code may run.
lua_State *cl_current(lua_State *L);

// What is known of the last error that reached a protected entry. Strings are NULL when unknown, and are good until the
// next entry.
const char *cl_error_traceback(lua_State *L);
const char *cl_error_chunk(lua_State *L);
int cl_error_line(lua_State *L);
const char *cl_stop_message(lua_State *L);

// Protected entries, for Swift. All return a Lua status; on error the error value is on top.
int cl_load(lua_State *L, const char *source, size_t length, const char *chunk_name);
int cl_call(lua_State *L, int arguments, int results);
int cl_tostring(lua_State *L);                                   // replaces the value on top by its string
int cl_resume(lua_State *co, int arguments, int *results);       // LUA_YIELD: waits for the host, see cl_wake
int cl_reset(lua_State *co);                                     // closes pending variables; status of their handlers

// Readies a waiting coroutine for values of the host: removes the token. Then push true and the values, or false and an
// error.
int cl_wake(lua_State *co);

// Whether a host function that runs now may answer CL_YIELD.
int cl_can_wait(lua_State *L);

// Pushes (these allocate, so only with the host's exemption from the limit).
void cl_push_function(lua_State *L, void *function);
void cl_push_api_table(lua_State *L, const char *name);          // pushes the read-only face, then its contents
void cl_push_object_metatable(lua_State *L, void *tag, const char *name, int methods_index);
void cl_push_object(lua_State *L, void *object, void *tag);      // metatable of `tag` must exist
void cl_install_require(lua_State *L, void *loader);
// Pushes the contents of a read-only face and returns 1; nothing and 0 for anything else.
int cl_push_api_contents(lua_State *L, int index);

// Objects. `cl_object_body` returns the two-word body when the value is an object of `tag`.
struct cl_object {
    void *object;
    void *tag;
};
struct cl_object *cl_object_body(lua_State *L, int index, void *tag);

// Macros of lua.h as functions.
static inline void cl_pop(lua_State *L, int n) { lua_settop(L, -n - 1); }
static inline int cl_upvalue(int i) { return lua_upvalueindex(i); }
static inline const char *cl_bytes(lua_State *L, int index, size_t *length) { return lua_tolstring(L, index, length); }
static inline int64_t cl_integer(lua_State *L, int index, int *ok) { return (int64_t)lua_tointegerx(L, index, ok); }
static inline int cl_ref(lua_State *L) { return luaL_ref(L, LUA_REGISTRYINDEX); }
static inline void cl_unref(lua_State *L, int ref) { luaL_unref(L, LUA_REGISTRYINDEX, ref); }
static inline int cl_push_ref(lua_State *L, int ref) { return lua_rawgeti(L, LUA_REGISTRYINDEX, ref); }
static inline void cl_push_globals(lua_State *L) { lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); }
static inline void cl_insert(lua_State *L, int index) { lua_rotate(L, index, 1); }
static inline void cl_remove(lua_State *L, int index) { lua_rotate(L, index, -1); lua_settop(L, -2); }

#endif
