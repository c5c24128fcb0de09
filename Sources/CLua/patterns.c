// SPDX-License-Identifier: Apache-2.0
//
// Lua patterns with a matcher that counts its steps. Back-tracking takes exponential time in the pattern's length, all
// of it inside one instruction, where the count hook does not come.

#define _GNU_SOURCE
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "internal.h"

enum {
    largest_depth = 200,
    most_captures = 32,
    steps_between_ticks = 16384,
    steps_per_instruction = 4,
    capture_open = -1,
    capture_position = -2,
};

struct capture {
    const char *start;
    ptrdiff_t length;
};

struct matcher {
    lua_State *L;
    const char *subject, *subject_end, *pattern_end;
    unsigned steps;
    int depth, captures;
    struct capture capture[most_captures];
};

CL_RAISES static void step(struct matcher *m, unsigned count) {
    m->steps += count;
    if (m->steps >= steps_between_ticks) {
        unsigned done = m->steps;
        m->steps = 0;
        cl_tick(m->L, done / steps_per_instruction);
    }
}

// MARK: single characters

static int in_class(int c, int class) {
    int is;
    switch (tolower(class)) {
    case 'a': is = isalpha(c); break;
    case 'c': is = iscntrl(c); break;
    case 'd': is = isdigit(c); break;
    case 'g': is = isgraph(c); break;
    case 'l': is = islower(c); break;
    case 'p': is = ispunct(c); break;
    case 's': is = isspace(c); break;
    case 'u': is = isupper(c); break;
    case 'w': is = isalnum(c); break;
    case 'x': is = isxdigit(c); break;
    case 'z': is = c == 0; break;
    default: return class == c;
    }
    return isupper(class) ? !is : is != 0;
}

// `set` stands at the opening bracket, `close` at the one that ends the set.
static int in_set(int c, const char *set, const char *close) {
    const unsigned char *p = (const unsigned char *)set + 1, *end = (const unsigned char *)close;
    int found = 1;
    if (*p == '^') {
        found = 0;
        p++;
    }
    while (p < end) {
        if (*p == '%') {
            if (in_class(c, p[1])) return found;
            p += 2;
        } else if (p[1] == '-' && p + 2 < end) {
            if (p[0] <= c && c <= p[2]) return found;
            p += 3;
        } else {
            if (*p == c) return found;
            p++;
        }
    }
    return !found;
}

// The end of the single-character item that begins at `p`.
CL_RAISES static const char *item_end(struct matcher *m, const char *p) {
    const char *end = m->pattern_end;
    if (*p == '%') {
        if (p + 1 == end) luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    if (*p != '[') return p + 1;
    p++;
    if (p < end && *p == '^') p++;
    for (int first = 1;; first = 0) {
        if (p >= end) luaL_error(m->L, "malformed pattern (missing ']')");
        if (*p == ']' && !first) return p + 1;
        p += *p == '%' ? 2 : 1;
    }
}

static int matches_item(const struct matcher *m, const char *s, const char *p, const char *end) {
    if (s >= m->subject_end) return 0;
    int c = (unsigned char)*s;
    switch (*p) {
    case '.': return 1;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(c, p, end - 1);
    default: return (unsigned char)*p == c;
    }
}

// MARK: sequences

CL_RAISES static const char *match(struct matcher *m, const char *s, const char *p);

CL_RAISES static const char *repeat_most(struct matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t count = 0;
    while (matches_item(m, s + count, p, end)) {
        step(m, 1);
        count++;
    }
    for (; count >= 0; count--) {
        const char *result = match(m, s + count, end + 1);
        if (result != NULL) return result;
    }
    return NULL;
}

CL_RAISES static const char *repeat_least(struct matcher *m, const char *s, const char *p, const char *end) {
    for (;; s++) {
        const char *result = match(m, s, end + 1);
        if (result != NULL) return result;
        if (!matches_item(m, s, p, end)) return NULL;
    }
}

CL_RAISES static const char *open_capture(struct matcher *m, const char *s, const char *p, int kind) {
    if (m->captures >= most_captures) luaL_error(m->L, "too many captures");
    m->capture[m->captures].start = s;
    m->capture[m->captures].length = kind;
    m->captures++;
    const char *result = match(m, s, p);
    if (result == NULL) m->captures--;
    return result;
}

CL_RAISES static const char *close_capture(struct matcher *m, const char *s, const char *p) {
    int index = m->captures - 1;
    while (index >= 0 && m->capture[index].length != capture_open) index--;
    if (index < 0) luaL_error(m->L, "invalid pattern capture");
    m->capture[index].length = s - m->capture[index].start;
    const char *result = match(m, s, p);
    if (result == NULL) m->capture[index].length = capture_open;
    return result;
}

CL_RAISES static const char *match_balanced(struct matcher *m, const char *s, const char *p) {
    if (m->pattern_end - p < 2) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->subject_end || *s != p[0]) return NULL;
    ptrdiff_t level = 1;
    for (s++; s < m->subject_end; s++) {
        step(m, 1);
        if (*s == p[1]) {
            if (--level == 0) return s + 1;
        } else if (*s == p[0]) {
            level++;
        }
    }
    return NULL;
}

