// SPDX-License-Identifier: Apache-2.0
//
// The sandbox: which libraries are open, and the basic functions that replace the usual ones.

#include <string.h>

#include "internal.h"

static const char modules_key = 0;

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

// MARK: loading

struct text {
    const char *bytes;
    size_t length, offset;
};

enum { slice_size = 64 << 10 };

CL_RAISES static const char *read_text(lua_State *L, void *context, size_t *size) {
    struct text *text = context;
    const char *slice = text->bytes + text->offset;
    cl_tick(L, 1);
    *size = text->length - text->offset;
    if (*size > slice_size) *size = slice_size;
    text->offset += *size;
    return slice;
}

// Pieces come from the function at index 1; index 5 keeps the current one alive.
CL_RAISES static const char *read_pieces(lua_State *L, void *context, size_t *size) {
    (void)context;
    luaL_checkstack(L, 2, "too many nested functions");
    cl_tick(L, 1);
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        *size = 0;
        return NULL;
    }
    if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
    lua_replace(L, 5);
    return lua_tolstring(L, 5, size);
}

// load(chunk [, name [, mode [, env]]]): text only, whatever the mode says.
CL_RAISES static int load_chunk(lua_State *L) {
    int has_environment = !lua_isnone(L, 4), status;
    const char *mode = luaL_optstring(L, 3, "bt");
    if (strchr(mode, 't') == NULL) return luaL_error(L, "load: binary chunks are not accepted");
    lua_settop(L, 4);
    lua_pushnil(L);
    if (lua_isstring(L, 1)) {
        struct text text = {NULL, 0, 0};
        text.bytes = lua_tolstring(L, 1, &text.length);
        const char *name = luaL_optstring(L, 2, text.bytes);
        status = lua_load(L, read_text, &text, name, "t");
    } else {
        const char *name = luaL_optstring(L, 2, "=(load)");
        luaL_checktype(L, 1, LUA_TFUNCTION);
        status = lua_load(L, read_pieces, NULL, name, "t");
    }
    if (cl_host_of(L)->reason != CL_STOP_NONE) cl_raise_stop(L);
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_environment) {
        lua_pushvalue(L, 4);
        if (lua_setupvalue(L, -2, 1) == NULL) lua_pop(L, 1);
    }
    return 1;
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
    {"load", load_chunk},
    {"pcall", protected_call},
    {"print", print_line},
    {"rawset", raw_set},
    {"setmetatable", set_metatable},
    {"xpcall", protected_call_with_handler},
    {NULL, NULL},
};

// MARK: modules

static int is_module_name(const char *name, size_t length) {
    if (length == 0 || length > 200) return 0;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        int word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        int separator = (c == '.' || c == '/') && i > 0 && i + 1 < length && name[i - 1] != '.' && name[i - 1] != '/';
        if (!word && !separator) return 0;
    }
    return 1;
}

// Stack: 1 name, 2 table of modules, 3 chunk's results or its error.
CL_RAISES static int finish_require(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (cl_host_of(L)->reason != CL_STOP_NONE) cl_raise_stop(L);
    lua_pushvalue(L, 1);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pushnil(L);
        lua_rawset(L, 2);
        return lua_error(L);
    }
    if (lua_isnil(L, 3)) {
        lua_pushboolean(L, 1);
        lua_replace(L, 3);
    }
    lua_pushvalue(L, 3);
    lua_rawset(L, 2);
    return 1;
}

// require(name). Upvalue 1: the host's loader, which gives the compiled chunk, or nil when there is none, or raises.
CL_RAISES static int require_module(lua_State *L) {
    size_t length;
    const char *name = luaL_checklstring(L, 1, &length);
    if (!is_module_name(name, length)) return luaL_error(L, "require: not a module name: '%s'", name);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
    lua_pushvalue(L, 1);
    int type = lua_rawget(L, 2);
    if (type == LUA_TLIGHTUSERDATA) return luaL_error(L, "require: module '%s' requires itself", name);
    if (type != LUA_TNIL) return 1;
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) return luaL_error(L, "module '%s' not found", name);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, (void *)&modules_key);
    lua_rawset(L, 2);
    lua_pushvalue(L, 1);
    return finish_require(L, lua_pcallk(L, 1, 1, 0, 0, finish_require), 0);
}

void cl_install_require(lua_State *L, void *loader) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
    cl_push_globals(L);
    cl_push_function(L, loader);
    lua_pushcclosure(L, require_module, 1);
    lua_setfield(L, -2, "require");
    lua_pop(L, 1);
}

// MARK: libraries

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
