// SPDX-License-Identifier: Apache-2.0
//
// Table functions whose loops the hook would not see: a length or a range may be claimed to be as large as an integer.

#include <limits.h>

#include "internal.h"

enum { steps_between_ticks = 1024, compared_bytes = 4096 };

#define COUNT_STEP(L, steps)                                    \
    do {                                                        \
        if (++(steps) % steps_between_ticks == 0) cl_tick(L, steps_between_ticks / 4); \
    } while (0)

// The argument has to be a table, or to behave as one.
CL_RAISES static void check_table(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TTABLE) return;
    if (luaL_getmetafield(L, index, "__index") != LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    luaL_checktype(L, index, LUA_TTABLE);
}

CL_RAISES static lua_Integer length(lua_State *L, int index) {
    check_table(L, index);
    return luaL_len(L, index);
}

CL_RAISES static int table_insert(lua_State *L) {
    lua_Integer end = (lua_Integer)((lua_Unsigned)length(L, 1) + 1), position = end;
    unsigned steps = 0;
    switch (lua_gettop(L)) {
    case 2: break;
    case 3:
        position = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)position - 1 < (lua_Unsigned)end, 2, "position out of bounds");
        for (lua_Integer i = end; i > position; i--) {
            COUNT_STEP(L, steps);
            lua_geti(L, 1, i - 1);
            lua_seti(L, 1, i);
        }
        break;
    default: return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_seti(L, 1, position);
    return 0;
}

CL_RAISES static int table_remove(lua_State *L) {
    lua_Integer size = length(L, 1), position = luaL_optinteger(L, 2, size);
    unsigned steps = 0;
    if (position != size) {
        luaL_argcheck(L, (lua_Unsigned)position - 1 <= (lua_Unsigned)size, 2, "position out of bounds");
    }
    lua_geti(L, 1, position);
    for (; position < size; position++) {
        COUNT_STEP(L, steps);
        lua_geti(L, 1, position + 1);
        lua_seti(L, 1, position);
    }
    lua_pushnil(L);
    lua_seti(L, 1, position);
    return 1;
}

CL_RAISES static int table_move(lua_State *L) {
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    unsigned steps = 0;
    check_table(L, 1);
    check_table(L, target);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
        lua_Integer count = last - first + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        int overlaps = to > first && to <= last && (target == 1 || lua_compare(L, 1, target, LUA_OPEQ));
        for (lua_Integer i = 0; i < count; i++) {
            lua_Integer offset = overlaps ? count - 1 - i : i;
            COUNT_STEP(L, steps);
            lua_geti(L, 1, first + offset);
            lua_seti(L, target, to + offset);
        }
    }
    lua_pushvalue(L, target);
    return 1;
}

CL_RAISES static int table_concat(lua_State *L) {
    lua_Integer size = length(L, 1);
    size_t separator_length;
    const char *separator = luaL_optlstring(L, 2, "", &separator_length);
    lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, size);
    unsigned steps = 0;
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = first; i <= last; i++) {
        COUNT_STEP(L, steps);
        lua_geti(L, 1, i);
        if (!lua_isstring(L, -1)) {
            return luaL_error(
                L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1), (LUAI_UACINT)i);
        }
        luaL_addvalue(&buffer);
        if (i == last) break;
        luaL_addlstring(&buffer, separator, separator_length);
    }
    luaL_pushresult(&buffer);
    return 1;
}

// Orders as `<` or the script's comparator (upvalue 2) does, and counts. Upvalue 1: what was not counted yet, a call or a
// piece of a string at a time.
CL_RAISES static int counted_less(lua_State *L) {
    lua_Integer cost = lua_tointeger(L, lua_upvalueindex(1)) + 1;
    lua_settop(L, 2);
    if (lua_type(L, 1) == LUA_TSTRING) cost += (lua_Integer)(lua_rawlen(L, 1) / compared_bytes);
    if (cost >= 256) {
        cl_tick(L, cost < INT_MAX ? (unsigned)cost : INT_MAX);
        cost = 0;
    }
    lua_pushinteger(L, cost);
    lua_replace(L, lua_upvalueindex(1));
    if (lua_isnil(L, lua_upvalueindex(2))) {
        lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

// Whether sorting the table at index 1 takes no time to speak of: it has no metatable, few elements, and no long strings, which one
// instruction compares.
CL_RAISES static int is_quickly_sorted(lua_State *L) {
    enum { few = 4096 };
    lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    if (size > few || lua_getmetatable(L, 1)) return 0;
    for (lua_Integer i = 1; i <= size; i++) {
        int is_long = lua_rawgeti(L, 1, i) == LUA_TSTRING && lua_rawlen(L, -1) > compared_bytes;
        lua_pop(L, 1);
        if (is_long) return 0;
    }
    return 1;
}

// Sorts with the library's own function. A comparator in Lua needs no counting.
CL_RAISES static int table_sort(lua_State *L) {
    check_table(L, 1);
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    int lua_comparator = lua_isfunction(L, 2) && !lua_iscfunction(L, 2);
    int is_quick = lua_type(L, 1) == LUA_TTABLE && is_quickly_sorted(L);
    lua_settop(L, 2);
    if (!lua_comparator && !is_quick) {
        lua_pushinteger(L, 0);
        lua_pushvalue(L, 2);
        lua_pushcclosure(L, counted_less, 2);
        lua_replace(L, 2);
    }
    lua_getfield(L, LUA_REGISTRYINDEX, "clua");
    lua_getfield(L, -1, "sort");
    lua_replace(L, -2);
    lua_insert(L, 1);
    lua_call(L, 2, 0);
    return 0;
}

const luaL_Reg cl_table_functions[] = {
    {"concat", table_concat},
    {"insert", table_insert},
    {"move", table_move},
    {"remove", table_remove},
    {"sort", table_sort},
    {NULL, NULL},
};
