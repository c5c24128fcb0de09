// SPDX-License-Identifier: Apache-2.0
//
// How script code reaches Swift: host functions, objects, read-only tables.

#include <string.h>

#include "internal.h"

const char cl_wait_token = 0;
const char cl_read_only_key = 0;

int cl_is_waiting(lua_State *co) {
    return lua_status(co) == LUA_YIELD && lua_gettop(co) > 0 && lua_touserdata(co, -1) == (void *)&cl_wait_token;
}

int cl_wake(lua_State *co) {
    if (!cl_is_waiting(co)) return 0;
    lua_pop(co, 1);
    return 1;
}

CL_RAISES static int raise_value(lua_State *L, int with_position) {
    if (with_position && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

// Goes on after a wait. The stack holds what the driver pushed: true and results, or false and an error.
CL_RAISES static int after_wait(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    cl_host *h = cl_host_of(L);
    if (h->reason != CL_STOP_NONE || cl_check(h)) cl_raise_stop(L);
    if (lua_toboolean(L, 1)) return lua_gettop(L) - 1;
    return raise_value(L, 1);
}

// Rare ends of a host call, out of the way of the usual one.
CL_RAISES __attribute__((noinline)) static int end_call(lua_State *L, cl_host *h, int answer) {
    if (cl_check(h)) cl_raise_stop(L);
    if (h->limit != 0 && h->used > h->limit) {
        // The host may have overdrawn; an allocation by the script's account collects garbage, or raises.
        lua_newuserdatauv(L, 1, 0);
        lua_pop(L, 1);
    }
    switch (answer) {
    case CL_ERROR: return raise_value(L, 1);
    case CL_ERROR_AS_IS: return raise_value(L, 0);
    case CL_YIELD:
        if (!cl_can_wait(L)) {
            return luaL_error(L, "cannot wait here: the call is inside a function that cannot be suspended");
        }
        lua_settop(L, 0);
        lua_pushlightuserdata(L, (void *)&cl_wait_token);
        return lua_yieldk(L, 1, 0, after_wait);
    default: return answer;
    }
}

CL_RAISES int cl_invoke(lua_State *L) {
    cl_host *h = cl_host_of(L);
    void *function = lua_touserdata(L, lua_upvalueindex(1));
    cl_guard_stack(L);
    h->in_host = 1;
    int answer = h->callbacks.invoke(L, function);
    h->in_host = 0;
    // The clock is read once in a while only: the count hook reads it too.
    int looks = (++h->instructions & 63) == 0 || h->reason != CL_STOP_NONE || cl_flag_get(h->state_flag);
    if (answer < 0 || looks || (h->limit != 0 && h->used > h->limit)) {
        return end_call(L, h, answer);
    }
    return answer;
}

void cl_push_function(lua_State *L, void *function) {
    lua_pushlightuserdata(L, function);
    lua_pushcclosure(L, cl_invoke, 1);
}

// MARK: read-only tables

// Upvalue 1: the table's name.
CL_RAISES static int refuse_assignment(lua_State *L) {
    const char *name = lua_tostring(L, lua_upvalueindex(1));
    if (lua_type(L, 2) == LUA_TSTRING) {
        return luaL_error(L, "%s is read-only: cannot assign '%s'", name, lua_tostring(L, 2));
    }
    return luaL_error(L, "%s is read-only", name);
}

CL_RAISES static int next_pair(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

// Iterates over a copy, so that the contents do not get into the script's hands. Upvalue 1: the contents.
CL_RAISES static int pairs_of_contents(lua_State *L) {
    lua_pushcfunction(L, next_pair);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, lua_upvalueindex(1))) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_pushnil(L);
    return 3;
}

void cl_push_api_table(lua_State *L, const char *name) {
    lua_checkstack(L, LUA_MINSTACK);
    lua_newtable(L);  // face
    lua_newtable(L);  // contents
    lua_newtable(L);  // metatable
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, refuse_assignment, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, pairs_of_contents, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &cl_read_only_key);
    lua_setmetatable(L, -3);
}

int cl_push_api_contents(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return 0;
    if (lua_rawgetp(L, -1, &cl_read_only_key) == LUA_TNIL) {
        lua_pop(L, 2);
        return 0;
    }
    lua_pop(L, 1);
    lua_pushliteral(L, "__index");
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return 1;
}

// MARK: objects

struct cl_object *cl_object_body(lua_State *L, int index, void *tag) {
    if (lua_type(L, index) != LUA_TUSERDATA) return NULL;
    struct cl_object *body = lua_touserdata(L, index);
    if (lua_rawlen(L, index) != sizeof *body || !lua_getmetatable(L, index)) return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, tag);
    int same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? body : NULL;
}

static int collect_object(lua_State *L) {
    cl_host *h = cl_host_of(L);
    struct cl_object *body = lua_touserdata(L, 1);
    if (body == NULL || body->object == NULL) return 0;
    void *object = body->object;
    int saved = h->in_host;
    body->object = NULL;
    h->in_host = 1;
    h->collecting++;
    h->callbacks.release(object);
    h->collecting--;
    h->in_host = saved;
    return 0;
}

static int same_object(lua_State *L) {
    struct cl_object *left = lua_touserdata(L, 1), *right = lua_touserdata(L, 2);
    int same = left != NULL && right != NULL && lua_rawlen(L, 1) == sizeof *left && lua_rawlen(L, 2) == sizeof *right &&
               left->object == right->object && left->tag == right->tag && left->object != NULL;
    lua_pushboolean(L, same);
    return 1;
}

CL_RAISES static int refuse_object_assignment(lua_State *L) {
    return luaL_error(L, "%s is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

void cl_push_object_metatable(lua_State *L, void *tag, const char *name, int methods_index) {
    int methods = lua_absindex(L, methods_index);
    lua_checkstack(L, LUA_MINSTACK);
    lua_newtable(L);
    lua_pushvalue(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, refuse_object_assignment, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, same_object);
    lua_setfield(L, -2, "__eq");
    lua_pushcfunction(L, collect_object);
    lua_setfield(L, -2, "__gc");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, tag);
}

void cl_push_object(lua_State *L, void *object, void *tag) {
    struct cl_object *body = lua_newuserdatauv(L, sizeof *body, 0);
    body->object = object;
    body->tag = tag;
    lua_rawgetp(L, LUA_REGISTRYINDEX, tag);
    lua_setmetatable(L, -2);
}
