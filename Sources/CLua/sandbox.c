// SPDX-License-Identifier: Apache-2.0
//
// Which libraries are open, and what is left of them.

#include "internal.h"

enum {
    bytes_per_instruction = 256,
    metered_from = 4096,
    largest_arguments = 256 << 20,
    longest_date_format = 1024,
};

// Calls the library's function (upvalue 1) and charges for the strings that it may go through: also where it wants a
// number, it converts a string of any length.
CL_RAISES static int call_metered(lua_State *L) {
    size_t length = 0;
    for (int i = lua_gettop(L); i > 0; i--) {
        if (lua_type(L, i) == LUA_TSTRING) length += (size_t)lua_rawlen(L, i);
    }
    if (length > metered_from) {
        if (length > largest_arguments) return luaL_error(L, "string arguments too long");
        cl_tick(L, (unsigned)(length / bytes_per_instruction));
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

CL_RAISES static void meter(lua_State *L, const char *const *names) {
    for (; *names != NULL; names++) {
        lua_getfield(L, -1, *names);
        lua_pushcclosure(L, call_metered, 1);
        lua_setfield(L, -2, *names);
    }
}

// Meters every C function of the table on top that has no upvalues.
CL_RAISES static void meter_all(lua_State *L) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_iscfunction(L, -1)) {
            if (lua_getupvalue(L, -1, 1) != NULL) {
                lua_pop(L, 1);
            } else {
                lua_pushvalue(L, -2);
                lua_pushvalue(L, -2);
                lua_pushcclosure(L, call_metered, 1);
                lua_rawset(L, -5);
            }
        }
        lua_pop(L, 1);
    }
}

static void remove_fields(lua_State *L, const char *const *names) {
    for (; *names != NULL; names++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *names);
    }
}

// The library's os.date (upvalue 1) formats one conversion after the other.
CL_RAISES static int bounded_date(lua_State *L) {
    size_t length;
    luaL_optlstring(L, 1, "", &length);
    if (length > longest_date_format) return luaL_error(L, "os.date: the format is too long");
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

CL_RAISES static void open_clock(lua_State *L) {
    static const char *const kept[] = {"clock", "difftime", "time", NULL};
    lua_newtable(L);
    luaL_requiref(L, "os", luaopen_os, 0);
    for (const char *const *name = kept; *name != NULL; name++) {
        lua_getfield(L, -1, *name);
        lua_setfield(L, -3, *name);
    }
    lua_getfield(L, -1, "date");
    lua_pushcclosure(L, bounded_date, 1);
    lua_setfield(L, -3, "date");
    lua_pop(L, 1);
    meter(L, kept);
    // Names in messages come from the loader's table, which must not keep the rest.
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "os");
    lua_pop(L, 1);
    lua_setglobal(L, "os");
}

CL_RAISES int cl_open_sandbox(lua_State *L) {
    static const char *const base_removed[] = {"dofile", "loadfile", "warn", NULL};
    static const char *const string_removed[] = {"dump", NULL};
    static const char *const base_metered[] = {"select", "tonumber", NULL};
    static const char *const table_metered[] = {"unpack", NULL};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    remove_fields(L, base_removed);
    luaL_setfuncs(L, cl_base_functions, 0);
    meter(L, base_metered);

    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    remove_fields(L, string_removed);
    luaL_setfuncs(L, cl_pattern_functions, 0);
    meter_all(L);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    meter_all(L);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");

    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "clua");
    lua_getfield(L, -2, "sort");
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
    luaL_setfuncs(L, cl_table_functions, 0);
    meter(L, table_metered);

    luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
    luaL_setfuncs(L, cl_coroutine_functions, 0);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    meter_all(L);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    meter_all(L);
    open_clock(L);

    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}