CL_RAISES static const char *match_again(struct matcher *m, const char *s, int digit) {
    int index = digit - '1';
    if (index < 0 || index >= m->captures || m->capture[index].length == capture_open) {
        luaL_error(m->L, "invalid capture index %%%d", index + 1);
    }
    ptrdiff_t length = m->capture[index].length;
    if (length < 0 || m->subject_end - s < length) return NULL;
    step(m, length < INT_MAX / 2 ? (unsigned)length / 64 : INT_MAX / 128);
    return memcmp(m->capture[index].start, s, (size_t)length) == 0 ? s + length : NULL;
}

// Whether a %f set begins to match at `s`.
static int at_frontier(const struct matcher *m, const char *s, const char *set, const char *end) {
    int before = s == m->subject ? 0 : (unsigned char)s[-1];
    int after = s < m->subject_end ? (unsigned char)*s : 0;
    return !in_set(before, set, end - 1) && in_set(after, set, end - 1);
}

// The end of a match of the pattern from `p` at `s`, or NULL.
CL_RAISES static const char *match_sequence(struct matcher *m, const char *s, const char *p) {
    while (p != m->pattern_end) {
        step(m, 1);
        int second = p + 1 < m->pattern_end ? (unsigned char)p[1] : -1;
        if (*p == '(') {
            if (second == ')') return open_capture(m, s, p + 2, capture_position);
            return open_capture(m, s, p + 1, capture_open);
        }
        if (*p == ')') return close_capture(m, s, p + 1);
        if (*p == '$' && second < 0) return s == m->subject_end ? s : NULL;
        if (*p == '%' && second == 'b') {
            s = match_balanced(m, s, p + 2);
            if (s == NULL) return NULL;
            p += 4;
            continue;
        }
        if (*p == '%' && second == 'f') {
            p += 2;
            if (p == m->pattern_end || *p != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
            const char *end = item_end(m, p);
            if (!at_frontier(m, s, p, end)) return NULL;
            p = end;
            continue;
        }
        if (*p == '%' && second >= '0' && second <= '9') {
            s = match_again(m, s, second);
            if (s == NULL) return NULL;
            p += 2;
            continue;
        }
        const char *end = item_end(m, p);
        switch (end < m->pattern_end ? *end : 0) {
        case '*': return repeat_most(m, s, p, end);
        case '+': return matches_item(m, s, p, end) ? repeat_most(m, s + 1, p, end) : NULL;
        case '-': return repeat_least(m, s, p, end);
        case '?':
            if (matches_item(m, s, p, end)) {
                const char *result = match(m, s + 1, end + 1);
                if (result != NULL) return result;
            }
            p = end + 1;
            break;
        default:
            if (!matches_item(m, s, p, end)) return NULL;
            s++;
            p = end;
        }
    }
    return s;
}

CL_RAISES static const char *match(struct matcher *m, const char *s, const char *p) {
    if (m->depth >= largest_depth) luaL_error(m->L, "pattern too complex");
    m->depth++;
    const char *result = match_sequence(m, s, p);
    m->depth--;
    return result;
}

static const char *match_from(struct matcher *m, const char *s, const char *p) {
    m->depth = 0;
    m->captures = 0;
    return match(m, s, p);
}

// MARK: captures

CL_RAISES static void push_capture(struct matcher *m, int index, const char *s, const char *end) {
    if (index >= m->captures) {
        if (index != 0) luaL_error(m->L, "invalid capture index %%%d", index + 1);
        lua_pushlstring(m->L, s, (size_t)(end - s));
        return;
    }
    const struct capture *capture = &m->capture[index];
    if (capture->length == capture_open) luaL_error(m->L, "unfinished capture");
    if (capture->length == capture_position) {
        lua_pushinteger(m->L, capture->start - m->subject + 1);
    } else {
        lua_pushlstring(m->L, capture->start, (size_t)capture->length);
    }
}

// Pushes all captures, or the whole match when there are none and `s` is given.
CL_RAISES static int push_captures(struct matcher *m, const char *s, const char *end) {
    int count = m->captures == 0 && s != NULL ? 1 : m->captures;
    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++) push_capture(m, i, s, end);
    return count;
}

