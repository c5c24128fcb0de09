// SPDX-License-Identifier: Apache-2.0
//
// Chunks and modules: load and require.

#include <string.h>

#include "internal.h"

static const char modules_key = 0;

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
CL_RAISES int cl_load_chunk(lua_State *L) {
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
