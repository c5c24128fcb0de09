// SPDX-License-Identifier: Apache-2.0
//
// Basic functions that replace the library's.

#include <string.h>

#include "internal.h"

// MARK: protected calls

// A stop is not for scripts to catch: while one is set, the protected calls raise it again.
CL_RAISES static int finish_call(lua_State *L, int status, lua_KContext extra) {
    if (cl_host_of(L)->reason != CL_STOP_NONE) cl_raise_stop(L);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)extra;
}

CL_RAISES static int protected_call(lua_State *L) {
    luaL_checkany(L, 1);
    cl_guard_stack(L);
    cl_tick(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_call);
    return finish_call(L, status, 0);
}

// Stands before the script's message handler (upvalue 1). A handler is called from within the hook when a stop is
// raised, where no further hook would end it.
CL_RAISES static int handle_message(lua_State *L) {
    lua_settop(L, 1);
    if (cl_host_of(L)->reason != CL_STOP_NONE) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

CL_RAISES static int protected_call_with_handler(lua_State *L) {
    int arguments = lua_gettop(L) - 2;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    cl_guard_stack(L);
    cl_tick(L, 1);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    int status = lua_pcallk(L, arguments, LUA_MULTRET, 2, 2, finish_call);
    return finish_call(L, status, 2);
}

// MARK: tables and output

CL_RAISES static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) return luaL_error(L, "cannot change a protected metatable");
    if (type == LUA_TTABLE) {
        // A finaliser runs where no hook can stop it.
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "setmetatable: '__gc' is not available to scripts");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

CL_RAISES static int raw_set(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (lua_getmetatable(L, 1)) {
        if (lua_rawgetp(L, -1, &cl_read_only_key) != LUA_TNIL) return luaL_error(L, "rawset: the table is read-only");
        lua_settop(L, 3);
    }
    lua_rawset(L, 1);
    return 1;
}

CL_RAISES static int collect_garbage(lua_State *L) {
    const char *what = luaL_optstring(L, 1, "collect");
    if (strcmp(what, "count") != 0) return luaL_error(L, "collectgarbage: only 'count' is available to scripts");
    lua_pushnumber(L, (lua_Number)cl_host_of(L)->used / 1024);
    return 1;
}

CL_RAISES static int print_line(lua_State *L) {
    cl_host *h = cl_host_of(L);
    int count = lua_gettop(L);
    size_t length;
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    const char *bytes = lua_tolstring(L, -1, &length);
    h->in_host = 1;
    h->callbacks.print(h->callbacks.context, bytes, length);
    h->in_host = 0;
    cl_tick(L, 1);
    return 0;
}

const luaL_Reg cl_base_functions[] = {
    {"collectgarbage", collect_garbage},
    {"load", cl_load_chunk},
    {"pcall", protected_call},
    {"print", print_line},
    {"rawset", raw_set},
    {"setmetatable", set_metatable},
    {"xpcall", protected_call_with_handler},
    {NULL, NULL},
};