static void prepare(
    struct matcher *m, lua_State *L, const char *s, size_t length, const char *p, size_t pattern_length) {
    m->L = L;
    m->subject = s;
    m->subject_end = s + length;
    m->pattern_end = p + pattern_length;
    m->steps = 0;
    m->depth = m->captures = 0;
}

// The offset that an `init` argument means; past the end when it is larger than the length.
static size_t start_offset(lua_Integer init, size_t length) {
    if (init > 0) return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)length) return 0;
    return (size_t)((lua_Integer)length + init);
}

// MARK: library functions

static int has_specials(const char *p, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (p[i] != 0 && strchr("^$*+?.([%-", p[i]) != NULL) return 1;
    }
    return 0;
}

CL_RAISES static int find_or_match(lua_State *L, int find) {
    size_t length, pattern_length;
    const char *s = luaL_checklstring(L, 1, &length), *p = luaL_checklstring(L, 2, &pattern_length);
    size_t offset = start_offset(luaL_optinteger(L, 3, 1), length);
    struct matcher m;
    if (offset > length) {
        luaL_pushfail(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || !has_specials(p, pattern_length))) {
        const char *at = pattern_length == 0 ? s + offset : memmem(s + offset, length - offset, p, pattern_length);
        cl_tick(L, (unsigned)((length - offset) / 4096) + 1);
        if (at == NULL) {
            luaL_pushfail(L);
            return 1;
        }
        lua_pushinteger(L, at - s + 1);
        lua_pushinteger(L, at - s + (lua_Integer)pattern_length);
        return 2;
    }
    int anchored = pattern_length > 0 && *p == '^';
    prepare(&m, L, s, length, p, pattern_length);
    for (const char *at = s + offset;; at++) {
        const char *end = match_from(&m, at, p + anchored);
        if (end != NULL) {
            if (!find) return push_captures(&m, at, end);
            lua_pushinteger(L, at - s + 1);
            lua_pushinteger(L, end - s);
            return push_captures(&m, NULL, NULL) + 2;
        }
        if (anchored || at >= m.subject_end) break;
    }
    luaL_pushfail(L);
    return 1;
}

CL_RAISES static int string_find(lua_State *L) { return find_or_match(L, 1); }
CL_RAISES static int string_match(lua_State *L) { return find_or_match(L, 0); }

