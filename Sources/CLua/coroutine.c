// SPDX-License-Identifier: Apache-2.0
//
// Coroutines of scripts. A wait for the host inside one goes through its resumers down to the driver, and the
// driver's answer comes back the same way: each suspended link holds the wait token on top of its stack.

#include "internal.h"

CL_RAISES static int resume(lua_State *L, lua_State *co, int arguments, int wrapped);

static lua_State *check_coroutine(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co != NULL, 1, "coroutine");
    return co;
}

// Closes what a failed or unwanted coroutine left pending. The nesting is bounded by the C stack guard, since the
// library's own count does not see it.
CL_RAISES static int reset(lua_State *L, lua_State *co) {
    cl_host *h = cl_host_of(L);
    lua_State *current = h->current;
    int can_wait = h->can_wait;
    cl_guard_stack(L);
    h->depth++;
    h->can_wait = 0;
    h->current = co;
    int status = lua_resetthread(co);
    h->depth--;
    h->can_wait = can_wait;
    h->current = current;
    if (h->reason != CL_STOP_NONE) cl_raise_stop(L);
    return status;
}

CL_RAISES static int fail(lua_State *L, lua_State *co, int wrapped) {
    if (wrapped) {
        int status = lua_status(co);
        if (status != LUA_OK && status != LUA_YIELD) reset(L, co);
        lua_xmove(co, L, 1);
        return lua_error(L);
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

CL_RAISES static int refuse(lua_State *L, int wrapped, const char *why) {
    if (wrapped) return luaL_error(L, "%s", why);
    lua_pushboolean(L, 0);
    lua_pushstring(L, why);
    return 2;
}

// The driver's answer to a wait: goes one link up.
CL_RAISES static int pass_answer(lua_State *L, int status, lua_KContext wrapped) {
    (void)status;
    int first = wrapped ? 1 : 2;
    lua_State *co = lua_tothread(L, wrapped ? lua_upvalueindex(1) : 1);
    if (cl_host_of(L)->reason != CL_STOP_NONE) cl_raise_stop(L);
    if (co == NULL || !cl_wake(co)) return luaL_error(L, "the waiting coroutine is gone");
    return resume(L, co, lua_gettop(L) - first + 1, (int)wrapped);
}

// Resumes `co` with the topmost values of L.
CL_RAISES static int resume(lua_State *L, lua_State *co, int arguments, int wrapped) {
    cl_host *h = cl_host_of(L);
    lua_State *current = h->current;
    int can_wait = h->can_wait, results = 0;
    cl_guard_stack(L);
    cl_tick(L, 1);
    if (!lua_checkstack(co, arguments + 1)) return refuse(L, wrapped, "too many arguments to resume");
    lua_xmove(L, co, arguments);
    h->depth++;
    h->can_wait = can_wait && lua_isyieldable(L);
    h->current = co;
    int status = lua_resume(co, L, arguments, &results);
    h->depth--;
    h->can_wait = can_wait;
    h->current = current;
    if (h->reason != CL_STOP_NONE) cl_raise_stop(L);
    if (status != LUA_OK && status != LUA_YIELD) return fail(L, co, wrapped);
    if (cl_is_waiting(co)) {
        lua_settop(L, wrapped ? 0 : 1);
        lua_pushlightuserdata(L, (void *)&cl_wait_token);
        return lua_yieldk(L, 1, wrapped, pass_answer);
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(co, results);
        return refuse(L, wrapped, "too many results to resume");
    }
    if (!wrapped) lua_pushboolean(L, 1);
    lua_xmove(co, L, results);
    return results + !wrapped;
}

// Why `co` cannot be resumed, or NULL.
static const char *obstacle(lua_State *co) {
    lua_Debug ar;
    switch (lua_status(co)) {
    case LUA_YIELD: return cl_is_waiting(co) ? "cannot resume a coroutine that waits for the host" : NULL;
    case LUA_OK:
        if (lua_getstack(co, 0, &ar)) return "cannot resume non-suspended coroutine";
        return lua_gettop(co) == 0 ? "cannot resume dead coroutine" : NULL;
    default: return "cannot resume dead coroutine";
    }
}

CL_RAISES static int coroutine_resume(lua_State *L) {
    lua_State *co = check_coroutine(L);
    const char *why = obstacle(co);
    if (why != NULL) return refuse(L, 0, why);
    return resume(L, co, lua_gettop(L) - 1, 0);
}

CL_RAISES static int call_wrapped(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    const char *why = obstacle(co);
    if (why != NULL) return refuse(L, 1, why);
    return resume(L, co, lua_gettop(L), 1);
}

CL_RAISES static int coroutine_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

CL_RAISES static int coroutine_yield(lua_State *L) {
    if (cl_host_of(L)->depth == 0) return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int coroutine_isyieldable(lua_State *L) {
    lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    lua_pushboolean(L, cl_host_of(L)->depth > 0 && lua_isyieldable(co));
    return 1;
}

CL_RAISES static int coroutine_status(lua_State *L) {
    lua_State *co = check_coroutine(L);
    lua_Debug ar;
    const char *status = "dead";
    if (co == L) {
        status = "running";
    } else if (lua_status(co) == LUA_YIELD) {
        status = cl_is_waiting(co) ? "normal" : "suspended";
    } else if (lua_status(co) == LUA_OK) {
        if (lua_getstack(co, 0, &ar)) status = "normal";
        else if (lua_gettop(co) > 0) status = "suspended";
    }
    lua_pushstring(L, status);
    return 1;
}

CL_RAISES static int coroutine_close(lua_State *L) {
    lua_State *co = check_coroutine(L);
    lua_Debug ar;
    if (co == L) return luaL_error(L, "cannot close a running coroutine");
    if ((lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)) || cl_is_waiting(co)) {
        return luaL_error(L, "cannot close a normal coroutine");
    }
    if (reset(L, co) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

const luaL_Reg cl_coroutine_functions[] = {
    {"close", coroutine_close},
    {"isyieldable", coroutine_isyieldable},
    {"resume", coroutine_resume},
    {"status", coroutine_status},
    {"wrap", coroutine_wrap},
    {"yield", coroutine_yield},
    {NULL, NULL},
};