// Upvalues: subject, pattern, offset to go on from, end of the last match or -1.
CL_RAISES static int next_match(lua_State *L) {
    size_t length, pattern_length;
    const char *s = lua_tolstring(L, lua_upvalueindex(1), &length);
    const char *p = lua_tolstring(L, lua_upvalueindex(2), &pattern_length);
    size_t offset = (size_t)lua_tointeger(L, lua_upvalueindex(3));
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
    struct matcher m;
    prepare(&m, L, s, length, p, pattern_length);
    for (; offset <= length; offset++) {
        const char *end = match_from(&m, s + offset, p);
        if (end == NULL || end - s == last) continue;
        lua_pushinteger(L, end - s);
        lua_copy(L, -1, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(&m, s + offset, end);
    }
    return 0;
}

CL_RAISES static int string_gmatch(lua_State *L) {
    size_t length;
    luaL_checklstring(L, 1, &length);
    luaL_checkstring(L, 2);
    size_t offset = start_offset(luaL_optinteger(L, 3, 1), length);
    lua_settop(L, 2);
    lua_pushinteger(L, offset > length ? (lua_Integer)length + 1 : (lua_Integer)offset);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

CL_RAISES static void add_template(struct matcher *m, luaL_Buffer *buffer, const char *s, const char *end) {
    lua_State *L = m->L;
    size_t length;
    const char *template = lua_tolstring(L, 3, &length), *stop = template + length, *percent;
    while ((percent = memchr(template, '%', (size_t)(stop - template))) != NULL) {
        luaL_addlstring(buffer, template, (size_t)(percent - template));
        int c = percent + 1 < stop ? (unsigned char)percent[1] : 0;
        if (c == '%') {
            luaL_addchar(buffer, '%');
        } else if (c == '0') {
            luaL_addlstring(buffer, s, (size_t)(end - s));
        } else if (c >= '1' && c <= '9') {
            push_capture(m, c - '1', s, end);
            luaL_tolstring(L, -1, NULL);
            lua_remove(L, -2);
            luaL_addvalue(buffer);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        template = percent + 2;
    }
    luaL_addlstring(buffer, template, (size_t)(stop - template));
}

// Adds what replaces the match from `s` to `end`.
CL_RAISES static int add_replacement(struct matcher *m, luaL_Buffer *buffer, const char *s, const char *end, int type) {
    lua_State *L = m->L;
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, s, end), 1);
    } else if (type == LUA_TTABLE) {
        push_capture(m, 0, s, end);
        lua_gettable(L, 3);
    } else {
        add_template(m, buffer, s, end);
        return 1;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(buffer, s, (size_t)(end - s));
        return 0;
    }
    if (!lua_isstring(L, -1)) return luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(buffer);
    return 1;
}

CL_RAISES static int string_gsub(lua_State *L) {
    size_t length, pattern_length;
    const char *s = luaL_checklstring(L, 1, &length), *p = luaL_checklstring(L, 2, &pattern_length);
    const char *last = NULL;
    int type = lua_type(L, 3), changed = 0;
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)length + 1), count = 0;
    int anchored = pattern_length > 0 && *p == '^';
    struct matcher m;
    luaL_Buffer buffer;
    luaL_argexpected(
        L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
        "string/function/table");
    if (type == LUA_TNUMBER) lua_tolstring(L, 3, NULL);
    luaL_buffinit(L, &buffer);
    prepare(&m, L, s, length, p, pattern_length);
    while (count < most) {
        const char *end = match_from(&m, s, p + anchored);
        if (end != NULL && end != last) {
            count++;
            step(&m, 16);
            changed |= add_replacement(&m, &buffer, s, end, type);
            s = last = end;
        } else if (s < m.subject_end) {
            luaL_addchar(&buffer, *s++);
        } else {
            break;
        }
        if (anchored) break;
    }
    if (!changed) {
        lua_pushvalue(L, 1);
    } else {
        luaL_addlstring(&buffer, s, (size_t)(m.subject_end - s));
        luaL_pushresult(&buffer);
    }
    lua_pushinteger(L, count);
    return 2;
}

// An empty result takes no turns, however often it is asked for; any other is bounded by memory.
CL_RAISES static int string_rep(lua_State *L) {
    size_t length, separator_length;
    const char *s = luaL_checklstring(L, 1, &length);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &separator_length);
    size_t turn = length + separator_length;
    luaL_Buffer buffer;
    if (count <= 0 || turn == 0 || (count == 1 && length == 0)) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (turn < length || (lua_Unsigned)count > (size_t)LUA_MAXINTEGER / 2 / turn) {
        return luaL_error(L, "resulting string too large");
    }
    size_t total = (size_t)count * length + (size_t)(count - 1) * separator_length;
    char *out = luaL_buffinitsize(L, &buffer, total);
    size_t done = length;
    memcpy(out, s, length);
    if (count > 1) {
        memcpy(out + length, separator, separator_length);
        done = turn;
    }
    while (done < total) {
        size_t more = done < total - done ? done : total - done;
        memcpy(out + done, out, more);
        done += more;
    }
    luaL_pushresultsize(&buffer, total);
    return 1;
}

const luaL_Reg cl_pattern_functions[] = {
    {"find", string_find},
    {"gmatch", string_gmatch},
    {"gsub", string_gsub},
    {"match", string_match},
    {"rep", string_rep},
    {NULL, NULL},
};
